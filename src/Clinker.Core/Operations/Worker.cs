using System.Collections.Concurrent;
using Clinker.Host;
using Clinker.Store;
using Microsoft.Extensions.Logging;

namespace Clinker.Operations;

/// <summary>
/// Leases operations of its queues and runs them, many at a time. It sleeps until it is woken or the next one is due: no
/// polling. A daemon that is told to stop lets running steps end, or puts their operations back for the next one.
/// </summary>
public sealed partial class Worker : IDisposable
{
    /// <summary>Operations that one worker runs at once.</summary>
    public const int MaxRunning = 64;

    /// <summary>At the latest it looks by itself after this time (a wake-up may be lost with a connection).</summary>
    static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long a stopping worker waits for steps whose token is cancelled. One that is still not back hangs in storage: the
    /// process ends without it, and the operation is taken again when its lease has run out.
    /// </summary>
    static readonly TimeSpan AfterGrace = TimeSpan.FromSeconds(5);

    /// <summary>How long to wait when the database does not answer.</summary>
    static readonly TimeSpan DatabaseAway = TimeSpan.FromSeconds(1);

    readonly Means means;
    readonly OperationKinds kinds;
    readonly string[] queues;
    readonly string owner;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly SemaphoreSlim awake = new(0, 1);

    /// <summary>By the run, not by the operation's id: one that lost its lease may still be about when the same worker leases it anew.</summary>
    readonly ConcurrentDictionary<Run, Task> running = new();

    /// <summary>It sleeps only because it is full: the next run that ends wakes it.</summary>
    bool wantsRoom;

    /// <param name="queues">What it serves: <c>scheduler</c>, <c>host@backend</c>.</param>
    /// <param name="owner">A name for the leases, unlike that of any other process.</param>
    public Worker(Means means, OperationKinds kinds, IEnumerable<string> queues, string owner, TimeProvider time, ILogger<Worker> log)
    {
        this.means = means;
        this.kinds = kinds;
        this.queues = [.. queues];
        this.owner = owner;
        this.time = time;
        this.log = log;
    }

    /// <summary>How many operations it runs now.</summary>
    public int Running => running.Count;

