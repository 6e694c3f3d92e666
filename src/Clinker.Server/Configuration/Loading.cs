using System.Net;
using Clinker.Server.Outside;
using Clinker.Server.Policies;
using Clinker.Server.Users;

namespace Clinker.Server.Configuration;

/// <summary>From arguments and files to <see cref="Settings"/>.</summary>
static class Loading
{
    /// <summary>Reads everything and starts nothing; writes nothing either.</summary>
    public static Start Load(IReadOnlyList<string> arguments, Surroundings around)
    {
        var errors = new List<string>();
        var line = CommandLine.Parse(arguments, around.Version, errors, out var print);
        if (print is not null) return new Start.Print(print);
        if (line is null) return new Start.Refused(errors);
        if (line.SampleConfig) return new Start.Print(ConfigurationReference.Sample());

        var files = new IniFiles();
        files.Add(IniFile.Of("this machine", (Sections.Default, "host", around.HostName), (Sections.Default, "my_ip", around.Ip.ToString())));
        var before = errors.Count;
        var embedded = AddFiles(files, line, around, errors);
        if (errors.Count > before) return new Start.Refused([.. errors, .. files.Problems]);
        files.Add(IniFile.Of("command line", line.Values));
        // What can't be read as files may hide keys: to check values then would tell of faults that are none.
        if (files.Problems.Count > 0) return new Start.Refused([.. errors, .. files.Problems]);

        var reading = new Reading(files);
        var settings = Read(reading, line, embedded);
        if (errors.Count + reading.Problems.Count > 0) return new Start.Refused([.. errors, .. reading.Problems]);
        settings = settings with { Notes = [.. reading.Notes, .. Ignored.Notes(reading, settings)] };
        if (line.Policy is { } asked) return Answer(asked, settings.Policy);
        return line.CheckConfig ? new Start.Print(ConfigurationReference.Checked(settings)) : new Start.Run(settings);
    }

    /// <returns>Whether it is an embedded start.</returns>
    static bool AddFiles(IniFiles files, CommandLine line, Surroundings around, List<string> errors)
    {
        var given = line.ConfigFiles.Count + line.ConfigDirectories.Count > 0;
        if (given && line.Embedded)
            errors.Add("command line: --embedded reads no files: leave out --config-file and --config-dir, or --embedded");
        if (!given && !line.Embedded)
        {
            var file = Path.Combine(around.DefaultDirectory, "cinder.conf");
            var directory = file + ".d";
            if (Exists(file, errors)) { files.AddFile(file); given = true; }
            if (Directory.Exists(directory)) { files.AddDirectory(directory); given = true; }
        }
        // oslo.config reads the default cinder.conf.d even when files are named; here, files that are named are all there is.
        foreach (var file in line.ConfigFiles) files.AddFile(file);
        foreach (var directory in line.ConfigDirectories) files.AddDirectory(directory);
        if (given)
        {
            if (line.Shares.Count > 0)
                errors.Add($"command line: --share is for an embedded start; here, write the shares into the file that {Options.SharesConfig.Key} names, or say --embedded");
            return false;
        }

        foreach (var share in line.Shares)
            if (share.StartsWith('-') || share.StartsWith('#') || share.IndexOf(':', StringComparison.Ordinal) < 1 || share.Any(char.IsControl) || share.EndsWith(':'))
                errors.Add($"command line: --share {share}: accepted: HOST:/VOLUME, as mount -t glusterfs takes it");
        if ((line.State is null ? Embedded.StateDirectory(around.Variable) : Path.GetFullPath(line.State)) is not { } state)
            errors.Add("command line: there is no configuration file, and neither XDG_STATE_HOME nor HOME says where to keep state: name a directory with --state, or a file with --config-file");
        else
            files.Add(IniFile.Of("embedded", Embedded.Values(state, line.Shares.Count > 0)));
        return true;
    }

    // File.Exists says no where the directory can't be searched. To run embedded then would hide the real configuration.
    static bool Exists(string file, List<string> errors)
    {
        try
        {
            _ = File.GetAttributes(file);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            errors.Add($"{file}: {Environment.UserName} may not look whether it is there; run as a user who may, name another with --config-file, or say --embedded");
            return false;
        }
    }

