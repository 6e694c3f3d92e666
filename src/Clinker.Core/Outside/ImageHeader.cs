using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace Clinker.Outside;

/// <summary>
/// Looks at the header of an image before a tool opens it: whether it is what it is declared to be, and whole by itself. A format that
/// may name other files makes a tool read them, and what it read would be in the user's volume (CVE-2014-3641, CVE-2015-1851,
/// CVE-2022-47951, CVE-2024-32498). So features are let through by name, never refused by name.
/// </summary>
static partial class ImageHeader
{
    const int Sector = 512;

    /// <summary>What is wrong with it; null when a tool may open it as that format.</summary>
    /// <param name="format">As the image service names it; none of the raw ones.</param>
    public static string? Refuses(Stream image, string format) => format switch
    {
        "qcow2" => Qcow2(image),
        "vmdk" => Vmdk(image),
        "vhd" => Vhd(image),
        "vhdx" => At(image, 0, 8).AsSpan().SequenceEqual("vhdxfile"u8) ? null : NotOne("VHDX"),
        "vdi" => At(image, 0x40, 4).AsSpan().SequenceEqual((byte[])[0x7f, 0x10, 0xda, 0xbe]) ? null : NotOne("VDI"),
        _ => $"{format} is no known format.",
    };

    /// <summary>docs/interop/qcow2.txt of QEMU; all numbers big-endian.</summary>
    static string? Qcow2(Stream image)
    {
        const uint externalDataName = 0x44415441, end = 0;
        const ulong dirty = 1, compression = 8, extendedL2 = 16;
        const int mostExtensions = 32;
        var header = At(image, 0, 112);
        if (!header.AsSpan().StartsWith((byte[])[(byte)'Q', (byte)'F', (byte)'I', 0xfb])) return NotOne("qcow2");
        uint Word(int at) => BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(at));
        ulong Long(int at) => BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(at));
        var version = Word(4);
        if (version is not (2 or 3)) return $"it is of version {version} of qcow2.";
        if (Long(8) != 0) return "it has a backing file.";
        if (Word(32) != 0) return "it is encrypted.";
        if (version == 2) return null;
        if ((Long(72) & ~(dirty | compression | extendedL2)) != 0) return "it has features that are not let through, as an external data file.";
        const int least = 104;
        long at = Word(100);
        if (at < least) return "its header is none of its version.";
        for (var i = 0; i < mostExtensions; i++)
        {
            var extension = At(image, at, 8);
            var (kind, length) = (BinaryPrimitives.ReadUInt32BigEndian(extension), BinaryPrimitives.ReadUInt32BigEndian(extension.AsSpan(4)));
            if (kind == end) return null;
            if (kind == externalDataName) return "it names an external data file.";
            at += 8 + (((long)length + 7) & ~7);
        }
        return "its header does not end.";
    }

    /// <summary>
    /// VMware Virtual Disk Format 5.0; all numbers little-endian. Only images that are one file: their descriptor, which is text, has
    /// one extent, and no parent.
    /// </summary>
    static string? Vmdk(Stream image)
    {
        const ulong atEnd = ulong.MaxValue;
        const int mostDescriptor = 1 << 20;
        var header = At(image, 0, Sector);
        if (Sparse(header) is { } wrong) return wrong;
        if (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(56)) == atEnd)
        {
            // What is read then is the second header: footer marker, header and end-of-stream marker are the last three sectors.
            var second = At(image, image.Length - 2 * Sector, Sector);
            if (Sparse(second) is { } alsoWrong) return alsoWrong;
            if (!second.AsSpan(12, 8).SequenceEqual(header.AsSpan(12, 8)) || !second.AsSpan(28, 16).SequenceEqual(header.AsSpan(28, 16)))
                return "its two headers contradict each other.";
        }
        var (start, length) = (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(28)), BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(36)));
        if (start != 1 || length is 0 or > mostDescriptor / Sector) return "its descriptor is not where it should be.";
        var text = Encoding.Latin1.GetString(At(image, Sector, (int)length * Sector)).Split('\0')[0];
        return Descriptor(text);
    }

    static string? Sparse(ReadOnlySpan<byte> header)
    {
        if (!header.StartsWith("KDMV"u8)) return NotOne("VMDK image of a single file");
        // Of one without a size QEMU follows the descriptor instead of the header.
        return BinaryPrimitives.ReadUInt64LittleEndian(header[12..]) == 0 ? "it has no size." : null;
    }

    static string? Descriptor(string text)
    {
        var lines = text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#').ToList();
        string[] Values(string key) => [.. lines.Where(l => l.StartsWith(key, StringComparison.OrdinalIgnoreCase))
            .Select(l => l[key.Length..].TrimStart(' ', '\t', '=').Trim('"'))];
        if (Values("createType") is not ["monolithicSparse" or "streamOptimized"])
            return "only images of type monolithicSparse and streamOptimized are let through.";
        if (text.Contains("parentFileNameHint", StringComparison.OrdinalIgnoreCase)) return "it has a parent.";
        if (Values("parentCID") is not ["ffffffff" or "FFFFFFFF"] and not []) return "it has a parent.";
        var extents = lines.Where(l => Extent().IsMatch(l)).ToList();
        return extents is [var only] && OneSparse().IsMatch(only) ? null : "it has other extents than one of its own.";
    }

    /// <summary>Virtual Hard Disk Image Format Specification 1.0; all numbers big-endian. The footer is the last sector, and a dynamic disk's first one too.</summary>
    static string? Vhd(Stream image)
    {
        const uint differencing = 4;
        foreach (var at in (long[])[0, image.Length - Sector])
        {
            var footer = At(image, at, Sector);
            var type = BinaryPrimitives.ReadUInt32BigEndian(footer.AsSpan(60));
            if (footer.AsSpan().StartsWith("conectix"u8))
            {
                if (type is not (2 or 3)) return type == differencing ? "it has a parent." : $"it is of an unknown type {type}.";
            }
            else if (at != 0) return NotOne("VHD");
        }
        return null;
    }

    /// <summary>Bytes at an offset; zeroes where there are none.</summary>
    static byte[] At(Stream image, long offset, int count)
    {
        var bytes = new byte[count];
        if (offset < 0 || offset >= image.Length) return bytes;
        image.Position = offset;
        image.ReadAtLeast(bytes, count, throwOnEndOfStream: false);
        return bytes;
    }

    static string NotOne(string format) => $"it is declared to be, but is no {format}.";

    [GeneratedRegex(@"^(RW|RDONLY|NOACCESS)\s", RegexOptions.IgnoreCase)]
    private static partial Regex Extent();

    [GeneratedRegex(@"^RW\s+[0-9]+\s+SPARSE\s+""[^""/\\]+""$")]
    private static partial Regex OneSparse();
}
