namespace Clinker.Volumes;

/// <summary>A block volume as it is remembered. Times are UTC; sizes GiB; see the API reference for each field's meaning.</summary>
public sealed record Volume
{
    public required string Id { get; init; }
    public required string ProjectId { get; init; }
    public required string UserId { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    public required int SizeGb { get; init; }
    /// <summary>One of <see cref="VolumeStatus"/>.</summary>
    public required string Status { get; init; }
    public string AttachStatus { get; init; } = "detached";
    public string? MigrationStatus { get; init; }
    public string? VolumeTypeId { get; init; }
    public required string AvailabilityZone { get; init; }
    /// <summary><c>host@backend#pool</c>, null until placed.</summary>
    public string? Host { get; init; }
    /// <summary>The share, exactly as the shares file wrote it.</summary>
    public string? ProviderLocation { get; init; }
    /// <summary>raw or qcow2, as it was made.</summary>
    public string? Format { get; init; }
    public bool Bootable { get; init; }
    public bool Multiattach { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = EmptyMetadata;
    public bool ConsumesQuota { get; init; } = true;
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>The part of <see cref="Host"/> behind the <c>#</c>.</summary>
    public string? Pool => Host is null ? null : Scheduling.PoolName.Parse(Host).Pool;

    public static readonly IReadOnlyDictionary<string, string> EmptyMetadata = new Dictionary<string, string>();
}

/// <summary>The statuses of a volume (Cinder: cinder/objects/fields.py, VolumeStatus).</summary>
public static class VolumeStatus
{
    public const string Creating = "creating";
    public const string Available = "available";
    public const string Deleting = "deleting";
    public const string Error = "error";
    public const string ErrorDeleting = "error_deleting";
    public const string ErrorManaging = "error_managing";
    public const string ErrorRestoring = "error_restoring";
    public const string ErrorExtending = "error_extending";
    public const string InUse = "in-use";
    public const string Maintenance = "maintenance";
    public const string Uploading = "uploading";
}
