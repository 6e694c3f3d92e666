using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Store;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// A deployment in memory: a database and shares that outlive daemons, a clock that only tests turn, and trouble at numbered
/// points: each use of the database counts twice (before and after it took effect), each act of the driver once.
/// </summary>
sealed class World : IAsyncDisposable
{
    public const string Queue = "host@memory";
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    readonly Dictionary<int, Trouble> troubles;
    readonly bool separate;
    readonly Ids ids = new(seed: 1);
    int point;
    List<Daemon> daemons = [];

    World(SqliteDatabase db, Dictionary<int, Trouble> troubles, bool separate, FakeTimeProvider time)
    {
        Db = db;
        this.troubles = troubles;
        this.separate = separate;
        Time = time;
    }

    public SqliteDatabase Db { get; }
    public FakeTimeProvider Time { get; }
    public MemoryShares Shares { get; } = new("a", "b");

    /// <summary>Acts of the driver that fail for good, by the start of their name.</summary>
    public string? FailsForGood { get; set; }

    /// <summary>How many points this world has passed.</summary>
    public int Points => point;

    /// <summary>Whether every planned trouble happened.</summary>
    public bool HadAllTroubles { get; private set; } = true;

    /// <summary>A world in which <paramref name="troubles"/> happen.</summary>
    /// <param name="separate">The scheduler and the backend are served by different daemons, so operations are handed over.</param>
    public static async Task<World> New(bool separate, params (int At, Trouble What)[] troubles)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var world = new World(await SqliteDatabase.InMemory(time), troubles.ToDictionary(t => t.At, t => t.What), separate, time);
        await world.Heartbeat();
        return world;
    }

    public async Task Heartbeat()
    {
        var report = await new MemoryDriver("memory", Shares).Report(default);
        await Db.Commit(async tx =>
        {
            await tx.Services.Beat(ids.New(), Queue, ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report(Queue, "nova", report);
        });
    }

    public Task<Volume> Create(int sizeGb = 1) => Db.Commit(tx => CreateVolume.Accept(tx, new Volume
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        SizeGb = sizeGb,
        Status = VolumeStatus.Creating,
        AvailabilityZone = "nova",
        CreatedAt = tx.Now,
    }, QuotaLimits.None, ids.New(), "req-1"));

    public Task Delete(Volume volume) => Db.Commit(tx => DeleteVolume.Accept(tx, volume.Id, VolumeRules.Delete, ids.New(), "req-2"));

    /// <summary>Lets daemons work, die and be replaced until nothing is left to do.</summary>
    public async Task RunUntilQuiet()
    {
        for (var round = 0; round < 200; round++)
        {
            if (daemons.Count == 0) Start();
            var died = false;
            foreach (var daemon in daemons.ToList())
            {
                try { await daemon.Worker.RunDue(); }
                catch (Cut)
                {
                    daemon.Dead = true;
                    died = true;
                }
                catch (FaultException e) when (e.Fault is Fault.Unavailable) { /* it waits for the database, then looks again */ }
                catch (InvalidCastException) { /* a defect: the worker logs it and goes on when the lease has run out */ }
            }
            if (died) daemons = [];
            if (await Db.Read(tx => tx.Operations.NextDue([Queues.Scheduler, Queue])) is not { } due)
            {
                HadAllTroubles = troubles.Count == 0;
                troubles.Clear();
                return;
            }
            var ahead = due - Time.GetUtcNow().UtcDateTime;
            if (ahead > TimeSpan.Zero) Time.Advance(ahead);
            await Heartbeat();
        }
        Assert.Fail("The operations never end: " + string.Join("; ", (await Db.Read(tx => tx.Operations.List(null, null, 10))).Select(o => $"{o.Kind} {o.Status} {o.Fault}")));
    }

    /// <summary>As <see cref="RunUntilQuiet"/>, before any trouble begins.</summary>
    public async Task RunUntroubled()
    {
        var planned = troubles.ToList();
        troubles.Clear();
        await RunUntilQuiet();
        foreach (var (at, what) in planned) troubles[at] = what;
        point = 0;
        daemons = [];
    }

    /// <summary>A further daemon, whose acts wait at <paramref name="gate"/> when it has passed so many driver points.</summary>
    public Daemon StartLate(int pauseAt, Task gate, TaskCompletionSource paused) => new(this, [Queues.Scheduler, Queue], "late", pauseAt, gate, paused);

    void Start()
    {
        daemons = separate
            ? [new Daemon(this, [Queues.Scheduler], $"s{point}"), new Daemon(this, [Queue], $"v{point}")]
            : [new Daemon(this, [Queues.Scheduler, Queue], $"d{point}")];
    }

    /// <summary>What must always be true when nothing is under way.</summary>
    public async Task Hold(string what)
    {
        await Sweep();
        var (volumes, operations, quota, pools, holds) = await Db.Read(async tx => (
            await tx.Query($"select id, status, host from volume", r => (Id: r.GetString(0), Status: r.GetString(1), Host: r.Text(2))),
            await tx.Operations.List(null, null, 100), await tx.Quotas.Recount(), await tx.Pools.Recount(),
            await tx.Number($"select count(*) from hold")));
        Assert.True(operations.All(o => o.Status is OperationStatus.Done or OperationStatus.Failed),
            $"{what}: left under way: {string.Join(", ", operations.Select(o => $"{o.Kind} {o.Status} {o.Fault}"))}");
        Assert.True(quota.Count == 0, $"{what}: {string.Join("; ", quota)}");
        Assert.True(pools.Count == 0, $"{what}: {string.Join("; ", pools)}");
        Assert.True(holds == 0, $"{what}: {holds} holds left");
        Assert.True(!Shares.Litter.Any(), $"{what}: litter left: {string.Join(", ", Shares.Litter)}");
        foreach (var volume in volumes)
        {
            var files = Shares.Volumes.Where(f => f.VolumeId == volume.Id).ToList();
            switch (volume.Status)
            {
                case VolumeStatus.Available:
                    Assert.True(files.Count == 1 && volume.Host == $"{Queue}#{files[0].Pool}", $"{what}: available, but its files are {files.Count}");
                    break;
                case VolumeStatus.Error:
                    Assert.True(files.Count == 0 && volume.Host is null, $"{what}: in error, but not undone");
                    break;
                case VolumeStatus.ErrorDeleting:
                    break;
                default:
                    Assert.Fail($"{what}: nobody works on it, but it is {volume.Status}");
                    break;
            }
        }
        foreach (var (pool, id) in Shares.Volumes)
            Assert.True(volumes.Any(v => v.Id == id), $"{what}: file of {id} in {pool} without a row");
    }

    public Task<string?> StatusOf(Volume volume) => Db.Read(async tx => (await tx.Volumes.Find(volume.Id))?.Status);

    Task Sweep()
    {
        var driver = new MemoryDriver("memory", Shares);
        var means = new Means(Db, new Dictionary<string, Driver> { [Queue] = driver }, SchedulingSettings.Default, Lease);
        return new Node(means, new NodeSettings("host", "nova", TimeSpan.FromSeconds(10), true), ids, Time, NullLoggerFactory.Instance)
            .Sweep(Queue, driver, default);
    }

    /// <summary>Passes a point: what was planned for it happens, once.</summary>
    void Pass(Daemon daemon, bool storage, string name)
    {
        if (daemon.Dead) throw new Cut();
        if (storage && FailsForGood is { } act && name.StartsWith(act, StringComparison.Ordinal))
            throw new Fault.DriverFailed(act, "it always does here").Thrown();
        if (!troubles.Remove(point++, out var trouble)) return;
        switch (trouble)
        {
            case Trouble.Cut:
                daemon.Dead = true;
                throw new Cut();
            case Trouble.Away when !storage:
                throw new Fault.Unavailable("simulated: the database went away").Thrown();
            case Trouble.Away:
                throw new Fault.BackendDown("memory", "simulated").Thrown();
            case Trouble.Failure when storage:
                throw new Fault.DriverFailed("act", "simulated").Thrown();
            case Trouble.Failure:
                throw new Fault.Unavailable("simulated: the commit may have happened").Thrown();
            case Trouble.Bug:
                throw new InvalidCastException("simulated bug");
        }
    }

    public async ValueTask DisposeAsync() => await Db.DisposeAsync();

    /// <summary>A daemon: its worker, with a database and a driver that can end, fail or delay it.</summary>
    public sealed class Daemon
    {
        readonly World world;
        readonly int pauseAt;
        readonly Task gate;
        readonly TaskCompletionSource? paused;
        int acts;

        public Daemon(World world, string[] queues, string owner, int pauseAt = -1, Task? gate = null, TaskCompletionSource? paused = null)
        {
            this.world = world;
            this.pauseAt = pauseAt;
            this.gate = gate ?? Task.CompletedTask;
            this.paused = paused;
            var drivers = new Dictionary<string, Driver>();
            if (queues.Contains(Queue)) drivers[Queue] = new MemoryDriver("memory", world.Shares, Touch);
            Worker = new Worker(new Means(new TroubledDatabase(world, this), drivers, SchedulingSettings.Default, Lease),
                CoreJson.Kinds, queues, owner, world.Time, NullLogger<Worker>.Instance);
        }

        public Worker Worker { get; }
        public bool Dead { get; set; }

        async Task Touch(string act)
        {
            if (acts++ == pauseAt)
            {
                paused!.SetResult();
                await gate;
            }
            world.Pass(this, storage: true, act);
        }
    }

    sealed class TroubledDatabase(World world, Daemon daemon) : Database
    {
        public override Dialect Dialect => world.Db.Dialect;

        public override async Task<T> Commit<T>(Func<Tx, Task<T>> work, string name = "")
        {
            world.Pass(daemon, storage: false, name);
            var result = await world.Db.Commit(work, name);
            world.Pass(daemon, storage: false, name);
            return result;
        }

        public override async Task<T> Read<T>(Func<Tx, Task<T>> work, string name = "")
        {
            world.Pass(daemon, storage: false, name);
            return await world.Db.Read(work, name);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>What happens at a point.</summary>
enum Trouble
{
    /// <summary>The process ends, as by SIGKILL.</summary>
    Cut,
    /// <summary>A fault that passes.</summary>
    Away,
    /// <summary>A fault that lasts (storage), or a commit of which nobody knows whether it happened (database).</summary>
    Failure,
    /// <summary>An exception that nobody foresaw.</summary>
    Bug,
}

/// <summary>The end of a daemon.</summary>
sealed class Cut : Exception;
