using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>What comes from outside: its place is chosen already, and its files are known by their names.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task A_volume_that_lies_in_a_pool_takes_its_room_once_it_is_known_also_where_there_is_none()
    {
        await Report(Some.Pool("a", 10));
        var volume = Some.Volume(sizeGb: 0) with { Host = "host@b#a" };
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Insert(volume);
            await tx.Pools.Note(volume.Id, volume.Host);
        });
        Assert.Equal((0, 1), ((await Pool("a")).AllocatedGb, (await Pool("a")).Volumes));
        Assert.Empty(await Drift());
        await Db.Commit(async tx =>
        {
            await tx.Volumes.SetSize(volume.Id, 1000);
            await tx.Pools.Resize(volume.Id, 1000);
        });
        Assert.Equal((1000, 1), ((await Pool("a")).AllocatedGb, (await Pool("a")).Volumes));
        Assert.Empty(await Drift());
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Remove(volume.Id);
            await tx.Pools.Release(volume.Id);
        });
        Assert.Equal((0, 0), ((await Pool("a")).AllocatedGb, (await Pool("a")).Volumes));
    }

    [Fact]
    public async Task A_pool_that_was_chosen_must_fit()
    {
        await Report(Some.Pool("a", 10));
        await Db.Read(async tx => { await tx.Pools.DemandFit("host@b#a", Request(0), Settings); return true; });
        foreach (var (pool, request, why) in new[]
        {
            ("host@b#a", Request(0) with { Zone = "az2" }, "AvailabilityZoneFilter"),
            ("host@b#a", Request(0) with { Specs = new Dictionary<string, string> { ["color"] = "blue" } }, "its color is red"),
            ("host@b#none", Request(0), "is not known"),
        })
        {
            var e = await Assert.ThrowsAsync<FaultException>(() =>
                Db.Read(async tx => { await tx.Pools.DemandFit(pool, request, Settings); return true; }));
            Assert.IsType<Fault.NoValidBackend>(e.Fault);
            Assert.Contains(why, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Files_are_known_by_the_ids_in_their_names()
    {
        var (volume, moved, fileId) = (Some.Volume(sizeGb: 2), Some.Volume(sizeGb: 3), Some.Id());
        var snapshot = new Snapshot
        {
            Id = Some.Id(), ProjectId = "p", UserId = "u", VolumeId = moved.Id, SizeGb = 3, Status = SnapshotStatus.Available, CreatedAt = volume.CreatedAt,
        };
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Insert(volume);
            await tx.Volumes.Insert(moved with { NameId = fileId });
            await tx.Snapshots.Insert(snapshot);
            await tx.Snapshots.SetSize(snapshot.Id, 1);
        });
        var (volumes, snapshots) = await Db.Read(async tx => (await tx.Volumes.ByFile(), await tx.Snapshots.ByFile()));
        Assert.Equal((volume.Id, 2), volumes[volume.Id]);
        Assert.Equal((moved.Id, 3), volumes[fileId]);
        Assert.False(volumes.ContainsKey(moved.Id));
        Assert.Equal((1, fileId), snapshots[snapshot.Id]);
        foreach (var (id, owned) in new[] { (volume.Id, true), (fileId, true), (moved.Id, true), (Some.Id(), false) })
            Assert.Equal(owned, await Db.Read(tx => tx.Volumes.Owns(id)));
    }
}
