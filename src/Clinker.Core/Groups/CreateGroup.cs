using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Host;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Groups.GroupStatus;

namespace Clinker.Groups;

/// <summary>A volume of a new group, and what it is made from.</summary>
/// <param name="Full">As of <see cref="CreateVolume.Full"/>.</param>
public sealed record NewMember(
    string VolumeId, VolumeSource Source, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Full = false);

/// <summary>
/// Makes the volumes of a group with the content of another group's, or of its snapshots: all of them or none. An empty group is a row
/// and needs no work.
/// </summary>
public sealed record CreateGroup(string GroupId, IReadOnlyList<NewMember> Members) : Operation
{
    protected internal override About About => new("group", GroupId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateGroup;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Makes an empty group: its row and its quota, in one transaction.</summary>
    /// <exception cref="FaultException">OverQuota; NotFound when one of its types was removed meanwhile.</exception>
    public static async Task AcceptEmpty(Tx tx, Group group, QuotaLimits limits)
    {
        foreach (var type in group.VolumeTypes.Order(StringComparer.Ordinal)) await tx.Types.Keep(type);
        await tx.Groups.Insert(group);
        await tx.Quotas.Take(group, limits);
    }

    /// <summary>Accepts a group with the content of a group snapshot: all rows, quotas, holds and the operation, in one transaction.</summary>
    /// <param name="asked">Without what it has of its source: that is taken as it is now.</param>
    /// <exception cref="FaultException">NotFound; Invalid when a state forbids it or the source is empty; OverQuota.</exception>
    public static async Task<Group> AcceptOfSnapshot(
        Tx tx, Group asked, string sourceId, QuotaLimits limits, Ids ids, string operationId, string? requestId)
    {
        var source = await tx.GroupSnapshots.Move(sourceId, GroupRules.CloneSnapshot);
        var group = Like(asked, await tx.Groups.Get(source.GroupId)) with { GroupSnapshotId = sourceId };
        var members = new List<(Volume, VolumeSource)>();
        foreach (var snapshot in await tx.Snapshots.OfGroupSnapshot(sourceId))
        {
            var origin = await tx.Volumes.Get(snapshot.VolumeId);
            var volume = Member(group, origin, ids) with
            {
                SizeGb = snapshot.SizeGb,
                VolumeTypeId = snapshot.VolumeTypeId,
                SnapshotId = snapshot.Id,
                ImageMetadata = snapshot.ImageMetadata,
            };
            members.Add((volume, new VolumeSource.OfSnapshot(snapshot.Id)));
        }
        if (members.Count == 0) throw new Fault.Invalid("Invalid group: Group snapshot is empty. No group will be created.").Thrown();
        await Start(tx, group, members, new("group_snapshot", sourceId), limits, operationId, requestId);
        return group;
    }

    /// <summary>The same with the content of another group.</summary>
    /// <inheritdoc cref="AcceptOfSnapshot"/>
    public static async Task<Group> AcceptOfGroup(
        Tx tx, Group asked, string sourceId, QuotaLimits limits, Ids ids, string operationId, string? requestId)
    {
        var group = Like(asked, await tx.Groups.Move(sourceId, GroupRules.Clone)) with { SourceGroupId = sourceId };
        var members = (await tx.Volumes.OfGroup(sourceId)).ConvertAll(v =>
            (Member(group, v, ids) with { SourceVolumeId = v.Id }, (VolumeSource)new VolumeSource.OfVolume(v.Id)));
        if (members.Count == 0) throw new Fault.Invalid("Invalid group: Source Group is empty. No group will be created.").Thrown();
        await Start(tx, group, members, new("group", sourceId), limits, operationId, requestId);
        return group;
    }

    static Group Like(Group asked, Group source) => asked with
    {
        Status = Creating,
        GroupTypeId = source.GroupTypeId,
        TypeName = source.TypeName,
        VolumeTypes = source.VolumeTypes,
        AvailabilityZone = source.AvailabilityZone,
    };

    static Volume Member(Group group, Volume like, Ids ids) => new()
    {
        Id = ids.New(),
        ProjectId = group.ProjectId,
        UserId = group.UserId,
        GroupId = group.Id,
        SizeGb = like.SizeGb,
        Status = VolumeStatus.Creating,
        VolumeTypeId = like.VolumeTypeId,
        AvailabilityZone = like.AvailabilityZone,
        Multiattach = like.Multiattach,
        Bootable = like.Bootable,
        ImageMetadata = like.ImageMetadata,
        CreatedAt = group.CreatedAt,
    };

    static async Task Start(Tx tx, Group group, IReadOnlyList<(Volume Volume, VolumeSource Source)> members, About source,
        QuotaLimits limits, string operationId, string? requestId)
    {
        await AcceptEmpty(tx, group, limits);
        var news = new List<NewMember>();
        foreach (var (volume, of) in members)
        {
            await CreateVolume.Insert(tx, volume, limits, of);
            news.Add(new(volume.Id, of, await CreateVolume.IsFull(tx, volume)));
        }
        await tx.Operations.Start(operationId,
            new CreateGroup(group.Id, news), Queues.Scheduler, group.ProjectId,
            requestId, holding: [source, .. members.SelectMany(m => (About[])[new("volume", m.Volume.Id), m.Source.Held!.Value])]);
    }

    public override async Task Run(Saga saga)
    {
        var volumes = new List<(Volume Volume, CreateVolume Make)>();
        foreach (var member in Members)
        {
            var volume = await saga.Read(tx => tx.Volumes.Get(member.VolumeId));
            var make = new CreateVolume(member.VolumeId, member.Source) { Full = member.Full };
            volumes.Add((volume with { Host = await make.Place(saga, volume, $"place {volume.Id}") }, make));
        }

        await saga.HandTo(PoolName.Parse(volumes[0].Volume.Host!).Queue); // they all lie where their sources do

        await CreateVolume.FilesTurnOf(saga, Members.Select(m => m.Source));

        var disks = new List<VolumeOnDisk>();
        foreach (var (volume, make) in volumes)
            disks.Add(await saga.Step($"create {volume.Id}",
                () => make.Make(saga, volume),
                undo: () => make.Unmake(saga, volume)));

        await saga.Finish(async tx =>
        {
            foreach (var ((volume, _), disk) in volumes.Zip(disks))
            {
                await tx.Volumes.SetOnDisk(volume.Id, disk);
                await tx.Volumes.Settle(volume.Id, VolumeStatus.Creating, VolumeStatus.Available);
            }
            await tx.Groups.Settle(GroupId, Creating, Available);
            await LetGo(tx, saga.Row);
        });
    }

    /// <summary>Hosts that wait for volumes that were copied may have them.</summary>
    async Task LetGo(Tx tx, OperationRow row)
    {
        foreach (var member in Members)
            if (member.Source is VolumeSource.OfVolume of) await Turns.Next(tx, row, of.Id);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        foreach (var member in Members) await tx.Volumes.Settle(member.VolumeId, VolumeStatus.Creating, VolumeStatus.Error);
        await tx.Groups.Settle(GroupId, Creating, Error);
        await tx.Messages.Add(row, "GROUP", GroupId, MessageAction.CreateGroup, fault);
        await LetGo(tx, row);
    }
}
