using System.Text.Json.Serialization;
using Clinker.Attachments;
using Clinker.Server.Api;
using Clinker.Services;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Shapes;

/// <summary>What a volume's shape needs besides its row.</summary>
/// <param name="Links">Where volumes are.</param>
/// <param name="TypeNames">By id.</param>
/// <param name="ServiceIds">Of the volume services, by <c>host@backend</c>.</param>
sealed record VolumeView(Hyperlinks.Place Links, Dictionary<string, string> TypeNames, Dictionary<string, string> ServiceIds)
{
    /// <summary>Those that are attached, by volume.</summary>
    public ILookup<string, Attachment> Attachments { get; init; } = Array.Empty<Attachment>().ToLookup(a => a.VolumeId);

    /// <summary>Whether the caller may know on which hosts volumes are used.</summary>
    public bool ShowsHosts { get; init; }

    /// <summary>Those groups of the volumes that are of the older form.</summary>
    public IReadOnlySet<string> ConsistencyGroups { get; init; } = new HashSet<string>();

    public static VolumeView Of(Call call, IEnumerable<VolumeType> types, IEnumerable<Service> services) => new(
        call.Links.Of("volumes"),
        types.ToDictionary(t => t.Id, t => t.Name),
        services.Where(s => s.Binary == ServiceTable.VolumeBinary).ToDictionary(s => s.Host, s => s.Id));

    public string? ServiceOf(string? host)
    {
        if (host is null) return null;
        var hash = host.IndexOf('#', StringComparison.Ordinal);
        var backend = hash < 0 ? host.AsSpan() : host.AsSpan(0, hash);
        return ServiceIds.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(backend, out var id) ? id : null;
    }
}

/// <summary>A volume in full (cinder/api/v3/views/volumes.py, detail).</summary>
abstract record VolumeInFull
{
    protected VolumeInFull(Volume volume, VolumeView view)
    {
        Id = volume.Id;
        Status = Shown(volume.Status);
        Size = volume.SizeGb;
        AvailabilityZone = volume.AvailabilityZone;
        CreatedAt = volume.CreatedAt;
        UpdatedAt = volume.UpdatedAt;
        Name = volume.Name;
        Description = volume.Description;
        VolumeType = volume.VolumeTypeId is { } type ? view.TypeNames.GetValueOrDefault(type) : null;
        Metadata = volume.AdminMetadata.Count == 0 ? volume.Metadata : volume.AdminMetadata.Concat(volume.Metadata).DistinctBy(w => w.Key).ToDictionary();
        SnapshotId = volume.SnapshotId;
        SourceVolid = volume.SourceVolumeId;
        GroupId = volume.GroupId;
        ConsistencygroupId = volume.GroupId is { } group && view.ConsistencyGroups.Contains(group) ? group : null;
        ReplicationStatus = volume.ReplicationStatus;
        EncryptionKeyId = volume.EncryptionKeyId;
        Encrypted = volume.EncryptionKeyId is not null;
        Links = new Links(view.Links, volume.Id);
        UserId = volume.UserId;
        Bootable = volume.Bootable ? "true" : "false";
        Multiattach = volume.Multiattach;
        Attachments = [.. view.Attachments[volume.Id].Select(a => AttachmentOfVolume.Of(a, view.ShowsHosts))];
        MigrationStatus = volume.MigrationStatus;
        ServiceUuid = view.ServiceOf(volume.Host);
        // A file on a share is no target that hosts would have to lock; a volume without a place is not known yet.
        SharedTargets = volume.Host is null ? null : false;
        VolumeTypeId = volume.VolumeTypeId;
        ConsumesQuota = volume.ConsumesQuota;
    }

