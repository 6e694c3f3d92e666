using System.Security.Cryptography;
using System.Text;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>
/// The image service (Glance, API v2). What a caller asks for is done with his own token while his request lasts; what goes on after
/// it is done as this service, since a token ends and is nothing to be kept. Every method throws <see cref="FaultException"/>:
/// Unavailable when the service does not answer now, NotFound, Invalid with the service's reason, OverQuota.
/// </summary>
public abstract class Images
{
    /// <param name="token">The caller's; null: as this service.</param>
    public abstract Task<Image> Get(string id, string? token, CancellationToken stop);

    /// <summary>The first two of those that have this name and that the caller may see.</summary>
    public abstract Task<IReadOnlyList<Image>> Named(string name, string? token, CancellationToken stop);

    /// <summary>Makes the record of an image that has no data yet. The id is ours, so that it is known before it is there.</summary>
    /// <exception cref="FaultException">With <see cref="FaultException.NothingDone"/> when it is sure that there is none now.</exception>
    public abstract Task<Image> Create(NewImage image, string? token, CancellationToken stop);

    /// <summary>The bytes of an image from an offset on, as this service.</summary>
    public abstract Task<Stream> Open(string id, long offset, CancellationToken stop);

    /// <summary>
    /// Gives an image its data, as this service. <paramref name="write"/> writes <paramref name="length"/> bytes; when it throws,
    /// the image has none.
    /// </summary>
    public abstract Task Upload(string id, long length, Func<Stream, CancellationToken, Task> write, CancellationToken stop);

    /// <summary>Ensures that there is no such image, also when it is protected; as this service.</summary>
    public abstract Task Delete(string id, CancellationToken stop);
}

/// <summary>An image as the image service describes it.</summary>
public sealed record Image
{
    public required string Id { get; init; }
    public string? Name { get; init; }
    /// <summary>queued, saving, active, …</summary>
    public required string Status { get; init; }
    /// <summary>In bytes; null while it has no data.</summary>
    public long? SizeBytes { get; init; }
    public string? DiskFormat { get; init; }
    public string? ContainerFormat { get; init; }
    /// <summary>The GiB that a disk needs for it.</summary>
    public int MinDiskGb { get; init; }
    /// <summary>In MiB.</summary>
    public int MinRamMb { get; init; }
    /// <summary>MD5 of its bytes, hexadecimal.</summary>
    public string? Checksum { get; init; }
    /// <summary>Which algorithm <see cref="Hash"/> is of: sha512.</summary>
    public string? HashAlgorithm { get; init; }
    /// <summary>Hexadecimal.</summary>
    public string? Hash { get; init; }
    public string? Visibility { get; init; }
    public bool? Protected { get; init; }
    /// <summary>What else its owner says of it: hw_disk_bus and the like.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = Volumes.Volume.EmptyMetadata;

    /// <summary>Its bytes by name. An image never changes once it is active; should it all the same, its checksum does too.</summary>
    /// <param name="verified">The signature by which they are verified when they are read; null: by none.</param>
    public Drivers.ImageContent ContentAs(ImageSignature? verified) => new(Id, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{Id}\n{SizeBytes}\n{DiskFormat}\n{Checksum}\n{HashAlgorithm}\n{Hash}{(verified is null ? "" : $"\n{verified}")}")))[..16]);

    public const string Active = "active";

    /// <summary>Container formats: its bytes as they are, or compressed by gzip (cinder/image/accelerator.py).</summary>
    public const string Bare = "bare", Compressed = "compressed";

    /// <summary>What is noted of it with a volume that holds it (cinder/volume/volume_utils.py, its IMAGE_ATTRIBUTES and properties).</summary>
    public Dictionary<string, string> Words()
    {
        var words = new Dictionary<string, string>(Properties) { ["image_id"] = Id };
        void Add(string key, string? value)
        {
            if (!string.IsNullOrEmpty(value)) words[key] = value;
        }
        Add("image_name", Name);
        Add("checksum", Checksum);
        Add("container_format", ContainerFormat);
        Add("disk_format", DiskFormat);
        Add("min_disk", $"{MinDiskGb}");
        Add("min_ram", $"{MinRamMb}");
        Add("size", $"{SizeBytes}");
        return words;
    }

    /// <summary>Whether a volume of this size can hold it (cinder/volume/flows/api/create_volume.py; volume_utils.check_image_metadata).</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public void Demand(int sizeGb)
    {
        const long gib = 1L << 30;
        if (Status != Active) throw Fault.Invalid.Input($"Image {Id} is not active.").Thrown();
        if (SizeBytes is not > 0) throw Fault.Invalid.Input($"Image {Id} has no data.").Thrown();
        if (ContainerFormat is not (Bare or Compressed))
            throw Fault.Invalid.Input($"Image {Id} is in a container of format {ContainerFormat}; only bare and compressed ones can be written to volumes.").Thrown();
        if (DiskFormat is null || !ImageFormats.Readable.ContainsKey(DiskFormat))
            throw Fault.Invalid.Input($"Image {Id} has disk format {DiskFormat}, which can't be written to volumes.").Thrown();
        var needs = (SizeBytes + gib - 1) / gib;
        if (needs > sizeGb)
            throw Fault.Invalid.Input($"Size of specified image {needs}GB is larger than volume size {sizeGb}GB.").Thrown();
        if (MinDiskGb > sizeGb)
            throw Fault.Invalid.Input($"Volume size {sizeGb}GB cannot be smaller than the image minDisk size {MinDiskGb}GB.").Thrown();
    }

    /// <summary>The fault of an image that is not what it should be (Cinder's ImageUnacceptable).</summary>
    public static FaultException Unacceptable(string id, string why) => new Fault.Invalid($"Image {id} is unacceptable: {why}").Thrown();
}

/// <summary>An image that is to be.</summary>
/// <param name="Visibility">Null for what the image service takes then.</param>
public sealed record NewImage(
    string Id, string Name, string DiskFormat, string ContainerFormat, string? Visibility, bool? Protected,
    IReadOnlyDictionary<string, string> Properties);
