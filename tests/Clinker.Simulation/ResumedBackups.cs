using Clinker.Backups;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// A backup whose daemon ends, or stands still, half-way is brought to its end by another one, which finds objects of what the volume held
/// then; meanwhile the volume was written to. (<see cref="Invariants"/> see to it in every story that no object is written twice.)
/// </summary>
public sealed class ResumedBackups(ITestOutputHelper output)
{
    const string Before = "aabbccddee", After = "aaBB\0\0ddXXff";

    [Fact]
    public async Task It_holds_one_moment_of_the_volume_and_no_object_more()
    {
        var (at, mixed) = (0, 0);
        for (; ; at++)
        {
            await using var world = await World.New(separate: false, (at, Trouble.Cut));
            var backup = await Begin(world);
            await world.RunUntilQuiet(TimeSpan.FromSeconds(1));
            if (await Ends(world, backup, $"cut at {at}") && world.Objects.All.Count < world.Objects.Published.Count) mixed++;
            if (!world.HadAllTroubles) break;
        }
        Assert.True(at > 20 && mixed > 3, $"{at} runs, {mixed} of them with objects that had become wrong");
        output.WriteLine($"{at} runs, {mixed} of them with objects that had become wrong");
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Who_wakes_after_another_has_ended_it_changes_nothing(bool clockStands)
    {
        for (var at = 0; ; at++)
        {
            await using var world = await World.New(separate: false);
            var backup = await Begin(world);
            using var late = new Daemon(world, "late", [Queues.Scheduler, World.Queue], clockStands ? World.NewClock() : null) { Spared = true, HoldAt = at };
            await late.Step();
            if (!late.IsHeld)
            {
                Assert.True(at > 20, $"only {at} runs");
                return;
            }
            world.Time.Advance(World.Lease + TimeSpan.FromSeconds(1));
            await world.Heartbeat();
            await Ends(world, backup, $"held at {at}");
            if (late.IsHeld) await late.Step();
            Assert.True(late.IsIdle);
            await Ends(world, backup, $"held at {at}, woken");
        }
    }

    static async Task<Backup> Begin(World world)
    {
        var volume = await world.Create();
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, Before);
        return await world.Backup(volume);
    }

    /// <summary>Whether it is of what the volume held later.</summary>
    static async Task<bool> Ends(World world, Backup backup, string what)
    {
        if ((await world.Db.Read(tx => tx.Backups.Get(backup.Id))).Status is BackupStatus.Creating) world.Shares.Write(backup.VolumeId, After);
        await world.RunUntilQuiet();
        await world.Hold(what);
        var content = await world.ContentOf(backup.Id);
        Assert.True(content is Before or After, $"{what}: it holds {content}");
        Assert.Equal(VolumeStatus.Available, (await world.Db.Read(tx => tx.Volumes.Get(backup.VolumeId))).Status);
        return content == After;
    }
}
