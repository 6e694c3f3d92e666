using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Formats;

/// <summary>
/// Real images of every format, hostile ones among them, changed anyhow: a look at them ends, reads little, and calls none safe of which
/// qemu-img tells of other files, or another size. For longer: <c>CsCheck_Time=600</c>, in seconds.
/// </summary>
public sealed class DiskImageFuzz(MadeImages made) : IClassFixture<MadeImages>
{
    const int Kib = 1024;
    const long Disk = 1024 * Kib;

    static readonly byte[][] Pieces =
    [
        [.. "QFI"u8, 0xfb, 0, 0, 0, 3], [.. "QFI"u8, 0xfb, 0, 0, 0, 2], "KDMV"u8.ToArray(), "COWD"u8.ToArray(), "conectix"u8.ToArray(),
        "vhdxfile"u8.ToArray(), "cxsparse"u8.ToArray(), [1, .. "CD001"u8], "EFI PART"u8.ToArray(), [0x55, 0xaa], [0x7f, 0x10, 0xda, 0xbe],
        [.. "DATA"u8, 0, 0, 0, 11, .. "/etc/passwd"u8], "parentFileNameHint=\"/etc/passwd\"\n"u8.ToArray(), "RW 1 FLAT \"/etc/passwd\" 0\n"u8.ToArray(),
        "parentCID=00000001\n"u8.ToArray(), "createType=\"monolithicFlat\"\n"u8.ToArray(), "createType=\"monolithicSparse\"\n"u8.ToArray(),
        "# Disk DescriptorFile\nversion=1\n"u8.ToArray(), "win "u8.ToArray(), new Guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").ToByteArray(),
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], new byte[8], new byte[512], [.. Enumerable.Repeat((byte)' ', 512)],
    ];

    /// <summary>Where the formats keep what matters, beside their beginning and end.</summary>
    static readonly int[] Places =
        [0, 64, 112, 510, 512, 1024, 32 * Kib, 64 * Kib, 128 * Kib, 192 * Kib, 196 * Kib, 256 * Kib, 1024 * Kib, 1088 * Kib, 2048 * Kib, 2112 * Kib];

    /// <summary>Images to begin with: whole ones, and some that need others.</summary>
    async Task<List<byte[]>> Seeds()
    {
        await File.WriteAllBytesAsync(made.In("raw"), new byte[Disk]);
        await MadeImages.QemuImg("create", "-q", "-f", "qcow2", "-o", $"data_file={made.In("data")}", made.In("external"), $"{Disk}");
        await MadeImages.QemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", made.In("raw"), made.In("backed"), $"{Disk}");
        await MadeImages.QemuImg("create", "-q", "-f", "vmdk", made.In("parent"), $"{Disk}");
        await MadeImages.QemuImg("create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", made.In("parent"), made.In("child"), $"{Disk}");
        List<byte[]> seeds = [.. new[] { "external", "backed", "child" }.Select(n => File.ReadAllBytes(made.In(n))), await made.WithParentBehind(Disk), new byte[Disk]];
        foreach (var (format, options) in new[]
        {
            ("qcow2", ""), ("qcow2", "compat=0.10"), ("qcow2", "cluster_size=4096,extended_l2=off"), ("vmdk", ""), ("vmdk", "subformat=streamOptimized"),
            ("vmdk", "subformat=monolithicFlat"), ("vpc", ""), ("vpc", "force_size=on"), ("vpc", "subformat=fixed"),
            ("vhdx", "block_size=1M,log_size=1M"), ("vdi", ""), ("vdi", "static=on"),
            ("qed", ""), ("parallels", ""), ("qcow", ""),
        }) seeds.Add(await made.Make(format, Disk, options));
        return seeds;
    }

    static Gen<Func<byte[], byte[]>> Change(IReadOnlyList<byte[]> seeds)
    {
        var place = Gen.Frequency((4, Gen.Int[0, 127]), (2, Gen.Int[0, 1023]),
            (3, Gen.Select(Gen.Int[0, Places.Length - 1], Gen.Int[0, 200]).Select((p, d) => Places[p] + d)), (2, Gen.Int[-1536, -1]), (1, Gen.Int[0, 5 << 20]));
        var number = Gen.Frequency((3, Gen.ULong[0, 8]), (2, Gen.Int[0, 63].Select(b => 1UL << b)), (1, Gen.ULong), (2, Gen.ULong[0, 1 << 22]));
        var bytes = Gen.Frequency(
            (4, Gen.Byte.Select(b => (byte[])[b])),
            (4, Gen.Select(number, Gen.Bool, Gen.Int[0, 2]).Select((n, isBig, width) =>
            {
                var all = new byte[8];
                if (isBig) BinaryPrimitives.WriteUInt64BigEndian(all, n);
                else BinaryPrimitives.WriteUInt64LittleEndian(all, n);
                return isBig ? all[^(2 << width)..] : all[..(2 << width)];
            })),
            (4, Gen.Int[0, Pieces.Length - 1].Select(i => Pieces[i])));
        var over = Gen.Select(place, bytes).Select((at, what) => (Func<byte[], byte[]>)(image =>
        {
            if (at < 0) at = Math.Max(image.Length + at, 0);
            for (var i = 0; i < what.Length && at + i < image.Length; i++) image[at + i] = what[i];
            return image;
        }));
        // At the end of a line of a descriptor, and before the rest of it.
        var line = Gen.Select(Gen.Int[0, 20], Gen.Int[0, Pieces.Length - 1]).Select((which, piece) => (Func<byte[], byte[]>)(image =>
        {
            var at = 0;
            for (; which >= 0 && at < image.Length; which--) at += image.AsSpan(at).IndexOf((byte)'\n') is >= 0 and var n ? n + 1 : image.Length;
            if (at >= image.Length) return image;
            var rest = image.AsSpan(at, Math.Min(4096, image.Length - at)).ToArray();
            Pieces[piece].AsSpan(0, Math.Min(Pieces[piece].Length, image.Length - at)).CopyTo(image.AsSpan(at));
            var then = Math.Min(at + Pieces[piece].Length, image.Length);
            rest.AsSpan(0, Math.Min(rest.Length, image.Length - then)).CopyTo(image.AsSpan(then));
            return image;
        }));
        var cut = Gen.OneOf(Gen.Int[0, 2048], Gen.Int[0, 5 << 20])
            .Select(length => (Func<byte[], byte[]>)(image => image[..Math.Min(length, image.Length)]));
        var longer = Gen.Select(Gen.Int[0, seeds.Count - 1], Gen.Int[1, 1536])
            .Select((s, length) => (Func<byte[], byte[]>)(image => [.. image, .. seeds[s].AsSpan(Math.Max(0, seeds[s].Length - length))]));
        var head = Gen.Select(Gen.Int[0, seeds.Count - 1], Gen.Int[1, 600]).Select((s, length) => (Func<byte[], byte[]>)(image =>
        {
            seeds[s].AsSpan(0, Math.Min(length, Math.Min(seeds[s].Length, image.Length))).CopyTo(image);
            return image;
        }));
        return Gen.Frequency((12, over), (4, line), (1, cut), (1, longer), (1, head));
    }

    [Fact]
    public async Task Whatever_is_called_safe_leads_QEMU_nowhere_else()
    {
        var seeds = await Seeds();
        var safe = 0;
        await Gen.Select(Gen.Int[0, seeds.Count - 1], Change(seeds).Array[0, 4], Gen.Bool).SampleAsync(async (seed, changes, isSealed) =>
        {
            var image = changes.Aggregate(seeds[seed].ToArray(), (i, change) => change(i));
            if (isSealed) MadeImages.Sealed(image);
            var found = MadeImages.Look(image);
            if (found.WhyNot is not null) return;
            Interlocked.Increment(ref safe);
            // What is raw is to be that for whoever guesses, too.
            if (await made.Info(image, found.IsRaw ? null : found.Format) is not var (says, file)) return;
            Assert.Equal(found.IsRaw ? found.Format == "luks" ? "luks" : "raw" : found.Format, says.GetProperty("format").GetString());
            if (!found.IsRaw) Assert.Equal(found.Bytes, says.GetProperty("virtual-size").GetInt64());
            Assert.Empty(Others(says, file));
        }, iter: Environment.GetEnvironmentVariable("CsCheck_Time") is null ? 400 : -1, print: c => $"{c.Item1}, {c.Item2.Length} changes");
        Assert.True(safe > 10, $"{safe} were called safe: too few to say anything");
    }

    /// <summary>Files that are told of, other than this one.</summary>
    static IEnumerable<string> Others(JsonElement says, string file) => says.ValueKind switch
    {
        JsonValueKind.Object => says.EnumerateObject().SelectMany(m => m.Value.ValueKind != JsonValueKind.String ? Others(m.Value, file)
            : m.Name.Contains("file", StringComparison.Ordinal) && m.Value.GetString() != file ? [$"{m.Name}: {m.Value}"] : Array.Empty<string>()),
        JsonValueKind.Array => says.EnumerateArray().SelectMany(e => Others(e, file)),
        _ => [],
    };
}
