using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Groups;

/// <summary>Which rows of group snapshots change, under which condition.</summary>
public readonly struct GroupSnapshotTable(Tx tx)
{
    /// <inheritdoc cref="GroupTable.TypeName"/>
    public const string TypeName = "(select t.name from group_type t where t.id = group_snapshot.group_type_id)";

    const string Columns = "id, project_id, user_id, group_id, group_type_id, name, description, status, created_at, updated_at";

    static readonly Sql All = Sql.Raw(Columns);
    static readonly Sql AllAndType = Sql.Raw(Columns + ", " + TypeName);

    public async Task<GroupSnapshot> Insert(GroupSnapshot s)
    {
        await tx.Execute($"""
            insert into group_snapshot ({All}) values ({s.Id}, {s.ProjectId}, {s.UserId}, {s.GroupId}, {s.GroupTypeId}, {s.Name},
              {s.Description}, {s.Status}, {s.CreatedAt}, {s.UpdatedAt})
            """);
        return s;
    }

    /// <summary>The group snapshot, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<GroupSnapshot?> Find(string id, bool @lock = false) => tx.One<GroupSnapshot?>(
        $"select {AllAndType} from group_snapshot where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<GroupSnapshot> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("GroupSnapshot", id).Thrown();

    /// <summary>Whether there are any of a group.</summary>
    public async Task<bool> AnyOf(string groupId) => 0 < await tx.Number($"select count(*) from group_snapshot where group_id = {groupId}");

    /// <inheritdoc cref="Volumes.VolumeTable.Move"/>
    public async Task<GroupSnapshot> Move(string id, Rule rule)
    {
        var moved = await tx.Execute($"update group_snapshot set {rule.Sets(tx)} where id = {id}{rule.AndFrom}");
        var now = await Get(id);
        return moved == 1 ? now : throw rule.Refused(id, now.Status);
    }

    /// <summary>Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so.</summary>
    public Task Settle(string id, string from, string to) => tx.Settle("group_snapshot", "Group snapshot", id, from, to);

    /// <summary>An admin's override.</summary>
    public Task Reset(string id, string status) =>
        tx.Execute($"update group_snapshot set status = {status}, updated_at = {tx.Now} where id = {id}");

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no group snapshot.</exception>
    public async Task<List<GroupSnapshot>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "group_snapshot", query, id => new Fault.NotFound("GroupSnapshot", id).Thrown());
        return await tx.Query($"select {AllAndType} from group_snapshot{ListSql.Page(query, "group_snapshot", tx.Dialect)}", Read);
    }

    public Task Remove(string id) => tx.Execute($"delete from group_snapshot where id = {id}");

    static GroupSnapshot Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        UserId = r.GetString(2),
        GroupId = r.GetString(3),
        GroupTypeId = r.GetString(4),
        Name = r.Text(5),
        Description = r.Text(6),
        Status = r.GetString(7),
        CreatedAt = r.Time(8),
        UpdatedAt = r.TimeOrNull(9),
        TypeName = r.Text(10),
    };
}
