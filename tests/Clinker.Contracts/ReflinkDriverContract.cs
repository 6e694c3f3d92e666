using System.Diagnostics;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Xunit;

namespace Clinker.Contracts;

/// <summary>The contract on an XFS that can make a file another's twin: there, snapshots of what is attached are promised.</summary>
public sealed class ReflinkDriverContract : DirectoryDriverContract
{
    protected override string Pools => Path.Combine(Root, "xfs");

    protected override async ValueTask<Driver> Open()
    {
        Directory.CreateDirectory(Pools);
        var made = await Sh($"truncate -s 4G {Root}/xfs.img && mkfs.xfs -q -m reflink=1 {Root}/xfs.img && mount -o loop {Root}/xfs.img {Pools}");
        if (made.ExitCode != 0)
        {
            await base.Close();
            Assert.Skip($"no XFS can be made and mounted here: {made.Error.Trim()}");
        }
        return await base.Open();
    }

    protected override async ValueTask Close()
    {
        // An act that was given up may have a file open for a moment yet.
        for (var waited = Stopwatch.StartNew(); await Sh($"umount {Pools}") is { ExitCode: not 0 } still; await Task.Delay(20))
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), still.Error);
        await base.Close();
    }

    static Task<ProcessResult> Sh(string command) => Processes.Run("bash", ["-c", command], TimeSpan.FromSeconds(30));

    [Fact]
    public async Task A_snapshot_takes_no_room_and_is_one_moment_of_a_volume_that_is_being_written_to()
    {
        Assert.True(Driver.Can.HasFlag(Abilities.SnapshotsAttached));
        var token = TestContext.Current.CancellationToken;
        var pool = Path.Combine(Pools, "a");
        var volume = NewVolume(pool);
        var work = new Work(1, token, Operation: volume.Id);
        var disk = await Driver.Create(volume, work);
        volume = volume with { Format = disk.Format, Status = Volumes.VolumeStatus.InUse, AttachStatus = Volumes.AttachStatus.Attached };
        using var file = File.OpenHandle(Path.Combine(pool, $"volume-{volume.Id}"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var data = new byte[1 << 20];
        new Random(1).NextBytes(data);
        for (var i = 0; i < 200; i++) await RandomAccess.WriteAsync(file, data, (long)i << 20, token);
        await RandomAccess.WriteAsync(file, new byte[8], 0, token); // also a snapshot before the writer's first turn holds two numbers
        RandomAccess.FlushToDisk(file);
        var free = (await Driver.Report(token)).Pools[0].FreeGb;
        using var over = new CancellationTokenSource();
        const long End = (900L << 20) + 7;
        var writer = Background.Start(async () =>
        {
            for (var n = 1L; !over.IsCancellationRequested; n++)
            {
                await RandomAccess.WriteAsync(file, BitConverter.GetBytes(n), 0, token);
                await RandomAccess.WriteAsync(file, BitConverter.GetBytes(n), End, token);
            }
        });
        for (var i = 0; i < 20; i++)
        {
            var snapshot = new Snapshot
            {
                Id = new Ids().New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
            };
            await Driver.CreateSnapshot(volume, snapshot, work);
            var (first, last) = (new byte[8], new byte[8]);
            using var taken = File.OpenHandle(Path.Combine(pool, $"snapshot-{snapshot.Id}"));
            await RandomAccess.ReadAsync(taken, first, 0, token);
            await RandomAccess.ReadAsync(taken, last, End, token);
            Assert.InRange(BitConverter.ToInt64(first) - BitConverter.ToInt64(last), 0, 1);
        }
        await over.CancelAsync();
        await writer;
        Assert.InRange(free - (await Driver.Report(token)).Pools[0].FreeGb, -0.1, 0.1);
    }

    [Fact]
    public async Task A_thick_backend_makes_no_twins()
    {
        await using var thick = new DirectoryDriver(
            "dir", Options with { Provisioning = Provisioning.Thick }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await thick.Report(TestContext.Current.CancellationToken);
        Assert.False(thick.Can.HasFlag(Abilities.SnapshotsAttached));
    }
}
