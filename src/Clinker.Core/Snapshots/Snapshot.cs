using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>A volume's content at a moment, as it is remembered.</summary>
public sealed record Snapshot
{
    public required string Id { get; init; }
    public required string ProjectId { get; init; }
    public required string UserId { get; init; }
    public required string VolumeId { get; init; }
    /// <summary>The volume's size when it was taken.</summary>
    public required int SizeGb { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    /// <summary>One of <see cref="SnapshotStatus"/>.</summary>
    public required string Status { get; init; }
    /// <summary>How far it is, as "42%".</summary>
    public string? Progress { get; init; }
    public string? VolumeTypeId { get; init; }
    public string? GroupSnapshotId { get; init; }
    public string? EncryptionKeyId { get; init; }
    public string? ProviderLocation { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = Volume.EmptyMetadata;
    /// <summary>What the image service said of the image that its volume was made from.</summary>
    public IReadOnlyDictionary<string, string> ImageMetadata { get; init; } = Volume.EmptyMetadata;
    public bool ConsumesQuota { get; init; } = true;
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }
}

/// <summary>The statuses of a snapshot (Cinder: cinder/objects/fields.py, SnapshotStatus).</summary>
public static class SnapshotStatus
{
    public const string Creating = "creating";
    public const string Available = "available";
    public const string BackingUp = "backing-up";
    /// <summary>Its volume is being reverted to it.</summary>
    public const string Restoring = "restoring";
    public const string Updating = "updating";
    public const string Unmanaging = "unmanaging";
    public const string Deleting = "deleting";
    public const string Deleted = "deleted";
    public const string Error = "error";
    public const string ErrorDeleting = "error_deleting";
}
