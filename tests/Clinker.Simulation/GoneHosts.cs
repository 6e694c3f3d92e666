using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>Hosts that stop for good, and those that only seemed to.</summary>
public sealed class GoneHosts(ITestOutputHelper output)
{
    static readonly TimeSpan HouseKeeping = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task What_a_host_never_took_is_undone_and_only_admins_are_told_which()
    {
        await using var world = await World.New(separate: true);
        var volume = await Handed(world);
        await KeepHouse(world, TimeSpan.FromSeconds(59));
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));

        await KeepHouse(world, TimeSpan.FromSeconds(90));
        Assert.Equal((Queues.Scheduler, "unwinding"), await QueueAndStatus(world, volume));
        await world.RunOnly(Queues.Scheduler);
        Assert.Equal("error", await world.StatusOf(volume));
        Assert.Contains($"Host {World.Queue} is down", await world.WhyOf(volume));
        Assert.DoesNotContain(World.Queue, Assert.Single(await world.Messages()));
        await world.Hold("taken back");

        // It was never made, so it can be deleted though its host is away.
        await world.Delete(volume);
        Assert.Null(await world.StatusOf(volume));
        await world.Hold("and deleted");
    }

    [Fact]
    public async Task What_a_host_had_begun_waits_for_it()
    {
        await using var world = await World.New(separate: true);
        var volume = await Handed(world);
        using (var cut = new Daemon(world, "cut", [World.Queue]) { Stepping = true })
        {
            do await cut.Step();
            while (!world.Shares.Litter.Any());
            await cut.Kill();
        }
        await KeepHouse(world, TimeSpan.FromDays(1));
        await world.RunOnly(Queues.Scheduler);
        Assert.Equal((World.Queue, "running"), await QueueAndStatus(world, volume));
        Assert.Equal("creating", await world.StatusOf(volume));

        world.HostIsGone = false; // whichever machine comes up under that name
        await world.Heartbeat();
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
        Assert.Empty(await world.Messages());
        await world.Hold("come back");
    }

    [Fact]
    public async Task What_was_put_back_by_a_host_that_stopped_waits_for_it_too()
    {
        await using var world = await World.New(separate: true);
        var volume = await Handed(world);
        world.Break();
        await world.RunOnly(World.Queue); // taken, and put back for later
        world.Mend();
        await KeepHouse(world, TimeSpan.FromDays(1));
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));
        world.HostIsGone = false;
        await world.Heartbeat();
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
        await world.Hold("put back");
    }

    [Fact]
    public async Task Deletes_wait_for_their_host()
    {
        await using var world = await World.New(separate: true);
        var volume = await world.Create();
        await world.RunUntilQuiet();
        world.HostIsGone = true;
        world.KillAll();
        await world.Delete(volume);
        await KeepHouse(world, TimeSpan.FromDays(1));
        await world.RunOnly(Queues.Scheduler);
        Assert.Equal("deleting", await world.StatusOf(volume));
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));

        world.HostIsGone = false;
        await world.Heartbeat();
        await world.RunUntilQuiet();
        Assert.Null(await world.StatusOf(volume));
        await world.Hold("deleted late");
    }

    [Fact]
    public async Task A_scheduler_that_has_just_come_calls_no_host_dead()
    {
        await using var world = await World.New(separate: true);
        var volume = await Handed(world);
        world.Time.Advance(TimeSpan.FromHours(10)); // a night with all off; the scheduler is up first
        var fresh = world.NewNode();
        await fresh.KeepHouse();
        world.Time.Advance(HouseKeeping);
        await fresh.KeepHouse();
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));

        world.HostIsGone = false;
        await KeepHouse(world, TimeSpan.FromMinutes(10), fresh);
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
        await world.Hold("all were off");
    }

    [Fact]
    public async Task After_the_database_was_away_the_hosts_have_time_to_beat()
    {
        await using var world = await World.New(separate: true);
        await KeepHouse(world, TimeSpan.FromMinutes(5));
        var volume = await Handed(world);
        world.Time.Advance(TimeSpan.FromMinutes(10)); // no beat, no look
        await world.Node.KeepHouse();
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));
        await KeepHouse(world, TimeSpan.FromMinutes(2)); // but when it still does not come
        Assert.Equal((Queues.Scheduler, "unwinding"), await QueueAndStatus(world, volume));
    }

    /// <summary>The host comes back at one point of the housekeeping, or the housekeeping happens at one point of the host's.</summary>
    [Fact]
    public async Task A_host_that_comes_back_meanwhile_takes_it_or_finds_it_taken_back()
    {
        var (runs, made, undone) = (0, 0, 0);
        foreach (var beats in new[] { false, true })
            for (var at = 0; ; at++)
            {
                await using var world = await World.New(separate: true);
                var volume = await Handed(world);
                await KeepHouse(world, TimeSpan.FromSeconds(59));
                world.Time.Advance(TimeSpan.FromSeconds(31)); // the next look takes back
                using var host = new Daemon(world, "back", [World.Queue]) { HoldAt = at };
                await host.Step();
                if (!host.IsHeld) break;
                world.HostIsGone = !beats;
                await world.Heartbeat();
                await world.Node.KeepHouse();
                await host.Step();
                await world.RunOnly(Queues.Scheduler);
                world.HostIsGone = false;
                await world.Heartbeat();
                await world.RunUntilQuiet();
                var status = await world.StatusOf(volume);
                if (status == "available") made++;
                else if (status == "error") undone++;
                Assert.Equal(beats || at > 0 ? "available" : "error", status);
                await world.Hold($"back at {at}{(beats ? ", and beats" : "")}");
                runs++;
            }
        Assert.True(runs > 20 && made > 10 && undone > 0, $"{runs} runs, {made} made, {undone} undone");
        output.WriteLine($"{runs} runs, {made} made, {undone} undone");
    }

    /// <summary>The scheduler that undoes what it took back is cut at each point, while the host is back and works.</summary>
    [Theory, InlineData(Trouble.Cut), InlineData(Trouble.Away), InlineData(Trouble.Failure)]
    public async Task Undoing_what_was_taken_back_survives_trouble_while_the_host_is_back(Trouble trouble)
    {
        var runs = 0;
        for (var at = 0; ; at++)
        {
            await using var world = await World.New(separate: true, (at, trouble));
            var volume = await Handed(world);
            await KeepHouse(world, TimeSpan.FromSeconds(120));
            Assert.Equal((Queues.Scheduler, "unwinding"), await QueueAndStatus(world, volume));
            world.HostIsGone = false;
            await world.Heartbeat();
            await world.RunUntilQuiet();
            Assert.Equal("error", await world.StatusOf(volume));
            await world.Hold($"{trouble} at {at}");
            if (!world.HadAllTroubles) break;
            runs++;
        }
        Assert.True(runs > 10, $"only {runs} runs");
    }

    /// <summary>A volume whose create was handed to a host that stopped just then.</summary>
    static async Task<Volume> Handed(World world)
    {
        var volume = await world.Create();
        await world.RunOnly(Queues.Scheduler);
        Assert.Equal((World.Queue, "queued"), await QueueAndStatus(world, volume));
        world.HostIsGone = true;
        return volume;
    }

    /// <summary>A scheduler looks after the house every half minute for so long.</summary>
    static async Task KeepHouse(World world, TimeSpan time, Services.Node? node = null)
    {
        var until = world.Now + time;
        while (true)
        {
            await world.Heartbeat();
            await (node ?? world.Node).KeepHouse();
            if (world.Now >= until) return;
            world.Time.Advance(until - world.Now < HouseKeeping ? until - world.Now : HouseKeeping);
        }
    }

    static async Task<(string, string)> QueueAndStatus(World world, Volume volume)
    {
        var operation = await world.OperationOf(volume);
        return (operation.Queue, operation.Status);
    }
}
