using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

/// <summary>What every driver must do. A driver is supported when a subclass of this passes; each test begins with empty pools.</summary>
public abstract partial class DriverContract : IAsyncLifetime
{
    protected const string Host = "node1";
    protected Driver Driver { get; private set; } = null!;
    string First { get; set; } = "";
    string Second { get; set; } = "";
    readonly Ids ids = new();

    /// <summary>A driver with at least two empty pools, each with room for some small volumes.</summary>
    protected abstract ValueTask<Driver> Open();

    /// <summary>Takes away what <see cref="Open"/> made. The driver is disposed already.</summary>
    protected virtual ValueTask Close() => ValueTask.CompletedTask;

    /// <summary>Leaves what a create leaves that died before it published, and says under which name it is listed.</summary>
    protected abstract ValueTask<string> HalfMake(string pool, string volumeId, long generation);

    /// <summary>The size, in bytes, that a user of the published volume sees; null where that can't be asked.</summary>
    protected virtual ValueTask<long?> SizeOf(string pool, string volumeId) => ValueTask.FromResult<long?>(null);

    /// <summary>The format of a volume's file, which must stand on none; null where that can't be asked.</summary>
    protected virtual ValueTask<string?> WholeFile(string pool, string volumeId) => ValueTask.FromResult<string?>(null);

    /// <summary>Leaves what a snapshot's taking leaves that died before it published, and says under which name it is listed.</summary>
    protected abstract ValueTask<string> HalfTake(string pool, Snapshot snapshot, long generation);

    /// <summary>Writes to a volume, as who has it attached does.</summary>
    protected abstract ValueTask Write(string pool, string volumeId, string content);

    /// <summary>What was written to a volume, or to the volume of a snapshot before it was taken; empty: nothing.</summary>
    protected abstract ValueTask<string> Read(string pool, string id);

    public async ValueTask InitializeAsync()
    {
        Driver = await Open();
        var pools = (await Driver.Report(Token)).Pools;
        Assert.True(pools.Count >= 2, "the contract needs two pools");
        (First, Second) = (pools[0].Name, pools[1].Name);
    }

    public async ValueTask DisposeAsync()
    {
        if (Driver is not null) await Driver.DisposeAsync();
        await Close();
        GC.SuppressFinalize(this);
    }

    static CancellationToken Token => TestContext.Current.CancellationToken;
    static Work Under(long generation) => new(generation, Token, Operation: "0b5e2b7e-6d0f-4c6b-9f0e-3c1f8a1d2e01");

