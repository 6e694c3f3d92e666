using Clinker.Attachments;
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
/// points (see <see cref="Daemon"/>).
/// </summary>
sealed partial class World : IAsyncDisposable
{
    public const string Queue = "host@memory";

    /// <summary>A backend that is there once <see cref="AddBackend"/> was called, with a pool of its own.</summary>
    public const string Second = "host@second";
    public static readonly string[] SecondPools = ["c"];
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    readonly Dictionary<int, Trouble> troubles;
    readonly bool separate;
    readonly Ids ids = new(seed: 1);
    readonly MemoryDriver driver, second;
    int point;
    List<Daemon> daemons = [];

    World(Database db, Dictionary<int, Trouble> troubles, bool separate, FakeTimeProvider time)
    {
        Db = db;
        this.troubles = troubles;
        this.separate = separate;
        Time = time;
        driver = new MemoryDriver("memory", Shares);
        second = new MemoryDriver("second", Shares, pools: SecondPools);
        Node = NewNode();
        Hypervisor = new(this);
    }

    public Database Db { get; }
    public FakeTimeProvider Time { get; }
    public MemoryShares Shares { get; } = new("a", "b");

    /// <summary>Whether there is a second backend.</summary>
    public bool HasSecond { get; private set; }

    /// <summary>The pools of all backends, as volumes' hosts.</summary>
    public IEnumerable<string> Pools =>
        Shares.Pools.Select(p => $"{Queue}#{p}").Concat(HasSecond ? SecondPools.Select(p => $"{Second}#{p}") : []);

    /// <summary>The compute service.</summary>
    public Hypervisor Hypervisor { get; }

    /// <summary>A daemon's part in the work, with a backend that no trouble befalls: for reports, sweeps and keeping house.</summary>
    public Node Node { get; }

    /// <summary>The operations that daemons know.</summary>
    public OperationKinds Kinds { get; set; } = CoreJson.Kinds;

    /// <summary>Acts of the driver that fail for good, by the start of their name.</summary>
    public string? FailsForGood { get; set; }

    /// <summary>How they do.</summary>
    public Fault? FailsWith { get; set; }

    /// <summary>What somebody does as soon as the driver comes to an act, once.</summary>
    public (string Act, Func<Task> Does)? Meanwhile { get; set; }

    /// <summary>Only the next of these fails.</summary>
    public bool FailsOnce { get; set; }

    /// <summary>The host reports nothing any more.</summary>
    public bool HostIsGone { get; set; }

    /// <summary>How many points were passed since troubles could begin.</summary>
    public int Points => point;

    /// <summary>Whether every planned trouble happened.</summary>
    public bool HadAllTroubles { get; private set; } = true;

    /// <summary>Whether workers run on threads of their own, on the database as it is in a daemon.</summary>
    public bool Threaded => Db is SqliteDatabase;

    public DateTime Now => Time.GetUtcNow().UtcDateTime;

    /// <summary>A world in which <paramref name="troubles"/> happen.</summary>
    /// <param name="separate">The scheduler and the backend are served by different daemons, so operations are handed over.</param>
    public static async Task<World> New(bool separate, params (int At, Trouble What)[] troubles)
    {
        var time = NewClock();
        var world = new World(await InlineDatabase.New(time), troubles.ToDictionary(t => t.At, t => t.What), separate, time);
        Runs.One();
        await world.Heartbeat();
        return world;
    }

    /// <summary>A world for <see cref="Worker.Work"/>: several threads, the database as in a daemon.</summary>
    public static async Task<World> NewThreaded()
    {
        var time = NewClock();
        var world = new World(await SqliteDatabase.InMemory(time), [], separate: false, time);
        Runs.One();
        await world.Heartbeat();
        return world;
    }

    public static FakeTimeProvider NewClock() => new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public string NewId() => ids.New();

    /// <summary>A scheduler that has just come.</summary>
    public Node NewNode() => new(
        new Means(Db, new Dictionary<string, Driver> { [Queue] = driver }, SchedulingSettings.Default, Lease),
        new NodeSettings("host", "nova", TimeSpan.FromSeconds(10), true), ids, Time, NullLoggerFactory.Instance);

    /// <summary>Looks for what can be put in order, with a backend that no trouble befalls.</summary>
    public Tidying NewTidying() => new(Queue, driver, Db, ids);

