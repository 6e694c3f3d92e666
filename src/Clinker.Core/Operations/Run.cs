using System.Text.Json;
using Clinker.Drivers;
using Clinker.Outside;
using Clinker.Scheduling;
using Clinker.Store;
using Microsoft.Extensions.Logging;

namespace Clinker.Operations;

/// <summary>What a worker works with.</summary>
/// <param name="Drivers">By queue (<c>host@backend</c>): the backends that this process serves.</param>
/// <param name="Lease">How long a lease lasts without being renewed.</param>
public sealed record Means(
    Database Db, IReadOnlyDictionary<string, Driver> Drivers, SchedulingSettings Scheduling, TimeSpan Lease)
{
    /// <summary>From images and to them; null without an image service.</summary>
    public ImageCopies? Images { get; init; }
    /// <summary>Where backups are kept; null where none is configured.</summary>
    public BackupStore? Backups { get; init; }
    /// <summary>The compute service; null without one.</summary>
    public Compute? Compute { get; init; }
    /// <summary>Told of each operation that has ended here: done, or failed by a fault and undone. Must not throw. A daemon that dies may not come to it.</summary>
    public Action<OperationRow, Fault?>? Ended { get; init; }
}

/// <summary>One lease of one operation: runs it until it ends, is put back, is handed over, or is lost.</summary>
sealed partial class Run : IDisposable
{
    readonly OperationKinds kinds;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly CancellationToken stopping;
    readonly CancellationTokenSource leased;

    readonly Lock clock = new();
    long leasedAt;

    /// <param name="leasedAt">The timestamp from before the lease was asked for: it runs from then, however long the answer took.</param>
    /// <param name="stopping">The daemon is to stop: no further step begins.</param>
    /// <param name="abandon">The time that a stopping daemon gives to running steps is over.</param>
    public Run(OperationRow row, Means means, OperationKinds kinds, TimeProvider time, long leasedAt, ILogger log,
        CancellationToken stopping, CancellationToken abandon)
    {
        Row = row;
        Means = means;
        Queue = row.Queue;
        this.kinds = kinds;
        this.time = time;
        this.log = log;
        this.stopping = stopping;
        this.leasedAt = leasedAt;
        LeaseEnd = new CancellationTokenSource(Left(leasedAt), time);
        Progress = new(Told);
        told = leasedAt;
        leased = CancellationTokenSource.CreateLinkedTokenSource(LeaseEnd.Token, abandon);
    }

    public OperationRow Row { get; }
    public TimeProvider Time => time;
    public Means Means { get; }
    public string Queue { get; set; }
    public CancellationToken Token => leased.Token;

    /// <summary>Fires when the lease has run out by this host's own clock: a worker that could not renew stops by itself.</summary>
    CancellationTokenSource LeaseEnd { get; }

    /// <summary>What moves data tells it here: kept in the operation's row.</summary>
    public Progress Progress { get; }

    /// <summary>It was taken back from whoever had it: this run has done nothing of it but undo.</summary>
    public bool WasCancelled { get; private set; }

    Saga? saga;
    int attempts = -1;
    volatile bool cancelled;
    long told;
    int telling;
    Task lastTold = Task.CompletedTask;
    bool ended;

    /// <summary>What is woken when it is taken from here.</summary>
    public string LeaseName => field ??= OperationTable.LeaseName(Row.Id, Row.Generation);

    /// <summary>Whether the lease is over, by this host's clock or since another has it.</summary>
    public bool IsLost => LeaseEnd.IsCancellationRequested;

    /// <summary>The lease was renewed. It runs from when that was asked, so it never ends later here than in the database.</summary>
    public void Renewed(long asked)
    {
        lock (clock)
        {
            if (ended || asked < leasedAt || LeaseEnd.IsCancellationRequested) return;
            leasedAt = asked;
            LeaseEnd.CancelAfter(Left(asked));
        }
    }

    /// <summary>The lease is somebody else's now.</summary>
    public void Lost()
    {
        try { LeaseEnd.Cancel(); }
        catch (ObjectDisposedException) { /* the run has ended meanwhile */ }
    }

