using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Volumes and what they take of a project's quota.</summary>
public abstract partial class StoreContract
{
    async Task<Volume> Inserted(Volume volume)
    {
        await Db.Commit(tx => tx.Volumes.Insert(volume));
        return volume;
    }

    Task<Volume?> Volume(string id) => Db.Read(tx => tx.Volumes.Find(id));

    [Fact]
    public async Task A_volume_is_remembered_whole()
    {
        var full = Some.Volume("p", 5) with
        {
            Name = "n'ame \"ü\" 👍", Description = "", AttachStatus = "attached", MigrationStatus = "success", VolumeTypeId = Some.Id(),
            Host = "h@b#p", ProviderLocation = "server:/share", Format = "qcow2", Bootable = true, Multiattach = true, ConsumesQuota = false,
            Metadata = new Dictionary<string, string> { ["k\"1"] = "v\\ü", [""] = "" }, UpdatedAt = Some.Time.AddDays(1),
        };
        var bare = Some.Volume();
        foreach (var volume in new[] { full, bare })
        {
            await Inserted(volume);
            var read = (await Volume(volume.Id))!;
            Assert.Equal(volume.Metadata, read.Metadata);
            Assert.Equal(volume, read with { Metadata = volume.Metadata });
            Assert.Equal(read.Id, (await Db.Commit(tx => tx.Volumes.Get(volume.Id, @lock: true))).Id);
        }
        Assert.Null(await Volume("nobody"));
        Assert.Equal(new Fault.NotFound("Volume", "nobody"), await Refused(() => Db.Read(tx => tx.Volumes.Get("nobody"))));
    }

