using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
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

    /// <summary>Puts a backup where one of Cinder's own drivers would have; gives its row and its record.</summary>
    /// <param name="content">What the volume held.</param>
    /// <param name="parent">What it is an increment of, and what the volume held then: of two bytes that differ, both are kept.</param>
    public (Backup Row, string Record) CinderBackup(Volume volume, string content, (Backup Row, string Content)? parent = null)
    {
        var id = ids.New();
        var (folder, objects) = ($"{id[..2]}/{id[2..4]}/{id}", new List<string>());
        for (var at = 0; at < content.Length; at += 2)
        {
            var piece = content.Substring(at, 2);
            if (piece == parent?.Content.Substring(at, 2)) continue;
            var name = $"p-{objects.Count + 1:d5}";
            Objects.All[$"{folder}/{name}"] = Encoding.Latin1.GetBytes(piece);
            objects.Add($$"""{"{{name}}": {"compression": "none", "length": 2, "md5": "{{Md5(piece)}}", "offset": {{at}} } }""");
        }
        var parentId = parent is { } of ? $"\"{of.Row.Id}\"" : "null";
        var sums = string.Join(", ", content.Chunk(2).Select(b => $"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.Latin1.GetBytes(b)))}\""));
        Objects.All[$"{folder}/p_sha256file"] = Encoding.UTF8.GetBytes($$"""{"backup_id": "{{id}}", "chunk_size": 2, "sha256s": [{{sums}}], "version": "1.0.0"}""");
        Objects.All[$"{folder}/p_metadata"] = Encoding.UTF8.GetBytes(
            $$"""{"backup_id": "{{id}}", "objects": [{{string.Join(", ", objects)}}], "parent_id": {{parentId}}, "version": "1.0.0", "volume_id": "{{volume.Id}}"}""");
        Imported.Add(id);
        var record = Convert.ToBase64String(Encoding.UTF8.GetBytes($$"""
            {"id": "{{id}}", "volume_id": "{{volume.Id}}", "size": 1, "container": "{{folder}}", "service_metadata": "p", "parent_id": {{parentId}},
             "service": "cinder.backup.drivers.posix.PosixBackupDriver"}
            """));
        return (BackupRecord.Read(record, "p", "u", Now), record);
    }

    [SuppressMessage("Security", "CA5351", Justification = "It is Cinder's format.")]
    static string Md5(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.Latin1.GetBytes(text)));

    public Task Import(string record)
    {
        Later();
        return Db.Commit(tx => ImportBackup.Accept(
            tx, BackupRecord.Read(record, "p", "u", tx.Now), QuotaLimits.None, TimeSpan.FromDays(1), ids.New(), "req-11"));
    }
}
