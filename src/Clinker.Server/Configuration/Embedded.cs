using System.Text;

namespace Clinker.Server.Configuration;

/// <summary>Running without a configuration file: all state in one directory of the user's.</summary>
static class Embedded
{
    /// <summary>The values that take the place of the files.</summary>
    public static IEnumerable<(string Section, string Key, string Text)> Values(string state, bool shares)
    {
        yield return (Sections.Default, "state_path", state.Replace("$", "$$", StringComparison.Ordinal));
        yield return (Sections.Default, "my_ip", "127.0.0.1");
        if (shares)
        {
            yield return (Sections.Default, "volume_driver", "gluster");
            yield return (Sections.Default, "glusterfs_shares_config", "$state_path/shares.conf");
        }
        else
        {
            yield return (Sections.Default, "volume_driver", "directory");
            yield return (Sections.Default, "directory_paths", "$state_path/volumes");
        }
        yield return (Sections.Default, "backup_driver", "directory");
        yield return (Sections.Default, "backup_posix_path", "$state_path/backups");
        foreach (var option in Options.All)
            if (option.Key.StartsWith("quota_", StringComparison.Ordinal)) yield return (option.Section, option.Key, "-1");
    }

    /// <summary>Where state goes when nobody says so (XDG Base Directory Specification): null when the user has no home.</summary>
    public static string? StateDirectory(Func<string, string?> variable)
    {
        // "All paths set in these environment variables must be absolute": others are to be ignored.
        if (variable("XDG_STATE_HOME") is ['/', ..] state) return Path.Combine(state, "clinker");
        return variable("HOME") is ['/', ..] home ? Path.Combine(home, ".local/state/clinker") : null;
    }

    /// <summary>
    /// Makes what an embedded start needs before anything else: the state directory, for the user alone, and the file with the
    /// shares of the command line. Does nothing for a start from files.
    /// </summary>
    /// <exception cref="IOException">A directory or the file can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static void Prepare(Settings settings)
    {
        if (!settings.Embedded) return;
#pragma warning disable CA1416 // the daemon is built for Linux alone
        Directory.CreateDirectory(settings.StatePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
#pragma warning restore CA1416
        foreach (var backend in settings.Backends.OfType<BackendSettings.Gluster>())
        {
            if (backend.Shares.Count == 0) continue;
            var text = new StringBuilder("# Written by clinkerd from its command line at each start.\n");
            foreach (var share in backend.Shares) text.Append(share).Append('\n');
            var beside = backend.SharesConfig + ".new";
            File.WriteAllText(beside, text.ToString());
            File.Move(beside, backend.SharesConfig, overwrite: true);
        }
    }
}
