using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Pools: room is reserved by a row, so nobody gets what another has.</summary>
public abstract partial class StoreContract
{
    const string Backend = "host@b";
    static readonly SchedulingSettings Settings = SchedulingSettings.Default;

    Task Report(params PoolReport[] pools) => Report(Backend, pools);

    Task Report(string queue, params PoolReport[] pools) => Db.Commit(async tx =>
    {
        await tx.Services.Beat(Some.Id(), queue, ServiceTable.VolumeBinary, "nova", null);
        await tx.Pools.Report(queue, "nova", Some.Report(pools));
    });

    static PlaceRequest Request(int sizeGb) => new(sizeGb, "nova", Clinker.Volumes.Volume.EmptyMetadata);

    Task<string> Placed(Volume volume) => Db.Commit(async tx =>
    {
        if (await tx.Volumes.Find(volume.Id) is null) await tx.Volumes.Insert(volume);
        var pool = await tx.Pools.Place(volume.Id, Request(volume.SizeGb), Settings);
        await tx.Volumes.SetHost(volume.Id, pool);
        return pool;
    });

    async Task<Pool> Pool(string name) => (await Db.Read(tx => tx.Pools.List())).Single(p => p.Name == $"{Backend}#{name}");

    Task<List<string>> Drift() => Db.Read(tx => tx.Pools.Recount());

