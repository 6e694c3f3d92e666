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

    readonly IniDocument document;

    CinderConf(string path, IniDocument document)
    {
        Path = path;
        this.document = document;
    }

    public string Path { get; }

    /// <exception cref="CliFault">It is not there or can't be read.</exception>
    public static CinderConf Read(string path) => new(path, IniFile.Read(path));

    internal static CinderConf Of(string path, byte[] content) => new(path, IniDocument.Parse(content));

    /// <summary>The sections named by enabled_backends; DEFAULT alone when there is no such key.</summary>
    public IReadOnlyList<string> Backends => Value("DEFAULT", "enabled_backends") is { Length: > 0 } list
        ? [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct()]
        : ["DEFAULT"];

    public bool Has(string section) => document.Has(section);

    public string? Driver(string section) => Backend(section, "volume_driver");

    public static bool IsGluster(string driver) => driver.Contains("glusterfs", StringComparison.OrdinalIgnoreCase) || driver == "gluster";

    public IReadOnlyList<GlusterBackend> GlusterBackends => [.. Backends.Where(b => IsGluster(Driver(b) ?? "")).Select(b => new GlusterBackend(b,
        Backend(b, "glusterfs_shares_config") ?? "/etc/cinder/glusterfs_shares",
        Backend(b, "glusterfs_mount_point_base") ?? State + "/mnt",
        (Backend(b, "nas_host") ?? Backend(b, "nas_ip")) is { } host && Backend(b, "nas_share_path") is { } path ? $"{host}:{path}" : null))];

    public string? Database => Value("database", "connection") ?? Value("DEFAULT", "sql_connection");

    /// <summary>Where this host's API answers, as far as the file says; null when it says nothing.</summary>
    public string? Endpoint
    {
        get
        {
            var (listen, port) = (Value("DEFAULT", "osapi_volume_listen"), Value("DEFAULT", "osapi_volume_listen_port"));
            if (listen is null && port is null) return null;
            var host = listen is null or "0.0.0.0" or "::" ? "127.0.0.1" : listen;
            return $"http://{(host.Contains(':') ? $"[{host}]" : host)}:{port ?? "8776"}/v3";
        }
    }

    string State => Value("DEFAULT", "state_path") ?? "/var/lib/cinder";

    /// <summary>A backend's own value, else the one of [backend_defaults]; [DEFAULT] counts only for a backend that is DEFAULT.</summary>
    string? Backend(string section, string key) => Value(section, key) ?? (section == "DEFAULT" ? null : Value("backend_defaults", key));

    /// <summary>The last value of a key, with <c>$name</c> and <c>${name}</c> replaced as oslo.config does.</summary>
    public string? Value(string section, string key, int depth = 0)
    {
        if (document.Values(section, key) is not [.., var raw]) return null;
        if (raw is ['"', .., '"'] or ['\'', .., '\'']) raw = raw[1..^1];
        return depth > 8 ? raw : Variable().Replace(raw, m => m.Groups[1].Value is { Length: > 0 } name
            ? Value(section, name, depth + 1) ?? Value("DEFAULT", name, depth + 1) ?? (name == "state_path" ? State : m.Value)
            : "$");
    }

    [GeneratedRegex(@"\$(?:\$|\{?([A-Za-z_][A-Za-z0-9_]*)\}?)")]
    private static partial Regex Variable();
}
