using Clinker.Backups;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Services;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Backups.</summary>
public abstract partial class StoreContract
{
    static Backup BackupOf(string volume, string? parent = null, string project = "p", int hours = 0) => new()
    {
        Id = Some.Id(), ProjectId = project, UserId = "u", VolumeId = volume, ParentId = parent, SizeGb = 3, Status = BackupStatus.Available,
        DataTimestamp = Some.Time.AddHours(hours), CreatedAt = Some.Time.AddHours(hours),
    };

    [Fact]
    public async Task A_backup_is_remembered_whole_and_goes_its_way()
    {
        var backup = BackupOf(Some.Id()) with
        {
            SnapshotId = "s", ParentId = "p", Name = "ü", Description = "d", FailReason = "f", Service = "x", Container = "c", AvailabilityZone = "nova",
            ObjectCount = 7, IndexSha256 = "ab", EncryptionKeyId = "k", Bootable = true, ImageMetadata = new Dictionary<string, string> { ["a"] = "b" },
            Metadata = new Dictionary<string, string> { ["c"] = "d" }, UpdatedAt = Some.Time.AddHours(1), Prefix = "p",
        };
        await Db.Commit(async tx =>
        {
            await tx.Backups.Insert(backup);
            await tx.Quotas.Take(backup, QuotaLimits.None);
        });
        var read = (await Db.Commit(tx => tx.Backups.Find(backup.Id, @lock: true)))!;
        Assert.Equal((backup.Metadata["c"], backup.ImageMetadata["a"]), (read.Metadata["c"], read.ImageMetadata["a"]));
        Assert.Equal(backup, read with { Metadata = backup.Metadata, ImageMetadata = backup.ImageMetadata });
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
        await Db.Commit(async tx =>
        {
            await tx.Backups.SetPlace(backup.Id, "y", "e", "mars");
            await tx.Backups.SetIndex(backup.Id, 8, "cd");
            await tx.Backups.SetFailReason(backup.Id, null);
        });
        read = await Db.Read(tx => tx.Backups.Get(backup.Id));
        Assert.Equal(("y", "e", "mars", 8, "cd", null), (read.Service, read.Container, read.AvailabilityZone, read.ObjectCount, read.IndexSha256, read.FailReason));
        await Db.Commit(tx => tx.Backups.SetFailed(backup.Id, "why"));
        read = await Db.Read(tx => tx.Backups.Get(backup.Id));
        Assert.Equal((null, 0, null, "why"), (read.Service, read.ObjectCount, read.IndexSha256, read.FailReason));
        Assert.Equal(BackupStatus.Deleting, (await Db.Commit(tx => tx.Backups.Move(backup.Id, BackupRules.Delete))).Status);
        Assert.Equal(new Fault.Invalid("Invalid backup: Backup status must be available or error"),
            await Refused(() => Db.Commit(tx => tx.Backups.Move(backup.Id, BackupRules.Delete))));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Db.Commit(tx => tx.Backups.Settle(backup.Id, BackupStatus.Error, BackupStatus.Available)));
        await Db.Commit(async tx =>
        {
            await tx.Backups.Remove(backup.Id);
            await tx.Quotas.GiveBack(backup);
        });
        Assert.Equal(new Fault.NotFound("Backup", backup.Id), await Refused(() => Db.Commit(tx => tx.Backups.Move(backup.Id, BackupRules.Delete))));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task The_base_of_an_increment_is_the_newest_that_is_whole_and_old_enough()
    {
        var volume = Some.Id();
        var first = BackupOf(volume);
        var second = BackupOf(volume, first.Id, hours: 1);
        await Db.Commit(async tx =>
        {
            foreach (var backup in (Backup[])[first, second, BackupOf(volume, hours: 2) with { Status = BackupStatus.Error }, BackupOf(volume, project: "q", hours: 3), BackupOf(Some.Id(), hours: 4),
                BackupOf(volume, hours: 5) with { Prefix = "cinder's" }])
                await tx.Backups.Insert(backup);
        });
        Assert.Equal(second.Id, await Db.Read(tx => tx.Backups.NewestOf(volume, "p", null)));
        Assert.Equal(first.Id, await Db.Read(tx => tx.Backups.NewestOf(volume, "p", second.DataTimestamp)));
        Assert.Null(await Db.Read(tx => tx.Backups.NewestOf(volume, "p", first.DataTimestamp)));
        Assert.Equal((true, false), await Db.Read(async tx => ((await tx.Backups.Get(first.Id)).HasDependents, (await tx.Backups.Get(second.Id)).HasDependents)));
        var page = await Db.Read(tx => tx.Backups.List(new ListQuery { ProjectId = "p", WithCount = true, Sort = [new("parent_id", false), new("id", false)] }));
        Assert.Contains(page.Items, b => b.Id == first.Id && b.HasDependents);
        Assert.Equal(page.Items.Count, page.Count);
    }

