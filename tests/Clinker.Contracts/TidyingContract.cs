using Clinker.Attachments;
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

/// <summary>
/// Volumes that nobody has are put in order by themselves: by the node, as operations of a worker, on files. Whoever wants one meanwhile has it.
/// </summary>
public abstract class TidyingContract : IAsyncLifetime
{
    const string Queue = "node1@files";
    protected const int Depth = 3;
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    readonly Ids ids = new();
    readonly CancellationTokenSource stop = new();
    Database db = null!;
    Driver driver = null!;
    Worker worker = null!;
    Task working = Task.CompletedTask;
    string pool = "";

    /// <summary>A driver that flattens from <see cref="Depth"/> files on.</summary>
    /// <param name="rate">In bytes a second; 0: any.</param>
    protected abstract Task<Driver> Open(long rate);

    /// <summary>Where the files of a pool are.</summary>
    protected abstract string DirectoryOf(string pool);

    static CancellationToken Token => TestContext.Current.CancellationToken;
    static Work Work => new(1, Token, Operation: "0b5e2b7e-6d0f-4c6b-9f0e-3c1f8a1d2e01");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    async Task Start(long rate = 0)
    {
        db = await SqliteDatabase.InMemory(TimeProvider.System);
        driver = await Open(rate);
        var means = new Means(db, new Dictionary<string, Driver> { [Queue] = driver }, SchedulingSettings.Default, TimeSpan.FromSeconds(30));
        await Report();
        pool = (await db.Read(tx => tx.Pools.List()))[0].Name;
        worker = new(means, CoreJson.Kinds, [Queues.Scheduler, Queue], "worker", TimeProvider.System, NullLogger<Worker>.Instance);
        working = worker.Work(TimeSpan.FromSeconds(1), stop.Token);
    }

    async Task Report()
    {
        var report = await driver.Report(Token);
        await db.Commit(async tx =>
        {
            await tx.Services.Beat("s", Queue, ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report(Queue, "nova", report);
        });
    }

    public virtual async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await working;
        worker?.Dispose();
        if (driver is not null) await driver.DisposeAsync();
        if (db is not null) await db.DisposeAsync();
        stop.Dispose();
        GC.SuppressFinalize(this);
    }

    Tidying NewTidying() => new(Queue, driver, db, ids);

    /// <summary>Looks and puts in order until there is nothing more to do; gives what was begun, in order.</summary>
    async Task<List<Untidy>> PutInOrder()
    {
        var begun = new List<Untidy>();
        for (var tidying = NewTidying(); ;)
        {
            await tidying.Look(Token);
            var before = begun.Count;
            while (await tidying.Next(Token) is { } one)
            {
                begun.Add(one);
                Assert.Null(await tidying.Next(Token)); // one at a time
                await Ended(await TidyOf(one.VolumeId));
            }
            Assert.True(begun.Skip(before).Select(u => u.Files).SequenceEqual(begun.Skip(before).Select(u => u.Files).OrderDescending()), "the deepest is not the first");
            if (begun.Count == before) return begun;
        }
    }

    Task<OperationRow> TidyOf(string volumeId) => db.Read(async tx =>
        (await tx.Operations.List(new() { Filters = [new("kind", Op.Equal, nameof(TidyVolume)), new("about_id", Op.Equal, volumeId)], Limit = 1 })).Single());

    async Task<OperationRow> Ended(OperationRow operation)
    {
        await Waiting.ForEnd(db, operation.Id, Patience, TimeProvider.System);
        return (await db.Read(tx => tx.Operations.Get(operation.Id)))!;
    }

    async Task<string> Accept(Func<Tx, string, Task> accept)
    {
        var id = ids.New();
        await db.Commit(tx => accept(tx, id));
        return id;
    }

