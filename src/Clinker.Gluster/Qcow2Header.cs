using System.Buffers.Binary;
using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>What the header of a qcow2 image says (docs/interop/qcow2.txt of QEMU; all numbers big-endian).</summary>
/// <param name="Bytes">The size of the disk in it.</param>
/// <param name="NeedsOthers">It is not whole by itself: it names a backing file, or an external file that has its data.</param>
internal readonly record struct Qcow2Header(long Bytes, bool NeedsOthers)
{
    const int Length = 80;
    const ulong ExternalData = 4;

    /// <summary>Null when the file is no qcow2 image. Blocks: lane threads only.</summary>
    public static Qcow2Header? Read(SafeFileHandle file)
    {
        Span<byte> header = stackalloc byte[Length];
        if (Libc.Read(file, header, 0) < Length || !header.StartsWith(Magic)) return null;
        var (version, backing) = (BinaryPrimitives.ReadUInt32BigEndian(header[4..]), BinaryPrimitives.ReadUInt64BigEndian(header[8..]));
        var incompatible = version >= 3 ? BinaryPrimitives.ReadUInt64BigEndian(header[72..]) : 0;
        return new(BinaryPrimitives.ReadInt64BigEndian(header[24..]), backing != 0 || (incompatible & ExternalData) != 0);
    }

    static ReadOnlySpan<byte> Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];
}
