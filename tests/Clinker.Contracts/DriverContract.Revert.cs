using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

// Reverting is the one verb that puts another content where a user's is: what may not happen to it.
public abstract partial class DriverContract
{
    async Task<(Volume, Snapshot)> ToRevert()
    {
        Needs(Abilities.Revert);
        var volume = await Made(First, 1, "old");
        var snapshot = await Taken(volume);
        await Write(First, volume.Id, "new");
        return (volume with { Status = VolumeStatus.Reverting }, snapshot);
    }

    [Fact]
    public async Task Reverting_brings_the_content_back_and_may_be_repeated()
    {
        var (volume, snapshot) = await ToRevert();
        for (var generation = 1; generation <= 12; generation += 5)
        {
            await Driver.RevertTo(volume, snapshot, Under(generation));
            Assert.Equal("old", await Read(First, volume.Id));
            Assert.Equal("old", await Read(First, snapshot.Id));
            Assert.Empty(await Litter(First));
            await Write(First, volume.Id, $"newer {generation}");
            Assert.Equal("old", await Read(First, snapshot.Id));
        }
        await SizeIs(1, First, volume);
        Assert.Equal([volume.Id], await Volumes(First));
    }

    [Fact]
    public async Task A_volume_that_grew_since_stays_as_large()
    {
        var (volume, snapshot) = await ToRevert();
        Needs(Abilities.Extend);
        await Driver.Extend(volume, 3, Under(1));
        await Driver.RevertTo(volume with { SizeGb = 3 }, snapshot, Under(1));
        Assert.Equal("old", await Read(First, volume.Id));
        await SizeIs(3, First, volume);
    }

    [Fact]
    public async Task A_revert_whose_lease_is_lost_leaves_the_content_and_what_it_left_is_litter_of_the_volume()
    {
        var (volume, snapshot) = await ToRevert();
        IReadOnlyList<Litter> meanwhile = [];
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Driver.RevertTo(volume, snapshot, AtTheEnd(Lost(async () =>
        {
            Assert.Equal("new", await Read(First, volume.Id));
            meanwhile = (await Driver.List(First, Token)).Litter;
        }))));
        Assert.Equal("new", await Read(First, volume.Id));
        var work = Assert.Single(meanwhile);
        Assert.Equal(new About("volume", volume.Id), work.About);
        await Driver.RemoveLitter(First, work.Name, Token);
        Assert.Empty(await Litter(First));
        Assert.Equal([volume.Id], await Volumes(First));
    }

    [Fact]
    public async Task A_late_revert_touches_nothing_that_was_written_after_another_lease_reverted()
    {
        var (volume, snapshot) = await ToRevert();
        var e = await Assert.ThrowsAsync<FaultException>(() => Driver.RevertTo(volume, snapshot, AtTheEnd(Late(async () =>
        {
            await Driver.RevertTo(volume, snapshot, Under(2));
            Assert.Equal("old", await Read(First, volume.Id));
            await Write(First, volume.Id, "written since");
        }))));
        Assert.True(e.Fault.Transient);
        Assert.Equal("written since", await Read(First, volume.Id));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_late_revert_touches_nothing_once_it_was_given_up()
    {
        var (volume, snapshot) = await ToRevert();
        await Driver.Abandon(volume, Under(1)); // nothing to abandon
        await Assert.ThrowsAsync<FaultException>(() => Driver.RevertTo(volume, snapshot, AtTheEnd(Late(async () =>
        {
            for (var i = 2; i < 4; i++) await Driver.Abandon(volume, Under(i));
            await Write(First, volume.Id, "written since");
        }))));
        Assert.Equal("written since", await Read(First, volume.Id));
        Assert.Empty(await Litter(First));
    }

    /// <summary>Generations count within an operation: the first lease of a later one must not lend its file to a late worker.</summary>
    [Fact]
    public async Task A_late_revert_does_not_publish_the_work_of_another_operation()
    {
        var (volume, snapshot) = await ToRevert();
        var (copied, ends) = (new TaskCompletionSource(), new TaskCompletionSource());
        Task? another = null;
        await Assert.ThrowsAsync<FaultException>(() => Driver.RevertTo(volume, snapshot, AtTheEnd(Late(async () =>
        {
            another = Driver.RevertTo(volume, snapshot, AtTheEnd(new Work(1, Token, async () =>
            {
                copied.SetResult();
                await ends.Task;
            }, AnotherOperation)));
            await Task.WhenAny(copied.Task, another);
        }))));
        Assert.Equal("new", await Read(First, volume.Id));
        ends.SetResult();
        await another!;
        Assert.Equal("old", await Read(First, volume.Id));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_revert_cut_anywhere_leaves_the_one_content_or_the_other()
    {
        var (volume, snapshot) = await ToRevert();
        for (var round = 0; round < 12; round++)
        {
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var revert = Driver.RevertTo(volume, snapshot, Under(1) with { Token = ends.Token });
            await Task.Delay(TimeSpan.FromMilliseconds(round * 0.7), Token);
            await ends.CancelAsync();
            try { await revert; }
            catch (OperationCanceledException) { }
            Assert.Contains(await Read(First, volume.Id), new[] { "old", "new" });
            await SizeIs(1, First, volume);
            if (round % 2 == 0)
            {
                await Driver.RevertTo(volume, snapshot, Under(2));
                Assert.Equal("old", await Read(First, volume.Id));
            }
            else await Driver.Abandon(volume, Under(2));
            Assert.Empty(await Litter(First));
            await Write(First, volume.Id, "new");
        }
    }
}