    async Task<Volume> Made(string content, VolumeSource? source = null)
    {
        var volume = new Volume
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova", CreatedAt = DateTime.UnixEpoch,
            SourceVolumeId = (source as VolumeSource.OfVolume)?.Id, SnapshotId = (source as VolumeSource.OfSnapshot)?.Id,
        };
        await Waiting.ForEnd(db, await Accept((tx, id) => CreateVolume.Accept(tx, volume, QuotaLimits.None, id, null, source)), Patience, TimeProvider.System);
        if (content.Length > 0) await DiskContent.WriteVolume(DirectoryOf(PoolOf(pool)), volume.Id, VolumeFormat.Raw, content);
        return await Row(volume.Id);
    }

    async Task<Snapshot> Taken(Volume volume)
    {
        var snapshot = new Snapshot
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
        };
        await Waiting.ForEnd(db, await Accept((tx, id) => Take(tx, snapshot, id)), Patience, TimeProvider.System);
        return snapshot;
    }

    static Task Take(Tx tx, Snapshot snapshot, string operation) => CreateSnapshot.Accept(tx, snapshot, VolumeRules.Snapshot, QuotaLimits.None, operation, null);

    async Task Deleted(Volume volume) =>
        await Waiting.ForEnd(db, await Accept((tx, id) => DeleteVolume.Accept(tx, volume.Id, VolumeRules.Delete, id, null)), Patience, TimeProvider.System);

    async Task Deleted(Snapshot snapshot) =>
        await Waiting.ForEnd(db, await Accept((tx, id) => DeleteSnapshot.Accept(tx, snapshot.Id, SnapshotRules.Delete, id, null)), Patience, TimeProvider.System);

    static string PoolOf(string host) => PoolName.Parse(host).Pool;

    Task<Volume> Row(string id) => db.Read(tx => tx.Volumes.Get(id));

    async Task Holds(string id, string content)
    {
        var format = (await db.Read(tx => tx.Volumes.Find(id)))?.Format == "qcow2" ? VolumeFormat.Qcow2 : VolumeFormat.Raw;
        Assert.Equal(content, await DiskContent.ReadAny(DirectoryOf(PoolOf(pool)), id, format));
    }

    /// <summary>How many files a volume consists of.</summary>
    async Task<int> FilesOf(Volume volume)
    {
        using var dir = Gluster.Native.Libc.Open(DirectoryOf(PoolOf(pool)), Gluster.Native.Libc.O_PATH | Gluster.Native.Libc.O_DIRECTORY);
        var row = await Row(volume.Id);
        var spec = new VolumeSpec(row.FileId, 1L << 30, row.Format == "raw" ? VolumeFormat.Raw : VolumeFormat.Qcow2, Provisioning.Thin, 0x1b6, 1);
        var layout = new Layout("volume-%s");
        return Chain.Walk(dir, layout, spec, Chain.Of(dir, layout, spec, "look"), "look").Count;
    }

    int Files => Directory.EnumerateFiles(DirectoryOf(PoolOf(pool)), "volume-*").Count(f => !f.EndsWith(".info", StringComparison.Ordinal));

    [Fact]
    public async Task Chains_become_shorter_by_themselves_the_longest_first_and_no_byte_changes()
    {
        await Start();
        var first = await Made("first");
        var second = await Made("second", new VolumeSource.OfVolume(first.Id));
        var third = await Made("third", new VolumeSource.OfVolume(second.Id));
        var snapshot = await Taken(third);
        await DiskContent.WriteVolume(DirectoryOf(PoolOf(pool)), third.Id, VolumeFormat.Raw, "later");
        Assert.Equal((2, 3, 4), (await FilesOf(first), await FilesOf(second), await FilesOf(third)));

        var begun = await PutInOrder();
        Assert.Equal((third.Id, 4, true), (begun[0].VolumeId, begun[0].Files, begun[0].Flattens));
        Assert.Equal((1, 1, 2), (await FilesOf(first), await FilesOf(second), await FilesOf(third)));
        Assert.Equal(4, Files); // one for each, and one for the snapshot
        foreach (var (id, content) in ((string, string)[])[(first.Id, "first"), (second.Id, "second"), (third.Id, "later"), (snapshot.Id, "third")]) await Holds(id, content);
        foreach (var volume in (Volume[])[first, second, third])
        {
            Assert.Equal("available", (await Row(volume.Id)).Status);
            if (volume == third) await Deleted(snapshot);
            await Deleted(volume);
        }
        Assert.Empty(Directory.EnumerateFiles(DirectoryOf(PoolOf(pool)), "volume-*"));
        Assert.Empty(await db.Read(tx => tx.Pools.Recount()));
    }

    /// <summary>What is left in which cases until somebody puts the volume's files together.</summary>
    [Theory]
    [InlineData("the clone goes that the volume was frozen for", 2, 1)]
    [InlineData("a snapshot goes that a clone stands on, and then the clone", 2, 1)]
    [InlineData("a snapshot goes while the volume is in use", 2, 1)]
    [InlineData("the clone of an older snapshot goes after that", 3, 2)]
    [InlineData("putting files together is cut, and the delete of the snapshot ends then", 2, 2)]
    [InlineData("a clone stands on it still", 2, 2)]
    [InlineData("the source of a clone goes", 2, 2)]
    public async Task No_chain_is_longer_than_need_be(string what, int left, int then)
    {
        await Start();
        var volume = await Made("old");
        var wanted = "old";
        switch (what)
        {
            case "the clone goes that the volume was frozen for":
                await Deleted(await Made("", new VolumeSource.OfVolume(volume.Id)));
                break;
            case "a snapshot goes that a clone stands on, and then the clone":
                var stoodOn = await Taken(volume);
                var clone = await Made("", new VolumeSource.OfSnapshot(stoodOn.Id));
                await Write(volume, wanted = "new");
                await Deleted(stoodOn);
                await Deleted(clone);
                break;
            case "a snapshot goes while the volume is in use":
                var taken = await Taken(volume);
                await Write(volume, wanted = "new");
                await driver.DeleteSnapshot(volume, taken, Work, quiet: false);
                await db.Commit(tx => tx.Snapshots.Remove(taken.Id));
                break;
            case "the clone of an older snapshot goes after that":
                var (older, _) = (await Taken(volume), await Taken(volume));
                var ofOlder = await Made("", new VolumeSource.OfSnapshot(older.Id));
                await Deleted(older);
                await Deleted(ofOlder);
                break;
            case "putting files together is cut, and the delete of the snapshot ends then":
                var cut = await Taken(volume);
                await Write(volume, wanted = "new");
                await Taken(volume);
                var asked = 0;
                Task Lost() => ++asked < 2 ? Task.CompletedTask : throw new OperationCanceledException(); // once it is noted that it goes
                await Assert.ThrowsAsync<OperationCanceledException>(() => driver.DeleteSnapshot(volume, cut, Work with { Confirm = Lost }));
                await Deleted(cut);
                break;
            case "a clone stands on it still":
                await Made("", new VolumeSource.OfVolume(volume.Id));
                await Write(volume, wanted = "new");
                break;
            case "the source of a clone goes": // its name is another's: only a copy could be without it
                var gone = volume;
                volume = await Made("", new VolumeSource.OfVolume(volume.Id));
                await Deleted(gone);
                break;
        }
        Assert.Equal(left, await FilesOf(volume));
        Assert.Equal(left == then ? [] : [(volume.Id, left, false)], (await PutInOrder()).ConvertAll(u => (u.VolumeId, u.Files, u.Flattens)));
        Assert.Equal(then, await FilesOf(volume));
        await Holds(volume.Id, wanted);
        if (what != "a snapshot goes while the volume is in use") return;
        var row = await TidyOf(volume.Id); // what qemu-img puts together is told too
        Assert.Equal((row.BytesTotal, true), (row.BytesDone, row.BytesTotal > 0));
    }

    Task Write(Volume volume, string content) => DiskContent.WriteVolume(DirectoryOf(PoolOf(pool)), volume.Id, VolumeFormat.Raw, content).AsTask();

    [Theory]
    [InlineData("delete")]
    [InlineData("connect")]
    [InlineData("snapshot")]
    [InlineData("extend")]
    [InlineData("clone")]
    public async Task Whoever_wants_a_volume_that_is_put_in_order_has_it(string what)
    {
        var (first, second, volume, other) = await InTheMidst();
        var operation = what switch
        {
            "delete" => await Accept((tx, id) => DeleteVolume.Accept(tx, volume.Id, VolumeRules.Delete, id, null)),
            "connect" => await Accept(async (tx, id) => await ConnectVolume.Accept(tx, await tx.Volumes.Get(volume.Id, @lock: true), null, new("h1", """{"host":"h1"}"""), false, id, null)),
            "snapshot" => await Accept((tx, id) => Take(tx, new()
            {
                Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
            }, id)),
            "extend" => await Accept((tx, id) => ExtendVolume.Accept(tx, volume.Id, 2, VolumeRules.Extend, QuotaLimits.None, id, null)),
            _ => await Accept((tx, id) => CreateVolume.Accept(tx, new()
            {
                Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova", CreatedAt = DateTime.UnixEpoch,
                SourceVolumeId = volume.Id,
            }, QuotaLimits.None, id, null, new VolumeSource.OfVolume(volume.Id))),
        };
        await Waiting.ForEnd(db, operation, Patience, TimeProvider.System); // well, or it throws
        var tidy = await Ended(other);
        Assert.Equal(OperationStatus.Done, tidy.Status);
        Assert.Contains(await db.Read(tx => tx.Operations.Journal(tidy.Id)), e => e.Event == JournalEvent.GivenUp);
        Assert.Empty((await driver.List(PoolOf(pool), Token)).Litter);
        if (what == "delete") Assert.Null(await db.Read(tx => tx.Volumes.Find(volume.Id)));
        else await Holds(volume.Id, volume.Id == second.Id ? "second" : "third");
        await Holds(first.Id, "first");
    }

    /// <summary>A volume that is being put in order, and of what it stands on.</summary>
    async Task<(Volume First, Volume Second, Volume Volume, OperationRow Tidy)> InTheMidst()
    {
        await Start(rate: 1024); // the first piece takes it an hour
        var first = await Made("first");
        var second = await Made("second", new VolumeSource.OfVolume(first.Id));
        await Made("third", new VolumeSource.OfVolume(second.Id));
        var tidying = NewTidying();
        await tidying.Look(Token);
        Assert.NotNull(await tidying.Next(Token));
        var tidy = (await db.Read(tx => tx.Operations.List(new() { Filters = [new("kind", Op.Equal, nameof(TidyVolume))], Limit = 1 }))).Single();
        var volume = await Row(tidy.About.Id); // of the two that are as deep, the one that was begun with
        while (!Directory.EnumerateFiles(DirectoryOf(PoolOf(pool)), $"volume-{volume.Id}.*.g1").Any()) await Task.Delay(20, Token);
        return (first, second, volume, tidy);
    }

    [Fact]
    public async Task Cancelled_in_the_midst_it_leaves_the_volume_as_it_was_and_does_not_begin_again()
    {
        var (first, second, volume, tidy) = await InTheMidst();
        var files = await FilesOf(volume);
        await db.Commit(tx => tx.Operations.Cancel(tidy.Id, CoreJson.Kinds));
        await Assert.ThrowsAsync<FaultException>(() => Waiting.ForEnd(db, tidy.Id, Patience, TimeProvider.System));
        Assert.Equal((OperationStatus.Failed, files, "available"),
            ((await db.Read(tx => tx.Operations.Get(tidy.Id)))!.Status, await FilesOf(volume), (await Row(volume.Id)).Status));
        Assert.Empty((await driver.List(PoolOf(pool), Token)).Litter);
        await Holds(volume.Id, volume.Id == second.Id ? "second" : "third");
        await Holds(first.Id, "first");
        var tidying = NewTidying();
        await tidying.Look(Token);
        Assert.NotEqual(volume.Id, (await tidying.Next(Token))?.VolumeId); // the other one that is as deep
        await Taken(volume); // at once
    }
}

/// <summary>The same on a directory.</summary>
public sealed class DirectoryTidying : TidyingContract
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-tidy-").FullName;

    protected override Task<Driver> Open(long rate) => Task.FromResult<Driver>(new DirectoryDriver("files", new()
    {
        Paths = [root], CloneMode = CloneMode.Thin, FlattenDepth = Depth, FlattenRate = rate,
    }, TimeProvider.System, NullLogger.Instance));

    protected override string DirectoryOf(string pool) => root;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }
}