    static Settings Read(Reading from, CommandLine line, bool embedded)
    {
        var state = from.Get(Options.StatePath)!;
        var listen = new IPEndPoint(from.Get(Options.Listen) ?? IPAddress.Loopback, from.Get(Options.ListenPort));
        var strategy = from.Get(Options.AuthStrategy);
        var keystone = strategy == "keystone";
        if (line.Roles.HasFlag(Roles.Api) && strategy == "none" && !IPAddress.IsLoopback(listen.Address) && !line.InsecureAnywhere)
            from.Wrong(Options.Listen, null,
                $"without authentication ({Options.AuthStrategy.Key} = none) whoever reaches {listen.Address} may do everything: listen on 127.0.0.1 and let a proxy with "
                + "authentication stand before it, write auth_strategy = keystone or basic, or start with --insecure-anywhere if the network is closed");

        if (!keystone && from.IsSet(Options.AuthUrl))
            from.Note($"[{Sections.Keystone}] has no effect, since {Options.AuthStrategy.Key} is not keystone"
                + (strategy == "none" ? ": whoever reaches the API is an administrator" : ""));
        var users = from.Get(Options.UsersFile);

        var (report, down) = (from.Get(Options.ReportInterval), from.Get(Options.ServiceDownTime));
        if (down <= report && from.Problems.Count == 0)
        {
            // As Cinder does (cinder/service.py): a service would be down between two signs of life.
            down = report * 2.5;
            from.Note($"{Options.ServiceDownTime.Key} has to be longer than {Options.ReportInterval.Key} ({report.TotalSeconds:0} s): {down.TotalSeconds:0.#} s is taken");
        }
        var zone = from.Get(Options.StorageZone)!;
        var host = from.Get(Options.Host)!;
        return new Settings
        {
            Roles = line.Roles,
            Embedded = embedded,
            Files = [.. from.Files.Files.Where(f => Path.IsPathFullyQualified(f.Path)).Select(f => f.Path)],
            Host = host,
            MyIp = from.Get(Options.MyIp)!,
            StatePath = state,
            Api = new(listen, from.Get(Options.MaxLimit), from.Get(Options.MaxBody), from.Get(Options.PublicEndpoint)),
            Network = NetworkReading.Of(from, line.Roles),
            Keystone = keystone && (line.Roles.HasFlag(Roles.Api) || from.IsSet(Options.GlanceServers)) ? KeystoneReading.Of(from) : null,
            Nova = line.Roles.HasFlag(Roles.Volume) ? KeystoneReading.OfNova(from) : null,
            UsersFile = line.Roles.HasFlag(Roles.Api) && strategy == "basic" && users is not null ? Users(from, users, listen.Address) : null,
            Policy = Policy(from, line),
            Database = from.Get(Options.Connection)!,
            Zones = new(zone, from.Get(Options.DefaultZone) ?? zone, from.Get(Options.ZoneFallback)),
            DefaultVolumeType = from.Get(Options.DefaultVolumeType)!,
            DefaultGroupType = from.Get(Options.DefaultGroupType),
            VolumeNameTemplate = from.Get(Options.VolumeNameTemplate)!,
            Quotas = new(from.Get(Options.QuotaVolumes), from.Get(Options.QuotaSnapshots), from.Get(Options.QuotaGigabytes),
                from.Get(Options.QuotaBackups), from.Get(Options.QuotaBackupGigabytes), from.Get(Options.QuotaGroups),
                from.Get(Options.PerVolumeSizeLimit)),
            Images = Images(from),
            Scheduler = new(from.Get(Options.Filters)!, from.Get(Options.Weighers)!, new Dictionary<string, double>
            {
                ["CapacityWeigher"] = from.Get(Options.CapacityMultiplier),
                ["AllocatedCapacityWeigher"] = from.Get(Options.AllocatedMultiplier),
                ["VolumeNumberWeigher"] = from.Get(Options.VolumeNumberMultiplier),
            }, from.Get(Options.WeightHandler), from.Get(Options.MaxAttempts)),
            Logs = Logs(from),
            Audit = InLogs(from, Options.AuditFile) is { } audit ? new(audit, from.Get(Options.AuditIgnored) ?? []) : null,
            Backends = BackendReading.All(from, line, host),
            Backups = Backups(from, line),
            ReportInterval = report,
            ServiceDownTime = down,
            StatsInterval = from.Get(Options.StatsInterval),
            ResourceFilters = from.Get(Options.ResourceFilters),
            Notes = [],
        };
    }

    static ImageSettings Images(Reading from)
    {
        var (servers, retries, timeout) = (from.Get(Options.GlanceServers), from.Get(Options.GlanceRetries), from.Get(Options.GlanceTimeout));
        var keys = new BarbicanSettings(from.Get(Options.BarbicanEndpoint),
            new("key-manager", from.Get(Options.BarbicanInterface)!, from.Get(Options.BarbicanRegion)));
        return new(
            servers is { Count: > 0 } ? new([.. servers.Select(WithoutVersion)], retries, timeout) : null,
            new(from.Get(Options.ConversionDir)!, from.Get(Options.ConversionDisabled), from.Get(Options.ConversionCpu),
                from.Get(Options.ConversionMemory) * (1L << 30)) { VmdkTypes = from.Get(Options.VmdkTypes) ?? [] },
            from.Get(Options.GlanceCoreProperties) ?? [], from.Get(Options.ForceUpload), from.Get(Options.CompressedUpload),
            from.Get(Options.VerifySignatures) == "enabled" ? keys with { Endpoint = keys.Endpoint is { } at ? new(at.OriginalString.TrimEnd('/') + "/") : null } : null);
    }

