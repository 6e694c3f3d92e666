using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>Which snapshot rows change, under which condition.</summary>
public readonly struct SnapshotTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, project_id, user_id, volume_id, size_gb, name, description, status, progress, volume_type_id, "
        + "group_snapshot_id, encryption_key_id, provider_location, metadata, image_metadata, consumes_quota, created_at, updated_at");

    public async Task<Snapshot> Insert(Snapshot s)
    {
        await tx.Execute($"""
            insert into snapshot ({All}) values ({s.Id}, {s.ProjectId}, {s.UserId}, {s.VolumeId}, {s.SizeGb}, {s.Name}, {s.Description},
              {s.Status}, {s.Progress}, {s.VolumeTypeId}, {s.GroupSnapshotId}, {s.EncryptionKeyId}, {s.ProviderLocation},
              {VolumeTable.Json(s.Metadata)}, {VolumeTable.Json(s.ImageMetadata)}, {s.ConsumesQuota}, {s.CreatedAt}, {s.UpdatedAt})
            """);
        return s;
    }

    /// <summary>The snapshot, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<Snapshot?> Find(string id, bool @lock = false) =>
        tx.One<Snapshot?>($"select {All} from snapshot where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<Snapshot> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("Snapshot", id).Thrown();

    /// <summary>All of a volume, the newest first.</summary>
    public Task<List<Snapshot>> Of(string volumeId) =>
        tx.Query($"select {All} from snapshot where volume_id = {volumeId} order by created_at desc, id desc", Read);

    /// <summary>All of the volumes that lie in a pool.</summary>
    public Task<List<Snapshot>> In(string pool) =>
        tx.Query($"select {All} from snapshot where volume_id in (select id from volume where host = {pool})", Read);

    /// <summary>All of a group snapshot, in the order of their ids.</summary>
    public Task<List<Snapshot>> OfGroupSnapshot(string id) =>
        tx.Query($"select {All} from snapshot where group_snapshot_id = {id} order by id", Read);

    /// <inheritdoc cref="VolumeTable.Move"/>
    public async Task<Snapshot> Move(string id, Rule rule)
    {
        if (rule.Needs.HasFlag(Needs.Thawed) && await Find(id) is { } now) await tx.Services.DemandThawed(now.VolumeId);
        Sql alone = rule.Needs.HasFlag(Needs.Ungrouped) ? Sql.Raw(" and group_snapshot_id is null") : Sql.Nothing;
        var moved = await tx.One<Snapshot?>(
            $"update snapshot set {rule.Sets(tx)} where id = {id}{rule.AndFrom}{alone} returning {All}", Read);
        if (moved is not null) return moved;
        throw rule.Refused(id, (await Get(id)).Status);
    }

    /// <summary>Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so.</summary>
    public Task Settle(string id, string from, string to) => tx.Settle("snapshot", "Snapshot", id, from, to);

    /// <summary>Notes how far it is, and where it lies; null leaves as it is.</summary>
    public Task SetProgress(string id, string? progress, string? providerLocation = null) => tx.Execute($"""
        update snapshot set progress = coalesce({progress}, progress), provider_location = coalesce({providerLocation}, provider_location)
        where id = {id}
        """);

    /// <summary>It is of this size.</summary>
    public Task SetSize(string id, int sizeGb) => tx.Execute($"update snapshot set size_gb = {sizeGb} where id = {id}");

    /// <summary>All snapshots by their ids: size in GiB, and the id in the names of their volume's files.</summary>
    public async Task<Dictionary<string, (int SizeGb, string VolumeFile)>> ByFile() => (await tx.Query(
        $"select s.id, s.size_gb, coalesce(v.name_id, v.id) from snapshot s join volume v on v.id = s.volume_id",
        r => (r.GetString(0), (r.GetInt32(1), r.GetString(2))))).ToDictionary();

    /// <summary>An admin's override.</summary>
    public Task Reset(string id, string status) =>
        tx.Execute($"update snapshot set status = {status}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Rewrites name, description and metadata.</summary>
    public Task SetWords(Snapshot s) => tx.Execute($"""
        update snapshot set name = {s.Name}, description = {s.Description}, metadata = {VolumeTable.Json(s.Metadata)}, updated_at = {tx.Now}
        where id = {s.Id}
        """);

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no snapshot.</exception>
    public async Task<Listed<Snapshot>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "snapshot", query, id => new Fault.NotFound("Snapshot", id).Thrown());
        return await ListSql.Listed(tx, All, "snapshot", query, Read);
    }

    public Task Remove(string id) => tx.Execute($"delete from snapshot where id = {id}");

    static Snapshot Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        UserId = r.GetString(2),
        VolumeId = r.GetString(3),
        SizeGb = r.GetInt32(4),
        Name = r.Text(5),
        Description = r.Text(6),
        Status = r.GetString(7),
        Progress = r.Text(8),
        VolumeTypeId = r.Text(9),
        GroupSnapshotId = r.Text(10),
        EncryptionKeyId = r.Text(11),
        ProviderLocation = r.Text(12),
        Metadata = VolumeTable.Words(r.GetString(13)),
        ImageMetadata = VolumeTable.Words(r.GetString(14)),
        ConsumesQuota = r.GetBoolean(15),
        CreatedAt = r.Time(16),
        UpdatedAt = r.TimeOrNull(17),
    };
}
