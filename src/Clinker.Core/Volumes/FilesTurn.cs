using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Which files a volume consists of is changed by one operation at a time: a snapshot freezes the file that there is, a clone too, and what
/// is left of a snapshot may be put together with its neighbour. Who changes them keeps the turn until it ends; a host that is told where
/// the volume begins does so too. Who only reads waits until nobody changes them, and is seen by whoever comes after it.
/// </summary>
static class FilesTurn
{
    const string Step = OperationTable.TurnStep;
    /// <summary>What is about a volume and leaves its files as they are.</summary>
    static readonly string[] Readers = [.. Turns.Kinds, nameof(UploadVolume)];

    static About Of(string volumeId) => new("files", volumeId);

    /// <summary>Takes the turn for these volumes, as a step. Whether nobody reads or writes any of them: nobody will as long as it is kept.</summary>
    public static Task<bool> Take(Saga saga, params IReadOnlyList<string> volumeIds) => saga.Later(Step, tx => TakeAll(tx, saga.Row, volumeIds));

    /// <summary>The same as a step of another name, for an operation that has passed and comes to change the files after all.</summary>
    public static Task<bool> TakeFor(Saga saga, string step, string volumeId) => saga.Commit(step, tx => TakeAll(tx, saga.Row, [volumeId]));

    static async Task<bool> TakeAll(Tx tx, OperationRow row, IReadOnlyList<string> volumeIds)
    {
        var quiet = true;
        foreach (var id in volumeIds.Distinct().Order(StringComparer.Ordinal))
        {
            await Demand(tx, id);
            if (await tx.Operations.AnyOther(new("volume", id), Readers)) throw Changed(id);
            quiet &= !await tx.Attachments.Any(id) && !await tx.Operations.AnyReader(id, Step, otherThan: row.Id);
            await tx.Operations.Hold(row.Id, Of(id));
        }
        return quiet;
    }

    /// <summary>Lets others have it before the operation has ended, which only reads from then on.</summary>
    public static Task LetGo(Tx tx, OperationRow row, string volumeId) => tx.Operations.LetGo(row.Id, Of(volumeId));

    /// <summary>The undo of <see cref="LetGo"/>.</summary>
    public static async Task TakeBack(Tx tx, OperationRow row, string volumeId)
    {
        if (!await tx.Operations.Holds(row.Id, Of(volumeId))) await Take(tx, row, volumeId);
    }

    /// <summary>Whether somebody reads a volume or one of its snapshots, beside an operation that has the turn: nobody begins to as long as it does.</summary>
    public static Task<bool> AnyReader(Tx tx, OperationRow row, string volumeId) => tx.Operations.AnyReader(volumeId, Step, otherThan: row.Id);

    /// <summary>Has whoever keeps the turn look again, if he waits for a host that has let go of the volume.</summary>
    public static Task Nudge(Tx tx, string volumeId) => tx.Operations.Nudge(Of(volumeId));

    /// <summary>Waits, as a step, until nobody changes the files of these volumes. For what reads one, or has it for itself by its status.</summary>
    public static Task Pass(Saga saga, params IReadOnlyList<string> volumeIds) => saga.Later(Step, async tx =>
    {
        foreach (var id in volumeIds) await Demand(tx, id);
        return true;
    });

    /// <summary>
    /// Takes the turn, as a step, for an operation that is about the volume and replaces what its snapshots stand on: not before everybody has
    /// ended who reads or copies one of them, or makes a volume that is to stand on it.
    /// </summary>
    public static Task Keep(Saga saga, string volumeId) => saga.Later(Step, async tx =>
    {
        await Demand(tx, volumeId);
        if (await AnyReader(tx, saga.Row, volumeId))
            throw new FaultException(new Fault.Unavailable($"Volume {volumeId} or a snapshot of it is being read: this waits for that.")) { NothingDone = true, Waits = true };
        await tx.Operations.Hold(saga.Row.Id, Of(volumeId));
        return true;
    });

    /// <summary>Takes the turn in a transaction of the operation's own.</summary>
    public static async Task Take(Tx tx, OperationRow row, string volumeId)
    {
        await Demand(tx, volumeId);
        await tx.Operations.Hold(row.Id, Of(volumeId));
    }

    /// <summary>
    /// Takes the turn, in a transaction of the operation's own, if nobody at all is at work on a volume or reads it; false when somebody
    /// is.
    /// </summary>
    /// <param name="fileId">The id in the names of its files, which may be those of no volume any more, or of a snapshot.</param>
    public static async Task<bool> TryTake(Tx tx, OperationRow row, string fileId)
    {
        var id = (await tx.Volumes.OfFile(fileId))?.Id ?? fileId;
        await tx.Volumes.Find(id, @lock: true);
        if (await IsTaken(tx, id) || await IsWanted(tx, fileId)) return false;
        await tx.Operations.Hold(row.Id, Of(id));
        return true;
    }

    /// <summary>Whether somebody has the turn.</summary>
    public static Task<bool> IsTaken(Tx tx, string volumeId) => tx.Operations.Held(Of(volumeId));

    /// <summary>Whether anybody is at work on a volume or reads it, or waits for that.</summary>
    /// <param name="fileId">As in <see cref="TryTake"/>.</param>
    public static async Task<bool> IsWanted(Tx tx, string fileId)
    {
        var id = (await tx.Volumes.OfFile(fileId))?.Id ?? fileId;
        var snapshots = (await tx.Snapshots.Of(id)).Select(s => new About("snapshot", s.Id));
        foreach (var about in (About[])[new("volume", id), new("volume", fileId), new("snapshot", fileId), .. snapshots])
            if (await tx.Operations.Busy(about)) return true;
        return false;
    }

    static async Task Demand(Tx tx, string volumeId)
    {
        await tx.Volumes.Find(volumeId, @lock: true);
        if (await tx.Operations.Held(Of(volumeId))) throw Changed(volumeId);
    }

    static FaultException Changed(string volumeId) =>
        new(new Fault.Unavailable($"The files of volume {volumeId} are being changed: this waits for that.")) { NothingDone = true, Waits = true };
}
