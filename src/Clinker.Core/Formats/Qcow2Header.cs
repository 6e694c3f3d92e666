using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Clinker.Formats;

/// <summary>What the header of a qcow2 image says (docs/interop/qcow2.txt of QEMU; all numbers big-endian).</summary>
/// <param name="Version">2 and 3 are known.</param>
/// <param name="Bytes">The size of the disk in it.</param>
/// <param name="Features">The incompatible ones: who doesn't know them can't read it.</param>
/// <param name="TablesAt">Where the table of tables lies.</param>
/// <param name="Tables">How many entries it has, of eight bytes.</param>
public sealed record Qcow2Header(uint Version, long Bytes, uint ClusterBits, bool IsEncrypted, ulong Features, ulong TablesAt, uint Tables)
{
    /// <summary>Dirty: its reference counts may be wrong, which no reader minds.</summary>
    public const ulong Dirty = 1, ExternalData = 4, Compression = 8, ExtendedL2 = 16;
    /// <summary>QEMU's own bound: 32 MiB of table.</summary>
    public const uint MostTables = 4 * 1024 * 1024;

    public static ReadOnlySpan<byte> Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];
    /// <summary>The extension of the header that says in which format the backing file is.</summary>
    public const uint BackingFormatExtension = 0xe2792aca;

    const int LengthOf2 = 72, LengthOf3 = 104, MostRead = 4096, MostName = 1023;

    /// <summary>It is not whole by itself: it names a backing file, or a file that has its data.</summary>
    public bool NeedsOthers => Backing is not null || HasDataFile;

    /// <summary>The file that has what it has not, as it is named there; empty: named in a way that nobody can follow; null: none.</summary>
    public string? Backing { get; init; }

    /// <summary>The format of that one; null: it is not said.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>It names an external file that has its data.</summary>
    public bool HasDataFile { get; init; }

    /// <summary>Why it can't be read, whatever it stands on; null: it is in order as far as its header tells.</summary>
    public string? Broken { get; private init; }

    /// <summary>Why no tool may open it; null: it is whole by itself, and in order as far as its header tells.</summary>
    public string? WhyNot { get; private init; }

    /// <summary>Null when it is no qcow2 image.</summary>
    public static Qcow2Header? Read(DiskBytes image)
    {
        var bytes = image.At(0, MostRead);
        if (image.Length < LengthOf2 || !bytes.AsSpan().StartsWith(Magic)) return null;
        uint Word(int at) => ReadUInt32BigEndian(bytes.AsSpan(at));
        ulong Long(int at) => ReadUInt64BigEndian(bytes.AsSpan(at));
        var version = Word(4);
        var features = version >= 3 ? Long(72) : 0;
        var header = new Qcow2Header(version, (long)Long(24), Word(20), Word(32) != 0, features, Long(40), Word(36));
        var (namesData, format, endless) = Extensions(bytes, version >= 3 ? Word(100) : LengthOf2);
        header = header with { HasDataFile = namesData || (features & ExternalData) != 0, BackingFormat = format, Broken = header.Wrong(bytes, image.Length) ?? endless };
        if (Long(8) is not 0 and var at)
            header = header with { Backing = Word(16) is > 0 and <= MostName and var n && at <= MostRead - n ? Encoding.UTF8.GetString(bytes, (int)at, (int)n) : "" };
        return header with
        {
            WhyNot = header.Backing is not null ? "it has a backing file" : header.HasDataFile ? "it names an external data file" : header.Broken,
        };
    }

    /// <summary>What QEMU refuses too (qcow2_open), and what it would have to read much for.</summary>
    string? Wrong(ReadOnlySpan<byte> bytes, long length)
    {
        const uint mostSnapshots = 65536, mostReferenceBytes = 8 << 20, widestReference = 6;
        if (Version is not (2 or 3)) return $"it is of version {Version} of qcow2";
        if (IsEncrypted) return "it is encrypted";
        if ((Features & ~(Dirty | Compression | ExtendedL2)) != 0) return "it has features that are not let through";
        if (Version == 3 && (ReadUInt32BigEndian(bytes[100..]) < LengthOf3 || ReadUInt32BigEndian(bytes[96..]) > widestReference))
            return "its header is none of its version";
        if (ClusterBits is < 9 or > 21) return "its clusters are of a size that there is not";
        var perTable = 1UL << (int)(2 * ClusterBits - ((Features & ExtendedL2) != 0 ? 4 : 3));
        if (Bytes < 0 || Tables > MostTables || Tables * (UInt128)perTable < (ulong)Bytes || !Lies(TablesAt, Tables * 8UL))
            return "its table does not fit its size, or does not lie in it";
        var (references, snapshots) = (ReadUInt32BigEndian(bytes[56..]) * (1UL << (int)ClusterBits), ReadUInt32BigEndian(bytes[60..]));
        if (references > mostReferenceBytes || !Lies(ReadUInt64BigEndian(bytes[48..]), references))
            return "its reference counts do not lie in it";
        var snapshotsAt = ReadUInt64BigEndian(bytes[64..]);
        return snapshots > mostSnapshots || (snapshots > 0 && snapshotsAt >= (ulong)length) ? "its snapshots do not lie in it" : null;

        bool Lies(ulong at, ulong count) => count == 0 || (at % (1UL << (int)ClusterBits) == 0 && at < (ulong)length && count <= (ulong)length - at);
    }

    /// <summary>Looks through the extensions of the header. QEMU takes the name of a data file from there whatever the features are.</summary>
    static (bool NameData, string? BackingFormat, string? Endless) Extensions(ReadOnlySpan<byte> bytes, long at)
    {
        const uint end = 0, externalDataName = 0x44415441;
        string? format = null;
        while (at + 8 <= bytes.Length)
        {
            var (kind, length) = (ReadUInt32BigEndian(bytes[(int)at..]), ReadUInt32BigEndian(bytes[((int)at + 4)..]));
            if (kind == end) return (false, format, null);
            if (kind == externalDataName) return (true, format, null);
            if (kind == BackingFormatExtension && length <= (ulong)(bytes.Length - at - 8)) format = Encoding.UTF8.GetString(bytes.Slice((int)at + 8, (int)length));
            at += 8 + (((long)length + 7) & ~7);
        }
        return (false, format, "its header does not end");
    }
}
