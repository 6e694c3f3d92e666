using System.Buffers.Binary;
using System.Text;
using Clinker.Formats;
using Clinker.Outside;
using Xunit;

namespace Clinker.Tests.Formats;

/// <summary>What an image is, how large the disk in it is, and whether a tool may open it: as the real qemu-img says, and more careful.</summary>
public sealed class DiskImageTests(MadeImages made) : IClassFixture<MadeImages>
{
    const long Size = (5 << 20) + 3 * 512, Gib = 1 << 30;

    static byte[] With(byte[] image, int at, params byte[] bytes)
    {
        var copy = image.ToArray();
        if (at + bytes.Length > copy.Length) Array.Resize(ref copy, at + bytes.Length);
        bytes.CopyTo(copy, at);
        return copy;
    }

    static byte[] Big(ulong n, int bytes = 8)
    {
        var all = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(all, n);
        return all[^bytes..];
    }

    [Theory]
    [InlineData("qcow2", "", Size, 300 * Gib)]
    [InlineData("qcow2", "compat=0.10", Size, 300 * Gib)]
    [InlineData("qcow2", "cluster_size=512", Size)]
    [InlineData("qcow2", "cluster_size=2M,extended_l2=on,compression_type=zstd", Size, 300 * Gib)]
    [InlineData("qcow2", "preallocation=metadata,lazy_refcounts=on,refcount_bits=64", Size)]
    [InlineData("vmdk", "", Size, 300 * Gib)]
    [InlineData("vmdk", "subformat=streamOptimized", Size, 300 * Gib)]
    [InlineData("vmdk", "adapter_type=lsilogic,zeroed_grain=on,hwversion=10", Size)]
    [InlineData("vpc", "", Size, 300 * Gib)]
    [InlineData("vpc", "force_size=on", Size, 300 * Gib)]
    [InlineData("vpc", "subformat=fixed", Size)]
    [InlineData("vpc", "subformat=fixed,force_size=on", Size)]
    [InlineData("vhdx", "", Size, 300 * Gib)]
    [InlineData("vhdx", "subformat=fixed,block_size=1M", Size)]
    [InlineData("vdi", "", Size, 300 * Gib)]
    [InlineData("vdi", "static=on", Size)]
    public async Task What_QEMU_makes_is_what_it_is_and_may_be_opened(string format, string options, params long[] sizes)
    {
        foreach (var bytes in sizes)
        {
            var image = await made.Make(format, bytes, options);
            var found = MadeImages.Look(image);
            var (says, _) = (await made.Info(image, format))!.Value;
            Assert.Equal((format, says.GetProperty("virtual-size").GetInt64(), null), (found.Format, found.Bytes, found.WhyNot));
            var declared = ImageFormats.Readable.Single(f => f.Value == format).Key;
            Assert.Null(ImageFormats.Refuses(declared, found, DiskImage.VmdkTypes));
            foreach (var other in ImageFormats.Readable.Keys.Where(k => k != declared))
                Assert.Equal($"it is declared to be {other}, but is {format}", ImageFormats.Refuses(other, found, DiskImage.VmdkTypes));
        }
    }

    /// <summary>Who made it decides whether its size counts or its geometry; what is half a sector, whom it belongs to.</summary>
    [Theory]
    [InlineData("vpc "), InlineData("win "), InlineData("d2v "), InlineData("qemu"), InlineData("qem2"), InlineData("tap\0"), InlineData("vbox")]
    public async Task The_size_of_a_VHD_depends_on_who_made_it(string creator)
    {
        var image = With(await made.Make("vpc", Size), 28, Encoding.ASCII.GetBytes(creator));
        image = MadeImages.Sealed(With(image, 48, Big(1 << 20)));
        Assert.Equal((await made.Info(image, "vpc"))!.Value.Says.GetProperty("virtual-size").GetInt64(), MadeImages.Look(image).Bytes);
    }

    [Fact]
    public async Task A_size_that_is_no_multiple_of_a_sector_is_what_QEMU_takes_it_for()
    {
        foreach (var (format, at, bytes) in new[] { ("qcow2", 24, Big((1 << 20) + 700)), ("vdi", 0x170, Big((1 << 20) + 700).Reverse().ToArray()) })
        {
            var image = With(await made.Make(format, Size), at, bytes);
            Assert.Equal((await made.Info(image, format))!.Value.Says.GetProperty("virtual-size").GetInt64(), MadeImages.Look(image).Bytes);
        }
    }

