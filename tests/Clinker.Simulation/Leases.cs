using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>How a worker keeps its leases, loses them, and knows it.</summary>
public sealed class Leases
{
    [Fact]
    public async Task A_long_step_is_kept_by_renewals()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a");
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        await using var b = Working.Start(world, "b");

        await KeepsLease(world, volume, 10 * World.Lease);
        var operation = await world.OperationOf(volume);
        Assert.Equal(("a", 1), (operation.Owner, operation.Generation));
        Assert.False(a.Held.Work.Token.IsCancellationRequested);
        a.Held.LetGo();
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        Assert.Equal(1, (await world.OperationOf(volume)).Generation);
        await world.Hold("kept");
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Without_the_database_the_token_ends_by_the_hosts_own_clock_and_another_takes_over(bool deaf)
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a", deaf);
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);

        a.Daemon.DatabaseAway = true;
        world.Time.Advance(World.Lease - TimeSpan.FromSeconds(1));
        Assert.False(a.Held.Work.Token.IsCancellationRequested);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(a.Held.Work.Token.IsCancellationRequested);

        await world.Heartbeat();
        await using var b = Working.Start(world, "b");
        await Patience.Until("the other has made the volume", async () => await world.StatusOf(volume) == "available");
        var before = await world.Dump();

        a.Daemon.DatabaseAway = false;
        a.Held.LetGo();
        await Patience.Until("the late run has ended", () => a.Daemon.Worker.Running == 0);
        Assert.Equal(before, await world.Dump());
        Assert.Equal(2, (await world.OperationOf(volume)).Generation);
        await world.Hold("taken over");
    }

    [Fact]
    public async Task A_step_that_hangs_beyond_its_lease_is_not_renewed_when_the_database_is_back()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a", deaf: true);
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        a.Daemon.DatabaseAway = true;
        world.Time.Advance(World.Lease);
        Assert.True(a.Held.Work.Token.IsCancellationRequested);
        await world.Heartbeat();
        a.Daemon.DatabaseAway = false;

        // The same worker takes it anew, while its own late run still hangs in the driver.
        await world.TurnClockUntil("it was taken anew", async () => await world.StatusOf(volume) == "available", 2 * World.Lease);
        Assert.Equal(1, a.Daemon.Worker.Running);
        var before = await world.Dump();
        a.Held.LetGo();
        await Patience.Until("the late run has ended", () => a.Daemon.Worker.Running == 0);
        Assert.Equal(before, await world.Dump());
        await world.Hold("hung");
    }

    /// <summary>Its clock has gone faster than the database's: only that lets it look again before the lease is over there too.</summary>
    [Fact]
    public async Task A_lease_that_is_over_by_the_hosts_clock_is_left_to_run_out()
    {
        await using var world = await World.NewThreaded();
        var clock = World.NewClock();
        await using var a = Working.StartHeld(world, "a", deaf: true, clock: clock);
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        a.Daemon.DatabaseAway = true;
        clock.Advance(World.Lease);
        Assert.True(a.Held.Work.Token.IsCancellationRequested);
        a.Daemon.DatabaseAway = false;
        var renewals = 0;
        a.Daemon.Answer = name =>
        {
            if (name == "Renew") Interlocked.Increment(ref renewals);
            return Task.CompletedTask;
        };
        for (var second = 0; second < 60; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < 5; i++) await world.NextDue(); // its threads have a moment
            await Task.Delay(1);
        }
        Assert.Equal(0, renewals);

        world.Time.Advance(World.Lease);
        await world.Heartbeat();
        await using var b = Working.Start(world, "b");
        await Patience.Until("another has made the volume", async () => await world.StatusOf(volume) == "available");
        a.Held.LetGo();
        await Patience.Until("the late run has ended", () => a.Daemon.Worker.Running == 0);
        await world.Hold("left to run out");
    }

    [Fact]
    public async Task The_end_of_a_late_run_leaves_the_new_run_of_the_same_worker_its_renewals()
    {
        await using var world = await World.NewThreaded();
        HeldDriver? first = null, second = null;
        using var daemon = new Daemon(world, "a", [Queues.Scheduler, World.Queue],
            wrap: driver => first = new HeldDriver(second = new HeldDriver(driver), deaf: true));
        using var stop = new CancellationTokenSource();
        var working = Background.Start(() => daemon.Worker.Work(Working.Grace, stop.Token));
        var volume = await world.Create();
        await first!.Begun.WaitAsync(Patience.Limit);
        daemon.DatabaseAway = true;
        world.Time.Advance(World.Lease);
        await world.Heartbeat();
        daemon.DatabaseAway = false;
        await world.TurnClockUntil("it is taken anew", () => Task.FromResult(second!.Begun.IsCompleted), 2 * World.Lease);

        first.LetGo(); // too late: its token has ended
        await Patience.Until("the late run has ended", () => daemon.Worker.Running == 1);
        await KeepsLease(world, volume, 2 * World.Lease);
        Assert.False(second!.Work.Token.IsCancellationRequested);

        // Told to stop, it waits for the new run.
        await stop.CancelAsync();
        Assert.False(working.IsCompleted);
        second.LetGo();
        await working.WaitAsync(Patience.Limit);
        Assert.Equal("queued", (await world.OperationOf(volume)).Status);
    }

    [Fact]
    public async Task A_lease_runs_from_when_it_was_asked_for_however_late_the_answer_comes()
    {
        await using var world = await World.New(separate: true);
        var volume = await world.Create();
        await world.RunOnly(Queues.Scheduler);
        HeldDriver? held = null;
        using var slow = new Daemon(world, "slow", [World.Queue], wrap: driver => held = new HeldDriver(driver));
        slow.Answer = _ =>
        {
            slow.Answer = null;
            world.Time.Advance(TimeSpan.FromSeconds(20)); // so long takes the database to say that the lease is its
            return Task.CompletedTask;
        };
        var run = slow.RunDue();
        await held!.Begun;
        Assert.Equal(world.Now + TimeSpan.FromSeconds(10), (await world.OperationOf(volume)).LeaseUntil);

        world.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(held.Work.Token.IsCancellationRequested);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(held.Work.Token.IsCancellationRequested);
        await run;
        await world.Heartbeat();
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
    }

    /// <summary>Turns the clock by this time, and sees that the lease is renewed all along and stays with the same run.</summary>
    static async Task KeepsLease(World world, Volume volume, TimeSpan time)
    {
        var generation = (await world.OperationOf(volume)).Generation;
        for (var until = world.Now + time; world.Now < until;)
        {
            world.Time.Advance(TimeSpan.FromSeconds(1));
            // Renewed a third of the lease after the last time, so two thirds of it are always left.
            await Patience.Until("the lease is renewed", async () =>
                (await world.OperationOf(volume)).LeaseUntil >= world.Now + 2 * World.Lease / 3 - TimeSpan.FromSeconds(2));
        }
        Assert.Equal(generation, (await world.OperationOf(volume)).Generation);
    }
}
