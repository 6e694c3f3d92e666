using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Backups;

/// <summary>A copy of a volume's content that lies apart from its backend, as it is remembered.</summary>
public sealed record Backup
{
    public required string Id { get; init; }
    public required string ProjectId { get; init; }
    public required string UserId { get; init; }
    public required string VolumeId { get; init; }
    /// <summary>The snapshot that it is of; null: of the volume itself.</summary>
    public string? SnapshotId { get; init; }
    /// <summary>The backup that it is an increment of; null: it is a full one.</summary>
    public string? ParentId { get; init; }
    /// <summary>The least size of a volume that it can be restored to.</summary>
    public required int SizeGb { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    /// <summary>One of <see cref="BackupStatus"/>.</summary>
    public required string Status { get; init; }
    public string? FailReason { get; init; }
    /// <summary>What keeps its objects (<see cref="BackupStore.Service"/>); null as long as nothing of it is kept.</summary>
    public string? Service { get; init; }
    /// <summary>Which container was asked for, then which one it is in.</summary>
    public string? Container { get; init; }
    /// <summary>Which zone was asked for, then the one of the service that keeps it.</summary>
    public string? AvailabilityZone { get; init; }
    /// <summary>How many objects were written for it, its index not counted.</summary>
    public int ObjectCount { get; init; }
    /// <summary>
    /// The SHA-256 of its index, in lower-case hexadecimal digits; null until that is written. Of one that Cinder wrote: of its metadata.
    /// </summary>
    public string? IndexSha256 { get; init; }
    /// <summary>Of one that Cinder's own driver wrote: how the names of its objects begin; null: it is one of ours.</summary>
    public string? Prefix { get; init; }
    public string? EncryptionKeyId { get; init; }
    public bool Bootable { get; init; }
    /// <summary>What the image service said of the image that its volume was made from.</summary>
    public IReadOnlyDictionary<string, string> ImageMetadata { get; init; } = Volume.EmptyMetadata;
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = Volume.EmptyMetadata;
    /// <summary>As its volume's was: that of a volume that is made of it.</summary>
    public IReadOnlyDictionary<string, string> VolumeMetadata { get; init; } = Volume.EmptyMetadata;
    /// <summary>The backup whose objects it has, if that is another: it was taken in under a new id.</summary>
    public string? DataId { get; init; }
    /// <summary>When its content was the volume's.</summary>
    public required DateTime DataTimestamp { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }
    /// <summary>Whether others are increments of it. Read with the row, never written.</summary>
    public bool HasDependents { get; init; }

    /// <summary>Whether one of Cinder's own drivers wrote it (<see cref="CinderBackup"/>).</summary>
    public bool IsCinders => Prefix is not null;

    /// <summary>Where its objects are; of one of ours.</summary>
    /// <exception cref="FaultException">Invalid: nothing of it is kept.</exception>
    public BackupPlace Place => Container is null
        ? throw new Fault.Invalid($"Invalid backup: nothing of backup {Id} is kept.").Thrown()
        : new(Container, DataId ?? Id);

    /// <summary>Where its objects are; of one that <see cref="IsCinders"/>.</summary>
    public CinderPlace CinderPlace => new(Container ?? "", Prefix ?? "");
}

/// <summary>The statuses of a backup (Cinder: cinder/objects/fields.py, BackupStatus).</summary>
public static class BackupStatus
{
    public const string Creating = "creating";
    public const string Available = "available";
    public const string Restoring = "restoring";
    public const string Deleting = "deleting";
    public const string Error = "error";
    public const string ErrorDeleting = "error_deleting";
}
