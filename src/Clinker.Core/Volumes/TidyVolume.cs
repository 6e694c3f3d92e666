using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Makes a volume consist of no more files than need be, when nobody asked for it and nobody has the volume. So it is in nobody's way:
/// <list type="bullet">
/// <item>It has no status and is no work on the volume, but on its files: whatever is asked for meanwhile is accepted, and waits for the turn at
/// them (<see cref="FilesTurn"/>), which this takes only while nobody wants the volume.</item>
/// <item>As soon as somebody does, it ends at once. What it did so far is taken back, or of no harm: cut anywhere, every byte stays what it is.</item>
/// </list>
/// </summary>
/// <param name="Flattens">Whether what others stand on too is copied into it.</param>
public sealed record TidyVolume(string VolumeId, bool Flattens) : Operation
{
    const string BeginStep = "begin", TidyStep = "tidy";

    /// <summary>How often it asks whether somebody wants the volume.</summary>
    static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>How long a volume is left alone for which this failed, or was cancelled.</summary>
    static readonly TimeSpan RestAfterFailure = TimeSpan.FromDays(1);

    protected internal override About About => AboutFiles(VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.TidyVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    static About AboutFiles(string volumeId) => new("files", volumeId);

    /// <summary>Whether one is under way in a backend's queue.</summary>
    public static Task<bool> AnyIn(Tx tx, string queue) => tx.Operations.AnyIn(queue, nameof(TidyVolume));

    /// <summary>
    /// Begins it, if nobody has the volume, nobody is at work on it, there is room for what is written, and no other is under way in the
    /// backend; false when that is not so.
    /// </summary>
    public static async Task<bool> TryAccept(Tx tx, Untidy what, string queue, string operationId)
    {
        await tx.InTurn(Turn.Tidying);
        if (await AnyIn(tx, queue) || await tx.Operations.FailedSince(AboutFiles(what.VolumeId), tx.Now - RestAfterFailure)) return false;
        if (await tx.Services.Find(queue, ServiceTable.VolumeBinary) is { Frozen: true }) return false;
        if (await tx.Volumes.Find(what.VolumeId, @lock: true) is not { } volume || !await IsQuiet(tx, volume, queue)) return false;
        if (await FilesTurn.IsWanted(tx, volume.FileId)) return false;
        if ((await tx.Pools.List()).Find(p => p.Name == volume.Host) is not { Down: null } pool || what.Bytes > RoomIn(pool)) return false;
        await tx.Operations.Start(operationId, new TidyVolume(volume.Id, what.Flattens), queue, volume.ProjectId, requestId: null);
        return true;
    }

    static double RoomIn(Pool pool) => (pool.FreeGb - pool.TotalGb * pool.ReservedPercentage / 100) * (1L << 30);

    static async Task<bool> IsQuiet(Tx tx, Volume volume, string queue) =>
        volume is { IsQuiet: true, Host: { } host } && PoolName.Parse(host).Queue == queue && !await tx.Attachments.Any(volume.Id);

    /// <summary>For what is done without an operation: has it end that is under way with a volume's files, and gives its id; null when none is.</summary>
    public static async Task<string?> SendAway(Tx tx, string volumeId)
    {
        if (!await FilesTurn.IsTaken(tx, volumeId)) return null;
        return await tx.Operations.Tell(AboutFiles(volumeId), BeginStep, TidyStep, "somebody wants the volume");
    }

    public override async Task Run(Saga saga)
    {
        if (await saga.Commit(BeginStep, tx => Begin(tx, saga.Row)))
        {
            var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // where and what its files are stays so until the end
            await saga.Try(TidyStep,
                () => Tidy(saga, volume),
                undo: () => saga.Driver.Abandon(volume, saga.Work),
                fault => fault is Fault.Conflict);
        }
        await saga.Finish(tx => LetGo(tx, saga.Row));
    }

    async Task<bool> Begin(Tx tx, OperationRow row) =>
        await tx.Volumes.Find(VolumeId, @lock: true) is { } volume && await IsQuiet(tx, volume, row.Queue) && await FilesTurn.TryTake(tx, row, volume.FileId);

    /// <exception cref="FaultException">Conflict: somebody wants the volume.</exception>
    async Task<bool> Tidy(Saga saga, Volume volume)
    {
        if (await IsWanted(saga, volume)) throw GivesWay();
        using var wanted = CancellationTokenSource.CreateLinkedTokenSource(saga.Work.Token);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(saga.Work.Token);
        var watch = Watch(saga, volume, wanted, over.Token);
        try
        {
            await saga.Driver.Tidy(volume, Flattens, saga.Work with { Token = wanted.Token });
            return true;
        }
        // What is thrown after the token has ended proves nothing, whatever it says.
        catch (Exception e) when (wanted.IsCancellationRequested && !saga.Work.Token.IsCancellationRequested) { throw GivesWay(e); }
        finally
        {
            await over.CancelAsync();
            await watch;
        }
    }

    static async Task Watch(Saga saga, Volume volume, CancellationTokenSource wanted, CancellationToken over)
    {
        while (!wanted.IsCancellationRequested)
            try
            {
                await Task.Delay(LookInterval, saga.Time, over);
                if (await IsWanted(saga, volume)) await wanted.CancelAsync();
            }
            catch (OperationCanceledException) { return; /* it has ended before */ }
            catch (FaultException e) when (e.Fault is Fault.Unavailable) { /* without the database nobody begins with anything either */ }
    }

    static Task<bool> IsWanted(Saga saga, Volume volume) => saga.Read(async tx =>
        await FilesTurn.IsWanted(tx, volume.FileId)
        || (await tx.Operations.Journal(saga.Row.Id)).Exists(e => e is { Step: TidyStep, Event: JournalEvent.Told }));

    FaultException GivesWay(Exception? cause = null) => new Fault.Conflict($"Somebody wants volume {VolumeId}: its files stay as they are for now.").Thrown(cause);

    async Task LetGo(Tx tx, OperationRow row)
    {
        tx.Tell(row);
        await Turns.Next(tx, row, VolumeId);
    }

    /// <summary>Nobody asked for it, so nobody is told.</summary>
    public override Task Failed(Tx tx, Fault fault, OperationRow row) => LetGo(tx, row);
}
