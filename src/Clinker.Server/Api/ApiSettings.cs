using System.Net;
using System.Net.Security;
using Clinker.Attachments;
using Clinker.Outside;
using Clinker.Quotas;
using Clinker.Server.Api.Network;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Clinker.Server.Seeing;
using Clinker.Services;

namespace Clinker.Server.Api;

/// <summary>What the API needs to know; Cinder's option is named where there is one.</summary>
sealed record ApiSettings
{
    /// <summary>Where to listen (osapi_volume_listen, osapi_volume_listen_port). Port 0 takes any.</summary>
    public IReadOnlyList<IPEndPoint> Listen { get; init; } = [new(IPAddress.Loopback, 8776)];

    /// <summary>What links begin with, e.g. <c>https://cloud.example.org/volume</c>; null for what the request names (public_endpoint).</summary>
    public string? PublicEndpoint { get; init; }

    /// <summary>By which certificate it is known; null for plain HTTP (osapi_volume_use_ssl).</summary>
    public Watched<SslServerAuthenticationOptions>? Tls { get; init; }

    /// <summary>How long a TLS handshake may take.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Proxies in front that may say how they were called and by whom (enable_proxy_headers_parsing, trusted_proxies).</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>Which pages of other sites may use it; null and there is no word of that ([cors]).</summary>
    public Cors? Cors { get; init; }

    /// <summary>Requests a second from one address; 0 for any number (address_request_rate).</summary>
    public int AddressRate { get; init; }

    /// <summary>Requests a second of one project; 0 for any number (project_request_rate).</summary>
    public int ProjectRate { get; init; }

    /// <summary>Open connections; 0 for any number (max_connections).</summary>
    public int MaxConnections { get; init; }

    /// <summary>Open connections from one address that is no trusted proxy's; 0 for any number (max_connections_per_address).</summary>
    public int MaxConnectionsPerAddress { get; init; }

    /// <summary>The most items in one answer (osapi_max_limit).</summary>
    public int MaxLimit { get; init; } = 1000;

    /// <summary>The longest body that is read, in bytes ([oslo_middleware] max_request_body_size).</summary>
    public int MaxBodyBytes { get; init; } = 114_688;

    /// <summary>How long a request without its end is waited for.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The limits of every project (quota_*).</summary>
    public QuotaLimits Quotas { get; init; } = new();

    /// <summary>The type of volumes whose request names none (default_volume_type).</summary>
    public string DefaultType { get; init; } = Types.VolumeType.DefaultName;

    /// <summary>What <c>group_types/default</c> shows (default_group_type); null for none.</summary>
    public string? DefaultGroupType { get; init; }

    /// <summary>The zone of volumes whose request names none (default_availability_zone, else storage_availability_zone).</summary>
    public string DefaultZone { get; init; } = "nova";

    /// <summary>Whether an unknown zone becomes the default one (allow_availability_zone_fallback).</summary>
    public bool ZoneFallback { get; init; }

    /// <summary>After which silence a service counts as down (service_down_time).</summary>
    public TimeSpan ServiceDownTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>This host's name, as services have it.</summary>
    public string Host { get; init; } = "localhost";

    /// <summary>Those of this process.</summary>
    public LogLevels LogLevels { get; init; } = new(debug: false);
    /// <summary>How long a request waits for work of a backend that its answer depends on (rpc_response_timeout).</summary>
    public TimeSpan BackendTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Whether the compute service still uses a volume through this attachment, so that taking it away would leave a device behind
    /// that leads to somebody else's data (CVE-2023-2088). Asked outside of transactions; may throw Unavailable. Without a compute
    /// service nobody does.
    /// </summary>
    public Func<Attachment, ValueTask<bool>> ServerUses { get; init; } = _ => new(false);

    /// <summary>The image service; null where none is configured.</summary>
    public Images? Images { get; init; }

    /// <summary>Whether a volume that is in use may be made an image (enable_force_upload).</summary>
    public bool ForceUpload { get; init; }

    /// <summary>Whether an image of a volume may be a compressed one (allow_compression_on_image_upload).</summary>
    public bool CompressedUpload { get; init; } = true;

    /// <summary>What each image says of itself, so that it is not passed on to one that is made of a volume (glance_core_properties).</summary>
    public IReadOnlyList<string> ImageCoreProperties { get; init; } =
        ["checksum", "container_format", "disk_format", "image_name", "image_id", "min_disk", "min_ram", "name", "size"];

    /// <summary>What lists may be filtered by, from 3.31 on (resource_query_filters_file).</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ResourceFilters { get; init; } = ListFilters.Configured;

    /// <summary>Who is calling (auth_strategy).</summary>
    public Identity Identity { get; init; } = Identities.None;

    /// <summary>Who may do what ([oslo_policy]).</summary>
    public Watched<Policy> Policy { get; init; } = new(Policies.Policy.Default);

    /// <summary>Whether the identity service knows a project; without one, all are known. May throw <see cref="Refusal"/> 503.</summary>
    public Func<string, ValueTask<bool>> HasProject { get; init; } = _ => new(true);

    /// <summary>What /healthcheck looks at.</summary>
    public IReadOnlyList<HealthCheck> Health { get; init; } = [];

    /// <summary>The text of /metrics; null and there is none.</summary>
    public Func<ValueTask<string>>? Metrics { get; init; }

    /// <summary>Told of each request for a route, before its answer (null: nobody is there for it) is sent ([audit] log_file).</summary>
    public Action<Call, AnswerBuffer?>? Audit { get; init; }

    /// <summary>Told of each answer: route name, status, how long it took.</summary>
    public Action<string, int, TimeSpan>? Answered { get; init; }
}
