using System.Collections.Concurrent;
using System.Diagnostics;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>The real daemon, ended by SIGKILL again and again under load, on a real GlusterFS.</summary>
public sealed class KillNine(ITestOutputHelper output)
{
    const int Clients = 4;

    /// <summary>How many volumes a client keeps at most: a load that is steady, whatever the machine can do.</summary>
    const int Kept = 50;

    /// <summary>How many kills there are between two lines of progress.</summary>
    const int Told = 10;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>How often; a hundred times for the figure in a release note, fewer in every run.</summary>
    static readonly int Kills = FromEnvironment("CLINKER_KILLS", 100);

    /// <summary>Decides when to kill and what the clients do.</summary>
    static readonly int Seed = FromEnvironment("CLINKER_SEED", 7);

    static int FromEnvironment(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var n) ? n : otherwise;

    [Fact]
    public async Task Every_accepted_request_ends_as_asked()
    {
        await using var site = await Site.Up(more: "max_over_subscription_ratio = 1000"); // hundreds of volumes on a small disk
        await using var daemon = site.Daemon();
        await daemon.Start();
        using var over = new CancellationTokenSource();
        var wanted = new ConcurrentDictionary<string, string>(); // id → available or gone
        var clients = Enumerable.Range(0, Clients).Select(i => Background.Start(() => Load(daemon, wanted, i, over.Token))).ToList();

        int Deleted() => wanted.Values.Count(want => want == "gone");
        var random = new Random(Seed);
        var clock = Stopwatch.StartNew();
        for (var i = 1; i <= Kills; i++)
        {
            // Every other life is long enough for work to end in it, however slow the machine; the others may end while it starts.
            var before = Deleted();
            for (var began = clock.Elapsed; i % 2 == 0 && Deleted() == before && clock.Elapsed - began < Patience;) await Task.Delay(5);
            await Task.Delay(random.Next(20, 600));
            await daemon.Kill();
            await daemon.Start();
            if (i % Told == 0)
                await Console.Error.WriteLineAsync(
                    $"kill -9 (seed {Seed}): {i} of {Kills} after {clock.Elapsed.TotalSeconds:0} s, {wanted.Count} volumes accepted");
        }
        await over.CancelAsync();
        await Task.WhenAll(clients);

        var settling = Stopwatch.StartNew();
        foreach (var (id, want) in wanted)
        {
            var end = await daemon.Settled(id, Patience);
            if (want != end) Assert.Fail($"{id} should be {want}, is {end}:\n{string.Join('\n', daemon.Log.Split('\n').Where(l => l.Contains("ERROR", StringComparison.Ordinal)))}");
        }
        // Nothing but what was answered: a request whose answer the kill ate may have been accepted, and then ended too.
        foreach (var id in (await daemon.Volumes()).Keys.Where(id => !wanted.ContainsKey(id)))
            Assert.Contains(await daemon.Settled(id, Patience), (string[])["available", "gone"]);
        var settled = settling.Elapsed;
        var rows = await daemon.Volumes();
        var (files, others) = site.Files();
        Assert.Equal(rows.Keys.Order(), files.Order());
        Assert.All(others, o => Assert.Contains(".g", o, StringComparison.Ordinal));
        Assert.Equal(0, await daemon.Stop());
        Recount(site);
        Assert.InRange(Deleted(), Kills / 2, int.MaxValue);
        output.WriteLine($"kill -9 (seed {Seed}): {Kills} times in {clock.Elapsed.TotalSeconds:0} s, {wanted.Count} accepted volumes, {rows.Count} left, "
            + $"settled {settled.TotalSeconds:0.0} s after the last, {others.Count} work files left for the sweep");
    }

    /// <summary>Creates and deletes without pause; what the daemon accepted is written down.</summary>
    static async Task Load(Daemon daemon, ConcurrentDictionary<string, string> wanted, int client, CancellationToken over)
    {
        var random = new Random((Seed * Clients) + client);
        var mine = new List<string>();
        while (!over.IsCancellationRequested)
        {
            try
            {
                if (mine.Count < 5 || (mine.Count < Kept && random.Next(2) == 0))
                {
                    if (await daemon.Create(1, $"load-{client}") is not { } id) continue;
                    wanted[id] = "available";
                    mine.Add(id);
                }
                else
                {
                    var id = mine[random.Next(mine.Count)];
                    if (await daemon.Show(id) is not { } volume) { mine.Remove(id); continue; }
                    if ((string)volume["status"]! != "available") { await Task.Delay(5, CancellationToken.None); continue; }
                    // From the question on nobody knows whether it was accepted: an answer settles it.
                    wanted.TryRemove(id, out _);
                    mine.Remove(id);
                    if (await daemon.Delete(id) == System.Net.HttpStatusCode.Accepted) wanted[id] = "gone";
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException or System.Net.Sockets.SocketException)
            {
                await Task.Delay(20, CancellationToken.None); // it was just killed
            }
        }
    }

    /// <summary>The rows of the database agree with each other.</summary>
    static void Recount(Site site)
    {
        Assert.Equal(0, site.Sql("select count(*) from operation where status not in ('done', 'failed')"));
        Assert.Equal(0, site.Sql("select count(*) from operation where status = 'failed'"));
        Assert.Equal(0, site.Sql("select count(*) from hold"));
        Assert.Equal(site.Sql("select count(*) from volume"), site.Sql("select coalesce(sum(in_use), 0) from quota_usage where resource = 'volumes'"));
        Assert.Equal(site.Sql("select coalesce(sum(size_gb), 0) from volume"),
            site.Sql("select coalesce(sum(in_use), 0) from quota_usage where resource = 'gigabytes'"));
        Assert.Equal(site.Sql("select count(*) from volume"), site.Sql("select coalesce(sum(volumes), 0) from pool"));
        Assert.Equal(site.Sql("select coalesce(sum(size_gb), 0) from volume"), site.Sql("select coalesce(sum(allocated_gb), 0) from pool"));
    }
}
