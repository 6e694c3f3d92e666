using System.IO.Compression;
using System.Security.Cryptography;
using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Outside;

/// <summary>Images of other formats than raw, made by qemu-img: converted, or refused before it opens them.</summary>
public sealed class ImageCopyTests : IAsyncDisposable
{
    const long Disk = 8 << 20;

    static readonly CancellationToken Go = CancellationToken.None;

    readonly string folder = Directory.CreateTempSubdirectory("clinker-images-").FullName;
    readonly FakeGlance fake = new();
    readonly Glance glance;
    readonly byte[] content = new byte[Disk];

    public ImageCopyTests()
    {
        glance = new(new([fake.Url], Retries: 1, TimeSpan.FromSeconds(5)), (_, _) => new((string?)null));
        RandomNumberGenerator.Fill(content.AsSpan(1 << 20, 1 << 20));
        File.WriteAllBytes(In("raw"), content);
    }

    string In(string name) => Path.Combine(folder, name);
    string Scratch => In("scratch");

    static async Task QemuImg(params string[] arguments)
    {
        var result = await Processes.Run("qemu-img", arguments, TimeSpan.FromSeconds(60));
        Assert.True(result.ExitCode == 0, result.Error);
    }

    /// <summary>The bytes of the disk as an image of a format.</summary>
    async Task<byte[]> Image(string format, params string[] options)
    {
        await QemuImg(["convert", "-f", "raw", "-O", format, .. options, In("raw"), In("image")]);
        return await File.ReadAllBytesAsync(In("image"));
    }

    ConversionSettings Settings => new(Scratch, Disabled: false, TimeSpan.FromSeconds(60), 1L << 30);

    async Task<byte[]> Written(byte[] image, string format, ConversionSettings? settings = null, string container = "bare")
    {
        using var into = new MemoryStream();
        into.SetLength(Disk);
        var id = fake.Give(image, format, with: i => i["container_format"] = container);
        using var conversion = new ImageConversion(settings ?? Settings);
        await new ImageCopies(glance, conversion).Fill(await glance.Get(id, null, Go), 1)(async (at, piece) =>
        {
            into.Position = at;
            await into.WriteAsync(piece);
        }, Go);
        return into.ToArray();
    }

    async Task Refused(byte[] image, string format, string why, ConversionSettings? settings = null, string container = "bare")
    {
        var fault = (await Assert.ThrowsAsync<FaultException>(() => Written(image, format, settings, container))).Fault;
        Assert.False(fault.Transient, fault.Message);
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        Assert.Contains("is unacceptable", fault.Message, StringComparison.Ordinal);
        if (Directory.Exists(Scratch)) Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
    }

    [Theory]
    [InlineData("qcow2", "qcow2", "")]
    [InlineData("qcow2", "qcow2", "compat=0.10")]
    [InlineData("qcow2", "qcow2", "compression_type=zstd,extended_l2=on")]
    [InlineData("vmdk", "vmdk", "subformat=monolithicSparse")]
    [InlineData("vmdk", "vmdk", "subformat=streamOptimized")]
    [InlineData("vhd", "vpc", "subformat=dynamic,force_size=on")]
    [InlineData("vhd", "vpc", "subformat=fixed,force_size=on")]
    [InlineData("vhdx", "vhdx", "")]
    [InlineData("vdi", "vdi", "")]
    public async Task The_disk_in_an_image_is_what_the_volume_holds_and_nothing_is_left(string format, string name, string options)
    {
        var image = await Image(name, options.Length == 0 ? [] : ["-o", options]);
        var written = await Written(image, format);
        Assert.True(content.AsSpan().SequenceEqual(written), "other bytes");
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
        await Refused(image, format == "vdi" ? "qcow2" : "vdi", "but is");
        await Refused(content, format, "but is");
        await Refused(image, format, "conversions are disabled", Settings with { Disabled = true });
    }

    /// <summary>What has far to go: its conversion takes a second or so.</summary>
    void Grow()
    {
        using var raw = File.OpenHandle(In("raw"), FileMode.Open, FileAccess.Write);
        var piece = new byte[1 << 20];
        Random.Shared.NextBytes(piece);
        for (var at = 0L; at < 192; at++) RandomAccess.Write(raw, piece, at << 20);
    }

