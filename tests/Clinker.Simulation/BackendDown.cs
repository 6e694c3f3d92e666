using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>A backend that is away: for a while, for ever, from before or in the middle of something.</summary>
public sealed class BackendDown(ITestOutputHelper output)
{
    /// <summary>A try passes about ten points; what follows repeats it.</summary>
    const int MostPointsAfter = 25;

    [Fact]
    public async Task Tries_follow_each_other_at_growing_and_bounded_distances_until_it_is_back()
    {
        await using var world = await World.New(separate: true);
        var volume = await world.Create();
        await world.RunOnly(Queues.Scheduler);
        world.Break();

        var waits = new List<double>();
        for (var i = 0; i < 12; i++)
        {
            await world.RunOnly(World.Queue);
            var operation = await world.OperationOf(volume);
            Assert.Equal(("queued", i + 1), (operation.Status, operation.Attempts));
            Assert.Contains("backend-down", operation.Fault); // visible while it waits
            waits.Add((operation.RunAfter - world.Now).TotalSeconds);
            await world.RunOnly(World.Queue); // not before it is due
            Assert.Equal(i + 1, (await world.OperationOf(volume)).Attempts);
            world.Time.Advance(operation.RunAfter - world.Now);
        }
        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30], waits);

        world.Mend();
        await world.RunOnly(World.Queue);
        Assert.Equal("available", await world.StatusOf(volume));
        Assert.Empty(await world.Messages());
        await world.Hold("passed");
    }

    [Fact]
    public async Task Down_before_it_is_placed_a_create_waits_and_then_says_why()
    {
        await using var world = await World.New(separate: false);
        world.Break("brick 2 is away");
        await world.Heartbeat();
        var volume = await world.Create();
        await world.RunUntilQuiet();
        Assert.Equal("error", await world.StatusOf(volume));
        Assert.EndsWith("The backend is down.", Assert.Single(await world.Messages()));
        Assert.Contains("brick 2 is away", await world.WhyOf(volume));
        await world.Hold("never placed");
    }

    /// <summary>It did not get as far as the storage, in any try: nothing is to be undone there.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task Down_for_ever_a_create_that_did_nothing_ends_in_error_without_the_backend(bool stoppedMeanwhile)
    {
        await using var world = await World.New(separate: true);
        var volume = await world.Create(sizeGb: 7);
        await world.RunOnly(Queues.Scheduler);
        world.Break("brick 2 is away");
        if (stoppedMeanwhile)
            for (var i = 0; i < 5; i++)
            {
                using var daemon = new Daemon(world, $"d{i}", [World.Queue]) { HoldAt = 3 }; // it has read the volume; its step comes next
                await daemon.Step();
                daemon.Stop();
                await daemon.Step();
                Assert.Equal(("queued", null), ((await world.OperationOf(volume)).Status, (await world.OperationOf(volume)).Owner));
                await world.RunOnly(World.Queue);
                world.Time.Advance((await world.OperationOf(volume)).RunAfter - world.Now);
            }
        var began = world.Now;
        await world.RunUntilQuiet();

        Assert.InRange(world.Now - began, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(4));
        Assert.Equal("error", await world.StatusOf(volume));
        Assert.Equal("failed", (await world.OperationOf(volume)).Status);
        Assert.EndsWith("The backend is down.", Assert.Single(await world.Messages()));
        Assert.Contains("is down: brick 2 is away", await world.WhyOf(volume));
        await world.Hold("did nothing"); // its room is free again, though the backend is still away
    }

    [Fact]
    public async Task Down_in_the_middle_of_a_create_its_undo_waits_for_the_backend_and_goes_on_by_itself()
    {
        await using var world = await World.New(separate: false);
        var volume = await HalfMade(world);
        world.Break("brick 2 is away");
        await world.RunUntilQuiet(atMost: TimeSpan.FromMinutes(30));
        Assert.Equal("unwinding", (await world.OperationOf(volume)).Status); // patient: nobody could do more than wait
        world.Mend();
        await world.RunUntilQuiet();
        Assert.Equal("error", await world.StatusOf(volume));
        Assert.EndsWith("The backend is down.", Assert.Single(await world.Messages()));
        Assert.Contains("brick 2 is away", await world.WhyOf(volume));
        await world.Hold("undone late");
    }

    [Fact]
    public async Task After_an_hour_the_undo_is_stuck_and_goes_on_when_the_backend_reports_that_it_serves()
    {
        await using var world = await World.New(separate: false);
        var volume = await HalfMade(world);
        world.Break("brick 2 is away");
        var began = world.Now;
        await world.RunUntilQuiet();

        Assert.InRange(world.Now - began, TimeSpan.FromMinutes(55), TimeSpan.FromMinutes(75));
        var operation = await world.OperationOf(volume);
        Assert.Equal("stuck", operation.Status);
        Assert.Contains("brick 2 is away", operation.Fault);
        Assert.Equal("creating", await world.StatusOf(volume));
        await world.HoldCounts("stuck"); // its room and quota are still taken

        // Still away: whatever reports, nothing is tried.
        world.Time.Advance(TimeSpan.FromHours(5));
        await world.Heartbeat();
        Assert.Equal("stuck", (await world.OperationOf(volume)).Status);

        world.Mend();
        await world.Heartbeat();
        Assert.Equal("unwinding", (await world.OperationOf(volume)).Status);
        await world.RunUntilQuiet();
        Assert.Equal("error", await world.StatusOf(volume));
        await world.Hold("resumed by itself");
    }

    [Fact]
    public async Task While_one_pool_serves_what_is_stuck_on_another_is_tried_once_a_minute_and_stays_visible()
    {
        await using var world = await World.New(separate: false);
        var volume = await HalfMade(world);
        world.Break();
        await world.RunUntilQuiet();
        var pool = (await world.Db.Read(tx => tx.Volumes.Get(volume.Id))).Pool!;
        foreach (var other in world.Shares.Pools.Where(p => p != pool)) world.Shares.Down.Remove(other, out _);

        await world.Heartbeat();
        Assert.Equal("stuck", (await world.OperationOf(volume)).Status); // it has just been tried
        for (var minute = 0; minute < 5; minute++)
        {
            world.Time.Advance(TimeSpan.FromMinutes(1));
            await world.Heartbeat();
            Assert.Equal("unwinding", (await world.OperationOf(volume)).Status);
            await world.RunOnly(World.Queue);
            Assert.Equal("stuck", (await world.OperationOf(volume)).Status);
            await world.Heartbeat();
            Assert.Equal("stuck", (await world.OperationOf(volume)).Status);
        }
        world.Mend();
        world.Time.Advance(TimeSpan.FromMinutes(1));
        await world.Heartbeat();
        await world.RunUntilQuiet();
        await world.Hold("one pool of two");
    }

    [Fact]
    public async Task What_is_stuck_goes_on_a_few_at_a_time()
    {
        await using var world = await World.New(separate: false);
        await HalfMade(world, 25);
        world.Break();
        await world.RunUntilQuiet();
        Assert.Equal(25, await Stuck(world));

        world.Mend();
        world.Time.Advance(TimeSpan.FromMinutes(1));
        foreach (var left in new[] { 15, 5, 0 })
        {
            await world.Heartbeat();
            Assert.Equal(left, await Stuck(world));
        }
        await world.RunUntilQuiet();
        await world.Hold("many");
    }

    [Fact]
    public async Task A_delete_says_that_it_could_not_and_can_be_asked_for_again()
    {
        await using var world = await World.New(separate: false);
        var volume = await world.Create();
        await world.RunUntilQuiet();
        world.Break("brick 2 is away");
        await world.Delete(volume);
        await world.RunUntilQuiet();
        Assert.Equal("error_deleting", await world.StatusOf(volume));
        Assert.EndsWith("The backend is down.", Assert.Single(await world.Messages()));
        Assert.Contains("brick 2 is away", await world.WhyOf(volume));
        await world.Hold("could not delete");

        world.Mend();
        await world.Delete(volume, force: true);
        await world.RunUntilQuiet();
        Assert.Null(await world.StatusOf(volume));
        await world.Hold("deleted at last");
    }

    /// <summary>
    /// The backend goes away at each point, and the daemon is cut, or its step fails or is put back, at each point after or
    /// before that: whether there was something to undo is never guessed wrong.
    /// </summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task Away_for_good_from_any_point_with_any_trouble_leaves_nothing_over_once_it_is_back(bool separate)
    {
        var (runs, waiting, undone) = (0, 0, 0);
        foreach (var trouble in new[] { Trouble.Cut, Trouble.Away, Trouble.Failure })
            for (var down = 0; ; down++)
            {
                var reached = false;
                for (var at = down / 2 % 2; at < down + MostPointsAfter; at += 2)
                {
                    if (at == down) continue;
                    var what = $"down at {down}, {trouble} at {at}";
                    await using var world = await World.New(separate, (down, Trouble.Down), (at, trouble));
                    var volume = await world.Create();
                    await world.RunUntilQuiet(atMost: TimeSpan.FromMinutes(5)); // tries are over, undos go on
                    if (world.Shares.Down.IsEmpty) break;
                    reached = true;
                    if (await world.NextDue() is not null) waiting++;
                    else if (await world.StatusOf(volume) is "error") undone++;
                    world.Mend();
                    await world.RunUntilQuiet();
                    Assert.True(await world.StatusOf(volume) is "available" or "error", what);
                    await world.Hold(what);
                    runs++;
                }
                if (!reached) break;
            }
        Assert.True(runs > 250 && waiting > 20 && undone > 20, $"{runs} runs, in {waiting} undos wait, {undone} were undone meanwhile");
        output.WriteLine($"{runs} runs, in {waiting} undos wait, {undone} were undone meanwhile");
    }

    /// <summary>
    /// Away, then there for one try that ends somewhere, then away for good: that the first and the last tries did nothing says
    /// nothing of the one between.
    /// </summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task A_try_between_two_outages_is_not_forgotten(bool stopped)
    {
        for (var at = 0; ; at++)
        {
            await using var world = await World.New(separate: true);
            var volume = await world.Create();
            await world.RunOnly(Queues.Scheduler);
            world.Break();
            await world.RunOnly(World.Queue);
            world.Mend();
            world.Time.Advance((await world.OperationOf(volume)).RunAfter - world.Now);
            using (var between = new Daemon(world, "between", [World.Queue]) { HoldAt = at })
            {
                await between.Step();
                if (!between.IsHeld)
                {
                    Assert.True(at > 10, $"only {at} points");
                    return;
                }
                if (stopped) between.Stop();
                else between.Dead = true;
                await between.Step();
            }
            world.Break();
            world.Time.Advance(World.Lease);
            await world.Heartbeat();
            await world.RunUntilQuiet(atMost: TimeSpan.FromMinutes(5));
            world.Mend();
            await world.RunUntilQuiet();
            await world.Hold($"between, at {at}");
        }
    }

    static Task<long> Stuck(World world) => world.Db.Read(async tx =>
        (await tx.Operations.Counts()).Find(c => c.Status == "stuck").Count);

    static async Task<Volume> HalfMade(World world) => (await HalfMade(world, 1))[0];

    /// <summary>Volumes whose creates were cut while they made the file: what is there now, nobody knows.</summary>
    static async Task<List<Volume>> HalfMade(World world, int count)
    {
        var volumes = new List<Volume>();
        for (var i = 0; i < count; i++) volumes.Add(await world.Create());
        await world.RunOnly(Queues.Scheduler);
        for (var i = 0; i < count; i++)
        {
            using var cut = new Daemon(world, $"cut{i}", [World.Queue]) { Stepping = true };
            do await cut.Step();
            while (world.Shares.Litter.Count() == i);
            await cut.Kill();
        }
        world.Time.Advance(World.Lease);
        await world.Heartbeat();
        return volumes;
    }
}
