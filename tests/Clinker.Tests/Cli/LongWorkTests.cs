using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Tests.Api;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>Commands that come back when their work is done, with <c>--wait</c>: well, or with what its owner is told.</summary>
public sealed class LongWorkTests : IAsyncLifetime
{
    RunningApi api = null!;
    Run run = null!;

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start(pools: ["p1", "p2"]);
        await api.Reported();
        await api.BackupService();
        run = new(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
    }

    public async ValueTask DisposeAsync()
    {
        run.Dispose();
        await api.DisposeAsync();
    }

    Task<int> Waited(string line) => run.Clinker([.. line.Split(' '), "--wait", "--timeout", "60"]);

    [Fact]
    public async Task What_goes_well_is_done_then()
    {
        var volume = await api.Made();
        api.Shares.Write(volume, "old");
        api.Work(all: true);
        Assert.True(await Waited($"volume migrate {volume} --host h1@b1#p2") == 0, run.Error);
        Assert.EndsWith("volume v: success\n", run.Error, StringComparison.Ordinal);
        Assert.Contains(("p2", (await api.Db.Read(tx => tx.Volumes.Get(volume))).FileId), api.Shares.Volumes);
        Assert.True(await Waited($"volume flatten {volume}") == 0, run.Error);
        Assert.EndsWith($"volume {volume}: done\n", run.Error, StringComparison.Ordinal);
        Assert.True(await Waited($"volume snapshot create --volume {volume} s -f value -c status") == 0, run.Error);
        Assert.Equal("available\n", run.Out);
        Assert.True(await Waited($"volume backup create {volume} --name b") == 0, run.Error);
        var file = (await api.Db.Read(tx => tx.Volumes.Get(volume))).FileId;
        api.Shares.Write(file, "new");
        Assert.True(await Waited("volume revert s") == 0, run.Error);
        Assert.Equal("old", api.Shares.Find(file)!.Content);
        api.Shares.Write(file, "newer");
        Assert.True(await Waited($"volume backup restore b {volume} --force") == 0, run.Error);
        Assert.Equal("old", api.Shares.Find(file)!.Content);
        Assert.True(await Waited("volume backup restore b another") == 0, run.Error);
        Assert.EndsWith("volume another: available\n", run.Error, StringComparison.Ordinal);
        Assert.True(await Waited($"volume set --size 2 {volume}") == 0, run.Error);
        Assert.Equal(2, api.Shares.Find(file)!.SizeGb);
    }

    /// <summary>A volume that is available again with what it had is no success.</summary>
    [Theory]
    [InlineData("volume migrate V --host h1@b1#p2", "volume v went to status error. migrate volume: It was cancelled by an administrator.")]
    [InlineData("volume flatten V", "volume V is as it was: It was cancelled by an administrator.")]
    [InlineData("volume revert s", "volume V is as it was: revert volume to snapshot: It was cancelled by an administrator.")]
    [InlineData("volume backup restore b V --force", "volume v is as it was: restore backup: It was cancelled by an administrator.")]
    public async Task What_was_cancelled_is_said_to_be_so(string line, string said)
    {
        var volume = await api.Made();
        if (line.Contains("revert", StringComparison.Ordinal)) await api.SnapshotIs(await api.Snapshot(volume));
        await api.BackupIs(await api.Backup(volume, ", \"name\": \"b\""));
        await api.Available(volume);
        var waiting = Waited(line.Replace("V", volume, StringComparison.Ordinal));
        OperationRow? asked = null;
        while ((asked = (await api.Db.Read(tx => tx.Operations.List(new() { Limit = 1 }))).SingleOrDefault()) is null)
        {
            Assert.False(waiting.IsCompleted, run.Error);
            await Task.Delay(5);
        }
        await api.Db.Commit(tx => tx.Operations.Cancel(asked.Id, CoreJson.Kinds));
        api.Work(all: true);
        Assert.Equal(1, await waiting);
        Assert.EndsWith(said.Replace("V", volume, StringComparison.Ordinal) + "\n", run.Error, StringComparison.Ordinal);
        Assert.Equal("available", await api.Settled($"volumes/{volume}"));
    }

    [Fact]
    public async Task Who_would_not_be_told_when_it_is_flattened_is_told_that_before()
    {
        await using var members = await RunningApi.Start(new ApiSettings { Identity = RunningApi.ByToken });
        using var run = new Run(("OS_AUTH_TYPE", "admin_token"), ("OS_TOKEN", $"u:{RunningApi.Project}:member"), ("OS_ENDPOINT", $"{members.Address}/v3/{RunningApi.Project}"));
        var volume = await members.Volume();
        await members.Available(volume);
        Assert.Equal(1, await run.Clinker("volume", "flatten", volume, "--wait"));
        Assert.Equal("--wait is for admins here: others are not told when it is done. Nothing was asked for.\n", run.Error);
        Assert.Empty(await members.Db.Read(tx => tx.Operations.List(new() { Limit = 1 })));
        Assert.True(await run.Clinker("volume", "flatten", volume) == 0, run.Error);
    }
}