    [Fact]
    public async Task A_pool_is_remembered_as_it_was_reported()
    {
        await Report(Some.Pool("a", 10.5, thin: true, ratio: 20.5), Some.Pool("b", 7, thin: false, down: "no route"));
        var (a, b) = (await Pool("a"), await Pool("b"));
        Assert.Equal((10.5, 10.5, true, 20.5, null, "nova", 0L, 0L),
            (a.TotalGb, a.FreeGb, a.Thin, a.MaxOverSubscriptionRatio, a.Down, a.Zone, a.AllocatedGb, a.Volumes));
        Assert.Equal((false, "no route"), (b.Thin, b.Down));
        Assert.Equal(("red", "fast", "True"), (a.Capabilities["color"], a.Capabilities["volume_backend_name"], a.Capabilities["thin_provisioning_support"]));
        Assert.Equal(Clock.GetUtcNow().UtcDateTime, a.ReportedAt, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Placing_reserves_once_and_releasing_gives_back_once()
    {
        await Report(Some.Pool("a", 10), Some.Pool("b", 100));
        var volume = Some.Volume(sizeGb: 8);
        Assert.Equal("host@b#b", await Placed(volume));
        Assert.Equal("host@b#b", await Placed(volume));
        Assert.Equal((8, 1), ((await Pool("b")).AllocatedGb, (await Pool("b")).Volumes));
        Assert.Empty(await Drift());

        for (var i = 0; i < 2; i++)
            await Db.Commit(async tx => { await tx.Pools.Release(volume.Id); await tx.Volumes.SetHost(volume.Id, null); });
        Assert.Equal((0, 0), ((await Pool("b")).AllocatedGb, (await Pool("b")).Volumes));
        Assert.Empty(await Drift());
        await Db.Commit(tx => tx.Pools.Release("nobody"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Placing_many_at_once_never_gives_the_same_room_twice(bool thin)
    {
        await Report(Some.Pool("a", 50, thin), Some.Pool("b", 25, thin));
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => Background(async () =>
        {
            try { return await Placed(Some.Volume(sizeGb: 2)); }
            catch (FaultException e) { return e.Fault.GetType().Name; }
        })));
        // 25 fit into 50 GiB, 12 into 25. Nobody is told to come again while there is room.
        Assert.Equal([("NoValidBackend", 23), ("host@b#a", 25), ("host@b#b", 12)],
            outcomes.GroupBy(o => o).Select(g => (g.Key, g.Count())).OrderBy(g => g.Key, StringComparer.Ordinal));
        Assert.Equal((50, 25), ((await Pool("a")).AllocatedGb, (await Pool("a")).Volumes));
        Assert.Equal((24, 12), ((await Pool("b")).AllocatedGb, (await Pool("b")).Volumes));
        Assert.Empty(await Drift());
    }

    [Fact]
    public async Task Placing_and_releasing_at_once_counts_right()
    {
        await Report(Some.Pool("a", 1000), Some.Pool("b", 1000));
        var volumes = Enumerable.Range(0, 40).Select(i => Some.Volume(sizeGb: 1 + i % 5)).ToList();
        await Task.WhenAll(volumes.Select((volume, i) => Background(async () =>
        {
            await Placed(volume);
            if (i % 2 == 0) return;
            async Task Release() => await Db.Commit(async tx =>
            {
                await tx.Pools.Release(volume.Id);
                await tx.Volumes.Remove(volume.Id);
            });
            await Task.WhenAll(Background(Release), Background(Release)); // the second finds nothing to do
        })));
        var left = volumes.Where((_, i) => i % 2 == 0).Sum(v => v.SizeGb);
        Assert.Equal((left, 20), ((await Pool("a")).AllocatedGb + (await Pool("b")).AllocatedGb, (await Pool("a")).Volumes + (await Pool("b")).Volumes));
        Assert.Empty(await Drift());
    }

    [Fact]
    public async Task A_refusal_says_what_is_against_each_pool()
    {
        async Task<Fault> Why(int sizeGb) => await Refused(() => Placed(Some.Volume(sizeGb: sizeGb)));
        Assert.Equal(new Fault.NoValidBackend("No backend has reported a pool yet.", MayPass: true), await Why(1));
        await Report(Some.Pool("a", 10), Some.Pool("b", 100, down: "it is not mounted"));
        Assert.Contains("host@b#a: CapacityFilter", (await Why(101)).Message, StringComparison.Ordinal);
        var waiting = Assert.IsType<Fault.BackendDown>(await Why(50)); // b would do, when it is back
        Assert.True(waiting.Transient);
        Assert.Contains("host@b#b: it is not mounted", waiting.Message, StringComparison.Ordinal);

        await Db.Commit(tx => tx.Services.Set(Backend, ServiceTable.VolumeBinary, disabled: true, null));
        Assert.Contains("its service is disabled", Assert.IsType<Fault.NoValidBackend>(await Why(1)).Message, StringComparison.Ordinal);
        await Db.Commit(tx => tx.Services.Set(Backend, ServiceTable.VolumeBinary, disabled: false, null));
        Assert.Equal("host@b#a", await Placed(Some.Volume()));
        Clock.Shift += Settings.ServiceDownTime + TimeSpan.FromSeconds(1);
        Assert.Contains("its service is down", Assert.IsType<Fault.NoValidBackend>(await Why(1)).Message, StringComparison.Ordinal);
        Assert.Empty(await Drift());
    }

    /// <summary>A thick pool's free room was measured before what was placed since then.</summary>
    [Fact]
    public async Task What_was_placed_since_the_report_is_not_free()
    {
        await Report(Some.Pool("a", 100, thin: false) with { FreeGb = 10 });
        Clock.Shift += TimeSpan.FromSeconds(1);
        await Placed(Some.Volume(sizeGb: 6));
        Assert.IsType<Fault.NoValidBackend>(await Refused(() => Placed(Some.Volume(sizeGb: 6))));
        Clock.Shift += TimeSpan.FromSeconds(1);
        await Report(Some.Pool("a", 100, thin: false) with { FreeGb = 10 });
        await Placed(Some.Volume(sizeGb: 6));
    }

    [Fact]
    public async Task A_report_keeps_the_counters_and_forgets_what_is_not_named()
    {
        await Report("other@b", Some.Pool("z"));
        await Report(Some.Pool("full", 1000), Some.Pool("empty", 1));
        var volume = Some.Volume(sizeGb: 9);
        Assert.Equal("host@b#full", await Placed(volume));

        await Report(Some.Pool("full", 500, down: "sick"), Some.Pool("new"));
        var full = await Pool("full");
        Assert.Equal((9, 1, 500.0, "sick"), (full.AllocatedGb, full.Volumes, full.TotalGb, full.Down));
        Assert.Equal(["host@b#full", "host@b#new", "other@b#z"], (await Db.Read(tx => tx.Pools.List())).Select(p => p.Name));

        await Report(Some.Pool("new"));
        full = await Pool("full");
        Assert.Equal((9, 1, "it is not configured any more"), (full.AllocatedGb, full.Volumes, full.Down));
        await Db.Commit(tx => tx.Pools.Silent(Backend, "the driver hangs"));
        Assert.Equal(["the driver hangs", "the driver hangs", null], (await Db.Read(tx => tx.Pools.List())).Select(p => p.Down));
        await Report();
        Assert.Equal(["host@b#full", "other@b#z"], (await Db.Read(tx => tx.Pools.List())).Select(p => p.Name));
        await Report(Some.Pool("full"));
        full = await Pool("full");
        Assert.Equal((9, 1, null), (full.AllocatedGb, full.Volumes, full.Down));
        Assert.Empty(await Drift());
    }

    [Fact]
    public async Task A_pool_that_comes_back_counts_what_lies_in_it()
    {
        await Report(Some.Pool("a"));
        await Placed(Some.Volume(sizeGb: 3));
        await Db.Commit(tx => tx.Execute($"delete from pool"));
        await Report(Some.Pool("a"));
        Assert.Equal((3, 1), ((await Pool("a")).AllocatedGb, (await Pool("a")).Volumes));
        Assert.Empty(await Drift());
    }

    [Fact]
    public async Task A_volume_that_is_moved_has_room_in_both_pools_until_the_old_file_is_gone()
    {
        await Report(Some.Pool("a"), Some.Pool("b"));
        var volume = Some.Volume(sizeGb: 3);
        await Placed(volume);
        var (row, file) = (await Db.Read(tx => tx.Volumes.Get(volume.Id)), Some.Id());
        var to = row.Host!.EndsWith("#a", StringComparison.Ordinal) ? "b" : "a";
        var operation = Some.Id();
        await Db.Commit(async tx =>
        {
            await tx.Operations.Start(operation, "q", new Clinker.Operations.About("volume", file));
            var request = (await tx.Pools.RequestFor(row)) with { Not = new Dictionary<string, string> { [row.Host!] = "it lies there" } };
            Assert.Equal($"host@b#{to}", await tx.Pools.Place(file, request, SchedulingSettings.Default));
        });
        Assert.Empty(await Drift());
        Assert.Equal((3, 3), ((await Pool("a")).AllocatedGb, (await Pool("b")).AllocatedGb));

        await Db.Commit(async tx =>
        {
            await tx.Volumes.SetFile(volume.Id, $"host@b#{to}", file, new("share", "qcow2"));
            await tx.Pools.Leave(volume.Id, volume.Id);
            await tx.Execute($"delete from hold");
        });
        Assert.Empty(await Drift());
        var moved = await Db.Read(tx => tx.Volumes.Get(volume.Id));
        Assert.Equal(($"host@b#{to}", file, "share", "qcow2", "success"),
            (moved.Host, moved.FileId, moved.ProviderLocation, moved.Format, moved.MigrationStatus));
        Assert.Equal(volume.Id, (await Db.Read(tx => tx.Volumes.OfFile(file)))?.Id);
        Assert.Null(await Db.Read(tx => tx.Volumes.OfFile(volume.Id))); // its old file is no volume's
        Assert.Equal([(volume.Id, 3)], await Db.Read(tx => tx.Pools.Left(row.Host!)));
        Assert.Empty(await Db.Read(tx => tx.Pools.Left($"host@b#{to}")));

        await Db.Commit(tx => tx.Pools.Release(volume.Id));
        Assert.Empty(await Drift());
        Assert.Equal(3, (await Pool("a")).AllocatedGb + (await Pool("b")).AllocatedGb);
    }

    /// <summary>After a fresh start on an operation that came to a queue more than once, only the last handing over is taken back.</summary>
    [Fact]
    public async Task What_came_to_a_queue_twice_is_taken_back_to_the_second_time()
    {
        var id = Some.Id();
        await Db.Commit(async tx =>
        {
            await tx.Operations.Start(id, "scheduler");
            await tx.Operations.Journal(id, "→host@b", JournalEvent.Done, "0");
            await tx.Operations.Journal(id, "→host@b2", JournalEvent.Done, "0");
            await tx.Operations.Journal(id, "→host@b 3", JournalEvent.Done, "0");
            await tx.Operations.Hand(id, "host@b", keep: false);
        });
        await Db.Commit(async tx => Assert.Equal(1, await tx.Operations.TakeBack("host@b", tx.Now, "scheduler", new Fault.HostGone("host@b"))));
        Assert.Equal(["", "→host@b", "→host@b2"],
            (await Db.Read(tx => tx.Operations.Journal(id))).Select(e => e.Step).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_recount_of_pools_finds_every_drift()
    {
        await Report(Some.Pool("a"));
        var (moved, homeless, resized) = (Some.Volume() with { Id = "moved" }, Some.Volume() with { Id = "homeless" }, Some.Volume() with { Id = "resized" });
        await Placed(moved);
        await Placed(resized);
        Assert.Empty(await Drift());
        await Db.Commit(async tx =>
        {
            await tx.Execute($"update pool set allocated_gb = allocated_gb + 1");
            await tx.Volumes.SetHost(moved.Id, "host@b#elsewhere");
            await tx.Volumes.Insert(homeless with { Host = "host@b#a" });
            await tx.Execute($"update volume set size_gb = 5 where id = {resized.Id}");
            await tx.Execute($"insert into reservation (volume_id, pool, size_gb, at) values ('nobody', 'host@b#gone', 1, 1)");
        });
        Assert.Equal(
            [
                "pool host@b#a: 3 GiB in 2 volumes, reserved 2 in 2",
                "volume homeless lies in host@b#a, its room is reserved in none",
                "volume moved lies in host@b#elsewhere, its room is reserved in host@b#a",
                "volume nobody lies in no pool, its room is reserved in host@b#gone",
                "volume resized lies in host@b#a, its room is reserved in host@b#a",
            ], (await Drift()).Order(StringComparer.Ordinal));
    }
}
