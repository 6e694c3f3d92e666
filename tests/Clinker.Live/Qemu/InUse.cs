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

    [Theory, InlineData(false), InlineData(true)]
    public Task The_whole_life_of_a_volume_while_its_guest_writes(bool qcow2) => In(qcow2, async all =>
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
        await all.Check();
        Assert.True(await all.Extend(one, 2));
        await all.Written();
        Assert.True(await all.BackUp(one));
        Assert.NotNull(await all.Take(one));
        await all.Written();
        var clone = await all.Clone(one, one.Snapshots[^1]);
        await all.Delete(one, one.Snapshots[0]);
        await all.Written();
        await all.Check();
        await all.Stop(one);
        await all.Delete(clone);
    });
}