    [Fact]
    public async Task A_volume_moves_when_its_rule_allows_it()
    {
        var volume = await Inserted(Some.Volume());
        var moved = await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.Delete));
        Assert.Equal(VolumeStatus.Deleting, moved.Status);
        Assert.NotNull(moved.UpdatedAt);
        Assert.Equal(new Fault.Invalid(VolumeRules.Delete.Refusal), await Refused(() => Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.Delete))));
        Assert.Equal(new Fault.NotFound("Volume", "x"), await Refused(() => Db.Commit(tx => tx.Volumes.Move("x", VolumeRules.Delete))));
        Assert.Equal(VolumeStatus.Deleting, (await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.ForceDelete))).Status);

        foreach (var refused in new[]
                 {
                     Some.Volume() with { AttachStatus = "attached" }, Some.Volume() with { MigrationStatus = "migrating" },
                     Some.Volume(status: VolumeStatus.InUse),
                 })
        {
            await Inserted(refused);
            Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Volumes.Move(refused.Id, VolumeRules.Delete))));
            Assert.Equal(refused.Status, (await Volume(refused.Id))!.Status);
        }
        var migrated = await Inserted(Some.Volume() with { MigrationStatus = "success" });
        await Db.Commit(tx => tx.Volumes.Move(migrated.Id, VolumeRules.Delete));
    }

    [Fact]
    public async Task Of_twenty_moves_at_once_one_wins()
    {
        var volume = await Inserted(Some.Volume());
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Background(async () =>
        {
            try { await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.Delete)); return null; }
            catch (FaultException e) { return e.Fault; }
        })));
        Assert.Single(outcomes, o => o is null);
        Assert.Equal(19, outcomes.Count(o => o is Fault.Invalid));
    }

    [Fact]
    public async Task Settling_takes_the_status_that_was_left_and_no_other()
    {
        var volume = await Inserted(Some.Volume(status: VolumeStatus.Creating));
        await Db.Commit(tx => tx.Volumes.Settle(volume.Id, VolumeStatus.Creating, VolumeStatus.Available));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Db.Commit(tx => tx.Volumes.Settle(volume.Id, VolumeStatus.Creating, VolumeStatus.Error)));
        Assert.Equal(VolumeStatus.Available, (await Volume(volume.Id))!.Status);
    }

    [Fact]
    public async Task A_volume_is_changed_where_it_is_said()
    {
        var (volume, other) = (await Inserted(Some.Volume()), await Inserted(Some.Volume()));
        await Db.Commit(async tx =>
        {
            await tx.Volumes.SetHost(volume.Id, "h@b#p");
            await tx.Volumes.SetOnDisk(volume.Id, new VolumeOnDisk("server:/share", "raw"));
            await tx.Volumes.SetWords(volume with { Name = "n", Description = null, Metadata = new Dictionary<string, string> { ["a"] = "b" } });
        });
        var read = (await Volume(volume.Id))!;
        Assert.Equal(("h@b#p", "p", "server:/share", "raw", "n"), (read.Host, read.Pool, read.ProviderLocation, read.Format, read.Name));
        Assert.Equal("b", read.Metadata["a"]);

        await Db.Commit(tx => tx.Volumes.Reset(volume.Id, "error", null, "migrating"));
        read = (await Volume(volume.Id))!;
        Assert.Equal(("error", "detached", "migrating"), (read.Status, read.AttachStatus, read.MigrationStatus));
        await Db.Commit(tx => tx.Volumes.Reset(volume.Id, null, "attached", null));
        read = (await Volume(volume.Id))!;
        Assert.Equal(("error", "attached", "migrating"), (read.Status, read.AttachStatus, read.MigrationStatus));
        await Db.Commit(tx => tx.Volumes.Reset(volume.Id, null, null, "none"));
        Assert.Null((await Volume(volume.Id))!.MigrationStatus);

        await Db.Commit(tx => tx.Volumes.SetHost(volume.Id, null));
        Assert.Null((await Volume(volume.Id))!.Host);
        Assert.Equal(other, await Volume(other.Id));
        await Db.Commit(tx => tx.Volumes.Remove(volume.Id));
        await Db.Commit(tx => tx.Volumes.Remove(volume.Id));
        Assert.Null(await Volume(volume.Id));
        Assert.NotNull(await Volume(other.Id));
    }

    [Theory]
    [InlineData(20, -1, 20)]
    [InlineData(-1, 60, 20)]
    [InlineData(25, 31, 10)]
    [InlineData(0, -1, 0)]
    [InlineData(-1, -1, 50)]
    public async Task Fifty_takers_at_once_never_pass_the_limit(int volumes, int gigabytes, int fit)
    {
        var limits = QuotaLimits.None with { Volumes = volumes, Gigabytes = gigabytes };
        var taken = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Background(async () =>
        {
            try
            {
                await Db.Commit(async tx =>
                {
                    var volume = await tx.Volumes.Insert(Some.Volume("p", 3));
                    await tx.Quotas.Take(volume, limits);
                });
                return true;
            }
            catch (FaultException e) when (e.Fault is Fault.OverQuota) { return false; }
        })));
        Assert.Equal(fit, taken.Count(t => t));
        Assert.Equal(fit, await Db.Read(tx => tx.Quotas.InUse("p", "volumes")));
        Assert.Equal(fit * 3, await Db.Read(tx => tx.Quotas.InUse("p", "gigabytes")));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_refusal_says_what_is_left()
    {
        async Task<string> Why(int sizeGb, QuotaLimits limits) =>
            Assert.IsType<Fault.OverQuota>(await Refused(() => Db.Commit(tx => tx.Quotas.Take(Some.Volume("p", sizeGb), limits)))).Message;
        await Db.Commit(tx => tx.Quotas.Take(Some.Volume("p", 4), new QuotaLimits()));
        Assert.Equal("VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 7G, quota is 10G "
            + "and 4G has been consumed.", await Why(7, new QuotaLimits(Gigabytes: 10)));
        Assert.Equal("VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.", await Why(1, new QuotaLimits(Volumes: 1)));
        Assert.Equal("VolumeSizeExceedsLimit: Requested volume size 9G is larger than maximum allowed limit 8G.",
            await Why(9, new QuotaLimits(PerVolumeGigabytes: 8)));
        await Db.Commit(tx => tx.Quotas.Take(Some.Volume("p", 1000) with { ConsumesQuota = false }, new QuotaLimits()));
        Assert.Equal(4, await Db.Read(tx => tx.Quotas.InUse("p", "gigabytes")));
    }

    [Fact]
    public async Task What_is_given_back_can_be_taken_again()
    {
        var limits = QuotaLimits.None with { Volumes = 1, Gigabytes = 5 };
        for (var i = 0; i < 3; i++)
        {
            var volume = Some.Volume("p", 5);
            await Db.Commit(async tx => { await tx.Volumes.Insert(volume); await tx.Quotas.Take(volume, limits); });
            Assert.IsType<Fault.OverQuota>(await Refused(() => Db.Commit(tx => tx.Quotas.Take(Some.Volume("p"), limits))));
            await Db.Commit(tx => tx.Quotas.Take(Some.Volume("another", 5), limits with { Volumes = 9, Gigabytes = 50 }));
            await Db.Commit(async tx => { await tx.Volumes.Remove(volume.Id); await tx.Quotas.GiveBack(volume); });
        }
        Assert.Equal(0, await Db.Read(tx => tx.Quotas.InUse("p", "gigabytes")));
        Assert.Equal(3, await Db.Read(tx => tx.Quotas.InUse("another", "volumes")));
    }

    [Fact]
    public async Task A_recount_finds_every_drift()
    {
        var volume = Some.Volume("p", 3);
        await Db.Commit(async tx => { await tx.Volumes.Insert(volume); await tx.Quotas.Take(volume, QuotaLimits.None); });
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        await Db.Commit(async tx =>
        {
            await tx.Execute($"update quota_usage set in_use = in_use + 1 where resource = 'gigabytes'");
            await tx.Volumes.Insert(Some.Volume("unseen", 2));
            await tx.Quotas.Take(Some.Volume("gone", 7), QuotaLimits.None);
        });
        Assert.Equal(
            [
                "project gone: gigabytes in use 7, counted 0", "project gone: volumes in use 1, counted 0",
                "project p: gigabytes in use 4, counted 3",
                "project unseen: gigabytes in use 0, counted 2", "project unseen: volumes in use 0, counted 1",
            ], (await Db.Read(tx => tx.Quotas.Recount())).Order(StringComparer.Ordinal));
    }
}
