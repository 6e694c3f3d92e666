using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Gluster;
using Clinker.Operations;
using Xunit;

namespace Clinker.Contracts;

/// <summary>What every place for backups keeps to.</summary>
public abstract class BackupStoreContract : IAsyncLifetime
{
    protected static readonly BackupPlace Place = new("c", "11111111-1111-4111-8111-111111111111");
    static readonly BackupPlace Other = new("c", "22222222-2222-4222-8222-222222222222");

    protected abstract BackupStore Open();

    protected BackupStore Store { get; private set; } = null!;

    /// <summary>All that lies there, files under work too.</summary>
    protected abstract int Count { get; }

    public async ValueTask InitializeAsync()
    {
        Store = Open();
        Assert.Null(await Store.Report(CancellationToken.None));
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Store.DisposeAsync();
    }

    protected static Work Of(long generation = 1, Func<Task>? confirm = null) => new(generation, CancellationToken.None, confirm, "op");

    [Fact]
    public async Task An_object_is_what_was_put_last()
    {
        var name = new ObjectName(Place, "0000000001");
        Assert.Null(await Store.Get(name, 100, CancellationToken.None));
        await Store.Put(name, "one"u8.ToArray(), Of());
        await Store.Put(name, "one"u8.ToArray(), Of());
        await Store.Put(new(Other, "0000000001"), "other"u8.ToArray(), Of());
        Assert.Equal("one"u8.ToArray(), await Store.Get(name, 3, CancellationToken.None));
        await Store.Put(name, ReadOnlyMemory<byte>.Empty, Of(2));
        Assert.Empty((await Store.Get(name, 100, CancellationToken.None))!);
        await Store.Put(name, new byte[3_000_000], Of(3));
        Assert.Equal(3_000_000, (await Store.Get(name, 3_000_000, CancellationToken.None))!.Length);
        Assert.Equal("other"u8.ToArray(), await Store.Get(new(Other, "0000000001"), 100, CancellationToken.None));
        Assert.Equal(2, Count);
    }

    [Fact]
    public async Task Objects_are_put_and_got_at_once()
    {
        var names = Enumerable.Range(0, 20).Select(i => new ObjectName(i % 2 == 0 ? Place : Other, $"{i:d10}")).ToList();
        await Task.WhenAll(names.Select((name, i) => Store.Put(name, Enumerable.Repeat((byte)i, 100_000).ToArray(), Of())));
        var got = await Task.WhenAll(names.Select(name => Store.Get(name, 100_000, CancellationToken.None)));
        Assert.All(got.Index(), o => Assert.Equal(Enumerable.Repeat((byte)o.Index, 100_000), o.Item!));
        Assert.Equal(20, Count);
    }

    [Fact]
    public async Task One_that_is_longer_than_it_may_be_is_a_fault()
    {
        var name = new ObjectName(Place, "0000000001");
        await Store.Put(name, new byte[11], Of());
        var thrown = await Assert.ThrowsAsync<FaultException>(() => Store.Get(name, 10, CancellationToken.None));
        Assert.IsType<Fault.DriverFailed>(thrown.Fault);
    }

    [Fact]
    public async Task Removing_leaves_nothing_of_one_backup_and_all_of_the_others()
    {
        await Store.Remove(Place, Of()); // one that was never made
        foreach (var name in (string[])["0000000000", "0000000001", "index"]) await Store.Put(new(Place, name), "x"u8.ToArray(), Of());
        await Store.Put(new(Other, "index"), "x"u8.ToArray(), Of());
        await Store.Remove(Place, Of());
        await Store.Remove(Place, Of());
        Assert.Null(await Store.Get(new(Place, "index"), 100, CancellationToken.None));
        Assert.Equal("x"u8.ToArray(), await Store.Get(new(Other, "index"), 100, CancellationToken.None));
        Assert.Equal(1, Count);
        await Store.Put(new(Place, "index"), "y"u8.ToArray(), Of(2));
        Assert.Equal("y"u8.ToArray(), await Store.Get(new(Place, "index"), 100, CancellationToken.None));
    }

    [Fact]
    public async Task Who_has_lost_the_lease_publishes_nothing()
    {
        var name = new ObjectName(Place, "0000000001");
        await Store.Put(name, "right"u8.ToArray(), Of(2));
        await Assert.ThrowsAsync<TimeoutException>(() => Store.Put(name, "late"u8.ToArray(), Of(1, () => throw new TimeoutException())));
        Assert.Equal("right"u8.ToArray(), await Store.Get(name, 100, CancellationToken.None));
        Assert.Equal(1, Count);
    }

