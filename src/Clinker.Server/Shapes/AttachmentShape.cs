using System.Text.Json;
using Clinker.Attachments;
using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>An attachment in a short list (cinder/api/v3/views/attachments.py, summary).</summary>
sealed record AttachmentBrief : IShape<AttachmentBrief>
{
    public AttachmentBrief(Attachment attachment)
    {
        Id = attachment.Id;
        Status = attachment.Status;
        Instance = attachment.ServerId;
        VolumeId = attachment.VolumeId;
    }

    public static string One => "attachment";
    public static string Many => "attachments";

    public string Id { get; }
    public string Status { get; }
    public string? Instance { get; }
    public string VolumeId { get; }
}

/// <summary>An attachment as it is looked at (the same file, detail).</summary>
sealed record AttachmentShape : IShape<AttachmentShape>
{
    static readonly JsonElement Nothing = JsonElement.Parse("{}");

    public AttachmentShape(Attachment attachment)
    {
        Id = attachment.Id;
        Status = attachment.Status;
        Instance = attachment.ServerId;
        VolumeId = attachment.VolumeId;
        AttachedAt = attachment.AttachedAt?.ToString(TimeConverter.Format, null) ?? "";
        AttachMode = attachment.Mode ?? "null";
        ConnectionInfo = attachment.ConnectionInfo is { } info ? JsonElement.Parse(info) : Nothing;
    }

    public static string One => "attachment";
    public static string Many => "attachments";

    public string Id { get; }
    public string Status { get; }
    public string? Instance { get; }
    public string VolumeId { get; }
    /// <summary>The empty text until then.</summary>
    public string AttachedAt { get; }
    /// <summary>One that is detached is gone.</summary>
    public string DetachedAt { get; } = "";
    /// <summary>rw, ro, or the text null as long as nobody has said.</summary>
    public string AttachMode { get; }
    public JsonElement ConnectionInfo { get; }
}
