using Clinker.Formats;

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

    /// <summary>What is wrong with an image of that declared format, a readable one; null when it may be read as that.</summary>
    /// <param name="vmdkTypes">Which kinds of VMDK are taken.</param>
    public static string? Refuses(string declared, DiskImage found, IReadOnlyList<string> vmdkTypes) =>
        !Is(found, declared) ? $"it is declared to be {declared}, but is {found.Format}"
        : found.WhyNot is { } why ? why
        : found.Kind is { } kind && !vmdkTypes.Contains(kind) ? $"VMDK images of type {kind} are not taken here (vmdk_allowed_types)"
        : null;

    static bool Is(DiskImage found, string declared) => declared switch
    {
        Raw => found.IsRaw,
        "iso" => found.Format == "iso",
        _ => found.Format == Readable[declared],
    };
}