    protected Volume NewVolume(string pool, int sizeGb = 1) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        SizeGb = sizeGb,
        Status = VolumeStatus.Creating,
        AvailabilityZone = "nova",
        Host = $"{Host}@{Driver.Backend}#{pool}",
        CreatedAt = DateTime.UnixEpoch,
    };

    async Task<IReadOnlyList<string>> Volumes(string pool) => (await Driver.List(pool, Token)).VolumeIds;
    async Task<IReadOnlyList<string>> Snapshots(string pool) => (await Driver.List(pool, Token)).SnapshotIds;
    async Task<IReadOnlyList<string>> Litter(string pool) => [.. (await Driver.List(pool, Token)).Litter.Select(l => l.Name)];

    [Fact]
    public async Task Report_tells_of_each_pool_how_large_and_how_free_it_is()
    {
        var report = await Driver.Report(Token);
        Assert.NotEmpty(report.VolumeBackendName);
        Assert.NotEmpty(report.StorageProtocol);
        Assert.Equal(report.Pools.Count, report.Pools.Select(p => p.Name).Distinct().Count());
        Assert.All(report.Pools, p =>
        {
            Assert.Null(p.Down);
            Assert.InRange(p.FreeGb, 0.001, p.TotalGb);
            Assert.InRange(p.ReservedPercentage, 0, 100);
            Assert.True(p.MaxOverSubscriptionRatio >= 1);
        });
    }

    [Theory, InlineData(1), InlineData(3)]
    public async Task A_created_volume_is_listed_has_its_size_and_a_recorded_format(int sizeGb)
    {
        var volume = NewVolume(First, sizeGb);
        var made = await Driver.Create(volume, Under(1));
        Assert.Contains(made.Format, new[] { "raw", "qcow2" });
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Empty(await Litter(First));
        if (await SizeOf(First, volume.Id) is { } size) Assert.Equal(sizeGb * (1L << 30), size);
    }

    [Fact]
    public async Task Creating_again_changes_nothing()
    {
        var volume = NewVolume(First);
        var made = await Driver.Create(volume, Under(1));
        Assert.Equal(made, await Driver.Create(volume, Under(1)));
        Assert.Equal(made, await Driver.Create(volume, Under(2)));
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task Deleting_leaves_nothing_and_may_be_repeated()
    {
        var (volume, other) = (NewVolume(First), NewVolume(First));
        var made = await Driver.Create(volume, Under(1));
        await Driver.Create(other, Under(1));
        for (var i = 1; i <= 3; i++)
        {
            await Driver.Delete(volume with { ProviderLocation = made.ProviderLocation, Format = made.Format }, Under(i));
            Assert.Equal([other.Id], await Volumes(First));
            Assert.Empty(await Litter(First));
        }
    }

    [Fact]
    public async Task Deleting_what_was_never_made_is_no_fault()
    {
        await Driver.Delete(NewVolume(First), Under(1));
        await Driver.Delete(NewVolume(First) with { Host = null }, Under(1)); // not even placed
    }

    [Fact]
    public async Task A_deleted_volume_can_be_created_anew()
    {
        var volume = NewVolume(First);
        await Driver.Create(volume, Under(1));
        await Driver.Delete(volume, Under(1));
        await Driver.Create(volume with { SizeGb = 2 }, Under(1));
        Assert.Equal([volume.Id], await Volumes(First));
        if (await SizeOf(First, volume.Id) is { } size) Assert.Equal(2L << 30, size);
    }

    [Fact]
    public async Task What_is_half_made_is_litter_and_no_volume()
    {
        var volume = NewVolume(First);
        var name = await HalfMake(First, volume.Id, 1);
        Assert.Empty(await Volumes(First));
        Assert.Equal([new Litter(name, new About("volume", volume.Id))], (await Driver.List(First, Token)).Litter);
        for (var i = 0; i < 2; i++)
        {
            await Driver.RemoveLitter(First, name, Token);
            Assert.Empty(await Litter(First));
        }
    }

    [Theory, InlineData(1), InlineData(2), InlineData(7), InlineData(30)]
    public async Task A_later_generation_makes_what_an_earlier_one_left_half_made(long generation)
    {
        var volume = NewVolume(First);
        await HalfMake(First, volume.Id, 1);
        await Driver.Create(volume, Under(generation));
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Empty(await Litter(First));
        if (await SizeOf(First, volume.Id) is { } size) Assert.Equal(1L << 30, size);
    }

    /// <param name="making">The create's last generation.</param>
    /// <param name="deleting">Of the undo, the same or later; of an operation that deletes, any.</param>
    [Theory, InlineData(1, 1), InlineData(1, 12), InlineData(3, 1)]
    public async Task Deleting_a_half_made_volume_leaves_nothing(long making, long deleting)
    {
        var volume = NewVolume(First);
        for (var g = 1; g <= making; g++) await HalfMake(First, volume.Id, g);
        await Driver.Delete(volume, Under(deleting));
        Assert.Empty(await Volumes(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task Only_litter_may_be_removed_by_name()
    {
        var volume = NewVolume(First);
        await Driver.Create(volume, Under(1));
        foreach (var name in new[] { $"volume-{volume.Id}", $"../volume-{volume.Id}.g1", "/etc/passwd", "" })
            await Assert.ThrowsAsync<FaultException>(() => Driver.RemoveLitter(First, name, Token));
        Assert.Equal([volume.Id], await Volumes(First));
    }

    [Fact]
    public async Task Nothing_is_published_once_the_token_has_ended()
    {
        var volume = NewVolume(First);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Driver.Create(volume, new Work(1, new CancellationToken(true))));
        Assert.Empty(await Volumes(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_create_whose_token_ends_midway_can_be_undone_or_gone_on_with()
    {
        for (var round = 0; round < 20; round++)
        {
            var volume = NewVolume(First);
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var create = Driver.Create(volume, new Work(1, ends.Token));
            await Task.Delay(TimeSpan.FromMilliseconds(round * 0.5), Token);
            await ends.CancelAsync();
            try { await create; }
            catch (OperationCanceledException) { }
            if (round % 2 == 0)
            {
                await Driver.Create(volume, Under(2));
                Assert.Equal([volume.Id], await Volumes(First));
            }
            await Driver.Delete(volume, Under(2));
            Assert.Empty(await Volumes(First));
        }
    }

    [Fact]
    public async Task Pools_know_nothing_of_each_other()
    {
        var (here, there) = (NewVolume(First), NewVolume(Second));
        await Driver.Create(here, Under(1));
        await Driver.Create(there, Under(1));
        Assert.Equal([here.Id], await Volumes(First));
        Assert.Equal([there.Id], await Volumes(Second));
        await Driver.Delete(here, Under(1));
        Assert.Empty(await Volumes(First));
        Assert.Equal([there.Id], await Volumes(Second));
    }

    [Fact]
    public async Task Fifty_at_once_are_made_and_deleted()
    {
        var volumes = Enumerable.Range(0, 50).Select(i => NewVolume(i % 2 == 0 ? First : Second)).ToList();
        await Task.WhenAll(volumes.Select(v => Driver.Create(v, Under(1))));
        Assert.Equal(volumes.Where((_, i) => i % 2 == 0).Select(v => v.Id).Order(), (await Volumes(First)).Order());
        Assert.Equal(volumes.Where((_, i) => i % 2 == 1).Select(v => v.Id).Order(), (await Volumes(Second)).Order());
        await Task.WhenAll(volumes.Select(v => Driver.Delete(v, Under(1))));
        Assert.Empty(await Volumes(First));
        Assert.Empty(await Volumes(Second));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task The_same_volume_made_by_two_at_once_is_there_once()
    {
        var volume = NewVolume(First);
        await Task.WhenAll(Enumerable.Range(1, 4).Select(async g =>
        {
            // Only the newest must succeed: an earlier one may find its work gone.
            try { await Driver.Create(volume, Under(g)); }
            catch (FaultException) when (g < 4) { }
        }));
        Assert.Equal([volume.Id], await Volumes(First));
        Assert.Empty(await Litter(First));
    }

    [Fact]
    public async Task A_pool_that_is_not_there_is_a_fault_that_may_pass()
    {
        var volume = NewVolume("no-such-pool");
        foreach (var act in new Func<Task>[]
        {
            () => Driver.Create(volume, Under(1)), () => Driver.Delete(volume, Under(1)), () => Driver.List("no-such-pool", Token),
        })
        {
            var e = await Assert.ThrowsAsync<FaultException>(act);
            Assert.True(e.Fault.Transient, e.Message);
            Assert.Contains("no-such-pool", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory, InlineData("../../etc/passwd"), InlineData(""), InlineData("x/y"), InlineData("4b51b3c4")]
    public async Task An_id_that_is_none_reaches_no_path(string id)
    {
        var volume = NewVolume(First) with { Id = id };
        var e = await Assert.ThrowsAsync<FaultException>(() => Driver.Create(volume, Under(1)));
        Assert.False(e.Fault.Transient);
        await Assert.ThrowsAsync<FaultException>(() => Driver.Delete(volume, Under(1)));
    }
}
