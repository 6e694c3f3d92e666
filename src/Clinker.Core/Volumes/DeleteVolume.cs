using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Removes a volume: its file first, then its row, its room and its quota together.</summary>
public sealed record DeleteVolume(string VolumeId) : Operation
{
    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteVolume;

    /// <summary>
    /// Accepts a delete: the status and the operation, in one transaction. A volume that was never placed has no file and is
    /// gone at once.
    /// </summary>
    /// <exception cref="FaultException">NotFound; Invalid when its state forbids it or something is under way with it.</exception>
    public static async Task Accept(Tx tx, string volumeId, Rule rule, string operationId, string? requestId)
    {
        var volume = await tx.Volumes.Move(volumeId, rule);
        var about = new About("volume", volumeId);
        if (await tx.Operations.Held(about) || await tx.Operations.AnyLive(about)) throw new Fault.Invalid(rule.Refusal).Thrown();
        if (volume.Host is null) await Forget(tx, volume);
        else
            await tx.Operations.Start(
                operationId, new DeleteVolume(volumeId), PoolName.Parse(volume.Host).Queue, volume.ProjectId, requestId);
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        if (volume.Host is { } host)
        {
            await saga.HandTo(PoolName.Parse(host).Queue);
            await saga.Step("delete", () => saga.Driver.Delete(volume, saga.Work)); // what is gone stays gone: no undo
        }
        await saga.Finish(tx => Forget(tx, volume));
    }

    /// <summary>The rows of a volume that has no file (any more), all in one transaction.</summary>
    public static async Task Forget(Tx tx, Volume volume)
    {
        await tx.Attachments.RemoveOf(volume.Id);
        await tx.Volumes.Remove(volume.Id);
        await tx.Pools.Release(volume.Id);
        await tx.Quotas.GiveBack(volume);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.Settle(VolumeId, Deleting, ErrorDeleting);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.DeleteVolume, fault);
    }
}
