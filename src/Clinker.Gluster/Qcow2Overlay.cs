using System.Buffers.Binary;
using System.Text;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>New qcow2 images that stand on another file (docs/interop/qcow2.txt of QEMU; all numbers big-endian).</summary>
internal static class Qcow2Overlay
{
    const int ClusterBits = 16, HeaderLength = 104;

    /// <summary>
    /// Makes an empty file an image of which nothing is written yet: whatever its size, four clusters, of which hardly any take room. Made
    /// here and not by qemu-img, which takes longer for it than all the rest of a snapshot.
    /// </summary>
    /// <param name="backing">The file under it, by its name in the same directory.</param>
    public static void Write(SafeFileHandle file, long bytes, string backing, VolumeFormat backingFormat)
    {
        const int Cluster = 1 << ClusterBits, PerTable = Cluster / 8;
        var tables = (int)((bytes + (long)Cluster * PerTable - 1) / ((long)Cluster * PerTable));
        var tableClusters = Math.Max(1, (tables * 8 + Cluster - 1) / Cluster);
        var clusters = 3 + tableClusters;
        var head = new byte[1024];
        Qcow2Header.Magic.CopyTo(head);
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
        Put4(HeaderLength, unchecked((int)Qcow2Header.BackingFormatExtension));
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
}
