using System.Diagnostics;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>One node with the volumes vol1 and vol2 on plain directories and "small" on an XFS of 400 MB.</summary>
public sealed class OneNode : IAsyncLifetime
{
    public Node Node { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Node = await Node.Up();
        await Node.Do("add", "vol2");
        await Node.Do("add", "small", "400M");
    }

    public async ValueTask DisposeAsync()
    {
        if (Node is not null) await Node.DisposeAsync();
    }
}

/// <summary>What the tests of faults share: a node that is whole at the start of each, a shares file and a mount base of the test's own.</summary>
[Collection("GlusterFS")]
public abstract class OnGluster(OneNode one) : IAsyncLifetime
{
    readonly List<Driver> drivers = [];
    readonly Ids ids = new();

    protected Node Node => one.Node;
    protected static CancellationToken Token => TestContext.Current.CancellationToken;
    protected Lines Log { get; } = new();
    protected string Root { get; private set; } = "";
    protected string Base => Path.Combine(Root, "mnt");
    protected string SharesConfig => Path.Combine(Root, "shares.conf");
    protected string Vol1 => Node.Share("vol1");
    protected string Vol2 => Node.Share("vol2");
    protected string Small => Node.Share("small");

    public async ValueTask InitializeAsync()
    {
        Processes.Launcher ??= new(Daemon.Executable("clinkerd")); // as the daemon does: what is started here would wait for a share that hangs
        Root = Path.Combine(Node.Root, new Ids().New()[..8]);
        Directory.CreateDirectory(Root);
        await Node.Do("glusterd-start");
        foreach (var volume in new[] { "vol1", "vol2", "small" })
        {
            await Node.Do("brick-resume", volume);
            await Node.Do("brick-start", volume);
        }
        await Node.Do("unfill", "small");
    }

    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
            foreach (var line in Log.All) TestContext.Current.TestOutputHelper?.WriteLine(line);
        foreach (var volume in new[] { "vol1", "vol2", "small" }) await Node.Do("brick-resume", volume);
        foreach (var driver in drivers) await driver.DisposeAsync();
        await Gluster.Node.Unmount(Root);
        foreach (var volume in new[] { "vol1", "vol2", "small" }) await Sh($"rm -f {await Node.Brick(volume)}/volume-* {await Node.Brick(volume)}/snapshot-* {await Node.Brick(volume)}/x*");
        GC.SuppressFinalize(this);
    }

    protected async Task<GlusterDriver> Driver(Func<GlusterOptions, GlusterOptions>? with = null, params string[] lines)
    {
        await File.WriteAllLinesAsync(SharesConfig, lines.Length > 0 ? lines : [Vol1, Vol2], Token);
        var options = new GlusterOptions { SharesConfig = SharesConfig, MountPointBase = Base, ClientLogDirectory = Root, GfapiWriter = Daemon.Executable("clinkerd") };
        var driver = new GlusterDriver("gluster", with?.Invoke(options) ?? options, TimeProvider.System, Log);
        drivers.Add(driver);
        return driver;
    }

    /// <summary>How many files a process wrote by libgfapi, in part.</summary>
    protected int Direct => Log.All.Count(l => l.Contains("is written by libgfapi", StringComparison.Ordinal));

    protected Volume NewVolume(string share, int sizeGb = 1) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        SizeGb = sizeGb,
        Status = VolumeStatus.Creating,
        AvailabilityZone = "nova",
        Host = $"host1@gluster#{share}",
        CreatedAt = DateTime.UnixEpoch,
    };

    protected static Work Under(long generation = 1) => new(generation, Token);
    protected string MountPoint(string share) => Layout.MountPoint(Base, share);
    protected string PathOf(Volume v) => Path.Combine(MountPoint(v.Pool!), $"volume-{v.Id}");
    protected async Task<bool> OnBrick(Volume v) => File.Exists(Path.Combine(await Node.Brick(v.Pool!.Split('/')[^1]), $"volume-{v.Id}"));

    protected static async Task<PoolReport> Pool(Driver driver, string share) => (await driver.Report(Token)).Pools.Single(p => p.Name == share);

    protected static async Task<Fault> FaultOf(Func<Task> act) => (await Assert.ThrowsAsync<FaultException>(act)).Fault;

    /// <summary>Asks until it is so, as the daemon's own loop would.</summary>
    protected static async Task Within(TimeSpan limit, Func<Task<bool>> so, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!await so())
        {
            Assert.True(clock.Elapsed < limit, $"not within {limit.TotalSeconds} s: {what}");
            await Task.Delay(100, Token);
        }
    }

    /// <summary>Creates until it succeeds; meanwhile only faults that may pass are allowed.</summary>
    protected static Task CreatesWithin(TimeSpan limit, Driver driver, Volume volume) => Within(limit, async () =>
    {
        try { await driver.Create(volume, Under()); return true; }
        catch (FaultException e) when (e.Fault.Transient) { return false; }
    }, $"a volume is made on {volume.Pool}");

    private protected async Task<IReadOnlyList<Client>> Clients(string share)
    {
        var point = MountPoint(share);
        return await Mounts.Clients(point, Path.Combine(Root, point.TrimStart('/').Replace('/', '-') + ".log"));
    }

    protected async Task KillClient(string share)
    {
        IReadOnlyList<Client> clients = [];
        await Within(TimeSpan.FromSeconds(30), async () => (clients = await Clients(share)).Count > 0, "there is a client to kill");
        foreach (var client in clients) await Mounts.Kill(client);
        await Within(TimeSpan.FromSeconds(5), async () => (await Clients(share)).Count == 0, "the client is gone");
    }

    protected static async Task<string> Sh(string command)
    {
        var result = await Processes.Run("bash", ["-c", command], TimeSpan.FromSeconds(30));
        return result.Output + result.Error;
    }
}

/// <summary>A log that tests can read.</summary>
public sealed class Lines : ILogger
{
    readonly List<string> lines = [];
    public IReadOnlyList<string> All { get { lock (lines) return [.. lines]; } }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (lines) lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
