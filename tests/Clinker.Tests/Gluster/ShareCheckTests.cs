using System.Runtime.Versioning;
using System.Security.Cryptography;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Clinker.Drivers.Flaw;

namespace Clinker.Tests.Gluster;

/// <summary>A pool that the driver has filled is broken with plain file operations, one thing at a time: that is found, and mended where it is certain.</summary>
[SupportedOSPlatform("linux")]
public sealed class ShareCheckTests : IAsyncLifetime
{
    const int Slot = 8192;

    readonly string pool = Directory.CreateTempSubdirectory("clinker-check-").FullName;
    readonly Ids ids = new();
    readonly List<Volume> volumes = [];
    readonly List<Snapshot> snapshots = [];
    readonly HashSet<string> busy = [], coming = [];
    readonly DirectoryDriver driver, copying;
    /// <summary>With a snapshot and a clone; made of the one, of the other; with a snapshot that is a copy; gone, and a clone of it.</summary>
    Volume chain = null!, clone = null!, restored = null!, plain = null!, gone = null!, orphan = null!;
    Dictionary<string, string> written = null!;

    public ShareCheckTests() => (driver, copying) = (New(new() { Paths = [pool], CloneMode = CloneMode.Thin }), New(new() { Paths = [pool] }));

    static DirectoryDriver New(DirectoryOptions options) => new("dir", options, TimeProvider.System, NullLogger.Instance);

    static CancellationToken Token => TestContext.Current.CancellationToken;
    Work Work => new(1, Token, Operation: ids.New());

    public async ValueTask InitializeAsync()
    {
        chain = await Filled(1);
        await Take(driver, chain);
        clone = await Made(await driver.CreateFromVolume(New(), chain, Work));
        restored = await Made(await driver.CreateFromSnapshot(New(), chain, snapshots[0], Work));
        plain = await Filled(2);
        await Take(copying, plain);
        gone = await Filled(3);
        var passing = await Take(driver, gone);
        var wrote = await Processes.Run("qemu-io", ["-f", "qcow2", "-c", "write -P 9 0 4096", Path($"volume-{gone.Id}.{passing.Id}")], TimeSpan.FromMinutes(1));
        Assert.True(wrote.ExitCode == 0, wrote.Error);
        orphan = await Made(await driver.CreateFromVolume(New(), gone, Work));
        await driver.DeleteSnapshot(gone, passing, Work, quiet: false);
        snapshots.Remove(passing);
        volumes.Remove(gone);
        await driver.Delete(gone, Work);
        written = await Contents();
    }

    public async ValueTask DisposeAsync()
    {
        await driver.DisposeAsync();
        await copying.DisposeAsync();
        Directory.Delete(pool, recursive: true);
    }

    Volume last = null!;

