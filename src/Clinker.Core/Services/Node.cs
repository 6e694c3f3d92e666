using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using Microsoft.Extensions.Logging;

namespace Clinker.Services;

/// <summary>How a daemon takes part.</summary>
/// <param name="Host">The first part of <c>host@backend</c>.</param>
/// <param name="Zone">The availability zone of its backends.</param>
/// <param name="ReportInterval">Time between heartbeats, and between looks at the backends (Cinder: report_interval).</param>
/// <param name="Scheduler">Whether it places volumes and keeps house.</param>
public sealed record NodeSettings(string Host, string Zone, TimeSpan ReportInterval, bool Scheduler)
{
    /// <summary>Whether it does what is to be done where backups are kept, if it knows where.</summary>
    public bool Backup { get; init; }

    /// <summary>How long a stopping daemon waits for running steps.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Those of this process.</summary>
    public LogLevels LogLevels { get; init; } = new(debug: false);
}

/// <summary>
/// One daemon's part in the work: a worker for the queues that it serves, heartbeats, reports of its backends, and (role
/// scheduler) keeping house.
/// </summary>
public sealed partial class Node(Means means, NodeSettings settings, Ids ids, TimeProvider time, ILoggerFactory logs)
{
    /// <summary>A backend that has not reported by then counts as down until it does.</summary>
    static readonly TimeSpan ReportDeadline = TimeSpan.FromSeconds(30);

    static readonly TimeSpan HousekeepingInterval = TimeSpan.FromSeconds(30);
    static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    /// <summary>How long ended operations and their journals can be looked at.</summary>
    static readonly TimeSpan KeepEnded = TimeSpan.FromDays(7);

    /// <summary>Stuck operations that one report of their backend lets go on.</summary>
    const int MaxResumed = 10;

    /// <summary>Ended operations forgotten in one transaction.</summary>
    const int MaxForgotten = 1000;

    /// <summary>A longer time between two looks is one in which nobody watched: heartbeats may have been missing for our own sake.</summary>
    static readonly TimeSpan MaxUnwatched = 2 * HousekeepingInterval;

    readonly ILogger log = logs.CreateLogger<Node>();

    /// <summary>
    /// Since when, and last when, this node has looked after the house without a gap. A host counts as gone only when it was
    /// missed for that long: after all were off, or the database was away, nobody has beaten, and whoever is first must not
    /// call the others dead.
    /// </summary>
    (DateTime First, DateTime Last)? watching;

    /// <summary>The log levels that its services' rows were last given; null until the first time.</summary>
    volatile string? levelsWritten;

    /// <summary>Works until <paramref name="stop"/>, then lets running steps end or puts them back.</summary>
    public async Task Run(CancellationToken stop)
    {
        var queues = means.Drivers.Keys.ToList();
        if (settings.Scheduler) queues.Add(Queues.Scheduler);
        if (KeepsBackups) queues.Add(Queues.Backup);
        var owner = $"{settings.Host}/{Environment.ProcessId}/{ids.New()[..8]}";
        using var worker = new Worker(means, CoreJson.Kinds, queues, owner, time, logs.CreateLogger<Worker>());
        var tasks = new List<Task>();
        // The pools are known before the first operation is looked at, unless a backend hangs.
        var first = means.Drivers.Select(d => Background.Start(() => Report(d.Key, d.Value, stop))).ToList();
        await Task.WhenAny(Task.WhenAll(first), Task.Delay(TimeSpan.FromSeconds(5), time, stop));
        if (stop.IsCancellationRequested) return;
        if (settings.Scheduler)
        {
            await Safely("beat", BeatScheduler);
            tasks.Add(Every(settings.ReportInterval, "beat", BeatScheduler, stop));
            tasks.Add(Every(HousekeepingInterval, "keep house", KeepHouse, stop, atOnce: true));
        }
        if (KeepsBackups)
        {
            try { await Safely("beat", () => BeatBackup(stop)); }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { /* the end: what follows sees it too */ }
            tasks.Add(Every(settings.ReportInterval, "beat", () => BeatBackup(stop), stop));
        }
        foreach (var (queue, driver) in means.Drivers)
        {
            tasks.Add(Every(settings.ReportInterval, "report", () => Report(queue, driver, stop), stop));
            var tidying = new Tidying(queue, driver, means.Db, ids);
            tasks.Add(Every(settings.ReportInterval, "put volumes in order", () => Tidy(tidying, queue, stop), stop));
            tasks.Add(Every(SweepInterval, "sweep", () => Sweep(queue, driver, stop), stop, atOnce: true));
        }
        tasks.Add(Every(settings.ReportInterval, "agree on log levels", AgreeOnLogLevels, stop, atOnce: true));
        tasks.Add(worker.Work(settings.Grace, stop));
        void Woken(string what)
        {
            if (what == ServiceTable.LogLevelsChanged) _ = Background.Start(() => Safely("agree on log levels", AgreeOnLogLevels));
        }
        means.Db.Woken += Woken;
        try { await Task.WhenAll(tasks); }
        finally { means.Db.Woken -= Woken; }
    }

