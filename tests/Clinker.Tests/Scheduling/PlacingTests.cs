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

namespace Clinker.Tests.Scheduling;

/// <summary>From what a backend's section and a user's request say to where a volume comes to lie, by a daemon that runs.</summary>
public sealed class PlacingTests
{
    [Fact]
    public async Task Functions_and_hints_decide_where_volumes_go()
    {
        var ids = new Ids();
        await using var db = await SqliteDatabase.InMemory(TimeProvider.System);
        await using var small = new MemoryDriver("small", new MemoryShares("s1", "s2"))
        {
            Capabilities = new Dictionary<string, string> { ["filter_function"] = "volume.size < 3", [Pool.CloneMode] = "thin" },
        };
        await using var large = new MemoryDriver("large", new MemoryShares("l1", "l2")) { Capabilities = new Dictionary<string, string> { ["goodness_function"] = "90" } };
        var scheduling = new SchedulingSettings([.. Filters.All.Values], [Weighers.All["GoodnessWeigher"](1)], TimeSpan.FromSeconds(60));
        var means = new Means(db, new Dictionary<string, Driver> { ["h@small"] = small, ["h@large"] = large }, scheduling, TimeSpan.FromSeconds(30));
        var node = new Node(means, new NodeSettings("h", "nova", TimeSpan.FromSeconds(10), Scheduler: true), ids, TimeProvider.System, NullLoggerFactory.Instance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var work = Background.Start(() => node.Run(stop.Token));

        var first = await Placed(5);
        Assert.StartsWith("h@large#", first.Host, StringComparison.Ordinal);
        Assert.Equal(first.Host, (await Placed(1, $$"""{"same_host": "{{first.Id}}"}""")).Host);
        var other = await Placed(5, $$"""{"different_host": ["{{first.Id}}"]}""");
        Assert.StartsWith("h@large#", other.Host, StringComparison.Ordinal);
        Assert.NotEqual(first.Host, other.Host);
        Assert.Equal("h@small#s2", (await Placed(1, """{"query": "[\"=\", \"$host\", \"h@small#s2\"]"}""")).Host);
        var nowhere = await Placed(5, """{"query": "[\"=\", \"$host\", \"h@small#s2\"]"}""");
        Assert.Equal((VolumeStatus.Error, null), (nowhere.Status, nowhere.Host));
        // Volumes of others are no neighbours, not even to stay away from.
        Assert.Equal(VolumeStatus.Error, (await Placed(1, $$"""{"same_host": "{{first.Id}}"}""", project: "q")).Status);

        // Where clones are there at once they lie beside what they are made of, though another pool would be chosen; if it will do for them.
        var source = await Placed(1, """{"query": "[\"=\", \"$host\", \"h@small#s2\"]"}""");
        var clone = new VolumeSource.OfVolume(source.Id);
        Assert.Equal("h@small#s2", (await Placed(1, source: clone)).Host);
        Assert.Equal("h@small#s1", (await Placed(1, $$"""{"different_host": ["{{source.Id}}"]}""", source: clone)).Host);

        await stop.CancelAsync();
        await work;

        async Task<Volume> Placed(int size, string? hints = null, string project = "p", VolumeSource? source = null)
        {
            var volume = new Volume
            {
                Id = ids.New(), ProjectId = project, UserId = "u", SizeGb = size, Status = VolumeStatus.Creating, AvailabilityZone = "nova", CreatedAt = DateTime.UnixEpoch,
            };
            await db.Commit(tx => CreateVolume.Accept(tx, volume, QuotaLimits.None, ids.New(), null, source, hints));
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            while (true)
            {
                var now = await db.Read(tx => tx.Volumes.Get(volume.Id));
                if (now.Status != VolumeStatus.Creating) return now;
                await Task.Delay(5, patience.Token);
            }
        }
    }
}
