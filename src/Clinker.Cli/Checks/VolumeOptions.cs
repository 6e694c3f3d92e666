using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary>
/// Options of a Gluster volume that are unsafe for images, and those in which it differs from the profile that GlusterFS
/// ships for images (group virt: /etc/glusterfs/group-virt.example of 10.x).
/// </summary>
internal static class VolumeOptions
{
    /// <summary>From group virt, those that the client graph or "volume get" tells and that matter for images.</summary>
    static readonly (string Option, string Virt)[] Profile =
    [
        ("performance.quick-read", "off"), ("performance.read-ahead", "off"), ("performance.io-cache", "off"),
        ("network.remote-dio", "disable"), ("performance.strict-o-direct", "on"),
        ("performance.client-io-threads", "on"), ("cluster.lookup-optimize", "off"),
    ];

    /// <summary>The same, for volumes that keep copies.</summary>
    static readonly (string Option, string Virt)[] ProfileOfCopies =
    [
        ("cluster.eager-lock", "enable"), ("cluster.data-self-heal-algorithm", "full"), ("cluster.locking-scheme", "granular"),
        ("cluster.server-quorum-type", "server"), ("cluster.choose-local", "off"),
    ];

    /// <summary>Group virt's network.ping-timeout, in seconds; the default is 42, for which guests stand still.</summary>
    const int VirtPingTimeout = 20;

    public static void Check(Report report, Share share, IReadOnlyList<Translator> graph, IReadOnlyDictionary<string, string> told)
    {
        var options = Effective(graph, told);
        if (options.Count == 0) return;
        var before = report.Findings.Count;
        Unsafe(report, share, graph, options);
        Differences(report, share, graph, options);
        if (report.Findings.Count == before) report.Ok("options", share.Address, "nothing is unsafe for images");
    }

    static void Unsafe(Report report, Share share, IReadOnlyList<Translator> graph, Dictionary<string, string> options)
    {
        var set = $"gluster volume set {share.Volume}";
        foreach (var option in new[] { "features.read-only", "features.worm", "features.worm-file-level" })
            if (On(options, option))
                report.Error("options", share.Address, $"{option} is on: volumes can't be written or deleted", $"{set} {option} off");

        foreach (var replicas in graph.Where(t => t.Type == "cluster/replicate"))
        {
            var copies = replicas.Below.Count;
            // AFR (fix_quorum_options): without the option, more than two children mean auto.
            var quorum = replicas.Options.GetValueOrDefault("quorum-type") ?? options.GetValueOrDefault("cluster.quorum-type") ?? (copies > 2 ? "auto" : "none");
            if (quorum != "none" || copies < 2) continue;
            if (copies == 2)
                report.Warning("options", share.Address, "two copies without a quorum (cluster.quorum-type none): when their servers lose each other, an image can be written apart on both (split-brain)",
                    $"add a third copy or an arbiter: gluster volume add-brick {share.Volume} replica 3 arbiter 1 HOST:/PATH");
            else
                report.Warning("options", share.Address, $"{copies} copies, but cluster.quorum-type is none: an image can be written apart on them (split-brain)", $"{set} cluster.quorum-type auto");
            break;
        }
        var keepsCopies = graph.Any(t => t.Type is "cluster/replicate" or "cluster/disperse");
        if (keepsCopies && options.GetValueOrDefault("cluster.self-heal-daemon") is "off" or "disable")
            report.Warning("options", share.Address, "cluster.self-heal-daemon is off: a copy that was away stays behind until somebody reads the file", $"{set} cluster.self-heal-daemon on");
        if (options.GetValueOrDefault("cluster.favorite-child-policy") is { } policy and not "none")
            report.Warning("options", share.Address, $"cluster.favorite-child-policy is {policy}: after a split-brain one copy's writes are thrown away without a word", $"{set} cluster.favorite-child-policy none");
        if (options.GetValueOrDefault("storage.reserve") is "0" or "0%")
            report.Warning("options", share.Address, "storage.reserve is 0: bricks can be filled to the last byte, and then nothing heals, and within a minute they end themselves", $"{set} storage.reserve 1");
        // Seen with 10.3: the answer to the lock waits, in the thread that opens the file, for a fop which is queued behind that opening.
        if (graph.Any(t => t.Type == "cluster/disperse") && On(options, "performance.open-behind"))
            report.Warning("options", share.Address, "performance.open-behind is on, of a dispersed volume: a lock that is interrupted while its file is being opened is never answered, and QEMU takes such locks",
                $"{set} performance.open-behind off");
        if (On(options, "features.shard"))
            report.Note("options", share.Address, "features.shard is on: files are kept in pieces. It must never be turned off while volumes are on the share: their data would be lost to view");
    }

    static void Differences(Report report, Share share, IReadOnlyList<Translator> graph, Dictionary<string, string> options)
    {
        var profile = graph.Any(t => t.Type == "cluster/replicate") ? Profile.Concat(ProfileOfCopies) : Profile;
        var differ = profile.Where(p => options.TryGetValue(p.Option, out var now) && Same(now) != Same(p.Virt))
            .Select(p => (p.Option, Now: options[p.Option], p.Virt)).ToList();
        if (int.TryParse(options.GetValueOrDefault("network.ping-timeout"), out var seconds) && seconds > VirtPingTimeout)
            differ.Add(("network.ping-timeout", $"{seconds}", $"{VirtPingTimeout}"));
        if (differ.Count > 0)
            report.Note("options", share.Address,
                $"differs from GlusterFS's profile for images (group virt): {string.Join(", ", differ.Select(d => $"{d.Option} {d.Now} (virt: {d.Virt})"))}",
                string.Join("; ", differ.Select(d => $"gluster volume set {share.Volume} {d.Option} {d.Virt}")));
    }

    /// <summary>What was told by name, and what the client graph shows; the first counts.</summary>
    static Dictionary<string, string> Effective(IReadOnlyList<Translator> graph, IReadOnlyDictionary<string, string> told)
    {
        var options = told.Where(o => o.Value != "(null)").ToDictionary(StringComparer.Ordinal); // as "volume get" shows what has no default
        if (graph.Count == 0) return options;
        foreach (var (option, type) in new[]
        {
            ("performance.quick-read", "performance/quick-read"), ("performance.read-ahead", "performance/read-ahead"),
            ("performance.io-cache", "performance/io-cache"), ("performance.open-behind", "performance/open-behind"),
            ("features.shard", "features/shard"), ("features.read-only", "features/read-only"),
        })
            options.TryAdd(option, graph.Any(t => t.Type == type) ? "on" : "off");
        foreach (var (option, type, key) in new[]
        {
            ("network.ping-timeout", "protocol/client", "ping-timeout"), ("cluster.eager-lock", "cluster/replicate", "eager-lock"),
            ("performance.strict-o-direct", "performance/write-behind", "strict-O_DIRECT"), ("network.remote-dio", "protocol/client", "filter-O_DIRECT"),
            ("cluster.favorite-child-policy", "cluster/replicate", "favorite-child-policy"),
        })
            if (graph.FirstOrDefault(t => t.Type == type)?.Options.GetValueOrDefault(key) is { } value) options.TryAdd(option, value);
        return options;
    }

    static bool On(Dictionary<string, string> options, string option) => options.TryGetValue(option, out var value) && Same(value) == "on";

    static string Same(string value) => value.ToLowerInvariant() switch
    {
        "on" or "enable" or "true" or "yes" or "1" => "on",
        "off" or "disable" or "false" or "no" or "0" => "off",
        var other => other,
    };
}
