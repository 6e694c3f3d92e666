using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary>A server that this host has to reach, and at which ports.</summary>
/// <param name="Host">As the shares file or glusterd names it.</param>
/// <param name="Ports">glusterd's, and those of its bricks; ranges as <c>49152:60999</c>.</param>
/// <param name="Note">Why the ports are not exact; null when they are.</param>
internal sealed record Opening(string Host, IReadOnlyList<IPAddress> Addresses, IReadOnlyList<string> Ports, string? Note);

/// <summary>Rules for outgoing packets, for iptables and nft.</summary>
internal static class FirewallRules
{
    /// <summary>base-port and max-port of glusterd.vol as shipped: where a brick may listen.</summary>
    public const string BrickRange = "49152:60999";

    /// <summary>The most ports that one multiport match takes (iptables-extensions(8)); a range counts as two.</summary>
    const int MostPorts = 15;

    /// <summary>Which servers and ports the shares use, each server once.</summary>
    public static IReadOnlyList<(string Host, IReadOnlyList<string> Ports, string? Note)> Needed(IEnumerable<(Share Share, VolumeFacts Facts)> shares)
    {
        var hosts = new Dictionary<string, (SortedSet<int> Ports, List<string> Notes)>(StringComparer.OrdinalIgnoreCase);
        foreach (var (share, facts) in shares)
        {
            foreach (var server in share.Servers.Concat(share.BackupServers).Concat(facts.Bricks.Select(b => b.Host))) Of(server);
            foreach (var brick in facts.Bricks)
                if (brick.Port is { } port) Of(brick.Host).Ports.Add(port);
                else Of(brick.Host).Notes.Add($"brick {brick.Path} of {share.Volume} does not run, so its port is not known");
            if (facts.Problem is { } problem)
                foreach (var server in share.Servers.Concat(share.BackupServers)) Of(server).Notes.Add($"the bricks of {share.Volume} could not be learnt ({problem})");
        }
        return [.. hosts.Select(h => (h.Key, (IReadOnlyList<string>)[.. h.Value.Ports.Where(p => h.Value.Notes.Count == 0 || p < 49152).Select(p => $"{p}"),
            .. h.Value.Notes.Count > 0 ? new[] { BrickRange } : []], h.Value.Notes.Count > 0 ? string.Join("; ", h.Value.Notes.Distinct()) : null))];

        (SortedSet<int> Ports, List<string> Notes) Of(string host)
        {
            if (!hosts.TryGetValue(host, out var needs)) hosts[host] = needs = ([GlusterRpc.Port], []);
            return needs;
        }
    }

    public static string Iptables(IEnumerable<Opening> openings)
    {
        var text = new StringBuilder();
        foreach (var opening in openings)
        {
            Comment(text, opening);
            foreach (var address in opening.Addresses)
                foreach (var ports in Portions(opening.Ports))
                {
                    var match = ports is [var one] ? $"--dport {one}" : $"-m multiport --dports {string.Join(',', ports)}";
                    var program = address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6tables" : "iptables";
                    text.Append($"{program} -A OUTPUT -d {address} -p tcp {match} -j ACCEPT\n");
                }
        }
        return text.ToString();
    }

    public static string Nft(IEnumerable<Opening> openings)
    {
        var text = new StringBuilder();
        foreach (var opening in openings)
        {
            Comment(text, opening);
            foreach (var address in opening.Addresses)
                text.Append($"nft add rule inet filter output {(address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "ip")} daddr {address} tcp dport {{ {string.Join(", ", opening.Ports.Select(p => p.Replace(':', '-')))} }} accept\n");
        }
        return text.ToString();
    }

    public static JsonArray Json(IEnumerable<Opening> openings) => new([.. openings.Select(o => (JsonNode)new JsonObject
    {
        ["server"] = o.Host,
        ["addresses"] = new JsonArray([.. o.Addresses.Select(a => (JsonNode)a.ToString())]),
        ["protocol"] = "tcp",
        ["ports"] = new JsonArray([.. o.Ports.Select(p => (JsonNode)p.Replace(':', '-'))]),
        ["exact"] = o.Note is null,
        ["note"] = o.Note,
    })]);

    static void Comment(StringBuilder text, Opening opening)
    {
        text.Append($"# {opening.Host}: glusterd and bricks\n");
        if (opening.Note is not null) text.Append($"# NOTE: {opening.Note}: the whole range that bricks may listen in is opened\n");
        if (opening.Addresses.Count == 0) text.Append($"# NOTE: {opening.Host} can't be resolved: no rule for it\n");
    }

    static IEnumerable<string[]> Portions(IReadOnlyList<string> ports)
    {
        var portion = new List<string>();
        var used = 0;
        foreach (var port in ports)
        {
            var weight = port.Contains(':') ? 2 : 1;
            if (used + weight > MostPorts)
            {
                yield return [.. portion];
                portion.Clear();
                used = 0;
            }
            portion.Add(port);
            used += weight;
        }
        if (portion.Count > 0) yield return [.. portion];
    }
}
