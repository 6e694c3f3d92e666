using Clinker.Groups;
using Clinker.Volumes;
using static Clinker.Snapshots.SnapshotStatus;

namespace Clinker.Snapshots;

/// <summary>What may be done to a snapshot in which status (Cinder: cinder/volume/api.py).</summary>
public static class SnapshotRules
{
    /// <summary>Cinder: API.delete_snapshot. Not of one that belongs to a group snapshot.</summary>
    public static readonly Rule Delete = new("delete", [Available, Error], Deleting,
        "Invalid snapshot: Snapshot status must be available or error and must not be part of a group.", Needs.Ungrouped | Needs.Thawed);

    /// <summary>Cinder: the same with force: in any status.</summary>
    public static readonly Rule ForceDelete = Delete with
    {
        Verb = "force delete",
        From = null,
        Refusal = "Invalid snapshot: Snapshot must not be part of a group.",
    };

    /// <summary>Cinder: API.delete_snapshot with unmanage_only; see <see cref="VolumeRules.Unmanage"/>.</summary>
    public static readonly Rule Unmanage = Delete with { Verb = "unmanage", Via = null };

    /// <summary>Cinder: API.delete with cascade.</summary>
    public static readonly Rule DeleteWithVolume = Delete with
    {
        From = [Available, Error, Deleting],
        Refusal = "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and "
            + "must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from "
            + "snapshots after volume transfer.",
    };

    /// <summary>Cinder: the same with force: in any status.</summary>
    public static readonly Rule ForceDeleteWithVolume = DeleteWithVolume with { Verb = "force delete", From = null };

    /// <summary>Cinder: API.delete_group_snapshot: in any status.</summary>
    public static readonly Rule DeleteWithGroupSnapshot = new("delete", null, Deleting, GroupRules.DeleteSnapshot.Refusal, Needs.Thawed);

    /// <summary>Cinder: API.create with a snapshot as source.</summary>
    public static readonly Rule Clone = new("make a volume from", [Available], null,
        "Invalid snapshot: Originating snapshot status must be one of 'available' values");

    /// <summary>Cinder: API.create of cinder/backup, of a snapshot.</summary>
    public static readonly Rule Backup = new("back up", [Available], BackingUp,
        "Invalid snapshot: Snapshot to be backed up must be available, but the current status is \"{status}\".");

    /// <summary>Cinder: API.revert_to_snapshot.</summary>
    public static readonly Rule RevertTo = new("revert to", [Available], Restoring,
        "Invalid snapshot: Can't revert volume {other} to its latest snapshot {id}. Snapshot's status must be 'available'.") { Conflicts = true };
}
