using System.Text.Json;
using Clinker.Backups;
using Clinker.Drivers;
using Clinker.Server.Api;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>What is asked for with a new backup.</summary>
sealed record BackupCreate
{
    public required string VolumeId { get; init; }
    public string? SnapshotId { get; init; }
    public string? Container { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    public bool Incremental { get; init; }
    public bool Force { get; init; }
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
    public string? AvailabilityZone { get; init; }

    public static readonly Form<BackupCreate> Form = new(
        Must.Object(Must.Required("backup", Must.Object(
            Must.Required("volume_id", Must.Uuid),
            Must.Optional("container", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("incremental", Must.Flag),
            Must.Optional("force", Must.Flag),
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("snapshot_id", Must.UuidOrNull),
            Must.Optional("metadata", Must.Words(orNull: true), since: Behaviour.BackupMetadata),
            Must.Optional("availability_zone", Must.Text(orNull: true), since: Behaviour.BackupZone))))
            .AndAlso(root => root.GetProperty("backup").Text("container") is { Length: > 0 } container && !BackupPlace.IsContainer(container)
                ? $"Invalid input received: '{container}' is no name for a container of backups: letters, digits, and . _ - between them."
                : null),
        Read);

    static BackupCreate Read(JsonElement root)
    {
        var b = root.GetProperty("backup");
        return new()
        {
            VolumeId = b.Text("volume_id")!,
            SnapshotId = b.Text("snapshot_id"),
            Container = b.Text("container") is { Length: > 0 } container ? container : null,
            Name = b.Text("name")?.Trim(),
            Description = b.Text("description")?.Trim(),
            Incremental = b.Flag("incremental") ?? false,
            Force = b.Flag("force") ?? false,
            Metadata = b.Words("metadata"),
            AvailabilityZone = b.Text("availability_zone") is { Length: > 0 } zone ? zone : null,
        };
    }

    /// <summary>The row; what it has of its volume is taken when it is accepted.</summary>
    public Backup ToBackup(Call call, string id) => new()
    {
        Id = id,
        ProjectId = call.ProjectId,
        UserId = call.Caller.UserId,
        VolumeId = VolumeId,
        SnapshotId = SnapshotId,
        SizeGb = 0,
        Name = Name,
        Description = Description,
        Status = BackupStatus.Creating,
        Container = Container,
        AvailabilityZone = AvailabilityZone,
        Metadata = Metadata ?? Volume.EmptyMetadata,
        DataTimestamp = call.Now,
        CreatedAt = call.Now,
    };
}

/// <summary>What is to change of a backup's words; what is absent stays.</summary>
sealed record BackupUpdate(bool HasName, string? Name, bool HasDescription, string? Description, IReadOnlyDictionary<string, string>? Metadata)
{
    public static readonly Form<BackupUpdate> Form = new(
        Must.Object(Must.Required("backup", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("metadata", Must.Words(), since: Behaviour.BackupMetadata)).NullToo()))
            .AndAlso(root => root.GetProperty("backup") is { ValueKind: JsonValueKind.Object } b && b.GetPropertyCount() > 0
                ? null
                : "Missing required element 'backup' in request body."),
        Read);

    static BackupUpdate Read(JsonElement root)
    {
        var b = root.GetProperty("backup");
        return new(b.Has("name"), b.Text("name")?.Trim(), b.Has("description"), b.Text("description")?.Trim(), b.Words("metadata"));
    }
}

/// <summary>Where a backup is to be restored to.</summary>
/// <param name="VolumeId">Null: to a new volume.</param>
/// <param name="Name">Of the new volume.</param>
sealed record BackupRestore(string? VolumeId, string? Name)
{
    public static readonly Form<BackupRestore> Form = new(
        Must.Object(Must.Required("restore", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("volume_id", Must.UuidOrNull)).NullToo())),
        root => root.GetProperty("restore") is { ValueKind: JsonValueKind.Object } r
            ? new(r.Text("volume_id"), r.Text("name"))
            : new(null, null));
}

/// <summary>The record of a backup that another database made.</summary>
sealed record BackupImport(string Service, string Url)
{
    public static readonly Form<BackupImport> Form = new(
        Must.Object(Must.Required("backup-record", Must.Object(
            Must.Required("backup_service", Must.Text()),
            Must.Required("backup_url", Must.Text(min: 1, max: int.MaxValue, format: text => IsBase64(text) ? null : $"{Python.Repr(text)} is not a 'base64'",
                says: "Base64 of a JSON object."))))),
        root =>
        {
            var r = root.GetProperty("backup-record");
            return new(r.Text("backup_service")!, r.Text("backup_url")!);
        });

    static bool IsBase64(string text) => System.Buffers.Text.Base64.IsValid(text);
}
