using Xunit;

namespace Clinker.Simulation;

/// <summary>What is under work for a group is not litter: the operation is the group's, the files are its volumes'.</summary>
public sealed class GroupWork
{
    [Fact]
    public async Task A_sweep_leaves_what_is_under_work_for_a_group()
    {
        await using var world = await World.New(separate: false);
        var group = await world.Group();
        var volume = await world.Create(group);
        await world.RunUntroubled();
        await world.Snapshot(group);
        var snapshot = await world.Db.Read(tx => tx.Snapshots.Of(volume.Id));
        world.Shares.LeaveHalfTaken("a", snapshot.Single().Id, 1);
        await world.Sweep();
        Assert.Single(world.Shares.Litter);
        await world.RunUntilQuiet();
        await world.Hold("after it");
    }
}
