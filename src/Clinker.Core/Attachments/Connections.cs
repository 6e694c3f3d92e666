using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Drivers;
using Clinker.Operations;
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
    /// <summary>Those that may be given for each GiB.</summary>
    static readonly string[] Limits =
        ["read_iops_sec", "read_bytes_sec", "write_iops_sec", "write_bytes_sec", "total_iops_sec", "total_bytes_sec"];

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

    /// <summary>What the backend tells each host that has the volume, from now on. For <see cref="Note"/>.</summary>
    internal static async Task<IReadOnlyList<Renewed>> Renew(Saga saga, Volume volume)
    {
        var renewed = new List<Renewed>();
        foreach (var attachment in await saga.Read(tx => tx.Attachments.Of(volume.Id)))
            if (attachment is { IsConnected: true, HostName: { } host, Connector: { } properties })
                renewed.Add(new(attachment.Id, await saga.Driver.Connect(volume, new(host, properties), saga.Work)));
        return renewed;
    }

    /// <summary>Has attachments say what hosts are told from now on, where they still are.</summary>
    internal static async Task Note(Tx tx, string volumeId, IReadOnlyList<Renewed> all)
    {
        if (all.Count == 0) return;
        var volume = await tx.Volumes.Get(volumeId, @lock: true);
        foreach (var (id, info) in all)
            if (await tx.Attachments.Find(id) is { IsConnected: true, Connector: { } properties } now)
                await tx.Attachments.Set(now with { ConnectionInfo = await OfAttachment(tx, volume, now, new(now.HostName!, properties), info) });
    }

    /// <summary>A text that the connector has under a name; null when it has none.</summary>
    public static string? Says(this Connector connector, string name)
    {
        using var properties = JsonDocument.Parse(connector.Properties);
        return properties.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    static JsonObject Around(ConnectionInfo info, Connector connector)
    {
        var around = new JsonObject { ["driver_volume_type"] = info.Type, ["enforce_multipath"] = Enforced(connector) };
        if (info.MountPointBase is { } mounts) around["mount_point_base"] = mounts;
        return around;
    }

    static async Task<JsonObject> Data(Tx tx, Volume volume, ConnectionInfo info, string mode)
    {
        var specs = await tx.Types.SpecsOf(volume.VolumeTypeId);
        var cacheable = specs.GetValueOrDefault("cacheable") == "<is> True";
        var data = JsonNode.Parse(info.Data)!.AsObject();
        data["qos_specs"] = await tx.QosSpecs.OfType(volume.VolumeTypeId) is { Consumer: not "back-end" } qos ? ForHost(qos.Specs, volume.SizeGb) : null;
        data["access_mode"] = mode;
        data["encrypted"] ??= volume.EncryptionKeyId is not null;
        data["cacheable"] = cacheable && (data["cacheable"] is not { } can || can.GetValueKind() == JsonValueKind.True);
        return data;
    }

    /// <summary>
    /// What a host is to keep the volume to. A limit may be given for each GiB, with its least and its greatest value: the host is told
    /// what comes of that. What makes no number is told as it stands.
    /// </summary>
    static JsonObject ForHost(IReadOnlyDictionary<string, string> specs, int sizeGb)
    {
        var told = new JsonObject(specs.Select(s => KeyValuePair.Create(s.Key, (JsonNode?)s.Value)));
        foreach (var limit in Limits)
        {
            var (perGb, least, most) = ($"{limit}_per_gb", $"{limit}_per_gb_min", $"{limit}_max");
            if (Number(perGb) is not { } each || !Fits(least) || !Fits(most)) continue;
            var value = Math.Max(Number(least) ?? 0, each * sizeGb);
            told[limit] = Math.Min(value, Number(most) ?? value);
            foreach (var name in new[] { perGb, least, most }) told.Remove(name);
        }
        return told;

        long? Number(string name) =>
            long.TryParse(specs.GetValueOrDefault(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && Math.Abs(number) <= long.MaxValue / int.MaxValue ? number : null;
        bool Fits(string name) => !specs.ContainsKey(name) || Number(name) is not null;
    }

    static bool Enforced(Connector connector)
    {
        using var properties = JsonDocument.Parse(connector.Properties);
        return properties.RootElement.TryGetProperty("enforce_multipath", out var value) && value.ValueKind == JsonValueKind.True;
    }
}

/// <summary>What the host of an attachment is told anew.</summary>
public sealed record Renewed(string AttachmentId, ConnectionInfo Info);
