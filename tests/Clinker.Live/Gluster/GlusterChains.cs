using Clinker.Contracts;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>The walks over chains of files, on a real GlusterFS. SEED and STEPS make another one, or a longer one.</summary>
[Collection("GlusterFS")]
public sealed class GlusterChainWalk(TwoShares shares) : ChainWalk, IClassFixture<TwoShares>
{
    protected override VolumeFormat Format => VolumeFormat.Raw;

    protected override string DirectoryOf(string pool) => shares.MountOf(pool);

    protected override Task<Driver> Open() => shares.Open(o => o with { MaxChainDepth = MaxDepth, FlattenDepth = MaxDepth - 1 });

    [Fact]
    public Task No_byte_differs_and_no_file_is_left() => Walk(Walks.Number("SEED", 4), Walks.Number("STEPS", 100), checkEvery: 5);

    /// <summary>
    /// Over FUSE, fallocate(ZERO_RANGE) answers 0 and zeroes nothing. When what was written since a snapshot is put into the file under it,
    /// zeroes must be zeroes there.
    /// </summary>
    [Fact]
    public async Task What_a_guest_zeroed_since_a_snapshot_stays_zero_when_the_snapshot_goes()
    {
        await using var driver = await Open();
        var pool = (await driver.Report(TestContext.Current.CancellationToken)).Pools[0].Name;
        var work = new Work(1, TestContext.Current.CancellationToken, Operation: "0b5e2b7e-6d0f-4c6b-9f0e-3c1f8a1d2e01");
        var volume = new Volume
        {
            Id = new Ids().New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova",
            Host = $"node1@gluster#{pool}", CreatedAt = DateTime.UnixEpoch,
        };
        var disk = await driver.Create(volume, work);
        volume = volume with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
        var path = Path.Combine(DirectoryOf(pool), $"volume-{volume.Id}");
        await Io("raw", path, "write -P 7 0 8M");
        var snapshot = new Snapshot
        {
            Id = new Ids().New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
        };
        await driver.CreateSnapshot(volume, snapshot, work);
        await Io("qcow2", $"{path}.{snapshot.Id}", "write -z 1M 1M", "write -z -u 3M 512k", "write -z 5000k 3k", "write -P 9 6M 64k", "discard 7M 512k");
        string[] seen = ["read -P 7 0 1M", "read -P 0 1M 1M", "read -P 7 2M 1M", "read -P 0 3M 512k", "read -P 0 5000k 3k", "read -P 9 6M 64k", "read -P 0 7M 512k"];
        await Io("qcow2", $"{path}.{snapshot.Id}", seen);
        await driver.DeleteSnapshot(volume, snapshot, work with { Operation = "5d9a3c52-7a1e-4f0e-8a43-0c0a5e9f7b02" });
        Assert.False(File.Exists($"{path}.{snapshot.Id}"));
        await Io("raw", path, seen);
        await driver.Delete(volume, work);
        Assert.Empty(Directory.EnumerateFiles(DirectoryOf(pool), "volume-*"));

        static async Task Io(string format, string path, params string[] commands)
        {
            var result = await Processes.Run("qemu-io", ["-f", format, .. commands.SelectMany(c => new[] { "-c", c }), path], TimeSpan.FromMinutes(1));
            Assert.True(result.ExitCode == 0 && !result.Output.Contains("failed", StringComparison.Ordinal), result.Output + result.Error);
        }
    }
}

/// <summary>Shares that Cinder's own driver left, on a real GlusterFS.</summary>
[Collection("GlusterFS")]
public sealed class OldSharesOnGluster(TwoShares shares) : OldShares, IClassFixture<TwoShares>
{
    protected override string DirectoryOf(string pool) => shares.MountOf(pool);

    protected override Task<Driver> Open() => shares.Open();
}
