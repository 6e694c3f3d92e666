using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Snapshots, and what volumes that grow and copies of volumes want of the tables.</summary>
public abstract partial class StoreContract
{
    static Snapshot SnapshotOf(Volume volume) => new()
    {
        Id = Some.Id(), ProjectId = volume.ProjectId, UserId = "u", VolumeId = volume.Id, SizeGb = volume.SizeGb,
        VolumeTypeId = volume.VolumeTypeId, Status = SnapshotStatus.Creating, Progress = "0%", CreatedAt = Some.Time,
    };

    [Fact]
    public async Task A_snapshot_is_remembered_whole_and_goes_its_way()
    {
        var volume = await Inserted(Some.Volume(sizeGb: 3));
        var snapshot = SnapshotOf(volume) with
        {
            Name = "ü", Description = "d", GroupSnapshotId = "g", EncryptionKeyId = "k", ProviderLocation = "l", VolumeTypeId = "t",
            ConsumesQuota = false, UpdatedAt = Some.Time.AddHours(1),
            Metadata = new Dictionary<string, string> { ["a"] = "b" }, ImageMetadata = new Dictionary<string, string> { ["image_id"] = "i" },
        };
        await Db.Commit(tx => tx.Snapshots.Insert(snapshot));
        var read = (await Db.Read(tx => tx.Snapshots.Find(snapshot.Id)))!;
        Assert.Equal(snapshot.Metadata, read.Metadata);
        Assert.Equal(snapshot.ImageMetadata, read.ImageMetadata);
        Assert.Equal(snapshot, read with { Metadata = snapshot.Metadata, ImageMetadata = snapshot.ImageMetadata });
        await Db.Commit(async tx =>
        {
            await tx.Snapshots.SetProgress(snapshot.Id, "100%");
            await tx.Snapshots.Settle(snapshot.Id, SnapshotStatus.Creating, SnapshotStatus.Available);
        });
        read = (await Db.Read(tx => tx.Snapshots.Of(volume.Id))).Single();
        Assert.Equal(("100%", SnapshotStatus.Available, "l"), (read.Progress, read.Status, read.ProviderLocation));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Db.Commit(tx => tx.Snapshots.Settle(snapshot.Id, SnapshotStatus.Creating, SnapshotStatus.Available)));
        // Of a group snapshot: not by itself.
        Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Snapshots.Move(snapshot.Id, SnapshotRules.ForceDelete))));
        await Db.Commit(tx => tx.Snapshots.Remove(snapshot.Id));
        Assert.IsType<Fault.NotFound>(await Refused(() => Db.Commit(tx => tx.Snapshots.Move(snapshot.Id, SnapshotRules.Delete))));
    }

    [Fact]
    public async Task A_volume_with_snapshots_goes_only_with_them()
    {
        var volume = await Inserted(Some.Volume());
        await Db.Commit(tx => tx.Snapshots.Insert(SnapshotOf(volume)));
        Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.Delete))));
        Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.ForceDelete))));
        Assert.Equal("deleting", (await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.DeleteCascade))).Status);
    }

    [Fact]
    public async Task Of_a_snapshot_and_its_volumes_delete_at_once_one_is_accepted()
    {
        for (var i = 0; i < 10; i++)
        {
            var volume = await Inserted(Some.Volume() with { Host = "host@b#a" });
            var snapshot = SnapshotOf(volume);
            var outcomes = await Task.WhenAll(
                Background(() => Outcome(() => Db.Commit(tx =>
                    CreateSnapshot.Accept(tx, snapshot, VolumeRules.Snapshot, QuotaLimits.None, Some.Id(), null)))),
                Background(() => Outcome(() => Db.Commit(tx => DeleteVolume.Accept(tx, volume.Id, VolumeRules.Delete, Some.Id(), null)))));
            Assert.Single(outcomes, o => o is null);
            Assert.Single(outcomes, o => o is Fault.Invalid);
        }
        Assert.Equal(
            await Db.Read(tx => tx.Number($"select count(*) from snapshot")), await Db.Read(tx => tx.Quotas.InUse("p", "snapshots")));
    }

    [Fact]
    public async Task Quota_of_growth_is_counted_from_when_it_is_taken()
    {
        var type = await Typed(Some.Type("gold"));
        var volume = Some.Volume(sizeGb: 2, type: type.Id);
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Insert(volume);
            await tx.Quotas.Take(volume, QuotaLimits.None);
        });
        Task Take(int to, QuotaLimits limits) => Db.Commit(async tx =>
        {
            await tx.Quotas.TakeGrowth(volume, to, limits);
            await tx.Volumes.SetGrowing(volume.Id, to);
        });
        Assert.IsType<Fault.OverQuota>(await Refused(() => Take(5, new QuotaLimits(Gigabytes: 4))));
        Assert.IsType<Fault.OverQuota>(await Refused(() => Take(5, new QuotaLimits(PerVolumeGigabytes: 4))));
        await Take(5, new QuotaLimits(Gigabytes: 5));
        Assert.Equal((5, 5), await Db.Read(async tx => (await tx.Quotas.InUse("p", "gigabytes"), await tx.Quotas.InUse("p", $"gigabytes:{type.Id}"))));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        await Db.Commit(tx => tx.Volumes.SetGrowing(volume.Id, null));
        Assert.Equal(2, (await Db.Read(tx => tx.Quotas.Recount())).Count); // until it is given back
        await Db.Commit(tx => tx.Quotas.GiveBackGrowth(volume, 5));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        await Take(3, QuotaLimits.None);
        await Db.Commit(tx => tx.Volumes.SetSize(volume.Id, 3));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        Assert.Equal(3, await Db.Read(tx => tx.Quotas.InUse("p", "gigabytes")));
    }

    [Fact]
    public async Task Room_grows_where_the_volume_lies_and_goes_back()
    {
        await Report(Some.Pool("a", 10), Some.Pool("b", 100));
        var volume = Some.Volume(sizeGb: 8);
        Assert.Equal("host@b#b", await Placed(volume));
        Task Grow(int to) => Db.Commit(tx => tx.Pools.Grow(volume.Id, to, Clinker.Volumes.Volume.EmptyMetadata, Settings));
        await Grow(60);
        Assert.Equal(60, (await Pool("b")).AllocatedGb);
        await Db.Commit(tx => tx.Volumes.SetGrowing(volume.Id, 60));
        Assert.Empty(await Drift());
        var refused = Assert.IsType<Fault.NoValidBackend>(await Refused(() => Grow(101)));
        Assert.Contains("host@b#b: CapacityFilter: 41 GiB wanted, 40 GiB left of 100 GiB (thin)", refused.Message, StringComparison.Ordinal);
        for (var i = 0; i < 2; i++) await Db.Commit(tx => tx.Pools.GiveBackGrowth(volume.Id, 8));
        await Db.Commit(tx => tx.Volumes.SetGrowing(volume.Id, null));
        Assert.Equal((8, 1), ((await Pool("b")).AllocatedGb, (await Pool("b")).Volumes));
        Assert.Empty(await Drift());
        Assert.IsType<Fault.NoValidBackend>(await Refused(() => Db.Commit(tx =>
            tx.Pools.Grow(Some.Id(), 9, Clinker.Volumes.Volume.EmptyMetadata, Settings))));
    }

    [Fact]
    public async Task A_copy_is_placed_only_where_its_source_lies()
    {
        await Report("host@b", Some.Pool("a", 10));
        await Report("host@c", Some.Pool("a", 1000));
        var request = Request(4) with { Backend = "host@b" };
        async Task<string> Place(PlaceRequest of)
        {
            var volume = await Inserted(Some.Volume(sizeGb: of.SizeGb));
            return await Db.Commit(tx => tx.Pools.Place(volume.Id, of, Settings));
        }
        Assert.Equal("host@b#a", await Place(request));
        Assert.Equal("host@c#a", await Place(request with { Backend = null }));
        var none = await Refused(() => Place(request with { SizeGb = 7 }));
        Assert.Contains("host@c#a: the source lies on host@b.", Assert.IsType<Fault.NoValidBackend>(none).Message, StringComparison.Ordinal);
        await Report("host@b", Some.Pool("a", 10, down: "no route"));
        Assert.IsType<Fault.BackendDown>(await Refused(() => Place(request))); // waiting helps; another backend does not
    }
}
