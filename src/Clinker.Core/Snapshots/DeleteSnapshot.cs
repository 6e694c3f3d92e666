using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Snapshots.SnapshotStatus;

namespace Clinker.Snapshots;

/// <summary>Removes a snapshot: what it keeps on the storage first, then its row and its quota together.</summary>
public sealed record DeleteSnapshot(string SnapshotId) : Operation
{
    protected internal override About About => new("snapshot", SnapshotId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteSnapshot;

    /// <summary>Accepts a delete: the status and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">
    /// NotFound; Invalid when its state forbids it, something is under way with it, or a volume is being made from it.
    /// </exception>
    public static async Task Accept(Tx tx, string snapshotId, Rule rule, string operationId, string? requestId)
    {
        var snapshot = await tx.Snapshots.Move(snapshotId, rule);
        await DemandFree(tx, snapshotId, rule);
        var volume = await tx.Volumes.Get(snapshot.VolumeId);
        await tx.Operations.Start(
            operationId, new DeleteSnapshot(snapshotId), PoolName.Parse(volume.Host!).Queue, snapshot.ProjectId, requestId);
    }

    /// <summary>Nothing may be under way with it, and nothing be made from it.</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public static async Task DemandFree(Tx tx, string snapshotId, Rule rule)
    {
        var about = new About("snapshot", snapshotId);
        if (await tx.Operations.Busy(about)) throw new Fault.Invalid(rule.Refusal).Thrown();
    }

    public override async Task Run(Saga saga)
    {
        var (snapshot, volume) = await saga.Read(async tx =>
        {
            var s = await tx.Snapshots.Get(SnapshotId);
            return (s, await tx.Volumes.Get(s.VolumeId));
        });
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        var quiet = await FilesTurn.Take(saga, volume.Id);
        await saga.Step("delete", () => saga.Driver.DeleteSnapshot(volume, snapshot, saga.Work, quiet)); // what is gone stays gone: no undo
        if (!quiet) await AssistedMerge.Try(saga, volume, SnapshotId);
        await saga.Finish(async tx =>
        {
            await Forget(tx, snapshot);
            await Turns.Next(tx, saga.Row, volume.Id);
        });
    }

    /// <summary>The rows of a snapshot of which nothing is left on the storage, all in one transaction.</summary>
    public static async Task Forget(Tx tx, Snapshot snapshot)
    {
        var now = await tx.Snapshots.Get(snapshot.Id, @lock: true); // its volume may have been retyped since it was read
        await tx.Snapshots.Remove(snapshot.Id);
        await tx.Quotas.GiveBack(now);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Snapshots.Settle(SnapshotId, Deleting, ErrorDeleting);
        await tx.Messages.Add(row, "VOLUME_SNAPSHOT", SnapshotId, MessageAction.DeleteSnapshot, fault);
        await Turns.Next(tx, row, (await tx.Snapshots.Get(SnapshotId)).VolumeId);
    }
}
