using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace Clinker.Simulation;

/// <summary>
/// A daemon: its worker, with a database and a driver at whose every use it can be ended, failed or held. Each use of the
/// database is two points (before and after it took effect), each act of the driver one.
/// </summary>
sealed class Daemon : IDisposable
{
    readonly World world;
    readonly CancellationTokenSource stopping = new();
    TaskCompletionSource arrived = new();
    readonly Queue<TaskCompletionSource> turns = []; // of work that does several things at once
    Task work = Task.CompletedTask;

    /// <param name="owner">Unlike that of any other daemon, as in <see cref="Operations.Worker"/>.</param>
    /// <param name="clock">Its own clock, when that is not the world's.</param>
    /// <param name="wrap">What to put around its driver.</param>
    public Daemon(World world, string owner, string[] queues, TimeProvider? clock = null, Func<Driver, Driver>? wrap = null)
    {
        this.world = world;
        var drivers = new Dictionary<string, Driver>();
        if (queues.Contains(World.Queue))
        {
            var driver = new MemoryDriver("memory", world.Shares, act => world.Pass(this, storage: true, act).AsTask());
            drivers[World.Queue] = wrap?.Invoke(driver) ?? driver;
        }
        if (queues.Contains(World.Second) && world.HasSecond)
            drivers[World.Second] = new MemoryDriver(
                "second", world.Shares, act => world.Pass(this, storage: true, act).AsTask(), World.SecondPools);
        // Whoever schedules does what is done where the backups are.
        if (queues.Contains(Queues.Scheduler)) queues = [.. queues, Queues.Backup];
        var means = new Means(new TroubledDatabase(world, this), drivers, SchedulingSettings.Default, World.Lease)
        {
            Images = world.CopiesOfImages(act => world.Pass(this, storage: true, act).AsTask()),
            Compute = world.Hypervisor.For(act => world.Pass(this, storage: true, act).AsTask()),
            Backups = world.NewBackups(act => world.Pass(this, storage: true, act).AsTask()),
        };
        Worker = new Worker(means, world.Kinds, queues, owner, clock ?? world.Time, NullLogger<Worker>.Instance);
    }

    public Worker Worker { get; }

    /// <summary>Ended: it touches nothing any more.</summary>
    public bool Dead { get; set; }

    /// <summary>What is planned for points of the world is not meant for it, and its points are not counted there.</summary>
    public bool Spared { get; init; }

    /// <summary>At which of its points it is held; -1: nowhere.</summary>
    public int HoldAt { get; init; } = -1;

    /// <summary>Held at each point.</summary>
    public bool Stepping { get; set; }

    /// <summary>What happens at its next point, whatever that is.</summary>
    public Trouble? Next { get; set; }

    /// <summary>The database does not answer it.</summary>
    public bool DatabaseAway { get; set; }

    /// <summary>Awaited after each of its commits, before it hears of it.</summary>
    public Func<string, Task>? Answer { get; set; }

    /// <summary>How many points it has passed.</summary>
    public int Points { get; private set; }

    /// <summary>Whether it is held at a point now.</summary>
    public bool IsHeld => turns.Count > 0;

    public bool IsIdle => work.IsCompleted;

    /// <summary>Works until nothing is due, it dies, or the database does not answer.</summary>
    public async Task RunDue()
    {
        try { await Worker.RunDue(stopping.Token); }
        catch (Cut) { Dead = true; }
        catch (FaultException e) when (e.Fault is Fault.Unavailable) { /* it waits for the database, then looks again */ }
        catch (InvalidCastException) { /* a defect: the worker logs it and goes on when the lease has run out */ }
    }

    /// <summary>Goes on to the point where it is held next, or until it has nothing to do.</summary>
    public async Task Step()
    {
        arrived = new();
        if (turns.TryDequeue(out var held))
        {
            held.SetResult();
            if (IsHeld) return; // at another of the points that it had come to
        }
        else if (work.IsCompleted) work = RunDue();
        await Task.WhenAny(arrived.Task, work);
    }

    /// <summary>Ends where it is, as by SIGKILL.</summary>
    public async Task Kill()
    {
        Dead = true;
        while (IsHeld) await Step();
        await work;
    }

    public bool IsStopping => stopping.IsCancellationRequested;

    /// <summary>Is told to stop: begins no further step.</summary>
    public void Stop() => stopping.Cancel();

    /// <summary>Where it may be held.</summary>
    public async ValueTask Arrive()
    {
        var point = Points++;
        if (!Stepping && point != HoldAt) return;
        var mine = new TaskCompletionSource();
        turns.Enqueue(mine);
        arrived.TrySetResult();
        await mine.Task;
    }

    public void Dispose()
    {
        Worker.Dispose();
        stopping.Dispose();
    }

    sealed class TroubledDatabase : Database
    {
        readonly World world;
        readonly Daemon daemon;

        public TroubledDatabase(World world, Daemon daemon)
        {
            this.world = world;
            this.daemon = daemon;
            if (world.Threaded) world.Db.Woken += queue => Wake([queue]);
        }

        public override Dialect Dialect => world.Db.Dialect;

        public override async Task<T> Commit<T>(Func<Tx, Task<T>> work, string name = "")
        {
            await world.Pass(daemon, storage: false, name);
            var result = await world.Db.Commit(work, name);
            if (daemon.Answer is { } answer) await answer(name);
            await world.Pass(daemon, storage: false, name);
            return result;
        }

        public override async Task<T> Read<T>(Func<Tx, Task<T>> work, string name = "")
        {
            await world.Pass(daemon, storage: false, name);
            return await world.Db.Read(work, name);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
