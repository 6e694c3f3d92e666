using Clinker.Drivers;
using Clinker.Operations;
using Microsoft.Extensions.Logging;

namespace Clinker.Gluster;

/// <summary>
/// Volumes as files on GlusterFS shares, each share a pool that is called as the shares file writes it. Shares are mounted at
/// the first report, and whenever one is found missing.
/// </summary>
public sealed partial class GlusterDriver : FileDriver
{
    const int LargestSharesFile = 1024 * 1024;

    readonly GlusterOptions options;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly SemaphoreSlim reading = new(1, 1);
    volatile List<GlusterShare> shares = [];
    volatile IReadOnlyList<string> problems = [];
    string? mountBase, lastText;

    /// <exception cref="FaultException">An option contradicts another or makes no sense.</exception>
    public GlusterDriver(string backend, GlusterOptions options, TimeProvider time, ILogger log) : base(backend, options, time, log)
    {
        (this.options, this.time, this.log) = (options, time, log);
        if (string.IsNullOrEmpty(options.NasHost) != string.IsNullOrEmpty(options.NasSharePath))
            throw Misconfigured("nas_host and nas_share_path make one share together: set both or neither.");
        if (!Path.IsPathRooted(options.MountPointBase))
            throw Misconfigured($"glusterfs_mount_point_base is '{options.MountPointBase}': it must be an absolute path.");
        if (Single && SingleShare(out var why) is null) throw Misconfigured($"nas_host, nas_share_path, nas_mount_options: {why}.");
        if (!Single && options.SharesConfig.Length == 0)
            throw Misconfigured("there is no shares file: set glusterfs_shares_config to the path of a file with a line HOST:/VOLUME for each share.");
    }

    /// <summary>What is wrong with the shares file now, a line each, for people; empty when all is well.</summary>
    public IReadOnlyList<string> Problems => problems;

    private protected override string StorageProtocol => "glusterfs";
    private protected override string DefaultBackendName => "GlusterFS";

    internal override async ValueTask<IReadOnlyList<Place>> Places(CancellationToken token) => await Shares(token);

    private protected override async ValueTask<Place> PlaceOf(string? pool, string? location, CancellationToken token)
    {
        var name = location ?? pool;
        return (await Shares(token)).FirstOrDefault(s => s.Name == name) ?? throw new Fault.BackendDown(
            Backend, $"{name} is not among its shares now. Put it back into {Source}, or move the volumes that lie there.").Thrown();
    }

    private protected override ConnectionInfo Connection(Place place, string name, VolumeFormat format)
    {
        var share = ((GlusterShare)place).Share;
        return new("glusterfs", Json(w =>
        {
            w.WriteString("export", share.Text);
            w.WriteString("name", name);
            if (share.Options.Count > 0) w.WriteString("options", $"-o {string.Join(',', share.Options)}");
            else w.WriteNull("options");
            w.WriteString("format", Words(format));
        }), mountBase);
    }

    public override async ValueTask DisposeAsync()
    {
        var last = shares;
        shares = [];
        foreach (var share in last) await share.DisposeAsync();
        await base.DisposeAsync();
    }

    bool Single => !string.IsNullOrEmpty(options.NasHost);
    string Source => Single ? "nas_host and nas_share_path" : options.SharesConfig;

    FaultException Misconfigured(string why) => new Fault.Misconfigured($"Backend {Backend}: {why}").Thrown();

    // nas_mount_options stands for what follows a share in the file, and people also write the bare list there.
    Share? SingleShare(out string? why)
    {
        var words = (options.NasMountOptions ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 0 && !words[0].StartsWith('-')) words = ["-o", .. words];
        var read = SharesFile.Read($"{options.NasHost}:{options.NasSharePath}", words);
        why = read.Why;
        return read.Share;
    }

    /// <summary>
    /// The shares of now. The file is read each time: it is small, and a change is never missed. While it can't be read or has
    /// lines that make no share, what served before goes on serving beside what is new in it.
    /// </summary>
    async ValueTask<List<GlusterShare>> Shares(CancellationToken token)
    {
        await reading.WaitAsync(token);
        try
        {
            var (text, wrong) = Single ? (null, null) : await Text(token);
            if (shares.Count > 0 && wrong is null && (Single || text == lastText)) return shares;
            if (shares.Count == 0 && wrong is not null) throw Misconfigured(wrong);
            var read = Single ? new([SingleShare(out _)!], []) : text is null ? new([], []) : SharesFile.Parse(text);
            if (shares.Count == 0 && read.Shares.Count == 0)
                throw Misconfigured($"{options.SharesConfig} names no share: write a line HOST:/VOLUME for each.{string.Concat(read.Bad.Select(b => $" Its {b}."))}");
            mountBase ??= await Mounts.Base(options.MountPointBase, "glusterfs_mount_point_base", $"Backend {Backend}");
            await Take(read.Shares, keep: wrong is not null || read.Bad.Count > 0 || read.Shares.Count == 0);
            lastText = text;
            Tell(wrong is not null ? [wrong] : read.Shares.Count == 0 ? [$"{options.SharesConfig} names no share any more"]
                : [.. read.Bad.Select(b => $"{options.SharesConfig}, {b}")]);
            return shares;
        }
        finally { reading.Release(); }
    }

    async Task<(string? Text, string? Wrong)> Text(CancellationToken token)
    {
        try
        {
            if (new FileInfo(options.SharesConfig) is { Exists: true, Length: > LargestSharesFile } large)
                return (null, $"{options.SharesConfig} has {large.Length} bytes: that is no list of shares");
            return (await File.ReadAllTextAsync(options.SharesConfig, token), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, $"the shares file {options.SharesConfig} can't be read ({e.Message}): write a line HOST:/VOLUME for each share into it");
        }
    }

    async Task Take(IReadOnlyList<Share> now, bool keep)
    {
        var before = shares;
        var next = new List<GlusterShare>();
        foreach (var share in now)
        {
            var known = before.FirstOrDefault(s => s.Name == share.Text);
            if (known is not null) known.Share = share;
            next.Add(known ?? new GlusterShare(share, Layout.MountPoint(mountBase!, share.Text), Backend, options, time, log));
        }
        var gone = before.Except(next).ToList();
        if (keep) next.AddRange(gone);
        shares = next;
        if (keep) return;
        foreach (var share in gone)
        {
            Log.Gone(log, Backend, share.Name);
            await share.DisposeAsync();
        }
    }

    void Tell(IReadOnlyList<string> now)
    {
        foreach (var problem in now.Except(problems)) Log.Problem(log, Backend, problem);
        if (now.Count == 0 && problems.Count > 0) Log.Mended(log, Backend);
        problems = now;
    }

    static partial class Log
    {
        [LoggerMessage(40, LogLevel.Error, "Backend {Backend}: {Problem}. What served before goes on serving")]
        public static partial void Problem(ILogger log, string backend, string problem);

        [LoggerMessage(41, LogLevel.Information, "Backend {Backend}: the shares file is in order again")]
        public static partial void Mended(ILogger log, string backend);

        [LoggerMessage(42, LogLevel.Warning, "Backend {Backend}: {Share} is no share any more; it stays mounted")]
        public static partial void Gone(ILogger log, string backend, string share);
    }
}
