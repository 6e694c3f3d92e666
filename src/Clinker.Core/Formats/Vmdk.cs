using System.Text;
using System.Text.RegularExpressions;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Clinker.Formats;

/// <summary>
/// VMware Virtual Disk Format 5.0; all numbers little-endian. Only images that are one file: their descriptor, which is text, has
/// one extent, and no parent.
/// </summary>
internal static partial class Vmdk
{
    /// <summary>How one begins that has a header; the other kinds are files of a descriptor's.</summary>
    public static ReadOnlySpan<byte> Sparse => "KDMV"u8;

    const int Sector = DiskImage.Sector;

    /// <summary>The sectors of a descriptor that QEMU looks through for a parent, whatever its header says (vmdk_parent_open).</summary>
    const int AlwaysRead = 20;

    const int MostDescriptor = (1 << 20) / Sector;

    public static DiskImage Look(DiskBytes image, ReadOnlySpan<byte> header)
    {
        const ulong atEnd = ulong.MaxValue;
        const uint newest = 3;
        if (!header.StartsWith(Sparse)) return Not("it is no VMDK image of a single file");
        var sectors = ReadUInt64LittleEndian(header[12..]);
        // Of one without a size QEMU follows the descriptor instead of the header.
        if (sectors is 0 or > long.MaxValue / Sector) return Not("it has no size, or one that there is not");
        if (ReadUInt32LittleEndian(header[4..]) is 0 or > newest) return Not("it is of an unknown version of VMDK");
        if (ReadUInt64LittleEndian(header[56..]) == atEnd && !HasSecond(image, header)) return Not("its two headers contradict each other");
        var (start, length) = (ReadUInt64LittleEndian(header[28..]), ReadUInt64LittleEndian(header[36..]));
        if (start != 1 || length is 0 or > MostDescriptor) return Not("its descriptor is not where it should be");
        var text = Encoding.Latin1.GetString(image.At(Sector, Math.Max((int)length, AlwaysRead) * Sector)).Split('\0')[0];
        var lines = text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#').ToList();
        return new("vmdk", (long)sectors * Sector, Wrong(text, lines)) { Kind = Values(lines, "createType").FirstOrDefault() };

        static DiskImage Not(string why) => new("vmdk", 0, why);
    }

    /// <summary>The second header is read then, at the end: a marker, the header and the marker of the end are the last three sectors.</summary>
    static bool HasSecond(DiskBytes image, ReadOnlySpan<byte> header)
    {
        // QEMU takes the end for one of a whole sector.
        var second = image.Length % Sector == 0 ? image.At(image.Length - 2 * Sector, Sector).AsSpan() : [];
        return second.StartsWith(header[..8]) && second[12..20].SequenceEqual(header[12..20]) && second[28..44].SequenceEqual(header[28..44]);
    }

    static List<string> Values(List<string> lines, string key) => [.. lines.Where(l => l.StartsWith(key, StringComparison.OrdinalIgnoreCase))
        .Select(l => l[key.Length..].TrimStart(' ', '\t', '=').Trim('"'))];

    static string? Wrong(string text, List<string> lines)
    {
        if (Values(lines, "createType") is not [var kind] || !DiskImage.VmdkTypes.Contains(kind))
            return $"only images of type {string.Join(" and ", DiskImage.VmdkTypes)} are let through";
        if (text.Contains("parentFileNameHint", StringComparison.OrdinalIgnoreCase)) return "it has a parent";
        if (Values(lines, "parentCID") is not ["ffffffff" or "FFFFFFFF"] and not []) return "it has a parent";
        if (lines.FirstOrDefault(l => !Extent().IsMatch(l) && !Word().IsMatch(l)) is not null) return "its descriptor has lines that are not known";
        var extents = lines.Where(l => Extent().IsMatch(l)).ToList();
        return extents is [var only] && OneSparse().IsMatch(only) ? null : "it has other extents than one of its own";
    }

    [GeneratedRegex(@"^(RW|RDONLY|NOACCESS)\s", RegexOptions.IgnoreCase)]
    private static partial Regex Extent();

    [GeneratedRegex(@"^(RW|RDONLY)\s+[0-9]+\s+SPARSE\s+""[^""/\\:]+""$")]
    private static partial Regex OneSparse();

    /// <summary>A word and its value; those of the disk's data base are called ddb.….</summary>
    [GeneratedRegex(@"^[A-Za-z0-9._]+\s*=")]
    private static partial Regex Word();
}
