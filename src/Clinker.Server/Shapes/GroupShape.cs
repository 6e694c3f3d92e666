using System.Text.Json.Serialization;
using Clinker.Groups;
using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>A group in a short list, and as the answer to its creation (cinder/api/v3/views/groups.py, summary).</summary>
sealed record GroupBrief(string Id, string? Name) : IShape<GroupBrief>
{
    public static string One => "group";
    public static string Many => "groups";
}

/// <summary>A group in full.</summary>
sealed record GroupShape : IShape<GroupShape>
{
    /// <param name="volumes">The ids of its volumes, where they were asked for.</param>
    public GroupShape(Group group, IEnumerable<string>? volumes)
    {
        Id = group.Id;
        Status = group.Status;
        AvailabilityZone = group.AvailabilityZone;
        CreatedAt = group.CreatedAt;
        Name = group.Name;
        Description = group.Description;
        GroupType = group.GroupTypeId;
        VolumeTypes = group.VolumeTypes;
        GroupSnapshotId = group.GroupSnapshotId;
        SourceGroupId = group.SourceGroupId;
        Volumes = volumes is null ? null : [.. volumes];
        ReplicationStatus = group.ReplicationStatus;
        ProjectId = group.ProjectId;
    }

    public static string One => "group";
    public static string Many => "groups";

    public string Id { get; }
    public string Status { get; }
    public string? AvailabilityZone { get; }
    public DateTime CreatedAt { get; }
    public string? Name { get; }
    public string? Description { get; }
    /// <summary>The type's id.</summary>
    public string GroupType { get; }
    public IReadOnlyList<string> VolumeTypes { get; }
    [Since(14)] public string? GroupSnapshotId { get; }
    [Since(14)] public string? SourceGroupId { get; }
    [Since(25), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public IReadOnlyList<string>? Volumes { get; }
    [Since(38)] public string? ReplicationStatus { get; }
    [Since(58), Admin] public string ProjectId { get; }
}

/// <summary>A group snapshot in a short list.</summary>
sealed record GroupSnapshotBrief(string Id, string? Name) : IShape<GroupSnapshotBrief>
{
    public static string One => "group_snapshot";
    public static string Many => "group_snapshots";
}

/// <summary>A group snapshot as the answer to its creation.</summary>
sealed record GroupSnapshotMade(string Id, string? Name, string GroupTypeId) : IShape<GroupSnapshotMade>
{
    public static string One => "group_snapshot";
    public static string Many => "group_snapshots";
}

/// <summary>A group snapshot in full (cinder/api/v3/views/group_snapshots.py, detail).</summary>
sealed record GroupSnapshotShape(
    string Id, string GroupId, string GroupTypeId, string Status, DateTime CreatedAt, string? Name, string? Description,
    [property: Since(58), Admin] string ProjectId) : IShape<GroupSnapshotShape>
{
    public static string One => "group_snapshot";
    public static string Many => "group_snapshots";

    public static GroupSnapshotShape Of(GroupSnapshot s) =>
        new(s.Id, s.GroupId, s.GroupTypeId, s.Status, s.CreatedAt, s.Name, s.Description, s.ProjectId);
}

/// <summary>A group in its older form, in a short list (cinder/api/views/consistencygroups.py).</summary>
sealed record ConsistencyGroupBrief(string Id, string? Name) : IShape<ConsistencyGroupBrief>
{
    public static string One => "consistencygroup";
    public static string Many => "consistencygroups";
}

/// <summary>A group in its older form, in full.</summary>
sealed record ConsistencyGroupShape(
    string Id, string Status, string? AvailabilityZone, DateTime CreatedAt, string? Name, string? Description,
    IReadOnlyList<string> VolumeTypes) : IShape<ConsistencyGroupShape>
{
    public static string One => "consistencygroup";
    public static string Many => "consistencygroups";

    public static ConsistencyGroupShape Of(Group g) =>
        new(g.Id, g.Status, g.AvailabilityZone, g.CreatedAt, g.Name, g.Description, g.VolumeTypes);
}

/// <summary>A group snapshot in its older form, in a short list (cinder/api/views/cgsnapshots.py).</summary>
sealed record CgSnapshotBrief(string Id, string? Name) : IShape<CgSnapshotBrief>
{
    public static string One => "cgsnapshot";
    public static string Many => "cgsnapshots";
}

/// <summary>A group snapshot in its older form, in full.</summary>
sealed record CgSnapshotShape(string Id, string ConsistencygroupId, string Status, DateTime CreatedAt, string? Name, string? Description)
    : IShape<CgSnapshotShape>
{
    public static string One => "cgsnapshot";
    public static string Many => "cgsnapshots";

    public static CgSnapshotShape Of(GroupSnapshot s) => new(s.Id, s.GroupId, s.Status, s.CreatedAt, s.Name, s.Description);
}