    [Fact]
    public async Task How_far_a_conversion_is_is_told_while_it_runs_and_never_goes_back()
    {
        Grow();
        var image = await Image("qcow2", "-c");
        var (told, written) = (new List<(long Done, long Total)>(), 0L);
        Progress progress = null!;
        progress = new(() => { lock (told) if (written == 0 && progress.Now is { } now) told.Add(now); });
        using var conversion = new ImageConversion(Settings with { AddressSpaceBytes = 4L << 30 });
        await new ImageCopies(glance, conversion).Fill(await glance.Get(fake.Give(image, "qcow2"), null, Go), 1, progress)(
            (_, piece) => { written += piece.Length; return ValueTask.CompletedTask; }, Go);
        Assert.Equal(192L << 20, written);
        Assert.Equal(told.Select(t => t.Done).Order(), told.Select(t => t.Done));
        Assert.All(told, t => Assert.InRange(t.Done, 0, t.Total));
        Assert.True(told.Select(t => t.Done).Where(d => d > image.Length).Distinct().Count() > 3, string.Join(' ', told));
        Assert.Equal((image.Length + (384L << 20), image.Length + (384L << 20)), progress.Now); // fetched, converted, written
    }

    [Fact]
    public async Task A_conversion_that_is_cancelled_in_the_midst_ends_and_leaves_nothing()
    {
        Grow();
        var image = await Image("qcow2", "-c");
        var id = fake.Give(image, "qcow2");
        using var ends = new CancellationTokenSource();
        Progress progress = null!;
        // Past the image's own bytes it is the conversion that is told of.
        progress = new(() => { if (progress.Now is { } now && now.Done > image.Length) ends.Cancel(); });
        using var conversion = new ImageConversion(Settings with { AddressSpaceBytes = 4L << 30 });
        var written = 0L;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await new ImageCopies(glance, conversion).Fill(await glance.Get(id, null, Go), 1, progress)((_, piece) => { written += piece.Length; return ValueTask.CompletedTask; }, ends.Token));
        Assert.Equal(0, written); // it had not come to that
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
        for (var waited = 0; Directory.EnumerateDirectories("/proc").Any(IsConverting); waited++)
        {
            Assert.True(waited < 100, "qemu-img is there still");
            await Task.Delay(20);
        }

        bool IsConverting(string process)
        {
            try { return File.ReadAllText($"{process}/cmdline").Contains(Scratch, StringComparison.Ordinal); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
        }
    }

    [Fact]
    public async Task An_image_that_names_another_file_is_refused()
    {
        await File.WriteAllTextAsync(In("secret"), "secret");
        await QemuImg("create", "-f", "qcow2", "-F", "raw", "-b", In("secret"), In("backed"), "8M");
        await Refused(await File.ReadAllBytesAsync(In("backed")), "qcow2", "backing file");
        await QemuImg("create", "-f", "qcow2", "-o", $"data_file={In("data")},data_file_raw=on", In("external"), "8M");
        await Refused(await File.ReadAllBytesAsync(In("external")), "qcow2", "external data file");
        // With its feature bit cleared the name alone is there.
        var hidden = await File.ReadAllBytesAsync(In("external"));
        hidden[79] &= 0xfb;
        await Refused(hidden, "qcow2", "external data file");
        await Refused(await Image("vmdk", "-o", "subformat=monolithicFlat"), "vmdk", "is no VMDK");
        var stream = await Image("vmdk", "-o", "subformat=streamOptimized");
        await Refused(Replaced(stream, "SPARSE \"", "FLAT \"/\""), "vmdk", "extents");
        var sparse = await Image("vmdk", "-o", "subformat=monolithicSparse");
        await Refused(Replaced(sparse, "parentCID=ffffffff", "parentCID=00000001"), "vmdk", "parent");
        await Refused(Replaced(sparse, "createType=\"monolithicSparse\"", "createType=\"monolithicFlat\"  "), "vmdk", "monolithicSparse");
        await Refused(Replaced(sparse, "# The Disk Data Base", "parentFileNameHint=\"/\""), "vmdk", "parent");
        var empty = (byte[])sparse.Clone();
        empty.AsSpan(12, 8).Clear();
        await Refused(empty, "vmdk", "size");
        var differencing = await Image("vpc");
        foreach (var footer in (int[])[0, differencing.Length - 512]) differencing[footer + 63] = 4;
        await Refused(differencing, "vhd", "parent");
    }

