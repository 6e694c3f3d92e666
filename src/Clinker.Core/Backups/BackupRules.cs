using static Clinker.Backups.BackupStatus;

namespace Clinker.Backups;

/// <summary>What may be done to a backup in which status (Cinder: cinder/backup/api.py).</summary>
public static class BackupRules
{
    /// <summary>Cinder: API.delete.</summary>
    public static readonly Rule Delete = new("delete", [Available, Error], Deleting, "Invalid backup: Backup status must be available or error");

    /// <summary>Cinder: the same with force: in any status.</summary>
    public static readonly Rule ForceDelete = Delete with { Verb = "force delete", From = null };

    /// <summary>Cinder: API.restore.</summary>
    public static readonly Rule Restore = new("restore", [Available], Restoring, "Invalid backup: Backup status must be available");

    /// <summary>Cinder: API.restore to a volume that is made for it; the backup stays as it is, and may be asked for again.</summary>
    public static readonly Rule RestoreToNew = Restore with { Via = null };

    /// <summary>Cinder: API.create of an increment: of the backup that it is one of.</summary>
    public static readonly Rule Base = new("make an increment of", [Available], null,
        "Invalid backup: No backups available to do an incremental backup.");

    /// <summary>Cinder: API.create of a volume, with a backup as source.</summary>
    public static readonly Rule Clone = new("make a volume from", [Available], null,
        "Invalid backup: Originating backup status must be one of 'available' values");

    /// <summary>Cinder: API.export_record.</summary>
    public static readonly Rule Export = new("export", [Available], null, "Invalid backup: Backup status must be available and not {status}.");
}
