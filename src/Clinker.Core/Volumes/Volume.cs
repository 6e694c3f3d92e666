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
    /// <summary>One of <see cref="Volumes.AttachStatus"/>.</summary>
    public string AttachStatus { get; init; } = Volumes.AttachStatus.Detached;
    public string? MigrationStatus { get; init; }
    public string? VolumeTypeId { get; init; }
    public required string AvailabilityZone { get; init; }
    /// <summary><c>host@backend#pool</c>, null until placed.</summary>
    public string? Host { get; init; }
    /// <summary>The share, exactly as the shares file wrote it.</summary>
    public string? ProviderLocation { get; init; }
    /// <summary>raw or qcow2, as it was made; for a driver that is to make it: as it is to be, null for as the backend does.</summary>
    public string? Format { get; init; }
    /// <summary>The snapshot that it was made from.</summary>
    public string? SnapshotId { get; init; }
    /// <summary>The volume that it was cloned from.</summary>
    public string? SourceVolumeId { get; init; }
    public string? GroupId { get; init; }
    /// <summary>The status to which what is under way puts it back.</summary>
    public string? PreviousStatus { get; init; }
    public string? ReplicationStatus { get; init; }
    public string? EncryptionKeyId { get; init; }
    /// <summary>The id in the names of its files, where that is another than its own (after a migration).</summary>
    public string? NameId { get; init; }
    /// <summary>What the image service said of the image that it was made from.</summary>
    public IReadOnlyDictionary<string, string> ImageMetadata { get; init; } = EmptyMetadata;
    /// <summary>What the service itself notes in its metadata: readonly, attached_mode.</summary>
    public IReadOnlyDictionary<string, string> AdminMetadata { get; init; } = EmptyMetadata;
    public bool Bootable { get; init; }
    public bool Multiattach { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = EmptyMetadata;
    public bool ConsumesQuota { get; init; } = true;
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>The part of <see cref="Host"/> behind the <c>#</c>.</summary>
    public string? Pool => Host is null ? null : Scheduling.PoolName.Parse(Host).Pool;

    /// <summary>The id in the names of its files.</summary>
    public string FileId => NameId ?? Id;

    /// <summary>Whether a migration of it is under way.</summary>
    public bool IsMigrating => MigrationStatus is not (null or Volumes.MigrationStatus.Deleting or Volumes.MigrationStatus.Error or Volumes.MigrationStatus.Success);

    /// <summary>Whether nobody has it, nor is about to, by what its row says.</summary>
    public bool IsQuiet => Status == VolumeStatus.Available && AttachStatus == Volumes.AttachStatus.Detached && !IsMigrating;

    public static readonly IReadOnlyDictionary<string, string> EmptyMetadata = new Dictionary<string, string>();
}

/// <summary>The statuses of a volume (Cinder: cinder/objects/fields.py, VolumeStatus).</summary>
public static class VolumeStatus
{
    public const string Creating = "creating";
    /// <summary>An image is being written into it.</summary>
    public const string Downloading = "downloading";
    public const string Available = "available";
    /// <summary>Taken for a server, by an attachment or by <c>os-reserve</c>.</summary>
    public const string Reserved = "reserved";
    public const string Attaching = "attaching";
    public const string InUse = "in-use";
    public const string Detaching = "detaching";
    public const string Maintenance = "maintenance";
    public const string Extending = "extending";
    public const string Retyping = "retyping";
    public const string Reverting = "reverting";
    public const string Uploading = "uploading";
    public const string BackingUp = "backing-up";
    public const string RestoringBackup = "restoring-backup";
    public const string AwaitingTransfer = "awaiting-transfer";
    public const string Managing = "managing";
    public const string Unmanaging = "unmanaging";
    public const string Deleting = "deleting";
    public const string Error = "error";
    public const string ErrorDeleting = "error_deleting";
    public const string ErrorManaging = "error_managing";
    public const string ErrorRestoring = "error_restoring";
    public const string ErrorExtending = "error_extending";
    public const string ErrorUnmanaging = "error_unmanaging";
}

/// <summary>How far a volume's migration is, or how its last one ended (Cinder: cinder/objects/fields.py, MigrationStatus).</summary>
public static class MigrationStatus
{
    public const string Starting = "starting";
    public const string Migrating = "migrating";
    public const string Completing = "completing";
    public const string Success = "success";
    public const string Error = "error";
    public const string Deleting = "deleting";
}

/// <summary>How a volume is used (Cinder: cinder/objects/fields.py, VolumeAttachStatus); of an attachment too.</summary>
public static class AttachStatus
{
    public const string Detached = "detached";
    public const string Reserved = "reserved";
    public const string Attaching = "attaching";
    public const string Attached = "attached";
    public const string Detaching = "detaching";
    public const string ErrorAttaching = "error_attaching";
    public const string ErrorDetaching = "error_detaching";
}
