using Clinker.Operations;
using Clinker.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>A server that is being rebuilt waits for what becomes of its volume.</summary>
public sealed class Rebuilding
{
    const string ImageId = "6c1bf0d5-9a4b-4c0e-8f49-1a2b3c4d5e6f";

    [Theory, InlineData(null, true, "reserved"), InlineData("refill: publish", false, "error")]
    public async Task Its_server_is_told_how_it_ended(string? fails, bool well, string status)
    {
        await using var world = await World.New(separate: false);
        world.Images.Give(ImageId, "new");
        var volume = await Reserved(world);
        world.FailsForGood = fails;
        await world.Reimage(volume, ImageId, VolumeRules.ReimageEvenReserved);
        await world.RunUntilQuiet();
        Assert.Equal([(ServerEvent.VolumeReimaged, well)], world.Hypervisor.Told);
        Assert.Equal(status, await world.StatusOf(volume));
    }

    [Fact]
    public async Task Cancelled_before_anything_was_replaced_the_volume_is_reserved_as_it_was()
    {
        await using var world = await World.New(separate: false);
        world.Images.Give(ImageId, "new");
        var volume = await Reserved(world);
        world.Shares.Write(volume.Id, "old");
        world.Meanwhile = ("refill: make", async () =>
        {
            var id = (await world.OperationOf(volume)).Id;
            await world.Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));
        });
        await world.Reimage(volume, ImageId, VolumeRules.ReimageEvenReserved);
        await world.RunUntilQuiet();
        Assert.Equal(("reserved", "old"), (await world.StatusOf(volume), world.Shares.Find(volume.Id)!.Content));
        Assert.Equal([(ServerEvent.VolumeReimaged, false)], world.Hypervisor.Told);
        await world.Hold("cancelled");
    }

    /// <summary>What can't be told fails nothing: the server has a limit of its own.</summary>
    [Theory, InlineData(Helps.No), InlineData(Helps.Unheard)]
    public async Task What_it_is_not_told_changes_nothing(object helps)
    {
        await using var world = await World.New(separate: false);
        world.Images.Give(ImageId, "new");
        var volume = await Reserved(world);
        world.Hypervisor.Helps = (Helps)helps;
        await world.Reimage(volume, ImageId, VolumeRules.ReimageEvenReserved);
        await world.RunUntilQuiet();
        Assert.Equal(("reserved", "new"), (await world.StatusOf(volume), world.Shares.Find(volume.Id)!.Content));
    }

    [Fact]
    public async Task Of_a_volume_that_is_no_servers_nobody_is_told()
    {
        await using var world = await World.New(separate: false);
        world.Images.Give(ImageId, "new");
        var volume = await world.Create();
        await world.RunUntilQuiet();
        await world.Reimage(volume, ImageId);
        await world.RunUntilQuiet();
        Assert.Empty(world.Hypervisor.Told);
    }

    static async Task<Volume> Reserved(World world)
    {
        var volume = await world.Create();
        await world.RunUntilQuiet();
        await world.Reserve(volume);
        return volume;
    }
}
