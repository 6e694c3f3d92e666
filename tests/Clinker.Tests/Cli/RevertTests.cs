using Clinker.Tests.Api;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary><c>clinker volume revert</c> against an API that runs; no worker does.</summary>
public sealed class RevertTests
{
    [Fact]
    public async Task An_earlier_snapshot_is_gone_back_to_when_that_is_said()
    {
        await using var api = await RunningApi.Start();
        using var run = new Run(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
        var (volume, snapshots) = await api.WithSnapshots(2);
        Assert.Equal(1, await run.Clinker("volume", "revert", snapshots[0]));
        Assert.Contains("not the latest one", run.Error, StringComparison.Ordinal);
        Assert.True(await run.Clinker("volume", "revert", snapshots[0], "--earlier") == 0, run.Error);
        Assert.Equal("restoring", (await api.Get($"snapshots/{snapshots[0]}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        Assert.Equal("available", (await api.Get($"snapshots/{snapshots[1]}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        Assert.Equal("reverting", (await api.Get($"volumes/{volume}")).Json.GetProperty("volume").GetProperty("status").GetString());
    }
}