    [Theory]
    [InlineData("qed")]
    [InlineData("parallels")]
    [InlineData("qcow")]
    public async Task What_no_volume_is_made_of_is_known_and_not_taken(string format)
    {
        var image = await made.Make(format, Size);
        var found = MadeImages.Look(image);
        var bytes = (await made.Info(image, format))!.Value.Says.GetProperty("virtual-size").GetInt64();
        Assert.Equal(new DiskImage(format, bytes, $"images of the format {format} are not taken"), found);
        foreach (var declared in ImageFormats.Readable.Keys)
            Assert.Equal($"it is declared to be {declared}, but is {format}", ImageFormats.Refuses(declared, found, DiskImage.VmdkTypes));
    }

    [Theory]
    [InlineData("monolithicFlat"), InlineData("twoGbMaxExtentSparse"), InlineData("twoGbMaxExtentFlat")]
    public async Task A_descriptor_by_itself_is_VMDK_and_not_taken(string kind)
    {
        var image = await made.Make("vmdk", Size, $"subformat={kind}");
        Assert.Equal(("vmdk", "it is no VMDK image of a single file"), (MadeImages.Look(image).Format, MadeImages.Look(image).WhyNot));
        byte[] other = [.. "# anything\n \r\n#else\nversion=1\n"u8, .. image];
        Assert.Equal("vmdk", (await made.Info(other, null))!.Value.Says.GetProperty("format").GetString());
        Assert.Equal("vmdk", MadeImages.Look(other).Format);
    }

    /// <summary>Their bytes are the disk, whatever is on it: an installer's image is an ISO, has a table of partitions too, and is as good.</summary>
    [Fact]
    public void Raw_disks_are_known_by_what_is_on_them()
    {
        var raw = new byte[Size];
        var mbr = With(raw, 510, 0x55, 0xaa);
        var gpt = With(mbr, 512, "EFI PART"u8.ToArray());
        var iso = With(raw, 32768, [1, .. "CD001"u8, 1]);
        var hybrid = With(gpt, 32768, [1, .. "CD001"u8, 1]);
        var udf = With(raw, 32768, [0, .. "BEA01"u8, 1]);
        var luks = With(raw, 0, [.. "LUKS"u8, 0xba, 0xbe, 0, 1]);
        foreach (var (image, format) in new[] { (raw, "raw"), (mbr, "mbr"), (gpt, "gpt"), (iso, "iso"), (hybrid, "iso"), (udf, "iso"), (luks, "luks") })
        {
            var found = MadeImages.Look(image);
            Assert.Equal(new(format, image.Length), found);
            Assert.Null(ImageFormats.Refuses("raw", found, []));
            Assert.Equal(format == "iso" ? null : $"it is declared to be iso, but is {format}", ImageFormats.Refuses("iso", found, []));
            Assert.Equal($"it is declared to be qcow2, but is {format}", ImageFormats.Refuses("qcow2", found, []));
        }
        Assert.Equal(new("raw", 0), MadeImages.Look([]));
        Assert.Equal(new("raw", 3), MadeImages.Look("QFI"u8.ToArray()));
    }

    [Fact]
    public async Task What_is_several_formats_at_once_is_refused()
    {
        var qcow2 = await made.Make("qcow2", Size);
        var footer = (await made.Make("vpc", Size, "subformat=fixed"))[^512..];
        foreach (var (image, both) in new[]
        {
            (With(qcow2, 32769, "CD001"u8.ToArray()), "qcow2, iso"), (With(qcow2, 510, 0x55, 0xaa), "qcow2, mbr"),
            (With(qcow2, 512, "EFI PART"u8.ToArray()), "qcow2, gpt"), (With(qcow2, 64, 0x7f, 0x10, 0xda, 0xbe), "qcow2, vdi"),
            ([.. qcow2, .. footer], "qcow2, vpc"), ([.. new byte[64], 0x7f, 0x10, 0xda, 0xbe, .. new byte[508], .. footer], "vdi, vpc"),
        })
        {
            Assert.Equal($"it is several formats at once: {both}", MadeImages.Look(image).WhyNot);
            foreach (var declared in ImageFormats.Readable.Keys)
                Assert.NotNull(ImageFormats.Refuses(declared, MadeImages.Look(image), DiskImage.VmdkTypes));
        }
        // A disk with partitions in a VHD of fixed size is nothing else.
        byte[] disk = [.. With(new byte[1 << 20], 510, 0x55, 0xaa), .. footer];
        Assert.Equal(("vpc", null), (MadeImages.Look(disk).Format, MadeImages.Look(disk).WhyNot));
    }

