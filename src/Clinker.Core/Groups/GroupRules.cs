using static Clinker.Groups.GroupStatus;

namespace Clinker.Groups;

/// <summary>What may be done to a group or to its snapshots in which status (Cinder: cinder/group/api.py).</summary>
public static class GroupRules
{
    const string MustBeAvailable = "Invalid group: Group status must be available, but current status is: {status}.";

    /// <summary>Cinder: API.update.</summary>
    public static readonly Rule Update = new("update", [Available], null, MustBeAvailable);

    /// <summary>A volume is made in it.</summary>
    public static readonly Rule AddNew = new("make a volume in", [Available], null, MustBeAvailable);

    /// <summary>Cinder: API.create_group_snapshot.</summary>
    public static readonly Rule Snapshot = new("snapshot", [Available], null, MustBeAvailable);

    /// <summary>Cinder: API.create_from_src with a group as source.</summary>
    public static readonly Rule Clone = new("clone", [Available], null, MustBeAvailable);

    /// <summary>Cinder: API.delete.</summary>
    public static readonly Rule Delete = new("delete", [Available, Error], Deleting,
        "Invalid group: Group status must be available or error, but current status is: {status}");

    /// <summary>Cinder: the same with its volumes: in any status.</summary>
    public static readonly Rule DeleteWithVolumes = Delete with
    {
        From = null,
        Refusal = "Invalid group: Group {id} has an operation under way.",
    };

    /// <summary>Cinder: API.delete_group_snapshot.</summary>
    public static readonly Rule DeleteSnapshot = new("delete", [Available, Error], Deleting,
        "Invalid GroupSnapshot: GroupSnapshot status must be available or error, and no Group can be currently using it as source for "
        + "its creation.");

    /// <summary>Cinder: API.create_from_src with a group snapshot as source.</summary>
    public static readonly Rule CloneSnapshot = new("make a group from", [Available], null,
        "Invalid GroupSnapshot: Group snapshot status must be available, but current status is: {status}.");
}