    Volume New() => last = new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Available, AvailabilityZone = "nova", Host = "h@dir#dir",
        CreatedAt = DateTime.UnixEpoch,
    };

    Task<Volume> Made(VolumeOnDisk disk)
    {
        volumes.Add(last with { Format = disk.Format });
        return Task.FromResult(volumes[^1]);
    }

    async Task<Volume> Filled(byte value) => await Made(await driver.CreateFilled(New(), async (write, _) =>
    {
        var piece = new byte[Slot];
        Array.Fill(piece, value);
        await write(300L << 20, piece);
    }, Work));

    async Task<Snapshot> Take(Driver by, Volume of)
    {
        snapshots.Add(new()
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = of.Id, SizeGb = 1, Status = SnapshotStatus.Available, CreatedAt = DateTime.UnixEpoch,
        });
        await by.CreateSnapshot(of, snapshots[^1], Work);
        return snapshots[^1];
    }

    /// <summary>What is in each volume and each snapshot.</summary>
    async Task<Dictionary<string, string>> Contents()
    {
        var all = new Dictionary<string, string>();
        foreach (var volume in volumes)
        {
            await using var content = await driver.Read(volume, Work);
            all[volume.Id] = await Sum(content);
        }
        foreach (var snapshot in snapshots)
        {
            await using var content = await driver.Read(volumes.Find(v => v.Id == snapshot.VolumeId)!, snapshot, Work);
            all[snapshot.Id] = await Sum(content);
        }
        return all;

        static async Task<string> Sum(Content content)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 20];
            for (var at = await content.NextData(0); at is { } from && from < content.Length; at = await content.NextData(from / buffer.Length * buffer.Length + buffer.Length))
            {
                await content.Read(from / buffer.Length * buffer.Length, buffer);
                hash.AppendData(buffer);
            }
            await content.Close();
            return Convert.ToHexString(hash.GetHashAndReset());
        }
    }

    Task<PoolRows> Rows() => Task.FromResult(new PoolRows(volumes.ToDictionary(v => v.Id, v => new VolumeRow(v, [.. snapshots.Where(s => s.VolumeId == v.Id)])), coming, busy));

    /// <summary>All but what is kept of the volume that was deleted, which is as it should be.</summary>
    async Task<IReadOnlyList<Finding>> Check(Driver? by = null) =>
        [.. (await (by ?? driver).Check("dir", Rows, Token)).Where(f => !(f is { Flaw: Flaw.Kept, Gravity: Gravity.Note } && f.File == $"volume-{gone.Id}"))];

    string Path(string name) => System.IO.Path.Combine(pool, name);

    string Overlay => $"volume-{chain.Id}.{snapshots[0].Id}";

    /// <summary>Exactly this is found, mended if it can be, and then is no more; no content has changed.</summary>
    async Task Is(bool mended, params (Flaw, string)[] wanted)
    {
        var found = await Check();
        Assert.Equal(wanted.Order(), found.Select(f => (f.Flaw, f.File)).Order());
        Assert.All(found, f => Assert.Equal((FlawState.Found, mended), (f.State, f.CanRepair)));
        if (!mended) return;
        foreach (var flaw in found) Assert.True(await driver.Mend("dir", flaw, Work), flaw.Said);
        Assert.Empty(await Check());
        foreach (var flaw in found.Where(f => f.Flaw is not (Rights or Padding))) Assert.False(await driver.Mend("dir", flaw, Work)); // it is no more
        Assert.Equal(written, await Contents());
    }

    [Fact]
    public async Task Nothing_is_wrong_with_what_the_driver_made()
    {
        Assert.Contains(Directory.EnumerateFiles(pool), f => f.EndsWith($"volume-{gone.Id}", StringComparison.Ordinal)); // hidden
        Assert.Empty(await Check());
    }

    [Fact]
    public async Task Nothing_is_wrong_with_an_image_that_grew_as_another_was_put_into_it()
    {
        snapshots.Clear();
        volumes.Clear();
        foreach (var file in Directory.GetFiles(pool)) File.Delete(file);
        var volume = await Filled(4);
        await Take(driver, volume);
        var passing = await Take(driver, volume);
        await driver.Extend(volume, 3, Work);
        volumes[0] = volume with { SizeGb = 3 };
        await driver.DeleteSnapshot(volumes[0], passing, Work);
        snapshots.Remove(passing);
        Assert.Empty(await Check());
    }

    [Fact]
    public async Task Nothing_is_left_of_what_a_clone_stood_on_once_it_has_moved_away()
    {
        foreach (var moved in (Volume[])[clone, restored, orphan, plain])
        {
            volumes.Remove(moved);
            snapshots.RemoveAll(s => s.VolumeId == moved.Id);
            if (moved == plain) File.Delete(Directory.EnumerateFiles(pool, "snapshot-*").Single());
            await driver.Delete(moved with { Format = null }, Work); // DeleteLeftFile knows the file's id and its pool
            Assert.DoesNotContain(Directory.EnumerateFiles(pool), f => f.Contains(moved.Id, StringComparison.Ordinal));
        }
        Assert.Empty(await Check());
        Assert.DoesNotContain(Directory.EnumerateFiles(pool), f => f.Contains(gone.Id, StringComparison.Ordinal));
    }

    /// <summary>Where a lease is lost each time the driver asks for it, and the operation goes on under the next.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public async Task Nothing_is_left_of_what_a_clone_stood_on_wherever_it_is_cut_as_it_gets_a_file_of_its_own(bool refilled)
    {
        for (var (cut, wasCut) = (0, true); wasCut; cut++)
        {
            var one = await Made(await driver.CreateFromVolume(New(), chain, Work));
            var (operation, left) = (ids.New(), cut);
            wasCut = false;
            try { await Act(new(1, Token, () => left-- > 0 ? Task.CompletedTask : throw new OperationCanceledException(), operation)); }
            catch (OperationCanceledException) { wasCut = true; }
            await Act(new(2, Token, Operation: operation));
            Assert.Empty(await Check());
            Assert.Equal([Path($"volume-{one.Id}"), Path($"volume-{one.Id}.info")], Directory.EnumerateFiles(pool, $"volume-{one.Id}*").Order());
            await driver.Delete(one, Work);
            volumes.Remove(one);

            Task Act(Work work) => refilled ? driver.Refill(one, async (write, _) => await write(0, new byte[Slot]), work) : driver.Flatten(one, work);
        }
    }

    [Fact]
    public async Task A_guest_who_calls_another_disk_his_own_takes_nothing_along()
    {
        var header = await File.ReadAllBytesAsync(Path($"volume-{clone.Id}"), Token);
        volumes.Remove(plain);
        await using (var disk = File.OpenWrite(Path($"volume-{plain.Id}"))) await disk.WriteAsync(header, Token);
        await driver.DeleteSnapshot(plain, snapshots[1], Work);
        snapshots.RemoveAt(1);
        await driver.Delete(plain with { Format = null }, Work);
        Assert.False(File.Exists(Path($"volume-{plain.Id}")));
        Assert.Empty(await Check());
    }

    [Fact]
    public async Task What_is_certain_is_mended()
    {
        File.SetUnixFileMode(Path(Overlay), UnixFileMode.UserRead);
        File.SetUnixFileMode(Path($"volume-{chain.Id}.info"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await Is(mended: true, (Rights, Overlay), (Rights, $"volume-{chain.Id}.info"));

        await File.AppendAllTextAsync(Path($"volume-{clone.Id}"), "more", Token);
        await Is(mended: true, (Padding, $"volume-{clone.Id}"));

        string[] left = [$"{Overlay}.g3", $"volume-{chain.Id}.info.{ids.New()}.g1", $"volume-{ids.New()}.g1", $"snapshot-{snapshots[0].Id}.g2"];
        foreach (var name in left) await File.WriteAllTextAsync(Path(name), "half", Token);
        await Is(mended: true, [.. left.Select(l => (LeftWork, l))]);

        var link = $"volume-{ids.New()}.{chain.Id}";
        LinkTo(link, Overlay);
        await Is(mended: true, (LeftLink, link));

        var nobody = $"volume-{ids.New()}.info";
        await File.WriteAllTextAsync(Path(nobody), $$"""{"clinker:kept": "{{nobody[..^".info".Length]}}"}""", Token);
        File.SetUnixFileMode(Path(nobody), (UnixFileMode)0x1b6);
        await Is(mended: true, (StaleNote, nobody));
    }

    void LinkTo(string name, string of)
    {
        using var dir = Clinker.Gluster.Native.Libc.Open(pool, Clinker.Gluster.Native.Libc.O_PATH | Clinker.Gluster.Native.Libc.O_DIRECTORY);
        Clinker.Gluster.Native.Libc.Link(dir, of, name);
    }

    /// <summary>It is in no list of volumes, and takes room.</summary>
    [Fact]
    public async Task What_is_kept_for_others_is_told_and_goes_with_the_last_of_them()
    {
        var kept = Assert.Single(await driver.Check("dir", Rows, Token));
        Assert.Equal((Flaw.Kept, Gravity.Note, $"volume-{gone.Id}", false), (kept.Flaw, kept.Gravity, kept.File, kept.CanRepair));
        Assert.Matches("^is kept of a volume that was deleted, and takes [1-9][0-9]+ bytes: .* on it$", kept.Said);
        await driver.Delete(orphan, Work);
        volumes.Remove(orphan);
        Assert.Empty(await driver.Check("dir", Rows, Token));
        Assert.False(File.Exists(Path($"volume-{gone.Id}")));
    }

    /// <summary>Whatever volumes that begin elsewhere say of their size.</summary>
    [Fact]
    public async Task A_snapshot_that_was_cut_is_told()
    {
        await Cut($"volume-{chain.Id}", 0, (Size, $"volume-{chain.Id}"));
        await Cut($"snapshot-{snapshots[1].Id}", 0, (Size, $"snapshot-{snapshots[1].Id}"));
        await Cut(Overlay, 65536, (Flaw.Chain, Overlay));

        async Task Cut(string name, long to, params (Flaw, string)[] wanted)
        {
            var elsewhere = Path("." + name);
            File.Copy(Path(name), elsewhere);
            using (var file = File.OpenHandle(Path(name), FileMode.Open, FileAccess.Write)) RandomAccess.SetLength(file, to);
            var found = await Check();
            Assert.Equal(wanted, found.Where(f => f.Gravity == Gravity.Error).Select(f => (f.Flaw, f.File)).Distinct());
            Assert.DoesNotContain(found, f => f.CanRepair);
            File.Delete(Path(name));
            File.Move(elsewhere, Path(name));
        }
    }

    [Fact]
    public async Task What_is_not_certain_is_only_told()
    {
        await Away($"volume-{plain.Id}", (Missing, $"volume-{plain.Id}"));
        await Away($"snapshot-{snapshots[1].Id}", (Missing, $"snapshot-{snapshots[1].Id}"));
        await Away($"volume-{chain.Id}", (Flaw.Chain, Overlay));
        await Away($"volume-{gone.Id}", (Flaw.Chain, Directory.EnumerateFiles(pool, $"volume-{orphan.Id}.*-*").Select(f => System.IO.Path.GetFileName(f)).Single()));
        await Away($"volume-{gone.Id}.info", (Hidden, $"volume-{gone.Id}"));

        await Changed($"volume-{chain.Id}.info", "no JSON", (Info, $"volume-{chain.Id}.info"));
        var info = await File.ReadAllTextAsync(Path($"volume-{chain.Id}.info"), Token);
        foreach (var key in (string[])[ids.New(), $"tmp-snap-{ids.New()}"]) // the one is a snapshot's, the other one that Cinder's driver had for a while
            await Changed($"volume-{chain.Id}.info", info.Replace("{", $$"""{"{{key}}": "{{Overlay}}",""", StringComparison.Ordinal), (UnknownSnapshot, $"volume-{chain.Id}.info"));
        await Changed($"volume-{clone.Id}", new string('x', 65536), (Format, $"volume-{clone.Id}"));

        await Put($"volume-{ids.New()}", Stranger);
        await Put($"snapshot-{ids.New()}", Stranger);
        await Put($"volume-{plain.Id}.{ids.New()}", Unused);

        using (var file = File.OpenWrite(Path($"volume-{plain.Id}"))) file.SetLength((1L << 30) - 1024 * 1024 * 1024 / 2);
        Assert.Empty(await Check()); // rounded up to whole GiB it is what it should be: as of volumes that were managed
        using (var file = File.OpenWrite(Path($"volume-{plain.Id}"))) file.SetLength((1L << 30) + 1);
        await Is(mended: false, (Size, $"volume-{plain.Id}"));
        using (var file = File.OpenWrite(Path($"volume-{plain.Id}"))) file.SetLength(0);
        await Is(mended: false, (Size, $"volume-{plain.Id}"));
        using (var file = File.OpenWrite(Path($"volume-{plain.Id}"))) file.SetLength(1L << 30);

        await using var shallow = New(new() { Paths = [pool], MaxChainDepth = 2 });
        Assert.Equal(Depth, Assert.Single((await Check(shallow)).DistinctBy(f => f.Flaw)).Flaw);
        await using var secure = New(new() { Paths = [pool], SecureFilePermissions = true });
        Assert.Equal(Rights, Assert.Single((await Check(secure)).DistinctBy(f => f.Flaw)).Flaw);
    }

    async Task Away(string name, params (Flaw, string)[] wanted)
    {
        var elsewhere = Path("." + name);
        File.Move(Path(name), elsewhere);
        await Is(mended: false, wanted);
        File.Move(elsewhere, Path(name));
    }

    async Task Changed(string name, string text, params (Flaw, string)[] wanted)
    {
        var elsewhere = Path("." + name);
        File.Copy(Path(name), elsewhere);
        await File.WriteAllTextAsync(Path(name), text, Token);
        await Is(mended: false, wanted);
        File.Move(elsewhere, Path(name), overwrite: true);
        File.SetUnixFileMode(Path(name), (UnixFileMode)0x1b6);
    }

    async Task Put(string name, Flaw flaw)
    {
        await File.WriteAllTextAsync(Path(name), "data", Token);
        await Is(mended: false, (flaw, name));
        File.Delete(Path(name));
    }

    [Fact]
    public async Task What_somebody_is_at_work_on_is_told_as_that()
    {
        File.Move(Path($"volume-{plain.Id}"), Path(".elsewhere"));
        busy.Add(plain.Id);
        Assert.Equal((Missing, FlawState.Busy), Assert.Single((await Check()).Select(f => (f.Flaw, f.State))));
    }

    [Fact]
    public async Task What_was_wrong_for_a_moment_is_not_told()
    {
        File.Move(Path($"volume-{plain.Id}"), Path(".elsewhere"));
        var asked = 0;
        Assert.DoesNotContain(await driver.Check("dir", () =>
        {
            if (++asked == 2) File.Move(Path(".elsewhere"), Path($"volume-{plain.Id}"));
            return Rows();
        }, Token), f => f.Gravity != Gravity.Note);
    }

    [Fact]
    public async Task A_repair_looks_again_before_it_acts()
    {
        var link = $"volume-{ids.New()}.{chain.Id}";
        LinkTo(link, Overlay);
        var found = Assert.Single(await Check());
        File.Move(Path(Overlay), Path(".elsewhere")); // now it is the only name of ours
        Assert.False(await driver.Mend("dir", found, Work));
        Assert.True(File.Exists(Path(link)));
        File.Copy(Path(".elsewhere"), Path(Overlay)); // and what has the other is another file
        Assert.False(await driver.Mend("dir", found, Work));
        Assert.True(File.Exists(Path(link)));
    }
}
