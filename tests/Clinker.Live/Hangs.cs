using System.Collections.Concurrent;
using System.Diagnostics;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Xunit;

namespace Clinker.Live;

/// <summary>A share that hangs while volumes are made, and comes back: every create ends by itself, whatever it had come to.</summary>
public sealed class Hangs(ITestOutputHelper output)
{
    const int Clients = 16;

    /// <summary>How long it hangs: longer than an act may take (30 s) and than Gluster's network.ping-timeout (42 s). Longer by hand.</summary>
    static readonly TimeSpan Hang = TimeSpan.FromSeconds(
        int.TryParse(Environment.GetEnvironmentVariable("CLINKER_HANG"), out var seconds) ? seconds : 45);

    /// <summary>What is stuck is tried again a minute after it stuck, once the backend reports.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);

    static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_client_that_stands_still_for_longer_than_acts_may_take_leaves_nothing_behind()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience)); // it is mounted
        var clients = await Mounts.Clients(site.Mount, "");
        Assert.NotEmpty(clients);
        Task Signal(string signal) => Processes.Run("kill", [signal, .. clients.Select(c => $"{c.Process}")], Soon);
        var accepted = await Creating(daemon, () => Signal("-STOP"));
        await Signal("-CONT");
        await AllEnd(site, daemon, accepted);
    }

    [Fact]
    public async Task What_got_stuck_on_a_hung_brick_is_undone_when_the_brick_is_back()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        var accepted = await Creating(daemon, () => site.Gluster("brick-hang"));

        // The tries that would take three minutes, and those of the undo that would take an hour, are taken as made.
        var clock = Stopwatch.StartNew();
        long Live(string status) => site.Sql($"select count(*) from operation where status in ({status})");
        while (Live("'queued', 'running', 'unwinding'") > 0)
        {
            Assert.True(clock.Elapsed < Patience, "with no tries left operations still go on");
            site.Sql("update operation set attempts = 13, run_after = 0 where status = 'queued' and owner is null returning 0");
            site.Sql("update operation set attempts = 129, run_after = 0 where status = 'unwinding' and owner is null returning 0");
            await Task.Delay(200);
        }
        var (stuck, failed) = (Live("'stuck'"), Live("'failed'"));
        output.WriteLine($"{stuck} creates stuck, {failed} in error at once, since nothing was made of them");
        Assert.InRange(stuck, 1, Worker.MaxRunning); // those that had begun to make a file, and nobody else waits for the share
        Assert.InRange(failed, 1, int.MaxValue);

        await site.Gluster("brick-resume");
        await AllEnd(site, daemon, accepted);
    }

    [Fact]
    public async Task A_share_that_hangs_holds_up_no_work_on_another()
    {
        await using var site = await Site.Up();
        string[] shares = [site.Share, await site.Second()];
        await File.WriteAllLinesAsync(site.SharesFile, shares);
        await using var daemon = site.Daemon();
        await daemon.Start();
        var (hanging, well) = (await On(shares[0]), await On(shares[1]));
        await Write(hanging, 512);
        var content = await SumOf(hanging.Path);
        var snapshot = (string)(await daemon.Post("snapshots", $$$"""{"snapshot": {"volume_id": "{{{well.Id}}}"}}"""))["snapshot"]!["id"]!;
        await daemon.Becomes($"snapshots/{snapshot}", "available", Soon);
        var top = Path.Combine(site.MountOf(shares[1]), $"volume-{well.Id}.{snapshot}");
        Assert.Contains("wrote 4194304", (await Sh($"qemu-io -f qcow2 -c 'write -P 7 0 4M' {top}")).Output, StringComparison.Ordinal);

        // In the midst of what reads there, so that a file is open on it.
        await daemon.Post($"volumes/{hanging.Id}/action", $$$"""{"os-migrate_volume": {"host": "{{{well.Host}}}"}}""");
        var clients = string.Join(' ', (await Mounts.Clients(site.MountOf(shares[0]), "")).Select(c => c.Process));
        await Task.Delay(300);
        await Sh($"kill -STOP {clients}");
        try
        {
            await Task.Delay(1000);
            Assert.Equal("migrating", (string?)(await daemon.Show(hanging.Id))!["migration_status"]);
            // To be deleted it has to be put together: QEMU's programs do that.
            using (var answer = await daemon.Http.DeleteAsync(new Uri($"snapshots/{snapshot}", UriKind.Relative))) Assert.True(answer.IsSuccessStatusCode);
            await daemon.Becomes($"snapshots/{snapshot}", "gone", Soon);
            Assert.False(File.Exists(top));
        }
        finally { await Sh($"kill -CONT {clients}"); }
        for (var waited = Stopwatch.StartNew(); (string?)(await daemon.Show(hanging.Id))!["migration_status"] != "success"; await Task.Delay(100))
            Assert.True(waited.Elapsed < Patience, daemon.Log);
        var moved = (string)(await daemon.Show(hanging.Id))!["os-vol-mig-status-attr:name_id"]!;
        Assert.Equal(content, await SumOf(Path.Combine(site.MountOf(shares[1]), $"volume-{moved}")));

        async Task<(string Id, string Host, string Path)> On(string share)
        {
            while (true)
            {
                var id = (await daemon.Create(1))!;
                Assert.Equal("available", await daemon.Settled(id, Patience));
                var host = (string)(await daemon.Show(id))!["os-vol-host-attr:host"]!;
                if (host.EndsWith('#' + share)) return (id, host, Path.Combine(site.MountOf(share), $"volume-{id}"));
            }
        }

        static async Task Write((string Id, string Host, string Path) volume, int mib) =>
            Assert.Equal(0, (await Sh($"head -c {mib}M /dev/urandom | dd of={volume.Path} bs=1M conv=notrunc,fsync")).ExitCode);

        static async Task<string> SumOf(string path) => (await Sh($"b2sum < {path}")).Output;

        static Task<ProcessResult> Sh(string line) => Processes.Run("bash", ["-c", line], Patience);
    }

    /// <summary>Clients that create all the time, meanwhile a hang; the ids of what was accepted when it has lasted.</summary>
    static async Task<IReadOnlyCollection<string>> Creating(Daemon daemon, Func<Task> hang)
    {
        var accepted = new ConcurrentBag<string>();
        var (hangs, over) = (false, false);
        var load = Enumerable.Range(0, Clients).Select(_ => Background.Start(async () =>
        {
            while (!Volatile.Read(ref over))
            {
                if (await daemon.Create(1) is { } id) accepted.Add(id);
                await Task.Delay(Volatile.Read(ref hangs) ? 5000 : 20);
            }
        })).ToList();
        await Task.Delay(2000);
        await hang();
        hangs = true;
        await Task.Delay(Hang);
        over = true;
        await Task.WhenAll(load);
        return accepted;
    }

    /// <summary>Each is available or in error, files are as rows, nothing is under way; and service goes on.</summary>
    async Task AllEnd(Site site, Daemon daemon, IReadOnlyCollection<string> accepted)
    {
        var clock = Stopwatch.StartNew();
        var ends = new Dictionary<string, string>();
        foreach (var id in accepted) ends[id] = await daemon.Settled(id, Patience);
        output.WriteLine($"{ends.Count} creates ended {clock.Elapsed.TotalSeconds:0} s after the share was back: "
            + string.Join(", ", ends.Values.CountBy(e => e).Select(e => $"{e.Value} {e.Key}")));
        Assert.All(ends.Values, end => Assert.Contains(end, (string[])["available", "error"]));
        Assert.Contains("available", ends.Values);
        var (files, others) = site.Files();
        var rows = await daemon.Volumes();
        Assert.Equal(rows.Where(r => r.Value == "available").Select(r => r.Key).Order(), files.Order());
        Assert.Empty(others);
        Assert.Equal(0, site.Sql("select count(*) from operation where status not in ('done', 'failed')"));
        foreach (var id in ends.Where(e => e.Value == "error").Select(e => e.Key).Take(10))
        {
            await daemon.Delete(id);
            Assert.Equal("gone", await daemon.Settled(id, Patience));
        }
        Assert.Equal("available", await daemon.Settled((await daemon.Create(1))!, Patience));
    }
}
