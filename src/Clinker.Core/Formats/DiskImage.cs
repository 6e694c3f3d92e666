using System.Buffers.Binary;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Clinker.Formats;

/// <summary>
/// What an image of a disk is, by its headers: looked at before a tool opens it, and before anything is done with it that its format
/// decides. A format that may name other files makes a tool read them, and what it read would be in a user's volume (CVE-2014-3641,
/// CVE-2015-1851, CVE-2022-47951, CVE-2024-32498). So features are let through by name, never refused by name, and what is several
/// formats at once is refused: which one it is would depend on who looks.
/// </summary>
/// <param name="Format">As QEMU names it. Of a raw disk, what is on it, as far as that is known: iso, gpt, mbr, luks; else raw.</param>
/// <param name="Bytes">The size of the disk in it; 0 when it doesn't say.</param>
/// <param name="WhyNot">Why no tool may open it as that; null: it is whole by itself.</param>
public sealed record DiskImage(string Format, long Bytes, string? WhyNot = null)
{
    internal const int Sector = 512;

    /// <summary>More bytes than <see cref="Look"/> ever reads, whatever they say: the head, a VMDK descriptor, the tables of VHDX.</summary>
    public const int MostRead = 3 << 19;

    /// <summary>Which kinds of VMDK (createType) can be one file.</summary>
    public static readonly IReadOnlyList<string> VmdkTypes = ["streamOptimized", "monolithicSparse"];

    /// <summary>Which of them it is, of VMDK.</summary>
    public string? Kind { get; init; }

    /// <summary>Whether the bytes of the image are those of the disk.</summary>
    public bool IsRaw => Format is "raw" or "iso" or "gpt" or "mbr" or "luks";

    /// <summary>Looks at an image. All formats but a VHD of fixed size are known by how it begins.</summary>
    public static DiskImage Look(DiskBytes image)
    {
        var head = image.At(0, (int)Math.Min(Magic.HeadBytes, image.Length));
        List<string> images = [.. Magic.ImagesIn(head)], disks = Magic.DisksIn(head);
        // A VHD of fixed size is the disk, and a footer.
        if (!images.Contains("vpc") && Vhd.HasFooter(image)) images.Add("vpc");
        if (images.Count == 0) return new(disks.FirstOrDefault("raw"), image.Length);
        var isFixed = images is ["vpc"] && !head.AsSpan().StartsWith(Vhd.Cookie);
        if (images.Count > 1 || (disks.Count > 0 && !isFixed))
            return new(images[0], 0, $"it is several formats at once: {string.Join(", ", images.Concat(disks))}");
        Array.Resize(ref head, Magic.HeadBytes);
        return images[0] switch
        {
            "qcow2" => Qcow2Header.Read(image) is { } header ? new("qcow2", header.Bytes / Sector * Sector, header.WhyNot)
                : new("qcow2", 0, "its header is cut off"),
            "vmdk" => Vmdk.Look(image, head),
            "vpc" => Vhd.Look(image),
            "vhdx" => Vhdx.Look(image),
            "vdi" => Vdi(image, head),
            "qcow" => NotTaken("qcow", ReadInt64BigEndian(head.AsSpan(24))),
            "qed" => NotTaken("qed", ReadInt64LittleEndian(head.AsSpan(48))),
            "parallels" => NotTaken("parallels", ReadUInt32LittleEndian(head.AsSpan(36)) * (long)Sector),
            var other => NotTaken(other, 0),
        };
    }

    static DiskImage NotTaken(string format, long bytes) => new(format, Math.Max(bytes, 0), $"images of the format {format} are not taken");

    /// <summary>VirtualBox's (block/vdi.c of QEMU); all numbers little-endian. Others than dynamic and static ones build on a parent.</summary>
    static DiskImage Vdi(DiskBytes image, ReadOnlySpan<byte> head)
    {
        const uint version = 0x0001_0001, dynamic = 1, @static = 2;
        var bytes = ReadInt64LittleEndian(head[0x170..]);
        var (table, blocks) = ((long)ReadUInt32LittleEndian(head[0x154..]), (long)ReadUInt32LittleEndian(head[0x180..]));
        return new("vdi", bytes is < 0 or > long.MaxValue - Sector ? 0 : (bytes + Sector - 1) / Sector * Sector,
            ReadUInt32LittleEndian(head[0x44..]) != version ? "it is of an unknown version of VDI"
            : ReadUInt32LittleEndian(head[0x4c..]) is not (dynamic or @static) ? "it has a parent, or is of an unknown type"
            : head[0x1a8..0x1c8].ContainsAnyExcept((byte)0) ? "it has a parent"
            : bytes < 0 || table + blocks * sizeof(uint) > image.Length ? "its table does not lie in it"
            : null);
    }
}
