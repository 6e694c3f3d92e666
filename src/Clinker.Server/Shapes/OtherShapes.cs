using System.Text.Json.Serialization;
using Clinker.Messages;
using Clinker.Server.Api;
using Clinker.Services;

namespace Clinker.Server.Shapes;

/// <summary>A service as it is listed (cinder/api/v3/services.py).</summary>
record ServiceShape : IShape<ServiceShape>
{
    public ServiceShape(Service service, bool up)
    {
        Binary = service.Binary;
        Host = service.Host;
        Zone = service.Zone;
        Status = service.Disabled ? "disabled" : "enabled";
        State = up ? "up" : "down";
        UpdatedAt = service.UpdatedAt;
        DisabledReason = service.DisabledReason;
    }

    public static string One => "service";
    public static string Many => "services";

    public string Binary { get; }
    public string Host { get; }
    public string Zone { get; }
    public string Status { get; }
    public string State { get; }
    public DateTime UpdatedAt { get; }
    public string? DisabledReason { get; }
    [Since(7)] public string? Cluster { get; }
}

/// <summary>A volume service, which has more to tell.</summary>
sealed record VolumeServiceShape(Service Of, bool Up) : ServiceShape(Of, Up)
{
    [JsonIgnore] public Service Of { get; } = Of;
    [JsonIgnore] public bool Up { get; } = Up;
    [Since(49)] public string BackendState => Of.BackendDown is null ? "up" : "down";
    public string ReplicationStatus { get; } = "disabled";
    public string? ActiveBackendId { get; }
    public bool Frozen => Of.Frozen;
}

/// <summary>The answer to a service's being switched on or off.</summary>
/// <param name="DisabledReason">Only told where one was given.</param>
sealed record ServiceSwitched(
    string Host, string Service, string Binary, string Status, bool Disabled,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DisabledReason = null);

/// <summary>The volume that a host has in the end, once the compute service has copied one into another.</summary>
sealed record SavedVolume(string SaveVolumeId);

/// <summary>What a service logs, from which level on.</summary>
sealed record LogLevelsShape(string Host, string Binary, IReadOnlyDictionary<string, string> Levels) : IShape<LogLevelsShape>
{
    public static string One => "log_level";
    public static string Many => "log_levels";
}

/// <summary>A service as the older host API lists it (cinder/api/contrib/hosts.py).</summary>
sealed record HostShape(
    string HostName, string Service, string Zone, [property: JsonPropertyName("service-status")] string ServiceStatus,
    [property: JsonPropertyName("service-state")] string ServiceState, [property: JsonPropertyName("last-update")] DateTime LastUpdate)
    : IShape<HostShape>
{
    public static string One => "host";
    public static string Many => "hosts";
}

/// <summary>What a project has on a host. Numbers are texts.</summary>
sealed record HostUse(string Host, string Project, string VolumeCount, string TotalVolumeGb, string SnapshotCount, string TotalSnapshotGb);

sealed record HostUseShape(HostUse Resource) : IShape<HostUseShape>
{
    public static string One => "host";
    public static string Many => "host";
}

/// <summary>A service that cleans up.</summary>
sealed record CleanedService(string Id, string Host, string Binary, string? ClusterName);

/// <summary>Why something ended in error.</summary>
sealed record MessageShape : IShape<MessageShape>
{
    public MessageShape(Message message, Hyperlinks.Place place)
    {
        Id = message.Id;
        EventId = message.EventId;
        UserMessage = message.Text;
        MessageLevel = message.Level;
        CreatedAt = message.CreatedAt;
        GuaranteedUntil = message.ExpiresAt;
        RequestId = message.RequestId;
        Links = new Links(place, message.Id);
        ResourceType = message.ResourceType;
        ResourceUuid = message.ResourceId;
    }

    public static string One => "message";
    public static string Many => "messages";

    public string Id { get; }
    public string EventId { get; }
    public string UserMessage { get; }
    public string MessageLevel { get; }
    public DateTime CreatedAt { get; }
    public DateTime GuaranteedUntil { get; }
    public string? RequestId { get; }
    public Links Links { get; }
    public string ResourceType { get; }
    public string ResourceUuid { get; }
}

/// <summary>An availability zone.</summary>
sealed record ZoneShape([property: JsonPropertyName("zoneName")] string Name, [property: JsonPropertyName("zoneState")] ZoneState State)
    : IShape<ZoneShape>
{
    public static string One => "availabilityZone";
    public static string Many => "availabilityZoneInfo";
}

sealed record ZoneState(bool Available);

/// <summary>What the API can do besides the core, as clients of old ask for it.</summary>
sealed record ExtensionShape(string Alias, string Name, string Description, string Updated) : IShape<ExtensionShape>
{
    public static string One => "extension";
    public static string Many => "extensions";

    public IReadOnlyList<string> Links { get; } = [];
}

/// <summary>What a resource's list may be filtered by.</summary>
sealed record ResourceFilterShape(string Resource, IReadOnlyList<string> Filters) : IShape<ResourceFilterShape>
{
    public static string One => "resource_filter";
    public static string Many => "resource_filters";
}