    [Fact]
    public async Task What_Cinder_wrote_is_read_from_its_full_backup_on()
    {
        var volume = Some.Id();
        var full = BackupOf(volume) with { Prefix = "a" };
        var second = BackupOf(volume, full.Id) with { Prefix = "b" };
        var third = BackupOf(volume, second.Id) with { Prefix = "c" };
        await Db.Commit(async tx =>
        {
            foreach (var backup in (Backup[])[third, second, full, BackupOf(volume, third.Id)]) await tx.Backups.Insert(backup);
            foreach (var backup in (Backup[])[third, full]) await tx.Backups.SetFound(backup.Id, Found);
        });
        var read = await Db.Read(tx => tx.Backups.Get(full.Id));
        Assert.Equal((2, "ab", true, "d", "f"), (read.ObjectCount, read.IndexSha256, read.Bootable, read.ImageMetadata["c"], read.VolumeMetadata["e"]));
        var ours = BackupOf(volume, third.Id);
        Assert.Equal([ours], await Db.Read(tx => tx.Backups.Chain(ours)));
        Assert.Contains(second.Id, (await Refused(() => Db.Read(tx => tx.Backups.Chain(third)))).Message, StringComparison.Ordinal); // nothing of it was found yet
        await Db.Commit(tx => tx.Backups.SetFound(second.Id, Found));
        Assert.Equal([full.Id, second.Id, third.Id], (await Db.Read(tx => tx.Backups.Chain(third))).Select(b => b.Id));
        await Db.Commit(tx => tx.Backups.Reset(second.Id, BackupStatus.Deleting));
        await Refused(() => Db.Read(tx => tx.Backups.Chain(third)));
    }

    static readonly FoundBackup Found = new(2, "ab", true, new Dictionary<string, string> { ["c"] = "d" }, new Dictionary<string, string> { ["e"] = "f" });

    [Fact]
    public async Task A_service_is_up_while_it_was_heard_of_lately_and_is_switched_on()
    {
        var binary = "b" + Some.Id();
        await Db.Commit(tx => tx.Services.Beat(Some.Id(), "h", binary, "z", null));
        var minute = TimeSpan.FromMinutes(1);
        Assert.Equal("z", (await Db.Read(tx => tx.Services.FindUp(binary, minute)))!.Zone);
        Assert.NotNull(await Db.Read(tx => tx.Services.FindUp(binary, minute, "z")));
        Assert.Null(await Db.Read(tx => tx.Services.FindUp(binary, minute, "y")));
        Assert.Null(await Db.Read(tx => tx.Services.FindUp(binary, TimeSpan.FromMinutes(-1))));
        await Db.Commit(tx => tx.Services.Set("h", binary, disabled: true, null));
        Assert.Equal(new Fault.Missing($"Service {binary} could not be found."), await Refused(() => Db.Commit(tx => tx.Services.DemandUp(binary, minute))));
    }
}
