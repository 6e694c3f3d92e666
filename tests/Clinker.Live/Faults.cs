using System.Collections.Concurrent;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>What happens around the daemon: bricks, glusterd, a full share, a broken shares file. Service goes on by itself.</summary>
public sealed class Faults
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task A_brick_that_dies_under_load_and_comes_back_loses_nothing()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        var accepted = new ConcurrentBag<string>();
        using var over = new CancellationTokenSource();
        var load = Background.Start(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                if (await daemon.Create(1) is { } id) accepted.Add(id);
                await Task.Delay(20, CancellationToken.None);
            }
        });
        await Task.Delay(1000);
        await site.Gluster("brick-kill");
        await Task.Delay(4000);
        await site.Gluster("brick-start");
        await Task.Delay(2000);
        await over.CancelAsync();
        await load;
        var ends = new Dictionary<string, string>();
        foreach (var id in accepted) ends[id] = await daemon.Settled(id, Patience);
        Assert.True(ends.Count > 20);
        Assert.All(ends.Values, end => Assert.Contains(end, (string[])["available", "error"]));
        Assert.Contains("available", ends.Values);
        var (files, _) = site.Files();
        Assert.Equal(ends.Where(e => e.Value == "available").Select(e => e.Key).Order(), files.Order());
        var after = await daemon.Create(1);
        Assert.Equal("available", await daemon.Settled(after!, Patience));
    }

    [Fact]
    public async Task With_glusterd_down_volumes_are_made_and_deleted_all_the_same()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience));
        await site.Gluster("glusterd-kill");
        var id = (await daemon.Create(1))!;
        Assert.Equal("available", await daemon.Settled(id, Patience));
        await daemon.Delete(id);
        Assert.Equal("gone", await daemon.Settled(id, Patience));
        await site.Gluster("glusterd-start");
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience));
    }

    [Fact]
    public async Task A_full_share_ends_in_error_with_nothing_left_and_serves_again_when_there_is_room()
    {
        await using var site = await Site.Up(size: "2G", more: "nas_volume_prov_type = thick\nmax_over_subscription_ratio = 20");
        await using var daemon = site.Daemon();
        await daemon.Start();
        await site.Gluster("fill", "vol1", "200");
        var id = (await daemon.Create(1))!;
        Assert.Equal("error", await daemon.Settled(id, Patience));
        Assert.Empty(site.Files().Volumes);
        Assert.Empty(site.Files().Others);
        await daemon.Delete(id);
        Assert.Equal("gone", await daemon.Settled(id, Patience));
        await site.Gluster("unfill");
        for (var i = 0; i < 60; i++)
        {
            var again = (await daemon.Create(1))!;
            if (await daemon.Settled(again, Patience) == "available") return;
            await Task.Delay(500); // until the next report tells the scheduler of the room
        }
        Assert.Fail("There is room again, but no volume is made.");
    }

    [Fact]
    public async Task A_shares_file_that_breaks_while_running_is_named_and_the_share_goes_on()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        await File.WriteAllTextAsync(site.SharesFile, $"{site.Share}\nthis is no share\n");
        await Task.Delay(3000);
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience));
        Assert.Contains("shares.conf", daemon.Log, StringComparison.Ordinal);
        await File.WriteAllTextAsync(site.SharesFile, $"{site.Share}\n");
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience));
    }

    [Fact]
    public async Task A_share_that_hangs_holds_up_nothing_else()
    {
        await using var site = await Site.Up();
        await File.AppendAllTextAsync(site.SharesFile, await site.Second() + "\n");
        await using var daemon = site.Daemon();
        await daemon.Start();
        await site.Gluster("brick-hang", "vol2");
        var ids = new List<string>();
        for (var i = 0; i < 10; i++) ids.Add((await daemon.Create(1))!);
        // Those that were placed on the hung share wait for it; the others are made, and the API answers.
        var ends = await Task.WhenAll(ids.Select(async id =>
        {
            try { return await daemon.Settled(id, TimeSpan.FromSeconds(45)); }
            catch (Xunit.Sdk.XunitException) { return "waits"; }
        }));
        Assert.True(ends.Contains("available"), $"{string.Join(", ", ends)}\n{daemon.Log}");
        await site.Gluster("brick-resume", "vol2");
        foreach (var id in ids) Assert.Contains(await daemon.Settled(id, Patience), (string[])["available", "error"]);
        var rows = await daemon.Volumes();
        var files = site.Files().Volumes.Concat(site.Files($"{site.Node}:/vol2").Volumes).Order();
        Assert.Equal(rows.Where(r => r.Value == "available").Select(r => r.Key).Order(), files);
    }
}
