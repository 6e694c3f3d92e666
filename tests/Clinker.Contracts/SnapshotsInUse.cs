using System.Text.Json.Nodes;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Contracts;

/// <summary>Snapshots of a volume that somebody has open: what the driver does of it, and what it makes of one that did not end.</summary>
public abstract partial class SnapshotsInUse : IAsyncLifetime
{
    readonly Ids ids = new();
    long works;
    Driver driver = null!;
    string pool = "";
    Volume volume = null!;
    Guest guest = null!;

    /// <summary>A driver whose chains have at most four files.</summary>
    protected abstract Task<Driver> Open();

    protected abstract string DirectoryOf(string pool);

    static CancellationToken Token => TestContext.Current.CancellationToken;
    Work Work => new(1, Token, Operation: $"5d9a3c52-7a1e-4f0e-8a43-{++works:x12}");

    public virtual async ValueTask InitializeAsync()
    {
        driver = await Open();
        pool = (await driver.Report(Token)).Pools[0].Name;
        var empty = NewVolume();
        var disk = await driver.Create(empty, Work);
        volume = empty with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
        guest = await Guest.Boot(PathOf($"volume-{volume.Id}"), disk.Format);
        volume = volume with { Status = VolumeStatus.InUse, AttachStatus = AttachStatus.Attached };
        for (var i = 0; i < 40; i++) await guest.Write();
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (guest is not null) await guest.DisposeAsync();
        if (driver is not null) await driver.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    Volume NewVolume() => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova",
        Host = $"node1@gluster#{pool}", CreatedAt = DateTime.UnixEpoch,
    };

