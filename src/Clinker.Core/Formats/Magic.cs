namespace Clinker.Formats;

/// <summary>By which bytes formats of disk images are known, under the names that QEMU has for them (the .bdrv_probe of its block/*.c).</summary>
internal static class Magic
{
    /// <summary>How much of an image is looked through.</summary>
    public const int HeadBytes = IsoAt + 8;

    const int IsoAt = 32 * 1024;

    static readonly (int At, byte[] Bytes, string Format)[] Images =
    [
        (0, [.. Qcow2Header.Magic, 0, 0, 0, 1], "qcow"), (0, Qcow2Header.Magic.ToArray(), "qcow2"),
        (0, Vmdk.Sparse.ToArray(), "vmdk"), (0, "COWD"u8.ToArray(), "vmdk"), (0, "# Disk DescriptorFile"u8.ToArray(), "vmdk"),
        (0, Vhd.Cookie.ToArray(), "vpc"), (0, "vhdxfile"u8.ToArray(), "vhdx"), (64, [0x7f, 0x10, 0xda, 0xbe], "vdi"), (0, "QED\0"u8.ToArray(), "qed"),
        (0, "WithoutFreeSpace"u8.ToArray(), "parallels"), (0, "WithouFreSpacExt"u8.ToArray(), "parallels"),
        (0, "Bochs Virtual HD Image"u8.ToArray(), "bochs"), (0, "#!/bin/sh\n#V2.0 Format\n"u8.ToArray(), "cloop"),
    ];

    /// <summary>Of these the bytes are the disk: nothing in them leads QEMU anywhere. The first one that is there says most.</summary>
    static readonly (int At, byte[] Bytes, string Format)[] Disks =
    [
        (0, [.. "LUKS"u8, 0xba, 0xbe], "luks"),
        // ISO 9660, and UDF without it.
        (IsoAt + 1, "CD001"u8.ToArray(), "iso"), (IsoAt + 1, "BEA01"u8.ToArray(), "iso"),
        (IsoAt + 1, "NSR02"u8.ToArray(), "iso"), (IsoAt + 1, "NSR03"u8.ToArray(), "iso"),
        (512, "EFI PART"u8.ToArray(), "gpt"), (510, [0x55, 0xaa], "mbr"),
    ];

    public static IEnumerable<string> ImagesIn(ReadOnlySpan<byte> head)
    {
        var found = Among(Images, head);
        if (found.Count == 0 && IsDescriptor(head)) found.Add("vmdk");
        if (found is ["qcow", ..]) found.Remove("qcow2"); // of which it is the first version
        return found.Distinct();
    }

    public static List<string> DisksIn(ReadOnlySpan<byte> head) => Among(Disks, head);

    /// <summary>A descriptor of VMDK by itself: after comments and blank lines its version (vmdk_probe).</summary>
    static bool IsDescriptor(ReadOnlySpan<byte> head)
    {
        foreach (var line in head.Split((byte)'\n'))
        {
            var text = head[line].Trim(" \r"u8);
            if (!text.IsEmpty && text[0] != '#') return text.StartsWith("version="u8);
        }
        return false;
    }

    static List<string> Among((int At, byte[] Bytes, string Format)[] all, ReadOnlySpan<byte> head)
    {
        var found = new List<string>();
        foreach (var (at, bytes, format) in all)
            if (at < head.Length && head[at..].StartsWith(bytes)) found.Add(format);
        return found;
    }
}
