using Clinker.Conformance.Roles;

namespace Clinker.Bench;

/// <summary>
/// What it costs that callers show tokens, when these are known: two daemons that differ in nothing else, asked by turns. And what
/// ten thousand tokens weigh.
/// </summary>
sealed class WithTokens(Report report, Scale scale)
{
    const int Many = 10_000;
    const int Clients = 8;
    const string Token = "bench:admin:admin,member,reader";

    public async Task Run()
    {
        var port = Daemon.FreePort();
        await using var identity = new Tokens(port);
        await using var open = Site.Embedded();
        await using var closed = Site.WithKeystone(port);
        using var without = Daemon.Start(open);
        using var with = Daemon.Start(closed, Token);
        (Daemon Daemon, Requests Requests)[] both = [(without, new(without.Port)), (with, new(with.Port, Token))];
        var (rates, cpu, pages) = (new List<double>[] { [], [] }, new List<double>[] { [], [] }, new List<double>[] { [], [] });
        foreach (var (daemon, requests) in both) Accept(daemon, requests); // what is set up once is
        for (var round = 0; round < scale.Rounds; round++)
        {
            for (var i = 0; i < 2; i++)
            {
                var before = both[i].Daemon.CpuSeconds();
                rates[i].Add(Accept(both[i].Daemon, both[i].Requests));
                cpu[i].Add(both[i].Daemon.CpuSeconds() - before);
            }
            for (var i = 0; i < 2; i++)
                pages[i].Add(Statistics.Percentile(Load.Alone(both[i].Daemon.Port, both[i].Requests.Get("/volumes/detail?limit=50"), scale.Shows), 50));
        }
        report.Add($"creates accepted by {Clients} clients, without tokens", "1/s", rates[0]);
        report.Add($"creates accepted by {Clients} clients, with known ones", "1/s", rates[1]);
        report.Add("creates accepted, with to without", "", Ratios(rates), Bar.Least(0.9));
        report.Add("CPU of the daemon for it, with to without", "", Ratios(cpu), Bar.AtMost(1.1));
        report.Add("50 in detail, without tokens: p50", "ms", pages[0]);
        report.Add("50 in detail, with a known one: p50", "ms", pages[1]);
        report.Add("50 in detail, with to without", "", Ratios(pages), Bar.AtMost(1.1));

        var resident = with.ResidentMb();
        using (var client = new Client(with.Port))
            for (var i = 0; i < Many; i++)
                client.Ask(new Requests(with.Port, $"user-{i:x27}:{i:x32}:member,reader", $"{i:x32}").Get("/volumes?limit=1")).Must(200);
        report.Add($"{Many:N0} tokens known: resident, more by", "MB", [with.ResidentMb() - resident], Bar.AtMost(20));
        await with.Stop();
        await without.Stop();
    }

    /// <summary>Of what was measured in the same round.</summary>
    static List<double> Ratios(List<double>[] both) => [.. both[1].Zip(both[0], (with, without) => with / without)];

    double Accept(Daemon daemon, Requests requests)
    {
        var left = scale.Accepted;
        var rate = Load.Together(daemon.Port, Clients, () => Interlocked.Decrement(ref left) >= 0 ? requests.Create : null, 202);
        using var client = new Client(daemon.Port);
        Load.Until(client, requests.Get("/volumes?limit=1&status=creating"), answer => answer.Must(200).Body.IndexOf("\"id\":"u8) < 0);
        return rate;
    }
}
