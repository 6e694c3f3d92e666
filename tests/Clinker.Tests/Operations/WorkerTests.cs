using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Store;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Operations;

/// <summary>The worker by the real clock, with more to do than it does at once.</summary>
public sealed class WorkerTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>
    /// A full worker sleeps until there is room. Many runs that end in the same moment used to leave it asleep for 20 seconds, each
    /// taking it that another would wake it; how they fall differs, so it is tried again and again.
    /// </summary>
    [Fact]
    public async Task A_full_worker_goes_on_when_many_runs_end_at_once()
    {
        const int count = Worker.MaxRunning * 3;
        var cancel = TestContext.Current.CancellationToken;
        var ids = new Ids();
        await using var db = await SqliteDatabase.InMemory(TimeProvider.System);
        await using var driver = new MemoryDriver("memory", new MemoryShares("memory"));
        var means = new Means(db, new Dictionary<string, Driver> { ["here@memory"] = driver }, SchedulingSettings.Default, TimeSpan.FromSeconds(30));
        var node = new Node(means, new NodeSettings("here", "nova", TimeSpan.FromSeconds(10), Scheduler: true), ids, TimeProvider.System, NullLoggerFactory.Instance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var work = Background.Start(() => node.Run(stop.Token));
        for (var round = 0; round < 25; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, count).Select(_ => db.Commit(tx => CreateVolume.Accept(tx, New(ids.New(), tx.Now), new QuotaLimits(-1, -1, -1), ids.New(), null))));
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(Patience);
            while (await db.Read(tx => tx.Operations.NextDue(["here@memory", Queues.Scheduler])) is not null)
            {
                Assert.False(patience.IsCancellationRequested, $"round {round}: operations are due, and nobody takes them");
                await Task.Delay(2, cancel);
            }
        }
        await stop.CancelAsync();
        await work;
    }

    static Volume New(string id, DateTime now) => new()
    {
        Id = id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova", CreatedAt = now,
    };
}