    static byte[] Replaced(byte[] image, string what, string with)
    {
        var copy = (byte[])image.Clone();
        var at = copy.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(what));
        Assert.True(at > 0, $"{what} is not there");
        System.Text.Encoding.ASCII.GetBytes(with).CopyTo(copy, at);
        return copy;
    }

    [Fact]
    public async Task A_disk_that_is_larger_than_the_volume_is_refused()
    {
        await QemuImg("create", "-f", "qcow2", In("large"), "2G");
        await Refused(await File.ReadAllBytesAsync(In("large")), "qcow2", "2147483648 bytes");
    }

    /// <summary>A few bytes that would be exabytes, or tables of gigabytes, are not left to qemu-img and its limits.</summary>
    [Fact]
    public async Task An_image_that_wants_more_than_there_is_is_refused_before_a_tool_opens_it()
    {
        var image = await Image("qcow2");
        byte[] With(int at, params byte[] bytes)
        {
            var copy = image.ToArray();
            bytes.CopyTo(copy, at);
            return copy;
        }
        await Refused(With(24, 0x10, 0, 0, 0, 0, 0, 0, 0), "qcow2", "table"); // the size
        await Refused(With(36, 0xff, 0xff, 0xff, 0xff), "qcow2", "table"); // its table's
        await Refused(With(60, 0xff, 0xff, 0xff, 0xff), "qcow2", "snapshots");
        var vhdx = await Image("vhdx");
        var (metadata, size) = (vhdx.AsSpan().IndexOf("metadata"u8), vhdx.AsSpan().IndexOf(new Guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8").ToByteArray()));
        vhdx[metadata + BitConverter.ToInt32(vhdx, size + 16) + 5] = 0x10; // 16 TiB
        await Refused(vhdx, "vhdx", "more than the volume's 1 GiB");
    }

    /// <summary>CVE-2015-5162.</summary>
    [Fact]
    public async Task A_conversion_has_a_limit_of_memory()
    {
        var image = await Image("qcow2");
        await Refused(image, "qcow2", "can't read", Settings with { AddressSpaceBytes = 1 << 24 });
        Assert.Equal(content, await Written(image, "qcow2"));
    }

    [Fact]
    public async Task Which_kinds_of_VMDK_are_taken_is_configured()
    {
        var image = await Image("vmdk");
        await Refused(image, "vmdk", "vmdk_allowed_types", Settings with { VmdkTypes = ["streamOptimized"] });
        await Refused(image, "vmdk", "vmdk_allowed_types", Settings with { VmdkTypes = [] });
        Assert.Equal(content, await Written(image, "vmdk", Settings with { VmdkTypes = ["monolithicSparse"] }));
    }

    /// <summary>No tool can take an absolute path for an option or a protocol.</summary>
    [Fact]
    public void Files_for_tools_have_absolute_names()
    {
        using var scratch = Host.Scratch.Make(Path.GetRelativePath(Environment.CurrentDirectory, In("json:")));
        Assert.StartsWith(In("json:") + "/", scratch.File("image"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_is_cut_or_crafted_ends_in_a_fault_that_tells_nothing_of_this_machine()
    {
        var image = await Image("qcow2");
        await Refused(image[..50], "qcow2", "is unacceptable");
        // Its tables lie nowhere.
        var crafted = (byte[])image.Clone();
        crafted.AsSpan(40, 8).Fill(0x7f);
        var fault = (await Assert.ThrowsAsync<FaultException>(() => Written(crafted, "qcow2"))).Fault;
        Assert.DoesNotContain(folder, fault.Message, StringComparison.Ordinal);
    }

    /// <summary>It takes as much of a processor as there is to do: 1.5 s for this, of which the limit is for who only looks.</summary>
    [Fact]
    public async Task A_conversion_takes_as_much_processor_time_as_it_needs()
    {
        var disk = RandomNumberGenerator.GetBytes(64 << 20);
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", "vmdk", "bare", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings with { Cpu = TimeSpan.FromSeconds(1) });
        await using var from = new Bytes(disk);
        await new ImageCopies(glance, conversion).Upload(from, id, "vmdk", isCompressed: false, new Work(1, Go));
        Assert.NotEmpty(fake.Data[id]);
    }

    /// <summary>Whoever uploads a volume has not given a bad image.</summary>
    [Fact]
    public async Task A_volume_that_can_not_be_converted_is_not_called_an_unacceptable_image()
    {
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", "qcow2", "bare", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings with { AddressSpaceBytes = 1 << 24 });
        await using var from = new Bytes(content);
        var fault = (await Assert.ThrowsAsync<FaultException>(
            () => new ImageCopies(glance, conversion).Upload(from, id, "qcow2", isCompressed: false, new Work(1, Go)))).Fault;
        Assert.Equal("The driver could not make the image: as qcow2: qemu-img can't read or write it.", Assert.IsType<Fault.DriverFailed>(fault).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
    }

    [Theory]
    [InlineData("raw", "raw")]
    [InlineData("qcow2", "qcow2")]
    [InlineData("vmdk", "vmdk")]
    [InlineData("vhd", "vpc")]
    [InlineData("vhdx", "vhdx")]
    [InlineData("vdi", "vdi")]
    [InlineData("ploop", "parallels")]
    public async Task A_volume_becomes_an_image_that_holds_the_same(string format, string name)
    {
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", format, "bare", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings);
        await using var from = new Bytes(content);
        await new ImageCopies(glance, conversion).Upload(from, id, format, isCompressed: false, new Work(1, Go));
        Assert.True(from.Closed);
        await File.WriteAllBytesAsync(In("made"), fake.Data[id]);
        await QemuImg("convert", "-f", name, "-O", "raw", In("made"), In("back"));
        var back = await File.ReadAllBytesAsync(In("back"));
        Assert.True(back.AsSpan().SequenceEqual(content), "other bytes, or another size: it would fit into no volume of the same");
        if (Directory.Exists(Scratch)) Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
    }

    /// <summary>It takes the room of its data, not of its size, which no disk here may have.</summary>
    [Fact]
    public async Task A_large_volume_with_little_in_it_becomes_a_small_image()
    {
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", "qcow2", "bare", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings);
        await using var from = new Bytes(content) { Spread = 4L << 40 };
        await new ImageCopies(glance, conversion).Upload(from, id, "qcow2", isCompressed: false, new Work(1, Go));
        await File.WriteAllBytesAsync(In("made"), fake.Data[id]);
        var info = await Processes.Run("qemu-img", ["info", "--output=json", "-f", "qcow2", In("made")], TimeSpan.FromSeconds(60));
        Assert.Contains($"\"virtual-size\": {4L << 40}", info.Output, StringComparison.Ordinal);
        Assert.InRange(fake.Data[id].Length, 1 << 20, 64 << 20);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
    }

    /// <summary>Pieces of two MiB, any of them data, the last one not a whole one too.</summary>
    [Fact]
    public async Task A_raw_image_holds_the_volume_wherever_its_data_lies()
    {
        foreach (var length in new[] { 1, (1 << 20) + 512, 6 << 20, (6 << 20) + 512 })
            for (var data = 0; data < 16; data++)
            {
                var disk = new byte[length];
                for (var at = 0; at < length; at += 2 << 20)
                    if ((data >> (at >> 21) & 1) != 0) RandomNumberGenerator.Fill(disk.AsSpan(at, Math.Min(2 << 20, length - at)));
                var id = Guid.CreateVersion7().ToString();
                await glance.Create(new(id, "made", "raw", "bare", null, null, Volume.EmptyMetadata), null, Go);
                using var conversion = new ImageConversion(Settings);
                await using var from = new Bytes(disk);
                await new ImageCopies(glance, conversion).Upload(from, id, "raw", isCompressed: false, new Work(1, Go));
                Assert.True(fake.Data[id].AsSpan().SequenceEqual(disk), $"other bytes: {length} bytes, data {data:b}");
            }
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task A_compressed_image_is_the_same_one_packed_by_gzip(string format)
    {
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", format, "compressed", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings);
        await using var from = new Bytes(content);
        await new ImageCopies(glance, conversion).Upload(from, id, format, isCompressed: true, new Work(1, Go));
        var packed = fake.Data[id];
        Assert.InRange(packed.Length, 1 << 20, (int)Disk / 2);
        await File.WriteAllBytesAsync(In("packed.gz"), packed);
        Assert.Equal(0, (await Processes.Run("gzip", ["-d", In("packed.gz")], TimeSpan.FromSeconds(60))).ExitCode);
        await QemuImg("convert", "-f", format, "-O", "raw", In("packed"), In("back"));
        Assert.True((await File.ReadAllBytesAsync(In("back"))).AsSpan().SequenceEqual(content), "other bytes");
        Assert.True((await Written(packed, format, container: "compressed")).AsSpan().SequenceEqual(content), "other bytes");
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));
    }

    [Fact]
    public async Task What_is_compressed_is_as_little_trusted()
    {
        await Refused(content, "raw", "it is said to be compressed, and is no gzip data.", container: "compressed");
        await Refused(await Packed(await Image("qcow2")), "raw", "it is declared to be raw, but is qcow2", container: "compressed");
        await Refused(await Packed(content), "qcow2", "it is declared to be qcow2", container: "compressed");
        using var much = new MemoryStream();
        await using (var packed = new GZipStream(much, CompressionLevel.Fastest, leaveOpen: true))
            for (var (i, zeroes) = (0, new byte[64 << 20]); i < 33; i++) await packed.WriteAsync(zeroes);
        await Refused(much.ToArray(), "raw", "what is compressed in it is larger than the volume's 1 GiB.", container: "compressed");
        // Nor does it fill up what others need room in.
        var full = await Assert.ThrowsAsync<FaultException>(() => Written(much.ToArray(), "raw", Settings with { LeastFree = 1L << 60 }, "compressed"));
        Assert.IsType<Fault.DriverFailed>(full.Fault);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Scratch));

        static async Task<byte[]> Packed(byte[] bytes)
        {
            using var to = new MemoryStream();
            await using (var packed = new GZipStream(to, CompressionLevel.Fastest, leaveOpen: true)) await packed.WriteAsync(bytes);
            return to.ToArray();
        }
    }

    [Fact]
    public async Task What_was_written_to_meanwhile_becomes_no_image()
    {
        const string id = "44444444-4444-4444-8444-444444444444";
        await glance.Create(new(id, "made", "raw", "bare", null, null, Volume.EmptyMetadata), null, Go);
        using var conversion = new ImageConversion(Settings);
        await using var from = new Bytes(content) { Torn = true };
        var fault = (await Assert.ThrowsAsync<FaultException>(() => new ImageCopies(glance, conversion).Upload(from, id, "raw", isCompressed: false, new Work(1, Go)))).Fault;
        Assert.IsType<Fault.DriverFailed>(fault);
        while ((string?)fake.Images[id]["status"] == "saving") await Task.Delay(1);
        Assert.Equal("queued", (string?)fake.Images[id]["status"]);
    }

    [Fact]
    public async Task A_start_removes_what_a_daemon_left_that_died_and_nothing_of_one_that_works()
    {
        // What has no lock's file is somebody else's, whatever it is called.
        foreach (var name in new[] { "clinker-scratch-dead", "clinker-scratch-others", "others" }) Directory.CreateDirectory(Path.Combine(Scratch, name));
        foreach (var name in new[] { "image", "lock" }) await File.WriteAllTextAsync(Path.Combine(Scratch, "clinker-scratch-dead", name), "left");
        using var alive = Host.Scratch.Make(Scratch);
        await File.WriteAllTextAsync(alive.File("image"), "worked on");
        Assert.Equal(1, Host.Scratch.Sweep(Scratch));
        Assert.False(Directory.Exists(Path.Combine(Scratch, "clinker-scratch-dead")));
        Assert.Equal(3, Directory.EnumerateDirectories(Scratch).Count());
        Assert.Equal("worked on", await File.ReadAllTextAsync(alive.File("image")));
    }

    public async ValueTask DisposeAsync()
    {
        glance.Dispose();
        await fake.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    sealed class Bytes(byte[] of) : Content
    {
        public bool Torn { get; init; }
        public bool Closed { get; private set; }
        /// <summary>How long it is, with nothing behind its bytes; 0: as long as they are.</summary>
        public long Spread { get; init; }
        public override long Length => Math.Max(of.Length, Spread);
        public override long DataBytes => of.Length;

        public override ValueTask<long?> NextData(long offset) =>
            new(offset < of.Length && of.AsSpan((int)offset).IndexOfAnyExcept((byte)0) is >= 0 and var n ? offset + n : (long?)null);

        public override ValueTask Read(long offset, Memory<byte> into)
        {
            of.AsMemory((int)offset, (int)Math.Min(into.Length, of.Length - offset)).CopyTo(into);
            return ValueTask.CompletedTask;
        }

        public override ValueTask Close()
        {
            Closed = true;
            return Torn ? throw new Fault.DriverFailed("read the volume", "it was written to meanwhile").Thrown() : ValueTask.CompletedTask;
        }
    }
}
