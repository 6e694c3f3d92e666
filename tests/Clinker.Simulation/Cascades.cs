using Xunit;

namespace Clinker.Simulation;

/// <summary>What goes with something else.</summary>
public sealed class Cascades
{
    [Fact]
    public async Task Of_a_volume_that_goes_with_its_snapshots_nothing_is_put_together()
    {
        await using var world = await World.NewThreaded();
        await using var working = Working.StartHeld(world, "a");
        working.Held!.LetGo();
        var volume = await world.Create();
        await Patience.Until("the volume is there", async () => await world.StatusOf(volume) == "available");
        foreach (var before in (int[])[0, 1])
        {
            await world.Snapshot(volume);
            await Patience.Until("the snapshot is there", async () =>
                (await world.Db.Read(tx => tx.Snapshots.Of(volume.Id))).Count(s => s.Status == "available") == before + 1);
        }
        await world.DeleteWithSnapshots(volume);
        await Patience.Until("all is gone", async () => await world.Db.Read(tx => tx.Volumes.Find(volume.Id)) is null);
        Assert.Equal([false, false], working.Held.Quiet);
    }
}
