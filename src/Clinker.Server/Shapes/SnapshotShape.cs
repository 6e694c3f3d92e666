using System.Text.Json.Serialization;
using Clinker.Server.Api;
using Clinker.Snapshots;

namespace Clinker.Server.Shapes;

/// <summary>A snapshot as every answer tells of it (cinder/api/v3/views/snapshots.py).</summary>
abstract record SnapshotInShort(
    string Id, string? Name, string? Description, string VolumeId, string Status, int Size,
    IReadOnlyDictionary<string, string> Metadata, DateTime CreatedAt, DateTime? UpdatedAt)
{
    protected SnapshotInShort(Snapshot s)
        : this(s.Id, s.Name, s.Description, s.VolumeId, s.Status, s.SizeGb, s.Metadata, s.CreatedAt, s.UpdatedAt)
    {
    }
}

/// <summary>A snapshot in a short list.</summary>
sealed record SnapshotBrief : SnapshotInShort, IShape<SnapshotBrief>
{
    public SnapshotBrief(Snapshot snapshot) : base(snapshot)
    {
    }

    public static string One => "snapshot";
    public static string Many => "snapshots";
}

/// <summary>A snapshot as the answer to its creation or change.</summary>
sealed record SnapshotShape : SnapshotInShort, IShape<SnapshotShape>
{
    public SnapshotShape(Snapshot snapshot) : base(snapshot)
    {
        GroupSnapshotId = snapshot.GroupSnapshotId;
        UserId = snapshot.UserId;
        ConsumesQuota = snapshot.ConsumesQuota;
    }

    public static string One => "snapshot";
    public static string Many => "snapshots";

    [Since(14)] public string? GroupSnapshotId { get; }
    [Since(41)] public string UserId { get; }
    [Since(65)] public bool ConsumesQuota { get; }
}

/// <summary>A snapshot as it is looked at: more than its creation tells.</summary>
sealed record SnapshotDetail : SnapshotInShort, IShape<SnapshotDetail>
{
    public SnapshotDetail(Snapshot snapshot) : base(snapshot)
    {
        Progress = snapshot.Progress;
        ProjectId = snapshot.ProjectId;
        GroupSnapshotId = snapshot.GroupSnapshotId;
        UserId = snapshot.UserId;
        ConsumesQuota = snapshot.ConsumesQuota;
    }

    public static string One => "snapshot";
    public static string Many => "snapshots";

    [JsonPropertyName("os-extended-snapshot-attributes:progress")] public string? Progress { get; }
    [JsonPropertyName("os-extended-snapshot-attributes:project_id")] public string ProjectId { get; }
    [Since(14)] public string? GroupSnapshotId { get; }
    [Since(41)] public string UserId { get; }
    [Since(65)] public bool ConsumesQuota { get; }
}
