using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Flattening a volume that a virtual machine has, where its hypervisor alone can do that (docs/adr/0010). The order of events:
///
///  1. The backend notes what the file that is open stands on; no snapshot is begun from then on, since which file is open has to stay certain.
///  2. The compute service is asked to take all of that up into it. Asked again, it refuses what is under way, and has nothing to do when it is done.
///  3. The operation is put back, and waits for the word, as in <see cref="AssistedMerge"/>.
///  4. If by what the file says, and by what is in it, the volume stands on nothing, the backend gives up what it stood on. The word does not tell.
///     If it does stand on it, and nobody has the volume any more, it is flattened here; else all stays as it is, and the operation fails.
/// </summary>
public static class AssistedFlatten
{
    const string Verb = "flatten the volume";

    /// <summary>Whether it is for the compute service to do.</summary>
    /// <exception cref="FaultException">DriverFailed: it would be, and nobody can help. Nothing was done.</exception>
    internal static async Task<bool> IsNeeded(Saga saga, Volume volume)
    {
        if (!await AssistedSnapshot.IsNeeded(saga, volume.Id) || !await saga.Driver.MayPull(volume, saga.Work)) return false;
        await AssistedSnapshot.Demand(saga, volume.Id, Verb);
        return true;
    }

    /// <summary>Does it, in steps, for an operation that has the turn at the volume's files.</summary>
    /// <exception cref="FaultException">DriverFailed: the volume stands on what it stood on.</exception>
    internal static async Task Run(Saga saga, Volume volume)
    {
        var mayCome = false; // as far as the journal says
        await saga.Step(AssistedMerge.MergeStep, () => saga.Driver.BeginPull(volume, saga.Work), undo: async () =>
        {
            var asked = mayCome && !await saga.Read(tx => tx.Operations.WasUntouched(saga.Row.Id, AskStep));
            await Ended(saga, volume, asked, orLeft: true);
        });
        mayCome = true;
        var no = await saga.Step(AskStep, () => Ask(saga, volume.Id));
        mayCome = no is null;
        var word = no is null ? await saga.Commit(WordStep, tx => AssistedMerge.Word(tx, saga.Row.Id, volume.Id, AssistedMerge.Again)) : null;
        if (await saga.Step(AssistedMerge.MergedStep, () => Ended(saga, volume, mayCome))) return;
        throw new Fault.DriverFailed(Verb, no ?? (word == AssistedSnapshot.Nothing
            ? $"the compute service did not say within {AssistedMerge.Patience.TotalHours:0} hours what came of it. No snapshot is taken until it is known, or the volume is detached: flatten it again."
            : "the compute service has ended, and the volume is not flat: the log of the server's host tells why. Flatten it again, or detach it first.")).Thrown();
    }

    const string AskStep = AssistedMerge.AskStep + AssistedMerge.Again, WordStep = AssistedMerge.WordStep + AssistedMerge.Again;

    /// <summary>Why nothing comes of it; null: it was asked for, or may have been.</summary>
    static async Task<string?> Ask(Saga saga, string volumeId)
    {
        try
        {
            await saga.Compute.Pull(volumeId, saga.Row.Id, saga.Work.Token);
            return null;
        }
        catch (FaultException e) when (e is { NothingDone: true, Fault.Transient: false }) { return e.Message; }
        catch (FaultException e) when (!e.NothingDone) { return null; }
    }

    /// <summary>Whether the volume is flat; what it stood on is given up then.</summary>
    /// <param name="orLeft">Whether it is left as it is otherwise.</param>
    static async Task<bool> Ended(Saga saga, Volume volume, bool mayCome, bool orLeft = false)
    {
        try
        {
            if (await saga.Driver.EndPull(volume, mayCome, saga.Work)) return true;
        }
        catch (FaultException e) when (e.Waits)
        {
            if (orLeft || await saga.Read(tx => IsLate(tx, saga.Row.Id))) return false;
            throw;
        }
        catch (FaultException e) when (orLeft && !e.Fault.Transient) { return false; } // it stays noted
        if (orLeft || await Writers.Any(saga, volume.Id)) return false;
        await saga.Driver.Flatten(volume with { Status = VolumeStatus.Available, AttachStatus = AttachStatus.Detached }, saga.Work);
        return true;
    }

    static async Task<bool> IsLate(Tx tx, string operation) =>
        (await tx.Operations.Journal(operation)).Find(e => e is { Step: AskStep, Event: JournalEvent.Done })!.At + AssistedMerge.Patience <= tx.Now;
}