    /// <summary>It was cancelled: the lease is nobody's now.</summary>
    public void Cancelled()
    {
        cancelled = true;
        Lost();
    }

    public void Progressed() => attempts = 0;

    TimeSpan Left(long asked)
    {
        var left = Means.Lease - time.GetElapsedTime(asked);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Asked before each act.</summary>
    public void MayGoOn()
    {
        if (LeaseEnd.IsCancellationRequested) throw new LostLease();
        if (stopping.IsCancellationRequested) throw new Stopping();
    }

    /// <summary>For drivers, before they publish: a word of the database, not of this host's clock.</summary>
    public async Task StillHeld()
    {
        if (!await Means.Db.Read(tx => tx.Operations.Holds(Row.Id, Row.Generation))) throw new LostLease();
    }

    /// <summary>Writes the progress down beside the work, once a second at most; what comes after that goes with the next entry of the journal.</summary>
    void Told()
    {
        if (time.GetElapsedTime(Volatile.Read(ref told)) < BetweenTold || Interlocked.Exchange(ref telling, 1) == 1) return;
        Volatile.Write(ref told, time.GetTimestamp());
        lastTold = Tell();

        async Task Tell()
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // whoever moves the data goes on
            try
            {
                if (Progress.Now is { } now && !IsLost) await Means.Db.Commit(tx => tx.Operations.NoteMoved(Row.Id, Row.Generation, now));
            }
            catch (FaultException) { /* the next one is told */ }
            finally { Volatile.Write(ref telling, 0); }
        }
    }

    static readonly TimeSpan BetweenTold = TimeSpan.FromSeconds(1);

    /// <summary>As <see cref="StillHeld"/>, and written down.</summary>
    public async Task ComesToReplace()
    {
        if (!await Means.Db.Commit(tx => tx.Operations.ComesToReplace(Row.Id, Row.Generation))) throw new LostLease();
    }

    public async Task Go()
    {
        try { await UntilItStops(); }
        catch (FaultException e) when (e.Fault is Fault.Unavailable)
        {
            // The database is away. The row is as it was; the lease runs out and the operation is taken again.
            Log.Later(log, Row.Kind, Row.Id, attempts, e.Message, Row.RequestId);
        }
        finally { await lastTold; }
    }

    async Task UntilItStops()
    {
        attempts = Row.Attempts;
        try
        {
            if (kinds.Find(Row.Kind) is null)
            {
                await Stick(new Fault.Misconfigured(
                    $"This program does not know operations of kind {Row.Kind}: start the newer program, then resume it."));
                return;
            }
            if (kinds.Read(Row) is not { } operation)
            {
                await Stick(new Fault.Misconfigured(
                    "This program can't read its arguments: start the program that wrote them, then resume it."));
                return;
            }
            var entries = await Means.Db.Read(tx => tx.Operations.Journal(Row.Id));
            if (!entries.Exists(JournalEvent.IsFault))
            {
                saga = new Saga(this, entries);
                try
                {
                    await operation.Run(saga);
                    if (!saga.Finished) await saga.Finish(_ => Task.CompletedTask);
                    Log.Done(log, Row.Kind, Row.Id, Row.About.Kind, Row.About.Id, Row.RequestId);
                    Means.Ended?.Invoke(Row, null);
                    return;
                }
                catch (Exception e) when (ToFault(e) is { } fault)
                {
                    var failures = e is FaultException { Waits: true } ? Math.Min(attempts + 1, Backoff.WhileWaiting) : attempts + 1;
                    if (e is FaultException { Waits: true, Pause: { } pause })
                    {
                        await PutBack(pause, attempts, null);
                        Log.Waits(log, Row.Kind, Row.Id, fault.Message, Row.RequestId);
                        return;
                    }
                    if (fault.Transient && failures < Backoff.MaxAttempts)
                    {
                        await PutBack(Backoff.After(failures - 1), failures, fault);
                        Log.Later(log, Row.Kind, Row.Id, failures, fault.Message, Row.RequestId);
                        return;
                    }
                    Log.Fault(log, Row.Kind, Row.Id, fault.Message, Row.RequestId, e is FaultException ? e.InnerException : e);
                    await TurnRound(fault);
                    attempts = 0;
                }
            }
            await Unwind(operation);
        }
        catch (UnknownStep e) { await Stick(new Fault.Misconfigured(e.Message)); }
        catch (HandedOver) { /* the row says who goes on */ }
        catch (LostLease) { LeaseIsLost(null); }
        catch (Stopping) { await PutBack(TimeSpan.Zero, attempts, null); }
        catch (Exception e) when (IsLost) { LeaseIsLost(e); }
        catch (Exception e) when (Token.IsCancellationRequested)
        {
            Log.BrokenOff(log, Row.Kind, Row.Id, Row.RequestId, e);
            await PutBack(TimeSpan.Zero, attempts, null);
        }
    }

