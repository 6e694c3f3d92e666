using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Groups.GroupStatus;

namespace Clinker.Groups;

/// <summary>Removes a group and its volumes: each volume first from the storage, then its rows; the group when all are gone.</summary>
/// <param name="Backend">Where they lie: <c>host@backend</c>.</param>
public sealed record DeleteGroup(string GroupId, string Backend, IReadOnlyList<string> Volumes) : Operation
{
    protected internal override About About => new("group", GroupId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteGroup;

    /// <summary>
    /// Accepts a delete: the statuses and the operation, in one transaction. A group none of whose volumes lies anywhere is gone at
    /// once.
    /// </summary>
    /// <param name="withVolumes">Its volumes go too; otherwise it must have none.</param>
    /// <exception cref="FaultException">NotFound; Invalid when a state forbids it, or something is under way.</exception>
    public static async Task Accept(Tx tx, string groupId, bool withVolumes, string operationId, string? requestId)
    {
        var rule = withVolumes ? GroupRules.DeleteWithVolumes : GroupRules.Delete;
        var group = await tx.Groups.Move(groupId, rule);
        if (await UnderWay(tx, new("group", groupId))) throw GroupRules.DeleteWithVolumes.Refused(groupId, group.Status);
        if (await tx.GroupSnapshots.AnyOf(groupId)) throw new Fault.Invalid("Invalid group: Group has existing snapshots.").Thrown();
        var volumes = await tx.Volumes.OfGroup(groupId);
        if (volumes.Count > 0 && !withVolumes)
            throw new Fault.Invalid($"Invalid group: Group {groupId} still contains volumes. The delete-volumes flag is required to delete "
                + "it.").Thrown();
        var placed = new List<Volume>();
        foreach (var volume in volumes)
        {
            await tx.Volumes.Move(volume.Id, VolumeRules.DetachedInGroup.With(groupId));
            await tx.Volumes.Move(volume.Id, VolumeRules.DeleteWithGroup);
            if (await UnderWay(tx, new("volume", volume.Id))) throw GroupRules.DeleteWithVolumes.Refused(groupId, group.Status);
            if (volume.Host is null) await DeleteVolume.Forget(tx, volume);
            else placed.Add(volume);
        }
        if (placed.Count == 0)
        {
            await Forget(tx, group);
            return;
        }
        var backend = PoolName.Parse(placed[0].Host!).Queue;
        await tx.Operations.Start(operationId, new DeleteGroup(groupId, backend, placed.ConvertAll(v => v.Id)), backend, group.ProjectId,
            requestId, holding: placed.Select(v => new About("volume", v.Id)));
    }

    static async Task<bool> UnderWay(Tx tx, About about) => await tx.Operations.Busy(about);

    public override async Task Run(Saga saga)
    {
        var group = await saga.Read(tx => tx.Groups.Get(GroupId));
        await saga.HandTo(Backend);
        await FilesTurn.Pass(saga, Volumes);
        foreach (var id in Volumes)
        {
            var volume = await saga.Read(tx => tx.Volumes.Find(id)); // null once it is forgotten: both steps are known then
            await saga.Step($"delete {id}", () => saga.Driver.Delete(volume!, saga.Work)); // what is gone stays gone: no undo
            await saga.Commit($"forget {id}", async tx =>
            {
                await DeleteVolume.Forget(tx, volume!);
                return true;
            });
        }
        await saga.Finish(tx => Forget(tx, group));
    }

    static async Task Forget(Tx tx, Group group)
    {
        await tx.Groups.Remove(group.Id);
        await tx.Quotas.GiveBack(group);
    }

    /// <summary>Volumes that are gone stay gone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        foreach (var id in Volumes)
            if (await tx.Volumes.Find(id) is not null) await tx.Volumes.Settle(id, VolumeStatus.Deleting, VolumeStatus.ErrorDeleting);
        await tx.Groups.Settle(GroupId, Deleting, Error);
        await tx.Messages.Add(row, "GROUP", GroupId, MessageAction.DeleteGroup, fault);
    }
}
