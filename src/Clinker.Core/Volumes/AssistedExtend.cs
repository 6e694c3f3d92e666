using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Snapshots;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Growing a volume that a virtual machine has (docs/adr/0010). A raw file is made larger here, beside it; an image that QEMU has open QEMU
/// alone may make larger. The order of events:
///
///  1. What can be made larger here is.
///  2. The volume is said to be that large: by that the compute service knows how large the disk is to be, when its turn comes
///     (nova/compute/manager.py, extend_volume).
///  3. The server is told. Nova has QEMU resize the disk, and says nothing of how that went; a newer one may (os-extend_volume_completion).
///  4. The operation is put back, and looks again and again whether the file has grown. That decides, not the word.
///     It has not in time: the volume is said to be what it was, and a Nova that comes later makes it no larger.
/// </summary>
public static class AssistedExtend
{
    /// <summary>How long it may take. A hypervisor needs a moment; it may have to wait for its host's turn.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Between two looks as long as it has taken so far, within these.</summary>
    static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    const string Verb = "extend volumes in use", GrowStep = "grow", TellStep = "tell", GrownStep = "grown";

    /// <summary>Steps of which it is sure that the volume was what it was before if the operation has turned round there untouched.</summary>
    internal static readonly string[] Steps = [GrowStep, TellStep, GrownStep];

    /// <summary>Refuses what nobody could help with.</summary>
    /// <exception cref="FaultException">DriverFailed; nothing was done.</exception>
    internal static async Task Demand(Saga saga, string volumeId)
    {
        if (!saga.Driver.Can.HasFlag(Abilities.ExtendAssisted)) saga.Driver.Demand(Abilities.ExtendAttached, Verb);
        if (await AssistedSnapshot.WhyNot(saga, volumeId) is { } why) throw new FaultException(new Fault.DriverFailed(Verb, why)) { NothingDone = true };
    }

    /// <summary>Does it, in steps.</summary>
    /// <param name="volume">As it was before.</param>
    /// <param name="said">Told of the size that it had before, from when it is said to be larger.</param>
    /// <exception cref="FaultException">DriverFailed: it has not grown.</exception>
    internal static async Task Run(Saga saga, Volume volume, int toGb, Action<int> said)
    {
        var isLarge = await saga.Step(GrowStep, () => saga.Driver.ExtendInUse(volume, toGb, saga.Work));
        var before = volume.SizeGb;
        said(before = await saga.Commit("say",
            async tx =>
            {
                var now = await tx.Volumes.Get(volume.Id, @lock: true);
                await tx.Volumes.SaySize(volume.Id, toGb);
                return now.SizeGb;
            },
            undo: tx => tx.Volumes.SaySize(volume.Id, before)));
        await saga.Step(TellStep, () => Tell(saga, volume.Id, isLarge));
        await saga.Step(GrownStep, async () =>
        {
            if (!isLarge && !await saga.Driver.ExtendInUse(volume, toGb, saga.Work)) await Wait(saga, volume, toGb);
        });
    }

    /// <summary>What is that large already its server finds when it is started again, if not before.</summary>
    static async Task Tell(Saga saga, string volumeId, bool isLarge)
    {
        var servers = await saga.Read(tx => tx.Attachments.ServersOf(volumeId));
        if (servers.Count == 0) return;
        try { await saga.Compute.Tell(ServerEvent.VolumeExtended, volumeId, servers, well: true, saga.Work.Token); }
        catch (FaultException e) when (isLarge || !e.NothingDone) { /* it is that large, or it may have been heard */ }
        catch (FaultException e) when (!e.Fault.Transient) { throw new FaultException(new Fault.DriverFailed(Verb, e.Message), e) { NothingDone = true }; }
    }

    /// <summary>Once more later; or by itself, if nobody has it any more.</summary>
    static async Task Wait(Saga saga, Volume volume, int toGb)
    {
        var (journal, used, now) = await saga.Read(async tx => (await tx.Operations.Journal(saga.Row.Id), await tx.Attachments.Any(volume.Id), tx.Now));
        if (!used)
        {
            await saga.Driver.Extend(volume with { AttachStatus = AttachStatus.Detached }, toGb, saga.Work);
            return;
        }
        var failed = journal.Exists(e => e is { Step: GrownStep, Event: JournalEvent.Told, Data: AssistedSnapshot.Failed });
        var taken = now - journal.Find(e => e is { Step: TellStep, Event: JournalEvent.Done })!.At;
        if (failed || taken >= Patience)
            throw new FaultException(new Fault.DriverFailed(Verb, failed
                ? "the compute service says that it failed; its log tells why."
                : $"the compute service was told, and within {Patience.TotalMinutes:0} minutes the disk has not grown: its log tells why. The volume is what it was."))
            {
                NothingDone = true,
            };
        throw new FaultException(new Fault.Unavailable("The compute service extends the disk: this waits for that."))
        {
            NothingDone = true,
            Waits = true,
            Pause = taken < ShortestPause ? ShortestPause : taken > LongestPause ? LongestPause : taken,
        };
    }

    /// <summary>The word of the compute service; false when nobody waits for it. A good one has the operation look at once.</summary>
    public static async Task<bool> Tell(Tx tx, string volumeId, bool well) =>
        await tx.Operations.Tell(new("volume", volumeId), TellStep, GrownStep, well ? AssistedSnapshot.Went : AssistedSnapshot.Failed) is not null;
}
