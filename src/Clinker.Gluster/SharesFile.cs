using System.Text.RegularExpressions;

namespace Clinker.Gluster;

/// <summary>A Gluster volume, or a directory in one, that volumes are kept in.</summary>
/// <param name="Text">As the shares file writes it, without options: the pool's name, the location that volumes remember, and what
/// the mount point's name is the hash of.</param>
/// <param name="Servers">Who is asked for the volume's description, one after the other. IPv6 addresses without brackets.</param>
/// <param name="Volume">The Gluster volume and perhaps a directory in it, without slashes around.</param>
/// <param name="Options">Mount options, each <c>name</c> or <c>name=value</c>.</param>
internal sealed record Share(string Text, IReadOnlyList<string> Servers, string Volume, IReadOnlyList<string> Options)
{
    /// <summary>The arguments for mount(8), behind which the mount point follows. Servers after the first go where mount.glusterfs wants them.</summary>
    public IReadOnlyList<string> MountArguments(string logFile)
    {
        var options = Options.Where(o => !IsBackup(o)).ToList();
        var backups = AllServers.Skip(1).Select(s => s.Contains(':', StringComparison.Ordinal) ? $"[{s}]" : s).ToList();
        if (backups.Count > 0) options.Add($"backup-volfile-servers={string.Join(':', backups)}");
        if (!options.Any(o => o.StartsWith("log-file=", StringComparison.Ordinal))) options.Add($"log-file={logFile}");
        if (!options.Any(o => o.StartsWith("xlator-option=", StringComparison.Ordinal))) options.Add(MoreThreads);
        return ["-t", "glusterfs", "-o", string.Join(',', options), $"{Servers[0]}:/{Volume}"];
    }

    /// <summary>With those that options name.</summary>
    public IEnumerable<string> AllServers =>
        Servers.Concat(Options.Where(IsBackup).SelectMany(o => Backups(o[(o.IndexOf('=', StringComparison.Ordinal) + 1)..]))).Distinct();

    /// <summary>
    /// Each file lock that a signal interrupts, as when a QEMU is killed while it locks an image, blocks one of the client's event
    /// threads until another has done something for it; with the usual two, two at once wedge the whole mount for good
    /// (github.com/gluster/glusterfs/issues/4371). The option can be given but once, so an operator's own takes its place.
    /// </summary>
    const string MoreThreads = "xlator-option=*client*.event-threads=16";

    static bool IsBackup(string option) =>
        option.StartsWith("backup-volfile-servers=", StringComparison.Ordinal) || option.StartsWith("backupvolfile-server=", StringComparison.Ordinal);

    // a:b, and IPv6 addresses in brackets
    static IEnumerable<string> Backups(string list) =>
        SharesFile.Backup().Matches(list).Select(m => m.Value.Trim('[', ']'));
}

/// <summary>A line that makes no share, and why.</summary>
internal sealed record BadLine(int Number, string Why)
{
    public override string ToString() => $"line {Number}: {Why}";
}

/// <summary>What a shares file says.</summary>
internal sealed record SharesText(IReadOnlyList<Share> Shares, IReadOnlyList<BadLine> Bad);

/// <summary>
/// Reads the shares file: a share a line, <c>HOST:/VOLUME</c> or <c>HOST:VOLUME</c>, several hosts with commas between, mount
/// options behind it as <c>-o a,b=c</c>. <c>#</c> begins a comment line, <c>\040</c> is a space. Of equal shares the last line counts.
/// </summary>
internal static partial class SharesFile
{
    public static SharesText Parse(string text)
    {
        var shares = new List<Share>();
        var bad = new List<BadLine>();
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim().TrimStart('\ufeff');
            if (line.Length == 0 || line[0] == '#') continue;
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            var (share, why) = Read(words[0], words.AsSpan(1));
            if (share is null) { bad.Add(new(i + 1, why ?? "")); continue; }
            var at = shares.FindIndex(s => s.Text == share.Text);
            if (at < 0) shares.Add(share); else shares[at] = share;
        }
        return new(shares, bad);
    }

    /// <summary>One share from an address and the words behind it, or why it is none.</summary>
    public static (Share? Share, string? Why) Read(string address, ReadOnlySpan<string> words)
    {
        var text = address.Replace("\\040", " ", StringComparison.Ordinal);
        if (text.StartsWith('-')) return (null, $"'{text}' begins with a dash; a share is HOST:/VOLUME");
        if (text.Any(char.IsControl)) return (null, "there is a control character in the share");
        // HOST:/VOLUME; or HOST:VOLUME as the earliest releases of the driver took it, where the last colon parts the two.
        var colon = text.IndexOf(":/", StringComparison.Ordinal);
        if (colon < 0) colon = text.LastIndexOf(':');
        if (colon <= 0) return (null, $"'{text}' is no share: it should be HOST:/VOLUME");
        var servers = text[..colon].Split(',');
        if (servers.FirstOrDefault(s => !Server().IsMatch(s)) is { } odd) return (null, $"'{odd}' is not the name or address of a server");
        var volume = text[(colon + 1)..].Trim('/');
        if (!Volume().IsMatch(volume) || volume.Split('/').Any(p => p is "." or ".." or ""))
            return (null, $"'{volume}' is not the name of a Gluster volume, nor a directory in one");
        var (options, why) = Options(words);
        return why is null ? (new(text, [.. servers.Select(s => s.Trim('[', ']'))], volume, options), null) : (null, why);
    }

    /// <summary>The volume part of what is mounted, as mountinfo shows the source; null when it is no Gluster source.</summary>
    public static string? VolumeOf(string source) => Read(source.Replace(" ", "\\040", StringComparison.Ordinal), []).Share?.Volume;

    static (List<string> Options, string? Why) Options(ReadOnlySpan<string> words)
    {
        var options = new List<string>();
        for (var i = 0; i < words.Length; i++)
        {
            var list = words[i] switch
            {
                "-o" or "--options" => ++i < words.Length ? words[i] : null,
                ['-', 'o', .. var rest] => rest,
                _ when words[i].StartsWith("--options=", StringComparison.Ordinal) => words[i]["--options=".Length..],
                _ => null,
            };
            if (list is null) return (options, $"'{words[Math.Min(i, words.Length - 1)]}' is not understood: behind the share there may be -o with mount options");
            foreach (var option in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
            {
                if (!Option().IsMatch(option)) return (options, $"'{option}' is not a mount option");
                options.RemoveAll(o => Name(o) == Name(option));
                options.Add(option);
            }
        }
        return (options, null);
    }

    static string Name(string option) => option.Split('=')[0];

    [GeneratedRegex(@"^([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?)$")]
    private static partial Regex Server();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_-]*(/[^\0]+)?$")]
    private static partial Regex Volume();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_.-]*(=.*)?$")]
    private static partial Regex Option();

    [GeneratedRegex(@"\[[^\]]+\]|[^:\[\]]+")]
    internal static partial Regex Backup();
}