    public string Id { get; }
    public string Status { get; }
    public int Size { get; }
    public string AvailabilityZone { get; }
    public DateTime CreatedAt { get; }
    public DateTime? UpdatedAt { get; }
    public string? Name { get; }
    public string? Description { get; }
    /// <summary>The type's name.</summary>
    public string? VolumeType { get; }
    public string? SnapshotId { get; }
    public string? SourceVolid { get; }
    /// <summary>The user's words, and those of the service that he may see.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }
    public Links Links { get; }
    public string UserId { get; }
    /// <summary>A text, not a boolean.</summary>
    public string Bootable { get; }
    public bool Encrypted { get; }
    public string? ReplicationStatus { get; }
    public string? ConsistencygroupId { get; }
    public bool Multiattach { get; }
    public IReadOnlyList<AttachmentOfVolume> Attachments { get; }
    [Admin] public string? MigrationStatus { get; }
    [Since(13)] public string? GroupId { get; }
    [Since(21), Admin] public string? ProviderId { get; }
    [Since(48)] public bool? SharedTargets { get; init; }
    [Since(48)] public string? ServiceUuid { get; }
    [Since(61), Admin] public string? ClusterName { get; }
    [Since(63)] public string? VolumeTypeId { get; }
    [Since(64), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? EncryptionKeyId { get; }
    [Since(65)] public bool ConsumesQuota { get; }

    /// <summary>Statuses that were made for managing show as those that clients know.</summary>
    static string Shown(string status) => status switch
    {
        "managing" => "creating",
        "error_managing" => "error",
        "error_managing_deleting" => "deleting",
        _ => status,
    };
}

/// <summary>A volume as the answer to its creation or change.</summary>
sealed record VolumeShape : VolumeInFull, IShape<VolumeShape>
{
    VolumeShape(Volume volume, VolumeView view) : base(volume, view)
    {
    }

    public static string One => "volume";
    public static string Many => "volumes";

    public static VolumeShape Of(Volume volume, VolumeView view) => new(volume, view);
}

/// <summary>A volume as it is looked at: more than its creation tells.</summary>
sealed record VolumeDetail : VolumeInFull, IShape<VolumeDetail>
{
    VolumeDetail(Volume volume, VolumeView view) : base(volume, view)
    {
        Host = volume.Host;
        Migstat = volume.MigrationStatus;
        NameId = volume.NameId;
        TenantId = volume.ProjectId;
        VolumeImageMetadata = volume.ImageMetadata.Count == 0 ? null : volume.ImageMetadata;
    }

    public static string One => "volume";
    public static string Many => "volumes";

    public static VolumeDetail Of(Volume volume, VolumeView view) => new(volume, view);

    [Admin, JsonPropertyName("os-vol-host-attr:host")] public string? Host { get; }
    [Admin, JsonPropertyName("os-vol-mig-status-attr:migstat")] public string? Migstat { get; }
    [Admin, JsonPropertyName("os-vol-mig-status-attr:name_id")] public string? NameId { get; }
    [JsonPropertyName("os-vol-tenant-attr:tenant_id")] public string TenantId { get; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? VolumeImageMetadata { get; }
}

/// <summary>A volume in a short list.</summary>
sealed record VolumeBrief(string Id, string? Name, Links Links) : IShape<VolumeBrief>
{
    public static string One => "volume";
    public static string Many => "volumes";
}

/// <summary>A volume's use by a server, inside the volume's own shape.</summary>
sealed record AttachmentOfVolume(
    string Id, string AttachmentId, string VolumeId, string? ServerId, string? HostName, string? Device, DateTime? AttachedAt)
{
    public static AttachmentOfVolume Of(Attachment a, bool withHost) =>
        new(a.VolumeId, a.Id, a.VolumeId, a.ServerId, withHost ? a.HostName : null, a.Device, a.AttachedAt);
}

/// <summary>How many volumes, how large, and which metadata.</summary>
sealed record VolumeSummary(long TotalCount, long TotalSize, [property: Since(36)] IReadOnlyDictionary<string, IReadOnlyList<string>> Metadata)
    : IShape<VolumeSummary>
{
    public static string One => "volume-summary";
    public static string Many => "volume-summaries";
}
