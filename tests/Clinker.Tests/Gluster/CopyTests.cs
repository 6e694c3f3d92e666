using System.Runtime.Versioning;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>Growing and copying files, beyond what the contract of drivers asks: how much room they take, and what is refused.</summary>
[SupportedOSPlatform("linux")]
public sealed class CopyTests : IAsyncLifetime
{
    const long Mib = 1 << 20, Gib = 1 << 30;

    readonly string pool = Directory.CreateTempSubdirectory("clinker-copy-").FullName;
    readonly Ids ids = new();
    readonly DirectoryDriver thin, thick;
    Volume volume = null!;

    public CopyTests() => (thin, thick) = (New(new() { Paths = [pool] }), New(new() { Paths = [pool], Provisioning = Provisioning.Thick }));

    static DirectoryDriver New(DirectoryOptions options) => new("dir", options, TimeProvider.System, NullLogger.Instance);

    static CancellationToken Token => TestContext.Current.CancellationToken;
    static Work Work => new(1, Token, Operation: "5d9a3c52-7a1e-4f0e-8a43-0c0a5e9f7b02");

    public async ValueTask InitializeAsync()
    {
        volume = NewVolume();
        var disk = await thin.Create(volume, Work);
        volume = volume with { Format = disk.Format };
    }

    public async ValueTask DisposeAsync()
    {
        await thin.DisposeAsync();
        await thick.DisposeAsync();
        Directory.Delete(pool, recursive: true);
    }

