using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>
/// A volume's hosts come and go one after the other, in the order in which that was asked for. Two attachments may be on one host,
/// so whether it is to be let go of depends on the others: nobody may change them between that question and the act.
/// </summary>
static class Turns
{
    public static readonly string[] Kinds = [nameof(ConnectVolume), nameof(DetachVolume)];

    /// <param name="volume">Locked: later ones are accepted later.</param>
    /// <exception cref="FaultException">Invalid: the volume lies nowhere.</exception>
    public static async Task Start(Tx tx, Volume volume, string operationId, Operation operation, string? requestId)
    {
        if (volume.Host is not { } host) throw Fault.Invalid.Volume($"Volume {volume.Id} lies on no backend.").Thrown();
        await tx.Operations.StartHanded(operationId, operation, PoolName.Parse(host).Queue, volume.ProjectId, requestId);
    }

    /// <summary>Whether something of this kind is under way, or waits for its turn.</summary>
    public static Task<bool> Any(Tx tx, string volumeId) => tx.Operations.AnyLive(new("volume", volumeId), Kinds);

    /// <summary>Keeps the volume's row, and goes on only when all that was asked for before has ended.</summary>
    /// <exception cref="FaultException">Unavailable, which passes: it is not this one's turn yet.</exception>
    public static async Task Demand(Tx tx, OperationRow row, string volumeId)
    {
        await tx.Volumes.Get(volumeId, @lock: true);
        if (await tx.Operations.AnyLive(new("volume", volumeId), Kinds, before: row))
            throw new Fault.Unavailable($"Volume {volumeId} is being attached or detached elsewhere.").Thrown();
    }

    /// <summary>The end of one's turn, in the transaction that ends the operation: who waits for it hears, and the next has his.</summary>
    public static Task End(Tx tx, OperationRow row, string volumeId)
    {
        tx.Tell(row);
        return Next(tx, row, volumeId);
    }

    /// <summary>In the transaction that ends what kept hosts from a volume: who waits for it tries now.</summary>
    public static Task Next(Tx tx, OperationRow row, string volumeId) => tx.Operations.Hasten(new("volume", volumeId), Kinds, after: row);
}
