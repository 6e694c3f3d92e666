using Clinker.Groups;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Groups of volumes and their snapshots.</summary>
public abstract partial class StoreContract
{
    async Task<GroupType> GroupTyped(string name) =>
        await Db.Commit(tx => tx.GroupTypes.Insert(new() { Id = Some.Id(), Name = name, CreatedAt = Some.Time }));

    static Group GroupOf(GroupType type, string project = "p") => new()
    {
        Id = Some.Id(), ProjectId = project, UserId = "u", Status = GroupStatus.Available, GroupTypeId = type.Id, TypeName = type.Name,
        CreatedAt = Some.Time,
    };

    static GroupSnapshot SnapshotOf(Group group) => new()
    {
        Id = Some.Id(), ProjectId = group.ProjectId, UserId = "u", GroupId = group.Id, GroupTypeId = group.GroupTypeId,
        TypeName = group.TypeName, Status = GroupStatus.Creating, CreatedAt = Some.Time,
    };

    [Fact]
    public async Task A_group_is_remembered_whole_and_goes_its_way()
    {
        var group = GroupOf(await GroupTyped("gt")) with
        {
            Name = "ü", Description = "d", VolumeTypes = ["a", "b"], AvailabilityZone = "nova", GroupSnapshotId = "s", SourceGroupId = "g",
            ReplicationStatus = "disabled", UpdatedAt = Some.Time.AddHours(1),
        };
        await Db.Commit(async tx =>
        {
            await tx.Groups.Insert(group);
            await tx.Quotas.Take(group, QuotaLimits.None);
        });
        var read = (await Db.Commit(tx => tx.Groups.Find(group.Id, @lock: true)))!;
        Assert.Equal(group.VolumeTypes, read.VolumeTypes);
        Assert.Equal(group, read with { VolumeTypes = group.VolumeTypes });
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        await Db.Commit(tx => tx.Groups.SetWords(group.Id, null, "e"));
        Assert.Equal((null, "e"), await Db.Read(async tx => ((await tx.Groups.Get(group.Id)).Name, (await tx.Groups.Get(group.Id)).Description)));
        Assert.Equal(GroupStatus.Deleting, (await Db.Commit(tx => tx.Groups.Move(group.Id, GroupRules.Delete))).Status);
        Assert.Equal(new Fault.Invalid("Invalid group: Group status must be available or error, but current status is: deleting"),
            await Refused(() => Db.Commit(tx => tx.Groups.Move(group.Id, GroupRules.Delete))));
        await Db.Commit(tx => tx.Groups.Settle(group.Id, GroupStatus.Deleting, GroupStatus.Error));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Db.Commit(tx => tx.Groups.Settle(group.Id, GroupStatus.Deleting, GroupStatus.Error)));
        await Db.Commit(async tx =>
        {
            await tx.Groups.Remove(group.Id);
            await tx.Quotas.GiveBack(group);
        });
        Assert.Equal(new Fault.NotFound("Group", group.Id), await Refused(() => Db.Commit(tx => tx.Groups.Move(group.Id, GroupRules.Delete))));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_group_is_where_its_volumes_are()
    {
        var group = GroupOf(await GroupTyped("gt"));
        await Db.Commit(tx => tx.Groups.Insert(group));
        Assert.Null(await Db.Commit(tx => tx.Groups.BackendOf(group.Id)));
        var (first, second) = (await Inserted(Some.Volume()), await Inserted(Some.Volume() with { CreatedAt = Some.Time.AddSeconds(1), Host = "h@b#p" }));
        await Db.Commit(tx => tx.Volumes.SetGroup(first.Id, group.Id));
        Assert.Null(await Db.Commit(tx => tx.Groups.BackendOf(group.Id)));
        await Db.Commit(tx => tx.Volumes.SetGroup(second.Id, group.Id));
        Assert.Equal("h@b", await Db.Commit(tx => tx.Groups.BackendOf(group.Id)));
        Assert.Equal([first.Id, second.Id], (await Db.Read(tx => tx.Volumes.OfGroup(group.Id))).Select(v => v.Id));
        Assert.Equal([first.Id, second.Id], (await Db.Read(tx => tx.Groups.Members([group.Id])))[group.Id]);
        Assert.Empty(await Db.Read(tx => tx.Groups.Members([])));
        await Db.Commit(tx => tx.Volumes.SetGroup(second.Id, null));
        Assert.Null(await Db.Commit(tx => tx.Groups.BackendOf(group.Id)));
    }

