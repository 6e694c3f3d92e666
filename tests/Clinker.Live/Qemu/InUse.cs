using System.Diagnostics;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>
/// What Clinker does with the files of volumes that virtual machines have, seen with a real QEMU whose guest goes on writing meanwhile: see
/// docs/adr/0010.
/// </summary>
public sealed class InUse(ITestOutputHelper output)
{
    async Task In(bool qcow2, Func<UsedVolumes, Task> test)
    {
        var clock = Stopwatch.StartNew();
        await using var all = await UsedVolumes.Up(qcow2);
        try
        {
            await test(all);
            await all.End();
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException($"{e}\n{all.Story()}");
        }
        output.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s");
    }

    [Fact]
    public Task The_whole_life_of_a_volume_while_its_guest_writes() => In(false, async all =>
    {
        var one = await all.Create();
        await all.Start(one);
        await all.Written();
        for (var i = 0; i < 4; i++)
        {
            Assert.NotNull(await all.Take(one));
            await all.Written();
        }
        // In the middle, the oldest, the newest: what is written to takes up nothing, and goes down at the next.
        await all.Delete(one, one.Snapshots[1]);
        Assert.Equal(4, all.Share.OfVolume(one.Id).Count);
        await all.Delete(one, one.Snapshots[0]);
        Assert.Equal(3, all.Share.OfVolume(one.Id).Count);
        await all.Delete(one, one.Snapshots[1]);
        Assert.Equal(3, all.Share.OfVolume(one.Id).Count);
        for (var i = 0; i < 6; i++)
        {
            Assert.NotNull(await all.Take(one));
            await all.Written(10);
            await all.Delete(one, one.Snapshots[0]);
            Assert.Equal(3, all.Share.OfVolume(one.Id).Count);
            Assert.Empty(all.Left(one)); // what QEMU has put together is seen at once
        }
        await all.Check();
        Assert.True(await all.BackUp(one));
        Assert.True(await all.Extend(one, 2));
        Assert.NotNull(await all.Take(one));
        await all.Written();
        var clone = await all.Clone(one, one.Snapshots[^1]);
        await all.Delete(one, one.Snapshots[0]);
        await all.Written();
        await all.Check();
        await all.Stop(one);
        await all.Delete(clone);
    });

    [Fact]
    public Task A_clone_in_use_becomes_flat_while_its_guest_writes() => In(false, async all =>
    {
        var source = await all.Create();
        await all.Start(source);
        await all.Written(100);
        Assert.NotNull(await all.Take(source));
        var clones = new[] { await all.Clone(source, source.Snapshots[0]), await all.Clone(source, source.Snapshots[0]) };
        foreach (var clone in clones) await all.Start(clone);
        await all.Written();
        Assert.Equal(1, await all.Flatten(clones[0])); // by QEMU

        // With snapshots of its own the file that shares is replaced beside it, who goes on with the one of before.
        Assert.NotNull(await all.Take(clones[1]));
        await all.Written();
        Assert.Equal(2, await all.Flatten(clones[1]));
        await all.Written();
        Assert.NotNull(await all.Take(clones[1]));
        await all.Delete(clones[1], clones[1].Snapshots[0]);
        await all.Check();
        await all.Delete(source, source.Snapshots[0]);
        await all.Check();
        // What the one stood on has no other name any more; and it fills up clusters with what it reads there.
        await all.Stop(source);
        await all.Delete(source);
        await all.Written(100);
        await all.Check();
    });

    /// <summary>Nova and its host do what they may.</summary>
    [Fact]
    public Task Whoever_fails_no_byte_is_lost_and_in_the_end_no_file_left() => In(false, async all =>
    {
        var one = await all.Create();
        await all.Start(one);
        await all.Written();
        foreach (var whim in new[] { Whim.Dies, Whim.SaysNo, Whim.Fails, Whim.Dies })
        {
            all.Host.Next = whim;
            await all.Written();
            Assert.Equal(whim == Whim.Dies, await all.Take(one) is not null);
            if (one.By!.IsDown) await all.Restart(one);
        }
        foreach (var whim in new[] { Whim.SaysNo, Whim.Fails, Whim.Lies, Whim.Dies, Whim.Helps })
        {
            await all.Written();
            if (one.Snapshots.Count < 2) await all.Take(one);
            all.Host.Next = whim;
            await all.Delete(one, one.Snapshots[0]);
            if (one.By!.IsDown) await all.Restart(one);
            await all.Check();
        }
        var clone = await all.Clone(one, one.Snapshots[0]);
        await all.Start(clone);
        foreach (var whim in new[] { Whim.SaysNo, Whim.Fails, Whim.Lies, Whim.Dies, Whim.Helps })
        {
            all.Host.Next = whim;
            await all.Written();
            var files = await all.Flatten(clone);
            Assert.Equal(whim == Whim.Helps, files == 1);
            if (clone.By!.IsDown) await all.Restart(clone);
        }
        await all.Check();
    });

    /// <summary>Something is in the file that was to come, so it stays, and later snapshots stand on it; the host is to begin with it too.</summary>
    [Fact]
    public Task A_QEMU_that_dies_as_it_has_gone_over_begins_with_what_it_wrote_although_Nova_says_that_it_failed() => In(false, async all =>
    {
        var one = await all.Create();
        await all.Start(one);
        await all.Written();
        all.Host.Next = Whim.DiesUnheard;
        await all.Take(one);
        await all.Restart(one);
        await all.Written();
        Assert.NotNull(await all.Take(one));
    });
}
