using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Backups;

/// <summary>Which backup rows change, under which condition.</summary>
public readonly struct BackupTable(Tx tx)
{
    const string Columns = "id, project_id, user_id, volume_id, snapshot_id, parent_id, size_gb, name, description, status, fail_reason, "
        + "service, container, availability_zone, object_count, index_sha256, encryption_key_id, bootable, image_metadata, metadata, "
        + "data_timestamp, created_at, updated_at, volume_metadata, data_id, prefix";

    static readonly Sql All = Sql.Raw(Columns);
    /// <summary>An increment names its parent as its index does: one that was imported by another id is the parent too, if the first is not there.</summary>
    static readonly Sql AllAndDependents =
        Sql.Raw(Columns + ", case when exists (select 1 from backup child where child.parent_id = backup.id or (child.parent_id = backup.data_id "
            + "and not exists (select 1 from backup original where original.id = backup.data_id and original.service is not null))) then 1 else 0 end");

    public async Task<Backup> Insert(Backup b)
    {
        await tx.Execute($"""
            insert into backup ({All}) values ({b.Id}, {b.ProjectId}, {b.UserId}, {b.VolumeId}, {b.SnapshotId}, {b.ParentId}, {b.SizeGb},
              {b.Name}, {b.Description}, {b.Status}, {b.FailReason}, {b.Service}, {b.Container}, {b.AvailabilityZone}, {b.ObjectCount},
              {b.IndexSha256}, {b.EncryptionKeyId}, {b.Bootable}, {VolumeTable.Json(b.ImageMetadata)}, {VolumeTable.Json(b.Metadata)},
              {b.DataTimestamp}, {b.CreatedAt}, {b.UpdatedAt}, {VolumeTable.Json(b.VolumeMetadata)}, {b.DataId}, {b.Prefix})
            """);
        return b;
    }

    /// <summary>The backup, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<Backup?> Find(string id, bool @lock = false) =>
        tx.One<Backup?>($"select {AllAndDependents} from backup where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<Backup> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("Backup", id).Thrown();

    /// <inheritdoc cref="VolumeTable.Move"/>
    public async Task<Backup> Move(string id, Rule rule)
    {
        var moved = await tx.Execute($"update backup set {rule.Sets(tx)} where id = {id}{rule.AndFrom}");
        var now = await Get(id);
        return moved == 1 ? now : throw rule.Refused(id, now.Status);
    }

    /// <summary>The newest available one of ours of a volume in a project whose content is older than a time; null when there is none.</summary>
    public Task<string?> NewestOf(string volumeId, string projectId, DateTime? before) => tx.One<string?>($"""
        select id from backup where volume_id = {volumeId} and project_id = {projectId} and status = {BackupStatus.Available}
          and prefix is null and data_timestamp < {before ?? DateTime.MaxValue.ToUniversalTime()} order by data_timestamp desc, id desc limit 1
        """, r => r.GetString(0));

    /// <summary>
    /// All that is needed to read a backup, itself as the last: one that Cinder wrote is only what has changed since its parent. One of ours
    /// is whole by itself.
    /// </summary>
    /// <exception cref="FaultException">Invalid: one is missing.</exception>
    public async Task<IReadOnlyList<Backup>> Chain(Backup backup)
    {
        var chain = new List<Backup> { backup };
        while (backup.IsCinders && chain[^1].ParentId is { } id)
        {
            // A record may name any parent: only one that fits is read, and one that leads back to itself never is.
            if (await Find(id) is not { IsCinders: true, Status: not BackupStatus.Deleting, IndexSha256: not null } parent
                || (parent.ProjectId, parent.VolumeId) != (backup.ProjectId, backup.VolumeId))
                throw new Fault.Invalid(
                    $"Invalid backup: {chain[^1].Id} is an increment of backup {id}, which is not there whole. Import its record first.").Thrown();
            if (chain.Exists(b => b.Id == id))
                throw new Fault.Invalid($"Invalid backup: {id} is an increment of itself.").Thrown();
            chain.Add(parent);
        }
        chain.Reverse();
        return chain;
    }

    /// <summary>Sees to it that what one of ours is an increment of is there, and stays until the transaction ends: their objects are its own, too.</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public async Task DemandParent(Backup b)
    {
        if (b.IsCinders || b.ParentId is not { } parent) return;
        var found = await tx.Query($"""
            select id from backup where (id = {parent} or data_id = {parent}) and project_id = {b.ProjectId}
              and prefix is null and status = {BackupStatus.Available} order by id{tx.Dialect.ForUpdate}
            """, r => r.GetString(0));
        if (found.Count == 0)
            throw new Fault.Invalid($"Invalid backup: {b.Id} is an increment of backup {parent}, which is not there. Import its record first.").Thrown();
    }

    /// <summary>Whether another one has the same objects; they stay as they are until the transaction ends.</summary>
    public async Task<bool> SharesData(Backup b) => (await tx.Query($"""
        select id from backup where coalesce(data_id, id) = {b.DataId ?? b.Id} and container = {b.Container} and service is not null
          and prefix is null and id <> {b.Id} order by id{tx.Dialect.ForUpdate}
        """, r => r.GetString(0))).Count > 0;

    /// <summary>Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so.</summary>
    public Task Settle(string id, string from, string to) => tx.Settle("backup", "Backup", id, from, to);

    /// <summary>Notes what keeps it from now on.</summary>
    public Task SetPlace(string id, string service, string container, string zone) => tx.Execute($"""
        update backup set service = {service}, container = {container}, availability_zone = {zone}, updated_at = {tx.Now} where id = {id}
        """);

    /// <summary>Notes why there is none, and that nothing of it is kept.</summary>
    public Task SetFailed(string id, string why) => tx.Execute($"""
        update backup set fail_reason = {why}, service = null, object_count = 0, index_sha256 = null where id = {id}
        """);

    public Task SetFailReason(string id, string? why) => tx.Execute($"update backup set fail_reason = {why} where id = {id}");

    /// <summary>Notes how many objects it has by now.</summary>
    public Task SetObjectCount(string id, int count) =>
        tx.Execute($"update backup set object_count = {count}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Notes that it is whole.</summary>
    public Task SetIndex(string id, int objectCount, string sha256) =>
        tx.Execute($"update backup set object_count = {objectCount}, index_sha256 = {sha256} where id = {id}");

    /// <summary>Notes what was found of one that Cinder wrote.</summary>
    public Task SetFound(string id, FoundBackup found) => tx.Execute($"""
        update backup set object_count = {found.Objects}, index_sha256 = {found.Sha256}, bootable = {found.Bootable},
          image_metadata = {VolumeTable.Json(found.ImageMetadata)}, volume_metadata = {VolumeTable.Json(found.VolumeMetadata)} where id = {id}
        """);

    /// <summary>An admin's override.</summary>
    public Task Reset(string id, string status) =>
        tx.Execute($"update backup set status = {status}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Rewrites name, description and metadata.</summary>
    public Task SetWords(Backup b) => tx.Execute($"""
        update backup set name = {b.Name}, description = {b.Description}, metadata = {VolumeTable.Json(b.Metadata)}, updated_at = {tx.Now}
        where id = {b.Id}
        """);

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no backup.</exception>
    public async Task<Listed<Backup>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "backup", query, id => new Fault.NotFound("Backup", id).Thrown());
        return await ListSql.Listed(tx, AllAndDependents, "backup", query, Read);
    }

    public Task Remove(string id) => tx.Execute($"delete from backup where id = {id}");

    static Backup Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        UserId = r.GetString(2),
        VolumeId = r.GetString(3),
        SnapshotId = r.Text(4),
        ParentId = r.Text(5),
        SizeGb = r.GetInt32(6),
        Name = r.Text(7),
        Description = r.Text(8),
        Status = r.GetString(9),
        FailReason = r.Text(10),
        Service = r.Text(11),
        Container = r.Text(12),
        AvailabilityZone = r.Text(13),
        ObjectCount = r.GetInt32(14),
        IndexSha256 = r.Text(15),
        EncryptionKeyId = r.Text(16),
        Bootable = r.GetBoolean(17),
        ImageMetadata = VolumeTable.Words(r.GetString(18)),
        Metadata = VolumeTable.Words(r.GetString(19)),
        DataTimestamp = r.Time(20),
        CreatedAt = r.Time(21),
        UpdatedAt = r.TimeOrNull(22),
        VolumeMetadata = VolumeTable.Words(r.GetString(23)),
        DataId = r.Text(24),
        Prefix = r.Text(25),
        HasDependents = r.GetInt32(26) != 0,
    };
}
