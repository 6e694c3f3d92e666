using Clinker.Attachments;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// Each operation is cut, failed and refused at each point where it touches the database or the storage, and again at each
/// point of what follows: recovery, replay, undoing. A class a story, so that stories run side by side.
/// </summary>
public abstract class EveryPoint(EveryPoint.Story story, ITestOutputHelper output)
{
    public enum Story
    {
        Create, CreateWithoutRoom, CreateThatFails, Delete, DeleteThatFails, Connect, ConnectThatFails, Move, Detach, DetachThatFails,
        DetachWhileConnecting,
    }

    static readonly Trouble[] Kinds = [Trouble.Cut, Trouble.Away, Trouble.Failure, Trouble.Bug];

    [Theory, InlineData(false), InlineData(true)]
    public async Task One_trouble_anywhere_leaves_nothing_over(bool separate)
    {
        var runs = 0;
        foreach (var trouble in Kinds)
            for (var at = 0; await Tell(separate, (at, trouble)); at++) runs++;
        Assert.True(runs > 40, $"only {runs} runs: the points are not counted");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs");
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_second_trouble_during_recovery_leaves_nothing_over(bool separate)
    {
        var runs = 0;
        foreach (var first in Kinds)
            for (var at = 0; await Tell(separate, (at, first)); at++)
                foreach (var second in Kinds)
                    for (var then = at + 1; await Tell(separate, (at, first), (then, second)); then++) runs++;
        Assert.True(runs > 1000, $"only {runs} runs");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs with two troubles");
    }

    /// <summary>Plays the story; false when the troubles lie beyond its end.</summary>
    async Task<bool> Tell(bool separate, params (int At, Trouble What)[] troubles)
    {
        await using var world = await World.New(separate, troubles);
        var what = $"{story} {string.Join(", ", troubles)}";
        Volume volume;
        switch (story)
        {
            case Story.Create:
                volume = await world.Create();
                await world.RunUntilQuiet();
                break;
            case Story.CreateWithoutRoom:
                volume = await world.Create(sizeGb: 1_000_000);
                await world.RunUntilQuiet();
                Assert.Equal("error", await world.StatusOf(volume));
                break;
            case Story.CreateThatFails:
                world.FailsForGood = "create: publish";
                volume = await world.Create();
                await world.RunUntilQuiet();
                Assert.Equal("error", await world.StatusOf(volume));
                break;
            case Story.Delete:
                volume = await Made(world);
                await world.RunUntilQuiet();
                Assert.True(await world.StatusOf(volume) is null or "error_deleting", what);
                break;
            case Story.DeleteThatFails:
                volume = await Made(world);
                world.FailsForGood = "delete: file";
                await world.RunUntilQuiet();
                Assert.Equal("error_deleting", await world.StatusOf(volume));
                break;
            case Story.Connect:
                volume = await There(world);
                await world.Connect(volume);
                await world.RunUntilQuiet();
                Assert.True(await world.StatusOf(volume) is "attaching" or "available", what);
                break;
            case Story.ConnectThatFails:
                volume = await There(world);
                await world.Connect(volume);
                world.FailsForGood = "connect: answer";
                await world.RunUntilQuiet();
                Assert.Equal("available", await world.StatusOf(volume));
                break;
            case Story.Move:
                volume = await There(world);
                await world.Connect(volume, "h2", await Used(world, volume));
                await world.RunUntilQuiet();
                Assert.True(await world.StatusOf(volume) is "attaching" or "in-use", what);
                break;
            case Story.Detach:
                volume = await There(world);
                await world.Detach(await Used(world, volume));
                await world.RunUntilQuiet();
                Assert.True(await world.StatusOf(volume) is "available" or "in-use", what);
                break;
            case Story.DetachThatFails:
                volume = await There(world);
                await world.Detach(await Used(world, volume));
                world.FailsForGood = "disconnect";
                await world.RunUntilQuiet();
                Assert.Equal("in-use", await world.StatusOf(volume));
                break;
            case Story.DetachWhileConnecting:
                volume = await There(world);
                await world.Detach(await world.Connect(volume));
                await world.RunUntilQuiet();
                Assert.True(await world.StatusOf(volume) is "available" or "attaching" or "reserved", what);
                break;
            default: throw new InvalidOperationException($"No story {story}");
        }
        await world.Hold(what);
        // Only what a user is told may differ: without a lasting failure the outcome is the one that was asked for.
        if (Array.TrueForAll(troubles, t => t.What is Trouble.Cut or Trouble.Away))
        {
            if (story is Story.Create) Assert.Equal("available", await world.StatusOf(volume));
            if (story is Story.Connect or Story.Move) Assert.Equal("attaching", await world.StatusOf(volume));
            if (story is Story.Detach or Story.DetachWhileConnecting) Assert.Equal("available", await world.StatusOf(volume));
            if (story is Story.Delete) Assert.Null(await world.StatusOf(volume));
        }
        return world.HadAllTroubles;
    }

    /// <summary>A volume that is there, made before any trouble counts, with its delete accepted.</summary>
    static async Task<Volume> Made(World world)
    {
        var volume = await There(world);
        await world.Delete(volume);
        return volume;
    }

    /// <summary>A volume that is there, made before any trouble counts.</summary>
    static async Task<Volume> There(World world)
    {
        var volume = await world.Create();
        await world.RunUntroubled();
        Assert.Equal("available", await world.StatusOf(volume));
        return volume;
    }

    /// <summary>Its use by a server, before any trouble counts.</summary>
    static async Task<Attachment> Used(World world, Volume volume)
    {
        var attachment = await world.Connect(volume);
        await world.RunUntroubled();
        await world.Complete(attachment);
        Assert.Equal("in-use", await world.StatusOf(volume));
        return attachment;
    }
}

public sealed class CreateAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.Create, output);

public sealed class CreateWithoutRoomAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.CreateWithoutRoom, output);

public sealed class CreateThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.CreateThatFails, output);

public sealed class DeleteAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.Delete, output);

public sealed class DeleteThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.DeleteThatFails, output);

public sealed class ConnectAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.Connect, output);

public sealed class ConnectThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.ConnectThatFails, output);

public sealed class MoveAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.Move, output);

public sealed class DetachAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.Detach, output);

public sealed class DetachThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.DetachThatFails, output);

public sealed class DetachWhileConnectingAtEveryPoint(ITestOutputHelper output) : EveryPoint(Story.DetachWhileConnecting, output);
