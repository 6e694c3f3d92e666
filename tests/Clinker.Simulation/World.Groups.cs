using Clinker.Groups;
using Clinker.Quotas;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What users ask of groups, accepted as the API accepts it.</summary>
sealed partial class World
{
    /// <summary>An empty group.</summary>
    public Task<Group> Group()
    {
        Later();
        return Db.Commit(async tx =>
        {
            var group = NewGroup(tx);
            await CreateGroup.AcceptEmpty(tx, group, QuotaLimits.None);
            return group;
        });
    }

    /// <summary>A volume in a group.</summary>
    public Task<Volume> Create(Group group)
    {
        Later();
        return Db.Commit(tx =>
            CreateVolume.Accept(tx, NewVolume(tx) with { GroupId = group.Id }, QuotaLimits.None, ids.New(), "req-1"));
    }

    public Task<Group> Copy(Group group)
    {
        Later();
        return Db.Commit(tx => CreateGroup.AcceptOfGroup(tx, NewGroup(tx), group.Id, QuotaLimits.None, ids, ids.New(), "req-7"));
    }

    public Task<Group> Copy(GroupSnapshot snapshot)
    {
        Later();
        return Db.Commit(tx => CreateGroup.AcceptOfSnapshot(tx, NewGroup(tx), snapshot.Id, QuotaLimits.None, ids, ids.New(), "req-7"));
    }

    public Task Delete(Group group)
    {
        Later();
        return Db.Commit(tx => DeleteGroup.Accept(tx, group.Id, withVolumes: true, ids.New(), "req-8"));
    }

    public Task<GroupSnapshot> Snapshot(Group group)
    {
        Later();
        return Db.Commit(tx => CreateGroupSnapshot.Accept(tx, new()
        {
            Id = ids.New(),
            ProjectId = "p",
            UserId = "u",
            GroupId = group.Id,
            GroupTypeId = group.GroupTypeId,
            Status = GroupStatus.Creating,
            CreatedAt = tx.Now,
        }, QuotaLimits.None, ids, ids.New(), "req-9"));
    }

    public Task Delete(GroupSnapshot snapshot)
    {
        Later();
        return Db.Commit(tx => DeleteGroupSnapshot.Accept(tx, snapshot.Id, ids.New(), "req-10"));
    }

    Group NewGroup(Tx tx) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        Status = GroupStatus.Available,
        GroupTypeId = "t",
        CreatedAt = tx.Now,
    };
}
