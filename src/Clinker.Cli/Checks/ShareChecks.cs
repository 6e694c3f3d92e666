using System.Globalization;
using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary>One share: its servers, its bricks, its options, and the mount of it on this host.</summary>
internal sealed class ShareChecks(Terminal terminal, string? glusterdSocket, bool writeTest)
{
    static readonly TimeSpan MountPatience = TimeSpan.FromSeconds(5);
    const double LittleSpace = 0.05;

    public async Task<Report> Run(Share share, string mountBase)
    {
        var report = new Report();
        var reached = await Servers(report, share);
        if (reached)
        {
            var finder = new BrickFinder(terminal, glusterdSocket);
            var facts = await finder.Find(share);
            await Bricks(report, share, facts);
            VolumeOptions.Check(report, share, facts.Graph, await finder.Options(share));
        }
        await Mount(report, share, Path.Combine(mountBase, share.MountName));
        return report;
    }

    /// <returns>Whether at least one server answers.</returns>
    static async Task<bool> Servers(Report report, Share share)
    {
        var any = false;
        foreach (var (server, isBackup) in share.Servers.Select(s => (s, false)).Concat(share.BackupServers.Select(s => (s, true))))
        {
            var about = $"{server} ({share.Address})";
            void Bad(string check, string said, string fix)
            {
                if (isBackup) report.Warning(check, about, said, fix);
                else report.Error(check, about, said, fix);
            }

            var (addresses, why) = await Reach.Resolve(server);
            if (why is not null)
            {
                Bad("names", $"{server} can't be resolved: {why}", $"add {server} to the DNS or to /etc/hosts, or correct {share.Source}");
                continue;
            }
            report.Ok("names", about, $"is {string.Join(", ", addresses.Select(a => a.ToString()))}");
            if (await Reach.Connect(server, GlusterRpc.Port) is { } refused)
                Bad("ports", $"port {GlusterRpc.Port} (glusterd) of {server} {refused}",
                    $"on {server}: systemctl start glusterd; on this host: open the ports that 'clinker firewall' prints");
            else
            {
                any = true;
                report.Ok("ports", about, $"glusterd answers on port {GlusterRpc.Port}");
            }
        }
        return any;
    }

    static async Task Bricks(Report report, Share share, VolumeFacts facts)
    {
        if (facts.Problem is { } problem)
        {
            report.Error("bricks", share.Address, $"glusterd does not tell the bricks of {share.Volume}: {problem}",
                $"on {share.Servers[0]}: gluster volume info {share.Volume}; if it is not started: gluster volume start {share.Volume}; if auth.allow keeps this host out, add it");
            return;
        }
        foreach (var brick in facts.Bricks)
        {
            var about = $"{brick.Host}:{brick.Path}";
            if (brick.Port is not { } port)
                report.Error("bricks", about, "the brick does not run, or its server does not tell its port",
                    $"on {brick.Host}: gluster volume status {share.Volume}; then: gluster volume start {share.Volume} force");
            else if (await Reach.Connect(brick.Host, port) is { } refused)
                report.Error("ports", about, $"port {port} of {brick.Host} {refused}", "open the ports that 'clinker firewall' prints");
            else report.Ok("ports", about, $"the brick answers on port {port}");
        }
    }

    async Task Mount(Report report, Share share, string path)
    {
        if (Mounts.At(path) is { } mount)
        {
            if (mount.Type == "fuse.glusterfs") await Alive(report, share, path);
            else
                report.Error("mount", share.Address, $"{path} is a mount of {mount.Source} ({mount.Type}), not of the share",
                    $"umount {path}; clinkerd then mounts the share");
            return;
        }
        string[]? inside;
        try
        {
            inside = Directory.Exists(path) ? [.. Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).OfType<string>()] : null;
        }
        catch (UnauthorizedAccessException)
        {
            report.Note("mount", share.Address, $"{path} is not mounted, and may not be looked into", "run clinker doctor as root");
            return;
        }
        if (inside is { Length: > 0 })
            report.Error("mount", share.Address,
                $"{path} is NOT mounted, and a local directory with {inside.Length} entries lies in its place ({string.Join(", ", inside.Order(StringComparer.Ordinal).Take(3))}{(inside.Length > 3 ? ", …" : "")}): what was written there is on this host's disk, not on the share",
                $"stop clinkerd; mv {path} {path}.local; start clinkerd; then compare the files of {path}.local with those of the share before anything is deleted");
        else
            report.Note("mount", share.Address, inside is null ? $"{path} is not there yet: clinkerd makes it and mounts the share" : $"{path} is not mounted: clinkerd mounts the share when it starts",
                $"mount -t glusterfs {share.Address} {path}");
    }

    async Task Alive(Report report, Share share, string path)
    {
        try
        {
            var (free, total, mode) = await Tool.Blocking(() =>
            {
                var drive = new DriveInfo(path);
                return (drive.AvailableFreeSpace, drive.TotalSize, File.GetUnixFileMode(path));
            }, MountPatience);
            report.Ok("mount", share.Address, $"is mounted at {path}");
            Permissions(report, share, path, mode);
            var said = string.Create(CultureInfo.InvariantCulture, $"{free / 1e9:0.#} GB of {total / 1e9:0.#} GB are free");
            if (total > 0 && free < total * LittleSpace)
                report.Warning("space", share.Address, $"only {said}", $"add bricks (gluster volume add-brick {share.Volume} …; then rebalance), or delete volumes");
            else report.Ok("space", share.Address, said);
            if (writeTest) await Write(report, share, path);
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            report.Error("mount", share.Address,
                e is TimeoutException ? $"{path} is mounted, but does not answer within {MountPatience.TotalSeconds} s" : $"{path} is mounted, but dead: {e.Message}",
                $"umount -l {path}; clinkerd then mounts it again");
        }
    }

    static void Permissions(Report report, Share share, string path, UnixFileMode mode)
    {
        var owner = Posix.Owner(path);
        var text = $"{Convert.ToString((int)mode, 8)}, owner {owner?.User}, group {owner?.Group}";
        if (!Posix.MayWrite(path))
            report.Error("permissions", share.Address, $"{path} may not be written by this user (mode {text})",
                $"as root: chgrp GROUP {path} && chmod g+w {path}, with the group that clinkerd runs in");
        else if (!mode.HasFlag(UnixFileMode.GroupWrite))
            report.Note("permissions", share.Address, $"the root of the share is not writable for its group (mode {text}): only its owner and root can make volumes",
                $"chmod g+w {path}");
        else report.Ok("permissions", share.Address, $"mode {text}");
    }

    static async Task Write(Report report, Share share, string path)
    {
        var file = Path.Combine(path, $".clinker-write-test-{Environment.ProcessId}");
        try
        {
            await Tool.Blocking(() =>
            {
                using (var handle = File.OpenHandle(file, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite))
                {
                    RandomAccess.Write(handle, "clinker"u8, 0);
                    RandomAccess.FlushToDisk(handle);
                }
                File.Delete(file);
                return true;
            }, MountPatience);
            report.Ok("write", share.Address, "a file was written, synced and deleted");
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            report.Error("write", share.Address, $"a file could not be written: {e.Message}",
                $"look at the client's log in /var/log/glusterfs, and at: gluster volume status {share.Volume}; gluster volume heal {share.Volume} info");
        }
    }
}
