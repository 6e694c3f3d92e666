using System.Net.Sockets;
using System.Xml;
using System.Xml.Linq;
using Clinker.Cli.Checks;

namespace Clinker.Cli.Shares;

/// <summary>A brick, and the port it listens on; null when it does not run.</summary>
internal sealed record Brick(string Host, string Path, int? Port);

/// <summary>What is known of a Gluster volume, or why nothing is.</summary>
internal sealed record VolumeFacts(IReadOnlyList<Brick> Bricks, IReadOnlyList<Translator> Graph, string? Problem);

/// <summary>
/// Learns a volume's bricks and their ports, first as a client does when it mounts (glusterd's own protocol, which needs no
/// package), else by the gluster command where it is installed (which also speaks TLS).
/// </summary>
internal sealed class BrickFinder(Terminal terminal, string? glusterdSocket)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(20);

    public async Task<VolumeFacts> Find(Share share)
    {
        var problems = new List<string>();
        foreach (var server in share.Servers.Concat(share.BackupServers).Distinct())
        {
            try
            {
                return await Ask(server, share.Volume);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                problems.Add($"{server}: {(e is OperationCanceledException ? "no answer" : e.Message)}");
            }
        }
        foreach (var server in share.Servers)
            if (await Command(server, share.Volume) is { Count: > 0 } bricks) return new VolumeFacts(bricks, [], null);
        return new VolumeFacts([], [], string.Join("; ", problems));
    }

    static async Task<VolumeFacts> Ask(string server, string volume)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var rpc = await GlusterRpc.Connect(server, limit.Token);
        if (await rpc.VolumeFile(volume, limit.Token) is not { } text)
            throw new IOException($"glusterd gives no volume '{volume}' (not there, not started, or not for this host)");
        var graph = Graph.Parse(text);
        var bricks = new List<Brick>();
        foreach (var host in Graph.Bricks(graph).GroupBy(b => b.Host))
        {
            // Each server knows the ports of its own bricks only.
            try
            {
                using var own = await GlusterRpc.Connect(host.Key, limit.Token);
                foreach (var (_, path) in host) bricks.Add(new Brick(host.Key, path, await own.BrickPort(path, limit.Token)));
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                bricks.AddRange(host.Select(b => new Brick(b.Host, b.Path, null)));
            }
        }
        return new VolumeFacts(bricks, graph, null);
    }

    async Task<IReadOnlyList<Brick>> Command(string server, string volume)
    {
        if (await Gluster([$"--remote-host={server}", "volume", "status", volume]) is not { } answer) return [];
        return [.. answer.Descendants("node").Select(n => (Host: n.Element("hostname")?.Value ?? "", Path: n.Element("path")?.Value ?? "", Port: n.Element("port")?.Value))
            .Where(n => n.Path.StartsWith('/')) // the others are self-heal daemons and the like
            .Select(n => new Brick(n.Host, n.Path, int.TryParse(n.Port, out var port) ? port : null))];
    }

    /// <summary>All options of a volume with those not set, as the gluster command tells on one of its servers; empty elsewhere.</summary>
    public async Task<IReadOnlyDictionary<string, string>> Options(Share share)
    {
        // "volume get" is not for remote hosts: glusterd answers it on its local socket only, and a glusterd of this host
        // that is not the share's may have a volume of the same name.
        if ((glusterdSocket is not null || await IsLocal(share)) && await Gluster(["volume", "get", share.Volume, "all"]) is { } all && all.Descendants("Opt").Any())
            return all.Descendants("Opt").DistinctBy(o => o.Element("Option")?.Value)
                .ToDictionary(o => o.Element("Option")?.Value ?? "", o => (o.Element("Value")?.Value ?? "").Replace(" (DEFAULT)", "", StringComparison.Ordinal));
        foreach (var server in share.Servers)
            if (await Gluster([$"--remote-host={server}", "volume", "info", share.Volume]) is { } info && info.Descendants("volume").Any())
                return info.Descendants("option").ToDictionary(o => o.Element("name")?.Value ?? "", o => o.Element("value")?.Value ?? "");
        return new Dictionary<string, string>();
    }

    static async Task<bool> IsLocal(Share share)
    {
        foreach (var server in share.Servers)
            if ((await Reach.Resolve(server)).Addresses.Any(Reach.IsHere)) return true;
        return false;
    }

    async Task<XElement?> Gluster(string[] arguments)
    {
        if (Tool.Find("gluster", terminal) is not { } program) return null;
        string[] socket = glusterdSocket is null || arguments[0].StartsWith("--remote-host", StringComparison.Ordinal) ? [] : [$"--glusterd-sock={glusterdSocket}"];
        if (await Tool.Run(program, ["--mode=script", .. socket, .. arguments, "--xml"], CommandPatience) is not { ExitCode: 0 } ended) return null;
        try
        {
            var answer = XElement.Parse(ended.Output);
            return answer.Element("opRet")?.Value == "0" ? answer : null;
        }
        catch (XmlException)
        {
            return null; // without privileges it prints a sentence
        }
    }
}
