using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Groups;

/// <summary>A group type: a name for what a group of volumes is to be able to do.</summary>
public sealed record GroupType
{
    /// <summary>The type of consistency groups, the older form of groups (cinder/volume/group_types.py, DEFAULT_CGSNAPSHOT_TYPE).</summary>
    public const string OfConsistencyGroups = "default_cgsnapshot_type";

    public required string Id { get; init; }
    public required string Name { get; init; }
    public string? Description { get; init; }
    public bool IsPublic { get; init; } = true;
    public IReadOnlyDictionary<string, string> Specs { get; init; } = Volume.EmptyMetadata;
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>Whether snapshots of its groups are to be of one moment.</summary>
    public bool IsConsistent => Says("consistent_group_snapshot_enabled");

    /// <summary>Whether its groups are to be copied to another backend all the time (cinder/objects/group.py, is_replicated).</summary>
    public bool IsReplicated => Says("group_replication_enabled") || Says("consistent_group_replication_enabled");

    bool Says(string spec) => Specs.GetValueOrDefault(spec) == "<is> True";
}

/// <summary>Which group type rows change, under which condition.</summary>
public readonly struct GroupTypeTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, name, description, is_public, specs, created_at, updated_at");

    /// <exception cref="FaultException">Conflict: the name is taken.</exception>
    public async Task<GroupType> Insert(GroupType t) => 1 == await Put(t) ? t : throw Taken(t.Name).Thrown();

    /// <summary>Makes the reserved type of consistency groups if it is not there.</summary>
    public Task EnsureReserved(string id) => Put(new()
    {
        Id = id,
        Name = GroupType.OfConsistencyGroups,
        Description = "Default group type for migrating cgsnapshot",
        Specs = new Dictionary<string, string> { ["consistent_group_snapshot_enabled"] = "<is> True" },
        CreatedAt = tx.Now,
    });

    public Task<GroupType?> Find(string id, bool @lock = false) =>
        tx.One<GroupType?>($"select {All} from group_type where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    public Task<GroupType?> FindByName(string name) => tx.One<GroupType?>($"select {All} from group_type where name = {name}", Read);

    /// <summary>All of them, newest first.</summary>
    public Task<List<GroupType>> List() => tx.Query($"select {All} from group_type order by created_at desc, id desc", Read);

    /// <exception cref="FaultException">Conflict: the name is taken by another type.</exception>
    public async Task Update(GroupType t)
    {
        if (0 < await tx.Number($"select count(*) from group_type where name = {t.Name} and id <> {t.Id}")) throw Taken(t.Name).Thrown();
        try
        {
            await tx.Execute($"""
                update group_type set name = {t.Name}, description = {t.Description}, is_public = {t.IsPublic},
                  specs = {VolumeTable.Json(t.Specs)}, updated_at = {tx.Now} where id = {t.Id}
                """);
        }
        catch (DbException e) when (e.SqlState == "23505") // unique_violation: another host was quicker
        {
            throw Taken(t.Name).Thrown(e);
        }
    }

    public Task Remove(string id) => tx.Execute($"delete from group_type where id = {id}");

    public async Task<bool> InUse(string id) =>
        0 < await tx.Number($"select count(*) from (select 1 from volume_group where group_type_id = {id} limit 1) g");

    Task<int> Put(GroupType t) => tx.Execute($"""
        insert into group_type ({All}) values ({t.Id}, {t.Name}, {t.Description}, {t.IsPublic}, {VolumeTable.Json(t.Specs)},
          {t.CreatedAt}, {t.UpdatedAt}) on conflict do nothing
        """);

    static Fault.Conflict Taken(string name) => new($"Group Type {name} already exists.");

    static GroupType Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        Name = r.GetString(1),
        Description = r.Text(2),
        IsPublic = r.GetBoolean(3),
        Specs = VolumeTable.Words(r.GetString(4)),
        CreatedAt = r.Time(5),
        UpdatedAt = r.TimeOrNull(6),
    };
}
