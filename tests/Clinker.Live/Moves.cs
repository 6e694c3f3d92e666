using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Live;

/// <summary>A volume that goes from share to share with all that is in it, and a daemon that is killed meanwhile.</summary>
public sealed class Moves(ITestOutputHelper output)
{
    const int Kills = 10;
    const int WrittenBytes = 96 * 1024 * 1024;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task A_volume_moves_from_share_to_share_whenever_its_daemon_is_killed()
    {
        await using var site = await Site.Up();
        string[] shares = [site.Share, await site.Second()];
        await File.WriteAllLinesAsync(site.SharesFile, shares);
        await using var daemon = site.Daemon();
        await daemon.Start();
        var id = (await daemon.Create(1))!;
        Assert.Equal("available", await daemon.Settled(id, Patience));
        var before = Found(site, shares).Single();
        await Write(before.Path);
        var content = await Hash(before.Path);
        var (from, to) = (shares[before.Share], shares[1 - before.Share]);
        var pool = ((string)(await daemon.Show(id))!["os-vol-host-attr:host"]!).Replace(from, to, StringComparison.Ordinal);

        using var asked = await daemon.Http.PostAsJsonAsync($"volumes/{id}/action",
            new JsonObject { ["os-migrate_volume"] = new JsonObject { ["host"] = pool, ["lock_volume"] = true } });
        Assert.True(asked.IsSuccessStatusCode, await asked.Content.ReadAsStringAsync());
        var killed = 0;
        for (var random = new Random(7); killed < Kills && await Migration(daemon, id) is not ("success" or "error"); killed++)
        {
            await Task.Delay(random.Next(20, 400));
            await daemon.Kill();
            // At no moment is there none that is whole.
            Assert.Contains(content, await Task.WhenAll(Found(site, shares).Select(f => Hash(f.Path))));
            await daemon.Start();
        }
        for (var waited = Stopwatch.StartNew(); await Migration(daemon, id) is not ("success" or "error") and var now; await Task.Delay(20))
            Assert.True(waited.Elapsed < Patience, $"still {now}:\n{daemon.Log}");
        var volume = (await daemon.Show(id))!;
        Assert.Equal(("success", "available", pool),
            ((string?)volume["migration_status"], (string?)volume["status"], (string?)volume["os-vol-host-attr:host"]));
        for (var waited = Stopwatch.StartNew(); Found(site, shares).Count > 1; await Task.Delay(20))
            Assert.True(waited.Elapsed < Patience, $"the old file is still there:\n{daemon.Log}");
        var after = Found(site, shares).Single();
        Assert.Equal((to, content), (shares[after.Share], await Hash(after.Path)));
        Assert.Equal($"volume-{volume["os-vol-mig-status-attr:name_id"]}", Path.GetFileName(after.Path));
        Assert.True(new FileInfo(after.Path).Length == 1L << 30);
        await daemon.Delete(id);
        Assert.Equal("gone", await daemon.Settled(id, Patience));
        Assert.Empty(Found(site, shares));
        Assert.Equal(0, site.Sql("select count(*) from reservation"));
        output.WriteLine($"moved {WrittenBytes >> 20} MiB, killed {killed} times meanwhile");
    }

