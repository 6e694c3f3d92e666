using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Removes a volume, its snapshots before it: each first from the storage, then its row, its room and its quota together.</summary>
/// <param name="Snapshots">Those that go with it, in this order; null for none, absent in journals of old.</param>
public sealed record DeleteVolume(
    string VolumeId, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Snapshots = null)
    : Operation
{
    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteVolume;

    /// <summary>
    /// Accepts a delete: the status and the operation, in one transaction. A volume that was never placed, or that could not be
    /// managed, has no file and is gone at once.
    /// </summary>
    /// <exception cref="FaultException">NotFound; Invalid when its state forbids it or something is under way with it.</exception>
    public static Task Accept(Tx tx, string volumeId, Rule rule, string operationId, string? requestId) =>
        Accept(tx, volumeId, rule, null, operationId, requestId);

    /// <summary>The same, with all its snapshots.</summary>
    /// <param name="others">Whether snapshots of other projects go too.</param>
    /// <exception cref="FaultException">Also Invalid when the state of a snapshot forbids it.</exception>
    public static async Task AcceptCascade(
        Tx tx, string volumeId, Rule rule, Rule ruleOfSnapshots, bool others, string operationId, string? requestId)
    {
        var volume = await tx.Volumes.Get(volumeId, @lock: true); // from here on no snapshot of it is begun
        var snapshots = await tx.Snapshots.Of(volumeId);
        if (!others && snapshots.Exists(s => s.ProjectId != volume.ProjectId)) throw rule.Refused(volumeId, volume.Status);
        foreach (var snapshot in snapshots)
        {
            await tx.Snapshots.Move(snapshot.Id, ruleOfSnapshots);
            await DeleteSnapshot.DemandFree(tx, snapshot.Id, ruleOfSnapshots);
        }
        await Accept(tx, volumeId, rule, snapshots.Count == 0 ? null : snapshots.ConvertAll(s => s.Id), operationId, requestId);
    }

    static async Task Accept(
        Tx tx, string volumeId, Rule rule, IReadOnlyList<string>? snapshots, string operationId, string? requestId)
    {
        var before = await tx.Volumes.Get(volumeId, @lock: true);
        var volume = await tx.Volumes.Move(volumeId, rule);
        await DemandFree(tx, volumeId, rule);
        // Of one that could not be managed nothing is on the storage: what it was to be made of has its old name, and is somebody's.
        if (volume.Host is null || before.Status == ErrorManaging) await Forget(tx, volume);
        else
            await tx.Operations.Start(
                operationId, new DeleteVolume(volumeId, snapshots), PoolName.Parse(volume.Host).Queue, volume.ProjectId, requestId,
                holding: (snapshots ?? []).Select(s => new About("snapshot", s))); // nobody else deletes them meanwhile
    }

    /// <summary>Nothing may be under way with it, and nothing be made from it.</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public static async Task DemandFree(Tx tx, string volumeId, Rule rule)
    {
        var about = new About("volume", volumeId);
        if (await tx.Operations.Busy(about)) throw new Fault.Invalid(rule.Refusal).Thrown();
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        if (volume.Host is { } host)
        {
            await saga.HandTo(PoolName.Parse(host).Queue);
            await FilesTurn.Pass(saga, VolumeId);
            foreach (var id in Snapshots ?? []) await Delete(saga, volume, id);
            await saga.Step("delete", () => saga.Driver.Delete(volume, saga.Work)); // what is gone stays gone: no undo
        }
        await saga.Finish(tx => Forget(tx, volume));
    }

    static async Task Delete(Saga saga, Volume volume, string snapshotId)
    {
        var snapshot = await saga.Read(tx => tx.Snapshots.Find(snapshotId)); // null once it is forgotten: both steps are known then
        // What was written since it is not put together with what was before: all of that goes.
        await saga.Step($"delete snapshot {snapshotId}", () => saga.Driver.DeleteSnapshot(volume, snapshot!, saga.Work, quiet: false));
        await saga.Commit($"forget snapshot {snapshotId}", async tx =>
        {
            await DeleteSnapshot.Forget(tx, snapshot!);
            return true;
        });
    }

    /// <summary>The rows of a volume that has no file (any more), all in one transaction.</summary>
    public static async Task Forget(Tx tx, Volume volume)
    {
        await tx.Transfers.Forget(volume.Id);
        await tx.Attachments.RemoveOf(volume.Id);
        await tx.Volumes.Remove(volume.Id);
        await tx.Pools.Release(volume.FileId);
        await tx.Quotas.GiveBack(volume);
    }

    /// <summary>Snapshots that are gone stay gone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        foreach (var id in Snapshots ?? [])
            if (await tx.Snapshots.Find(id) is not null) await tx.Snapshots.Settle(id, SnapshotStatus.Deleting, SnapshotStatus.ErrorDeleting);
        await tx.Volumes.Settle(VolumeId, Deleting, ErrorDeleting);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.DeleteVolume, fault);
    }
}
