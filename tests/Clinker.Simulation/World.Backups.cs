using Clinker.Backups;
using Clinker.Drivers.Memory;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What users ask of backups, accepted as the API accepts it.</summary>
sealed partial class World
{
    /// <summary>What outlives daemons of the backups: two bytes of a volume an object.</summary>
    public MemoryObjects Objects { get; } = new();

    /// <summary>Backups that were imported: what lies there of them is another database's.</summary>
    public HashSet<string> Imported { get; } = [];

    public MemoryBackups NewBackups(Func<string, Task>? touch = null) => new(Objects, touch) { ChunkBytes = 2 };

    public Task<Backup> Backup(Volume volume, Snapshot? snapshot = null, bool incremental = false)
    {
        Later();
        var (id, temporary, operation) = (ids.New(), ids.New(), ids.New());
        return Db.Commit(tx => CreateBackup.Accept(tx, new Backup
        {
            Id = id,
            ProjectId = "p",
            UserId = "u",
            VolumeId = volume.Id,
            SnapshotId = snapshot?.Id,
            SizeGb = 0,
            Status = BackupStatus.Creating,
            DataTimestamp = tx.Now,
            CreatedAt = tx.Now,
        }, incremental, force: true, QuotaLimits.None, temporary, operation, "req-8"));
    }

    public Task Restore(Backup backup, Volume to)
    {
        Later();
        return Db.Commit(tx => RestoreBackup.Accept(tx, backup.Id, to.Id, ids.New(), "req-9"));
    }

    public Task Delete(Backup backup)
    {
        Later();
        return Db.Commit(tx => DeleteBackup.Accept(tx, backup.Id, BackupRules.Delete, TimeSpan.FromDays(1), ids.New(), "req-10"));
    }

    /// <summary>A backup that is as another database made it: its objects are there, and its record.</summary>
    public async Task<string> Exported(Backup backup)
    {
        var row = await Db.Read(tx => tx.Backups.Get(backup.Id));
        await Db.Commit(async tx =>
        {
            await tx.Backups.Remove(row.Id);
            await tx.Quotas.GiveBack(row);
        });
        Imported.Add(row.Id);
        return BackupRecord.Of(row);
    }

    public Task Import(string record)
    {
        Later();
        return Db.Commit(tx => ImportBackup.Accept(
            tx, BackupRecord.Read(record, "p", "u", tx.Now), QuotaLimits.None, TimeSpan.FromDays(1), ids.New(), "req-11"));
    }
}