    Snapshot NewSnapshot() => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating,
        CreatedAt = DateTime.UnixEpoch,
    };

    string PathOf(string name) => Path.Combine(DirectoryOf(pool), name);
    string InfoPath => PathOf($"volume-{volume.Id}.info");
    JsonObject Info => File.Exists(InfoPath) ? JsonNode.Parse(File.ReadAllText(InfoPath))!.AsObject() : [];
    string[] Names => NamesOf(volume);
    string[] NamesOf(Volume of) => [.. Directory.EnumerateFiles(DirectoryOf(pool), $"volume-{of.Id}*").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    Task<string> Connected() => Connected(volume);

    /// <summary>The name of the file that a host is told.</summary>
    async Task<string> Connected(Volume of)
    {
        var told = JsonNode.Parse((await driver.Connect(of, new("h", "{}"), Work)).Data)!;
        return Path.GetFileName((string?)told["name"] ?? (string)told["device_path"]!);
    }

    /// <summary>The volume as it is once nobody has it.</summary>
    async Task Detach()
    {
        await guest.DisposeAsync();
        volume = volume with { Status = VolumeStatus.Available, AttachStatus = AttachStatus.Detached };
    }

    async Task<(Snapshot Snapshot, SortedDictionary<int, byte> Content)> Taken()
    {
        var snapshot = NewSnapshot();
        var file = await driver.BeginSnapshot(volume, snapshot, Work);
        await guest.Write();
        var content = await guest.GoOver(PathOf(file));
        for (var i = 0; i < 20; i++) await guest.Write();
        await driver.EndSnapshot(volume, snapshot, Work);
        await guest.Write();
        return (snapshot, content);
    }

    async Task Holds(Volume of, IReadOnlyDictionary<int, byte> content)
    {
        var at = await Connected(of);
        await Guest.Holds(PathOf(at), at == $"volume-{of.Id}" ? of.Format! : "qcow2", content);
    }

    [Fact]
    public async Task Each_holds_what_was_written_when_the_guest_went_over_and_all_is_put_together_at_the_end()
    {
        Assert.True(driver.Can.HasFlag(Abilities.SnapshotsAssisted));
        var taken = new[] { await Taken(), await Taken() };
        Assert.Equal(Path.GetFileName(guest.File), (string?)Info["active"]);
        Assert.Equal((string?)Info["active"], await Connected());
        Assert.Equal((string?)Info["active"], (string?)Info[taken[1].Snapshot.Id]);
        await guest.Check();
        foreach (var (snapshot, content) in taken)
        {
            var copy = NewVolume();
            var disk = await driver.CreateFromSnapshot(copy, volume, snapshot, Work);
            copy = copy with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
            await Holds(copy, content);
            await driver.Delete(copy, Work);
        }

        // While it is open no file is put together with another; when it is not, all of them are.
        await driver.DeleteSnapshot(volume, taken[0].Snapshot, Work, quiet: false);
        Assert.Equal(4, Names.Length);
        for (var i = 0; i < 20; i++) await guest.Write();
        await guest.Check();
        await Detach();
        await driver.DeleteSnapshot(volume, taken[1].Snapshot, Work);
        Assert.Equal([$"volume-{volume.Id}", $"volume-{volume.Id}.info"], Names);
        await Holds(volume, guest.Content);
        await driver.Delete(volume, Work);
        Assert.Empty(Names);
    }

    /// <summary>As for a backup of a volume in use.</summary>
    [Fact]
    public async Task What_is_read_of_one_is_of_its_moment_whatever_the_guest_writes_meanwhile()
    {
        var (snapshot, then) = await Taken();
        await using (var content = await driver.Read(volume, snapshot, Work))
        {
            var piece = new byte[Guest.PieceBytes];
            for (var at = 0; at < Guest.Pieces; at++)
            {
                if (at % 64 == 0) await guest.Write();
                await content.Read((long)at * piece.Length, piece);
                Assert.Equal(-1, piece.AsSpan().IndexOfAnyExcept(then.GetValueOrDefault(at)));
            }
            await content.Close();
        }
        Assert.NotEqual(then, guest.Content);
        await guest.Check();
    }

    [Fact]
    public async Task It_is_begun_and_ended_once_however_often_that_is_said()
    {
        var snapshot = NewSnapshot();
        var file = await driver.BeginSnapshot(volume, snapshot, Work);
        Assert.Equal(($"volume-{volume.Id}", file), ((string?)Info["active"], (string?)Info["clinker:coming"]));
        await guest.GoOver(PathOf(file));
        await guest.Write();
        Assert.Equal(file, await driver.BeginSnapshot(volume, snapshot, Work));
        await driver.EndSnapshot(volume, snapshot, Work);
        await driver.EndSnapshot(volume, snapshot, Work);
        Assert.Equal(file, await driver.BeginSnapshot(volume, snapshot, Work));
        Assert.Equal((file, file, null), ((string?)Info["active"], (string?)Info[snapshot.Id], (string?)Info["clinker:coming"]));
        await guest.Check();
    }

    [Fact]
    public async Task One_that_is_given_up_leaves_nothing_and_the_guest_where_it_is()
    {
        var snapshot = NewSnapshot();
        await driver.DropSnapshot(volume, snapshot, Work);
        await driver.BeginSnapshot(volume, snapshot, Work);
        await guest.Write();
        await driver.DropSnapshot(volume, snapshot, Work);
        Assert.Equal([$"volume-{volume.Id}", $"volume-{volume.Id}.info"], Names);
        Assert.Equal($"volume-{volume.Id}", await Connected());
        await driver.DropSnapshot(volume, snapshot, Work);
        await driver.DeleteSnapshot(volume, snapshot, Work, quiet: false);
        await guest.Check();
        await Taken(); // and the next one is taken
        await guest.Check();
    }

    /// <summary>Whoever says that nobody has gone over is not believed when something was written there.</summary>
    [Fact]
    public async Task A_file_that_was_written_to_is_never_given_up()
    {
        var snapshot = NewSnapshot();
        await guest.GoOver(PathOf(await driver.BeginSnapshot(volume, snapshot, Work)));
        await guest.Write();
        await guest.DisposeAsync(); // so that all of it is in the file
        await driver.DropSnapshot(volume, snapshot, Work);
        await driver.DeleteSnapshot(volume, snapshot, Work, quiet: false);
        Assert.True(File.Exists(guest.File));
        await Detach();
        await Holds(volume, guest.Content);
    }

    [Theory, InlineData(false, false), InlineData(true, false), InlineData(false, true), InlineData(true, true)]
    public async Task One_that_did_not_end_loses_nothing_wherever_the_guest_writes(bool wentOver, bool deletedWhileOpen)
    {
        var snapshot = NewSnapshot();
        var file = await driver.BeginSnapshot(volume, snapshot, Work);
        if (wentOver) await guest.GoOver(PathOf(file));
        await guest.Write();
        if (deletedWhileOpen)
        {
            await driver.DeleteSnapshot(volume, snapshot, Work, quiet: false);
            Assert.True(File.Exists(PathOf(file)));
        }
        for (var i = 0; i < 10; i++) await guest.Write();
        await guest.Check();
        if (!wentOver)
        {
            // Nobody else may begin to write, nor take a snapshot of who knows which file.
            foreach (var act in (Func<Task>[])[Connected, () => driver.BeginSnapshot(volume, NewSnapshot(), Work)])
                Assert.Contains("it is not known", (await Assert.ThrowsAsync<Operations.FaultException>(act)).Message, StringComparison.Ordinal);
        }
        await Detach();
        await Holds(volume, guest.Content);
        Assert.Equal((file, null), ((string?)Info["active"], (string?)Info["clinker:coming"]));
        if (!deletedWhileOpen) await driver.DeleteSnapshot(volume, snapshot, Work);
        else
        {
            var next = NewSnapshot();
            await driver.CreateSnapshot(volume, next, Work);
            await driver.DeleteSnapshot(volume, next, Work);
        }
        Assert.Equal([$"volume-{volume.Id}", $"volume-{volume.Id}.info"], Names);
        await Holds(volume, guest.Content);
    }

    [Fact]
    public async Task A_volume_with_one_that_did_not_end_is_deleted_whole()
    {
        var first = await Taken();
        await driver.BeginSnapshot(volume, NewSnapshot(), Work);
        await driver.DeleteSnapshot(volume, first.Snapshot, Work, quiet: false);
        await Detach();
        await driver.Delete(volume, Work);
        Assert.Empty(Names);
    }

    string FileOf(Snapshot snapshot) => $"volume-{volume.Id}.{snapshot.Id}";

    /// <summary>As Cinder's drivers name a file of it by.</summary>
    string Own => $"volume-{volume.Id}";

    Task Delete(Snapshot snapshot) => driver.DeleteSnapshot(volume, snapshot, Work, quiet: false);

    [Fact]
    public async Task What_a_snapshot_leaves_apart_is_put_together_while_it_is_open_and_the_chain_gets_no_longer()
    {
        var taken = new List<(Snapshot Snapshot, SortedDictionary<int, byte> Content)>();
        for (var i = 0; i < 6; i++)
        {
            taken.Add(await Taken());
            if (taken.Count < 3) continue;
            // The oldest, then one in the middle, again and again: the chain has its four files all the time.
            var goes = taken[i % 2];
            taken.Remove(goes);
            await Delete(goes.Snapshot);
            var merge = Assert.IsType<Merge>(await driver.BeginMerge(volume, Work));
            Assert.Equal((FileOf(goes.Snapshot), FileOf(goes.Snapshot)), (merge.File, (string?)Info["clinker:going"]));
            await guest.Write();
            await guest.PutTogether(merge.File, merge.Into);
            await guest.Write();
            await driver.EndMerge(volume, mayCome: true, Work);
            await driver.EndMerge(volume, mayCome: true, Work);
            Assert.False(File.Exists(PathOf(merge.File)));
            Assert.Equal(4, Names.Length); // and the .info
            await guest.Check();
            foreach (var (snapshot, content) in taken)
            {
                var copy = NewVolume();
                var disk = await driver.CreateFromSnapshot(copy, volume, snapshot, Work, full: true);
                copy = copy with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
                await Holds(copy, content);
                await driver.Delete(copy, Work);
            }
        }
        await Detach();
        foreach (var (snapshot, _) in taken) await driver.DeleteSnapshot(volume, snapshot, Work);
        Assert.Equal([Own, $"{Own}.info"], Names);
        await Holds(volume, guest.Content);
    }

    /// <summary>Whoever says that it is done is not believed when the volume still stands on the file.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task What_is_not_put_together_stays_and_is_asked_for_first_the_next_time(bool mayCome)
    {
        var (first, second, third) = (await Taken(), await Taken(), await Taken());
        await Delete(first.Snapshot);
        var merge = await driver.BeginMerge(volume, Work);
        Assert.Equal(new Merge(FileOf(first.Snapshot), Own), merge);
        await driver.EndMerge(volume, mayCome, Work);
        Assert.Equal(mayCome ? FileOf(first.Snapshot) : null, (string?)Info["clinker:going"]);
        await guest.Check();
        await Delete(second.Snapshot);
        var next = await driver.BeginMerge(volume, Work);
        Assert.Equal(mayCome ? merge : new Merge(FileOf(second.Snapshot), FileOf(first.Snapshot)), next);
        await guest.PutTogether(next!.File, next.Into);
        await driver.EndMerge(volume, mayCome, Work);
        Assert.Equal(4, Names.Length);
        await guest.Check();
        await Delete(third.Snapshot);
        await Detach();
        await driver.Delete(volume, Work);
        Assert.Empty(Names);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task What_is_put_together_too_late_is_seen_by_whoever_comes_next(bool asDelete)
    {
        var (first, second) = (await Taken(), await Taken());
        await Delete(first.Snapshot);
        var merge = (await driver.BeginMerge(volume, Work))!;
        await driver.EndMerge(volume, mayCome: true, Work);
        await Taken();
        await guest.PutTogether(merge.File, merge.Into);
        Assert.Contains(merge.File, Names);
        if (asDelete)
        {
            foreach (var id in Info.Select(m => m.Key).Where(k => Guid.TryParse(k, out _)).ToList()) await Delete(second.Snapshot with { Id = id });
            Assert.DoesNotContain(merge.File, Names);
            await Detach();
            await driver.Delete(volume, Work);
            Assert.Empty(Names);
            return;
        }
        await Delete(second.Snapshot);
        Assert.DoesNotContain(merge.File, Names);
        await guest.Check();
    }

    /// <summary>A clone that stood on a file which is then gone from the chain would stand on what nobody counts it for.</summary>
    [Fact]
    public async Task Nobody_stands_on_a_file_that_is_to_go_and_none_goes_on_which_somebody_stands()
    {
        var (first, second) = (await Taken(), await Taken());
        await Delete(first.Snapshot);
        var merge = (await driver.BeginMerge(volume, Work))!;
        var copy = NewVolume();
        var disk = await driver.CreateFromSnapshot(copy, volume, second.Snapshot, Work); // it lies in the file that goes
        copy = copy with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
        await guest.PutTogether(merge.File, merge.Into);
        await driver.EndMerge(volume, mayCome: true, Work);
        Assert.False(File.Exists(PathOf(merge.File)));
        await Holds(copy, second.Content);
        await guest.Check();

        var third = await Taken();
        var clone = NewVolume();
        disk = await driver.CreateFromSnapshot(clone, volume, second.Snapshot, Work);
        clone = clone with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
        await Delete(second.Snapshot);
        Assert.Null(await driver.BeginMerge(volume, Work));
        await Holds(clone, second.Content);
        await Delete(third.Snapshot);
    }

    [Fact]
    public async Task The_file_that_is_written_to_takes_up_nothing()
    {
        var (first, second) = (await Taken(), await Taken());
        await Delete(second.Snapshot);
        Assert.Null(await driver.BeginMerge(volume, Work));
        await Taken(); // and what lies under that file then goes down
        await Delete(first.Snapshot);
        Assert.Equal(new Merge(FileOf(second.Snapshot), FileOf(first.Snapshot)), await driver.BeginMerge(volume, Work));
    }

    [Fact]
    public async Task Nothing_is_put_together_while_it_is_not_known_where_the_guest_writes()
    {
        var (first, _) = (await Taken(), await Taken());
        await driver.BeginSnapshot(volume, NewSnapshot(), Work);
        await Delete(first.Snapshot);
        Assert.Null(await driver.BeginMerge(volume, Work));
    }

    /// <summary>The guest goes on with the file of before, and what it put into that would be lost.</summary>
    [Fact]
    public async Task Nothing_is_put_into_a_file_that_was_replaced_under_the_guest()
    {
        var (source, origin) = await BecomesClone();
        var (first, second) = (await Taken(), await Taken());
        await driver.Flatten(volume, Work);
        Assert.Contains((string)Info["clinker:replaced"]!, Names);
        await Delete(first.Snapshot);
        Assert.Null(await driver.BeginMerge(volume, Work));
        await guest.Check();
        await guest.DisposeAsync();
        var at = await Connected(volume with { Status = VolumeStatus.Attaching, AttachStatus = AttachStatus.Reserved }); // it begins anew
        Assert.Null(Info["clinker:replaced"]);
        Assert.Equal(new HashSet<string> { Own, Own + ".info", FileOf(first.Snapshot), FileOf(second.Snapshot) }, [.. Names]);
        await Guest.Holds(PathOf(at), "qcow2", guest.Content);
        Assert.Equal(new Merge(FileOf(first.Snapshot), Own), await driver.BeginMerge(volume, Work));
        await Goes(source, origin);
    }

    /// <summary>It has open what the volume stood on, and reads it as long as it runs: a name that is taken away, or room given back, would be zeroes to it.</summary>
    /// <param name="clones">Whether another volume stands on the replaced file, too, and goes.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_volume_stood_on_stays_as_long_as_the_guest_may_read_it(bool clones)
    {
        var (source, origin) = await BecomesClone();
        var (first, second) = (await Taken(), await Taken());
        var clone = clones ? await Clone(first.Snapshot) : null;
        await driver.Flatten(volume, Work);
        await Goes(source, origin);
        if (clone is not null)
        {
            await Holds(clone, first.Content);
            await driver.Delete(clone, Work);
        }
        await Delete(first.Snapshot);
        await driver.Abandon(volume, Work); // no more than a look
        Stays(volume, origin);
        await guest.Check();
        for (var i = 0; i < 20; i++) await guest.Write(); // QEMU fills up clusters of which a part is written
        await guest.Check();
        await IsWell((volume, [second.Snapshot]));
        await Detach();
        await Holds(volume, guest.Content);
        await Delete(second.Snapshot);
        await Holds(volume, guest.Content);
        await driver.Delete(volume, Work);
        Assert.Empty(Names.Concat(NamesOf(source)));
    }

    /// <summary>A volume that nobody has stands under one that somebody has: what is made of its snapshot opens its files by the same names.</summary>
    /// <param name="stays">Whether the volume is there still when the one that is made of its snapshot goes.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_volume_stood_on_stays_as_long_as_a_volume_of_its_snapshot_may_be_read(bool stays)
    {
        var (source, origin) = await BecomesClone();
        var (first, second) = (await Taken(), await Taken());
        var content = guest.Content;
        await Detach();
        var clone = await Clone(second.Snapshot);
        guest = await Guest.Boot(PathOf($"volume-{clone.Id}"), "qcow2");
        foreach (var (at, with) in second.Content) guest.Content[at] = with;
        await driver.Flatten(volume, Work);
        await Goes(source, origin);
        Stays(volume, origin);
        await guest.Check();
        await IsWell((volume, [first.Snapshot, second.Snapshot]), (clone, []));
        await Holds(volume, content);
        foreach (var taken in (Snapshot[])[first.Snapshot, second.Snapshot]) await Delete(taken);
        await driver.Tidy(volume, false, Work);
        if (!stays) await driver.Delete(volume, Work);
        await IsWell([.. stays ? [(volume, [])] : Array.Empty<(Volume, Snapshot[])>(), (clone, [])]);
        for (var i = 0; i < 20; i++) await guest.Write();
        await guest.Check();
        Stays(volume, origin);
        await guest.DisposeAsync();
        await driver.Delete(clone, Work);
        if (stays)
        {
            Assert.Single(await driver.FindUntidy(pool, [volume], Token));
            await driver.Tidy(volume, false, Work);
            Assert.Empty(await driver.FindUntidy(pool, [volume], Token));
            await Holds(volume, content);
            await driver.Delete(volume, Work);
        }
        Assert.Empty(Names.Concat(NamesOf(clone)).Concat(NamesOf(source)));
    }

    /// <summary>From then on the guest has a volume that was made of a snapshot of the one that it had, and has all that is in that.</summary>
    async Task<(Volume Source, Snapshot Origin)> BecomesClone()
    {
        await Detach();
        var (source, origin, had) = (volume, NewSnapshot(), guest.Content);
        await driver.CreateSnapshot(source, origin, Work);
        volume = await Clone(origin);
        guest = await Guest.Boot(PathOf(Own), "qcow2", seed: 2);
        foreach (var (at, with) in had) guest.Content[at] = with;
        volume = volume with { Status = VolumeStatus.InUse, AttachStatus = AttachStatus.Attached };
        return (source, origin);
    }

    async Task<Volume> Clone(Snapshot of)
    {
        var clone = NewVolume() with { SnapshotId = of.Id };
        var disk = await driver.CreateFromSnapshot(clone, volume, of, Work);
        return clone with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };
    }

    /// <summary>Of a volume the file that was replaced, and what it stood on, have names: whose client has to open them anew can do so.</summary>
    void Stays(Volume of, Snapshot origin) =>
        Assert.Subset(NamesOf(of).ToHashSet(), new HashSet<string>
        {
            (string)JsonNode.Parse(File.ReadAllText(PathOf($"volume-{of.Id}.info")))!["clinker:replaced"]!, $"volume-{of.Id}.{origin.Id}",
        });

    /// <summary>A check of the whole share finds no fault with these, of which there are rows.</summary>
    async Task IsWell(params (Volume Volume, Snapshot[] Snapshots)[] all)
    {
        var rows = new PoolRows(all.ToDictionary(a => a.Volume.Id, a => new VolumeRow(a.Volume, [.. a.Snapshots.Select(s => s with { Status = SnapshotStatus.Available })])),
            new HashSet<string>(), new HashSet<string>());
        var ids = rows.Volumes.Keys.Append(volume.Id).ToHashSet();
        Assert.DoesNotContain(await driver.Check(pool, () => Task.FromResult(rows), Token), f => f.Flaw != Flaw.Kept && ids.Overlaps(f.Ids)); // of other tests there may be more
    }

    /// <summary>As Cinder left it when the only snapshot was deleted in use: all is in the image that was made for that, and the first file is gone.</summary>
    [Fact]
    public async Task A_volume_that_begins_with_an_image_on_nothing_is_filled_anew()
    {
        var (snapshot, _) = await Taken();
        await Detach();
        await Guest.Tool("rebase", "-f", "qcow2", "-b", "", PathOf(FileOf(snapshot)));
        File.Delete(PathOf(Own));
        await File.WriteAllTextAsync(InfoPath, $$"""{"active": "{{FileOf(snapshot)}}"}""", Token);
        await Holds(volume, guest.Content);
        await driver.Refill(volume, async (write, _) => await write(0, Enumerable.Repeat((byte)7, Guest.PieceBytes).ToArray()), Work);
        await Holds(volume, new SortedDictionary<int, byte> { [0] = 7 });
        await driver.Delete(volume, Work);
        Assert.Empty(Names);
    }

    const long Gib = 1L << 30;

    [Fact]
    public async Task A_raw_file_grows_beside_the_guest()
    {
        Assert.True(driver.Can.HasFlag(Abilities.ExtendAssisted));
        Assert.True(await driver.ExtendInUse(volume, 2, Work));
        Assert.True(await driver.ExtendInUse(volume, 2, Work));
        Assert.Equal(2 * Gib, new FileInfo(PathOf(Own)).Length);
        await guest.Resize(2 * Gib); // it is told; for the file that is nothing new
        await guest.Write();
        await guest.Check();
        Assert.Equal(2 * Gib, new FileInfo(PathOf(Own)).Length);
    }

    [Fact]
    public async Task An_image_that_the_guest_has_open_only_the_guest_makes_larger()
    {
        var (snapshot, content) = await Taken();
        Assert.False(await driver.ExtendInUse(volume, 2, Work));
        await guest.Check();
        await guest.Resize(2 * Gib);
        await guest.Write();
        Assert.True(await driver.ExtendInUse(volume, 2, Work));
        volume = volume with { SizeGb = 2 };
        Assert.Equal(Path.GetFileName(guest.File), await Connected());
        await guest.Check();
        await Detach();
        await driver.DeleteSnapshot(volume, snapshot, Work);
        await Holds(volume, guest.Content);
        Assert.Equal(2 * Gib, new FileInfo(PathOf(Own)).Length);
        Assert.NotEmpty(content);
    }

    [Fact]
    public async Task Nothing_grows_while_it_is_not_known_where_the_guest_writes()
    {
        await driver.BeginSnapshot(volume, NewSnapshot(), Work);
        Assert.True((await Assert.ThrowsAsync<Operations.FaultException>(() => driver.ExtendInUse(volume, 2, Work))).NothingDone);
    }

    [Fact]
    public async Task A_chain_gets_no_longer_than_it_may()
    {
        for (var i = 0; i < 3; i++) await Taken();
        var refused = await Assert.ThrowsAsync<Operations.FaultException>(() => driver.BeginSnapshot(volume, NewSnapshot(), Work));
        Assert.True(refused.NothingDone);
        Assert.Contains("max_chain_depth", refused.Message, StringComparison.Ordinal);
        await guest.Check();
    }
}

/// <summary>On a directory whose files stand on each other.</summary>
public sealed class DirectorySnapshotsInUse : SnapshotsInUse
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-in-use-").FullName;

    protected override Task<Driver> Open() => Task.FromResult<Driver>(new DirectoryDriver(
        "dir", new() { Paths = [root], CloneMode = CloneMode.Thin, MaxChainDepth = 4 }, TimeProvider.System, NullLogger.Instance));

    protected override string DirectoryOf(string pool) => root;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }
}
