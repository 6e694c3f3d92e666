namespace Clinker.Attachments;

/// <summary>A volume's use by a server, or its being kept for one, as it is remembered. Times are UTC.</summary>
public sealed record Attachment
{
    public required string Id { get; init; }
    /// <summary>The volume's.</summary>
    public required string ProjectId { get; init; }
    public required string VolumeId { get; init; }
    /// <summary>The instance, as the compute service calls it; null for a host's own use.</summary>
    public string? ServerId { get; init; }
    /// <summary>Where it is used: the connector's host, once there is one.</summary>
    public string? HostName { get; init; }
    /// <summary>What the user calls it there: /dev/vdb.</summary>
    public string? Device { get; init; }
    /// <summary>rw or ro; null until somebody says so.</summary>
    public string? Mode { get; init; }
    /// <summary>One of <see cref="Volumes.AttachStatus"/>.</summary>
    public required string Status { get; init; }
    /// <summary>What the host said of itself: JSON.</summary>
    public string? Connector { get; init; }
    /// <summary>What the host was told in return: JSON. Null until it is connected.</summary>
    public string? ConnectionInfo { get; init; }
    public DateTime? AttachedAt { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>Whether the backend has let a host have the volume for it.</summary>
    public bool IsConnected => ConnectionInfo is not null;
}

/// <summary>How a server may use a volume.</summary>
public static class AttachMode
{
    public const string ReadWrite = "rw";
    public const string ReadOnly = "ro";
}
