using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// One daemon copies a volume, which takes time here, and is held at each of its points. Meanwhile a host asks for the volume, and
/// another daemon does what it can of that: the invariants say whether the host had the volume while it was copied.
/// </summary>
public sealed class Interleaving(ITestOutputHelper output)
{
    static readonly string[] Roles = [Queues.Scheduler, World.Queue];

    [Theory, InlineData("snapshot"), InlineData("clone"), InlineData("revert"), InlineData("extend")]
    public async Task A_host_that_comes_meanwhile_waits_and_goes_on_at_once(string verb)
    {
        var runs = 0;
        for (var at = 0; await Tell(verb, at); at++) runs++;
        Assert.True(runs > 5, $"only {runs} runs");
        output.WriteLine($"{verb}: {runs} runs");
    }

    /// <summary>Plays it; false when the point lies beyond the end.</summary>
    static async Task<bool> Tell(string verb, int at)
    {
        await using var world = await World.New(separate: false);
        var what = $"{verb}, held at {at}";
        world.Shares.SnapshotsAttached = false;
        var volume = await world.Create();
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, "old");
        Snapshot? snapshot = null;
        if (verb == "revert")
        {
            snapshot = await world.Snapshot(volume);
            await world.RunUntroubled();
        }
        await (verb switch
        {
            "snapshot" => world.Snapshot(volume),
            "clone" => world.Create(source: new VolumeSource.OfVolume(volume.Id)),
            "revert" => world.Revert(volume, snapshot!),
            _ => world.Extend(volume, 3),
        });
        using var first = new Daemon(world, "first", Roles) { HoldAt = at };
        await first.Step();
        if (!first.IsHeld) return false;

        // Nobody may reserve what is being reverted or extended; a host that asks without is not refused.
        if (verb is "snapshot" or "clone") await world.Connect(volume);
        else await world.ConnectUnreserved(volume);
        using var second = new Daemon(world, "second", Roles);
        for (var passed = TimeSpan.Zero; passed < World.Lease / 2; passed += TimeSpan.FromSeconds(1))
        {
            await second.RunDue();
            world.Time.Advance(TimeSpan.FromSeconds(1));
        }
        var over = world.Now;
        while (first.IsHeld) await first.Step();
        await world.RunUntilQuiet();
        Assert.True(world.Now - over < TimeSpan.FromSeconds(1), $"{what}: who waited was not told that he may go on");
        if (verb is "snapshot" or "clone")
        {
            Assert.Equal("attaching", await world.StatusOf(volume));
            await world.Hold(what);
        }
        else world.HoldContents(what);
        Assert.NotEmpty(world.Shares.Exports);
        return true;
    }

    /// <summary>A volume that is to stand on a snapshot's file gets a name of that at its end, and what is flattened stands on nothing any more.</summary>
    [Fact]
    public async Task Nothing_is_flattened_while_a_volume_is_made_of_its_snapshot()
    {
        var (waited, isHeld) = (0, true);
        for (var at = 0; isHeld; at++)
        {
            await using var world = await World.New(separate: false);
            var volume = await world.Create();
            await world.RunUntroubled();
            world.Shares.Write(volume.Id, "old");
            var snapshot = await world.Snapshot(volume);
            await world.RunUntroubled();
            var made = await world.Create(source: new VolumeSource.OfSnapshot(snapshot.Id));
            using var first = new Daemon(world, "first", Roles) { HoldAt = at };
            await first.Step();
            if (!(isHeld = first.IsHeld)) break;
            await world.Flatten(volume);
            using var second = new Daemon(world, "second", Roles);
            for (var passed = TimeSpan.Zero; passed < World.Lease / 2; passed += TimeSpan.FromSeconds(1))
            {
                await second.RunDue();
                world.Time.Advance(TimeSpan.FromSeconds(1));
            }
            var passedBoth = await world.Db.Read(tx => tx.Number($"""
                select count(*) from operation f join operation c on c.about_id = {made.Id} and c.status <> 'done'
                  join journal j on j.operation = c.id and j.step = 'files' and j.event = 'done'
                where f.kind = 'FlattenVolume' and exists (select 1 from journal where operation = f.id and step = 'files' and event = 'done')
                """));
            Assert.True(passedBoth == 0, $"held at {at}: flattened while a volume was made");
            if ((await world.Ended()).Contains("FlattenVolume queued", StringComparison.Ordinal)) waited++;
            while (first.IsHeld) await first.Step();
            await world.RunUntilQuiet();
            Assert.Equal(("available", "available"), (await world.StatusOf(made), await world.StatusOf(volume)));
            world.HoldContents($"held at {at}");
        }
        Assert.InRange(waited, 2, int.MaxValue);
    }
}
