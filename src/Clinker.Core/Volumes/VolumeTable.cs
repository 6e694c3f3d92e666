using System.Data.Common;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>Which volume rows change, under which condition.</summary>
public readonly struct VolumeTable(Tx tx)
{
    internal const string Columns = "id, project_id, user_id, name, description, size_gb, status, attach_status, migration_status, "
        + "volume_type_id, availability_zone, host, provider_location, format, bootable, multiattach, metadata, consumes_quota, "
        + "created_at, updated_at, snapshot_id, source_volume_id, group_id, previous_status, replication_status, encryption_key_id, "
        + "name_id, image_metadata, admin_metadata";

    static readonly Sql All = Sql.Raw(Columns);

    public async Task<Volume> Insert(Volume v)
    {
        await tx.Execute($"""
            insert into volume ({All}) values ({v.Id}, {v.ProjectId}, {v.UserId}, {v.Name}, {v.Description}, {v.SizeGb}, {v.Status},
              {v.AttachStatus}, {v.MigrationStatus}, {v.VolumeTypeId}, {v.AvailabilityZone}, {v.Host}, {v.ProviderLocation}, {v.Format},
              {v.Bootable}, {v.Multiattach}, {Json(v.Metadata)}, {v.ConsumesQuota}, {v.CreatedAt}, {v.UpdatedAt}, {v.SnapshotId},
              {v.SourceVolumeId}, {v.GroupId}, {v.PreviousStatus}, {v.ReplicationStatus}, {v.EncryptionKeyId}, {v.NameId},
              {Json(v.ImageMetadata)}, {Json(v.AdminMetadata)})
            """);
        return v;
    }

    /// <summary>The volume, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<Volume?> Find(string id, bool @lock = false) =>
        tx.One<Volume?>($"select {All} from volume where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<Volume> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("Volume", id).Thrown();

    /// <summary>
    /// Starts a transition: one conditional update, so that of two requests one is refused. A rule without a status of its own
    /// only looks, and keeps the row as it is until the transaction ends.
    /// </summary>
    /// <exception cref="FaultException">NotFound, or Invalid or Conflict with the rule's words.</exception>
    public async Task<Volume> Move(string id, Rule rule)
    {
        if (rule.Needs.HasFlag(Needs.Thawed)) await tx.Services.DemandThawed(id);
        Sql before = rule.Remembers ? Sql.Raw("previous_status = status, ") : Sql.Nothing;
        var moved = await tx.One<Volume?>($"""
            update volume set {before}{rule.Sets(tx)} where id = {id}{rule.AndFrom}{Met(rule.Needs)} returning {All}
            """, Read);
        if (moved is not null) return moved;
        throw rule.Refused(id, (await Get(id)).Status);
    }

    /// <summary>All that lie in a pool.</summary>
    public Task<List<Volume>> In(string pool) => tx.Query($"select {All} from volume where host = {pool}", Read);

    /// <summary>All of a group, the oldest first.</summary>
    public Task<List<Volume>> OfGroup(string groupId) =>
        tx.Query($"select {All} from volume where group_id = {groupId} order by created_at, id", Read);

    /// <summary>Takes it into a group, or (null) out of it.</summary>
    public Task SetGroup(string id, string? groupId) =>
        tx.Execute($"update volume set group_id = {groupId}, updated_at = {tx.Now} where id = {id}");

    static Sql Met(Needs needs)
    {
        var text = "";
        // Cinder looks for the first only; what is connected has something exported that the backend would never be told to take back.
        if (needs.HasFlag(Needs.Detached))
            text += " and attach_status <> 'attached' and not exists (select 1 from attachment a where a.volume_id = volume.id "
                + "and a.connection_info is not null)";
        if (needs.HasFlag(Needs.Settled)) text += " and (migration_status is null or migration_status in ('deleting', 'error', 'success'))";
        if (needs.HasFlag(Needs.Ungrouped)) text += " and group_id is null";
        if (needs.HasFlag(Needs.WithoutSnapshots)) text += " and not exists (select 1 from snapshot s where s.volume_id = volume.id)";
        if (needs.HasFlag(Needs.Unreplicated)) text += " and (replication_status is null or replication_status in ('disabled', 'not-capable'))";
        return Sql.Raw(text);
    }

    /// <summary>The volume's status by its attachments, of which the first by the alphabet counts (Cinder: _get_statuses_from_attachments).</summary>
    static readonly Sql StatusInUse = Sql.Raw("coalesce((select case min(a.status) when 'attached' then 'in-use' else min(a.status) end "
        + "from attachment a where a.volume_id = volume.id), 'available')");

    static readonly Sql AttachStatusInUse =
        Sql.Raw("coalesce((select min(a.status) from attachment a where a.volume_id = volume.id), 'detached')");

    static readonly Sql ByUse = Sql.List([VolumeStatus.Available, VolumeStatus.Reserved, VolumeStatus.Attaching, VolumeStatus.InUse, VolumeStatus.Detaching]);

    /// <summary>
    /// Sets the volume's statuses to what its attachments say. One that says something else (extending, error) stays; what puts it
    /// back looks at the attachments then. The row is to be locked before the attachments are changed.
    /// </summary>
    public Task FollowAttachments(string id) => tx.Execute($"""
        update volume set attach_status = {AttachStatusInUse}, updated_at = {tx.Now},
          status = case when status in ({ByUse}) then {StatusInUse} else status end where id = {id}
        """);

    /// <summary>Before a statement that looks at attachments: what it sees of them is then not older than the row.</summary>
    Task Lock(string id) =>
        tx.Dialect.IsPostgres ? tx.Number($"select 1 from volume where id = {id}{tx.Dialect.ForUpdate}") : Task.CompletedTask;

    /// <summary>
    /// Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so. What becomes available is in use
    /// if it was attached meanwhile.
    /// </summary>
    public async Task Settle(string id, string from, string to)
    {
        var followed = to == VolumeStatus.Available && from != VolumeStatus.Creating;
        if (followed) await Lock(id);
        Sql then = followed ? StatusInUse : $"{to}";
        var changed = await tx.Execute(
            $"update volume set status = {then}, updated_at = {tx.Now} where id = {id} and status = {from}");
        if (changed != 1) throw new InvalidOperationException($"Volume {id} was not {from} when it should have become {to}.");
    }

    /// <summary>Ends a transition by going back to the status before it.</summary>
    public async Task PutBack(string id, string from)
    {
        await Lock(id); // it may have been attached or detached meanwhile
        var changed = await tx.Execute($"""
            update volume set previous_status = null, updated_at = {tx.Now},
              status = case when coalesce(previous_status, 'available') in ({ByUse}) then {StatusInUse} else previous_status end
            where id = {id} and status = {from}
            """);
        if (changed != 1) throw new InvalidOperationException($"Volume {id} was not {from} when it should have gone back.");
    }

    /// <summary>It has grown to this size.</summary>
    public Task SetSize(string id, int sizeGb) =>
        tx.Execute($"update volume set size_gb = {sizeGb}, growing_to_gb = null where id = {id}");

    /// <summary>What its size is said to be, while it grows.</summary>
    public Task SaySize(string id, int sizeGb) => tx.Execute($"update volume set size_gb = {sizeGb} where id = {id}");

    /// <summary>The size that it is to grow to and whose quota it has; null for that which it has.</summary>
    public Task SetGrowing(string id, int? toGb) =>
        tx.Execute($"update volume set growing_to_gb = {(toGb is { } gb ? Sql.Of($"{gb}") : Sql.Raw("null"))} where id = {id}");

    public Task SetBootable(string id, bool bootable) =>
        tx.Execute($"update volume set bootable = {bootable}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Rewrites what the image service said of its image.</summary>
    public Task SetImageMetadata(string id, IReadOnlyDictionary<string, string> words) =>
        tx.Execute($"update volume set image_metadata = {Json(words)}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Rewrites what the service itself notes in its metadata.</summary>
    public Task SetAdminMetadata(string id, IReadOnlyDictionary<string, string> words) =>
        tx.Execute($"update volume set admin_metadata = {Json(words)}, updated_at = {tx.Now} where id = {id}");

    /// <summary>Whether a volume's files have this id in their names, or those that it has left or is to be.</summary>
    public async Task<bool> Owns(string fileId) => 0 < await tx.Number($"""
        select count(*) from (select id from volume where id = {fileId} or name_id = {fileId}
          union all select volume_id from reservation where volume_id = {fileId}) v
        """);

    /// <summary>All volumes by the id in the names of their files: their own id and size in GiB.</summary>
    public async Task<Dictionary<string, (string Id, int SizeGb)>> ByFile() => (await tx.Query(
        $"select coalesce(name_id, id), id, size_gb from volume", r => (r.GetString(0), (r.GetString(1), r.GetInt32(2))))).ToDictionary();

    /// <summary>Notes where it lies, or (null) that it lies nowhere.</summary>
    public Task SetHost(string id, string? host) => tx.Execute($"update volume set host = {host} where id = {id}");

    public Task SetOnDisk(string id, Drivers.VolumeOnDisk disk) => tx.Execute($"""
        update volume set provider_location = {disk.ProviderLocation}, format = {disk.Format} where id = {id}
        """);

    /// <summary>Notes which id is in the names of its files; null: its own.</summary>
    public Task SetNameId(string id, string? fileId) => tx.Execute($"update volume set name_id = {fileId} where id = {id}");

    /// <summary>How far its migration is.</summary>
    public Task SetMigrationStatus(string id, string status) =>
        tx.Execute($"update volume set migration_status = {status}, updated_at = {tx.Now} where id = {id}");

    /// <summary>It is another file from now on.</summary>
    public Task SetFile(string id, string host, string fileId, Drivers.VolumeOnDisk disk) => tx.Execute($"""
        update volume set host = {host}, name_id = {fileId}, provider_location = {disk.ProviderLocation}, format = {disk.Format},
          migration_status = {MigrationStatus.Success}, updated_at = {tx.Now} where id = {id}
        """);

    /// <summary>The volume whose files bear this id; null when there is none.</summary>
    public Task<Volume?> OfFile(string fileId) =>
        tx.One<Volume?>($"select {All} from volume where name_id = {fileId} or (id = {fileId} and name_id is null)", Read);

    /// <summary>The type that it is being given, whose quota it has too; null: none.</summary>
    public Task SetRetyping(string id, string? typeId) => tx.Execute($"update volume set retyping_to = {typeId} where id = {id}");

    /// <summary>It is of another type from now on, and its project's snapshots with it: those that a former owner has kept stay as they are.</summary>
    public async Task SetType(string id, string typeId, bool multiattach)
    {
        await tx.Execute($"update volume set volume_type_id = {typeId}, multiattach = {multiattach}, retyping_to = null where id = {id}");
        await tx.Execute($"""
            update snapshot set volume_type_id = {typeId}
            where volume_id = {id} and project_id = (select v.project_id from volume v where v.id = {id})
            """);
    }

    /// <summary>Rewrites name, description and metadata.</summary>
    public Task SetWords(Volume v) => tx.Execute($"""
        update volume set name = {v.Name}, description = {v.Description}, metadata = {Json(v.Metadata)}, updated_at = {tx.Now}
        where id = {v.Id}
        """);

    /// <summary>An admin's overrides; null leaves as it is.</summary>
    public Task Reset(string id, string? status, string? attachStatus, string? migrationStatus) => tx.Execute($"""
        update volume set status = coalesce({status}, status), attach_status = coalesce({attachStatus}, attach_status),
          migration_status = case when {migrationStatus} = 'none' then null else coalesce({migrationStatus}, migration_status) end,
          updated_at = {tx.Now}
        where id = {id}
        """);

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no volume.</exception>
    public async Task<Listed<Volume>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "volume", query, id => new Fault.NotFound("Volume", id).Thrown());
        return await ListSql.Listed(tx, All, "volume", query, Read);
    }

    /// <summary>How many there are, and the sum of their sizes in GiB.</summary>
    public async Task<(long Count, long SizeGb)> Summary(string? projectId)
    {
        var of = projectId is null ? Sql.Nothing : Sql.Of($" where project_id = {projectId}");
        return await tx.One($"select count(*), coalesce(sum(size_gb), 0) from volume{of}", r => (r.GetInt64(0), r.GetInt64(1)));
    }

    /// <summary>The metadata of all volumes of a project (or of every project) that have some.</summary>
    public Task<List<IReadOnlyDictionary<string, string>>> AllMetadata(string? projectId)
    {
        var of = projectId is null ? Sql.Nothing : Sql.Of($" and project_id = {projectId}");
        return tx.Query($"select metadata from volume where metadata <> {"{}"}{of}", r => Words(r.GetString(0)));
    }

    public Task Remove(string id) => tx.Execute($"delete from volume where id = {id}");

    internal static string Json(IReadOnlyDictionary<string, string> words) =>
        words.Count == 0 ? "{}" : JsonSerializer.Serialize(words, CoreJson.Default.IReadOnlyDictionaryStringString);

    internal static Volume Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        UserId = r.GetString(2),
        Name = r.Text(3),
        Description = r.Text(4),
        SizeGb = r.GetInt32(5),
        Status = r.GetString(6),
        AttachStatus = r.GetString(7),
        MigrationStatus = r.Text(8),
        VolumeTypeId = r.Text(9),
        AvailabilityZone = r.GetString(10),
        Host = r.Text(11),
        ProviderLocation = r.Text(12),
        Format = r.Text(13),
        Bootable = r.GetBoolean(14),
        Multiattach = r.GetBoolean(15),
        Metadata = Words(r.GetString(16)),
        ConsumesQuota = r.GetBoolean(17),
        CreatedAt = r.Time(18),
        UpdatedAt = r.TimeOrNull(19),
        SnapshotId = r.Text(20),
        SourceVolumeId = r.Text(21),
        GroupId = r.Text(22),
        PreviousStatus = r.Text(23),
        ReplicationStatus = r.Text(24),
        EncryptionKeyId = r.Text(25),
        NameId = r.Text(26),
        ImageMetadata = Words(r.GetString(27)),
        AdminMetadata = Words(r.GetString(28)),
    };

    internal static IReadOnlyDictionary<string, string> Words(string json) =>
        json == "{}" ? Volume.EmptyMetadata : JsonSerializer.Deserialize(json, CoreJson.Default.DictionaryStringString)!;
}
