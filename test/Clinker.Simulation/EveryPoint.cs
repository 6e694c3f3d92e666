using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// Each operation is cut, failed and refused at each point where it touches the database or the storage, and again at each
/// point of what follows: recovery, replay, undoing.
/// </summary>
public sealed class EveryPoint(ITestOutputHelper output)
{
    public enum Story { Create, CreateWithoutRoom, CreateThatFails, Delete, DeleteThatFails }

    public static TheoryData<Story, bool> Stories()
    {
        var data = new TheoryData<Story, bool>();
        foreach (var story in Enum.GetValues<Story>())
        {
            data.Add(story, false);
            data.Add(story, true);
        }
        return data;
    }

    [Theory, MemberData(nameof(Stories))]
    public async Task One_trouble_anywhere_leaves_nothing_over(Story story, bool separate)
    {
        var runs = 0;
        foreach (var trouble in Enum.GetValues<Trouble>())
            for (var at = 0; await Tell(story, separate, (at, trouble)); at++) runs++;
        Assert.True(runs > 40, $"only {runs} runs: the points are not counted");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs");
    }

    [Theory, MemberData(nameof(Stories))]
    public async Task A_second_trouble_during_recovery_leaves_nothing_over(Story story, bool separate)
    {
        var runs = 0;
        foreach (var first in Enum.GetValues<Trouble>())
            for (var at = 0; ; at++)
            {
                if (!await Tell(story, separate, (at, first))) break;
                foreach (var second in Enum.GetValues<Trouble>())
                    for (var then = at + 1; await Tell(story, separate, (at, first), (then, second)); then++) runs++;
            }
        Assert.True(runs > 1000, $"only {runs} runs");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs with two troubles");
    }

    /// <summary>Plays the story; false when the troubles lie beyond its end.</summary>
    static async Task<bool> Tell(Story story, bool separate, params (int At, Trouble What)[] troubles)
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
            default: throw new ArgumentOutOfRangeException(nameof(story));
        }
        await world.Hold(what);
        // Only what a user is told may differ: without a lasting failure the outcome is the one that was asked for.
        if (story is Story.Create && troubles.All(t => t.What is Trouble.Cut or Trouble.Away))
            Assert.Equal("available", await world.StatusOf(volume));
        if (story is Story.Delete && troubles.All(t => t.What is Trouble.Cut or Trouble.Away))
            Assert.Null(await world.StatusOf(volume));
        return world.HadAllTroubles;
    }

    /// <summary>A volume that is there, made before any trouble counts, with its delete accepted.</summary>
    static async Task<Volume> Made(World world)
    {
        var volume = await world.Create();
        await world.RunUntroubled();
        Assert.Equal("available", await world.StatusOf(volume));
        await world.Delete(volume);
        return volume;
    }
}
