using System.Security.Cryptography;
using System.Text;
using Clinker.Host;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Clinker.Live;

/// <summary>
/// A folder with a GlusterFS of its own in it (<c>gluster-node</c>) and a cinder.conf as the how-to makes it. Everything is ended and
/// removed at the end. Without root, FUSE or the packages a test is skipped with the reason; in CI that is a failure.
/// </summary>
sealed class Site : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    /// <summary>The addresses below are those of <see cref="Gluster.Node"/>.</summary>
    const int FirstOfSites = 128;
    static int count;

    Site(string folder, string node)
    {
        Folder = folder;
        Node = node;
    }

    public string Folder { get; }

    /// <summary>The loopback address of its server.</summary>
    public string Node { get; }
    public string Share => $"{Node}:/vol1";
    public string Config => Path.Combine(Folder, "cinder.conf");
    public string SharesFile => Path.Combine(Folder, "shares.conf");

    /// <summary>Where the driver mounts the share.</summary>
    public string Mount => MountOf(Share);

#pragma warning disable CA5351 // the name of a directory, as the historical driver made it
    public string MountOf(string share) => Path.Combine(
        Folder, "volumes", Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(share))));
#pragma warning restore CA5351

    /// <param name="size">Size of the brick's own file system ("2G"), or null for a plain directory.</param>
    /// <param name="more">Further lines of cinder.conf; sections may follow.</param>
    public static async Task<Site> Up(string? size = null, string more = "")
    {
        var missing = Missing();
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        var folder = Directory.CreateTempSubdirectory("clinker-live-").FullName;
        var site = new Site(folder, FreeAddress());
        await site.Gluster(size is null ? ["up"] : ["up", size]);
        await File.WriteAllTextAsync(site.SharesFile, site.Share + "\n");
        await File.WriteAllTextAsync(site.Config, $"""
            [DEFAULT]
            volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
            glusterfs_shares_config = {site.SharesFile}
            glusterfs_mount_point_base = {folder}/volumes
            state_path = {folder}
            auth_strategy = none
            osapi_volume_listen = 127.0.0.1
            quota_volumes = -1
            quota_gigabytes = -1
            report_interval = 2
            {more}

            """);
        return site;
    }

    /// <summary>An address of loopback for a GlusterFS, this process's alone: several runs may go on beside each other.</summary>
    public static string FreeAddress()
    {
        var process = Environment.ProcessId;
        return $"127.{64 + ((process >> 8) & 127)}.{process & 255}.{FirstOfSites + Interlocked.Increment(ref count)}";
    }

    public Daemon Daemon() => new(Folder, "--config-file", Config);

    /// <summary>Makes one more share on its server; the line for a shares file.</summary>
    /// <param name="kind">How its volume is made up, as <c>gluster-node add</c> calls it; null: one brick.</param>
    public async Task<string> Second(string? kind = null)
    {
        await Gluster(kind is null ? ["add", "vol2"] : ["add", kind, kind]);
        return $"{Node}:/{kind ?? "vol2"}";
    }

    /// <summary>Calls the fixture: <c>Gluster("brick-kill")</c>.</summary>
    public async Task<string> Gluster(params string[] words)
    {
        var size = words is ["up", var s] ? s : "";
        var result = await Processes.Run("env",
            [$"STATE={Folder}/node", $"NODE={Node}", $"SIZE={size}", "bash", Script, .. (words is ["up", ..] ? words[..1] : words)], Patience);
        Assert.True(result.ExitCode == 0, $"gluster-node {string.Join(' ', words)}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>The ids of the volumes that have a file on the share, and whatever else lies there.</summary>
    public (HashSet<string> Volumes, List<string> Others) Files(string? share = null)
    {
        var names = Directory.GetFiles(share is null ? Mount : MountOf(share)).Select(f => Path.GetFileName(f)!).ToList();
        var volumes = names.Where(n => n.StartsWith("volume-", StringComparison.Ordinal) && Guid.TryParse(n.AsSpan(7), out _)).ToList();
        return ([.. volumes.Select(n => n[7..])], [.. names.Except(volumes)]);
    }

    /// <summary>The first value of a query of the daemon's database, as a number; what a statement changed is not told.</summary>
    public long Sql(string sql) => Asked(sql, command => Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The first column of a query of it.</summary>
    public List<string> Texts(string sql) => Asked(sql, command =>
    {
        using var rows = command.ExecuteReader();
        var all = new List<string>();
        while (rows.Read()) all.Add(rows.GetString(0));
        return all;
    });

    T Asked<T>(string sql, Func<SqliteCommand, T> ask)
    {
        SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());
        using var connection = new SqliteConnection($"Data Source={Folder}/clinker.sqlite;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return ask(command);
    }

    static string Script
    {
        get
        {
            var root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "Clinker.slnx"))) root = Path.GetDirectoryName(root)!;
            return Directory.EnumerateFiles(root, "gluster-node", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }).First();
        }
    }

    static string? Missing() =>
        Environment.UserName != "root" ? "mounting needs root"
        : !File.Exists("/dev/fuse") ? "/dev/fuse is not there"
        : !File.Exists("/usr/sbin/glusterd") ? "glusterfs-server is not installed: ./dev deps"
        : null;

    public async ValueTask DisposeAsync()
    {
        foreach (var line in await File.ReadAllLinesAsync("/proc/self/mountinfo"))
            if (line.Split(' ')[4] is var at && at.StartsWith(Folder + "/volumes/", StringComparison.Ordinal))
                await Processes.Run("umount", ["-l", at], TimeSpan.FromSeconds(20));
        await Gluster("wipe");
        Directory.Delete(Folder, recursive: true);
    }
}
