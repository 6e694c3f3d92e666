using Clinker.Drivers;
using Clinker.Managing;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>A repair and other work on the same volume: whoever came first has its files.</summary>
public sealed class ShareChecks
{
    const string NobodysQueue = "nowhere";

    /// <summary>Checks a pool in which a work file was left; what is given comes once the journal has a step.</summary>
    static async Task<(World World, Volume Volume, string Left, string Check)> Cut(string step)
    {
        var world = await World.New(separate: false);
        var volume = await world.Create();
        await world.RunUntroubled();
        var left = $"volume-{volume.Id}.g7";
        world.Shares.Put(world.Shares.Pools[0], left, new(1, "half"));
        var check = await world.CheckShare();
        using var daemon = new Daemon(world, "cut", [World.Queue, Queues.Scheduler]) { Stepping = true };
        do await daemon.Step();
        while (!(await world.Db.Read(tx => tx.Operations.Journal(check))).Exists(e => e.Step == step));
        await daemon.Kill();
        return (world, volume, left, check);
    }

    static async Task<FlawState> End(World world, string check) => Assert.Single(await world.Db.Read(tx => CheckShare.Told(tx, check))).State;

    [Fact]
    public async Task What_comes_between_the_look_and_the_repair_is_left_alone()
    {
        var (world, volume, left, check) = await Cut("look");
        await using var _ = world;
        await world.Db.Commit(tx => tx.Operations.Start("11111111-1111-4111-8111-111111111111", new DeleteVolume(volume.Id), NobodysQueue, null, null));
        await world.RunUntroubled();
        Assert.Equal(FlawState.Busy, await End(world, check));
        Assert.Contains(left, world.Shares.Litter.Select(l => l.File));
    }

    [Fact]
    public async Task What_comes_while_it_is_repaired_waits_and_then_goes_on()
    {
        var (world, volume, left, check) = await Cut("turns");
        await using var _ = world;
        Assert.True(await world.Db.Read(tx => tx.Operations.Held(new("files", volume.Id)))); // for which all who change files look
        var snapshot = await world.Snapshot(volume);
        await world.RunUntroubled();
        Assert.Equal(FlawState.Repaired, await End(world, check));
        Assert.DoesNotContain(left, world.Shares.Litter.Select(l => l.File));
        Assert.Equal("available", (await world.Db.Read(tx => tx.Snapshots.Get(snapshot.Id))).Status);
        Assert.Equal(0, await world.Db.Read(tx => tx.Number($"select count(*) from hold")));
    }
}
