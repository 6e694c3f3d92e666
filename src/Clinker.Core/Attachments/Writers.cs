using Clinker.Drivers;
using Clinker.Groups;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>
/// A host that has a volume may write to it at any moment. So none gets it while it is made, changed or taken away, nor while it is
/// copied by a backend that needs time for that (<see cref="Abilities.SnapshotsAttached"/>). Who copies holds the volume from when
/// that is accepted: a host that comes later waits until the hold has ended, and one that was there before is found when the copying
/// begins. An attachment that is only reserved writes nothing.
/// </summary>
static class Writers
{
    /// <summary>Lets a host go on only when nothing is under way that it would disturb. For its turn, which keeps the volume's row.</summary>
    /// <exception cref="FaultException">Unavailable, which passes.</exception>
    public static async Task DemandQuiet(Tx tx, string volumeId, Means means)
    {
        var about = new About("volume", volumeId);
        if (await tx.Operations.AnyOther(about, Turns.Kinds))
            throw new Fault.Unavailable($"Volume {volumeId} is being changed: it can be attached after that.").Thrown();
        var lies = PoolName.Parse((await tx.Volumes.Get(volumeId)).Host!).Queue;
        var copied = means.Drivers.GetValueOrDefault(lies)?.Can.HasFlag(Abilities.SnapshotsAttached) ?? false
            ? await tx.Operations.Held(about, nameof(CreateGroupSnapshot)) // the others of its group are to be of the same moment
            : await tx.Operations.Held(about);
        if (copied)
            throw new Fault.Unavailable($"Volume {volumeId} is being copied: it can be attached after that.").Thrown();
    }

    /// <summary>Whether a host has the volume now.</summary>
    public static Task<bool> Any(Saga saga, string volumeId) => saga.Read(tx => tx.Attachments.Any(volumeId));

    /// <summary>For what is done to a volume that is available, be it by an admin's word only.</summary>
    /// <exception cref="FaultException">DriverFailed: a host has it; nothing was done.</exception>
    public static async Task DemandNone(Saga saga, string volumeId, string verb)
    {
        if (await Any(saga, volumeId)) throw new FaultException(new Fault.DriverFailed(verb, "a host has the volume.") { NamesNothing = true }) { NothingDone = true };
    }

    /// <summary>A volume that the operation holds and is to copy, as it is now: it may have come into use since that was accepted.</summary>
    /// <param name="what">What the backend can't do with one in use: "clone volumes in use".</param>
    /// <exception cref="FaultException">DriverFailed; nothing was done.</exception>
    public static async Task<Volume> ToCopy(Saga saga, string volumeId, string what)
    {
        var (volume, used) = await saga.Read(async tx => (await tx.Volumes.Get(volumeId), await tx.Attachments.Any(volumeId)));
        if (used) saga.Driver.Demand(Abilities.SnapshotsAttached, what);
        return used ? volume : volume with { AttachStatus = AttachStatus.Detached };
    }
}
