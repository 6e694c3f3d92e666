using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>What is to take no time, however large a volume is: one by one, from the request until it shows.</summary>
sealed class Instants(Site site, Daemon daemon, Report report, Scale scale) : OfOneVolume(site, daemon)
{
    public override async Task Run()
    {
        await Of(1, "1 GiB", barred: true);
        await Of(1024, "1 TiB", barred: false);
    }

    async Task Of(int sizeGb, string size, bool barred)
    {
        using var client = new Client(Daemon.Port);
        var volume = Made(client, "/volumes", $$"""{"volume": {"size": {{sizeGb}}} }""");
        await Fill(volume);
        var (snapshot, delete, restored, clone, extend, gone) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
        // A volume of its own for what grows: each growth makes the next one start from another size.
        var grown = Made(client, "/volumes", $$"""{"volume": {"size": {{sizeGb}}} }""");
        await Fill(grown);
        for (var round = 0; round < scale.Rounds * 5; round++)
        {
            var (taken, copy, second) = ("", "", "");
            snapshot.Add(Timed(() => taken = Made(client, "/snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }""")));
            restored.Add(Timed(() => copy = Made(client, "/volumes", $$"""{"volume": {"size": {{sizeGb}}, "snapshot_id": "{{taken}}"} }""")));
            gone.Add(Timed(() => Gone(client, "/volumes/" + copy)));
            delete.Add(Timed(() => Gone(client, "/snapshots/" + taken)));
            clone.Add(Timed(() => second = Made(client, "/volumes", $$"""{"volume": {"size": {{sizeGb}}, "source_volid": "{{volume}}"} }""")));
            Gone(client, "/volumes/" + second);
            extend.Add(Timed(() =>
            {
                client.Ask(Requests.Post($"/volumes/{grown}/action", $$"""{"os-extend": {"new_size": {{sizeGb + round + 1}}} }""")).Must(202);
                Settled(client, "/volumes/" + grown);
            }));
        }
        Add("snapshot", snapshot, 60);
        Add("newest snapshot deleted, nothing written since", delete, 150);
        Add("volume from snapshot", restored, 80);
        Add("clone", clone, 100);
        Add("extend", extend, 60);
        Add("delete a clone", gone, null);
        Gone(client, "/volumes/" + volume);
        Gone(client, "/volumes/" + grown);

        void Add(string figure, List<double> times, double? bar) =>
            report.Add($"{figure}, {size}: p50", "ms", [.. times.Chunk(5).Select(c => Statistics.Percentile(c, 50))], barred && bar is { } b ? Bar.AtMost(b) : null);
    }

    async Task Fill(string volume)
    {
        var data = Path.Combine(Site.State, "data");
        await File.WriteAllBytesAsync(data, RandomNumberGenerator.GetBytes(DataMb << 20));
        await Dd(data, FileOf(volume));
        File.Delete(data);
    }

    static double Timed(Action what)
    {
        var began = Stopwatch.GetTimestamp();
        what();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }
}
