using static System.Buffers.Binary.BinaryPrimitives;

namespace Clinker.Formats;

/// <summary>
/// Virtual Hard Disk Image Format Specification 1.0; all numbers big-endian. The footer is the last sector, and a dynamic disk's first
/// one too.
/// </summary>
internal static class Vhd
{
    const int Sector = DiskImage.Sector;
    const uint Fixed = 2, Dynamic = 3, Differencing = 4;

    public static ReadOnlySpan<byte> Cookie => "conectix"u8;

    public static bool HasFooter(DiskBytes image) => image.At(image.Length - Sector, Cookie.Length).AsSpan().SequenceEqual(Cookie);

    public static DiskImage Look(DiskBytes image)
    {
        var (first, last) = (image.At(0, Sector), image.At(image.Length - Sector, Sector));
        var isFixed = !first.AsSpan().StartsWith(Cookie);
        var bytes = Bytes(isFixed ? last : first);
        return new("vpc", bytes,
            !last.AsSpan().StartsWith(Cookie) ? "its footer is not at its end"
            : Type(last) == Differencing || (!isFixed && Type(first) == Differencing) ? "it has a parent"
            : Type(last) != (isFixed ? Fixed : Dynamic) || (!isFixed && Type(first) != Dynamic) ? "it is of an unknown type, or of two"
            : isFixed || HasTable(image, ReadInt64BigEndian(first.AsSpan(16)), bytes) ? null
            : "its table does not fit its size, or does not lie in it");
    }

    static uint Type(ReadOnlySpan<byte> footer) => ReadUInt32BigEndian(footer[60..]);

    /// <summary>
    /// What it says is its size; Virtual PC itself, and what else is not known to do better, goes by its geometry instead (vpc_open of
    /// QEMU; newer ones know more of them).
    /// </summary>
    static long Bytes(ReadOnlySpan<byte> footer)
    {
        const long mostSectors = 65535L * 16 * 255;
        var sectors = (long)ReadUInt16BigEndian(footer[56..]) * footer[58] * footer[59];
        var creator = footer.Slice(28, 4);
        var bySize = creator.SequenceEqual("win "u8) || creator.SequenceEqual("qem2"u8) || creator.SequenceEqual("d2v "u8)
            || creator.SequenceEqual("tap\0"u8);
        return bySize || sectors == mostSectors ? Math.Max(ReadInt64BigEndian(footer[48..]) / Sector * Sector, 0) : sectors * Sector;
    }

    static bool HasTable(DiskBytes image, long at, long bytes)
    {
        var header = image.At(at, 1024);
        var (table, entries) = (ReadInt64BigEndian(header.AsSpan(16)), (long)ReadUInt32BigEndian(header.AsSpan(28)));
        var block = ReadUInt32BigEndian(header.AsSpan(32));
        return header.AsSpan().StartsWith("cxsparse"u8) && entries * block >= bytes
            && table >= 0 && table <= image.Length && entries * sizeof(uint) <= image.Length - table;
    }
}
