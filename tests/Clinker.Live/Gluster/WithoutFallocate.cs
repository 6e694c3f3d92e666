using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>ext2 knows no fallocate: thick volumes are written.</summary>
[Collection("GlusterFS")]
public sealed class WithoutFallocate : IAsyncLifetime
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-ext2-").FullName;
    static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        Node.Need();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await Sh($"umount {root}/a; umount {root}/b");
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task Thick_volumes_are_made_grown_and_copied_by_writing_or_leave_nothing()
    {
        foreach (var (name, size) in new[] { ("a", "3400M"), ("b", "200M") })
            Assert.Equal(0, (await Sh($"truncate -s {size} {root}/{name}.img && mkfs.ext2 -q {root}/{name}.img && mkdir {root}/{name} && mount -o loop {root}/{name}.img {root}/{name}")).ExitCode);
        var log = new Lines();
        await using var driver = new DirectoryDriver(
            "dir", new() { Paths = [$"{root}/a", $"{root}/b"], Provisioning = Provisioning.Thick }, TimeProvider.System, log);
        var volume = new Volume
        {
            Id = new Ids().New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova",
            Host = $"h@dir#{root}/a", CreatedAt = DateTime.UnixEpoch,
        };
        await driver.Create(volume, new Work(1, Token));
        Assert.Contains(log.All, l => l.Contains("written with zeroes", StringComparison.Ordinal));
        var stat = (await Sh($"stat -c '%s %b' {root}/a/volume-{volume.Id}")).Output.Split(' ');
        Assert.Equal(1L << 30, long.Parse(stat[0]));
        Assert.InRange(long.Parse(stat[1]) * 512, 1L << 30, (1L << 30) + (8 << 20));

        // Its end is written to, to see that growing and copying keep it.
        using (var file = File.OpenHandle($"{root}/a/volume-{volume.Id}", FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            RandomAccess.Write(file, "end"u8, (1L << 30) - 3);
        var made = volume with { Format = "raw", Status = VolumeStatus.Available };
        var clone = volume with { Id = new Ids().New() };
        await driver.CreateFromVolume(clone, made, new Work(1, Token));
        await driver.Extend(made, 2, new Work(1, Token));
        Assert.Equal("", (await Sh($"cmp -n {1L << 30} {root}/a/volume-{volume.Id} {root}/a/volume-{clone.Id}; cmp -n {1L << 30} -i {1L << 30}:0 {root}/a/volume-{volume.Id} /dev/zero")).Output);
        foreach (var (id, size) in new[] { (volume.Id, 2L << 30), (clone.Id, 1L << 30) })
        {
            stat = (await Sh($"stat -c '%s %b' {root}/a/volume-{id}")).Output.Split(' ');
            Assert.Equal(size, long.Parse(stat[0]));
            Assert.InRange(long.Parse(stat[1]) * 512, size, size + (8 << 20));
        }

        var full = await Assert.ThrowsAsync<FaultException>(() => driver.CreateFromVolume(
            clone with { Id = new Ids().New(), Host = $"h@dir#{root}/b" }, made with { Id = clone.Id }, new Work(1, Token)));
        Assert.Equal(new Fault.ShareFull($"{root}/b"), full.Fault);
        full = await Assert.ThrowsAsync<FaultException>(() => driver.Extend(made with { SizeGb = 2 }, 4, new Work(1, Token)));
        Assert.Equal(new Fault.ShareFull($"{root}/a"), full.Fault);
        Assert.Equal("", (await Sh($"cmp -n {1L << 30} {root}/a/volume-{volume.Id} {root}/a/volume-{clone.Id}")).Output);

        var e = await Assert.ThrowsAsync<FaultException>(() => driver.Create(volume with { Host = $"h@dir#{root}/b" }, new Work(1, Token)));
        Assert.Equal(new Fault.ShareFull($"{root}/b"), e.Fault);
        var left = await driver.List($"{root}/b", Token);
        Assert.Empty(left.VolumeIds);
        Assert.Empty(left.Litter);
    }

    static Task<ProcessResult> Sh(string command) => Processes.Run("bash", ["-c", command], TimeSpan.FromSeconds(60));
}
