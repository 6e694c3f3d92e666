using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>
/// Formats of disk images that are neither raw nor qcow2, by how they begin: as raw disks they would be garbage (QEMU: the .bdrv_probe
/// of block/*.c).
/// </summary>
internal static class ForeignFormat
{
    const int Length = 80;

    static readonly (int At, byte[] Magic, string Name)[] All =
    [
        (0, "KDMV"u8.ToArray(), "vmdk"), (0, "COWD"u8.ToArray(), "vmdk"), (0, "# Disk DescriptorFile"u8.ToArray(), "vmdk"),
        (0, "vhdxfile"u8.ToArray(), "vhdx"), (0, "conectix"u8.ToArray(), "vpc"), (64, [0x7f, 0x10, 0xda, 0xbe], "vdi"),
        (0, "QED\0"u8.ToArray(), "qed"), (0, "WithoutFreeSpace"u8.ToArray(), "parallels"), (0, "WithouFreSpacExt"u8.ToArray(), "parallels"),
        (0, [(byte)'Q', (byte)'F', (byte)'I', 0xfb, 0, 0, 0, 1], "qcow"),
    ];

    /// <summary>Null for raw and qcow2. Blocks: lane threads only.</summary>
    public static string? Of(SafeFileHandle file)
    {
        var head = new byte[Length];
        var read = Libc.Read(file, head, 0);
        foreach (var (at, magic, name) in All)
            if (at + magic.Length <= read && head.AsSpan(at, magic.Length).SequenceEqual(magic)) return name;
        return null;
    }
}
