using System.Buffers.Binary;
using System.Runtime.Versioning;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>What of a directory's files can become volumes, and what must be left alone.</summary>
[SupportedOSPlatform("linux")]
public sealed class OthersFilesTests : IAsyncDisposable
{
    const string Id = "4b51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7", Other = "5c51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7";
    const long Gib = 1L << 30;

    readonly string root = Directory.CreateTempSubdirectory("clinker-others-").FullName;
    readonly DirectoryDriver driver;

    public OthersFilesTests()
    {
        driver = new("dir", new() { Paths = [Path.Combine(root, "pool")] }, TimeProvider.System, NullLogger.Instance);
        Directory.CreateDirectory(Path.Combine(root, "pool"));
    }

    static CancellationToken Token => TestContext.Current.CancellationToken;

    string PathOf(string name) => Path.Combine(root, "pool", name);

    void Put(string name, long bytes, byte[]? head = null)
    {
        using var file = File.OpenHandle(PathOf(name), FileMode.CreateNew, FileAccess.ReadWrite);
        if (head is not null) RandomAccess.Write(file, head, 0);
        if (bytes > 0) RandomAccess.SetLength(file, bytes);
    }

    static byte[] Qcow2(long bytes, ulong backing = 0, ulong incompatible = 0, string name = "")
    {
        const int clusterBits = 16, cluster = 1 << clusterBits;
        var head = new byte[2 * cluster];
        ((byte[])[.. "QFI"u8, 0xfb]).CopyTo(head, 0);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(4), 3);
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(8), backing);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(16), name.Length);
        if (name.Length > 0) System.Text.Encoding.ASCII.GetBytes(name).CopyTo(head, (int)backing);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(20), clusterBits);
        BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(24), bytes);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(36), cluster / sizeof(ulong));
        BinaryPrimitives.WriteInt64BigEndian(head.AsSpan(40), cluster);
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(72), incompatible);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(100), 104);
        return head;
    }

    public async ValueTask DisposeAsync()
    {
        await driver.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(Gib, 1)]
    [InlineData(Gib + 1, 2)]
    [InlineData(10 * Gib - 1, 10)]
    public async Task A_size_is_rounded_up(long bytes, int sizeGb)
    {
        Put("raw", bytes);
        Assert.Equal(new ExistingFile("raw", sizeGb, "raw"), await driver.Inspect("dir", "raw", Token));
        Put("image", 0, Qcow2(bytes));
        Assert.Equal(new ExistingFile("image", sizeGb, "qcow2"), await driver.Inspect("dir", "image", Token));
    }

    [Fact]
    public async Task What_is_no_whole_disk_is_told_of_with_the_reason()
    {
        Put("backed", 0, Qcow2(Gib, backing: 512));
        Put("external", 0, Qcow2(Gib, incompatible: 4));
        Put("negative", 0, Qcow2(-1));
        Put("huge", 0, Qcow2(long.MaxValue));
        Put("empty", 0);
        Put("unknown", 0, Qcow2(Gib, incompatible: 1 << 5));
        Put("both", 0, [.. Qcow2(Gib), .. "conectix"u8, .. new byte[504]]);
        Put("fixed", 0, [.. new byte[1 << 20], .. "conectix"u8, .. new byte[504]]);
        Put("vmdk", Gib, "KDMV"u8.ToArray());
        Put("vdi", Gib, [.. new byte[64], 0x7f, 0x10, 0xda, 0xbe]);
        Put("twice", Gib);
        File.CreateSymbolicLink(PathOf("link"), PathOf("twice"));
        await Clinker.Host.Processes.Run("ln", [PathOf("twice"), Path.Combine(root, "elsewhere")], TimeSpan.FromSeconds(10));
        Put($"volume-{Id}", Gib);
        Put($"volume-{Id}.info", 10);
        var why = new Dictionary<string, string?>();
        foreach (var (name, _, _) in await driver.ListFiles("dir", Token))
            if (await driver.Inspect("dir", name, Token) is { } seen) why[name] = seen.WhyNot;
        Assert.Equal(new Dictionary<string, string?>
        {
            ["backed"] = "it is a qcow2 image that needs other files",
            ["external"] = "it is a qcow2 image that needs other files",
            ["negative"] = "it is empty",
            ["huge"] = "it is too large",
            ["empty"] = "it is empty",
            ["unknown"] = "it has features that are not let through",
            ["both"] = "it is several formats at once: qcow2, vpc",
            ["fixed"] = "it is an image of the format vpc",
            ["vmdk"] = "it is an image of the format vmdk",
            ["vdi"] = "it is an image of the format vdi",
            ["twice"] = "it has several names (hard links)",
            [$"volume-{Id}"] = $"volume-{Id}.info is no JSON",
        }, why);
    }

    /// <summary>
    /// A guest may write the header of an image into its raw volume, which names a file of another volume; and what .info says may be worth
    /// nothing. Then it is not managed.
    /// </summary>
    [Theory]
    [InlineData("{}", $"volume-{Other}", $"volume-{Id} names volume-{Other} as the file under it, which is another volume's")]
    [InlineData("{}", $"/srv/volume-{Other}", $"volume-{Id} names '/srv/volume-{Other}' as the file under it, which is none of ours")]
    [InlineData("{}", "/etc/passwd", $"volume-{Id} names '/etc/passwd' as the file under it, which is none of ours")]
    [InlineData("{}", $"volume-{Id}", $"volume-{Id} stands on itself")]
    [InlineData($$"""{"active": "volume-{{Other}}"}""", null, $"volume-{Id}.info names 'volume-{Other}' for active, which is no file of the volume's")]
    [InlineData($$"""{"active": "volume-{{Id}}.{{Other}}"}""", null, $"volume-{Id}.{Other} is not there")]
    public async Task What_leads_elsewhere_is_not_followed(string info, string? under, string why)
    {
        Put($"volume-{Other}", 0, Qcow2(Gib));
        Put($"volume-{Id}", Gib, under is null ? null : [.. Qcow2(Gib, backing: 512, name: under)]);
        await File.WriteAllTextAsync(PathOf($"volume-{Id}.info"), info, Token);
        Assert.Equal(why, (await driver.Inspect("dir", $"volume-{Id}", Token))?.WhyNot);
        var volume = new Volume
        {
            Id = "0a0b0c0d-1111-2222-3333-444455556666", NameId = Id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Managing,
            AvailabilityZone = "nova", Host = "h@dir#dir", Format = "qcow2", CreatedAt = DateTime.UnixEpoch,
        };
        var refused = await Assert.ThrowsAsync<FaultException>(() => driver.Manage(volume, $"volume-{Id}", new(1, Token)));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    /// <summary>What of a chain is no volume and no snapshot: an overlay that nothing names, one that lost what it stood on, and what is kept for others.</summary>
    [Fact]
    public async Task What_is_only_part_of_a_chain_is_told_apart()
    {
        const string lost = "0a0b0c0d-1111-2222-3333-444455556666", stray = "1a0b0c0d-1111-2222-3333-444455556666";
        Put($"volume-{Id}", Gib);
        Put($"volume-{Id}.{lost}", 0, Qcow2(Gib));
        Put($"volume-{Id}.{stray}", 0, Qcow2(Gib, backing: 512, name: $"volume-{Id}"));
        await File.WriteAllTextAsync(PathOf($"volume-{Id}.info"), $$"""{"active": "volume-{{Id}}", "{{lost}}": "volume-{{Id}}.{{lost}}"}""", Token);
        Assert.Null((await driver.Inspect("dir", $"volume-{Id}", Token))!.WhyNot);
        Assert.Equal($"volume-{Id}.{lost} is none of the files that the volume begins with", (await driver.Inspect("dir", $"volume-{Id}.{lost}", Token))!.WhyNot);
        Assert.Equal(new("snapshot", lost), (await driver.Inspect("dir", $"snapshot-{lost}", Token, of: Id))!.As);
        Assert.Null(await driver.Inspect("dir", $"snapshot-{lost}", Token, of: Other));
        Assert.Null(await driver.Inspect("dir", $"snapshot-{lost}", Token));
        Assert.Null(await driver.Inspect("dir", $"volume-{Id}.{stray}", Token));
        await File.WriteAllTextAsync(PathOf($"volume-{Id}.info"), $$"""{"clinker:kept": "volume-{{Id}}"}""", Token);
        Assert.Null(await driver.Inspect("dir", $"volume-{Id}", Token));
    }

    [Theory]
    [InlineData("../outside"), InlineData("/etc/passwd"), InlineData("folder"), InlineData("link"), InlineData("pipe"), InlineData(".hidden"), InlineData("")]
    [InlineData($"volume-{Id}.g1"), InlineData($"volume-{Id}.info")]
    public async Task What_is_no_file_of_the_pool_is_never_taken(string name)
    {
        Put("../outside", Gib);
        Put(".hidden", Gib);
        Put($"volume-{Id}.g1", Gib);
        Put($"volume-{Id}.info", Gib);
        Directory.CreateDirectory(PathOf("folder"));
        File.CreateSymbolicLink(PathOf("link"), Path.Combine(root, "outside"));
        await Clinker.Host.Processes.Run("mkfifo", [PathOf("pipe")], TimeSpan.FromSeconds(10));
        var before = Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).Order().ToList();
        Assert.Null(await driver.Inspect("dir", name, Token));
        var volume = new Volume
        {
            Id = "0a0b0c0d-1111-2222-3333-444455556666", ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Managing,
            AvailabilityZone = "nova", Host = "h@dir#dir", Format = "raw", CreatedAt = DateTime.UnixEpoch,
        };
        var refused = await Assert.ThrowsAsync<FaultException>(() => driver.Manage(volume, name, new(1, Token)));
        Assert.IsType<Fault.DriverFailed>(refused.Fault);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).Order());
    }

    /// <summary>QEMU takes such a name for a file that it describes, or a protocol. Here it is a name in the pool, and no program gets to see it.</summary>
    [Theory]
    [InlineData("json:{\"driver\":\"raw\",\"file\":{\"filename\":\"outside\"}}")]
    [InlineData("nbd:unix:outside"), InlineData("-f"), InlineData("volume-..")]
    public async Task A_name_that_would_lead_a_program_elsewhere_is_a_name(string name)
    {
        Put(name, Gib, "ours"u8.ToArray());
        Put("../outside", Gib, "theirs"u8.ToArray());
        Assert.Equal(new ExistingFile(name, 1, "raw"), await driver.Inspect("dir", name, Token));
        var volume = new Volume
        {
            Id = Id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Managing, AvailabilityZone = "nova", Host = "h@dir#dir",
            Format = "raw", CreatedAt = DateTime.UnixEpoch,
        };
        await driver.Manage(volume, name, new(1, Token));
        await driver.Extend(volume, 2, new(1, Token));
        using var file = File.OpenHandle(PathOf($"volume-{Id}"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var head = new byte[4];
        RandomAccess.Read(file, head, 0);
        Assert.Equal("ours"u8.ToArray(), head);
    }

    [Fact]
    public async Task Deleting_a_volume_leaves_the_content_to_whoever_gave_it_another_name()
    {
        Put($"volume-{Id}", Gib, "data"u8.ToArray());
        await Clinker.Host.Processes.Run("ln", [PathOf($"volume-{Id}"), Path.Combine(root, "kept")], TimeSpan.FromSeconds(10));
        var volume = new Volume
        {
            Id = Id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Deleting, AvailabilityZone = "nova", Host = "h@dir#dir",
            Format = "raw", CreatedAt = DateTime.UnixEpoch,
        };
        await driver.Delete(volume, new(1, Token));
        Assert.False(File.Exists(PathOf($"volume-{Id}")));
        Assert.Equal(Gib, new FileInfo(Path.Combine(root, "kept")).Length);
    }
}