    /// <summary>Between two backends, as an administrator thinks better of it.</summary>
    [Fact]
    public async Task A_move_that_is_cancelled_in_the_midst_of_its_copy_ends_at_once_and_leaves_nothing()
    {
        await using var site = await Site.Up(more: "enabled_backends = a, b");
        string[] shares = [site.Share, await site.Second()];
        foreach (var (share, name) in shares.Zip((string[])["a", "b"]))
        {
            await File.WriteAllTextAsync(site.SharesFile + name, share + "\n");
            await File.AppendAllTextAsync(site.Config, $"""
                [{name}]
                volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
                glusterfs_shares_config = {site.SharesFile + name}
                glusterfs_mount_point_base = {site.Folder}/volumes

                """);
        }
        await using var daemon = site.Daemon();
        await daemon.Start();
        var id = (await daemon.Create(2))!;
        Assert.Equal("available", await daemon.Settled(id, Patience));
        var before = Found(site, shares).Single();
        await Write(before.Path, LargeBytes);
        var content = await Hash(before.Path);
        var host = (string)(await daemon.Show(id))!["os-vol-host-attr:host"]!;
        var to = host.Split('#')[0];
        to = to[..^1] + (to[^1] == 'a' ? 'b' : 'a');
        var room = site.Sql("select count(*) from reservation");
        await daemon.Post($"volumes/{id}/action", $$"""{"os-migrate_volume": {"host": "{{to}}"} }""");

        JsonNode work;
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            work = (await daemon.Http.GetFromJsonAsync<JsonObject>($"operations?kind=MigrateVolume&resource_uuid={id}"))!["operations"]![0]!;
            Assert.Contains((string)work["status"]!, (string[])["queued", "running"]);
            if ((long?)work["bytes_done"] > 0) break;
            Assert.True(waited.Elapsed < Patience, $"it says nothing:\n{daemon.Log}");
        }
        var (done, total) = ((long)work["bytes_done"]!, (long)work["bytes_total"]!);
        Assert.InRange(done, 1, LargeBytes - 1);
        Assert.InRange(total, LargeBytes, LargeBytes + (LargeBytes / 16)); // what was never written is not counted
        var clock = Stopwatch.StartNew();
        await daemon.Post($"operations/{work["id"]}/action", """{"os-cancel": null}""");
        await daemon.Becomes($"operations/{work["id"]}", "failed", Patience);
        var ended = clock.Elapsed;
        Assert.InRange(ended, TimeSpan.Zero, TimeSpan.FromSeconds(3));

        var volume = (await daemon.Show(id))!;
        Assert.Equal(("available", host, "error"), ((string?)volume["status"], (string?)volume["os-vol-host-attr:host"], (string?)volume["migration_status"]));
        work = (await daemon.Http.GetFromJsonAsync<JsonObject>($"operations/{work["id"]}"))!["operation"]!;
        Assert.Equal("It was cancelled by an administrator.", (string?)work["fault"]);
        Assert.Contains("cancelled", (string?)(await daemon.Http.GetFromJsonAsync<JsonObject>("messages"))!["messages"]![0]!["user_message"], StringComparison.Ordinal);
        for (var waited = Stopwatch.StartNew(); site.Sql("select count(*) from reservation") != room; await Task.Delay(20))
            Assert.True(waited.Elapsed < Patience, $"what was copied is not deleted:\n{daemon.Log}");
        var left = Found(site, shares).Single();
        Assert.Equal((before, content), (left, await Hash(left.Path)));
        Assert.All(shares, share => Assert.Empty(site.Files(share).Others));
        Assert.Equal(0, site.Sql("select count(*) from hold"));
        output.WriteLine($"cancelled at {done >> 20} of {total >> 20} MiB, ended {ended.TotalSeconds:0.00} s later");
    }

    const int LargeBytes = 3 * 240 * 1024 * 1024;

    static async Task<string?> Migration(Daemon daemon, string id) => (string?)(await daemon.Show(id))!["migration_status"];

    /// <summary>All volumes' files, with the number of the share where each lies.</summary>
    static List<(int Share, string Path)> Found(Site site, string[] shares) => [.. shares.SelectMany((share, i) =>
        site.Files(share).Volumes.Select(id => (i, Path.Combine(site.MountOf(share), $"volume-{id}"))))];

    /// <summary>At the beginning, in the middle and at the end.</summary>
    static async Task Write(string path, int size = WrittenBytes)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        var bytes = new byte[size / 3];
        new Random(1).NextBytes(bytes);
        foreach (var at in (long[])[0, 500_000_000, (1L << 30) - bytes.Length])
        {
            file.Position = at;
            await file.WriteAsync(bytes);
        }
        file.Flush(flushToDisk: true);
    }

    static async Task<string> Hash(string path)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexString(await SHA256.HashDataAsync(file));
    }
}
