using Clinker.Operations;
using Clinker.Services;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>When a volume is put in order that nobody asked for, and when it is left as it is.</summary>
public sealed class Tidyings
{
    [Fact]
    public async Task The_deepest_comes_first_and_one_at_a_time()
    {
        await using var world = await World.New(separate: false);
        var volumes = new List<Volume>();
        foreach (var files in (int[])[3, 5, 4])
        {
            volumes.Add(await Written(world));
            world.Shares.Untidy[volumes[^1].Id] = new(volumes[^1].Id, files, Flattens: true, Bytes: 0);
        }
        var tidying = world.NewTidying();
        await tidying.Look(default);
        foreach (var expected in (int[])[5, 4, 3])
        {
            Assert.Equal(expected, (await tidying.Next(default))!.Files);
            Assert.Null(await tidying.Next(default)); // that one is under way
            await world.RunUntilQuiet();
        }
        Assert.Null(await tidying.Next(default));
        Assert.Empty(world.Shares.Untidy);
        await world.Hold("put in order");
    }

    [Fact]
    public async Task It_is_looked_for_now_and_then_only()
    {
        await using var world = await World.New(separate: false);
        var tidying = world.NewTidying();
        Assert.Null(await tidying.Next(default));
        var volume = await Written(world);
        world.Shares.Untidy[volume.Id] = new(volume.Id, 3, Flattens: true, Bytes: 0);
        world.Time.Advance(TimeSpan.FromMinutes(5)); // it has looked once, when there was none
        Assert.NotNull(await tidying.Next(default));
        await world.RunUntilQuiet();
        world.Shares.Untidy[volume.Id] = new(volume.Id, 3, Flattens: true, Bytes: 0);
        world.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.Null(await tidying.Next(default));
        world.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.NotNull(await tidying.Next(default));
        await world.RunUntilQuiet();
    }

    [Fact]
    public async Task What_does_not_fit_is_not_begun()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        world.Shares.ReservedPercentage = 20; // of 1000 GiB, all free
        await world.Heartbeat();
        Assert.False(await world.Tidy(volume, bytes: (800L << 30) + 1));
        Assert.True(await world.Tidy(volume, bytes: 800L << 30));
        await world.RunUntilQuiet();
    }

    [Fact]
    public async Task A_volume_that_somebody_has_or_wants_is_left_as_it_is()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        var attachment = await world.Connect(volume);
        Assert.False(await world.Tidy(volume)); // wants
        await world.RunUntilQuiet();
        await world.Complete(attachment);
        Assert.False(await world.Tidy(volume)); // has
        await world.Detach(attachment);
        await world.RunUntilQuiet();
        await world.Create(source: new VolumeSource.OfVolume(volume.Id));
        Assert.False(await world.Tidy(volume)); // reads
        await world.RunUntilQuiet();
        Assert.True(await world.Db.Commit(tx => tx.Services.Freeze(World.Queue, true)));
        Assert.False(await world.Tidy(volume));
        Assert.True(await world.Db.Commit(tx => tx.Services.Freeze(World.Queue, false)));
        await world.Heartbeat();
        Assert.True(await world.Tidy(volume));
        await world.RunUntilQuiet();
    }

    [Fact]
    public async Task One_for_which_it_failed_has_a_days_rest()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        world.FailsForGood = "tidy: copy";
        Assert.True(await world.Tidy(volume));
        await world.RunUntilQuiet();
        Assert.Equal("available 1 old", await world.Outcome());
        Assert.Empty(await world.Messages()); // nobody asked for it
        world.FailsForGood = null;
        Assert.False(await world.Tidy(volume));
        world.Time.Advance(TimeSpan.FromDays(1));
        await world.Heartbeat();
        Assert.True(await world.Tidy(volume));
        await world.RunUntilQuiet();
        await world.Hold("put in order");
    }

    [Fact]
    public async Task One_that_was_cancelled_has_a_days_rest_and_its_volume_is_for_everybody_at_once()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        world.Meanwhile = ("tidy: copy", async () =>
        {
            var id = (await world.Db.Read(tx => tx.Operations.List(new() { Limit = 1 }))).Single().Id;
            await world.Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));
        });
        Assert.True(await world.Tidy(volume));
        await world.RunUntilQuiet(atMost: TimeSpan.Zero);
        Assert.True(world.Shares.Untidy.ContainsKey(volume.Id));
        Assert.False(await world.Tidy(volume));
        Assert.Empty(await world.Messages());
        await world.Snapshot(volume);
        await world.RunUntilQuiet(atMost: TimeSpan.Zero);
        Assert.Equal("available 1 old; available 1 old", await world.Outcome());
        world.Time.Advance(TimeSpan.FromDays(1));
        await world.Heartbeat();
        Assert.True(await world.Tidy(volume));
        await world.RunUntilQuiet();
        Assert.Empty(world.Shares.Untidy);
        await world.Hold("put in order");
    }

    [Fact]
    public async Task It_waits_for_whoever_was_quicker_and_then_does_nothing()
    {
        await using var world = await World.New(separate: false);
        var volume = await Written(world);
        Assert.True(await world.Tidy(volume)); // not begun yet
        await world.Delete(volume);
        await world.RunUntilQuiet();
        Assert.Equal("", await world.Outcome());
        Assert.True(world.Shares.Untidy.ContainsKey(volume.Id));
        await world.Hold("deleted");
    }

    static async Task<Volume> Written(World world)
    {
        var volume = await world.Create();
        await world.RunUntilQuiet();
        world.Shares.Write(volume.Id, "old");
        return volume;
    }
}
