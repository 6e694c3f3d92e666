using Clinker.Host;
using Clinker.Operations;
using Xunit;

namespace Clinker.Simulation;

/// <summary>A daemon that works on threads of its own, as in production, until it is told to stop.</summary>
sealed class Working : IAsyncDisposable
{
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    readonly CancellationTokenSource stop = new();
    readonly Task ended;

    Working(Daemon daemon, HeldDriver? held)
    {
        Daemon = daemon;
        Held = held;
        ended = Background.Start(() => daemon.Worker.Work(Grace, stop.Token));
    }

    public Daemon Daemon { get; }
    public HeldDriver? Held { get; }
    public Task Ended => ended;

    /// <summary>Both roles, with a driver that does its work at once.</summary>
    public static Working Start(World world, string owner) =>
        new(new Daemon(world, owner, [Queues.Scheduler, World.Queue]), null);

    /// <summary>Both roles, with a driver whose first create takes until it is let go.</summary>
    public static Working StartHeld(World world, string owner, bool deaf = false, Exception? whenCancelled = null,
        TimeProvider? clock = null)
    {
        HeldDriver? held = null;
        var daemon = new Daemon(world, owner, [Queues.Scheduler, World.Queue], clock,
            driver => held = new HeldDriver(driver, deaf) { WhenCancelled = whenCancelled });
        return new(daemon, held);
    }

    /// <summary>Tells it to stop.</summary>
    public void Stop() => stop.Cancel();

    public async ValueTask DisposeAsync()
    {
        Held?.LetGo();
        Daemon.DatabaseAway = false;
        await stop.CancelAsync();
        await ended.WaitAsync(Patience.Limit);
        Daemon.Dispose();
        stop.Dispose();
    }
}

/// <summary>Waiting for what other threads do. The limit is real time, for a machine that is busy: no test takes it.</summary>
static class Patience
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task Until(string what, Func<Task<bool>> met)
    {
        var end = TimeProvider.System.GetTimestamp();
        while (!await met())
        {
            if (TimeProvider.System.GetElapsedTime(end) > Limit) Assert.Fail($"It never came that {what}.");
            await Task.Delay(1);
        }
    }

    public static Task Until(string what, Func<bool> met) => Until(what, () => Task.FromResult(met()));

    /// <summary>Turns the clock a second at a time, each time letting the threads do what is due then, until something is so.</summary>
    public static async Task TurnClockUntil(this World world, string what, Func<Task<bool>> met, TimeSpan atMost)
    {
        var end = world.Now + atMost;
        while (!await met())
        {
            if (world.Now > end) Assert.Fail($"Within {atMost} it never came that {what}.");
            world.Time.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < 5 && !await met(); i++) await Task.Delay(1);
        }
    }
}
