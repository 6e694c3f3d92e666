using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Clinker.Tests.Api;
using Xunit;

namespace Clinker.Live;

/// <summary>Backups by the published daemon: volumes on a real GlusterFS, backups on a share of their own, or in a directory on theirs.</summary>
public sealed class BackupLife(ITestOutputHelper output)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    const int MiB = 1024 * 1024;

    /// <summary>Where the volume is written to, and around that: offsets in MiB, 4 MiB each.</summary>
    static readonly int[] Written = [0, 4, 8, 12, 16, 20, 512, 696, 700, 704, 708, 1020];

    [Fact]
    public async Task What_was_lost_comes_back_byte_for_byte()
    {
        await using var site = await Site.Up();
        await site.Gluster("add", "backups");
        var (share, mounts) = ($"{site.Node}:backups", Path.Combine(site.Folder, "volumes")); // whose mounts the site takes away at its end
        await File.AppendAllTextAsync(site.Config,
            $"backup_driver = cinder.backup.drivers.glusterfs.GlusterfsBackupDriver\nglusterfs_backup_share = {share}\nglusterfs_backup_mount_point = {mounts}\n");
        var folder = Path.Combine(site.MountOf(share), "backups");
        await using var daemon = site.Daemon();
        await daemon.Start();
        var clock = Stopwatch.StartNew();
        var volume = (string)(await daemon.Post("volumes", """{"volume": {"size": 1}}"""))["volume"]!["id"]!;
        await daemon.Becomes($"volumes/{volume}", "available", Patience);
        var random = new Random(1);
        await Write(volume, 0, 9 * MiB + 123);
        await Write(volume, 700L * MiB + 77, 5 * MiB);
        await Write(volume, 1024L * MiB - 512, 512);
        var first = await Sum(volume);
        var full = await Backup();
        var files = Objects().Count;
        Assert.Equal(3 + 2 + 1 + 1, files); // chunks of 4 MiB that are not all zeroes, and the index

        await Write(volume, 4 * MiB, 4096);
        var second = await Sum(volume);
        var part = await Backup(", \"incremental\": true");
        Assert.Equal(files + 2, Objects().Count);

        await Write(volume, 0, 20 * MiB);
        foreach (var (id, sum) in new[] { (part, second), (full, first) })
        {
            await daemon.Post($"backups/{id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
            await daemon.Becomes($"volumes/{volume}", "available", Patience);
            await daemon.Becomes($"backups/{id}", "available", Patience);
            Assert.Equal(sum, await Sum(volume));
        }
        var made = (string)(await daemon.Post($"backups/{part}/restore", """{"restore": {}}"""))["restore"]!["volume_id"]!;
        await daemon.Becomes($"volumes/{made}", "available", Patience);
        Assert.Equal(second, await Sum(made));

        // A daemon that is killed while it restores goes on where it was.
        await daemon.Post($"backups/{part}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
        await daemon.Kill();
        await daemon.Start();
        await daemon.Becomes($"volumes/{volume}", "available", Patience);
        Assert.Equal(second, await Sum(volume));

        // So it does when it is killed while it writes a backup: what it has written stays as it is.
        await Write(volume, 100L * MiB, 240 * MiB);
        second = await Sum(volume);
        var again = (string)(await daemon.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"} }"""))["backup"]!["id"]!;
        for (var waited = Stopwatch.StartNew(); Published(again).Count < 8; await Task.Delay(1)) Assert.True(waited.Elapsed < Patience, daemon.Log);
        await daemon.Kill();
        var before = Published(again);
        Assert.DoesNotContain(before.Keys, f => f.EndsWith("/index", StringComparison.Ordinal));
        await daemon.Start();
        await daemon.Becomes($"backups/{again}", "available", Patience);
        var after = Published(again);
        Assert.All(before, f => Assert.Equal(f.Value, after[f.Key]));
        Assert.Equal(3 + 2 + 60 + 1 + 1, after.Count);
        output.WriteLine($"{before.Count} of {after.Count} objects were there when the daemon was killed, and stayed");

        // A piece that rots is noticed, and the volume keeps what it had.
        var rotten = Objects().First(f => f.Contains(again, StringComparison.Ordinal) && !f.EndsWith("index", StringComparison.Ordinal));
        await using (var file = File.OpenWrite(rotten)) file.WriteByte(0xff);
        await daemon.Post($"backups/{again}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
        await daemon.Becomes($"volumes/{volume}", "error_restoring", Patience);
        Assert.Equal(second, await Sum(volume));

        foreach (var id in new[] { again, part, full })
        {
            using (var answer = await daemon.Http.DeleteAsync(new Uri($"backups/{id}", UriKind.Relative))) Assert.True(answer.IsSuccessStatusCode);
            await daemon.Becomes($"backups/{id}", "gone", Patience);
        }
        Assert.Empty(Objects());
        Assert.Equal(0, site.Sql("select coalesce(sum(in_use), 0) from quota_usage where resource like 'backup%'"));
        output.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s");

        List<string> Objects() => [.. Directory.GetFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })];

        // When each of a backup's objects was written.
        Dictionary<string, DateTime> Published(string id) =>
            Objects().Where(f => f.Contains(id, StringComparison.Ordinal) && !Path.GetFileName(f).StartsWith('.')).ToDictionary(f => f, File.GetLastWriteTimeUtc);

        string FileOf(string id) => Path.Combine(site.Mount, $"volume-{id}");

        async Task Write(string id, long offset, int length)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            await using var file = new FileStream(FileOf(id), FileMode.Open, FileAccess.Write);
            file.Position = offset;
            await file.WriteAsync(bytes);
            file.Flush(flushToDisk: true);
        }

        async Task<string> Sum(string id)
        {
            await using var file = File.OpenRead(FileOf(id));
            Assert.Equal(1024L * MiB, file.Length);
            using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var piece = new byte[4 * MiB];
            foreach (var at in Written) // elsewhere nothing was ever written
            {
                file.Position = at * (long)MiB;
                await file.ReadExactlyAsync(piece);
                sum.AppendData(piece);
            }
            return Convert.ToHexString(sum.GetHashAndReset());
        }

        async Task<string> Backup(string more = "")
        {
            var id = (string)(await daemon.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"{{more}}} }"""))["backup"]!["id"]!;
            await daemon.Becomes($"backups/{id}", "available", Patience);
            await daemon.Becomes($"volumes/{volume}", "available", Patience);
            return id;
        }
    }

    [Theory, InlineData("zlib"), InlineData("zstd")]
    public async Task What_Cinder_left_on_a_share_comes_back(string compression)
    {
        await using var site = await Site.Up();
        var folder = Path.Combine(site.Mount, "backups");
        await File.AppendAllTextAsync(site.Config, $"backup_driver = directory\nbackup_posix_path = {folder}\n");
        await using var daemon = site.Daemon();
        await daemon.Start();
        var first = (string)(await daemon.Post("volumes", """{"volume": {"size": 1}}"""))["volume"]!["id"]!;
        await daemon.Becomes($"volumes/{first}", "available", Patience); // the share is mounted from here on
        var content = new byte[20 * MiB];
        new Random(1).NextBytes(content.AsSpan(3 * MiB, 5 * MiB));
        content.AsSpan(12 * MiB).Fill((byte)'x');
        var writer = new CinderWriter(folder, "22222222-2222-4222-8222-222222222222", compression);
        var full = writer.Write(content);
        content.AsSpan(4 * MiB, 100_000).Clear();
        var part = writer.Write(content, full.Id);
        foreach (var backup in new[] { part, full })
        {
            await daemon.Post("backups/import_record", $$"""{"backup-record": {"backup_service": "{{writer.Service}}", "backup_url": "{{backup.Record}}"} }""");
            await daemon.Becomes($"backups/{backup.Id}", "available", Patience);
        }
        var made = (string)(await daemon.Post($"backups/{part.Id}/restore", """{"restore": {}}"""))["restore"]!["volume_id"]!;
        await daemon.Becomes($"volumes/{made}", "available", Patience);
        await using (var file = File.OpenRead(Path.Combine(site.Mount, $"volume-{made}")))
        {
            var restored = new byte[content.Length];
            await file.ReadExactlyAsync(restored);
            Assert.Equal(1024L * MiB, file.Length);
            Assert.True(restored.AsSpan().SequenceEqual(content));
        }
        foreach (var backup in new[] { part, full })
        {
            using (var answer = await daemon.Http.DeleteAsync(new Uri($"backups/{backup.Id}", UriKind.Relative))) Assert.True(answer.IsSuccessStatusCode);
            await daemon.Becomes($"backups/{backup.Id}", "gone", Patience);
        }
        Assert.Empty(Directory.GetFiles(folder, "*", SearchOption.AllDirectories));
    }
}
