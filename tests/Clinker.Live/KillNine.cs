using System.Collections.Concurrent;
using Clinker.Host;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Clinker.Live;

/// <summary>The real daemon, ended by SIGKILL again and again under load, on a real GlusterFS.</summary>
public sealed class KillNine(ITestOutputHelper output)
{
    const int Clients = 4;

    /// <summary>How often; a hundred times for the figure in a release note, fewer in every run.</summary>
    static readonly int Kills = int.TryParse(Environment.GetEnvironmentVariable("CLINKER_KILLS"), out var n) ? n : 25;

    [Fact]
    public async Task Every_accepted_request_ends_as_asked()
    {
        await using var site = await Site.Up(more: "max_over_subscription_ratio = 10000"); // thousands of volumes on a small disk
        await using var daemon = site.Daemon();
        await daemon.Start();
        using var over = new CancellationTokenSource();
        var wanted = new ConcurrentDictionary<string, string>(); // id → available or gone
        var clients = Enumerable.Range(0, Clients).Select(i => Background.Start(() => Load(daemon, wanted, i, over.Token))).ToList();

        var random = new Random(7);
        for (var i = 0; i < Kills; i++)
        {
            await Task.Delay(random.Next(20, 400));
            await daemon.Kill();
            await daemon.Start();
        }
        await over.CancelAsync();
        await Task.WhenAll(clients);

        foreach (var (id, want) in wanted)
        {
            var end = await daemon.Settled(id, TimeSpan.FromSeconds(90));
            Assert.True(want == end, $"{id} should be {want}, is {end}:\n{string.Join('\n', daemon.Log.Split('\n').Where(l => l.Contains("ERROR", StringComparison.Ordinal)))}");
        }
        // Nothing but what was answered: a request whose answer the kill ate may have been accepted, and then ended too.
        foreach (var id in (await daemon.Volumes()).Keys.Where(id => !wanted.ContainsKey(id)))
            Assert.Contains(await daemon.Settled(id, TimeSpan.FromSeconds(90)), (string[])["available", "gone"]);
        var rows = await daemon.Volumes();
        var (files, others) = site.Files();
        Assert.Equal(rows.Keys.Order(), files.Order());
        Assert.All(others, o => Assert.Contains(".g", o, StringComparison.Ordinal));
        Assert.Equal(0, await daemon.Stop());
        Recount(site);
        output.WriteLine($"kill -9: {Kills} times, {wanted.Count} accepted volumes, {rows.Count} left, {others.Count} work files left for the sweep");
    }

    /// <summary>Creates and deletes without pause; what the daemon accepted is written down.</summary>
    static async Task Load(Daemon daemon, ConcurrentDictionary<string, string> wanted, int client, CancellationToken over)
    {
        var random = new Random(client);
        var mine = new List<string>();
        while (!over.IsCancellationRequested)
        {
            try
            {
                if (mine.Count < 5 || random.Next(2) == 0)
                {
                    if (await daemon.Create(1, $"load-{client}") is not { } id) continue;
                    wanted[id] = "available";
                    mine.Add(id);
                }
                else
                {
                    var id = mine[random.Next(mine.Count)];
                    if (await daemon.Show(id) is not { } volume) { mine.Remove(id); continue; }
                    if ((string)volume["status"]! != "available") continue;
                    // From the question on nobody knows whether it was accepted: an answer settles it.
                    wanted.TryRemove(id, out _);
                    mine.Remove(id);
                    if (await daemon.Delete(id) == System.Net.HttpStatusCode.Accepted) wanted[id] = "gone";
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
            {
                await Task.Delay(20, CancellationToken.None); // it was just killed
            }
        }
    }

    /// <summary>The rows of the database agree with each other.</summary>
    static void Recount(Site site)
    {
        SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());
        var file = Directory.EnumerateFiles(site.Folder, "*.sqlite", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(site.Folder, "*.db", SearchOption.AllDirectories)).First();
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        long Number(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
        }
        Assert.Equal(0, Number("select count(*) from operation where status not in ('done', 'failed')"));
        Assert.Equal(0, Number("select count(*) from operation where status = 'failed'"));
        Assert.Equal(0, Number("select count(*) from hold"));
        Assert.Equal(Number("select count(*) from volume"), Number("select coalesce(sum(in_use), 0) from quota_usage where resource = 'volumes'"));
        Assert.Equal(Number("select coalesce(sum(size_gb), 0) from volume"),
            Number("select coalesce(sum(in_use), 0) from quota_usage where resource = 'gigabytes'"));
        Assert.Equal(Number("select count(*) from volume"), Number("select coalesce(sum(volumes), 0) from pool"));
        Assert.Equal(Number("select coalesce(sum(size_gb), 0) from volume"), Number("select coalesce(sum(allocated_gb), 0) from pool"));
    }
}
