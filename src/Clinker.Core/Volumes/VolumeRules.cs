using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>What may be done to a volume in which status (Cinder: cinder/volume/api.py).</summary>
public static class VolumeRules
{
    /// <summary>Cinder: API.delete.</summary>
    public static readonly Rule Delete = new("delete", [Available, Error, ErrorRestoring, ErrorExtending, ErrorManaging], Deleting,
        "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must "
        + "not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots "
        + "after volume transfer.", Needs.Detached | Needs.Settled | Needs.Ungrouped | Needs.WithoutSnapshots | Needs.Thawed);

    /// <summary>Cinder: API.delete with cascade: the snapshots go first.</summary>
    public static readonly Rule DeleteCascade = Delete with { Needs = Delete.Needs & ~Needs.WithoutSnapshots };

    /// <summary>Cinder: API.delete with force. Any status.</summary>
    public static readonly Rule ForceDelete = Delete with { Verb = "force delete", From = null };

    /// <summary>Cinder: API.delete with cascade and force.</summary>
    public static readonly Rule ForceDeleteCascade = ForceDelete with { Needs = DeleteCascade.Needs };

    /// <summary>Cinder: API.delete with unmanage_only. It only looks: what is given up is not touched, so all is done at once.</summary>
    public static readonly Rule Unmanage = Delete with { Verb = "unmanage", Via = null };

    /// <summary>Cinder: API.delete of a group with its volumes, in any status.</summary>
    public static readonly Rule DetachedInGroup = new("delete", null, null,
        "Invalid group: Volume in group {other} is attached. Need to detach first.", Needs.Detached | Needs.Thawed);

    /// <inheritdoc cref="DetachedInGroup"/>
    public static readonly Rule DeleteWithGroup = new("delete", null, Deleting,
        "Invalid group: Volume in group still has dependent snapshots.", Needs.WithoutSnapshots);

    /// <summary>Cinder: API.extend.</summary>
    public static readonly Rule Extend = new("extend", [Available], Extending,
        "Invalid volume: Volume {id} status must be '{'status': 'available'}' to extend, currently {status}.") { Remembers = true };

    /// <summary>Cinder: API.extend_attached_volume.</summary>
    public static readonly Rule ExtendEvenInUse = Extend with { From = [Available, InUse] };

    /// <summary>Cinder: API._create_snapshot_in_db; before 3.66, without force.</summary>
    public static readonly Rule Snapshot = new("snapshot", [Available], null,
        "Invalid volume: Volume {id} status must be available, but current status is: {status}.", Needs.Settled | Needs.Thawed);

    /// <summary>Cinder: the same with force, or since 3.66.</summary>
    public static readonly Rule SnapshotEvenInUse = Snapshot with
    {
        From = [Available, InUse],
        Refusal = "Invalid volume: Volume {id} status must be available, in-use, but current status is: {status}.",
    };

    /// <summary>Cinder: API.create with a source volume.</summary>
    public static readonly Rule Clone = new("clone", [Available, InUse], null,
        "Invalid volume: Originating source volume status must be one of 'available, in-use' values");

    /// <summary>Cinder: API.revert_to_snapshot.</summary>
    public static readonly Rule Revert = new("revert", [Available], Reverting,
        "Invalid volume: Can't revert volume {id} to its latest snapshot {other}. Volume's status must be 'available'.") { Conflicts = true };

    /// <summary>Ours.</summary>
    public static readonly Rule Flatten = new("flatten", [Available, InUse], null,
        "Invalid volume: Volume {id} status must be available or in-use, and nothing be under way with it, to flatten it, but current status is: {status}.",
        Needs.Settled);

    /// <summary>Cinder: API.migrate_volume. One in use could only be moved by the compute service, which is not here.</summary>
    public static readonly Rule Migrate = new("migrate", [Available], null,
        "Invalid volume: Volume {id} status must be available or in-use, must not be migrating, have snapshots, be replicated, be part "
        + "of a group and destination host/cluster must be different than the current one",
        Needs.Settled | Needs.Ungrouped | Needs.WithoutSnapshots | Needs.Unreplicated);

    /// <summary>Cinder: the same with lock_volume.</summary>
    public static readonly Rule MigrateLocked = Migrate with { Via = Maintenance, Remembers = true };

    /// <summary>Cinder: API.retype.</summary>
    public static readonly Rule Retype = new("retype", [Available, InUse], Retyping,
        "Invalid volume: Retype needs volume to be in available or in-use state, not be part of an active migration or a consistency "
        + "group, requested type has to be different that the one from the volume, and for in-use volumes front-end qos specs cannot "
        + "change.", Needs.Settled | Needs.Ungrouped) { Remembers = true };

