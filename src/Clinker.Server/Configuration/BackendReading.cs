namespace Clinker.Server.Configuration;

/// <summary>Reads the sections of backends.</summary>
static class BackendReading
{
    public static IReadOnlyList<BackendSettings> All(Reading from, CommandLine line, string host)
    {
        var enabled = from.Get(Options.EnabledBackends) ?? [];
        var serves = line.Roles.HasFlag(Roles.Volume);
        if (enabled.Count == 0)
        {
            if (from.IsSet(Options.Driver, Sections.Default)) return Only(Section(from, Sections.Default, null, host, line.Shares), serves);
            if (serves && !from.IsSet(Options.EnabledBackends))
                from.Wrong($"no backend is configured: write volume_driver = {DriverKinds.CinderGluster} and its options into [DEFAULT], or name sections with enabled_backends");
            else if (serves && enabled.Count == 0)
                from.Wrong(Options.EnabledBackends, null, "it names none, and the role volume needs one");
            return [];
        }
        var all = new List<BackendSettings>();
        foreach (var name in enabled)
        {
            var section = IniFile.Normal(name);
            if (Sections.Known(section)) from.Wrong(Options.EnabledBackends, null, $"[{name}] is not a backend's section");
            else if (!from.Files.Has(section)) from.Wrong(Options.EnabledBackends, null, $"there is no section [{name}]");
            else if (Section(from, section, name, host, []) is { } backend) all.Add(backend);
        }
        foreach (var twice in all.GroupBy(b => (b.Name, b.Host)).Where(g => g.Skip(1).Any()))
            from.Wrong(Options.EnabledBackends, null, $"{twice.Key.Host}@{twice.Key.Name} would be two backends");
        return serves ? all : [];
    }

    static IReadOnlyList<BackendSettings> Only(BackendSettings? backend, bool serves) => backend is null || !serves ? [] : [backend];

    /// <param name="name">The backend's name; null for [DEFAULT], where it is called by its volume_backend_name.</param>
    static BackendSettings? Section(Reading from, string section, string? name, string host, IReadOnlyList<string> shares)
    {
        var before = from.Problems.Count;
        if (!from.IsSet(Options.Driver, section))
            from.Wrong(Options.Driver, section, $"backend {name} has none");
        var driver = from.Get(Options.Driver, section);
        var backendName = from.Get(Options.BackendName, section) ?? driver.BackendName();
        if (name is null && Kinds.HostPart.Read(backendName, out _) is not null)
            from.Wrong(Options.BackendName, section, $"without enabled_backends it is also the backend's name in host@backend#pool: {Kinds.HostPart.Accepts}");
        name ??= backendName;
        host = from.Get(Options.BackendHost, section) ?? host;
        var reserved = from.Get(Options.ReservedPercentage, section);
        var ratio = from.Get(Options.OverSubscription, section);
        var capabilities = new Dictionary<string, string>();
        if (from.Get(Options.FilterFunction, section) is { } filter) capabilities[Scheduling.Filters.FilterFunction] = filter;
        if (from.Get(Options.GoodnessFunction, section) is { } goodness) capabilities[Scheduling.Weighers.GoodnessFunction] = goodness;
        // Asked for by every driver, so that a wrong word is told whichever it is.
        var thick = from.Get(Options.ProvisioningType, section) == "thick";
        var sparsed = from.Get(Options.Sparsed, section);
        if (!from.IsSet(Options.ProvisioningType, section)) thick = !sparsed;
        var qcow2 = from.Get(Options.Qcow2, section);
        var gfapi = from.Get(Options.Gfapi, section);
        var secure = from.Get(Options.SecurePermissions, section) == "true";
        _ = from.Get(Options.SecureOperations, section);
        var thinClones = from.Get(Options.CloneMode, section) == "thin" && (driver == DriverKind.Gluster || from.IsSet(Options.CloneMode, section));
        var depth = from.Get(Options.MaxChainDepth, section);
        var (flattenDepth, flattenRate) = (from.Get(Options.FlattenDepth, section), from.Get(Options.FlattenRate, section));
        var bounds = new ImageCacheSettings(from.Get(Options.ImageCacheCount, section), from.Get(Options.ImageCacheGb, section), from.Get(Options.ImageCacheDays, section));
        var images = from.Get(Options.ImageCache, section) ? bounds : null;
        var sharesConfig = from.Get(Options.SharesConfig, section);
        var mounts = from.Get(Options.MountPointBase, section);
        var (nasHost, nasPath, nasOptions) = (Text(Options.NasHost), Text(Options.NasSharePath), Text(Options.NasMountOptions));
        if (driver == DriverKind.Gluster && nasHost is null != nasPath is null)
            from.Wrong(nasHost is null ? Options.NasSharePath : Options.NasHost, section,
                $"{Options.NasHost.Key} and {Options.NasSharePath.Key} are one share together: the other one is missing");
        var paths = from.Get(Options.DirectoryPaths, section);
        if (driver == DriverKind.Directory && from.Problems.Count == before && paths is null)
            from.Wrong(Options.DirectoryPaths, section, $"backend {name} is a directory, and it is not written which");
        if (from.Problems.Count > before) return null;
        return driver switch
        {
            DriverKind.Gluster => new BackendSettings.Gluster(name, host)
            {
                VolumeBackendName = backendName, ReservedPercentage = reserved, MaxOverSubscriptionRatio = ratio, Driver = driver, Capabilities = capabilities,
                Thick = thick, Qcow2 = qcow2, SecureFilePermissions = secure, ThinClones = thinClones, MaxChainDepth = depth, FlattenDepth = flattenDepth,
                FlattenRate = flattenRate, ImageCache = images,
                SharesConfig = sharesConfig!, MountPointBase = mounts!,
                NasHost = nasHost, NasSharePath = nasPath, NasMountOptions = nasOptions, Gfapi = gfapi, Shares = shares,
            },
            DriverKind.Directory => new BackendSettings.Directory(name, host)
            {
                VolumeBackendName = backendName, ReservedPercentage = reserved, MaxOverSubscriptionRatio = ratio, Driver = driver, Capabilities = capabilities,
                Thick = thick, Qcow2 = qcow2, SecureFilePermissions = secure, ThinClones = thinClones, MaxChainDepth = depth, FlattenDepth = flattenDepth,
                FlattenRate = flattenRate, ImageCache = images,
                Paths = paths!,
            },
            _ => new BackendSettings.Memory(name, host)
            {
                VolumeBackendName = backendName, ReservedPercentage = reserved, MaxOverSubscriptionRatio = ratio, Driver = driver, Capabilities = capabilities,
            },
        };

        string? Text(Option<string> option) => from.Get(option, section) is { Length: > 0 } text ? text : null;
    }
}
