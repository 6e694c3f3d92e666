using Clinker.Drivers;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

/// <summary>What a clone stands on, taken up by whoever has it open.</summary>
public abstract partial class SnapshotsInUse
{
    /// <summary>The guest has a clone of a volume that it had, and writes to it; what the clone stands on.</summary>
    async Task<(Volume Source, Snapshot Origin, string Under)> AClone()
    {
        var (source, origin) = await BecomesClone();
        for (var i = 0; i < 10; i++) await guest.Write();
        Assert.True(await driver.MayPull(volume, Work));
        await driver.BeginPull(volume, Work);
        await driver.BeginPull(volume, Work);
        return (source, origin, $"{Own}.{origin.Id}");
    }

    async Task Goes(Volume source, Snapshot origin)
    {
        await driver.DeleteSnapshot(source, origin, Work);
        await driver.Delete(source, Work);
    }

    string? Pulling => (string?)(Info["clinker:pulling raw"] ?? Info["clinker:pulling"]);

    [Fact]
    public async Task What_a_volume_stands_on_is_given_up_when_the_guest_has_taken_it_up()
    {
        var (source, origin, under) = await AClone();
        Assert.Equal((3, true, under), (Names.Length, Names.Contains(under), Pulling));
        Assert.Contains("since a flatten asked", (await Assert.ThrowsAsync<Operations.FaultException>(() => driver.BeginSnapshot(volume, NewSnapshot(), Work))).Message, StringComparison.Ordinal);
        await driver.DeleteSnapshot(volume, NewSnapshot(), Work, quiet: false); // that one had a row
        await guest.Write();
        await guest.Pull();
        await guest.Write();
        Assert.True(await driver.EndPull(volume, mayCome: true, Work));
        Assert.True(await driver.EndPull(volume, mayCome: true, Work));
        Assert.Equal([Own, $"{Own}.info"], Names);
        Assert.Null(Pulling);
        await Goes(source, origin);
        Assert.Equal([Own, $"{Own}.info"], Names);
        Assert.Empty(NamesOf(source));
        await guest.Check();
        await Taken();
        await guest.Check();
    }

    [Fact]
    public async Task Wherever_its_end_is_cut_nothing_is_left_of_what_the_guest_has_taken_up()
    {
        for (var cut = 1; ; cut++)
        {
            var (source, origin, under) = await AClone();
            await guest.Pull();
            var (work, asked) = (Work, 0);
            var isCut = false;
            try { await driver.EndPull(volume, mayCome: true, work with { Confirm = () => ++asked < cut ? Task.CompletedTask : throw new OperationCanceledException() }); }
            catch (OperationCanceledException) { isCut = true; }
            Assert.True(await driver.EndPull(volume, mayCome: true, work with { Generation = 2 }));
            Assert.Equal([Own, $"{Own}.info"], Names);
            Assert.Null(Pulling);
            await Goes(source, origin);
            await guest.Check();
            if (!isCut) return;
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task What_is_not_taken_up_stays_and_so_does_what_the_volume_stands_on(bool mayCome)
    {
        var (source, origin, under) = await AClone();
        Assert.False(await driver.EndPull(volume, mayCome, Work));
        Assert.Equal((true, mayCome ? under : null), (Names.Contains(under), Pulling));
        await Goes(source, origin);
        await guest.Check();
        if (!mayCome) await Taken();
        await Detach();
        Assert.Equal(mayCome ? Own : $"{Own}.{Info.Single(m => Guid.TryParse(m.Key, out _)).Key}", await Connected());
        Assert.Null(Pulling); // who takes it up late has not got it any more
        await Holds(volume, guest.Content);
    }

    /// <summary>QEMU notes that there is no file under an image before it has written down where all of it is.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task What_is_not_written_down_yet_is_not_taken_for_taken_up(bool diesSo)
    {
        var (source, origin, under) = await AClone();
        await Goes(source, origin);
        await guest.Pull(written: false);
        var waits = await Assert.ThrowsAsync<Operations.FaultException>(() => driver.EndPull(volume, mayCome: true, Work));
        Assert.True(waits.Waits);
        Assert.Contains(under, Names);
        var content = guest.Content;
        await guest.DisposeAsync();
        if (diesSo)
        {
            await Detach();
            Assert.Equal(volume.Id, Assert.Single(await driver.FindUntidy(pool, [volume], Token)).VolumeId);
            await driver.Tidy(volume, flatten: false, Work);
            Assert.Contains(under, Names);
            await Holds(volume, content);
            Assert.Empty(await driver.FindUntidy(pool, [volume], Token));
            await driver.Flatten(volume, Work);
        }
        else
        {
            await Guest.Tool("rebase", "-u", "-f", "qcow2", "-b", under, "-F", "raw", PathOf(Own));
            await Guest.Tool("rebase", "-f", "qcow2", "-b", "", PathOf(Own));
            Assert.True(await driver.EndPull(volume, mayCome: true, Work));
            await Detach();
        }
        Assert.Equal([Own, $"{Own}.info"], Names);
        await Holds(volume, content);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task What_is_taken_up_too_late_is_seen_when_nobody_has_the_volume(bool asDelete)
    {
        var (source, origin, under) = await AClone();
        Assert.False(await driver.EndPull(volume, mayCome: true, Work));
        await Goes(source, origin);
        await guest.Pull();
        await Taken(); // which file is open is certain again
        var rows = new PoolRows(new Dictionary<string, VolumeRow> { [volume.Id] = new(volume, []) }, new HashSet<string>(), new HashSet<string>());
        var found = (await driver.Check(pool, () => Task.FromResult(rows), Token)).Where(f => f.Ids.Contains(volume.Id) || f.Ids.Contains(source.Id));
        Assert.All(found, f => Assert.Equal(Flaw.UnknownSnapshot, f.Flaw)); // of which there is no row here
        await Delete(NewSnapshot() with { Id = Info.Single(m => Guid.TryParse(m.Key, out _)).Key });
        await Detach();
        Assert.Contains(under, Names);
        if (!asDelete)
        {
            Assert.Single(await driver.FindUntidy(pool, [volume], Token));
            await driver.Tidy(volume, flatten: false, Work);
            Assert.Equal([Own, $"{Own}.info"], Names);
            await Holds(volume, guest.Content);
        }
        await driver.Delete(volume, Work);
        Assert.Empty(Names.Concat(NamesOf(source)));
    }

    [Fact]
    public async Task Only_the_file_that_is_a_volumes_first_is_taken_up_into()
    {
        Assert.False(await driver.MayPull(volume, Work)); // stands on nothing
        await Taken();
        Assert.False(await driver.MayPull(volume, Work));
        await AClone();
        Assert.False(await driver.EndPull(volume, mayCome: false, Work));
        await driver.BeginSnapshot(volume, NewSnapshot(), Work);
        Assert.False(await driver.MayPull(volume, Work));
    }
}
