using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Host;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Groups.GroupStatus;

namespace Clinker.Groups;

/// <summary>Takes a snapshot of every volume of a group: all of them or none.</summary>
/// <param name="Backend">Where they lie: <c>host@backend</c>.</param>
/// <param name="Consistent">
/// Whether the group's type promises that they are of one moment. They are taken one after the other: that is so only of volumes that
/// nobody uses meanwhile. Those in use are refused, and no host gets one of the others until the last is taken (<see cref="Writers"/>).
/// </param>
public sealed record CreateGroupSnapshot(string GroupSnapshotId, string Backend, IReadOnlyList<string> Snapshots, bool Consistent) : Operation
{
    protected internal override About About => new("group_snapshot", GroupSnapshotId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateGroupSnapshot;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts a new snapshot of a group: the rows, their quota and the operation, in one transaction.</summary>
    /// <param name="asked">Without what it has of its group.</param>
    /// <exception cref="FaultException">NotFound; Invalid: a state forbids it, or the group is empty; OverQuota.</exception>
    public static async Task<GroupSnapshot> Accept(
        Tx tx, GroupSnapshot asked, QuotaLimits limits, Ids ids, string operationId, string? requestId)
    {
        var group = await tx.Groups.Move(asked.GroupId, GroupRules.Snapshot);
        var whole = await tx.GroupSnapshots.Insert(asked with { GroupTypeId = group.GroupTypeId, TypeName = group.TypeName });
        var consistent = (await tx.GroupTypes.Find(group.GroupTypeId))?.IsConsistent ?? false;
        var volumes = await tx.Volumes.OfGroup(group.Id);
        if (volumes.Count == 0)
            throw new Fault.Invalid("Invalid group: Source group cannot be empty. No group snapshot will be created.").Thrown();
        var snapshots = new List<Snapshot>();
        foreach (var volume in volumes)
            snapshots.Add((await CreateSnapshot.Insert(tx, new()
            {
                Id = ids.New(),
                ProjectId = whole.ProjectId,
                UserId = whole.UserId,
                VolumeId = volume.Id,
                SizeGb = volume.SizeGb,
                Name = whole.Name,
                Description = whole.Description,
                Status = SnapshotStatus.Creating,
                Progress = "0%",
                GroupSnapshotId = whole.Id,
                CreatedAt = whole.CreatedAt,
            }, consistent ? VolumeRules.Snapshot : VolumeRules.SnapshotEvenInUse, limits)).Snapshot);
        var backend = PoolName.Parse(volumes[0].Host!).Queue;
        await tx.Operations.Start(operationId,
            new CreateGroupSnapshot(whole.Id, backend, snapshots.ConvertAll(s => s.Id), consistent), backend, whole.ProjectId, requestId,
            holding: [new("group", group.Id), .. snapshots.SelectMany(s => (About[])[new("snapshot", s.Id), new("volume", s.VolumeId)])]);
        return whole;
    }

    public override async Task Run(Saga saga)
    {
        await saga.HandTo(Backend);
        var quiet = await FilesTurn.Take(saga, await VolumeIds(saga));
        foreach (var id in Snapshots)
        {
            var (snapshot, volume) = await saga.Read(async tx =>
            {
                var s = await tx.Snapshots.Get(id);
                return (s, await tx.Volumes.Get(s.VolumeId));
            });
            await saga.Step($"snapshot {id}",
                () => CreateSnapshot.Take(saga, volume, snapshot, evenInUse: !Consistent),
                undo: () => saga.Driver.DeleteSnapshot(volume, snapshot, saga.Work, quiet));
        }
        await saga.Finish(async tx =>
        {
            foreach (var id in Snapshots)
            {
                await tx.Snapshots.SetProgress(id, "100%");
                await tx.Snapshots.Settle(id, SnapshotStatus.Creating, SnapshotStatus.Available);
            }
            await tx.GroupSnapshots.Settle(GroupSnapshotId, Creating, Available);
            await LetGo(tx, saga.Row);
        });
    }

    Task<List<string>> VolumeIds(Saga saga) => saga.Read(async tx =>
    {
        var ids = new List<string>();
        foreach (var id in Snapshots) ids.Add((await tx.Snapshots.Get(id)).VolumeId);
        return ids;
    });

    /// <summary>Hosts that wait for one of the volumes may have it.</summary>
    async Task LetGo(Tx tx, OperationRow row)
    {
        foreach (var id in Snapshots) await Turns.Next(tx, row, (await tx.Snapshots.Get(id)).VolumeId);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        foreach (var id in Snapshots) await tx.Snapshots.Settle(id, SnapshotStatus.Creating, SnapshotStatus.Error);
        await tx.GroupSnapshots.Settle(GroupSnapshotId, Creating, Error);
        await tx.Messages.Add(row, "GROUP_SNAPSHOT", GroupSnapshotId, MessageAction.CreateGroupSnapshot, fault);
        await LetGo(tx, row);
    }
}