    [Fact]
    public async Task A_qcow2_image_that_needs_others_or_much_is_refused()
    {
        var image = await made.Make("qcow2", Size);
        void Refused(string why, byte[] hostile) => Assert.Equal(why, MadeImages.Look(hostile).WhyNot);
        Refused("it has a backing file", With(image, 8, Big(1024)));
        foreach (var far in (ulong[])[4096, 1UL << 32, 1UL << 63, ulong.MaxValue - 3, ulong.MaxValue]) // with its length it may come round to the beginning
            Refused("it has a backing file", With(image, 8, Big(far), Big(11, 4)));
        Refused("it names an external data file", With(image, 79, 4));
        Refused("it names an external data file", With(image, 112, [.. "DATA"u8, 0, 0, 0, 11, .. "/etc/passwd"u8]));
        var old = await made.Make("qcow2", Size, "compat=0.10");
        Refused("it names an external data file", With(old, 72, [.. "DATA"u8, 0, 0, 0, 11, .. "/etc/passwd"u8]));
        foreach (var unknown in (byte[])[2, 32, 64, 128]) Refused("it has features that are not let through", With(image, 79, unknown));
        Refused("it has features that are not let through", With(image, 72, 128));
        Refused("it is encrypted", With(image, 35, 1));
        Refused("it is of version 4 of qcow2", With(image, 7, 4));
        Refused("its header is none of its version", With(image, 100, Big(96, 4)));
        Refused("its header does not end", With(image, 112, Big(1, 4), Big(4096, 4)));
        foreach (var bits in (byte[])[0, 8, 22, 63, 255]) Refused("its clusters are of a size that there is not", With(image, 23, bits));
        const string table = "its table does not fit its size, or does not lie in it";
        Refused(table, With(image, 24, Big(1UL << 60)));
        Refused(table, With(image, 24, Big(ulong.MaxValue)));
        Refused(table, With(image, 36, Big(uint.MaxValue, 4)));
        Refused(table, With(image, 36, Big(1 << 20, 4)));
        Refused(table, With(image, 40, Big(0x7f00_0000_0000_0000)));
        Refused(table, With(image, 40, Big(512)));
        const string counts = "its reference counts do not lie in it";
        Refused(counts, With(image, 48, Big(1UL << 40)));
        Refused(counts, With(image, 56, Big(uint.MaxValue, 4)));
        Refused("its snapshots do not lie in it", With(image, 60, Big(100_000, 4)));
        Refused("its snapshots do not lie in it", With(image, 60, [.. Big(1, 4), .. Big(1UL << 40)]));
        Refused("its header is cut off", image[..60]);
    }

    static byte[] With(byte[] image, int at, byte[] first, byte[] then) => With(image, at, [.. first, .. then]);

    static byte[] Replaced(byte[] image, string what, string with)
    {
        var at = image.AsSpan().IndexOf(Encoding.ASCII.GetBytes(what));
        Assert.True(at > 0, $"{what} is not there");
        return With(image, at, Encoding.ASCII.GetBytes(with));
    }

