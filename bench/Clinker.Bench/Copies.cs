using System.Security.Cryptography;
using System.Text;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>What moves a volume's data, against dd, which writes as much to the same directory and makes it durable: ratios of the same round.</summary>
sealed class Copies(Site site, Daemon daemon, Report report, Scale scale) : OfOneVolume(site, daemon)
{
    public override async Task Run()
    {
        using var client = new Client(Daemon.Port);
        var volume = Volume(client);
        var file = FileOf(volume);
        var (data, probe) = (Path.Combine(Site.State, "data"), Path.Combine(Path.GetDirectoryName(file)!, "probe"));
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
                client.Ask(Requests.Post($"/backups/{id}/restore", $$"""{"restore": {"volume_id": "{{into}}"} }""")).Must(202);
                Settled(client, "/volumes/" + into);
                return Task.CompletedTask;
            }));
            foreach (var path in (string[])["/backups/" + id, "/volumes/" + into])
                Gone(client, path);
        }
        await File.WriteAllBytesAsync(data, Text());
        await Dd(data, file);
        var packed = new List<double>();
        for (var round = 0; round < scale.Rounds; round++)
        {
            var id = "";
            packed.Add(await Timed(() => { id = Made(client, "/backups", $$"""{"backup": {"volume_id": "{{volume}}"} }"""); return Task.CompletedTask; }));
            Gone(client, "/backups/" + id);
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

    string Volume(Client client) => Made(client, "/volumes", """{"volume": {"size": 1}}""");
}