    bool KeepsBackups => settings.Backup && means.Backups is not null;

    /// <summary>Without a beat the service counts as down: so it does when the place of the backups does not answer.</summary>
    public async Task BeatBackup(CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(ReportDeadline);
        if (await means.Backups!.Report(deadline.Token) is { } why)
        {
            Log.NoBackups(log, why);
            return;
        }
        await means.Db.Commit(tx => tx.Services.Beat(ids.New(), settings.Host, ServiceTable.BackupBinary, settings.Zone, null));
    }

    Task BeatScheduler() => means.Db.Commit(tx =>
        tx.Services.Beat(ids.New(), settings.Host, ServiceTable.SchedulerBinary, settings.Zone, null));

    /// <summary>
    /// Takes over the log levels that were asked for of one of its services, and writes down for all of them what holds then:
    /// they share a process. What is found at the first time was meant for the process before.
    /// </summary>
    public async Task AgreeOnLogLevels() => levelsWritten = await means.Db.Commit(async tx =>
    {
        var own = (await tx.Services.List()).Where(s => s.Binary switch
        {
            ServiceTable.VolumeBinary => means.Drivers.ContainsKey(s.Host),
            ServiceTable.BackupBinary => KeepsBackups && s.Host == settings.Host,
            _ => settings.Scheduler && s.Host == settings.Host,
        }).ToList();
        if (levelsWritten is { } before && own.Find(s => s.LogLevels is not null && s.LogLevels != before) is { LogLevels: { } asked })
            settings.LogLevels.Take(asked);
        var now = settings.LogLevels.ToString();
        foreach (var service in own.Where(s => s.LogLevels != now)) await tx.Services.NoteLogLevels(service, now);
        return now;
    });

