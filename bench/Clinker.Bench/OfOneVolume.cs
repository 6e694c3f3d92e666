using System.Diagnostics;
using System.Text;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>A part of the bench that asks for one thing after the other, of volumes that hold data.</summary>
abstract class OfOneVolume(Site site, Daemon daemon)
{
    protected const int DataMb = 256;
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    protected Site Site => site;
    protected Daemon Daemon => daemon;
    protected Requests Requests { get; } = new(daemon.Port);

    public abstract Task Run();

    /// <summary>Of a volume that was just made.</summary>
    protected string FileOf(string volume) =>
        Directory.EnumerateFiles(Path.Combine(site.State, "volumes"), "volume-" + volume, SearchOption.AllDirectories).Single();

    /// <summary>Writes it, durably.</summary>
    protected static async Task Dd(string from, string to)
    {
        var result = await Processes.Run("dd", [$"if={from}", $"of={to}", "bs=1M", "conv=notrunc,fsync", "status=none"], Patience);
        if (result.ExitCode != 0) throw new InvalidDataException($"dd: {result.Error}");
    }

    /// <summary>How many seconds it takes; what others have left to be written to the disk is written before.</summary>
    protected static async Task<double> Timed(Func<Task> what)
    {
        await Processes.Run("sync", [], Patience);
        var began = Stopwatch.GetTimestamp();
        await what();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>What was asked for, once it is available.</summary>
    protected string Made(Client client, string path, string body)
    {
        var id = Encoding.ASCII.GetString(client.Ask(Requests.Post(path, body)).Must(202).Member("\"id\":"u8));
        Settled(client, $"{path}/{id}");
        return id;
    }

    protected void Settled(Client client, string path) => Load.Until(client, Requests.Get(path), answer =>
    {
        var status = answer.Must(200).Member("\"status\":"u8);
        return status.IndexOf("error"u8) < 0 ? status.SequenceEqual("available"u8) : throw new InvalidDataException($"{path} has failed.");
    });

    protected void Gone(Client client, string path)
    {
        client.Ask(Requests.Delete(path)).Must(202);
        Load.Until(client, Requests.Get(path), a => a.Status == 404);
    }
}
