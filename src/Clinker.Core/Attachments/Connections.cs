using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Drivers;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>
/// What a host is told when it is connected: the driver's words, and what the service knows besides (Cinder: VolumeManager,
/// _parse_connection_options and _connection_create).
/// </summary>
public static class Connections
{
    /// <summary>For an attachment: all members in one object.</summary>
    public static async Task<string> OfAttachment(Tx tx, Volume volume, Attachment attachment, Connector connector, ConnectionInfo info)
    {
        var flat = await Data(tx, volume, info, attachment.Mode!);
        foreach (var (name, value) in Around(info, connector)) flat[name] = value?.DeepClone();
        flat["attachment_id"] = attachment.Id;
        return flat.ToJsonString();
    }

    /// <summary>For a host that asked without an attachment: the driver's data in an object of its own.</summary>
    public static async Task<string> OfVolume(Tx tx, Volume volume, Connector connector, ConnectionInfo info)
    {
        var whole = Around(info, connector);
        var data = await Data(tx, volume, info, Attaching.ModeOf(volume));
        data["enforce_multipath"] = Enforced(connector);
        whole["data"] = data;
        return whole.ToJsonString();
    }

    /// <summary>A text that the connector has under a name; null when it has none.</summary>
    public static string? Says(this Connector connector, string name)
    {
        using var properties = JsonDocument.Parse(connector.Properties);
        return properties.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    static JsonObject Around(ConnectionInfo info, Connector connector) => new()
    {
        ["driver_volume_type"] = info.Type,
        ["enforce_multipath"] = Enforced(connector),
    };

    static async Task<JsonObject> Data(Tx tx, Volume volume, ConnectionInfo info, string mode)
    {
        var specs = await tx.Types.SpecsOf(volume.VolumeTypeId);
        var cacheable = specs.GetValueOrDefault("cacheable") == "<is> True";
        var data = JsonNode.Parse(info.Data)!.AsObject();
        data["qos_specs"] = null;
        data["access_mode"] = mode;
        data["encrypted"] ??= volume.EncryptionKeyId is not null;
        data["cacheable"] = cacheable && (data["cacheable"] is not { } can || can.GetValueKind() == JsonValueKind.True);
        return data;
    }

    static bool Enforced(Connector connector)
    {
        using var properties = JsonDocument.Parse(connector.Properties);
        return properties.RootElement.TryGetProperty("enforce_multipath", out var value) && value.ValueKind == JsonValueKind.True;
    }
}
