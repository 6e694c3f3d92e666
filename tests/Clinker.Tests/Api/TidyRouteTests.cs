using System.Diagnostics;
using System.Runtime.Versioning;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Operations;
using Clinker.Services;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What is done to a volume's files without anybody asking for it is no obstacle to anybody.</summary>
[SupportedOSPlatform("linux")]
public sealed class TidyRouteTests : IAsyncDisposable
{
    const string Queue = "h1@b1";

    readonly string root = Directory.CreateTempSubdirectory("clinker-tidy-").FullName;
    RunningApi api = null!;
    DirectoryDriver driver = null!;
    string id = "";

    public async ValueTask DisposeAsync()
    {
        var time = api.Time;
        for (var ends = api.DisposeAsync().AsTask(); !ends.IsCompleted; await Task.WhenAny(ends, Task.Delay(10))) time.Advance(TimeSpan.FromSeconds(1));
        await driver.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A clone into which its source is being copied, for hours.</summary>
    async Task Begun()
    {
        api = await RunningApi.Start();
        driver = new("b1", new() { Paths = [root], CloneMode = CloneMode.Thin, FlattenDepth = 2, FlattenRate = 1 }, api.Time, NullLogger.Instance);
        var report = await driver.Report(CancellationToken.None);
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s", Queue, ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report(Queue, "nova", report);
        });
        api.Work(all: true, backend: driver);
        var source = await api.Volume();
        Assert.Equal("available", await api.Settled($"volumes/{source}"));
        await using (var file = File.OpenWrite(Path.Combine(root, $"volume-{source}"))) file.Write("content"u8);
        id = await api.Volume(more: $", \"source_volid\": \"{source}\"");
        Assert.Equal("available", await api.Settled($"volumes/{id}"));
        var untidy = Assert.Single(await driver.FindUntidy("b1", [await api.Db.Read(tx => tx.Volumes.Get(id))], CancellationToken.None));
        Assert.Equal(new Untidy(id, 2, Flattens: true, untidy.Bytes), untidy);
        Assert.True(await api.Db.Commit(tx => TidyVolume.TryAccept(tx, untidy, Queue, "7d1bd1e5-4b7f-4ef8-9c35-d86f8d1f7e5f")));
        // The copy: before it an overlay is made in no time, under such a name too.
        for (var waited = Stopwatch.StartNew(); !new DirectoryInfo(root).EnumerateFiles("*.g1").Any(f => f is { Exists: true, Length: > 1 << 20 });)
        {
            Assert.True(waited.Elapsed < Patience, "it does not begin");
            var tidy = (await api.Db.Read(tx => tx.Operations.Get("7d1bd1e5-4b7f-4ef8-9c35-d86f8d1f7e5f")))!;
            Assert.True(tidy.Status is OperationStatus.Queued or OperationStatus.Running, tidy.Fault);
            await Task.Delay(5);
        }
    }

    /// <summary>Time goes on until something has come about.</summary>
    async Task<T> While<T>(Task<T> task)
    {
        for (var waited = Stopwatch.StartNew(); !task.IsCompleted;)
        {
            Assert.True(waited.Elapsed < Patience, "what was asked for still waits");
            api.Time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.WhenAny(task, Task.Delay(10));
        }
        return await task;
    }

    async Task<bool> Quiet()
    {
        while (0 < await api.Db.Read(tx => tx.Number($"select count(*) from operation where status in ('queued', 'running', 'unwinding')"))) await Task.Delay(5);
        return true;
    }

    [Theory]
    [InlineData("""{"os-unmanage": {} }""", 202)]
    [InlineData("""{"os-extend": {"new_size": 2} }""", 202)]
    [InlineData("""{"os-retype": {"new_type": "other"} }""", 202)]
    [InlineData("""{"os-flatten": {} }""", 202)]
    [InlineData("""{"os-initialize_connection": {"connector": {"host": "h"} } }""", 200)]
    [InlineData("""{"os-reserve": {} }""", 202)]
    [InlineData("""{"os-reset_status": {"status": "error"} }""", 202)]
    [InlineData("""{"os-force_delete": {} }""", 202)]
    public async Task Nothing_is_refused_because_of_it(string what, int answer)
    {
        await Begun();
        Assert.Equal(200, (await api.Post("types", """{"volume_type": {"name": "other", "extra_specs": {"clinker:format": "raw"}} }""")).Status);
        var answered = await While(api.Post($"volumes/{id}/action", what, "3.71"));
        Assert.True(answer == answered.Status, answered.Text);
        if (what.Contains("reserve", StringComparison.Ordinal) || what.Contains("reset", StringComparison.Ordinal)) return; // of its row only
        await While(Quiet());
        Assert.Equal(OperationStatus.Done, (await api.Db.Read(tx => tx.Operations.Get("7d1bd1e5-4b7f-4ef8-9c35-d86f8d1f7e5f")))!.Status);
        Assert.Equal(0, await api.Db.Read(tx => tx.Number($"select count(*) from operation where status <> 'done'")));
        Assert.Empty(Directory.EnumerateFiles(root, "*.g?"));
    }

    [Fact]
    public async Task A_volume_that_is_given_up_is_left_as_it_was()
    {
        await Begun();
        Assert.Equal(202, (await While(api.Post($"volumes/{id}/action", """{"os-unmanage": {} }"""))).Status);
        Assert.Equal(404, (await api.Get($"volumes/{id}")).Status);
        await using var content = await driver.Read(new Volume
        {
            Id = id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Available, AvailabilityZone = "nova", Host = $"{Queue}#b1", Format = "qcow2",
            CreatedAt = default,
        }, new(1, TestContext.Current.CancellationToken));
        var head = new byte[7];
        await content.Read(0, head);
        Assert.Equal("content"u8.ToArray(), head);
        Assert.Empty(Directory.EnumerateFiles(root, "*.g?"));
    }

    [Fact]
    public async Task A_sweep_leaves_what_is_written_for_it()
    {
        await Begun();
        var means = new Means(api.Db, new Dictionary<string, Driver> { [Queue] = driver }, Clinker.Scheduling.SchedulingSettings.Default, TimeSpan.FromDays(1));
        var node = new Node(means, new("h1", "nova", TimeSpan.FromSeconds(10), false), new Host.Ids(), api.Time, NullLoggerFactory.Instance);
        await node.Sweep(Queue, driver, TestContext.Current.CancellationToken);
        Assert.Single(Directory.EnumerateFiles(root, "*.g1"));
        Assert.Equal(202, (await api.Delete($"volumes/{id}")).Status);
        Assert.Equal("gone", await While(api.Settled($"volumes/{id}")));
    }
}
