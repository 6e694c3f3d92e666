using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Snapshots;

/// <summary>
/// What a snapshot leaves apart in the files of a volume that a virtual machine has, put together with the compute service's help (docs/adr/0010).
/// The snapshot is gone from the storage before this begins, and nothing depends on what comes of this: whatever fails, the files stay as they
/// are, and the delete ends well. The order of events is what others trust in:
///
///  1. The backend says which file is to be written into the one under it, and notes that it goes then.
///  2. The compute service is asked. Asked again, it refuses what is under way or done.
///  3. The operation is put back, and waits for the word: os-update_snapshot_status with deleting and 90%, or with error_deleting.
///  4. The backend removes the file if, by what the files themselves say, the volume does not stand on it any more. The word alone does not tell:
///     it is said of a job that failed too (nova/virt/libvirt/guest.py, is_job_complete).
/// </summary>
public static class AssistedMerge
{
    /// <summary>How long it may take (Cinder: RemoteFSSnapDriverDistributed, _nova_assisted_vol_snap_delete).</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromHours(2);

    /// <summary>How often the operation looks whether the time is over. A word wakes it at once, and so does a host that lets go of the volume.</summary>
    static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    internal const string MergeStep = "merge", AskStep = AssistedSnapshot.AskStep, WordStep = AssistedSnapshot.WordStep, MergedStep = "merged";

    /// <summary>Behind the names of those steps that an operation of its own id has a second time, or might.</summary>
    internal const string Again = " again";

    /// <summary>Whether the hypervisor may have been asked.</summary>
    internal static bool HasBegun(IEnumerable<JournalEntry> journal) => journal.Any(e => e is { Step: MergeStep, Event: JournalEvent.Done });

    /// <summary>Tries it, in steps, for an operation that has the turn at the volume's files.</summary>
    /// <param name="again">Whether its id is the operation's, which has asked before: <see cref="Again"/>.</param>
    internal static async Task Try(Saga saga, Volume volume, string snapshotId, string again = "")
    {
        var merge = await saga.Step(MergeStep, async () => await Tried(saga, () => Begin(saga, volume)));
        if (merge is null) return;
        var no = await saga.Step(AskStep + again, () => Ask(saga, volume, snapshotId, merge));
        if (no is null) await saga.Commit(WordStep + again, tx => Word(tx, saga.Row.Id, volume.Id, again));
        await saga.Step(MergedStep, () => Tried(saga, async () =>
        {
            await saga.Driver.EndMerge(volume, mayCome: no is null, saga.Work);
            return merge;
        }));
    }

    static async Task<Merge?> Begin(Saga saga, Volume volume)
    {
        if (!await AssistedSnapshot.IsNeeded(saga, volume.Id) || await AssistedSnapshot.WhyNot(saga, volume.Id) is not null) return null;
        if (await saga.Read(tx => FilesTurn.AnyReader(tx, saga.Row, volume.Id))) return null;
        return await saga.Driver.BeginMerge(volume, saga.Work);
    }

    /// <summary>Null where it fails: what is not put together now is later.</summary>
    static async Task<Merge?> Tried(Saga saga, Func<Task<Merge?>> act)
    {
        try { return await act(); }
        catch (FaultException) when (!saga.Work.Token.IsCancellationRequested) { return null; }
    }

    /// <summary>Why nothing comes of it; null: it was asked for, or may have been.</summary>
    static async Task<string?> Ask(Saga saga, Volume volume, string snapshotId, Merge merge)
    {
        try
        {
            await saga.Compute.Merge(volume.Id, snapshotId, merge, saga.Work.Token);
            return null;
        }
        catch (FaultException e) { return e.NothingDone ? e.Message : null; }
    }

    internal static async Task<string> Word(Tx tx, string operation, string volumeId, string again) =>
        await AssistedSnapshot.Word(tx, operation, AskStep + again, WordStep + again, await tx.Attachments.Any(volumeId) ? Patience : TimeSpan.Zero, Pause);

    /// <summary>As <see cref="AssistedSnapshot.Tell"/>.</summary>
    /// <param name="well">Whether the hypervisor has done its part.</param>
    public static async Task<bool> Tell(Tx tx, string snapshotId, bool well) =>
        await tx.Operations.Tell(new("snapshot", snapshotId), MergeStep, WordStep, well ? AssistedSnapshot.Went : AssistedSnapshot.Failed) is not null
        || await tx.Operations.TellOne(snapshotId, MergeStep, WordStep + Again, well ? AssistedSnapshot.Went : AssistedSnapshot.Failed);
}
