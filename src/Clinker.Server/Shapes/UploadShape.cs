using System.Text.Json.Serialization;
using Clinker.Outside;
using Clinker.Server.Api;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Shapes;

/// <summary>The answer to a volume's being made an image (cinder/volume/api.py, copy_volume_to_image).</summary>
sealed record UploadShape : IShape<UploadShape>
{
    /// <param name="withVisibility">Instead of <see cref="IsPublic"/>.</param>
    public UploadShape(Volume volume, VolumeType? type, Image image, bool withVisibility)
    {
        Id = volume.Id;
        UpdatedAt = volume.UpdatedAt;
        Status = volume.Status;
        DisplayDescription = volume.Description;
        Size = volume.SizeGb;
        VolumeType = type is null ? null : new(type.Id, type.Name, type.Description, type.IsPublic);
        ImageId = image.Id;
        ContainerFormat = image.ContainerFormat;
        DiskFormat = image.DiskFormat;
        ImageName = image.Name;
        if (withVisibility) (Protected, Visibility) = (image.Protected ?? false, image.Visibility);
        else IsPublic = image.Visibility == "public";
    }

    public static string One => "os-volume_upload_image";
    public static string Many => "os-volume_upload_images";

    public string Id { get; }
    public DateTime? UpdatedAt { get; }
    public string Status { get; }
    public string? DisplayDescription { get; }
    public int Size { get; }
    public TypeOfUpload? VolumeType { get; }
    public string ImageId { get; }
    public string? ContainerFormat { get; }
    public string? DiskFormat { get; }
    public string? ImageName { get; }
    [Since(1), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? Protected { get; }
    [Since(1), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Visibility { get; }
    /// <summary>Before 3.1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? IsPublic { get; }
}

/// <summary>The volume's type inside it.</summary>
sealed record TypeOfUpload(string Id, string Name, string? Description, bool IsPublic);
