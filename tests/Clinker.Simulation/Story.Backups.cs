using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>The stories of backups.</summary>
sealed partial record Story
{
    static IEnumerable<Story> OfBackups
    {
        get
        {
            var backup = new Story("Backup", AVolume, (w, s) => w.Backup(s.Volume!),
                "available 1 old; backup available old", "available 1 old; backup error");
            var inUse = new Story("BackupInUse", AUse, (w, s) => w.Backup(s.Volume!), "in-use 1 old; backup available old", "in-use 1 old; backup error");
            var restore = new Story("Restore", ABackup, (w, s) => w.Restore(s.Backup!, s.Volume!),
                "available 1 old; backup available old", "available 1 newer; backup available old", "error_restoring 1 newer; backup available old",
                "error_restoring 1 old; backup available old");
            var fromBackup = new Story("CreateFromBackup", ABackup, (w, s) => w.Create(sizeGb: 2, source: new VolumeSource.OfBackup(s.Backup!.Id)),
                "available 1 newer; available 2 old; backup available old", "available 1 newer; error 2; backup available old");
            var delete = new Story("DeleteBackup", ABackup, (w, s) => w.Delete(s.Backup!), "available 1 newer",
                "available 1 newer; backup error_deleting old", "available 1 newer; backup error_deleting");
            var deleteCinders = new Story("DeleteCinders", CindersBackups, (w, s) => w.Delete(s.Backup!), "available 1 old; backup available cinder",
                "available 1 old; backup available cinder; backup error_deleting Cinder", "available 1 old; backup available cinder; backup error_deleting");
            return
            [
                backup,
                ThatFails(backup, "put object: publish", backup.Ends[1]),
                inUse,
                ThatFails(inUse, "put object: publish", inUse.Ends[1]),
                new("BackupOfSnapshot", ASnapshot, (w, s) => w.Backup(s.Volume!, s.Snapshot!),
                    "available 1 new; available 1 old; backup available old", "available 1 new; available 1 old; backup error"),
                new("Increment", ABackup, (w, s) => w.Backup(s.Volume!, incremental: true),
                    "available 1 newer; backup available old; backup available newer", "available 1 newer; backup available old; backup error"),
                restore,
                ThatFails(restore, "refill: publish", restore.Ends[2], restore.Ends[1], restore.Ends[3]),
                fromBackup,
                ThatFails(fromBackup, "create filled: publish", fromBackup.Ends[1]),
                delete,
                ThatFails(delete, "remove backup: objects", delete.Ends[2], delete.Ends[1]),
                new("ImportBackup", ABackup, async (w, s) => await w.Import(await w.Exported(s.Backup!)),
                    "available 1 newer; backup available old", "available 1 newer; backup error old"),
                new("ImportCinders", ACindersBackup, (w, s) => w.Import(s.Record!),
                    "available 1 old; backup available cinder; backup available Cinder", "available 1 old; backup available cinder; backup error old"),
                new("RestoreCinders", CindersBackups, (w, s) => w.Restore(s.Backup!, s.Volume!),
                    "available 1 Cinder; backup available cinder; backup available Cinder", "available 1 old; backup available cinder; backup available Cinder",
                    "error_restoring 1 old; backup available cinder; backup available Cinder",
                    "error_restoring 1 Cinder; backup available cinder; backup available Cinder"),
                deleteCinders,
                ThatFails(deleteCinders, "remove objects", deleteCinders.Ends[1]),
            ];
        }
    }

    /// <summary>A full backup that Cinder wrote and that is taken in, and an increment of it that is not yet.</summary>
    static async Task<Scene> ACindersBackup(World world)
    {
        var volume = (await AVolume(world)).Volume!;
        var full = world.CinderBackup(volume, "cinder");
        await world.Import(full.Record);
        await world.RunUntroubled();
        var part = world.CinderBackup(volume, "Cinder", (full.Row, "cinder"));
        return new(volume, Backup: part.Row, Record: part.Record);
    }

    static async Task<Scene> CindersBackups(World world)
    {
        var scene = await ACindersBackup(world);
        await world.Import(scene.Record!);
        await world.RunUntroubled();
        return scene;
    }

    /// <summary>A volume that was written to since its backup.</summary>
    static async Task<Scene> ABackup(World world)
    {
        var volume = (await AVolume(world)).Volume!;
        var backup = await world.Backup(volume);
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, "newer");
        return new(volume, Backup: backup);
    }
}
