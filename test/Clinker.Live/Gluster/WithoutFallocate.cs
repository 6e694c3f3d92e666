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
    public async Task Thick_volumes_are_written_with_zeroes_or_leave_nothing()
    {
        foreach (var (name, size) in new[] { ("a", "1300M"), ("b", "200M") })
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

        var e = await Assert.ThrowsAsync<FaultException>(() => driver.Create(volume with { Host = $"h@dir#{root}/b" }, new Work(1, Token)));
        Assert.Equal(new Fault.ShareFull($"{root}/b"), e.Fault);
        var left = await driver.List($"{root}/b", Token);
        Assert.Empty(left.VolumeIds);
        Assert.Empty(left.Litter);
    }

    static Task<ProcessResult> Sh(string command) => Processes.Run("bash", ["-c", command], TimeSpan.FromSeconds(60));
}