    void LeaseIsLost(Exception? e)
    {
        if (cancelled) Log.Cancelled(log, Row.Kind, Row.Id, Row.RequestId);
        else Log.Lost(log, Row.Kind, Row.Id, Row.Generation, Row.RequestId, e);
    }

    /// <summary>
    /// What an exception of the run means; null for those that are no failure. What is thrown after the token has ended proves
    /// nothing, whatever it says (a tool that was killed says that it failed): the next run finds out.
    /// </summary>
    Fault? ToFault(Exception e) => e switch
    {
        HandedOver or LostLease or Stopping or UnknownStep => null,
        _ when Token.IsCancellationRequested => null,
        FaultException { Fault: var fault } => fault,
        _ => new Fault.Bug(Row.RequestId),
    };

    Task TurnRound(Fault fault) => Fenced("turn round", async tx =>
    {
        await tx.Operations.Journal(Row.Id, "", JournalEvent.Fault, JsonSerializer.Serialize(fault, CoreJson.Default.Fault));
        if (saga?.Untouched is { } step) await tx.Operations.Journal(Row.Id, step, JournalEvent.Undone, JournalEvent.Untouched);
        await tx.Operations.Unwind(Row.Id, fault);
    });

    /// <summary>
    /// Always from the journal, also in the run that failed: that run may have failed before it came to steps that an earlier
    /// one had done.
    /// </summary>
    async Task Unwind(Operation operation)
    {
        try
        {
            var entries = await Means.Db.Read(tx => tx.Operations.Journal(Row.Id));
            var fault = JsonSerializer.Deserialize(
                entries.Find(JournalEvent.IsFault)!.Data!, CoreJson.Default.Fault)!;
            WasCancelled = fault is Fault.Cancelled;
            saga = new Saga(this, entries);
            try { await operation.Run(saga); }
            catch (TurnedRound) { /* the replay has come to where it failed */ }
            catch (Exception e) when (saga!.KnowsAllSteps && ToFault(e) is not (null or Fault.Unavailable))
            {
                // It failed between steps: it fails there again.
            }
            saga.MustKnowAllSteps();
            await saga.Unwind();
            await Fenced("failed", async tx =>
            {
                await operation.Failed(tx, fault, Row);
                await tx.Operations.End(Row.Id, Row.Generation, OperationStatus.Failed, fault);
            });
            Means.Ended?.Invoke(Row, fault);
        }
        catch (Exception e) when (ToFault(e) is { } another)
        {
            // If what is unavailable is the database, the next line that asks for it says so too, and ends the run.
            Log.UndoFailed(log, Row.Kind, Row.Id, attempts + 1, another.Message, Row.RequestId, e is FaultException ? e.InnerException : e);
            if (attempts + 1 < (another.Transient ? Backoff.MaxUndoAttempts : Backoff.MaxAttempts))
                await PutBack(Backoff.After(attempts), attempts + 1, null);
            else await Stick(another);
        }
    }

    /// <summary>Its fault is then what keeps it; the one that turned it round stays in the journal.</summary>
    async Task Stick(Fault why)
    {
        Log.Stuck(log, Row.Kind, Row.Id, Row.About.Kind, Row.About.Id, why.Message,
            why.Transient ? "It is tried again when its backend serves." : "Mend the cause, then resume it.", Row.RequestId);
        await Means.Db.Commit(tx => tx.Operations.Stick(
            Row.Id, Row.Generation, why, why.Transient ? tx.Now + Backoff.StuckPause : null));
    }

