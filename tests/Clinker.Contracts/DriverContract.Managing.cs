using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

// What lies in a pool already becomes a volume or snapshot, whole and alone, or stays what it was.
public abstract partial class DriverContract
{
    const string Name = "lvol 0.img";

    /// <summary>Puts a file into a pool as somebody does who is none of ours: a disk of the backend's format.</summary>
    protected abstract ValueTask Put(string pool, string name, int sizeGb, string content);

    /// <summary>What is in a file of that name; null when there is none.</summary>
    protected abstract ValueTask<string?> Found(string pool, string name);

    async Task<Volume> ToManage(int sizeGb = 2)
    {
        Needs(Abilities.Manage);
        await Put(First, Name, sizeGb, "old");
        var seen = await Driver.Inspect(First, Name, Token);
        Assert.Null(seen!.WhyNot);
        return NewVolume(First, seen.SizeGb) with { Status = VolumeStatus.Managing, Format = seen.Format };
    }

    [Fact]
    public async Task A_file_becomes_a_volume_and_that_may_be_repeated()
    {
        var volume = await ToManage();
        Assert.Equal(2, volume.SizeGb);
        for (var generation = 1; generation <= 3; generation++)
        {
            var disk = await Driver.Manage(volume, Name, Under(generation));
            Assert.Equal(volume.Format, disk.Format);
            Assert.Equal([volume.Id], await Volumes(First));
            Assert.Empty(await Litter(First));
            Assert.Null(await Found(First, Name));
            Assert.Equal("old", await Read(First, volume.Id));
        }
        await SizeIs(2, First, volume);
    }

    [Fact]
    public async Task A_managed_volume_does_all_that_others_do()
    {
        var volume = await ToManage();
        var disk = await Driver.Manage(volume, Name, Under(1));
        volume = volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available };
        var snapshot = await Taken(volume);
        var clone = NewVolume(First, 3);
        await Driver.CreateFromSnapshot(clone, volume, snapshot, Under(1));
        Assert.Equal("old", await Read(First, clone.Id));
        await Driver.Extend(volume, 4, Under(1));
        await SizeIs(4, First, volume);
        await Driver.DeleteSnapshot(volume, snapshot, Under(1));
        await Driver.Delete(volume, Under(1));
        Assert.Equal([clone.Id], await Volumes(First));
    }

    [Fact]
    public async Task Given_back_it_has_its_name_and_content_again()
    {
        var volume = await ToManage();
        for (var round = 0; round < 2; round++)
        {
            await Driver.GiveBack(volume, Name, Under(1)); // before anything happened, too
            await Driver.GiveBack(volume, Name, Under(2));
            Assert.Empty(await Volumes(First));
            Assert.Equal("old", await Found(First, Name));
            if (round == 0) await Driver.Manage(volume, Name, Under(1));
        }
    }

    [Fact]
    public async Task A_lease_that_is_lost_midway_leaves_what_another_goes_on_with_or_gives_back()
    {
        for (var asked = 1; asked <= 2; asked++)
            foreach (var back in new[] { false, true })
            {
                var volume = await ToManage();
                var times = 0;
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Driver.Manage(volume, Name, Under(1) with
                {
                    Confirm = () => ++times == asked ? throw new OperationCanceledException() : Task.CompletedTask,
                }));
                if (back)
                {
                    await Driver.GiveBack(volume, Name, Under(2));
                    Assert.Equal("old", await Found(First, Name));
                    Assert.Empty(await Volumes(First));
                }
                else
                {
                    await Driver.Manage(volume, Name, Under(2));
                    Assert.Null(await Found(First, Name));
                    Assert.Equal("old", await Read(First, volume.Id));
                    await Driver.Delete(volume, Under(1));
                }
            }
    }

    [Fact]
    public async Task A_late_worker_takes_no_file_that_came_to_the_name_since()
    {
        var volume = await ToManage();
        await Driver.Manage(volume, Name, Late(async () =>
        {
            await Driver.Manage(volume, Name, Under(2));
            await Put(First, Name, 2, "new");
        }));
        Assert.Equal("new", await Found(First, Name));
        Assert.Equal("old", await Read(First, volume.Id));
    }

    [Fact]
    public async Task It_is_not_given_back_over_a_file_that_came_to_the_name_since()
    {
        var volume = await ToManage();
        await Driver.Manage(volume, Name, Under(1));
        await Put(First, Name, 2, "new");
        Assert.False((await Assert.ThrowsAsync<FaultException>(() => Driver.GiveBack(volume, Name, Under(1)))).Fault.Transient);
        Assert.Equal("new", await Found(First, Name));
        Assert.Equal("old", await Read(First, volume.Id));
    }

    [Fact]
    public async Task What_is_not_there_or_has_changed_is_no_volume()
    {
        var volume = await ToManage();
        await Assert.ThrowsAsync<FaultException>(() => Driver.Manage(volume, "nothing", Under(1)));
        await Assert.ThrowsAsync<FaultException>(() => Driver.Manage(volume with { SizeGb = 1 }, Name, Under(1)));
        Assert.Null(await Driver.Inspect(First, "nothing", Token));
        Assert.Empty(await Volumes(First));
        Assert.Equal("old", await Found(First, Name));
    }

    [Fact]
    public async Task The_pool_tells_of_files_but_not_of_those_under_work()
    {
        var volume = await ToManage();
        var made = await Made(First);
        var snapshot = await Taken(made);
        await HalfMake(First, volume.Id, 1);
        await HalfTake(First, snapshot, 1);
        var files = await Driver.ListFiles(First, Token);
        Assert.Equal(3, files.Count);
        Assert.Equal(Name, Assert.Single(files, f => f is { As: null, PartOf: null }).Name);
        Assert.Single(files, f => f.As == new About("volume", made.Id));
        Assert.Single(files, f => f.As == new About("snapshot", snapshot.Id) || f.PartOf == made.Id);
        Assert.Empty(await Driver.ListFiles(Second, Token));
        foreach (var file in files) Assert.NotNull(await Driver.Inspect(First, file.Name, Token));
        foreach (var work in await Litter(First)) Assert.Null(await Driver.Inspect(First, work, Token));
    }

    [Fact]
    public async Task What_was_given_up_under_our_name_becomes_another_volume()
    {
        Needs(Abilities.Manage);
        var former = await Made(First, 1, "kept");
        var name = Assert.Single(await Driver.ListFiles(First, Token)).Name;
        var volume = NewVolume(First) with { Format = former.Format };
        await Driver.Manage(volume, name, Under(1));
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Equal("kept", await Read(First, volume.Id));
    }

    [Fact]
    public async Task A_file_becomes_a_snapshot_or_stays_what_it_was()
    {
        Needs(Abilities.Manage);
        var volume = await Made(First, 2, "new");
        var snapshot = NewSnapshot(volume);
        await Put(First, Name, 2, "old");
        for (var generation = 1; generation <= 2; generation++) await Driver.ManageSnapshot(volume, snapshot, Name, Under(generation));
        Assert.Equal([snapshot.Id], await Snapshots(First));
        Assert.Null(await Found(First, Name));
        await Driver.GiveBackSnapshot(volume, snapshot, Name, Under(2));
        Assert.Empty(await Snapshots(First));
        Assert.Equal("old", await Found(First, Name));
        await Driver.ManageSnapshot(volume, snapshot, Name, Under(3));
        var restored = NewVolume(First, 2);
        await Driver.CreateFromSnapshot(restored, volume, snapshot, Under(1));
        Assert.Equal("old", await Read(First, restored.Id));
        Assert.Equal("new", await Read(First, volume.Id));
    }
}
