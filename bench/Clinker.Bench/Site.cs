using System.Diagnostics;
using Clinker.Conformance.Roles;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>Where a daemon keeps its things: a fresh state directory, and a GlusterFS of one node where that is asked for.</summary>
sealed class Site : IAsyncDisposable
{
    /// <summary>Of the bench alone, so that it finds the port of glusterd free.</summary>
    const string Node = "127.0.47.2";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    readonly bool gluster;

    Site(string state, bool gluster, bool configured)
    {
        State = state;
        this.gluster = gluster;
        Arguments = configured ? ["--config-file", Config] : ["--embedded", "--state", state];
    }

    public string State { get; }
    public IReadOnlyList<string> Arguments { get; }
    string Config => Path.Combine(State, "cinder.conf");

    /// <summary>The database's file, once a daemon has run here.</summary>
    public string Database => Directory.GetFiles(State, "*.sqlite").Single();

    public static Site Embedded() => new(Directory.CreateTempSubdirectory("clinker-bench-").FullName, gluster: false, configured: false);

    /// <summary>One whose callers show tokens; else as an embedded one.</summary>
    /// <param name="keystone">Who is asked about them.</param>
    public static Site WithKeystone(int keystone)
    {
        var site = new Site(Directory.CreateTempSubdirectory("clinker-bench-").FullName, gluster: false, configured: true);
        File.WriteAllText(site.Config, $"""
            [DEFAULT]
            state_path = {site.State}
            auth_strategy = keystone
            volume_driver = directory
            directory_paths = {site.State}/volumes
            quota_volumes = -1
            quota_gigabytes = -1
            {Tokens.Section(keystone)}

            """);
        return site;
    }

    /// <param name="glance">Where images are; null: nowhere.</param>
    public static async Task<Site> Gluster(Uri? glance = null)
    {
        var site = new Site(Directory.CreateTempSubdirectory("clinker-bench-").FullName, gluster: true, configured: true);
        await site.Fixture("up");
        await File.WriteAllTextAsync(Path.Combine(site.State, "shares.conf"), await site.Fixture("share"));
        await File.WriteAllTextAsync(site.Config, $"""
            [DEFAULT]
            volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
            glusterfs_shares_config = {site.State}/shares.conf
            glusterfs_mount_point_base = {site.State}/volumes
            state_path = {site.State}
            auth_strategy = none
            osapi_volume_listen = 127.0.0.1
            quota_volumes = -1
            quota_gigabytes = -1
            quota_snapshots = -1
            max_over_subscription_ratio = 1000
            backup_driver = directory
            backup_posix_path = {site.State}/backups
            {(glance is null ? "" : $"glance_api_servers = {glance}")}

            """);
        return site;
    }

    /// <summary>Where <c>./dev publish</c> puts it.</summary>
    public static string Executable(string name)
    {
        var path = Path.Combine(Root, "out", name);
        return File.Exists(path) ? path : throw new InvalidDataException($"{path} is not there: ./dev publish makes it.");
    }

    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The median time in ms that this file system needs to make 4 KiB durable: what one commit waits for.</summary>
    public double SyncMs()
    {
        using var file = new FileStream(Path.Combine(State, "sync-probe"), FileMode.Create, FileAccess.Write, FileShare.None, 0, FileOptions.DeleteOnClose);
        var page = new byte[4096];
        var times = new double[50];
        for (var i = 0; i < times.Length; i++)
        {
            file.Write(page);
            var began = Stopwatch.GetTimestamp();
            file.Flush(flushToDisk: true);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
        return Statistics.Percentile(times, 50);
    }

    async Task<string> Fixture(string word)
    {
        var result = await Processes.Run("env",
            [$"STATE={State}/node", $"NODE={Node}", "bash", Path.Combine(Root, "tests", "gluster-node"), word], Patience);
        return result.ExitCode == 0 ? result.Output : throw new InvalidDataException($"gluster-node {word}: {result.Error}{result.Output}");
    }

    static string Find(string from) => File.Exists(Path.Combine(from, "Clinker.slnx")) ? from : Find(Path.GetDirectoryName(from)!);

    public async ValueTask DisposeAsync()
    {
        if (gluster)
        {
            foreach (var line in await File.ReadAllLinesAsync("/proc/self/mountinfo"))
                if (line.Split(' ')[4] is var at && at.StartsWith(State + "/volumes/", StringComparison.Ordinal))
                    await Processes.Run("umount", ["-l", at], TimeSpan.FromSeconds(20));
            await Fixture("wipe");
        }
        Directory.Delete(State, recursive: true);
    }
}
