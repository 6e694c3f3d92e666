using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>A daemon that is told to stop: nothing ends in error for that, and nothing is done twice.</summary>
public sealed class Stopping
{
    [Fact]
    public async Task An_idle_worker_stops_at_once()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.Start(world, "a");
        var volume = await world.Create();
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        a.Stop();
        await a.Ended.WaitAsync(Patience.Limit); // the clock stands: whatever waits for it would wait for ever
    }

    [Fact]
    public async Task A_running_step_is_waited_for_and_journaled_and_not_repeated()
    {
        await using var world = await World.NewThreaded();
        var volume = await world.Create();
        await FailFor(world, volume, times: 3);
        var a = Working.StartHeld(world, "a");
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        a.Stop();
        world.Time.Advance(Working.Grace - TimeSpan.FromSeconds(1));
        Assert.False(a.Held.Work.Token.IsCancellationRequested);
        Assert.False(a.Ended.IsCompleted);
        a.Held.LetGo();
        await a.Ended.WaitAsync(Patience.Limit);

        var operation = await world.OperationOf(volume);
        Assert.Equal(("queued", null, 0), (operation.Status, operation.Owner, operation.Attempts)); // a step is progress
        Assert.True(operation.RunAfter <= world.Now);
        Assert.Contains(await Journal(world, operation), e => e is { Step: "create", Event: "done" });

        await using var b = Working.StartHeld(world, "b");
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        Assert.Equal(0, b.Held!.Creates);
        await Nothing_was_wrong(world);
    }

    /// <summary>A tool that is killed says that it failed; that is no failure of the operation.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task After_the_grace_the_step_is_cancelled_and_the_operation_put_back_as_it_was(bool saysThatItFailed)
    {
        await using var world = await World.NewThreaded();
        var volume = await world.Create();
        await FailFor(world, volume, times: 3);
        var before = await world.OperationOf(volume);
        await using var a = Working.StartHeld(world, "a",
            whenCancelled: saysThatItFailed ? new Fault.DriverFailed("create", "qemu-img was killed by signal 9").Thrown() : null);
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        a.Stop();
        await world.TurnClockUntil("it has stopped", () => Task.FromResult(a.Ended.IsCompleted), Working.Grace + TimeSpan.FromSeconds(4));
        Assert.True(a.Held.Work.Token.IsCancellationRequested);

        var operation = await world.OperationOf(volume);
        Assert.Equal((before.Status, before.Attempts, null), (operation.Status, operation.Attempts, operation.Owner));
        Assert.Equal(3, operation.Attempts);
        Assert.Equal("creating", await world.StatusOf(volume));

        await using var b = Working.Start(world, "b");
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        await Nothing_was_wrong(world);
    }

    [Fact]
    public async Task A_step_that_hangs_does_not_keep_the_process()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a", deaf: true);
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        a.Stop();
        await world.TurnClockUntil("it has stopped", () => Task.FromResult(a.Ended.IsCompleted), Working.Grace + TimeSpan.FromSeconds(10));
        Assert.Equal("creating", await world.StatusOf(volume));

        world.Time.Advance(World.Lease);
        await world.Heartbeat();
        await using var b = Working.Start(world, "b");
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        await Nothing_was_wrong(world);
    }

    [Fact]
    public async Task Undoing_goes_on_as_undoing()
    {
        await using var world = await World.New(separate: false);
        world.FailsForGood = "create: publish";
        var volume = await world.Create();
        using var a = new Daemon(world, "a", [Queues.Scheduler, World.Queue]) { Stepping = true };
        do await a.Step();
        while ((await world.OperationOf(volume)).Status != "unwinding");
        a.Stop();
        a.Stepping = false;
        while (a.IsHeld) await a.Step();

        var operation = await world.OperationOf(volume);
        Assert.Equal(("unwinding", null), (operation.Status, operation.Owner));
        await world.RunUntilQuiet();
        Assert.Equal("error", await world.StatusOf(volume));
        await world.Hold("stopped while undoing");
    }

    /// <summary>At every point of create and delete: told to stop there, it puts back or ends, and another goes on.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task Stopped_at_any_point_nothing_is_lost_or_done_twice(bool delete)
    {
        for (var at = 0; ; at++)
        {
            await using var world = await World.New(separate: false);
            var volume = await world.Create();
            if (delete)
            {
                await world.RunUntroubled();
                await world.Delete(volume);
            }
            using var a = new Daemon(world, "a", [Queues.Scheduler, World.Queue]) { HoldAt = at };
            await a.Step();
            if (!a.IsHeld) return;
            a.Stop();
            await a.Step();
            Assert.True(a.IsIdle);
            if (await world.StatusOf(volume) is "creating" or "deleting")
            {
                // Put back, unless it was told before it had claimed anything: then it is as it was.
                var operation = await world.OperationOf(volume);
                Assert.True((operation.Status, operation.Owner, operation.Attempts) is ("queued", null, 0), $"at {at}: {operation}");
            }
            await world.RunUntilQuiet(atMost: TimeSpan.Zero); // no lease has to run out first
            Assert.Equal(delete ? null : "available", await world.StatusOf(volume));
            Assert.Empty(await world.Messages());
            await world.Hold($"stopped at {at}");
        }
    }

    static async Task Nothing_was_wrong(World world)
    {
        Assert.Empty(await world.Messages());
        await world.Hold("stopped");
    }

    /// <summary>Places it, and lets its create fail so often for now.</summary>
    static async Task FailFor(World world, Volume volume, int times)
    {
        await world.RunOnly(Queues.Scheduler);
        world.Break();
        for (var i = 0; i < times; i++)
        {
            await world.RunOnly(World.Queue);
            world.Time.Advance((await world.OperationOf(volume)).RunAfter - world.Now);
        }
        world.Mend();
        Assert.Equal(times, (await world.OperationOf(volume)).Attempts);
    }

    static Task<List<JournalEntry>> Journal(World world, OperationRow operation) =>
        world.Db.Read(tx => tx.Operations.Journal(operation.Id));
}
