using System.Text.Json;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>What is asked for with a new attachment.</summary>
/// <param name="Connector">Null when the volume is only to be kept for the server.</param>
sealed record AttachmentCreate(string VolumeId, string? ServerId, Connector? Connector, string? Mode)
{
    public static readonly Form<AttachmentCreate> Form = new(
        Must.Object(Must.Required("attachment", Must.Object(
            Must.Optional("instance_uuid", Must.Uuid),
            Must.Optional("connector", Must.Object().Open().NullToo()),
            Must.Required("volume_uuid", Must.Uuid),
            Must.Optional("mode", AttachmentForms.Mode, since: Behaviour.AttachmentMode)))),
        root =>
        {
            var a = root.GetProperty("attachment");
            return new(a.Text("volume_uuid")!, a.Text("instance_uuid"), AttachmentForms.ConnectorIn(a), a.Text("mode"));
        });

    public Attachment ToAttachment(string id, string projectId, DateTime now) => new()
    {
        Id = id,
        ProjectId = projectId,
        VolumeId = VolumeId,
        ServerId = ServerId,
        Mode = Mode,
        Status = AttachStatus.Reserved,
        CreatedAt = now,
    };
}

/// <summary>What os-attach notes.</summary>
sealed record AttachNow(string? ServerId, string? HostName, string Device, string Mode)
{
    public static readonly Form<AttachNow> Form = new(
        Must.Object(
            Must.Optional("instance_uuid", Must.Uuid),
            Must.Required("mountpoint", Must.Text(min: 1)),
            Must.Optional("host_name", Must.Text()),
            Must.Optional("mode", AttachmentForms.Mode)).WithAnyOf(0, "instance_uuid", "host_name"),
        a => new(a.Text("instance_uuid"), a.Text("host_name"), a.Text("mountpoint")!, a.Text("mode") ?? AttachMode.ReadWrite));
}

/// <summary>Which attachment is to go, and which host is to be let go of; both null where none is named.</summary>
sealed record DetachNow(string? AttachmentId, Connector? Connector)
{
    public static readonly Form<DetachNow> Form = new(
        Must.Object(Must.Optional("attachment_id", Must.UuidOrNull)).NullToo(),
        d => new(d.ValueKind == JsonValueKind.Object ? d.Text("attachment_id") : null, null));

    public static readonly Form<DetachNow> Forced = new(
        Must.Object(
            Must.Optional("connector", Must.Kind("string", "object", "null")),
            Must.Optional("attachment_id", Must.Text(max: int.MaxValue, orNull: true))),
        d => new(d.Text("attachment_id"), AttachmentForms.HostIn(d)));
}

/// <summary>Words that several bodies have.</summary>
static class AttachmentForms
{
    public static readonly Must Mode = Must.OneOf(AttachMode.ReadWrite, AttachMode.ReadOnly);

    public static readonly Form<Connector> Update = new(
        Must.Object(Must.Required("attachment", Must.Object(
            Must.Required("connector", Must.Object().Open().WithCount(1, int.MaxValue))))),
        root => ConnectorIn(root.GetProperty("attachment"))!);

    public static readonly Form<Connector> Initialize = new(
        Must.Object(Must.Required("connector", Must.Kind("object", "string"))), body => ConnectorIn(body) ?? throw NoHost());

    /// <summary>Null: whichever there is.</summary>
    public static readonly Form<Connector?> Terminate = new(
        Must.Object(Must.Required("connector", Must.Kind("string", "object", "null"))), HostIn);

    /// <summary>The member <c>connector</c>; null when it is none.</summary>
    /// <exception cref="FaultException">Invalid: it does not say which host it is.</exception>
    public static Connector? ConnectorIn(JsonElement of)
    {
        if (!of.TryGetProperty("connector", out var value) || value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() == 0)
            return null;
        return HostIn(of) ?? throw NoHost();
    }

    /// <summary>The same, null also when it does not say which host it is: of such a one there is nothing to take back.</summary>
    public static Connector? HostIn(JsonElement of) =>
        of.TryGetProperty("connector", out var value) && value.ValueKind == JsonValueKind.Object
            && value.Text("host") is { Length: > 0 and <= 255 } host ? new(host, value.GetRawText()) : null;

    static FaultException NoHost() => Fault.Invalid.Input("Connector doesn't have required information: host").Thrown();
}
