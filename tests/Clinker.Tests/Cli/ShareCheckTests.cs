using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Tests.Api;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary><c>clinker share check</c> against an API with a worker.</summary>
public sealed class ShareCheckTests : IAsyncLifetime
{
    RunningApi api = null!;
    Run run = null!;

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start();
        await api.Reported();
        api.Work(all: true);
        run = new(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
    }

    public async ValueTask DisposeAsync()
    {
        run.Dispose();
        await api.DisposeAsync();
    }

    [Fact]
    public async Task What_is_wrong_is_told_and_what_is_certain_put_right()
    {
        var volume = await api.Made();
        Assert.Equal(0, await run.Clinker("share", "check", "h1@b1#p1"));
        Assert.Equal("Nothing is wrong.\n", run.Out);

        var left = $"volume-{volume}.g7";
        api.Shares.Put("p1", left, new(1, "half"));
        Assert.Equal(2, await run.Clinker("share", "check", "--plan", "--repair"));
        foreach (var plan in (string[][])[[], ["--plan"]]) // it changes nothing
        {
            Assert.Equal(1, await run.Clinker(["share", "check", "h1@b1#p1", "--long", "-f", "json", .. plan]));
            var found = Assert.Single(JsonNode.Parse(run.Out)!.AsArray())!;
            Assert.Equal(("warning", "found", "left_work", left, volume, true), ((string?)found["Level"], (string?)found["State"], (string?)found["Flaw"],
                (string?)found["File"], (string?)found["Resource ID"], (bool)found["Can Repair"]!));
        }
        Assert.Equal(0, await run.Clinker("share", "check", "--repair"));
        Assert.Contains(left, run.Out, StringComparison.Ordinal);
        Assert.EndsWith("Nothing is wrong. 1 repaired.\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, await run.Clinker("share", "check", "-f", "json"));
        Assert.Equal("[]", run.Out.Trim());
    }

    [Fact]
    public async Task What_somebody_is_at_work_on_is_left_alone()
    {
        var volume = await api.Made();
        var left = $"volume-{volume}.g7";
        api.Shares.Put("p1", left, new(1, "half"));
        await api.Db.Commit(tx => tx.Operations.Start("11111111-1111-4111-8111-111111111111", new Volumes.DeleteVolume(volume), "nobody", null, null));
        Assert.Equal(0, await run.Clinker("share", "check", "--repair"));
        Assert.EndsWith("Nothing is wrong. 1 in doubt, since somebody is at work there: look again.\n", run.Out, StringComparison.Ordinal);
        Assert.Contains(left, api.Shares.Litter.Select(l => l.File));
    }

    [Fact]
    public async Task A_pool_that_is_none_is_refused()
    {
        Assert.Equal(1, await run.Clinker("share", "check", "h1@b1#other"));
        Assert.Contains("h1@b1#other is no pool", run.Error, StringComparison.Ordinal);
    }
}