    /// <summary>Works until <paramref name="stop"/>; then waits up to <paramref name="grace"/> for running steps.</summary>
    public async Task Work(TimeSpan grace, CancellationToken stop)
    {
        using var abandon = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        void Woken(string name)
        {
            if (name.Length == 0 || queues.Contains(name)) Awake();
            else if (running.Keys.FirstOrDefault(r => r.LeaseName == name) is { } run) run.Cancelled();
        }
        means.Db.Woken += Woken;
        var renewing = Renew(abandon.Token);
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var wait = await Take(stop, abandon.Token);
                if (wait is { } sleep)
                {
                    try { await Sleep(sleep, stop); }
                    catch (OperationCanceledException) { break; }
                }
            }
        }
        finally
        {
            means.Db.Woken -= Woken;
            abandon.CancelAfter(grace);
            var ends = Task.WhenAll(running.Values);
            try { await ends.WaitAsync(grace + AfterGrace, time, CancellationToken.None); }
            catch (TimeoutException) { Log.LeftBehind(log, running.Count); }
            await abandon.CancelAsync();
            await renewing;
        }
    }

    /// <summary>
    /// Takes what is due and runs it to its end, until nothing is due now or it is to <paramref name="stop"/>. For tests that own
    /// the clock.
    /// </summary>
    public async Task<int> RunDue(CancellationToken stop = default)
    {
        var count = 0;
        while (!stop.IsCancellationRequested)
        {
            var asked = time.GetTimestamp();
            var rows = await means.Db.Commit(tx => tx.Operations.Claim(queues, owner, means.Lease, 1));
            if (rows.Count == 0) return count;
            foreach (var row in rows)
            {
                using var run = new Run(row, means, kinds, time, asked, log, stop, CancellationToken.None);
                await run.Go();
                count++;
            }
        }
        return count;
    }

    /// <summary>Claims what there is room for; says how long to sleep, or null to look again at once.</summary>
    async Task<TimeSpan?> Take(CancellationToken stop, CancellationToken abandon)
    {
        try
        {
            var room = MaxRunning - running.Count;
            if (room <= 0)
            {
                // Said before looking again: whichever run ends from here on, it sees that it is to wake.
                Volatile.Write(ref wantsRoom, true);
                return running.Count < MaxRunning ? null : LongestSleep;
            }
            var asked = time.GetTimestamp();
            var rows = await means.Db.Commit(tx => tx.Operations.Claim(queues, owner, means.Lease, room));
            foreach (var row in rows)
            {
                var run = new Run(row, means, kinds, time, asked, log, stop, abandon);
                // The entry is there before the work begins, so that its end finds it.
                var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                running[run] = One(run, start.Task);
                start.SetResult();
            }
            if (rows.Count == room) return null;
            // By the database's clock on both sides: this host's may be off, and would wake it too often or too late.
            if (await means.Db.Read(async tx => await tx.Operations.NextDue(queues) - tx.Now) is not { } ahead) return LongestSleep;
            return ahead <= TimeSpan.Zero ? TimeSpan.FromMilliseconds(20) : ahead < LongestSleep ? ahead : LongestSleep;
        }
        catch (FaultException e) when (e.Fault is Fault.Unavailable)
        {
            Log.Away(log, e.Message);
            return DatabaseAway;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.Defect(log, e); // the worker outlives a defect of ours
            return DatabaseAway;
        }
    }

    async Task One(Run run, Task start)
    {
        await start;
        try { await run.Go(); }
        catch (Exception e) when (e is not OutOfMemoryException) { Log.Broken(log, run.Row.Kind, run.Row.Id, e); }
        finally
        {
            running.TryRemove(run, out _);
            run.Dispose();
            if (Interlocked.Exchange(ref wantsRoom, false)) Awake();
        }
    }

    /// <summary>
    /// Keeps all leases alive with one statement; drops those that are lost. One that ran out by this host's clock is let go,
    /// even if nobody has taken it yet: its run has stopped and would only keep others from it.
    /// </summary>
    async Task Renew(CancellationToken abandon)
    {
        while (!abandon.IsCancellationRequested)
        {
            try { await Task.Delay(means.Lease / 3, time, abandon); }
            catch (OperationCanceledException) { return; }
            var held = running.Keys.Where(r => !r.IsLost).ToList();
            if (held.Count == 0) continue;
            try
            {
                var asked = time.GetTimestamp();
                var kept = await means.Db.Commit(tx =>
                    tx.Operations.Renew(owner, [.. held.Select(r => (r.Row.Id, r.Row.Generation))], means.Lease));
                var ours = kept.ToHashSet();
                foreach (var run in held)
                {
                    if (ours.Contains(run.Row.Id)) run.Renewed(asked);
                    else run.Lost();
                }
            }
            catch (FaultException e) when (e.Fault is Fault.Unavailable)
            {
                Log.Away(log, e.Message); // the leases run out by themselves
            }
            catch (Exception e) when (e is not OperationCanceledException) { Log.Defect(log, e); }
        }
    }

    public void Dispose() => awake.Dispose();

    void Awake()
    {
        if (awake.CurrentCount > 0) return; // it will look anyway: the usual case under load, and an exception costs more than all the rest
        try { awake.Release(); }
        catch (SemaphoreFullException) { /* another was quicker */ }
        catch (ObjectDisposedException) { /* it has stopped; this came late */ }
    }

    async Task Sleep(TimeSpan longest, CancellationToken stop)
    {
        using var timer = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timer.Token);
        try { await awake.WaitAsync(either.Token); }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested) { /* slept long enough */ }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "The worker waits for the database: {Why}")]
        public static partial void Away(ILogger log, string why);

        [LoggerMessage(Level = LogLevel.Error, Message = "The worker met a defect and goes on")]
        public static partial void Defect(ILogger log, Exception e);

        [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} steps did not end; their leases run out and they are taken again")]
        public static partial void LeftBehind(ILogger log, int count);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Kind} {Operation} broke off; its lease runs out and it is taken again")]
        public static partial void Broken(ILogger log, string kind, string operation, Exception e);
    }
}
