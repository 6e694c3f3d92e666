using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Tests.Api;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary><c>clinker operation</c> against an API that runs; no worker does.</summary>
public sealed class OperationTests : IAsyncLifetime
{
    static readonly Fault Why = new Fault.DriverFailed("delete", "the file is immutable");

    RunningApi api = null!;
    Run run = null!;
    string id = null!, volume = null!, other = null!;

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start();
        run = new(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
        volume = await api.Volume();
        var row = await Claim();
        id = row.Id;
        await api.Db.Commit(tx => tx.Operations.Journal(id, "place", JournalEvent.Done, "\"h1@b1#p1\""));
        await api.Db.Commit(tx => tx.Operations.Stick(id, row.Generation, Why, null));
        other = await api.Volume();
    }

    public async ValueTask DisposeAsync()
    {
        run.Dispose();
        await api.DisposeAsync();
    }

    async Task<OperationRow> Claim() => (await api.Db.Commit(tx => tx.Operations.Claim([Queues.Scheduler], "me", TimeSpan.FromSeconds(30), 1))).Single();

    async Task<string> Said(params string[] args)
    {
        Assert.True(await run.Clinker(args) == 0, run.Error);
        return run.Out;
    }

    [Fact]
    public async Task What_is_stuck_is_listed_with_why()
    {
        Assert.Equal($"CreateVolume queued {other}\nCreateVolume stuck {volume}\n",
            await Said("operation", "list", "-f", "value", "-c", "Kind", "-c", "Status", "-c", "Resource ID"));
        Assert.Equal($"{id} The driver could not delete: the file is immutable\n",
            await Said("operation", "list", "--stuck", "-f", "value", "-c", "ID", "-c", "Fault"));
        Assert.Equal(volume, (string?)JsonNode.Parse(await Said("operation", "list", "--status", "stuck", "--long", "-f", "json"))![0]!["Resource ID"]);
        Assert.Equal("queued\n", await Said("operation", "list", "--resource-type", "volume", "--resource", other, "-f", "value", "-c", "Status"));
        Assert.Equal("queued\n", await Said("operation", "list", "--limit", "1", "-f", "value", "-c", "Status"));
    }

    [Fact]
    public async Task An_operation_is_shown_with_its_journal()
    {
        Assert.Matches($@"\| journal +\| 2026-01-02T03:04:06.000000 \+1.000 s place done +\|\n", await Said("operation", "show", id));
        Assert.Equal("place", (string?)JsonNode.Parse(await Said("operation", "show", id, "-f", "json"))!["journal"]![0]!["step"]);
        Assert.Equal(1, await run.Clinker("operation", "show", "none"));
        Assert.StartsWith("Operation none could not be found. (HTTP 404)", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_resumed_is_no_longer_stuck()
    {
        Assert.Equal("", await Said("operation", "resume", id));
        Assert.Equal("queued\n", await Said("operation", "show", id, "-f", "value", "-c", "status"));
        Assert.Equal(1, await run.Clinker("operation", "resume", id, "none"));
        Assert.Contains($"Operation {id} is queued: only one that is stuck can be resumed. (HTTP 409)", run.Error, StringComparison.Ordinal);
        Assert.EndsWith("2 of 2 operations failed to resume.\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_moves_data_is_listed_with_how_far_it_is()
    {
        await api.Db.Commit(async tx =>
        {
            var row = (await tx.Operations.Claim([Queues.Scheduler], "me", TimeSpan.FromSeconds(30), 1)).Single();
            await tx.Operations.NoteMoved(row.Id, row.Generation, (1L << 30, 3L << 30));
        });
        Assert.Equal("running 33\nstuck None\n", await Said("operation", "list", "-f", "value", "-c", "Status", "-c", "Progress"));
        Assert.Contains(" 33 % |", await Said("operation", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_cancelled_is_taken_back()
    {
        var operation = (string)JsonNode.Parse(await Said("operation", "list", "--resource", other, "-f", "json"))![0]!["ID"]!;
        Assert.Equal("", await Said("operation", "cancel", operation));
        Assert.Equal("It was cancelled by an administrator.\nunwinding\n", await Said("operation", "show", operation, "-f", "value", "-c", "status", "-c", "fault"));
        Assert.Equal(1, await run.Clinker("operation", "cancel", operation, id));
        Assert.Contains($"Operation {operation} is unwinding: only one that is queued or running can be cancelled. (HTTP 409)", run.Error, StringComparison.Ordinal);
        Assert.Contains($"Operation {id} is stuck: only one that is queued or running can be cancelled. (HTTP 409)", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Ends the resumed operation while the command waits.</summary>
    async Task<int> Resumed(Func<OperationRow, Task> end)
    {
        var waiting = run.Clinker("operation", "resume", id, "--wait", "--timeout", "60");
        while ((await api.Db.Read(tx => tx.Operations.Get(id)))!.Status == OperationStatus.Stuck)
        {
            Assert.False(waiting.IsCompleted, run.Error);
            await Task.Delay(5);
        }
        for (var row = await Claim(); ; row = await Claim())
        {
            if (row.Id != id) continue;
            await end(row);
            return await waiting;
        }
    }

    [Theory]
    [InlineData(OperationStatus.Done)]
    [InlineData(OperationStatus.Failed)]
    public async Task Waiting_lasts_until_it_is_over(string status)
    {
        Assert.Equal(0, await Resumed(row => api.Db.Commit(tx => tx.Operations.End(id, row.Generation, status, null))));
        Assert.EndsWith($"operation {id}: {status}\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stuck_again_is_a_failure_that_says_why()
    {
        Assert.Equal(1, await Resumed(row => api.Db.Commit(tx => tx.Operations.Stick(id, row.Generation, Why, null))));
        Assert.Contains($"operation {id} is stuck again: {Why.Message}\n", run.Error, StringComparison.Ordinal);
    }
}