    [Theory]
    [InlineData("monolithicSparse"), InlineData("streamOptimized")]
    public async Task A_VMDK_image_whose_descriptor_leads_elsewhere_is_refused(string kind)
    {
        var image = await made.Make("vmdk", Size, $"subformat={kind}");
        void Refused(string why, byte[] hostile) => Assert.Equal(why, MadeImages.Look(hostile).WhyNot);
        const string lines = "its descriptor has lines that are not known", extents = "it has other extents than one of its own";
        Refused(extents, Replaced(image, "SPARSE \"", "FLAT \"/\""));
        Refused(extents, Replaced(image, "# The Disk Data Base", "RW 1 FLAT \"/etc/x\" 0"));
        Refused(extents, Replaced(image, "RW ", "#W "));
        Refused(lines, Replaced(image, "# The Disk Data Base", "WR 1 FLAT \"/etc/x\" 0"));
        Refused("it has a parent", Replaced(image, "# The Disk Data Base", "parentFileNameHint=\"/"));
        Refused("it has a parent", Replaced(image, "parentCID=ffffffff", "parentCID=00000001"));
        Refused("only images of type streamOptimized and monolithicSparse are let through",
            Replaced(image, $"createType=\"{kind}\"", $"createType=\"vmfs\"{new string(' ', kind.Length - 4)}"));
        Refused("it has no size, or one that there is not", With(image, 12, new byte[8]));
        Refused("its descriptor is not where it should be", With(image, 28, 2));
        Refused("its descriptor is not where it should be", With(image, 36, 0xff, 0xff));
        Refused("it is of an unknown version of VMDK", With(image, 4, 4));
        Refused("its two headers contradict each other", With([.. image, 0], 56, [.. Enumerable.Repeat((byte)0xff, 8)]));
        var found = MadeImages.Look(image);
        Assert.Equal($"VMDK images of type {kind} are not taken here (vmdk_allowed_types)", ImageFormats.Refuses("vmdk", found, []));
        Assert.Null(ImageFormats.Refuses("vmdk", found, [kind]));
    }

    /// <summary>QEMU looks for a parent in twenty sectors, however long the header says that the descriptor is.</summary>
    [Fact]
    public async Task A_parent_behind_the_descriptor_is_seen_too()
    {
        var hostile = await made.WithParentBehind(Size);
        Assert.Equal("/etc/passwd", (await made.Info(hostile, "vmdk"))!.Value.Says.GetProperty("backing-filename").GetString());
        Assert.Equal("it has a parent", MadeImages.Look(hostile).WhyNot);
    }

    [Fact]
    public async Task A_disk_of_others_with_a_parent_is_refused()
    {
        void Refused(string why, byte[] hostile) => Assert.Equal(why, MadeImages.Look(hostile).WhyNot);
        var vhd = await made.Make("vpc", Size);
        Refused("it has a parent", With(With(vhd, 63, 4), vhd.Length - 512 + 63, 4));
        Refused("it has a parent", With(vhd, 63, 4));
        Refused("it is of an unknown type, or of two", With(vhd, 63, 2));
        Refused("its footer is not at its end", vhd[..^512]);
        Refused("its table does not fit its size, or does not lie in it", With(vhd, 512, 0));
        Refused("its table does not fit its size, or does not lie in it", With(vhd, 512 + 28, 0xff));
        Refused("its table does not fit its size, or does not lie in it", With(vhd, 512 + 28, 0, 0, 0, 0));
        var @fixed = await made.Make("vpc", Size, "subformat=fixed");
        Refused("it is of an unknown type, or of two", With(@fixed, @fixed.Length - 512 + 63, 3));

        var vdi = await made.Make("vdi", Size);
        foreach (var kind in (byte[])[0, 3, 4]) Refused("it has a parent, or is of an unknown type", With(vdi, 0x4c, kind));
        Refused("it has a parent", With(vdi, 0x1a8, 1));
        Refused("it has a parent", With(vdi, 0x1c7, 1));
        Refused("it is of an unknown version of VDI", With(vdi, 0x44, 2));
        Refused("its table does not lie in it", With(vdi, 0x183, 0x10));
        Refused("its table does not lie in it", With(vdi, 0x177, 0x80));

        var vhdx = await made.Make("vhdx", Size);
        var parameters = vhdx.AsSpan().IndexOf(new Guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b").ToByteArray());
        var metadata = vhdx.AsSpan().IndexOf("metadata"u8);
        var item = metadata + BinaryPrimitives.ReadInt32LittleEndian(vhdx.AsSpan(parameters + 16));
        Refused("it has a parent", With(vhdx, item + 4, 2));
        var locator = new Guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").ToByteArray();
        Refused("it has a parent", With(With(vhdx, metadata + 10, 6), metadata + 32 * 6, locator));
        Refused("its metadata are not where they should be", With(vhdx, parameters, new byte[16]));
        Refused("its metadata are not where they should be", With(vhdx, metadata, 0));
        Refused("its regions are not where they should be", With(vhdx, 192 * 1024, 0));
    }
}