    [Fact]
    public async Task Lists_tell_the_forms_of_groups_apart()
    {
        var (young, old) = (GroupOf(await GroupTyped("gt")), GroupOf(await GroupTyped(GroupType.OfConsistencyGroups)));
        foreach (var group in (Group[])[young, old])
            await Db.Commit(async tx =>
            {
                await tx.Groups.Insert(group);
                await tx.GroupSnapshots.Insert(SnapshotOf(group));
            });
        foreach (var (op, group) in ((Op, Group)[])[(Op.NotEqual, young), (Op.Equal, old)])
        {
            Where Only(string column) => new(column, op, GroupType.OfConsistencyGroups);
            Assert.Equal(group.Id, Assert.Single(await Db.Read(tx => tx.Groups.List(new() { ProjectId = "p", Filters = [Only(GroupTable.TypeName)] }))).Id);
            Assert.Equal(group.Id, Assert.Single(await Db.Read(tx =>
                tx.GroupSnapshots.List(new() { ProjectId = "p", Filters = [Only(GroupSnapshotTable.TypeName)] }))).GroupId);
        }
        Assert.Equal([old.Id], await Db.Read(tx => tx.Groups.ConsistencyGroups([young.Id, old.Id])));
        Assert.IsType<Fault.NotFound>(await Refused(() => Db.Read(tx => tx.Groups.List(new() { Marker = "x" }))));
        Assert.IsType<Fault.NotFound>(await Refused(() => Db.Read(tx => tx.GroupSnapshots.List(new() { Marker = "x" }))));
    }

    [Fact]
    public async Task A_group_snapshot_is_remembered_whole_and_goes_its_way()
    {
        var group = GroupOf(await GroupTyped("gt"));
        var whole = SnapshotOf(group) with { Name = "ü", Description = "d", UpdatedAt = Some.Time.AddHours(1) };
        var part = SnapshotOf(await Inserted(Some.Volume())) with { GroupSnapshotId = whole.Id };
        await Db.Commit(async tx =>
        {
            await tx.GroupSnapshots.Insert(whole);
            await tx.Snapshots.Insert(part);
        });
        Assert.Equal(whole, await Db.Commit(tx => tx.GroupSnapshots.Find(whole.Id, @lock: true)));
        Assert.Equal(part.Id, Assert.Single(await Db.Read(tx => tx.Snapshots.OfGroupSnapshot(whole.Id))).Id);
        Assert.True(await Db.Read(tx => tx.GroupSnapshots.AnyOf(group.Id)));
        Assert.Equal(new Fault.Invalid(GroupRules.DeleteSnapshot.Refusal), await Refused(() => Db.Commit(tx => tx.GroupSnapshots.Move(whole.Id, GroupRules.DeleteSnapshot))));
        await Db.Commit(tx => tx.GroupSnapshots.Settle(whole.Id, GroupStatus.Creating, GroupStatus.Available));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Db.Commit(tx => tx.GroupSnapshots.Settle(whole.Id, GroupStatus.Creating, GroupStatus.Available)));
        Assert.Equal(GroupStatus.Deleting, (await Db.Commit(tx => tx.GroupSnapshots.Move(whole.Id, GroupRules.DeleteSnapshot))).Status);
        await Db.Commit(tx => tx.Snapshots.Move(part.Id, SnapshotRules.DeleteWithGroupSnapshot));
        await Db.Commit(tx => tx.GroupSnapshots.Remove(whole.Id));
        Assert.False(await Db.Read(tx => tx.GroupSnapshots.AnyOf(group.Id)));
        Assert.IsType<Fault.NotFound>(await Refused(() => Db.Commit(tx => tx.GroupSnapshots.Get(whole.Id))));
    }
}
