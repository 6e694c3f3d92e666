using System.Data.Common;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Groups;

/// <summary>Which group rows change, under which condition.</summary>
public readonly struct GroupTable(Tx tx)
{
    /// <summary>The name of a group's type: a column for lists.</summary>
    public const string TypeName = "(select t.name from group_type t where t.id = volume_group.group_type_id)";

    const string Columns = "id, project_id, user_id, name, description, status, group_type_id, volume_types, "
        + "availability_zone, group_snapshot_id, source_group_id, replication_status, created_at, updated_at";

    static readonly Sql All = Sql.Raw(Columns);
    static readonly Sql AllAndType = Sql.Raw(Columns + ", " + TypeName);

    public async Task<Group> Insert(Group g)
    {
        var types = JsonSerializer.Serialize(g.VolumeTypes, CoreJson.Default.IReadOnlyListString);
        await tx.Execute($"""
            insert into volume_group ({All}) values ({g.Id}, {g.ProjectId}, {g.UserId}, {g.Name}, {g.Description}, {g.Status},
              {g.GroupTypeId}, {types}, {g.AvailabilityZone}, {g.GroupSnapshotId}, {g.SourceGroupId}, {g.ReplicationStatus},
              {g.CreatedAt}, {g.UpdatedAt})
            """);
        return g;
    }

    /// <summary>The group, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<Group?> Find(string id, bool @lock = false) =>
        tx.One<Group?>($"select {AllAndType} from volume_group where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<Group> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("Group", id).Thrown();

    /// <inheritdoc cref="Volumes.VolumeTable.Move"/>
    public async Task<Group> Move(string id, Rule rule)
    {
        var moved = await tx.Execute($"update volume_group set {rule.Sets(tx)} where id = {id}{rule.AndFrom}");
        var now = await Get(id);
        return moved == 1 ? now : throw rule.Refused(id, now.Status);
    }

    /// <summary>Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so.</summary>
    public Task Settle(string id, string from, string to) => tx.Settle("volume_group", "Group", id, from, to);

    /// <summary>Where its volumes lie (<c>host@backend</c>), null where none lies anywhere yet. Nobody else may place one of them meanwhile.</summary>
    public async Task<string?> BackendOf(string id)
    {
        await Get(id, @lock: true);
        var host = await tx.One<string?>(
            $"select host from volume where group_id = {id} and host is not null order by id limit 1", r => r.GetString(0));
        return host is null ? null : PoolName.Parse(host).Queue;
    }

    /// <summary>The ids of the volumes of groups, by group, the oldest first.</summary>
    public async Task<ILookup<string, string>> Members(IReadOnlyCollection<string> ids) => (await tx.Query(
        $"select group_id, id from volume where group_id in ({Sql.List(ids.Append(""))}) order by created_at, id",
        r => (Group: r.GetString(0), Volume: r.GetString(1)))).ToLookup(m => m.Group, m => m.Volume);

    /// <summary>Those of some groups that are of the older form.</summary>
    public async Task<HashSet<string>> ConsistencyGroups(IReadOnlyCollection<string> ids) => ids.Count == 0 ? [] : [.. await tx.Query($"""
        select volume_group.id from volume_group join group_type t on t.id = volume_group.group_type_id
        where t.name = {GroupType.OfConsistencyGroups} and volume_group.id in ({Sql.List(ids)})
        """, r => r.GetString(0))];

    /// <summary>Rewrites name and description.</summary>
    public Task SetWords(string id, string? name, string? description) => tx.Execute(
        $"update volume_group set name = {name}, description = {description}, updated_at = {tx.Now} where id = {id}");

    /// <summary>An admin's override.</summary>
    public Task Reset(string id, string status) =>
        tx.Execute($"update volume_group set status = {status}, updated_at = {tx.Now} where id = {id}");

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no group.</exception>
    public async Task<List<Group>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "volume_group", query, id => new Fault.NotFound("Group", id).Thrown());
        return await tx.Query($"select {AllAndType} from volume_group{ListSql.Page(query, "volume_group", tx.Dialect)}", Read);
    }

    public Task Remove(string id) => tx.Execute($"delete from volume_group where id = {id}");

    static Group Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        UserId = r.GetString(2),
        Name = r.Text(3),
        Description = r.Text(4),
        Status = r.GetString(5),
        GroupTypeId = r.GetString(6),
        VolumeTypes = JsonSerializer.Deserialize(r.GetString(7), CoreJson.Default.IReadOnlyListString)!,
        AvailabilityZone = r.Text(8),
        GroupSnapshotId = r.Text(9),
        SourceGroupId = r.Text(10),
        ReplicationStatus = r.Text(11),
        CreatedAt = r.Time(12),
        UpdatedAt = r.TimeOrNull(13),
        TypeName = r.Text(14),
    };
}
