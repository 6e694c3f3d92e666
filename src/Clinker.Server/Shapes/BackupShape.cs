using System.Text.Json.Serialization;
using Clinker.Backups;
using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>A backup in a short list, and as the answer to its creation, change or import (cinder/api/views/backups.py, summary).</summary>
sealed record BackupBrief(string Id, string? Name, Links Links) : IShape<BackupBrief>
{
    public static string One => "backup";
    public static string Many => "backups";

    public static BackupBrief Of(Backup backup, Hyperlinks.Place place) => new(backup.Id, backup.Name, new Links(place, backup.Id));
}

/// <summary>A backup as it is looked at.</summary>
sealed record BackupShape : IShape<BackupShape>
{
    public BackupShape(Backup backup, Hyperlinks.Place place)
    {
        Id = backup.Id;
        Status = backup.Status;
        Size = backup.SizeGb;
        ObjectCount = backup.ObjectCount;
        AvailabilityZone = backup.AvailabilityZone;
        Container = backup.Container;
        CreatedAt = backup.CreatedAt;
        UpdatedAt = backup.UpdatedAt;
        Name = backup.Name;
        Description = backup.Description;
        FailReason = backup.FailReason;
        VolumeId = backup.VolumeId;
        Links = new Links(place, backup.Id);
        IsIncremental = backup.ParentId is not null;
        HasDependentBackups = backup.HasDependents;
        SnapshotId = backup.SnapshotId;
        DataTimestamp = backup.DataTimestamp;
        ProjectId = backup.ProjectId;
        Metadata = backup.Metadata;
        UserId = backup.UserId;
        EncryptionKeyId = backup.EncryptionKeyId;
    }

    public static string One => "backup";
    public static string Many => "backups";

    public string Id { get; }
    public string Status { get; }
    public int Size { get; }
    public int ObjectCount { get; }
    public string? AvailabilityZone { get; }
    public string? Container { get; }
    public DateTime CreatedAt { get; }
    public DateTime? UpdatedAt { get; }
    public string? Name { get; }
    public string? Description { get; }
    public string? FailReason { get; }
    public string VolumeId { get; }
    public Links Links { get; }
    public bool IsIncremental { get; }
    public bool HasDependentBackups { get; }
    public string? SnapshotId { get; }
    /// <summary>When its content was the volume's.</summary>
    public DateTime DataTimestamp { get; }
    [Since(18), Admin, JsonPropertyName("os-backup-project-attr:project_id")] public string ProjectId { get; }
    [Since(43)] public IReadOnlyDictionary<string, string> Metadata { get; }
    [Since(56)] public string UserId { get; }
    [Since(64), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? EncryptionKeyId { get; }
}

/// <summary>The answer to a backup's being restored.</summary>
sealed record BackupRestored(string BackupId, string VolumeId, string? VolumeName) : IShape<BackupRestored>
{
    public static string One => "restore";
    public static string Many => "restores";
}

/// <summary>What another database needs to take a backup in.</summary>
sealed record BackupRecordShape(string BackupService, string BackupUrl) : IShape<BackupRecordShape>
{
    public static string One => "backup-record";
    public static string Many => "backup-records";
}
