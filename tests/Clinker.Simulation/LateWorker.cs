using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// A daemon stands still at each point that it passes, for longer than its lease. Another one takes over and brings all to an
/// end. Then the first goes on as if nothing had happened. Its own clock may have stood still with it: then nothing on its host
/// tells it that it is late.
/// </summary>
public abstract class LateWorker(LateWorker.Story story, ITestOutputHelper output)
{
    public enum Story { Create, Delete }

    /// <summary>How the one who takes over ends it.</summary>
    public enum Ending { Success, Failure, Gone }

    static readonly string[][] Roles = [[Queues.Scheduler, World.Queue], [Queues.Scheduler], [World.Queue]];

    public static TheoryData<Ending, bool> Endings() =>
        new(from ending in Enum.GetValues<Ending>() from clockStands in new[] { false, true } select (ending, clockStands));

    [Theory, MemberData(nameof(Endings))]
    public async Task Who_wakes_after_all_is_over_changes_nothing(Ending ending, bool clockStands)
    {
        var runs = 0;
        foreach (var roles in Roles)
            for (var at = 0; await Tell(new(ending, clockStands, roles, at)); at++) runs++;
        Assert.True(runs > 25, $"only {runs} runs");
        output.WriteLine($"{story}, {ending}, {(clockStands ? "its clock stands" : "its clock goes")}: {runs} runs");
    }

    [Theory, MemberData(nameof(Endings))]
    public async Task Trouble_for_who_takes_over_leaves_nothing_over_either(Ending ending, bool clockStands)
    {
        var runs = 0;
        foreach (var roles in Roles)
            for (var at = 0; await Tell(new(ending, clockStands, roles, at)); at++)
                foreach (var trouble in new[] { Trouble.Cut, Trouble.Away, Trouble.Failure })
                    for (var then = (at + (int)trouble) % 3; await Tell(new(ending, clockStands, roles, at) { Then = (then, trouble) }); then += 3) runs++;
        Assert.True(runs > 100, $"only {runs} runs");
        output.WriteLine($"{story}, {ending}, {(clockStands ? "its clock stands" : "its clock goes")}: {runs} runs with trouble");
    }

    [Theory, MemberData(nameof(Endings))]
    public async Task Who_wakes_in_the_middle_changes_nothing(Ending ending, bool clockStands)
    {
        var runs = 0;
        foreach (var roles in Roles)
            for (var at = 0; await Tell(new(ending, clockStands, roles, at)); at++)
                for (var wake = 1; await Tell(new(ending, clockStands, roles, at) { WakesAt = wake }); wake++) runs++;
        Assert.True(runs > 250, $"only {runs} runs");
        output.WriteLine($"{story}, {ending}, {(clockStands ? "its clock stands" : "its clock goes")}: {runs} runs, waking in the middle");
    }

    /// <param name="At">At which of its points the late one is held.</param>
    sealed record Plot(Ending Ending, bool ClockStands, string[] Roles, int At)
    {
        /// <summary>What befalls who takes over.</summary>
        public (int At, Trouble What)? Then { get; init; }

        /// <summary>At which point of who takes over the late one goes on; null: after all is over.</summary>
        public int? WakesAt { get; init; }

        public override string ToString() =>
            $"{Ending}, {string.Join('+', Roles)} held at {At}{(ClockStands ? " with its clock" : "")}, then {Then}, goes on at {WakesAt}";
    }

    /// <summary>Plays it; false when the plot lies beyond the story's end.</summary>
    async Task<bool> Tell(Plot plot)
    {
        await using var world = await World.New(separate: false, plot.Then is { } then ? [then] : []);
        var what = $"{story}, {plot}";
        var volume = await world.Create();
        if (story is Story.Delete)
        {
            await world.RunUntroubled();
            await world.Delete(volume);
        }
        if (!plot.Roles.Contains(Queues.Scheduler)) await world.RunOnly(Queues.Scheduler);

        using var late = new Daemon(world, "late", plot.Roles, plot.ClockStands ? World.NewClock() : null) { Spared = true, HoldAt = plot.At };
        await late.Step();
        if (!late.IsHeld) return false;
        world.Time.Advance(World.Lease + TimeSpan.FromSeconds(1));
        await world.Heartbeat();

        if (plot.Ending is Ending.Failure) world.FailsForGood = story is Story.Create ? "create: publish" : "delete: file";
        var woke = true;
        if (plot.WakesAt is { } wake)
        {
            using var next = new Daemon(world, "next", [Queues.Scheduler, World.Queue]) { Stepping = true };
            for (var i = 0; i < wake && woke; i++)
            {
                await next.Step();
                woke = next.IsHeld;
            }
            await late.Step();
            next.Stepping = false;
            while (next.IsHeld) await next.Step();
        }
        await world.RunUntilQuiet();
        if (plot.Ending is Ending.Gone && await world.StatusOf(volume) is { } status)
        {
            await world.Delete(volume, force: status is VolumeStatus.ErrorDeleting);
            await world.RunUntilQuiet();
        }
        world.FailsForGood = null;

        if (late.IsHeld) await late.Step();
        Assert.True(late.IsIdle, what);
        await world.RunUntilQuiet();
        await world.Hold(what);
        await Ended(world, volume, plot, what);
        return woke && world.HadAllTroubles;
    }

    /// <summary>What the user asked for has come, or the failure that was meant for it.</summary>
    async Task Ended(World world, Volume volume, Plot plot, string what)
    {
        var status = await world.StatusOf(volume);
        var lasting = plot.Then?.What is Trouble.Failure || plot.Ending is Ending.Failure;
        if (plot.Ending is Ending.Gone) Assert.True(status is null, $"{what}: {status}");
        else if (!lasting) Assert.True(status == (story is Story.Create ? "available" : null), $"{what}: {status}");
        else Assert.True(status is null or "available" or "error" or "error_deleting", $"{what}: {status}");
    }
}

public sealed class LateCreator(ITestOutputHelper output) : LateWorker(Story.Create, output);

public sealed class LateDeleter(ITestOutputHelper output) : LateWorker(Story.Delete, output);