    /// <summary><c>http://host:9292</c>, <c>…/image/</c> and <c>…/v2</c> all lead to the second API.</summary>
    static Uri WithoutVersion(Uri url)
    {
        var path = url.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/v1", StringComparison.Ordinal) || path.EndsWith("/v2", StringComparison.Ordinal)) path = path[..^3];
        return new UriBuilder(url) { Path = path + "/", Query = "", Fragment = "" }.Uri;
    }

    static BackupSettings? Backups(Reading from, CommandLine line)
    {
        var (driver, path, container, compression) = (from.Get(Options.BackupDriver), from.Get(Options.BackupPath),
            from.Get(Options.BackupContainer), from.Get(Options.BackupCompression));
        var (share, mounts) = (from.Get(Options.BackupShare), from.Get(Options.BackupMountPoint));
        if (line.Roles == Roles.Backup && !from.IsSet(Options.BackupDriver))
            from.Wrong(Options.BackupDriver, null, "the role backup needs to know where backups are kept");
        if (driver is null || (line.Roles & (Roles.Volume | Roles.Backup)) == 0) return null;
        if (!Options.IsOnShare(driver)) return new(path!, container!, compression);
        if (!from.IsSet(Options.BackupShare)) from.Wrong(Options.BackupShare, null, "backups on GlusterFS need a share: HOST:VOLUME");
        return new(mounts!, container!, compression) { Share = share };
    }

    static string Users(Reading from, string file, IPAddress listen)
    {
        var wrong = new List<string>();
        UsersFile.Read(file, wrong);
        foreach (var why in wrong) from.Wrong($"{Options.UsersFile.Key}: {why}");
#pragma warning disable CA1416 // the daemon is built for Linux alone
        if (wrong.Count == 0 && File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead))
#pragma warning restore CA1416
            from.Note($"{Options.UsersFile.Key}: everybody on this machine can read {file}: chmod o= {file}");
        if (!IPAddress.IsLoopback(listen) && !from.Get(Options.UseSsl))
            from.Note($"{Options.AuthStrategy.Key} = basic at {listen} without TLS: passwords can be read on their way; write {Options.UseSsl.Key} = true, or let a proxy with TLS stand before it");
        return file;
    }

    static PolicyPlace Policy(Reading from, CommandLine line)
    {
        var place = new PolicyPlace(from.Get(Options.PolicyFile) ?? "", from.Get(Options.PolicyDir) ?? "");
        if (!line.Roles.HasFlag(Roles.Api)) return place;
        if (place.File != "/etc/cinder/policy.yaml" && !File.Exists(place.File))
            from.Note($"[{Sections.Policy}] {Options.PolicyFile.Key}: {place.File} is not there: everybody may what he may by default");
        try { PolicyFile.Read(place.Found()); }
        catch (FormatException e) { from.Wrong($"[{Sections.Policy}] {e.Message}"); }
        return place;
    }

    /// <summary>What is asked of the rules, by the files in force.</summary>
    static Start Answer(CommandLine.PolicyQuestion asked, PolicyPlace place)
    {
        var policy = PolicyFile.Read(place.Found());
        if (asked.Rule is not { } rule) return new Start.Print(PolicyTable.List(policy, asked.Roles, asked.AsJson));
        if (!policy.Rules.ContainsKey(rule)) return new Start.Refused([$"there is no rule {rule}: clinkerd policy list prints them all"]);
        var (text, may) = PolicyTable.Check(policy, Routes.AllRoutes.Table().Routes, rule, asked.Roles, asked.AsJson);
        return new Start.Print(text, may ? 0 : 1);
    }

    static LogSettings Logs(Reading from) =>
        new(from.Get(Options.Debug), from.Get(Options.UseJson), from.Get(Options.LogDir), InLogs(from, Options.LogFile));

    /// <summary>A file that lies in log_dir when its name is relative.</summary>
    static string? InLogs(Reading from, Option<string> option)
    {
        if (from.Get(option) is not { } file || Path.IsPathFullyQualified(file)) return from.Get(option);
        if (from.Get(Options.LogDir) is { } directory) return Path.Combine(directory, file);
        from.Wrong(option, null, $"it is relative, and there is no {Options.LogDir.Key} for it to lie in");
        return null;
    }
}