    Task PutBack(TimeSpan delay, int tried, Fault? because) => Means.Db.Commit(async tx =>
    {
        if (await tx.Operations.PutBack(Row, tx.Now + delay, tried, because) && saga?.Untouched is { } step)
            await tx.Operations.JournalUntouched(Row.Id, step, Row.Generation);
    });

    /// <summary>A transaction of the leaseholder; renews the lease.</summary>
    public async Task<T> Fenced<T>(string name, Func<Tx, Task<T>> work)
    {
        if (IsLost) throw new LostLease();
        var asked = time.GetTimestamp();
        var result = await Means.Db.Commit(async tx =>
        {
            if (!await tx.Operations.Fence(Row.Id, Row.Generation, Means.Lease, Progress.Now)) throw new LostLease();
            return await work(tx);
        }, name);
        Renewed(asked);
        return result;
    }

    Task Fenced(string name, Func<Tx, Task> work) => Fenced(name, async tx => { await work(tx); return true; });

    public void Dispose()
    {
        lock (clock) ended = true;
        leased.Dispose();
        LeaseEnd.Dispose();
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} {Operation} done: {AboutKind} {AboutId} [{Request}]")]
        public static partial void Done(ILogger log, string kind, string operation, string aboutKind, string aboutId, string? request);

        [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Operation} will be tried again (attempt {Attempt}): {Why} [{Request}]")]
        public static partial void Later(ILogger log, string kind, string operation, int attempt, string why, string? request);

        [LoggerMessage(Level = LogLevel.Debug, Message = "{Kind} {Operation}: {Why} [{Request}]")]
        public static partial void Waits(ILogger log, string kind, string operation, string why, string? request);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Kind} {Operation} failed and is undone: {Why} [{Request}]")]
        public static partial void Fault(ILogger log, string kind, string operation, string why, string? request, Exception? cause);

        [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Operation} could not undo (attempt {Attempt}): {Why} [{Request}]")]
        public static partial void UndoFailed(
            ILogger log, string kind, string operation, int attempt, string why, string? request, Exception? cause);

        [LoggerMessage(Level = LogLevel.Critical,
            Message = "{Kind} {Operation} is stuck ({AboutKind} {AboutId}): {Why} {Then} [{Request}]")]
        public static partial void Stuck(
            ILogger log, string kind, string operation, string aboutKind, string aboutId, string why, string then, string? request);

        [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Operation}: lease {Generation} lost, another worker goes on [{Request}]")]
        public static partial void Lost(ILogger log, string kind, string operation, long generation, string? request, Exception? e);

        [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} {Operation} is cancelled, and undone by whoever takes it next [{Request}]")]
        public static partial void Cancelled(ILogger log, string kind, string operation, string? request);

        [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} {Operation} is broken off, since the daemon stops [{Request}]")]
        public static partial void BrokenOff(ILogger log, string kind, string operation, string? request, Exception e);
    }
}

/// <summary>How long to wait before the next try, and how often to try.</summary>
static class Backoff
{
    /// <summary>Failures in a row before a transient fault counts as one that lasts, or an undo as stuck: about three minutes.</summary>
    public const int MaxAttempts = 14;

    /// <summary>As how many failures in a row it counts that other work of ours has not ended yet: so it is asked for every second or two.</summary>
    public const int WhileWaiting = 5;

    /// <summary>
    /// The same for an undo whose fault is transient: about an hour. Until then nobody can do more than wait for the backend
    /// either; after that somebody is called.
    /// </summary>
    public const int MaxUndoAttempts = 130;

    /// <summary>How long what is stuck since its backend is away rests at least before it is tried again.</summary>
    public static readonly TimeSpan StuckPause = TimeSpan.FromMinutes(1);

    static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    public static TimeSpan After(int attempts) =>
        TimeSpan.FromTicks(Math.Min(Longest.Ticks, First.Ticks << Math.Min(attempts, 12)));
}
