using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>
/// A snapshot of a volume that a virtual machine has, taken with the compute service's help (docs/adr/0010). The order of events is what others
/// trust in:
///
///  1. The backend makes a file that stands on the one that is open, and notes that the volume may begin with either.
///  2. The compute service is asked, once: to have the virtual machine go over to a file a second time fails although the first time it did not,
///     and a failure is what has the file removed. Whoever takes over does not ask again if he can't be sure that nobody has.
///  3. The operation is put back, and waits for the word: os-update_snapshot_status with creating and 90%, or with error.
///  4. Gone over: the backend notes that the volume begins with the new file; attachments get what hosts are to be told now; available. So it is,
///     too, where something is in the new file, whatever was said or not: a host that began with the old one then would lose that.
///     Refused or failed: the file is removed.
///     No word in time: the snapshot is in error, and the file stays noted as in 1. Both files together always hold all that was written, so it
///     is the one to begin with as soon as nobody has the volume any more, whichever of the two was written to.
/// </summary>
public static class AssistedSnapshot
{
    /// <summary>What the compute service says when its part is done, well or not.</summary>
    public const string Done = "90%";

    /// <summary>How long it may take (Cinder: RemoteFSSnapDriverDistributed, _create_snapshot_online).</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>How often the operation looks whether the time is over. A word wakes it at once.</summary>
    static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    internal const string Verb = "take snapshots of volumes in use";
    internal const string AskStep = "ask", WordStep = "word", Went = "went", Failed = "failed", Nothing = "nothing";
    const string FileStep = "file";

    /// <summary>Whether a snapshot of the volume, as it is used now, needs the compute service.</summary>
    internal static async Task<bool> IsNeeded(Saga saga, string volumeId) =>
        MayBeNeeded(saga) && await Writers.Any(saga, volumeId);

    /// <summary>Whether one of any volume of the backend would, were it in use: its files have to change for it.</summary>
    internal static bool MayBeNeeded(Saga saga) =>
        saga.Driver.Can.HasFlag(Abilities.SnapshotsAssisted) && !saga.Driver.Can.HasFlag(Abilities.SnapshotsAttached);

    /// <summary>Whether the compute service may have been asked.</summary>
    internal static bool HasBegun(IEnumerable<JournalEntry> journal) => journal.Any(e => e is { Step: FileStep, Event: JournalEvent.Done });

    /// <summary>Refuses what nobody could help with.</summary>
    /// <exception cref="FaultException">DriverFailed; nothing was done.</exception>
    internal static async Task Demand(Saga saga, string volumeId, string what = Verb)
    {
        if (await WhyNot(saga, volumeId) is { } why) throw new FaultException(new Fault.DriverFailed(what, why)) { NothingDone = true };
    }

    /// <summary>Why the compute service can't help with a volume that is in use; null: it can.</summary>
    internal static async Task<string?> WhyNot(Saga saga, string volumeId)
    {
        var uses = await saga.Read(tx => tx.Attachments.Of(volumeId));
        return saga.Means.Compute is null
                ? "the compute service has to help, and the configuration of this host does not say where it is: write the section [nova]."
            : uses.Exists(u => u.ServerId is null) ? "a host has the volume for itself, and no virtual machine."
            : uses.DistinctBy(u => u.ServerId).Count() > 1 ? "several virtual machines have the volume."
            : null;
    }

    /// <summary>Takes it, in steps; for the end of the operation what the hosts are to be told from now on.</summary>
    /// <param name="what">What can't be done without it.</param>
    /// <exception cref="FaultException">DriverFailed: it was refused, it failed, or it is not known what came of it.</exception>
    internal static async Task<IReadOnlyList<Renewed>> Take(Saga saga, Volume volume, Snapshot snapshot, string what = Verb)
    {
        var mayBeUsed = false; // as far as the journal says
        var file = await saga.Step(FileStep,
            () => saga.Driver.BeginSnapshot(volume, snapshot, saga.Work),
            undo: async () =>
            {
                if (!mayBeUsed || await saga.Read(tx => tx.Operations.WasUntouched(saga.Row.Id, AskStep)))
                    await saga.Driver.DropSnapshot(volume, snapshot, saga.Work);
            });
        mayBeUsed = true;
        if (await saga.Once(AskStep, () => Ask(saga, volume, snapshot, file), otherwise: null) is { } no)
        {
            mayBeUsed = false;
            throw new Fault.DriverFailed(what, no).Thrown();
        }
        var word = await saga.Commit(WordStep, tx => Word(tx, saga.Row.Id, AskStep, WordStep, Patience, Pause));
        mayBeUsed = word != Failed;
        if (word != Went && !await saga.Step("look", () => saga.Driver.HasGoneOver(volume, snapshot, saga.Work)))
            throw new Fault.DriverFailed(what, word == Failed
                ? "the compute service says that it failed; its log tells why."
                : $"the compute service did not say within {Patience.TotalMinutes:0} minutes what came of it. {file} stays, since the virtual "
                    + $"machine may be writing to it: {(what == Verb ? "delete this snapshot, and " : "")}detach the volume before the next one is taken.").Thrown();
        mayBeUsed = true;
        await saga.Step("note", () => saga.Driver.EndSnapshot(volume, snapshot, saga.Work));
        return await saga.Step("hosts", () => Connections.Renew(saga, volume));
    }

    /// <summary>Why nothing comes of it; null: it was asked for, or may have been.</summary>
    static async Task<string?> Ask(Saga saga, Volume volume, Snapshot snapshot, string file)
    {
        try
        {
            await saga.Compute.TakeSnapshot(volume.Id, snapshot.Id, file, saga.Work.Token);
            return null;
        }
        catch (FaultException e) when (e is { NothingDone: true, Fault.Transient: false }) { return e.Message; }
        catch (FaultException e) when (!e.NothingDone) { return null; }
    }

    /// <summary>What the compute service said of what it was asked; <see cref="Nothing"/> when the time for that is over.</summary>
    /// <exception cref="FaultException">Unavailable: it has not said it yet.</exception>
    internal static async Task<string> Word(Tx tx, string operation, string askStep, string wordStep, TimeSpan patience, TimeSpan pause)
    {
        var journal = await tx.Operations.Journal(operation);
        if (journal.Find(e => e.Step == wordStep && e.Event == JournalEvent.Told) is { } told) return told.Data!;
        var left = journal.Find(e => e.Step == askStep && e.Event == JournalEvent.Done)!.At + patience - tx.Now;
        if (left <= TimeSpan.Zero) return Nothing;
        throw new FaultException(new Fault.Unavailable("The compute service is at work: this waits for its word."))
        {
            Waits = true,
            Pause = left < pause ? left : pause,
        };
    }

    /// <summary>
    /// The word of the compute service; false when nobody waits for it, since none was asked for, or it came too late. From the first word on the
    /// operation knows what to do: a later one changes nothing.
    /// </summary>
    /// <param name="snapshotId">Of one that has no row, the operation's.</param>
    /// <param name="well">Whether the virtual machine has gone over.</param>
    public static async Task<bool> Tell(Tx tx, string snapshotId, bool well) =>
        await tx.Operations.Tell(new("snapshot", snapshotId), FileStep, WordStep, well ? Went : Failed) is not null
        || await tx.Operations.TellOne(snapshotId, FileStep, WordStep, well ? Went : Failed);
}
