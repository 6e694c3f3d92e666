using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>What moves a volume's data, against dd, which writes as much to the same directory and makes it durable: ratios of the same round.</summary>
sealed class Copies(Site site, Daemon daemon, Report report, Scale scale)
{
    const int DataMb = 256;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    readonly Requests requests = new(daemon.Port);

    public async Task Run()
    {
        using var client = new Client(daemon.Port);
        var volume = Volume(client);
        var file = Directory.EnumerateFiles(Path.Combine(site.State, "volumes"), "volume-" + volume, SearchOption.AllDirectories).Single();
        var (data, probe) = (Path.Combine(site.State, "data"), Path.Combine(Path.GetDirectoryName(file)!, "probe"));
        await File.WriteAllBytesAsync(data, RandomNumberGenerator.GetBytes(DataMb << 20)); // nothing that could be made smaller
        await Dd(data, file);
        var (dd, backup, restore) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < scale.Rounds; round++)
        {
            dd.Add(await Timed(() => Dd(data, probe)));
            File.Delete(probe);
            var (id, into) = ("", Volume(client));
            backup.Add(await Timed(() => { id = Made(client, "/backups", $$"""{"backup": {"volume_id": "{{volume}}"} }"""); return Task.CompletedTask; }));
            restore.Add(await Timed(() =>
            {
                client.Ask(requests.Post($"/backups/{id}/restore", $$"""{"restore": {"volume_id": "{{into}}"} }""")).Must(202);
                Settled(client, "/volumes/" + into);
                return Task.CompletedTask;
            }));
            foreach (var path in (string[])["/backups/" + id, "/volumes/" + into])
            {
                client.Ask(requests.Delete(path)).Must(202);
                Load.Until(client, requests.Get(path), a => a.Status == 404);
            }
        }
        await File.WriteAllBytesAsync(data, Text());
        await Dd(data, file);
        var packed = new List<double>();
        for (var round = 0; round < scale.Rounds; round++)
        {
            var id = "";
            packed.Add(await Timed(() => { id = Made(client, "/backups", $$"""{"backup": {"volume_id": "{{volume}}"} }"""); return Task.CompletedTask; }));
            client.Ask(requests.Delete("/backups/" + id)).Must(202);
            Load.Until(client, requests.Get("/backups/" + id), a => a.Status == 404);
        }
        report.Add($"dd of {DataMb} MiB, durable", "MiB/s", [.. dd.Select(s => DataMb / s)]);
        report.Add("backup of as much, to dd", "", Ratios(dd, backup), Bar.Least(0.6));
        report.Add("backup of as much text, to dd", "", Ratios(dd, packed));
        report.Add("restore of it, to dd", "", Ratios(dd, restore), Bar.Least(0.6));
    }

    /// <summary>Words in no order, which shrink to about a third.</summary>
    static byte[] Text()
    {
        var words = Enumerable.Range(0, 1000).Select(_ => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Random.Shared.Next(2, 8))).TrimEnd('=') + " ").ToArray();
        var text = new StringBuilder(DataMb << 20);
        while (text.Length < DataMb << 20) text.Append(words[Random.Shared.Next(words.Length)]);
        return Encoding.ASCII.GetBytes(text.ToString(0, DataMb << 20));
    }

    static List<double> Ratios(List<double> dd, List<double> ours) => [.. dd.Zip(ours, (d, o) => d / o)];

    static async Task Dd(string from, string to)
    {
        var result = await Processes.Run("dd", [$"if={from}", $"of={to}", "bs=1M", "conv=notrunc,fsync", "status=none"], Patience);
        if (result.ExitCode != 0) throw new InvalidDataException($"dd: {result.Error}");
    }

    static async Task<double> Timed(Func<Task> what)
    {
        var began = Stopwatch.GetTimestamp();
        await what();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    string Volume(Client client) => Made(client, "/volumes", """{"volume": {"size": 1}}""");

    string Made(Client client, string path, string body)
    {
        var id = Encoding.ASCII.GetString(client.Ask(requests.Post(path, body)).Must(202).Member("\"id\":"u8));
        Settled(client, $"{path}/{id}");
        return id;
    }

    void Settled(Client client, string path) => Load.Until(client, requests.Get(path), answer =>
    {
        var status = answer.Must(200).Member("\"status\":"u8);
        return status.IndexOf("error"u8) < 0 ? status.SequenceEqual("available"u8) : throw new InvalidDataException($"{path} has failed.");
    });
}
