using System.Buffers.Binary;
using System.Text;
using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>What the header of a qcow2 image says (docs/interop/qcow2.txt of QEMU; all numbers big-endian).</summary>
/// <param name="Bytes">The size of the disk in it.</param>
/// <param name="Backing">The file that has what it has not, as it is named there; empty: named in a way that nobody can follow; null: none.</param>
/// <param name="BackingFormat">The format of that one; null: it is not said.</param>
/// <param name="HasDataFile">An external file has its data.</param>
internal readonly record struct Qcow2Header(long Bytes, string? Backing, string? BackingFormat, bool HasDataFile)
{
    const int Length = 80, LengthOfV2 = 72;
    const int MostRead = 8192, MostName = 1023;
    const ulong ExternalData = 4;
    const uint BackingFormatExtension = 0xe2792aca;

    /// <summary>It is not whole by itself.</summary>
    public bool NeedsOthers => Backing is not null || HasDataFile;

    /// <summary>Null when the file is no qcow2 image. Blocks: lane threads only.</summary>
    public static Qcow2Header? Read(SafeFileHandle file)
    {
        Span<byte> header = stackalloc byte[Length];
        if (Libc.Read(file, header, 0) < Length || !header.StartsWith(Magic)) return null;
        var (version, backing) = (BinaryPrimitives.ReadUInt32BigEndian(header[4..]), BinaryPrimitives.ReadUInt64BigEndian(header[8..]));
        var incompatible = version >= 3 ? BinaryPrimitives.ReadUInt64BigEndian(header[72..]) : 0;
        var bytes = BinaryPrimitives.ReadInt64BigEndian(header[24..]);
        var hasDataFile = (incompatible & ExternalData) != 0;
        if (backing == 0) return new(bytes, null, null, hasDataFile);
        var head = new byte[MostRead];
        var read = Libc.ReadAll(file, head, 0);
        var length = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(16));
        var name = length is > 0 and <= MostName && backing + length <= (ulong)read ? Encoding.UTF8.GetString(head, (int)backing, (int)length) : "";
        return new(bytes, name, FormatOf(head.AsSpan(0, read), version), hasDataFile);
    }

    static string? FormatOf(ReadOnlySpan<byte> head, uint version)
    {
        var at = version < 3 ? LengthOfV2 : head.Length < 104 ? head.Length : (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(head[100..]), MostRead);
        while (at + 8 <= head.Length)
        {
            var (type, length) = (BinaryPrimitives.ReadUInt32BigEndian(head[at..]), BinaryPrimitives.ReadUInt32BigEndian(head[(at + 4)..]));
            if (type == 0 || length > (uint)(head.Length - at - 8)) return null;
            if (type == BackingFormatExtension) return Encoding.UTF8.GetString(head.Slice(at + 8, (int)length));
            at += 8 + ((int)length + 7) / 8 * 8;
        }
        return null;
    }

    /// <summary>
    /// Makes an empty file an image of which nothing is written yet: whatever its size, four clusters, of which hardly any take room. Made
    /// here and not by qemu-img, which takes longer for it than all the rest of a snapshot.
    /// </summary>
    /// <param name="backing">The file under it, by its name in the same directory.</param>
    public static void WriteOverlay(SafeFileHandle file, long bytes, string backing, VolumeFormat backingFormat)
    {
        const int Cluster = 1 << ClusterBits, PerTable = Cluster / 8;
        var tables = (int)((bytes + (long)Cluster * PerTable - 1) / ((long)Cluster * PerTable));
        var tableClusters = Math.Max(1, (tables * 8 + Cluster - 1) / Cluster);
        var clusters = 3 + tableClusters;
        var head = new byte[1024];
        Magic.CopyTo(head);
        var (format, name) = (Encoding.UTF8.GetBytes(FileDriver.Words(backingFormat)), Encoding.UTF8.GetBytes(backing));
        var nameAt = HeaderLength + 8 + 8 + 8; // behind the two extensions
        Put4(4, 3);
        Put8(8, nameAt);
        Put4(16, name.Length);
        Put4(20, ClusterBits);
        Put8(24, bytes);
        Put4(36, tables);
        Put8(40, 3 * Cluster);  // the table of the disk
        Put8(48, Cluster);      // that of the counts
        Put4(56, 1);
        Put4(96, 4);            // counts of 16 bits
        Put4(100, HeaderLength);
        Put4(HeaderLength, unchecked((int)BackingFormatExtension));
        Put4(HeaderLength + 4, format.Length);
        format.CopyTo(head.AsSpan(HeaderLength + 8));
        name.CopyTo(head.AsSpan(nameAt));
        Libc.Truncate(file, (long)clusters * Cluster);
        Libc.Write(file, head, 0);
        var block = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(block, 2 * Cluster);
        Libc.Write(file, block, Cluster);
        var counts = new byte[2 * clusters];
        for (var i = 0; i < clusters; i++) counts[2 * i + 1] = 1;
        Libc.Write(file, counts, 2 * Cluster);

        void Put4(int at, int n) => BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(at), n);
        void Put8(int at, long n) => BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(at), n);
    }

    const int ClusterBits = 16, HeaderLength = 104;

    static ReadOnlySpan<byte> Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];
}
