namespace Clinker.Outside;

/// <summary>The disk formats of images that volumes are made from and written to, with the names that qemu-img has for them.</summary>
public static class ImageFormats
{
    public const string Raw = "raw";

    /// <summary>What can be written to a volume. An ISO image is its bytes, as a raw one.</summary>
    public static readonly IReadOnlyDictionary<string, string> Readable = new Dictionary<string, string>
    {
        [Raw] = Raw, ["iso"] = Raw, ["qcow2"] = "qcow2", ["vmdk"] = "vmdk", ["vdi"] = "vdi", ["vhd"] = "vpc", ["vhdx"] = "vhdx",
    };

    /// <summary>What a volume can be written as.</summary>
    public static readonly IReadOnlyDictionary<string, string> Writable = new Dictionary<string, string>
    {
        [Raw] = Raw, ["qcow2"] = "qcow2", ["vmdk"] = "vmdk", ["vdi"] = "vdi", ["vhd"] = "vpc", ["vhdx"] = "vhdx", ["ploop"] = "parallels",
    };
}
