using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>What moving a volume leaves behind, and what it meets.</summary>
public sealed class Moves
{
    [Fact]
    public async Task What_a_volume_has_left_keeps_its_room_until_it_is_deleted()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        var from = (await Row(world, volume)).Host!;
        world.FailsForGood = "delete: file";
        await world.Migrate(volume, await world.PoolBeside(volume));
        await world.RunUntilQuiet();
        await world.HoldCounts("moved");
        Assert.Equal("available 1 old success", await world.Outcome()); // whatever becomes of the old file
        Assert.Equal(2, world.Shares.Volumes.Count());
        Assert.Equal([(volume.Id, 1)], await world.Db.Read(tx => tx.Pools.Left(from)));

        world.FailsForGood = null;
        await world.Hold("the sweep has it deleted");
        Assert.Single(world.Shares.Volumes);
        Assert.Equal("available 1 old success", await world.Outcome());
    }

    /// <summary>The share where it was to go is gone for good: the volume is where it was at once, and what may lie there is deleted when it is back.</summary>
    [Fact]
    public async Task A_volume_is_not_kept_by_a_share_that_it_did_not_get_to()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.AddBackend();
        world.KillAll(); // those that start now serve both
        await world.Migrate(volume, World.Second, locks: true);
        var file = (await world.Db.Read(tx => tx.Query($"select id from hold", r => r.GetString(0)))).Single();
        world.FailsForGood = ""; // every act of a driver, deleting too
        await world.RunUntilQuiet();
        await world.HoldCounts("not moved");
        Assert.Equal("available 1 old error", await world.Outcome());
        Assert.Equal("The driver could not : it always does here", await world.WhyOf(volume));
        Assert.Equal(0, await world.Db.Read(tx => tx.Number($"select count(*) from operation where status in ('unwinding', 'stuck')")));
        var pool = (await world.Db.Read(tx => tx.Query($"select pool from reservation where volume_id = {file}", r => r.GetString(0)))).Single();
        Assert.Equal([(file, 1)], await world.Db.Read(tx => tx.Pools.Left(pool))); // its room is not given to another
        await world.Snapshot(volume); // nothing holds it

        world.FailsForGood = null;
        await world.RunUntilQuiet();
        await world.Hold("the sweep has it deleted");
        Assert.Equal("available 1 old error; available 1 old", await world.Outcome());
        Assert.Empty(await world.Db.Read(tx => tx.Pools.Left(pool)));
        Assert.Single(world.Shares.Volumes);
    }

    /// <summary>There and back again: each move makes a file of a new name, so nobody takes the one for the other.</summary>
    [Fact]
    public async Task A_volume_is_moved_again_and_deleted_while_its_old_files_are_still_there()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        world.FailsForGood = "delete: file";
        for (var i = 0; i < 2; i++)
        {
            await world.Migrate(volume, await world.PoolBeside(volume));
            await world.RunUntilQuiet();
        }
        Assert.Equal("available 1 old success", await world.Outcome());
        Assert.Equal(3, world.Shares.Volumes.Count());
        world.FailsForGood = null;
        await world.Delete(volume);
        await world.RunUntilQuiet();
        await world.Hold("deleted");
        Assert.Empty(world.Shares.Volumes);
    }

    [Fact]
    public async Task A_volume_that_was_moved_grows_is_cloned_and_deleted_like_any_other()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.Migrate(volume, await world.PoolBeside(volume));
        await world.RunUntilQuiet();
        await world.Extend(volume, 2);
        await world.RunUntilQuiet();
        var snapshot = await world.Snapshot(volume);
        await world.RunUntilQuiet();
        world.Shares.Write((await Row(world, volume)).FileId, "new");
        await world.Revert(volume, snapshot);
        await world.RunUntilQuiet();
        await world.Create(2, source: new VolumeSource.OfVolume(volume.Id));
        await world.RunUntilQuiet();
        await world.Hold("used");
        Assert.Equal("available 2 old success; available 2 old; available 2 old", await world.Outcome());
        await world.DeleteWithSnapshots(volume);
        await world.RunUntilQuiet();
        await world.Hold("deleted");
        Assert.Equal("available 2 old", await world.Outcome());
    }

    [Fact]
    public async Task A_sweep_leaves_what_a_move_works_on_and_what_is_done_to_a_volume_that_was_moved()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.Migrate(volume, await world.PoolBeside(volume));
        var file = (await world.Db.Read(tx => tx.Query($"select id from hold", r => r.GetString(0)))).Single();
        world.Shares.LeaveHalfMade("a", file, 1);
        await world.Sweep();
        Assert.Single(world.Shares.Litter);
        await world.RunUntilQuiet();
        await world.Sweep();
        Assert.Empty(world.Shares.Litter);

        await world.Extend(volume, 2); // something is under way with it
        world.Shares.LeaveHalfMade("a", file, 1);
        await world.Sweep();
        Assert.Single(world.Shares.Litter);
        await world.RunUntilQuiet();
        await world.Hold("after it");
    }

    [Fact]
    public async Task Between_backends_that_no_daemon_serves_together_nothing_is_moved()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.AddBackend();
        await world.Migrate(volume, World.Second, locks: true);
        Assert.Equal("maintenance", await world.StatusOf(volume));
        await world.RunOnly(Queues.Scheduler);
        await world.RunOnly(World.Second);
        await world.Hold("not moved");
        Assert.Equal("available 1 old error", await world.Outcome());
        Assert.Equal(["migrate volume: The driver could not move the volume."], await world.Messages());
        Assert.Equal($"The driver could not move the volume: no daemon serves both {World.Queue}, where it lies, and {World.Second}.", await world.WhyOf(volume));
    }

    [Fact]
    public async Task A_volume_on_the_move_is_neither_copied_grown_nor_deleted()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.Migrate(volume, await world.PoolBeside(volume));
        foreach (var refused in (Func<Task>[])[() => world.Snapshot(volume), () => world.Extend(volume, 2), () => world.Delete(volume),
            () => world.Delete(volume, force: true), () => world.Create(source: new VolumeSource.OfVolume(volume.Id)),
            () => world.Migrate(volume, World.Queue)])
            Assert.IsType<Fault.Invalid>((await Assert.ThrowsAsync<FaultException>(refused)).Fault);
        await world.RunUntilQuiet();
        await world.Hold("moved");
        Assert.Equal("available 1 old success", await world.Outcome());
    }

    [Fact]
    public async Task A_volume_that_is_being_copied_is_not_moved()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.Create(source: new VolumeSource.OfVolume(volume.Id));
        var fault = (await Assert.ThrowsAsync<FaultException>(() => world.Migrate(volume, World.Queue))).Fault;
        Assert.Equal($"Invalid volume: Volume {volume.Id} can't be migrated while something is under way with it.", fault.Message);
    }

    [Fact]
    public async Task Snapshots_follow_their_volume_to_its_new_type_with_their_quota()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        await world.Snapshot(volume);
        await world.RunUntilQuiet();
        await world.Retype(volume, await world.Type("t"));
        await world.HoldCounts("retyping"); // the quota of the new type is taken
        await world.RunUntilQuiet();
        await world.Hold("retyped");
        Assert.Equal("t", (await world.Db.Read(tx => tx.Snapshots.Of(volume.Id))).Single().VolumeTypeId);
        Assert.Equal(2, await world.Db.Read(tx => tx.Quotas.InUse("p", "gigabytes:t")));
        await world.Retype(volume, await world.Type("elsewhere", "b"));
        await world.RunUntilQuiet();
        await world.Hold("a volume with snapshots stays");
        Assert.Equal("available 1 old of t; available 1 old", await world.Outcome());
        Assert.EndsWith("No valid backend was found.", Assert.Single(await world.Messages()), StringComparison.Ordinal);
        Assert.Contains("a volume with snapshots can't be moved", await world.WhyOf(volume), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_that_can_not_be_made_in_one_pool_is_made_in_another()
    {
        await using var world = await World.New(separate: false);
        var volume = await world.Create();
        world.FailsForGood = "create: make";
        world.FailsOnce = true;
        await world.RunUntilQuiet();
        await world.Hold("made elsewhere");
        Assert.Equal("available 1", await world.Outcome());
        var steps = await world.Db.Read(async tx => (await tx.Operations.Journal((await tx.Operations.List(new())).Single().Id)).ConvertAll(e => $"{e.Step} {e.Event}"));
        Assert.Contains("create given up", steps);
        Assert.Contains("create 2 done", steps);
        Assert.Equal("host@memory#b", (await Row(world, volume)).Host);
        Assert.Empty(await world.Messages());
    }

    [Fact]
    public async Task It_is_tried_in_each_pool_once_and_not_more_often_than_configured()
    {
        await using var world = await World.New(separate: false);
        await world.AddBackend();
        world.FailsForGood = "create: publish";
        var volume = await world.Create();
        await world.RunUntilQuiet();
        await world.Hold("nowhere");
        Assert.Equal("error 1", await world.Outcome());
        Assert.Equal(["create volume from backend storage: The driver could not create: publish."], await world.Messages());
        Assert.Equal("The driver could not create: publish: it always does here", await world.WhyOf(volume));
        Assert.Equal(3, await world.Db.Read(tx => tx.Number($"select count(*) from journal where event = 'given up'")));
    }

    static async Task<Volume> Written(World world)
    {
        var volume = await world.Create();
        await world.RunUntilQuiet();
        world.Shares.Write(volume.Id, "old");
        return volume;
    }

    static Task<Volume> Row(World world, Volume volume) => world.Db.Read(tx => tx.Volumes.Get(volume.Id));
}
