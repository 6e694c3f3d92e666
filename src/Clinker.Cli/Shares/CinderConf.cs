using System.Text.RegularExpressions;
using Clinker.Cli.Ini;

namespace Clinker.Cli.Shares;

/// <summary>A backend that keeps volumes on GlusterFS.</summary>
internal sealed record GlusterBackend(string Section, string SharesConfig, string MountBase, string? NasShare);

/// <summary>The few keys of cinder.conf that say where volumes are kept and where the daemon listens.</summary>
internal sealed partial class CinderConf
{
    public const string DefaultPath = "/etc/cinder/cinder.conf";
    public const string DriverClass = "cinder.volume.drivers.glusterfs.GlusterfsDriver";

    readonly IReadOnlyList<IniDocument> documents;

    CinderConf(string path, IReadOnlyList<IniDocument> documents)
    {
        Path = path;
        this.documents = documents;
    }

    /// <summary>The first file, which messages name.</summary>
    public string Path { get; }

    /// <summary>Reads the file; and, for the default one, those of the directory beside it, of which the last has the last word.</summary>
    /// <exception cref="CliFault">It is not there or can't be read.</exception>
    public static CinderConf Read(string path)
    {
        var more = path == DefaultPath && Directory.Exists(path + ".d")
            ? Directory.GetFiles(path + ".d", "*.conf").Order(StringComparer.Ordinal)
            : Enumerable.Empty<string>();
        return new(path, [.. more.Prepend(path).Select(IniFile.Read)]);
    }

    internal static CinderConf Of(string path, params byte[][] contents) => new(path, [.. contents.Select(IniDocument.Parse)]);

    /// <summary>The sections named by enabled_backends; DEFAULT alone when there is no such key.</summary>
    public IReadOnlyList<string> Backends => Value("DEFAULT", "enabled_backends") is { Length: > 0 } list
        ? [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()]
        : ["DEFAULT"];

    public bool Has(string section) => documents.Any(d => Sections(d, section).Any());

    public string? Driver(string section) => Backend(section, "volume_driver");

    public static bool IsGluster(string driver) => driver.Contains("glusterfs", StringComparison.OrdinalIgnoreCase) || driver == "gluster";

    public IReadOnlyList<GlusterBackend> GlusterBackends => [.. Backends.Where(b => IsGluster(Driver(b) ?? "")).Select(b => new GlusterBackend(b,
        Backend(b, "glusterfs_shares_config") ?? "/etc/cinder/glusterfs_shares",
        Backend(b, "glusterfs_mount_point_base") ?? State + "/mnt",
        (Backend(b, "nas_host") ?? Backend(b, "nas_ip")) is { } host && Backend(b, "nas_share_path") is { } path ? $"{host}:{path}" : null))];

    public string Database => Value("database", "connection") ?? Value("DEFAULT", "sql_connection") ?? $"sqlite:///{State}/clinker.sqlite";

    /// <summary>Where this host's API answers, as far as the file says; null when it says nothing.</summary>
    public string? Endpoint
    {
        get
        {
            var (listen, port) = (Value("DEFAULT", "osapi_volume_listen"), Value("DEFAULT", "osapi_volume_listen_port"));
            var tls = Value("DEFAULT", "osapi_volume_use_ssl")?.ToLowerInvariant() is "true" or "yes" or "on" or "1";
            if (listen is null && port is null && !tls) return null;
            var host = listen is null or "0.0.0.0" or "::" ? "127.0.0.1" : listen;
            return $"{(tls ? "https" : "http")}://{(host.Contains(':') ? $"[{host}]" : host)}:{port ?? "8776"}/v3";
        }
    }

    /// <summary>Where it says that the users of auth_strategy = basic are.</summary>
    public string? UsersFile => Value("DEFAULT", "http_basic_auth_user_file");

    string State => Value("DEFAULT", "state_path") ?? "/var/lib/cinder";

    /// <summary>A backend's own value, else the one of [backend_defaults]; [DEFAULT] counts only for a backend that is DEFAULT.</summary>
    string? Backend(string section, string key) => Value(section, key) ?? (section == "DEFAULT" ? null : Value("backend_defaults", key));

    /// <summary>The last value of a key, with <c>$name</c>, <c>${name}</c> and <c>$section.name</c> replaced as oslo.config does.</summary>
    public string? Value(string section, string key, int depth = 0)
    {
        if (documents.SelectMany(d => Sections(d, section).SelectMany(s => d.Values(s, key))).ToList() is not [.., var raw]) return null;
        if (raw is ['"', .., '"'] or ['\'', .., '\'']) raw = raw[1..^1];
        return depth > 8 ? raw : Variable().Replace(raw, m => m.Groups[2].Value is { Length: > 0 } name
            ? (m.Groups[1].Value is { Length: > 0 } other
                ? Value(other[..^1], name, depth + 1)
                : Value(section, name, depth + 1) ?? Value("DEFAULT", name, depth + 1) ?? (name == "state_path" ? State : null)) ?? m.Value
            : "$");
    }

    /// <summary>As they are written: case counts for DEFAULT alone (oslo.config, _normalize_group_name).</summary>
    static IEnumerable<string> Sections(IniDocument document, string name) => document.Sections()
        .Where(s => s == name || (s != "DEFAULT" && name != "DEFAULT" && s.Equals(name, StringComparison.OrdinalIgnoreCase)));

    [GeneratedRegex(@"\$(?:\$|\{?([A-Za-z_][A-Za-z0-9_]*\.)?([A-Za-z_][A-Za-z0-9_]*)\}?)")]
    private static partial Regex Variable();
}
