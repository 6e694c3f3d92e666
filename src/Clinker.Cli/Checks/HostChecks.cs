using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary>What this host has to have: client packages, the FUSE device, a readable configuration.</summary>
internal static class HostChecks
{
    public static void Packages(Report report, Terminal terminal, bool needsGluster)
    {
        Program("mount.glusterfs", "glusterfs-client", needsGluster, "no share can be mounted");
        Program("qemu-img", "qemu-utils", needed: true, "images, snapshots and qcow2 volumes can't be made");
        Program("prlimit", "util-linux", needed: true, "qemu-img can't be run under limits");
        if (File.Exists("/dev/fuse")) report.Ok("packages", "/dev/fuse", "is there");
        else if (needsGluster)
            report.Error("packages", "/dev/fuse", "is not there: no share can be mounted", "modprobe fuse (in a container: pass the device in, --device /dev/fuse)");

        void Program(string name, string package, bool needed, string without)
        {
            if (Tool.Find(name, terminal) is { } path) report.Ok("packages", name, $"is {path}");
            else if (needed) report.Error("packages", name, $"is not installed: {without}", $"apt-get install {package}");
            else report.Note("packages", name, "is not installed; it is needed for shares on GlusterFS", $"apt-get install {package}");
        }
    }

    /// <summary>Reads the configuration; null when there is none to go by.</summary>
    /// <param name="asked">Whether the file was named, so that its absence is an error.</param>
    public static CinderConf? Config(Report report, string path, bool asked)
    {
        if (!asked && !File.Exists(path))
        {
            report.Note("config", path, "is not there: clinkerd starts with its built-in settings, on SQLite and a directory of its user",
                $"clinker config set {path} DEFAULT volume_driver {CinderConf.DriverClass}");
            return null;
        }
        try
        {
            var conf = CinderConf.Read(path);
            report.Ok("config", path, $"can be read; backends: {string.Join(", ", conf.Backends)}");
            foreach (var backend in conf.Backends) Backend(report, conf, backend);
            return conf;
        }
        catch (CliFault fault)
        {
            report.Error("config", path, fault.Message, $"check that {path} is there, and readable for the user that clinkerd runs as");
            return null;
        }
    }

    static void Backend(Report report, CinderConf conf, string backend)
    {
        if (backend != "DEFAULT" && !conf.Has(backend))
            report.Error("config", backend, $"enabled_backends names [{backend}], which {conf.Path} does not have",
                $"clinker config set {conf.Path} {backend} volume_driver {CinderConf.DriverClass}");
        else if (conf.Driver(backend) is not { } driver)
            report.Warning("config", backend, $"[{backend}] has no volume_driver", $"clinker config set {conf.Path} {backend} volume_driver {CinderConf.DriverClass}");
        else if (!CinderConf.IsGluster(driver))
            report.Note("config", backend, $"[{backend}] has the driver {driver}, which is not looked at here");
    }

    /// <summary>The shares of a backend; what can't be read is a finding.</summary>
    public static IReadOnlyList<Share> Shares(Report report, GlusterBackend backend)
    {
        if (backend.NasShare is { } single)
        {
            if (SharesFile.ParseLine($"[{backend.Section}] nas_share_path", single, out var share) is not { } why) return [share!];
            report.Error("shares", backend.Section, $"nas_host and nas_share_path: {why}", "set nas_host to the server and nas_share_path to /VOLUME");
            return [];
        }
        try
        {
            var (shares, bad) = SharesFile.Parse(backend.SharesConfig, File.ReadAllText(backend.SharesConfig));
            foreach (var line in bad) report.Error("shares", line.Source, line.Why, $"edit {backend.SharesConfig}: one HOST:VOLUME a line");
            if (shares.Count > 0) report.Ok("shares", backend.SharesConfig, $"{shares.Count} share(s)");
            else if (bad.Count == 0)
                report.Error("shares", backend.SharesConfig, "has no share", $"add a line: HOST:VOLUME, for example myglusterbox.example.org:myglustervol");
            return shares;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            report.Error("shares", backend.SharesConfig, $"can't be read: {e.Message}",
                $"make it, one HOST:VOLUME a line, readable for the user that clinkerd runs as; [{backend.Section}] glusterfs_shares_config names it");
            return [];
        }
    }
}
