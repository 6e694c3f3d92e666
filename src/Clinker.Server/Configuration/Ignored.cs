namespace Clinker.Server.Configuration;

/// <summary>Finds what stands in the files and means nothing here: told once, so that nobody wonders why it has no effect.</summary>
static class Ignored
{
    /// <summary>At most two lines, of many entries each.</summary>
    public static IEnumerable<string> Notes(Reading reading, Settings settings)
    {
        var backends = (reading.Get(Options.EnabledBackends) ?? []).Select(IniFile.Normal).ToHashSet();
        var unknown = new List<string>();
        var misplaced = new List<string>();
        foreach (var file in reading.Files.Files)
        {
            var skipped = new HashSet<string>();
            foreach (var section in file.Sections)
            {
                var name = IniFile.Normal(section.Name);
                if (Sections.Known(name) || backends.Contains(name)) continue;
                // A section that only holds older names or what others refer to is not unknown as a whole.
                if (file.Entries.Any(e => IniFile.Normal(e.Section) == name && reading.Used(name, e.Key))) continue;
                if (skipped.Add(name)) unknown.Add($"{section.At} [{section.Name}]{(name == "default" ? " (not [DEFAULT])" : "")}");
            }
            foreach (var entry in file.Entries)
            {
                var name = IniFile.Normal(entry.Section);
                if (skipped.Contains(name) || reading.Used(name, entry.Key)) continue;
                if (name == Sections.Default && backends.Count > 0 && Options.All.Any(o => o.Section == Option.Backend && Named(o, entry.Key)))
                    misplaced.Add($"{entry.At} {entry.Key}");
                else if (!KnownWithoutUse(name, entry.Key, settings))
                    unknown.Add(name == Sections.Default ? $"{entry.At} {entry.Key}" : $"{entry.At} [{entry.Section}] {entry.Key}");
            }
        }
        if (unknown.Count > 0) yield return $"ignored, since there is no such option here: {string.Join(", ", unknown)}";
        if (misplaced.Count > 0)
            yield return $"ignored, since with enabled_backends these belong into a backend's section or into [backend_defaults]: {string.Join(", ", misplaced)}";
    }

    // [backend_defaults] where no backend is read, [keystone_authtoken] and [nova] without Keystone and ways to sign in that are not used: known
    // all the same.
    static bool KnownWithoutUse(string section, string key, Settings settings) =>
        section == Sections.BackendDefaults && settings.Backends.Count == 0
            ? Options.All.Any(o => o.Section == Option.Backend && Named(o, key))
            : section is Sections.Keystone or Sections.Nova && Options.All.Any(o => o.Section == section && Named(o, key));

    static bool Named(Option option, string key) => option.Key == key || option.Old.Any(o => o.Key == key);
}
