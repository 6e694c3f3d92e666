using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Groups.GroupStatus;

namespace Clinker.Groups;

/// <summary>Removes a group snapshot: each of its snapshots from the storage, then its rows; itself when all are gone.</summary>
/// <param name="Backend">Where they lie: <c>host@backend</c>.</param>
public sealed record DeleteGroupSnapshot(string GroupSnapshotId, string Backend, IReadOnlyList<string> Snapshots) : Operation
{
    protected internal override About About => new("group_snapshot", GroupSnapshotId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteGroupSnapshot;

    /// <summary>Accepts a delete: the statuses and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">NotFound; Invalid when a state forbids it, something is under way, or a group or volume is made from it.</exception>
    public static async Task Accept(Tx tx, string id, string operationId, string? requestId)
    {
        var whole = await tx.GroupSnapshots.Move(id, GroupRules.DeleteSnapshot);
        var about = new About("group_snapshot", id);
        if (await tx.Operations.Busy(about)) throw GroupRules.DeleteSnapshot.Refused(id, whole.Status);
        var snapshots = await tx.Snapshots.OfGroupSnapshot(id);
        foreach (var snapshot in snapshots)
        {
            await tx.Snapshots.Move(snapshot.Id, SnapshotRules.DeleteWithGroupSnapshot);
            await DeleteSnapshot.DemandFree(tx, snapshot.Id, GroupRules.DeleteSnapshot);
        }
        if (snapshots.Count == 0)
        {
            await tx.GroupSnapshots.Remove(id);
            return;
        }
        var backend = PoolName.Parse((await tx.Volumes.Get(snapshots[0].VolumeId)).Host!).Queue;
        await tx.Operations.Start(operationId, new DeleteGroupSnapshot(id, backend, snapshots.ConvertAll(s => s.Id)), backend,
            whole.ProjectId, requestId, holding: snapshots.Select(s => new About("snapshot", s.Id)));
    }

    public override async Task Run(Saga saga)
    {
        await saga.HandTo(Backend);
        var quiet = await FilesTurn.Take(saga, await saga.Read(async tx =>
        {
            var ids = new List<string>();
            foreach (var id in Snapshots) // those that are forgotten are so since the turn was taken
                if (await tx.Snapshots.Find(id) is { } snapshot) ids.Add(snapshot.VolumeId);
            return ids;
        }));
        foreach (var id in Snapshots)
        {
            // Null once it is forgotten: both steps are known then.
            var snapshot = await saga.Read(tx => tx.Snapshots.Find(id));
            await saga.Step($"delete {id}", async () =>
            {
                var volume = await saga.Read(tx => tx.Volumes.Get(snapshot!.VolumeId));
                await saga.Driver.DeleteSnapshot(volume, snapshot!, saga.Work, quiet); // what is gone stays gone: no undo
            });
            await saga.Commit($"forget {id}", async tx =>
            {
                await DeleteSnapshot.Forget(tx, snapshot!);
                return true;
            });
        }
        await saga.Finish(tx => tx.GroupSnapshots.Remove(GroupSnapshotId));
    }

    /// <summary>Snapshots that are gone stay gone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        foreach (var id in Snapshots)
            if (await tx.Snapshots.Find(id) is not null)
                await tx.Snapshots.Settle(id, SnapshotStatus.Deleting, SnapshotStatus.ErrorDeleting);
        await tx.GroupSnapshots.Settle(GroupSnapshotId, Deleting, Error);
        await tx.Messages.Add(row, "GROUP_SNAPSHOT", GroupSnapshotId, MessageAction.DeleteGroupSnapshot, fault);
    }
}