    Volume NewVolume(int sizeGb = 1) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = sizeGb, Status = VolumeStatus.Available, AvailabilityZone = "nova",
        Host = "h@dir#dir", CreatedAt = DateTime.UnixEpoch,
    };

    Snapshot NewSnapshot() => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
    };

    string PathOf(Volume of) => Path.Combine(pool, $"volume-{of.Id}");
    string PathOf(Snapshot of) => Path.Combine(pool, $"snapshot-{of.Id}");

    FileFacts Facts(string path)
    {
        using var dir = Libc.Open(pool, Libc.O_PATH);
        return Libc.Facts(dir, Path.GetFileName(path));
    }

    void Fill(long from, long bytes)
    {
        var data = new byte[Mib];
        new Random(1).NextBytes(data);
        using var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (var at = from; at < from + bytes; at += Mib) RandomAccess.Write(file, data.AsSpan(0, (int)Math.Min(Mib, from + bytes - at)), at);
    }

    /// <summary>Whatever it consists of: what nobody wrote is never read.</summary>
    [Theory, InlineData(VolumeFormat.Raw), InlineData(VolumeFormat.Qcow2)]
    public async Task Of_a_volume_only_that_is_read_which_was_written(VolumeFormat format)
    {
        await using var driver = New(new() { Paths = [pool], CloneMode = CloneMode.Thin, Format = format });
        var source = NewVolume();
        source = source with { Format = (await driver.CreateFilled(source, async (write, _) =>
        {
            await write(100 * Mib, new byte[] { 1 });
            await write(600 * Mib, new byte[] { 2 });
        }, Work)).Format };
        Assert.Equal([100, 600], await Pieces(source));
        var snapshot = NewSnapshot() with { VolumeId = source.Id };
        await driver.CreateSnapshot(source, snapshot, Work);
        await Qemu("qemu-io", "-f", "qcow2", "-c", "write -P 3 300M 4k", Path.Combine(pool, $"volume-{source.Id}.{snapshot.Id}"));
        var clone = NewVolume(2);
        clone = clone with { Format = (await driver.CreateFromVolume(clone, source, Work)).Format };
        Assert.Equal([100, 300, 600], await Pieces(source));
        Assert.Equal([100, 300, 600], await Pieces(clone));
        Assert.Empty(await Pieces(volume));

        async Task<List<long>> Pieces(Volume of)
        {
            await using var content = await driver.Read(of, Work);
            var found = new List<long>();
            for (long at = 0; await content.NextData(at) is { } data && data < content.Length; at = (found[^1] + 1) * Mib) found.Add(data / Mib);
            return found;
        }
    }

    [Fact]
    public async Task What_a_share_has_no_room_for_is_not_begun()
    {
        Fill(0, 8 * Mib);
        await using var full = New(new() { Paths = [pool] });
        await full.Report(Token);
        var place = Assert.Single(await full.Places(Token));
        place.Last = new(Total: 1L << 40, Free: 4 * Mib);
        var copy = NewVolume();
        var fault = await Assert.ThrowsAsync<FaultException>(() => full.CreateFromVolume(copy, volume, Work));
        Assert.True(fault is { NothingDone: true, Fault: Fault.ShareFull });
        Assert.False(File.Exists(PathOf(copy)));
        place.Last = new(Total: 1L << 40, Free: 16 * Mib);
        await full.CreateFromVolume(copy, volume, Work);
        Same(PathOf(volume), PathOf(copy), Gib);
    }

    /// <summary>As Cinder may have left it: the image that was made for a snapshot holds all, and the volume's first file lies beside it still, or not.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public async Task A_volume_that_begins_with_another_file_than_its_own_is_reverted_in_that(bool stale)
    {
        var active = $"volume-{volume.Id}.{ids.New()}";
        await Qemu("qemu-img", "create", "-q", "-f", "qcow2", Path.Combine(pool, active), "1G");
        await Qemu("qemu-io", "-f", "qcow2", "-c", "write -P 3 0 1M", Path.Combine(pool, active));
        await File.WriteAllTextAsync(PathOf(volume) + ".info", $$"""{"active": "{{active}}"}""", Token);
        if (!stale) File.Delete(PathOf(volume));
        var snapshot = NewSnapshot();
        await thin.CreateSnapshot(volume, snapshot, Work);
        Assert.True(File.Exists(PathOf(snapshot))); // a copy
        await Qemu("qemu-io", "-f", "qcow2", "-c", "write -P 9 0 1M", Path.Combine(pool, active));
        await thin.RevertTo(volume, snapshot with { Status = SnapshotStatus.Available }, Work);
        await using var content = await thin.Read(volume, Work);
        var first = new byte[Mib];
        await content.Read(0, first);
        Assert.Equal([3], first.Distinct());
    }

    static async Task Qemu(string program, params string[] arguments)
    {
        var end = await Processes.Run(program, arguments, TimeSpan.FromMinutes(1), token: Token);
        Assert.True(end.ExitCode == 0, end.Error + end.Output);
    }

    static void Same(string a, string b, long bytes)
    {
        using var one = File.OpenHandle(a, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var two = File.OpenHandle(b, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var (x, y) = (new byte[4 * Mib], new byte[4 * Mib]);
        for (long at = 0; at < bytes; at += x.Length)
        {
            RandomAccess.Read(one, x, at);
            RandomAccess.Read(two, y, at);
            Assert.True(x.AsSpan().SequenceEqual(y), $"{a} and {b} differ behind {at}");
        }
    }

    [Fact]
    public async Task Copies_are_equal_to_the_byte_and_take_no_more_room_than_the_data()
    {
        Fill(5, 3); // unaligned, and across the bounds of pieces, of blocks and of the file
        Fill(8 * Mib - 1, 20 * Mib + 2);
        Fill(Gib - 4097, 4097);
        using (var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            for (var at = 400 * Mib; at < 500 * Mib; at += Mib) RandomAccess.Write(file, new byte[Mib], at); // written, but zeroes
        var (snapshot, clone, large) = (NewSnapshot(), NewVolume(2), NewVolume());
        await thin.CreateSnapshot(volume, snapshot, Work);
        Same(PathOf(volume), PathOf(snapshot), Gib);
        await thin.CreateFromVolume(clone, volume, Work);
        Same(PathOf(volume), PathOf(clone), Gib);
        Assert.Equal(2 * Gib, Facts(PathOf(clone)).Size);
        Assert.InRange(Facts(PathOf(clone)).AllocatedBytes, 20 * Mib, 22 * Mib);
        await thick.CreateFromSnapshot(large, volume, snapshot, Work);
        Same(PathOf(volume), PathOf(large), Gib);
        Assert.InRange(Facts(PathOf(large)).AllocatedBytes, Gib, Gib + 8 * Mib);
    }

    [Fact]
    public async Task Ten_thousand_pieces_of_data_are_all_copied()
    {
        using (var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            for (var i = 0; i < 10_000; i++) RandomAccess.Write(file, BitConverter.GetBytes(i + 1), i * 100_000L);
        var snapshot = NewSnapshot();
        await thin.CreateSnapshot(volume, snapshot, Work);
        Same(PathOf(volume), PathOf(snapshot), Gib);
    }

    [Fact]
    public async Task A_grown_volume_is_sparse_or_allocated_as_new_ones_are_and_ends_in_zeroes()
    {
        Fill(Gib - 100, 100);
        await thin.Extend(volume, 2, Work);
        Assert.Equal(2 * Gib, Facts(PathOf(volume)).Size);
        Assert.InRange(Facts(PathOf(volume)).AllocatedBytes, 1, Mib);
        await thick.Extend(volume, 3, Work);
        Assert.InRange(Facts(PathOf(volume)).AllocatedBytes, 3 * Gib, 3 * Gib + 8 * Mib);
        using var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var end = new byte[200];
        RandomAccess.Read(file, end, Gib - 100);
        Assert.DoesNotContain((byte)0, end[..8]);
        Assert.All(end[100..], b => Assert.Equal(0, b));
    }

    /// <summary>As when somebody attaches it meanwhile: what was copied before and after a write is no moment's content.</summary>
    [Fact]
    public async Task A_file_that_is_written_to_while_it_is_copied_is_a_fault_and_no_snapshot()
    {
        Fill(0, 200 * Mib);
        using var over = new CancellationTokenSource();
        var writer = Background.Start(async () =>
        {
            using var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            while (!over.IsCancellationRequested)
            {
                RandomAccess.Write(file, "x"u8, 0);
                await Task.Delay(1, Token);
            }
        });
        var e = await Assert.ThrowsAsync<FaultException>(() => thick.CreateSnapshot(volume, NewSnapshot(), Work)); // never by reflink
        await over.CancelAsync();
        await writer;
        Assert.Contains("written to", e.Message, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(pool));
    }

    [Fact]
    public async Task What_is_not_whole_by_itself_is_neither_copied_nor_grown_nor_attached()
    {
        var image = NewVolume();
        foreach (var (of, make, why) in new (Volume, Func<Task>, string)[]
        {
            (volume, () => Info("""{"active": "../volume-x"}"""), "names '../volume-x'"),
            (volume, () => Info($$"""{"active": "volume-{{image.Id}}"}"""), "no file of the volume's"), // another one's
            (volume, () => Info($$"""{"active": "volume-{{volume.Id}}.{{image.Id}}"}"""), "is not there"),
            (volume, () => Info("""{"active": 7}"""), "no file of the volume's"),
            (volume, () => Info("[]"), "no JSON object"),
            (volume, () => Info("{"), "no JSON"),
            (image with { Format = "qcow2" }, () => Image(image, "-b", "/etc/passwd", "-F", "raw", "-u"), "none of ours"),
            (image with { Format = "qcow2" }, () => Image(image, "-b", "json:{}", "-F", "raw", "-u"), "none of ours"),
            (image with { Format = "qcow2" }, () => Image(image, "-b", $"../volume-{volume.Id}.exe", "-F", "raw", "-u"), "none of ours"),
            (image with { Format = "qcow2" }, () => Image(image, "-b", $"volume-{image.Id}.{volume.Id}", "-F", "vmdk", "-u"), "format 'vmdk'"),
            (image with { Format = "qcow2" }, () => Image(image, "-b", $"volume-{image.Id}", "-F", "qcow2", "-u"), "stands on itself"),
            (image with { Format = "qcow2" }, () => Image(image, "-o", $"data_file={pool}/data,data_file_raw=on"), "needs other files"),
            (image with { Format = "qcow2" }, () => File.WriteAllTextAsync(PathOf(image), "no image", Token), "no qcow2 image"),
        })
        {
            await make();
            foreach (var act in new Func<Task>[]
            {
                () => thin.CreateSnapshot(of, NewSnapshot(), Work), () => thin.CreateFromVolume(NewVolume(), of, Work), () => thin.Extend(of, 2, Work),
                () => thin.Connect(of, new Connector("h", "{}"), Work),
            })
            {
                var e = await Assert.ThrowsAsync<FaultException>(act);
                Assert.Contains(why, e.Message, StringComparison.Ordinal);
                Assert.False(e.Fault.Transient);
            }
        }
        Assert.Empty(Directory.EnumerateFiles(pool, "*.g*").Concat(Directory.EnumerateFiles(pool, "snapshot-*")));
    }

    Task Info(string text) => File.WriteAllTextAsync(PathOf(volume) + ".info", text, Token);

    async Task Image(Volume at, params string[] arguments)
    {
        var made = await Processes.Run("qemu-img", ["create", "-f", "qcow2", .. arguments, PathOf(at), "1G"], TimeSpan.FromSeconds(20), token: Token);
        Assert.SkipUnless(made.ExitCode == 0, $"qemu-img made no image: {made.Error}");
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_and_leaves_nothing()
    {
        await thin.Extend(volume, 2, Work);
        var e = await Assert.ThrowsAsync<FaultException>(() => thin.CreateFromVolume(NewVolume(), volume with { SizeGb = 2 }, Work));
        Assert.Contains("do not fit", e.Message, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(pool));
    }

    [Fact]
    public async Task The_format_is_the_one_that_was_written_down_whatever_new_volumes_get()
    {
        Fill(0, 10);
        await using var images = New(new() { Paths = [pool], Format = VolumeFormat.Qcow2, QemuImg = "/nowhere/qemu-img" });
        await images.Extend(volume, 2, Work);
        var snapshot = NewSnapshot();
        await images.CreateSnapshot(volume, snapshot, Work);
        var clone = NewVolume(3);
        Assert.Equal("raw", (await images.CreateFromSnapshot(clone, volume, snapshot, Work)).Format);
        Assert.Equal(3 * Gib, Facts(PathOf(clone)).Size);
        await images.RevertTo(volume with { SizeGb = 2 }, snapshot, Work);
        Same(PathOf(volume), PathOf(snapshot), 2 * Gib);
    }

    /// <summary>CVE-2014-3641, CVE-2015-1851, CVE-2026-24708: who looked at the bytes would take them for an image that is backed by a file of this host.</summary>
    [Fact]
    public async Task A_guest_that_writes_the_header_of_an_image_reads_nothing_with_it()
    {
        var hostile = Path.Combine(pool, "hostile");
        var made = await Processes.Run("qemu-img", ["create", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd", hostile, "1G"], TimeSpan.FromSeconds(20), token: Token);
        Assert.SkipUnless(made.ExitCode == 0, $"qemu-img made no image: {made.Error}");
        var header = await File.ReadAllBytesAsync(hostile, Token);
        using (var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) RandomAccess.Write(file, header, 0);
        File.Delete(hostile);
        var (snapshot, clone, copy) = (NewSnapshot(), NewVolume(), NewVolume());
        await thin.CreateSnapshot(volume, snapshot, Work);
        await thin.CreateFromVolume(clone, volume, Work);
        await thin.CreateFilled(copy, (await thin.Read(volume, Work)).Copy(), Work);
        await thin.Extend(volume, 2, Work);
        foreach (var path in (string[])[PathOf(snapshot), PathOf(clone), PathOf(copy)])
        {
            Assert.Equal(Gib, new FileInfo(path).Length);
            Same(PathOf(volume), path, Gib);
        }
        Assert.Equal(2 * Gib, new FileInfo(PathOf(volume)).Length);
        using var read = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var kept = new byte[header.Length];
        RandomAccess.Read(read, kept, 0);
        Assert.Equal(header, kept);
        // Nor is it taken from the pool, once it is nobody's volume.
        File.Move(PathOf(volume), Path.Combine(pool, "found"));
        Assert.Equal("it is a qcow2 image that needs other files", (await thin.Inspect("dir", "found", Token))?.WhyNot);
    }

    /// <summary>What a volume never held is not counted; what is written out in full is.</summary>
    [Fact]
    public async Task A_copy_says_how_far_it_is()
    {
        Fill(0, 20 * Mib);
        Fill(500 * Mib, 12 * Mib);
        var (copy, dense) = (NewVolume(), NewVolume());
        await using (var content = await thin.Read(volume, Work))
            await Told(p => thin.CreateFilled(copy, content.Copy(p), Work), 32 * Mib, 33 * Mib);
        await Told(p => thick.CreateFromVolume(dense, volume, Work with { Progress = p }), 32 * Mib, Gib);
        Same(PathOf(volume), PathOf(copy), Gib);

        static async Task Told(Func<Progress, Task> act, long least, long most)
        {
            var told = new List<(long Done, long Total)>();
            Progress? progress = null;
            await act(progress = new(() => told.Add(progress!.Now!.Value)));
            Assert.InRange(told[0].Total, least, most);
            Assert.All(told, t => Assert.Equal(told[0].Total, t.Total));
            Assert.Equal(told.Select(t => t.Done).Order(), told.Select(t => t.Done));
            Assert.Equal((0, told[0].Total), (told[0].Done, told[^1].Done));
            Assert.True(told.Count > 4, $"told {told.Count} times");
        }
    }

    [Fact]
    public async Task Nothing_is_reverted_under_who_has_it_open()
    {
        var snapshot = NewSnapshot();
        await thin.CreateSnapshot(volume, snapshot, Work);
        Fill(0, 10);
        var before = Facts(PathOf(volume)).Inode;
        var e = await Assert.ThrowsAsync<FaultException>(() => thin.RevertTo(volume with { AttachStatus = AttachStatus.Attached }, snapshot, Work));
        Assert.Contains("attached", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, Facts(PathOf(volume)).Inode);
        await thin.RevertTo(volume, snapshot, Work);
        Same(PathOf(volume), PathOf(snapshot), Gib);
        Assert.Equal((UnixFileMode)0x1b6, File.GetUnixFileMode(PathOf(volume)));
    }

    [Fact]
    public async Task A_host_is_told_the_path()
    {
        var info = await thin.Connect(volume, new Connector("h", "{}"), Work);
        Assert.Equal("local", info.Type);
        using var data = JsonDocument.Parse(info.Data);
        Assert.Equal(PathOf(volume), data.RootElement.GetProperty("device_path").GetString());
    }
}
