using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Backups;

/// <summary>
/// A backup's row as it leaves the database, to be taken in by another one: the members of Cinder's record
/// (cinder/objects/backup.py, encode_record) that mean something here. Whoever brings one may have written anything into it.
/// </summary>
public sealed record BackupRecord
{
    public string? Id { get; init; }
    public string? VolumeId { get; init; }
    public string? SnapshotId { get; init; }
    public string? ParentId { get; init; }
    public int? Size { get; init; }
    public string? DisplayName { get; init; }
    public string? DisplayDescription { get; init; }
    public string? Status { get; init; }
    public string? Service { get; init; }
    /// <summary>
    /// Where its objects are: <c>backup id/SHA-256 of the index</c>. A backup that is taken in under another id has them there. Of one that
    /// Cinder wrote: how their names begin.
    /// </summary>
    public string? ServiceMetadata { get; init; }
    public string? Container { get; init; }
    public int? ObjectCount { get; init; }
    public string? EncryptionKeyId { get; init; }
    public bool? Bootable { get; init; }
    public IReadOnlyDictionary<string, string>? ImageMetadata { get; init; }
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
    public IReadOnlyDictionary<string, string>? VolumeMetadata { get; init; }
    public DateTime? DataTimestamp { get; init; }
    public DateTime? CreatedAt { get; init; }

    /// <summary>The record as text: base64 of a JSON object. On the wire: backup_url.</summary>
    public static string Of(Backup b) => Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(new BackupRecord
    {
        Id = b.Id,
        VolumeId = b.VolumeId,
        SnapshotId = b.SnapshotId,
        ParentId = b.ParentId,
        Size = b.SizeGb,
        DisplayName = b.Name,
        DisplayDescription = b.Description,
        Status = b.Status,
        Service = b.Service,
        ServiceMetadata = b.Prefix ?? $"{b.Place.BackupId}/{b.IndexSha256}",
        Container = b.Container,
        ObjectCount = b.ObjectCount,
        EncryptionKeyId = b.EncryptionKeyId,
        Bootable = b.Bootable,
        ImageMetadata = b.ImageMetadata,
        Metadata = b.Metadata,
        VolumeMetadata = b.VolumeMetadata,
        DataTimestamp = b.DataTimestamp,
        CreatedAt = b.CreatedAt,
    }, BackupJson.Default.BackupRecord));

    /// <summary>A row of what a record says.</summary>
    /// <exception cref="FaultException">Invalid: it is no record, or says what can't be.</exception>
    public static Backup Read(string text, string projectId, string userId, DateTime now)
    {
        BackupRecord? record;
        try { record = JsonSerializer.Deserialize(Convert.FromBase64String(text), BackupJson.Default.BackupRecord); }
        catch (FormatException) { throw Fault.Invalid.Input("Can't decode backup record.").Thrown(); }
        catch (JsonException) { throw Fault.Invalid.Input("Can't parse backup record.").Thrown(); }
        if (record?.Id is null) throw Fault.Invalid.Input("Provided backup record is missing an id").Thrown();
        if (record.Size is not { } size) throw Fault.Invalid.Input("Provided backup record is missing size attribute").Thrown();
        if (size <= 0) throw Fault.Invalid.Input("Provided backup record has an invalid size").Thrown();
        var backup = new Backup
        {
            Id = Uuid(record.Id, "id")!,
            ProjectId = projectId,
            UserId = userId,
            VolumeId = Uuid(record.VolumeId, "volume_id") ?? throw Fault.Invalid.Input("Provided backup record is missing volume_id").Thrown(),
            SnapshotId = Uuid(record.SnapshotId, "snapshot_id"),
            ParentId = Uuid(record.ParentId, "parent_id"),
            SizeGb = size,
            Name = Short(record.DisplayName, "display_name"),
            Description = Short(record.DisplayDescription, "display_description"),
            Status = BackupStatus.Creating,
            Container = record.Container ?? "",
            ObjectCount = Math.Max(record.ObjectCount ?? 0, 0),
            EncryptionKeyId = Uuid(record.EncryptionKeyId, "encryption_key_id"),
            Bootable = record.Bootable ?? false,
            ImageMetadata = Words(record.ImageMetadata, "image_metadata"),
            Metadata = Words(record.Metadata, "metadata"),
            VolumeMetadata = Words(record.VolumeMetadata, "volume_metadata"),
            DataTimestamp = Time(record.DataTimestamp) ?? Time(record.CreatedAt) ?? now,
            CreatedAt = now,
        };
        switch (record.ServiceMetadata?.Split('/'))
        {
            case [var data, { Length: > 0 and <= 64 } sha256]:
                var id = new BackupPlace(backup.Container, Uuid(data, "service_metadata")!).BackupId;
                return backup with { IndexSha256 = sha256, DataId = id == backup.Id ? null : id };
            case [{ Length: > 0 } prefix]:
                if (!CinderBackup.IsKnown(record.Service))
                    throw Fault.Invalid.Input($"Backups of the backup record's service, '{record.Service}', are not read here").Thrown();
                return backup with { Prefix = new CinderPlace(backup.Container, prefix).Prefix };
            default:
                throw Fault.Invalid.Input("Provided backup record does not say in service_metadata where its data is").Thrown();
        }
    }

    static string? Uuid(string? text, string member) => text is null || (Guid.TryParseExact(text, "D", out var id) && id.ToString() == text)
        ? text
        : throw Fault.Invalid.Input($"{member} of the backup record is not a UUID").Thrown();

    static string? Short(string? text, string member) => text is null || text.Length <= 255
        ? text
        : throw Fault.Invalid.Input($"{member} of the backup record has more than 255 characters").Thrown();

    static IReadOnlyDictionary<string, string> Words(IReadOnlyDictionary<string, string>? words, string member)
    {
        foreach (var (key, value) in words ?? Volume.EmptyMetadata)
            if (key.Length is 0 or > 255 || value is null || value.Length > 255)
                throw Fault.Invalid.Input($"{member} of the backup record has a key or a value that is too long").Thrown();
        return words ?? Volume.EmptyMetadata;
    }

    static DateTime? Time(DateTime? time) => time is null ? null : DateTime.SpecifyKind(time.Value, DateTimeKind.Utc);
}
