using System.Diagnostics;

namespace Clinker.Bench;

/// <summary>What is only read: one volume, and pages of many.</summary>
sealed class Reads(Daemon daemon, Report report, Scale scale)
{
    /// <summary>Clients of the rate of shows.</summary>
    const int Clients = 32;

    readonly Requests requests = new(daemon.Port);

    public void Show(string id)
    {
        var request = requests.Get($"/volumes/{id}");
        var rounds = new List<double[]>();
        var (rates, cpu, own) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < scale.Rounds; round++)
        {
            rounds.Add(Load.Alone(daemon.Port, request, scale.Shows));
            var (cpuBefore, ownBefore, began) = (daemon.CpuSeconds(), Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
            var rate = Load.Together(daemon.Port, Clients, () => Stopwatch.GetElapsedTime(began) < scale.RateTime ? request : null, 200);
            var answered = rate * Stopwatch.GetElapsedTime(began).TotalSeconds;
            rates.Add(rate);
            cpu.Add((daemon.CpuSeconds() - cpuBefore) / answered * 1000);
            own.Add((Environment.CpuUsage.TotalTime - ownBefore).TotalSeconds / answered * 1000);
        }
        report.Percentiles("show by id, alone", rounds, Bar.AtMost(0.7));
        report.Add($"shows by {Clients} clients", "1/s", rates, Bar.Least(4000));
        report.Add("CPU of the daemon per 1,000 shows", "s", cpu);
        report.Add("CPU of the load generator per 1,000 shows", "s", own);
    }

    /// <param name="of">How many volumes the database has.</param>
    public void Page(int size, int of, Bar? half = null, Bar? most = null)
    {
        var request = requests.Get($"/volumes/detail?limit={size}");
        Load.Alone(daemon.Port, request, 10);
        var (rounds, cpu) = (new List<double[]>(), new List<double>());
        for (var round = 0; round < scale.Rounds; round++)
        {
            var before = daemon.CpuSeconds();
            rounds.Add(Load.Alone(daemon.Port, request, scale.Pages));
            cpu.Add((daemon.CpuSeconds() - before) / (scale.Pages + 1) * 1000);
        }
        report.Percentiles($"{size:N0} of {of:N0} volumes in detail", rounds, half, most);
        report.Add("CPU of the daemon for it", "ms", cpu);
    }
}