    /// <summary>The host reports, unless it is gone.</summary>
    public async Task Heartbeat()
    {
        if (HostIsGone) return;
        await Node.Report(Queue, driver, default);
        await Db.Commit(tx => tx.Services.Beat("backups", "host", ServiceTable.BackupBinary, "nova", null));
        if (HasSecond) await Node.Report(Second, second, default);
    }

    public async Task Sweep()
    {
        await Node.Sweep(Queue, driver, default);
        if (HasSecond) await Node.Sweep(Second, second, default);
    }

    public Task AddBackend()
    {
        HasSecond = true;
        return Heartbeat();
    }

    public Task<Volume> Create(int sizeGb = 1, QuotaLimits? limits = null, VolumeSource? source = null) => Db.Commit(tx =>
        CreateVolume.Accept(tx, NewVolume(tx, sizeGb), limits ?? QuotaLimits.None, ids.New(), "req-1", source));

    public Volume NewVolume(Tx tx, int sizeGb = 1) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        SizeGb = sizeGb,
        Status = VolumeStatus.Creating,
        AvailabilityZone = "nova",
        CreatedAt = tx.Now,
    };

    public Task Delete(Volume volume, bool force = false)
    {
        Time.Advance(TimeSpan.FromMilliseconds(1)); // its operation is the newer one
        return Db.Commit(tx =>
            DeleteVolume.Accept(tx, volume.Id, force ? VolumeRules.ForceDelete : VolumeRules.Delete, ids.New(), "req-2"));
    }

    /// <summary>Asks for a volume on a host: for a new attachment, or for one that is there.</summary>
    public Task<Attachment> Connect(Volume volume, string host = "h1", Attachment? has = null)
    {
        Time.Advance(TimeSpan.FromMilliseconds(1));
        var (id, operation) = (ids.New(), ids.New());
        return Db.Commit(async tx =>
        {
            var row = await tx.Volumes.Get(volume.Id, @lock: true);
            var attachment = has ?? new Attachment
            {
                Id = id, ProjectId = "p", VolumeId = volume.Id, ServerId = "server", Status = AttachStatus.Reserved, CreatedAt = tx.Now,
            };
            if (has is null) await Attaching.Reserve(tx, row, attachment);
            await ConnectVolume.Accept(tx, row, attachment, new(host, $$"""{"host":"{{host}}"}"""), has is null, operation, "req-3");
            return attachment;
        });
    }

    /// <summary>Keeps a volume for a server.</summary>
    public Task Reserve(Volume volume)
    {
        var id = ids.New();
        return Db.Commit(async tx => await Attaching.Reserve(tx, await tx.Volumes.Get(volume.Id, @lock: true),
            new Attachment { Id = id, ProjectId = "p", VolumeId = volume.Id, ServerId = "server", Status = AttachStatus.Reserved, CreatedAt = tx.Now }));
    }

    /// <summary>The server has it.</summary>
    public Task Complete(Attachment attachment) => Db.Commit(async tx =>
    {
        await tx.Volumes.Get(attachment.VolumeId, @lock: true);
        await Attaching.Complete(tx, await tx.Attachments.Get(attachment.Id));
    });

    /// <summary>The server gives it back.</summary>
    public Task Detach(Attachment attachment)
    {
        Time.Advance(TimeSpan.FromMilliseconds(1));
        var operation = ids.New();
        return Db.Commit(async tx =>
        {
            var volume = await tx.Volumes.Get(attachment.VolumeId, @lock: true);
            return await DetachVolume.Accept(tx, volume, await tx.Attachments.Get(attachment.Id), null, operation, "req-4");
        });
    }

    public Task<string?> StatusOf(Volume volume) => Db.Read(async tx => (await tx.Volumes.Find(volume.Id))?.Status);

    /// <summary>The newest operation about a volume.</summary>
    public Task<OperationRow> OperationOf(Volume volume) =>
        Db.Read(async tx => (await tx.Operations.List(new() { Filters = [new("about_id", Op.Equal, volume.Id)], Limit = 1 })).Single());

    /// <summary>What the user was told, newest first.</summary>
    /// <summary>Why the newest operation on a volume failed, as admins read it.</summary>
    public async Task<string?> WhyOf(Volume volume) => Fault.WordsOf((await OperationOf(volume)).Fault);

    /// <summary>What the project is told.</summary>
    public Task<List<string>> Messages() => Db.Read(async tx => (await tx.Messages.List(new ListQuery { ProjectId = "p", Limit = 100 })).ConvertAll(m => m.Text));

    /// <summary>All rows that work changes, and all files, as a text.</summary>
    public async Task<string> Dump()
    {
        var text = new List<string>();
        foreach (var table in new[] { "operation", "journal", "hold", "volume", "snapshot", "volume_group", "group_snapshot", "attachment", "backup", "reservation", "quota_usage", "message" })
            text.AddRange(await Db.Read(tx => tx.Query($"select * from {Sql.Raw(table)} order by 1, 2, 3", r =>
                table + " " + string.Join(" | ", Enumerable.Range(0, r.FieldCount).Select(i => $"{r.GetName(i)}={r.GetValue(i)}")))));
        text.AddRange(Objects.All.Keys.Order(StringComparer.Ordinal));
        text.AddRange(Shares.Exports.Keys.Select(e => e.ToString()).Order(StringComparer.Ordinal));
        text.AddRange(Shares.Volumes.Concat(Shares.Snapshots).Concat(Shares.Litter).Select(f => f.ToString()).Order(StringComparer.Ordinal));
        return string.Join('\n', text);
    }

    /// <summary>Lets daemons work, die and be replaced until nothing is left to do.</summary>
    public async Task RunUntilQuiet(TimeSpan? atMost = null)
    {
        var until = Now + (atMost ?? TimeSpan.FromDays(1));
        for (var round = 0; round < 10_000; round++)
        {
            if (daemons.Count == 0) Start();
            foreach (var daemon in daemons) await daemon.RunDue();
            await Hypervisor.Work();
            if (daemons.Exists(d => d.Dead)) daemons = [];
            if (await NextDue() is not { } due)
            {
                HadAllTroubles &= troubles.Count == 0;
                troubles.Clear();
                return;
            }
            if (due > until) return;
            if (due > Now) Time.Advance(due - Now);
            await Heartbeat();
        }
        Assert.Fail("The operations never end: " + string.Join("; ",
            (await Db.Read(tx => tx.Operations.List(new() { Limit = 10 }))).Select(o => $"{o.Kind} {o.Status} {o.Fault}")));
    }

    /// <summary>When something is to be done next; null: nothing is.</summary>
    public Task<DateTime?> NextDue() => Db.Read(tx => tx.Operations.NextDue([Queues.Scheduler, Queues.Backup, Queue, Second]));

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

    /// <summary>Runs what is due for one role only, as a daemon that has no other.</summary>
    public async Task RunOnly(string queue)
    {
        using var daemon = new Daemon(this, $"only-{queue}", [queue]) { Spared = true };
        await daemon.RunDue();
    }

    /// <summary>All daemons end where they are; the next run starts others.</summary>
    public void KillAll() => daemons = [];

    /// <summary>Every pool answers again.</summary>
    public void Mend() => Shares.Down.Clear();

    /// <summary>No pool answers any more.</summary>
    public void Break(string why = "simulated")
    {
        foreach (var pool in Pools) Shares.Down[PoolName.Parse(pool).Pool] = why;
    }

    void Start() => daemons = separate
        ? [new Daemon(this, $"s{point}", [Queues.Scheduler]), new Daemon(this, $"v{point}", [Queue, Second])]
        : [new Daemon(this, $"d{point}", [Queues.Scheduler, Queue, Second])];

    /// <summary>Passes a point: what was planned for it happens, once.</summary>
    public async ValueTask Pass(Daemon daemon, bool storage, string name)
    {
        if (daemon.Dead) throw new Cut();
        await daemon.Arrive();
        if (daemon.Dead) throw new Cut();
        if (daemon.DatabaseAway && !storage) throw new Fault.Unavailable("simulated: the database is away").Thrown();
        if (daemon.Next is { } next)
        {
            daemon.Next = null;
            Strike(daemon, next, storage);
        }
        if (storage && Meanwhile is { } meanwhile && name == meanwhile.Act)
        {
            Meanwhile = null;
            await meanwhile.Does();
        }
        if (daemon.Spared) return;
        if (storage && FailsForGood is { } act && name.StartsWith(act, StringComparison.Ordinal))
        {
            if (FailsOnce) FailsForGood = null;
            throw (FailsWith ?? new Fault.DriverFailed(act, "it always does here")).Thrown();
        }
        if (troubles.Remove(point++, out var trouble)) Strike(daemon, trouble, storage);
    }

    void Strike(Daemon daemon, Trouble trouble, bool storage)
    {
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
            case Trouble.Down:
                Break();
                break;
        }
    }

    public ValueTask DisposeAsync() => Db.DisposeAsync();
}
