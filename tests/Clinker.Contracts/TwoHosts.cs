using System.Diagnostics;
using Clinker.Contracts.Postgres;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Contracts;

/// <summary>Two daemons serve one backend, on one PostgreSQL: what is asked of the one concerns work that the other does.</summary>
public sealed class TwoHosts(SharedPostgres shared) : IAsyncLifetime
{
    const string Queue = "node@files";
    const int Depth = 3;
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    /// <summary>Far less than a lease, so it was told and did not find out by itself.</summary>
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    readonly Ids ids = new();
    readonly string root = Directory.CreateTempSubdirectory("clinker-two-").FullName;
    readonly CancellationTokenSource stop = new();
    readonly List<Host> hosts = [];

    /// <summary>What a daemon has of its own.</summary>
    sealed record Host(Database Db, Driver Driver, Worker Worker, Tidying Tidying)
    {
        public Task Working { get; set; } = Task.CompletedTask;
    }

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var connection = await (await shared.StartOrSkip()).NewDatabase();
        foreach (var name in (string[])["one", "two"])
        {
            var db = await PostgresDatabase.Open(connection, TimeProvider.System);
            var driver = new DirectoryDriver("files", new()
            {
                Paths = [root], CloneMode = CloneMode.Thin, FlattenDepth = Depth, FlattenRate = 1024, // the first piece takes it an hour
            }, TimeProvider.System, NullLogger.Instance);
            var means = new Means(db, new Dictionary<string, Driver> { [Queue] = driver }, SchedulingSettings.Default, TimeSpan.FromSeconds(30));
            hosts.Add(new(db, driver, new(means, CoreJson.Kinds, [Queues.Scheduler, Queue], name, TimeProvider.System, NullLogger<Worker>.Instance),
                new(Queue, driver, db, ids)));
        }
        var report = await hosts[0].Driver.Report(Token);
        await hosts[0].Db.Commit(async tx =>
        {
            await tx.Services.Beat("s", Queue, ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report(Queue, "nova", report);
        });
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        foreach (var host in hosts)
        {
            await host.Working;
            host.Worker.Dispose();
            await host.Driver.DisposeAsync();
            await host.Db.DisposeAsync();
        }
        stop.Dispose();
        Directory.Delete(root, recursive: true);
    }

    void Work(Host host) => host.Working = host.Worker.Work(TimeSpan.FromSeconds(1), stop.Token);

    async Task<Volume> Made(Host by, Volume? source = null)
    {
        var (id, volume) = (ids.New(), new Volume
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova", CreatedAt = DateTime.UnixEpoch,
            SourceVolumeId = source?.Id,
        });
        await by.Db.Commit(tx => CreateVolume.Accept(tx, volume, QuotaLimits.None, id, null, source is null ? null : new VolumeSource.OfVolume(source.Id)));
        await Waiting.ForEnd(by.Db, id, Patience, TimeProvider.System);
        var row = await by.Db.Read(tx => tx.Volumes.Get(volume.Id));
        await DiskContent.WriteVolume(root, row.Id, VolumeFormat.Raw, row.Id[..8]);
        return row;
    }

    /// <summary>A volume of several files that is being put in order by the first host; the second one serves the backend too.</summary>
    async Task<(Volume Volume, OperationRow Tidy)> Tidied()
    {
        var (one, two) = (hosts[0], hosts[1]);
        Work(one);
        var volume = await Made(one, await Made(one, await Made(one)));
        foreach (var host in hosts) await host.Tidying.Look(Token);
        var begun = await Task.WhenAll(hosts.Select(h => h.Tidying.Next(Token))); // at the same time
        Assert.Single(begun, b => b is not null);
        var tidy = Assert.Single(await Tidies());
        var wanted = $"volume-{tidy.About.Id}.*.g1";
        await Until(() => Directory.EnumerateFiles(root, wanted).Any());
        Work(two);
        Assert.Equal([null, null], await Task.WhenAll(hosts.Select(h => h.Tidying.Next(Token))));
        return (tidy.About.Id == volume.Id ? volume : await one.Db.Read(tx => tx.Volumes.Get(tidy.About.Id)), (await one.Db.Read(tx => tx.Operations.Get(tidy.Id)))!);
    }

    static async Task Until(Func<bool> isSo)
    {
        for (var waited = Stopwatch.StartNew(); !isSo(); await Task.Delay(10, Token)) Assert.True(waited.Elapsed < Patience, "it does not come about");
    }

    Task<List<OperationRow>> Tidies() =>
        hosts[1].Db.Read(tx => tx.Operations.List(new() { Filters = [new("kind", Op.Equal, nameof(TidyVolume))], Limit = 10 }));

    async Task IsWhole(Volume volume)
    {
        Assert.Equal(volume.Id[..8], await DiskContent.ReadAny(root, volume.Id, VolumeFormat.Raw));
        Assert.Empty((await hosts[1].Driver.List((await hosts[1].Driver.Report(Token)).Pools[0].Name, Token)).Litter);
    }

    [Fact]
    public async Task What_one_runs_is_cancelled_through_the_other_soon()
    {
        var (volume, tidy) = await Tidied();
        var watch = Stopwatch.StartNew();
        await hosts[1].Db.Commit(tx => tx.Operations.Cancel(tidy.Id, CoreJson.Kinds));
        await Assert.ThrowsAsync<FaultException>(() => Waiting.ForEnd(hosts[1].Db, tidy.Id, Patience, TimeProvider.System));
        await Until(() => !Directory.EnumerateFiles(root, "volume-*.g*").Any());
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
        await IsWhole(volume);
        Assert.Equal(OperationStatus.Failed, Assert.Single(await Tidies()).Status);
        Assert.Equal("available", (await hosts[0].Db.Read(tx => tx.Volumes.Get(volume.Id))).Status);
    }

    [Fact]
    public async Task Tidying_of_one_gives_way_to_who_wants_the_volume_through_the_other()
    {
        var (volume, tidy) = await Tidied();
        var (id, watch) = (ids.New(), Stopwatch.StartNew());
        await hosts[1].Db.Commit(tx => CreateSnapshot.Accept(tx, new Snapshot
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
        }, VolumeRules.Snapshot, QuotaLimits.None, id, null));
        await Waiting.ForEnd(hosts[1].Db, id, Patience, TimeProvider.System);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
        Assert.Equal(OperationStatus.Done, (await hosts[1].Db.Read(tx => tx.Operations.Get(tidy.Id)))!.Status);
        await IsWhole(volume);
    }
}