    /// <summary>Cinder: API.copy_volume_to_image.</summary>
    public static readonly Rule Upload = new("upload", [Available], Uploading, "Invalid volume: Volume {id} status must be available") { Remembers = true };

    /// <summary>Cinder: the same with force, where enable_force_upload lets.</summary>
    public static readonly Rule UploadEvenInUse = Upload with
    {
        From = [Available, InUse],
        Refusal = "Invalid volume: Volume {id} status must be available or in-use",
    };

    /// <summary>Cinder: API.reimage.</summary>
    public static readonly Rule Reimage = new("reimage", [Available, Error], Downloading,
        "Invalid volume: Volume {id} status must be available or error, but current status is {status}.") { Remembers = true };

    /// <summary>Cinder: the same with reimage_reserved.</summary>
    public static readonly Rule ReimageEvenReserved = Reimage with
    {
        From = [Available, Error, Reserved],
        Refusal = "Invalid volume: Volume {id} status must be available, error or reserved, but current status is {status}.",
    };

    /// <summary>Cinder: API.create of cinder/backup; of one in use only by force.</summary>
    public static readonly Rule Backup = new("back up", [Available, InUse], BackingUp,
        "Invalid volume: Volume to be backed up must be available or in-use, but the current status is \"{status}\".", Needs.Settled)
    {
        Remembers = true,
    };

    /// <summary>Cinder: API.restore of cinder/backup.</summary>
    public static readonly Rule RestoreBackup = new("restore a backup to", [Available], RestoringBackup,
        "Invalid volume: Volume to be restored to must be available", Needs.Settled | Needs.Detached | Needs.Thawed);

    /// <summary>Cinder: API.reserve_volume.</summary>
    public static readonly Rule Reserve = new("reserve", [Available], Attaching,
        "Invalid volume: Volume status must be available to reserve, but the status is {status}.");

    /// <summary>Cinder: API.reserve_volume of a volume that several servers may use at once.</summary>
    public static readonly Rule ReserveShared = Reserve with
    {
        From = [Available, InUse],
        Refusal = "Invalid volume: Volume status must be available or in-use to reserve, but the status is {status}.",
    };

    /// <summary>Cinder: API._attachment_reserve. The volume's status follows its attachments, unless an image is being written.</summary>
    public static readonly Rule Attach = new("attach", [Available, Downloading], null,
        "Invalid volume: Volume {id} status must be available or downloading to reserve, but the current status is {status}.");

    /// <summary>Cinder: the same of a volume that several servers may use at once.</summary>
    public static readonly Rule AttachShared = Attach with
    {
        From = [Available, InUse, Downloading],
        Refusal = "Invalid volume: Volume {id} status must be available or in-use or downloading to reserve, but the current status is "
            + "{status}.",
    };

    /// <summary>Cinder: VolumeManager.attach_volume, after os-reserve or without.</summary>
    public static readonly Rule AttachNow = new("attach", [Available, Attaching], null,
        "Invalid volume: Volume status must be available or attaching to attach, but the status is {status}.");

    /// <inheritdoc cref="AttachNow"/>
    public static readonly Rule AttachNowShared = AttachNow with
    {
        From = [Available, Attaching, InUse],
        Refusal = "Invalid volume: Volume status must be available or attaching or in-use to attach, but the status is {status}.",
    };

    /// <summary>Cinder: API.begin_detaching.</summary>
    public static readonly Rule BeginDetaching = new("begin detaching", [InUse], Detaching,
        "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
        Needs.Settled);

    /// <summary>Cinder: API.update_readonly_flag.</summary>
    public static readonly Rule SetReadonly = new("update the readonly flag", [Available], null,
        "Invalid volume: Volume {id} status must be available to update readonly flag, but current status is: {status}.");

    /// <summary>Cinder: API.create of cinder/transfer.</summary>
    public static readonly Rule OfferTransfer = new("transfer", [Available], AwaitingTransfer,
        "Invalid volume: status must be available");

    /// <summary>Cinder: API.update, API.update_volume_metadata.</summary>
    public static bool MayUpdate(string status) => status != Maintenance;

    /// <summary>Cinder: API.attach, API.detach, API.initialize_connection.</summary>
    public static bool MayConnect(string status) => status != Maintenance;

    /// <inheritdoc cref="MayUpdate"/>
    public static bool MayChangeMetadata(string status) => status is not (Maintenance or Uploading);
}
