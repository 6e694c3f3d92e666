using System.Text;
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

    [Fact]
    public async Task An_object_is_read_piece_by_piece()
    {
        var name = new ObjectName(Place, "0000000001");
        var into = new byte[4];
        Assert.Null(await Store.Read(name, 0, into, CancellationToken.None));
        await Store.Put(name, "0123456789"u8.ToArray(), Of());
        Assert.Equal((4, "0123"), (await Store.Read(name, 0, into, CancellationToken.None), Encoding.ASCII.GetString(into)));
        Assert.Equal((4, "4567"), (await Store.Read(name, 4, into, CancellationToken.None), Encoding.ASCII.GetString(into)));
        Assert.Equal((2, "89"), (await Store.Read(name, 8, into, CancellationToken.None), Encoding.ASCII.GetString(into.AsSpan(0, 2))));
        Assert.Equal(0, await Store.Read(name, 10, into, CancellationToken.None));
        Assert.Equal(0, await Store.Read(name, 1000, into, CancellationToken.None));
    }

    [Fact]
    public async Task Objects_of_one_folder_are_listed_and_removed_by_name()
    {
        Assert.Empty(await Store.Names(Place.Folder, CancellationToken.None));
        await Store.Remove(Place.Folder, ["a"], Of()); // one that was never made
        foreach (var name in (string[])["a", "b", "ab"]) await Store.Put(new(Place, name), "x"u8.ToArray(), Of());
        await Store.Put(new(Other, "a"), "x"u8.ToArray(), Of());
        Assert.Equal(["a", "ab", "b"], (await Store.Names(Place.Folder, CancellationToken.None)).Order(StringComparer.Ordinal));
        await Store.Remove(Place.Folder, ["a", "b", "c"], Of());
        await Store.Remove(Place.Folder, ["a", "b", "c"], Of());
        Assert.Equal(["ab"], await Store.Names(Place.Folder, CancellationToken.None));
        Assert.Equal(["a"], await Store.Names(Other.Folder, CancellationToken.None));
        await Assert.ThrowsAsync<TimeoutException>(() => Store.Remove(Place.Folder, ["ab"], Of(1, () => throw new TimeoutException())));
        Assert.Equal(2, Count);
    }

    [Fact]
    public async Task Who_takes_over_finds_what_is_published_and_nothing_comes_later()
    {
        await Store.TakeOver(Place, Of(2)); // one that was never begun
        await Store.Put(new(Place, "0000000001"), "one"u8.ToArray(), Of(1));
        var there = new List<string>();
        await Assert.ThrowsAsync<FaultException>(() => Store.Put(new(Place, "0000000002"), "late"u8.ToArray(), Of(1, async () =>
        {
            await Store.TakeOver(Place, Of(2));
            there = await Store.Names(Place.Folder, CancellationToken.None);
        })));
        Assert.Equal(["0000000001"], there);
        Assert.Equal(["0000000001"], await Store.Names(Place.Folder, CancellationToken.None));
        Assert.Equal(1, Count);
    }

    [Theory]
    [InlineData("", "p"), InlineData("/c", "p"), InlineData("c/", "p"), InlineData("a//b", "p"), InlineData("..", "p"), InlineData("a/../b", "p")]
    [InlineData("a/.", "p"), InlineData("a\0", "p"), InlineData("c", ""), InlineData("c", ".."), InlineData("c", "a/b"), InlineData("c", ".p"), InlineData("c", "p\n")]
    public void No_name_of_Cinders_leads_elsewhere(string container, string prefix) =>
        Assert.Throws<FaultException>(() => new CinderPlace(container, prefix));

    [Theory]
    [InlineData("p-00001", true), InlineData("p-100000", true), InlineData("p-", false), InlineData("p-1/../x", false), InlineData("p-00001.x", false)]
    [InlineData("pp-00001", false), InlineData("p_metadata", false), InlineData("../p-00001", false)]
    public void Only_numbers_behind_the_prefix_are_data(string name, bool data) => Assert.Equal(data, new CinderPlace("a b/c", "p").IsData(name));

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
            () => Store.Read(new(Place, "index"), 0, new byte[10], CancellationToken.None), () => Store.Names(Place.Folder, CancellationToken.None),
            () => Store.TakeOver(Place, Of()), () => Store.Remove(Place.Folder, ["index"], Of()), () => Store.Remove(Place, Of())])
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
        foreach (var act in (Func<Task>[])[
            () => Store.Get(new(Place, "index"), 10, CancellationToken.None), () => Store.Read(new(Place, "index"), 0, new byte[10], CancellationToken.None),
            () => Store.Names(Place.Folder, CancellationToken.None), () => Store.TakeOver(Place, Of()),
            () => Store.Remove(Place.Folder, ["index"], Of()), () => Store.Remove(Place, Of())])
            Assert.IsType<Fault.DriverFailed>((await Assert.ThrowsAsync<FaultException>(act)).Fault);
        Assert.True(File.Exists(Path.Combine(outside, "index")));
    }
}
