using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Clinker.Cli.Shares;

/// <summary>One line of a shares file: a Gluster volume that volumes are kept on.</summary>
/// <param name="Source">The file and line it stands in, for people.</param>
/// <param name="Address">As written, without the options: <c>HOST:VOLUME</c> or <c>HOST:/VOLUME</c>.</param>
/// <param name="Servers">The servers named before the colon, usually one; IPv6 without brackets.</param>
/// <param name="Volume">The Gluster volume.</param>
/// <param name="Subdirectory">What is mounted below its root; empty for all of it.</param>
/// <param name="Options">Mount options, each <c>name</c> or <c>name=value</c>.</param>
internal sealed record Share(string Source, string Address, IReadOnlyList<string> Servers, string Volume, string Subdirectory, IReadOnlyList<string> Options)
{
    /// <summary>The directory's name below the mount base: MD5 of the address as written, as the historical driver had it.</summary>
#pragma warning disable CA5351 // a name that is given, not a secret
    public string MountName => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(Address)));
#pragma warning restore CA5351

    /// <summary>Servers that mount falls back to, from <c>backup-volfile-servers=a:b</c> or <c>backupvolfile-server=a</c>.</summary>
    public IReadOnlyList<string> BackupServers => [.. Options
        .Where(o => o.StartsWith("backup-volfile-servers=", StringComparison.Ordinal) || o.StartsWith("backupvolfile-server=", StringComparison.Ordinal))
        .SelectMany(o => SharesFile.Backup().Matches(o[(o.IndexOf('=') + 1)..]).Select(m => m.Value.Trim('[', ']'))).Distinct()];
}

/// <summary>A line that can't be used, and why.</summary>
internal sealed record BadLine(string Source, string Why);

/// <summary>
/// The shares file's grammar: <c>HOST:VOLUME[/DIR] [-o options]</c>, with or without a slash before the volume; blank lines and
/// lines that start with <c>#</c> are passed over; <c>\040</c> stands for a blank; of lines with one address the last counts.
/// </summary>
internal static partial class SharesFile
{
    public static (IReadOnlyList<Share> Shares, IReadOnlyList<BadLine> Bad) Parse(string path, string text)
    {
        var shares = new Dictionary<string, Share>(StringComparer.Ordinal);
        var bad = new List<BadLine>();
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim().TrimStart('\ufeff');
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
        var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var address = words[0].Replace("\\040", " ", StringComparison.Ordinal);
        // As the earliest releases of the driver took it, without a slash, the last colon parts the two.
        var colon = address.IndexOf(":/", StringComparison.Ordinal);
        if (colon < 0) colon = address.LastIndexOf(':');
        if (colon < 0) return $"'{address}' has no ':' between server and volume; write HOST:VOLUME.";
        if (colon == 0) return $"'{address}' names no server before the ':'.";
        var path = address[(colon + 1)..].Trim('/');
        var servers = address[..colon].Split(',');
        if (servers.FirstOrDefault(s => !Server().IsMatch(s)) is { } wrong) return $"'{wrong}' is not a host name or address.";
        if (path.Length == 0) return $"'{address}' names no volume after the ':'.";
        var (volume, below) = path.IndexOf('/') is > 0 and var slash ? (path[..slash], path[(slash + 1)..]) : (path, "");
        if (!Volume().IsMatch(volume)) return $"'{volume}' can't be a Gluster volume: letters, digits, '_' and '-' are.";
        if (Options(words.AsSpan(1), out var options) is { } why) return why;
        share = new Share(source, address, [.. servers.Select(s => s.Trim('[', ']'))], volume, below, options);
        return null;
    }

    static string? Options(ReadOnlySpan<string> words, out List<string> options)
    {
        options = [];
        for (var i = 0; i < words.Length; i++)
        {
            var list = words[i] switch
            {
                "-o" or "--options" => ++i < words.Length ? words[i] : "",
                ['-', 'o', .. var rest] => rest,
                _ when words[i].StartsWith("--options=", StringComparison.Ordinal) => words[i]["--options=".Length..],
                _ => null,
            };
            if (list is null) return $"'{words[i]}' is not understood: behind the share there may be -o with mount options.";
            if (list.Length == 0) return "-o needs mount options behind it.";
            options.AddRange(list.Split(',', StringSplitOptions.RemoveEmptyEntries));
        }
        return null;
    }

    [GeneratedRegex(@"^([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?)$")]
    private static partial Regex Server();

    // What glusterd lets a volume be called (cli_cmd_volume_create_parse).
    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    private static partial Regex Volume();

    // a:b, with IPv6 addresses in brackets
    [GeneratedRegex(@"\[[^\]]+\]|[^:\[\]]+")]
    internal static partial Regex Backup();
}
