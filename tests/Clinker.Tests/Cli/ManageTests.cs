using Clinker.Tests.Api;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>What is in storage already, by <c>clinker</c>, against an API with a worker.</summary>
public sealed class ManageTests : IAsyncLifetime
{
    RunningApi api = null!;
    Run run = null!;

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start();
        await api.Reported();
        api.Work(all: true);
        api.Shares.Put("p1", "lvol0", new(2, "data"));
        run = new(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
    }

    public async ValueTask DisposeAsync()
    {
        run.Dispose();
        await api.DisposeAsync();
    }

    async Task<string> Said(params string[] args)
    {
        Assert.True(await run.Clinker(args) == 0, run.Error);
        return run.Out;
    }

    [Fact]
    public async Task A_volume_is_made_of_what_is_listed_and_given_up_again()
    {
        Assert.Equal("source-name='lvol0',2,True\n", (await Said(
            "block", "storage", "volume", "manageable", "list", "h1@b1#p1", "-f", "csv", "--quote", "none")).Split('\n', 2)[1].Replace("\r", "", StringComparison.Ordinal)
            .Replace("{'source-name': 'lvol0'}", "source-name='lvol0'", StringComparison.Ordinal));
        var id = (await Said("volume", "create", "--remote-source", "source-name=lvol0", "--host", "h1@b1#p1", "-f", "value", "-c", "id", "n")).Trim();
        await Soon.Until(async () => await AttachmentCalls.StatusOf(api, id) == "available");
        Assert.Contains(id, await Said("block", "storage", "volume", "manageable", "list", "h1@b1#p1", "--long"), StringComparison.Ordinal);
        await Said("volume", "delete", "--remote", "n");
        Assert.Null(await AttachmentCalls.StatusOf(api, id));
        Assert.Equal("data", api.Shares.Find(id)!.Content);
    }

    [Fact]
    public async Task A_snapshot_is_made_of_what_is_listed_and_given_up_again()
    {
        var volume = await api.Made();
        api.Shares.Put("p1", "lvol1", new(1, "old"));
        var id = (await Said("volume", "snapshot", "create", "--volume", volume, "--remote-source", "source-name=lvol1", "-f", "value", "-c", "id", "s")).Trim();
        await Soon.Until(async () => (await api.Db.Read(tx => tx.Snapshots.Get(id))).Status == "available");
        Assert.Contains($"volume-{volume}", await Said("block", "storage", "snapshot", "manageable", "list", "h1@b1#p1"), StringComparison.Ordinal);
        await Said("volume", "snapshot", "delete", "--remote", id);
        Assert.Null(await api.Db.Read(tx => tx.Snapshots.Find(id)));
        Assert.Equal("old", api.Shares.Find(id)!.Content);
    }

    [Theory]
    [InlineData("volume", "create", "--remote-source", "source-name=lvol0", "n")]
    [InlineData("volume", "create", "--size", "1", "--host", "h1@b1#p1", "n")]
    [InlineData("volume", "create", "--remote-source", "source-name=lvol0", "--host", "h1@b1#p1", "--size", "1", "n")]
    [InlineData("volume", "delete", "--remote", "--force", "n")]
    [InlineData("volume", "snapshot", "delete", "--remote", "--force", "n")]
    [InlineData("block", "storage", "volume", "manageable", "list")]
    public async Task What_does_not_go_together_is_refused(params string[] args) => Assert.Equal(2, await run.Clinker(args));
}
