using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>
/// A real Keystone (tests/openstack/keystone-up) that takes questions for a minute and answers none, while known tokens list and create
/// and new ones arrive: what goes on, what is turned away, and who waits for how long.
/// </summary>
sealed class Outage(Report report)
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    static readonly TimeSpan Before = TimeSpan.FromSeconds(15);
    static readonly TimeSpan Away = TimeSpan.FromSeconds(60);
    static readonly TimeSpan After = TimeSpan.FromSeconds(15);

    /// <summary>Clients with known tokens, of each kind, and how long each rests: a load that leaves the machine time.</summary>
    const int Clients = 4;
    static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(20);

    /// <summary>Between two new tokens.</summary>
    static readonly TimeSpan Arrival = TimeSpan.FromMilliseconds(200);

    readonly ConcurrentBag<(string Phase, string What, int Status, double Ms)> seen = [];
    volatile string phase = "";

    public async Task Run()
    {
        var port = Daemon.FreePort();
        await using var site = Site.WithKeystone(port);
        var folder = Path.Combine(site.State, "keystone");
        await Script("keystone-up", folder, $"{port}");
        try
        {
            var arrivals = (int)((Before + Away + After) / Arrival);
            var tokens = await Tokens(port, Clients + arrivals);
            using var daemon = Daemon.Start(site, tokens[0].Text, tokens[0].Project);
            foreach (var token in tokens.Take(Clients)) Ask(daemon, token, "warm up", r => r.Get("/volumes"), 1);
            using var over = new CancellationTokenSource();
            var load = tokens.Take(Clients).SelectMany(t => (IEnumerable<Thread>)[
                Begin(() => Ask(daemon, t, "list, known token", r => r.Get("/volumes/detail?limit=50"), int.MaxValue, over.Token)),
                Begin(() => Ask(daemon, t, "create, known token", r => r.Create, int.MaxValue, over.Token)),
            ]).ToList();
            var arriving = Begin(() =>
            {
                foreach (var token in tokens.Skip(Clients))
                {
                    load.Add(Begin(() => Ask(daemon, token, "list, new token", r => r.Get("/volumes?limit=1"), 1)));
                    if (over.Token.WaitHandle.WaitOne(Arrival)) break;
                }
            });
            await Phase("before", Before);
            await Signal(folder, "STOP");
            await Phase("away", Away);
            await Signal(folder, "CONT");
            await Phase("after", After);
            await over.CancelAsync();
            arriving.Join();
            foreach (var thread in load) thread.Join();
            await daemon.Stop();
        }
        finally
        {
            await Signal(folder, "CONT");
            await Script("keystone-down", folder);
        }
        Tell();
    }

    async Task Phase(string name, TimeSpan length)
    {
        phase = name;
        await Task.Delay(length);
    }

    /// <summary>Asks as often as is said, and remembers each answer under the phase in which it was asked.</summary>
    void Ask(Daemon daemon, (string Text, string Project) token, string what, Func<Requests, byte[]> request, int times, CancellationToken over = default)
    {
        using var client = new Client(daemon.Port);
        var bytes = request(new Requests(daemon.Port, token.Text, token.Project));
        for (var i = 0; i < times && !over.WaitHandle.WaitOne(i == 0 ? TimeSpan.Zero : Rest); i++)
        {
            var (asked, began) = (phase, Stopwatch.GetTimestamp());
            var status = client.Ask(bytes).Status;
            seen.Add((asked, what, status, Stopwatch.GetElapsedTime(began).TotalMilliseconds));
        }
    }

    static Thread Begin(ThreadStart what)
    {
        var thread = new Thread(what, 256 * 1024) { IsBackground = true };
        thread.Start();
        return thread;
    }

    void Tell()
    {
        foreach (var name in (string[])["before", "away", "after"])
            foreach (var group in seen.Where(s => s.Phase == name).GroupBy(s => (s.What, s.Status)).OrderBy(g => g.Key))
            {
                var times = group.Select(s => s.Ms).ToList();
                report.Say(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-8}{group.Key.What,-22}{group.Key.Status,5}{times.Count,8}  p50 {Statistics.Percentile(times, 50),8:0.0} ms  p99 {Statistics.Percentile(times, 99),8:0.0} ms  longest {times.Max(),8:0.0} ms"));
            }
    }

    /// <summary>New tokens of the fixture's user demo.</summary>
    static async Task<List<(string Text, string Project)>> Tokens(int port, int count)
    {
        using var http = new HttpClient { Timeout = Patience };
        var body = """
            {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "demo", "domain": {"id": "default"}, "password": "secret"}}},
            "scope": {"project": {"name": "demo", "domain": {"id": "default"}}}}}
            """;
        var tokens = new List<(string, string)>();
        for (var i = 0; i < count; i++)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await http.PostAsync(new Uri($"http://127.0.0.1:{port}/v3/auth/tokens?nocatalog"), content);
            answer.EnsureSuccessStatusCode();
            tokens.Add((answer.Headers.GetValues("X-Subject-Token").Single(), (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["token"]!["project"]!["id"]!));
        }
        return tokens;
    }

    static async Task Script(string name, params string[] arguments)
    {
        var result = await Processes.Run(Path.Combine(Site.Root, "tests", "openstack", name), arguments, Patience);
        if (result.ExitCode != 0) throw new InvalidDataException($"{name}: {result.Error}{result.Output}");
    }

    /// <summary>To all of its processes.</summary>
    static async Task Signal(string folder, string name) =>
        await Processes.Run("kill", [$"-{name}", "--", $"-{(await File.ReadAllTextAsync(Path.Combine(folder, "keystone.pid"))).Trim()}"], Patience);
}
