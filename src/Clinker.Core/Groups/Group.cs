namespace Clinker.Groups;

/// <summary>
/// Volumes that are kept together: they lie on one backend, and snapshots are taken of all of them at once. It lies nowhere itself:
/// it is where its volumes are.
/// </summary>
public sealed record Group
{
    public required string Id { get; init; }
    public required string ProjectId { get; init; }
    public required string UserId { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    /// <summary>One of <see cref="GroupStatus"/>.</summary>
    public required string Status { get; init; }
    public required string GroupTypeId { get; init; }
    /// <summary>The group type's name. Not kept with the group: it is as the type has it.</summary>
    public string? TypeName { get; init; }
    /// <summary>The ids of the types that its volumes may have.</summary>
    public IReadOnlyList<string> VolumeTypes { get; init; } = [];
    public string? AvailabilityZone { get; init; }
    /// <summary>What its volumes were made from.</summary>
    public string? GroupSnapshotId { get; init; }
    /// <inheritdoc cref="GroupSnapshotId"/>
    public string? SourceGroupId { get; init; }
    public string? ReplicationStatus { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>Whether it is a group of the older form.</summary>
    public bool IsConsistencyGroup => TypeName == GroupType.OfConsistencyGroups;
}

/// <summary>Snapshots of all volumes that a group had.</summary>
public sealed record GroupSnapshot
{
    public required string Id { get; init; }
    public required string ProjectId { get; init; }
    public required string UserId { get; init; }
    public required string GroupId { get; init; }
    public required string GroupTypeId { get; init; }
    /// <inheritdoc cref="Group.TypeName"/>
    public string? TypeName { get; init; }
    public string? Name { get; init; }
    public string? Description { get; init; }
    /// <summary>One of <see cref="GroupStatus"/>.</summary>
    public required string Status { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <inheritdoc cref="Group.IsConsistencyGroup"/>
    public bool IsOfConsistencyGroup => TypeName == GroupType.OfConsistencyGroups;
}

/// <summary>The statuses of groups and of their snapshots (Cinder: cinder/objects/fields.py, GroupStatus, GroupSnapshotStatus).</summary>
public static class GroupStatus
{
    public const string Creating = "creating";
    public const string Available = "available";
    public const string Deleting = "deleting";
    public const string Error = "error";

    /// <summary>Those that an admin may give a snapshot of a group.</summary>
    public static readonly IReadOnlyList<string> OfSnapshots =
        [Error, Available, Creating, Deleting, "deleted", "updating", "error_deleting"];

    /// <summary>Those that an admin may give a group.</summary>
    public static readonly IReadOnlyList<string> OfGroups = [.. OfSnapshots, "in-use"];
}