    /// <summary>Beats for a backend and writes down how its pools are; what was stuck since it was away goes on.</summary>
    public async Task Report(string queue, Driver driver, CancellationToken stop)
    {
        BackendReport report;
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
            deadline.CancelAfter(ReportDeadline);
            report = await driver.Report(deadline.Token).WaitAsync(deadline.Token);
        }
        catch (Exception e) when (!stop.IsCancellationRequested && e is FaultException or OperationCanceledException or TimeoutException)
        {
            var why = e is FaultException ? e.Message : $"it did not report within {ReportDeadline.TotalSeconds} s";
            Log.NoReport(log, queue, why);
            await means.Db.Commit(async tx =>
            {
                await tx.Services.Beat(ids.New(), queue, ServiceTable.VolumeBinary, settings.Zone, why);
                await tx.Pools.Silent(queue, why);
            });
            return;
        }
        report = report with
        {
            Pools = [.. report.Pools.Select(p => p with { Capabilities = Configured(driver, p) })],
        };
        foreach (var pool in report.Pools.Where(p => p.Down is not null)) Log.PoolDown(log, queue, pool.Name, pool.Down!);
        var down = report.Pools.Count == 0 ? "it has no pool"
            : report.Pools.All(p => p.Down is not null) ? string.Join(" ", report.Pools.Select(p => $"{p.Name}: {p.Down}"))
            : null;
        var resumed = await means.Db.Commit(async tx =>
        {
            await tx.Services.Beat(ids.New(), queue, ServiceTable.VolumeBinary, settings.Zone, down);
            await tx.Pools.Report(queue, settings.Zone, report);
            return down is null ? await tx.Operations.ResumeStuck(queue, MaxResumed) : 0;
        });
        if (resumed > 0) Log.Resumed(log, resumed, queue);
    }

    /// <summary>What a pool can, and on top of that what the backend's section says.</summary>
    static Dictionary<string, string> Configured(Driver driver, PoolReport pool)
    {
        var all = new Dictionary<string, string>(pool.Capabilities);
        foreach (var (name, value) in driver.Capabilities) all[name] = value;
        return all;
    }

    /// <summary>What scheduler roles do beside placing: work that no host takes goes back, what is over is forgotten.</summary>
    public async Task KeepHouse()
    {
        var watched = watching;
        var now = await means.Db.Commit(async tx =>
        {
            await tx.Operations.Forget(tx.Now - KeepEnded, MaxForgotten);
            await tx.Messages.Expire();
            var deadline = tx.Now - means.Scheduling.ServiceDownTime;
            if (watched is not { } since || tx.Now - since.Last > MaxUnwatched || since.First > deadline) return tx.Now;
            foreach (var queue in await tx.Operations.WaitingSince(deadline))
            {
                if (await tx.Services.Find(queue, ServiceTable.VolumeBinary) is { } service && service.UpdatedAt >= deadline) continue;
                var taken = await tx.Operations.TakeBack(queue, deadline, Queues.Scheduler, new Fault.HostGone(queue));
                if (taken > 0) Log.TakenBack(log, taken, queue);
            }
            return tx.Now;
        });
        watching = (watched is { } w && now - w.Last <= MaxUnwatched ? w.First : now, now);
    }

    /// <summary>
    /// Removes files under work that a worker left. Sure, since such names are ours alone, are never published but under the
    /// lease of an operation, and nothing is under way with their volume or snapshot, of itself or with those of a group. Has those
    /// files deleted that volumes have moved away from: only of such the reservation says so.
    /// </summary>
    public async Task Sweep(string queue, Driver driver, CancellationToken token)
    {
        var pools = await means.Db.Read(tx => tx.Pools.List());
        foreach (var pool in pools.Where(p => p.Down is null).Select(p => PoolName.Parse(p.Name)).Where(p => p.Queue == queue))
        {
            try { await Sweep(pool, driver, token); }
            catch (FaultException e) { Log.Later(log, $"sweep {pool}", e.Message); } // the others are swept all the same
        }
    }

    async Task Sweep(PoolName pool, Driver driver, CancellationToken token)
    {
        foreach (var (name, about) in (await driver.List(pool.Pool, token)).Litter)
        {
            if (await means.Db.Read(tx => IsBusy(tx, about))) continue;
            await driver.RemoveLitter(pool.Pool, name, token);
            Log.Swept(log, name, pool.ToString());
        }
        foreach (var (fileId, sizeGb) in await means.Db.Read(tx => tx.Pools.Left(pool.ToString())))
        {
            var id = ids.New();
            if (await means.Db.Commit(tx => DeleteLeftFile.StartAnew(tx, fileId, pool.ToString(), sizeGb, id))) Log.Left(log, fileId, pool.ToString());
        }
    }

    async Task Tidy(Tidying tidying, string queue, CancellationToken stop)
    {
        if (await tidying.Next(stop) is { } begun) Log.Tidying(log, begun.VolumeId, queue, begun.Files, begun.Flattens);
    }

    /// <summary>Whether somebody may be at work on a volume's or a snapshot's files. A volume that was moved has files of another id.</summary>
    static async Task<bool> IsBusy(Tx tx, About about)
    {
        if (await tx.Operations.Busy(about) || (about.Kind == "volume" && await FilesTurn.IsTaken(tx, about.Id))) return true;
        if (about.Kind != "volume" || await tx.Volumes.OfFile(about.Id) is not { } volume || volume.Id == about.Id) return false;
        return await IsBusy(tx, about with { Id = volume.Id });
    }

    async Task Every(TimeSpan interval, string what, Func<Task> act, CancellationToken stop, bool atOnce = false)
    {
        try
        {
            if (atOnce) await Safely(what, act);
            using var timer = new PeriodicTimer(interval, time);
            while (await timer.WaitForNextTickAsync(stop)) await Safely(what, act);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { /* the end */ }
    }

    async Task Safely(string what, Func<Task> act)
    {
        try { await act(); }
        catch (FaultException e) { Log.Later(log, what, e.Message); }
        catch (Exception e) when (e is not OperationCanceledException) { Log.Broken(log, what, e); }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Backend {Queue} gives no report: {Why}")]
        public static partial void NoReport(ILogger log, string queue, string why);

        [LoggerMessage(Level = LogLevel.Warning, Message = "There is no place for backups now: {Why}")]
        public static partial void NoBackups(ILogger log, string why);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Pool {Queue}#{Pool} is down: {Why}")]
        public static partial void PoolDown(ILogger log, string queue, string pool, string why);

        [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} operations were handed to {Queue}, which is down; they are undone")]
        public static partial void TakenBack(ILogger log, int count, string queue);

        [LoggerMessage(Level = LogLevel.Information, Message = "{Count} stuck operations of {Queue} are tried again, since it serves")]
        public static partial void Resumed(ILogger log, int count, string queue);

        [LoggerMessage(Level = LogLevel.Information, Message = "Removed {File}, left under work in {Pool}")]
        public static partial void Swept(ILogger log, string file, string pool);

        [LoggerMessage(Level = LogLevel.Information, Message = "File {File} in {Pool}, which its volume has left, is deleted")]
        public static partial void Left(ILogger log, string file, string pool);

        [LoggerMessage(Level = LogLevel.Information, Message = "Volume {Volume} of {Queue} consists of {Files} files and is put in order (flattened: {Flattens})")]
        public static partial void Tidying(ILogger log, string volume, string queue, int files, bool flattens);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Could not {What} now: {Why}")]
        public static partial void Later(ILogger log, string what, string why);

        [LoggerMessage(Level = LogLevel.Error, Message = "Could not {What}")]
        public static partial void Broken(ILogger log, string what, Exception e);
    }
}
