using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Clinker.Cli.Shares;

/// <summary>One line of a shares file: a Gluster volume that volumes are kept on.</summary>
/// <param name="Source">The file and line it stands in, for people.</param>
/// <param name="Address">As written, without the options: <c>HOST:VOLUME</c> or <c>HOST:/VOLUME</c>.</param>
/// <param name="Servers">The servers named before the colon, usually one; IPv6 without brackets.</param>
/// <param name="Volume">The Gluster volume.</param>
/// <param name="Subdirectory">What is mounted below its root; empty for all of it.</param>
/// <param name="Options">Mount options as written.</param>
internal sealed record Share(string Source, string Address, IReadOnlyList<string> Servers, string Volume, string Subdirectory, string Options)
{
    /// <summary>The directory's name below the mount base: MD5 of the address as written, as the historical driver had it.</summary>
#pragma warning disable CA5351 // a name that is given, not a secret
    public string MountName => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(Address)));
#pragma warning restore CA5351

    /// <summary>Servers that mount falls back to, from <c>backup-volfile-servers=a:b</c> or <c>backupvolfile-server=a</c>.</summary>
    public IReadOnlyList<string> BackupServers => [.. MountOptions
        .Where(o => o.Name is "backup-volfile-servers" or "backupvolfile-server" or "backup-volfile-server")
        .SelectMany(o => o.Value.Split(':', StringSplitOptions.RemoveEmptyEntries)).Distinct()];

    IEnumerable<(string Name, string Value)> MountOptions => Options
        .Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(w => w != "-o")
        .SelectMany(w => (w.StartsWith("-o", StringComparison.Ordinal) ? w[2..] : w).Split(','))
        .Select(o => o.IndexOf('=') is > 0 and var at ? (o[..at], o[(at + 1)..]) : (o, ""));
}

/// <summary>A line that can't be used, and why.</summary>
internal sealed record BadLine(string Source, string Why);

/// <summary>
/// The shares file's grammar: <c>HOST:VOLUME[/DIR] [options]</c>, with or without a slash before the volume; blank lines and
/// lines that start with <c>#</c> are passed over; <c>\040</c> stands for a blank; of lines with one address the last counts.
/// </summary>
internal static class SharesFile
{
    public static (IReadOnlyList<Share> Shares, IReadOnlyList<BadLine> Bad) Parse(string path, string text)
    {
        var shares = new Dictionary<string, Share>(StringComparer.Ordinal);
        var bad = new List<BadLine>();
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line.StartsWith('#')) continue;
            var source = $"{path}, line {number}";
            if (ParseLine(source, line, out var share) is { } why) bad.Add(new BadLine(source, why));
            else shares[share!.Address] = share;
        }
        return ([.. shares.Values], bad);
    }

    /// <returns>Why it can't be used; null when it can.</returns>
    internal static string? ParseLine(string source, string line, out Share? share)
    {
        share = null;
        var blank = line.IndexOfAny([' ', '\t']);
        var address = (blank < 0 ? line : line[..blank]).Replace("\\040", " ", StringComparison.Ordinal);
        var options = blank < 0 ? "" : line[(blank + 1)..].Trim();
        var colon = address.IndexOf(":/", StringComparison.Ordinal);
        if (colon < 0) colon = address.LastIndexOf(':');
        if (colon < 0) return $"'{address}' has no ':' between server and volume; write HOST:VOLUME.";
        var path = address[(colon + 1)..].TrimStart('/');
        var slash = path.IndexOf('/');
        var volume = slash < 0 ? path : path[..slash];
        var servers = address[..colon].Split(',').Select(Bare).ToList();
        if (servers.Find(s => !IsHost(s)) is { } wrong) return wrong.Length == 0 ? $"'{address}' names no server before the ':'." : $"'{wrong}' is not a host name or address.";
        if (volume.Length == 0) return $"'{address}' names no volume after the ':'.";
        // What glusterd lets a volume be called (cli_cmd_volume_create_parse).
        if (volume.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-'))) return $"'{volume}' can't be a Gluster volume: letters, digits, '_' and '-' are.";
        share = new Share(source, address, servers, volume, slash < 0 ? "" : path[(slash + 1)..].TrimEnd('/'), options);
        return null;
    }

    static string Bare(string host) => host is ['[', .., ']'] ? host[1..^1] : host;

    static bool IsHost(string host) => host.Contains(':')
        ? IPAddress.TryParse(host, out _)
        : host.Length is > 0 and < 254 && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') && host[0] is not ('-' or '.');
}