    [Fact]
    public async Task What_a_late_worker_was_about_to_publish_goes_with_the_backup()
    {
        var name = new ObjectName(Place, "0000000001");
        await Assert.ThrowsAsync<FaultException>(() => Store.Put(name, "late"u8.ToArray(), Of(1, () => Store.Remove(Place, Of(2)))));
        Assert.Null(await Store.Get(name, 100, CancellationToken.None));
        Assert.Equal(0, Count);
    }

    [Theory]
    [InlineData("", "11111111-1111-4111-8111-111111111111", "index")]
    [InlineData("..", "11111111-1111-4111-8111-111111111111", "index")]
    [InlineData("a/b", "11111111-1111-4111-8111-111111111111", "index")]
    [InlineData("a\0", "11111111-1111-4111-8111-111111111111", "index")]
    [InlineData("c", "..", "index")]
    [InlineData("c", "11111111-1111-4111-8111-11111111111A", "index")]
    [InlineData("c", "11111111-1111-4111-8111-111111111111", "..")]
    [InlineData("c", "11111111-1111-4111-8111-111111111111", "a/b")]
    [InlineData("c", "11111111-1111-4111-8111-111111111111", ".x")]
    [InlineData("c", "11111111-1111-4111-8111-111111111111", "")]
    public void No_name_leads_elsewhere(string container, string id, string name)
    {
        Assert.Throws<FaultException>(() => new ObjectName(new BackupPlace(container, id), name));
        Assert.Null(ObjectName.Parse($"{container}/{id}/{name}"));
    }
}

/// <summary>The contract on memory: what simulations learn on it is only worth something while it holds.</summary>
public sealed class MemoryBackupsContract : BackupStoreContract
{
    readonly MemoryObjects objects = new();

    protected override BackupStore Open() => new MemoryBackups(objects);

    protected override int Count => objects.All.Count;
}

/// <summary>The contract on a temporary directory.</summary>
public sealed class DirectoryBackupsContract : BackupStoreContract
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-contract-").FullName;

    string Folder => Path.Combine(root, "made", "at first");

    protected override BackupStore Open() => new DirectoryBackups(Folder, TimeProvider.System);

    protected override int Count => Directory.GetFiles(Folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }).Length;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task A_removed_backup_leaves_no_directory()
    {
        await Store.Put(new(Place, "index"), "x"u8.ToArray(), Of());
        await Store.Remove(Place, Of());
        Assert.Empty(Directory.GetDirectories(Path.Combine(Folder, Place.Container)));
    }

    [Fact]
    public async Task Another_directory_in_its_place_is_left_alone()
    {
        await Store.Put(new(Place, "index"), "x"u8.ToArray(), Of());
        Directory.Move(Folder, Folder + ".away");
        Directory.CreateDirectory(Folder);
        foreach (var act in (Func<Task>[])[
            () => Store.Put(new(Place, "index"), "y"u8.ToArray(), Of()), () => Store.Get(new(Place, "index"), 10, CancellationToken.None),
            () => Store.Remove(Place, Of())])
            Assert.IsType<Fault.BackendDown>((await Assert.ThrowsAsync<FaultException>(act)).Fault);
        Assert.NotNull(await Store.Report(CancellationToken.None));
        Assert.Empty(Directory.GetFileSystemEntries(Folder));
        Directory.Delete(Folder);
        Directory.Move(Folder + ".away", Folder);
        Assert.Equal("x"u8.ToArray(), await Store.Get(new(Place, "index"), 10, CancellationToken.None));
    }

    [Fact]
    public async Task A_link_is_not_followed()
    {
        var outside = Path.Combine(root, "outside");
        Directory.CreateDirectory(outside);
        await Store.Put(new(Place, "index"), "x"u8.ToArray(), Of());
        Directory.Delete(Path.Combine(Folder, Place.ToString()), recursive: true);
        Directory.CreateSymbolicLink(Path.Combine(Folder, Place.ToString()), outside);
        await File.WriteAllTextAsync(Path.Combine(outside, "index"), "secret");
        await Assert.ThrowsAsync<FaultException>(() => Store.Get(new(Place, "index"), 10, CancellationToken.None));
        await Assert.ThrowsAsync<FaultException>(() => Store.Remove(Place, Of()));
        Assert.True(File.Exists(Path.Combine(outside, "index")));
    }
}
