using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>
/// A volume in use as it was at one moment, for an operation that reads it: a snapshot that has no row, since nobody but the operation
/// knows of it, and goes before it ends. Where the backend can copy at one moment it is a copy; who takes one holds its id, so nobody takes its file
/// for left over. Where the volume's files have to change for it (<see cref="IsFrozen"/>) it is a snapshot as any other, taken with the compute
/// service's help if a virtual machine has the volume. That asks for it by the operation's id: <see cref="Find"/>.
/// </summary>
/// <param name="IsFrozen">Whether it is a part of the volume's files.</param>
public sealed record Moment(Snapshot Snapshot, bool IsFrozen)
{
    const string TakeStep = "moment", OverStep = "over", GoStep = "let go";

    /// <summary>Takes it, in steps, for an operation that has passed (<see cref="FilesTurn.Pass"/>); its undo lets go of it.</summary>
    /// <param name="id">Of a copy.</param>
    /// <param name="what">What the backend can't do if a host still has the volume: "upload volumes in use".</param>
    public static async Task<Moment> Take(Saga saga, Volume volume, string id, string what)
    {
        var copy = Of(volume, id);
        var isCopy = !AssistedSnapshot.MayBeNeeded(saga);
        isCopy = await saga.Step(TakeStep,
            async () =>
            {
                if (isCopy) await saga.Driver.CreateSnapshot(await Writers.ToCopy(saga, volume.Id, what), copy, saga.Work);
                return isCopy;
            },
            undo: () => isCopy ? saga.Driver.DeleteSnapshot(volume, copy, saga.Work) : Task.CompletedTask);
        if (isCopy) return new(copy, false);
        var frozen = Of(volume, saga.Row.Id);
        var quiet = await FilesTurn.TakeFor(saga, "turn", volume.Id);
        var hosts = await CreateSnapshot.InSteps(saga, volume, frozen, quiet, what);
        await saga.Commit(OverStep,
            async tx =>
            {
                await Connections.Note(tx, volume.Id, hosts);
                await FilesTurn.LetGo(tx, saga.Row, volume.Id); // reading may take hours
                return true;
            },
            undo: tx => FilesTurn.TakeBack(tx, saga.Row, volume.Id));
        return new(frozen, true);
    }

    /// <summary>Reads it, as a step, and lets go of it, however that ends.</summary>
    public async Task<T> Read<T>(Saga saga, Volume volume, string step, Func<Task<T>> read, Func<Task>? undo = null)
    {
        var (result, fault) = IsFrozen ? await saga.Try(step, read, undo ?? (() => Task.CompletedTask), _ => true) : (await saga.Step(step, read, undo), null);
        await LetGo(saga, volume);
        return fault is null ? result! : throw fault.Thrown();
    }

    /// <summary>In steps. What it leaves apart is put together if that can be.</summary>
    async Task LetGo(Saga saga, Volume volume)
    {
        var quiet = IsFrozen && await FilesTurn.TakeFor(saga, "turn back", volume.Id);
        if (quiet) volume = volume with { AttachStatus = AttachStatus.Detached };
        await saga.Step(GoStep, () => saga.Driver.DeleteSnapshot(volume, Snapshot, saga.Work, quiet || !IsFrozen));
        if (IsFrozen && !quiet) await AssistedMerge.Try(saga, volume, Snapshot.Id, AssistedMerge.Again);
    }

    /// <summary>Whether an operation that takes one may be cancelled: not while the compute service may be at it.</summary>
    public static bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => !AssistedSnapshot.HasBegun(journal) || Has(journal, OverStep);

    /// <summary>
    /// One for which the compute service was asked, by the id by which that was done, as it is to see it; null when there is none. It is asked for
    /// until it is not creating any more: from then on hosts are told of the new file, and the answer stays for as long as ended operations are
    /// remembered, since who asks twice a second may come when all is over. The same way the compute service says what it has made of an <see cref="AssistedFlatten"/>.
    /// </summary>
    public static async Task<Snapshot?> Find(Tx tx, string id)
    {
        if (await tx.Operations.Get(id) is not { } row) return null;
        var journal = await tx.Operations.Journal(id);
        var isTaken = journal.Exists(e => e is { Step: TakeStep, Event: JournalEvent.Done, Data: "false" }) && AssistedSnapshot.HasBegun(journal);
        if (!isTaken && !(row.Kind == nameof(FlattenVolume) && AssistedMerge.HasBegun(journal))) return null;
        var volumeId = row.About.Kind == "volume" ? row.About.Id : (await tx.Backups.Find(row.About.Id))?.VolumeId;
        if (volumeId is null || await tx.Volumes.Find(volumeId) is not { } volume) return null;
        var hasEnded = row.Status is OperationStatus.Done or OperationStatus.Failed;
        var isLeft = hasEnded || journal.Exists(JournalEvent.IsFault);
        return Of(volume, id) with
        {
            CreatedAt = row.CreatedAt,
            Status = isTaken && !Has(journal, OverStep) ? isLeft ? SnapshotStatus.Error : SnapshotStatus.Creating
                : hasEnded ? SnapshotStatus.Deleted
                : !isTaken || isLeft || Has(journal, GoStep) ? SnapshotStatus.Deleting
                : SnapshotStatus.Available,
        };
    }

    static bool Has(IReadOnlyList<JournalEntry> journal, string step) => journal.Any(e => e.Step == step && e.Event == JournalEvent.Done);

    static Snapshot Of(Volume volume, string id) => new()
    {
        Id = id,
        ProjectId = volume.ProjectId,
        UserId = volume.UserId,
        VolumeId = volume.Id,
        SizeGb = volume.SizeGb,
        Status = SnapshotStatus.Creating,
        CreatedAt = volume.CreatedAt,
    };
}
