using System.Globalization;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

/// <summary>
/// Random walks over volumes, snapshots and clones, with leases lost in the midst of them and taken over. A model knows what is to be in each;
/// all of it is compared, also by QEMU, and no file may be there that nothing stands on.
/// </summary>
public abstract class ChainWalk : IAsyncDisposable
{
    const int Slots = 70, PieceBytes = 8192;
    /// <summary>For each piece in a file 1 MiB, as it is copied, and its tables: less than the disk by far.</summary>
    const long MostAllocated = 128 << 20;
    protected const int MaxDepth = 6;

    readonly Ids ids = new();
    readonly List<Disk> disks = [];
    readonly List<string> told = [];
    Random random = new(0);
    Driver driver = null!;
    string pool = "";

    sealed class Disk(Volume volume)
    {
        public Volume Volume { get; set; } = volume;
        public SortedDictionary<int, byte> Content { get; set; } = [];
        public List<(Snapshot Snapshot, SortedDictionary<int, byte> Content)> Snapshots { get; } = [];
    }

    /// <summary>A driver whose chains have at most <see cref="MaxDepth"/> files.</summary>
    protected abstract Task<Driver> Open();

    /// <summary>Where the files of a pool are.</summary>
    protected abstract string DirectoryOf(string pool);

    protected abstract VolumeFormat Format { get; }

    static CancellationToken Token => TestContext.Current.CancellationToken;

    protected async Task Walk(int seed, int steps, int checkEvery)
    {
        random = new(seed);
        driver = await Open();
        pool = (await driver.Report(Token)).Pools[0].Name;
        try
        {
            for (var step = 0; step < steps; step++)
            {
                await Step();
                if (step % checkEvery == checkEvery - 1) await Check();
            }
            await Check();
            while (disks.Count > 0)
            {
                var disk = Pick(disks);
                while (disk.Snapshots.Count > 0) await DeleteSnapshot(disk, Pick(disk.Snapshots).Snapshot);
                await Delete(disk);
            }
            Assert.All(Names(), n => Assert.Equal(FileKind.Image, Layout.Parse(n)!.Value.Kind)); // kept, for further volumes with them
        }
        catch (Exception e) when (e is not OperationCanceledException || !Token.IsCancellationRequested)
        {
            throw new Xunit.Sdk.XunitException($"seed {seed}: {e}\n{string.Join('\n', told.TakeLast(40))}");
        }
    }

    async Task Step()
    {
        if (disks.Count == 0 || (disks.Count < 5 && random.Next(4) == 0)) { await (random.Next(2) == 0 ? CreateOfImage() : Create()); return; }
        var disk = Pick(disks);
        switch (random.Next(20))
        {
            case < 6: await Write(disk); break;
            case < 10: await Take(disk); break;
            case < 13 when disk.Snapshots.Count > 0: await DeleteSnapshot(disk, Pick(disk.Snapshots).Snapshot); break;
            case < 15 when disks.Count < 8: await Clone(disk); break;
            case 15 when disks.Count < 8 && disk.Snapshots.Count > 0: await CloneSnapshot(disk); break;
            case 16 when disk.Volume.SizeGb < 3: await Extend(disk); break;
            case 17 when disk.Snapshots.Count > 0: await Revert(disk); break;
            case 18 when disk.Snapshots.Count == 0: await (random.Next(2) == 0 ? Delete(disk) : Convert(disk)); break;
            case 19 when random.Next(2) == 0: await Refill(disk); break;
            case 19 when random.Next(2) == 0: await Flatten(disk); break;
            case 19: await Tidy(); break;
        }
    }

    T Pick<T>(List<T> list) => list[random.Next(list.Count)];

    Volume NewVolume(int sizeGb) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = sizeGb, Status = VolumeStatus.Creating, AvailabilityZone = "nova",
        Host = $"node1@{driver.Backend}#{pool}", CreatedAt = DateTime.UnixEpoch,
    };

    static Volume Made(Volume volume, VolumeOnDisk disk) =>
        volume with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format };

    /// <summary>An operation: its leases are lost now and then, also between making something and publishing it.</summary>
    /// <param name="undo">If there is one, the operation may also be given up.</param>
    async Task<bool> Do(string what, Func<Work, Task> act, Func<Work, Task>? undo = null)
    {
        told.Add(what);
        var (operation, generation) = (ids.New(), 0L);
        while (true)
        {
            generation++;
            var confirmed = random.Next(3) == 0 ? random.Next(5) : int.MaxValue;
            using var lease = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var work = new Work(generation, lease.Token, async () =>
            {
                if (confirmed-- > 0) return;
                await lease.CancelAsync();
                throw new OperationCanceledException(lease.Token);
            }, operation);
            if (confirmed == int.MaxValue && random.Next(6) == 0) lease.CancelAfter(TimeSpan.FromMilliseconds(random.Next(40)));
            try { await act(work); return true; }
            catch (OperationCanceledException) when (!Token.IsCancellationRequested) { told.Add($"  lost ({generation})"); }
            catch (FaultException e) when (e.Fault.Transient)
            {
                told.Add($"  {e.Message}"); // a program of an earlier lease has not ended yet
                await Task.Delay(50, Token);
            }
            if (undo is null || random.Next(3) > 0) continue;
            told.Add("  given up");
            await undo(new Work(generation + 1, Token, Operation: operation));
            return false;
        }
    }

    async Task Create()
    {
        var volume = NewVolume(random.Next(1, 3));
        VolumeOnDisk? made = null;
        if (await Do($"create {Short(volume.Id)}", async w => made = await driver.Create(volume, w), w => driver.Delete(volume, w)))
            disks.Add(new(Made(volume, made!)));
    }

    async Task Take(Disk disk)
    {
        var snapshot = new Snapshot
        {
            Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = disk.Volume.Id, SizeGb = disk.Volume.SizeGb, Status = SnapshotStatus.Creating,
            CreatedAt = DateTime.UnixEpoch,
        };
        if (await Do($"snapshot {Short(snapshot.Id)} of {Short(disk.Volume.Id)}",
            w => driver.CreateSnapshot(disk.Volume, snapshot, w), w => driver.DeleteSnapshot(disk.Volume, snapshot, w)))
            disk.Snapshots.Add((snapshot, new(disk.Content)));
    }

    async Task DeleteSnapshot(Disk disk, Snapshot snapshot)
    {
        var quiet = random.Next(4) > 0;
        await Do($"delete snapshot {Short(snapshot.Id)} of {Short(disk.Volume.Id)}, quiet {quiet}", w => driver.DeleteSnapshot(disk.Volume, snapshot, w, quiet));
        disk.Snapshots.RemoveAll(s => s.Snapshot.Id == snapshot.Id);
    }

    async Task Clone(Disk source)
    {
        var volume = NewVolume(source.Volume.SizeGb + random.Next(2)) with { SourceVolumeId = source.Volume.Id };
        VolumeOnDisk? made = null;
        if (await Do($"clone {Short(volume.Id)} of {Short(source.Volume.Id)}",
            async w => made = await driver.CreateFromVolume(volume, source.Volume, w), w => driver.Delete(volume, w, source.Volume)))
            disks.Add(new(Made(volume, made!)) { Content = new(source.Content) });
    }

    async Task CloneSnapshot(Disk source)
    {
        var (snapshot, content) = Pick(source.Snapshots);
        var volume = NewVolume(source.Volume.SizeGb + random.Next(2)) with { SnapshotId = snapshot.Id };
        VolumeOnDisk? made = null;
        if (await Do($"volume {Short(volume.Id)} of snapshot {Short(snapshot.Id)}",
            async w => made = await driver.CreateFromSnapshot(volume, source.Volume, snapshot, w), w => driver.Delete(volume, w)))
            disks.Add(new(Made(volume, made!)) { Content = new(content) });
    }

    async Task Extend(Disk disk)
    {
        var to = disk.Volume.SizeGb + 1;
        await Do($"extend {Short(disk.Volume.Id)}", w => driver.Extend(disk.Volume, to, w));
        disk.Volume = disk.Volume with { SizeGb = to };
    }

    async Task Revert(Disk disk)
    {
        var (snapshot, content) = random.Next(3) == 0 ? Pick(disk.Snapshots) : disk.Snapshots[^1];
        await Replace(disk, $"revert {Short(disk.Volume.Id)} to {Short(snapshot.Id)}", new(content), w => driver.RevertTo(disk.Volume, snapshot, w));
    }

    /// <summary>Given up before it was said that another content takes its place, a volume has what it had; after that, the one or the other.</summary>
    async Task Replace(Disk disk, string what, SortedDictionary<int, byte> content, Func<Work, Task> act)
    {
        var said = false;
        if (!await Do(what, w => act(w with
            {
                Replaces = async () =>
                {
                    await w.StillHeld();
                    said = true;
                },
            }), w => driver.Abandon(disk.Volume, w)))
        {
            if (!said) return;
            await using var now = await driver.Read(disk.Volume, new Work(1, Token));
            if (!(await Found(now, what)).SequenceEqual(content)) return;
        }
        disk.Content = content;
    }

    async Task Refill(Disk disk)
    {
        var content = new SortedDictionary<int, byte> { [random.Next(20)] = (byte)random.Next(1, 256) };
        await Replace(disk, $"refill {Short(disk.Volume.Id)}", content, w => driver.Refill(disk.Volume, async (write, _) =>
        {
            foreach (var (slot, value) in content) await write(At(slot), Piece(value));
        }, w));
    }

    async Task Flatten(Disk disk)
    {
        var volume = disk.Volume;
        if (!await Do($"flatten {Short(volume.Id)}", w => driver.Flatten(volume, w), w => driver.Abandon(volume, w))) return;
        using var dir = Libc.Open(DirectoryOf(pool), Libc.O_PATH | Libc.O_DIRECTORY);
        var levels = Chain.Walk(dir, Layout, Spec(volume), Chain.Of(dir, Layout, Spec(volume), "look"), "look");
        Assert.All(levels, l => Assert.Equal(volume.Id, Layout.Parse(l.Name)!.Value.Id));
        Assert.Equal($"volume-{volume.Id}", levels[^1].Name);
    }

    /// <summary>What nobody asked for, of those that the backend finds.</summary>
    async Task Tidy()
    {
        var volumes = disks.ConvertAll(d => d.Volume);
        foreach (var found in await driver.FindUntidy(pool, volumes, Token))
        {
            var volume = volumes.Single(v => v.Id == found.VolumeId);
            if (await Do($"tidy {Short(volume.Id)}, {found}", w => driver.Tidy(volume, found.Flattens, w), w => driver.Abandon(volume, w)))
                Assert.Empty(await driver.FindUntidy(pool, [volume], Token));
        }
    }

    /// <summary>As a retype does that asks for another format: a file of another name, then the old one goes, on which clones may stand.</summary>
    async Task Convert(Disk disk)
    {
        var volume = NewVolume(disk.Volume.SizeGb) with { Format = disk.Volume.Format == "raw" ? "qcow2" : "raw" };
        VolumeOnDisk? made = null;
        if (!await Do($"{volume.Format} {Short(volume.Id)} of {Short(disk.Volume.Id)}", async w =>
            {
                await using var content = await driver.Read(disk.Volume, w);
                made = await driver.CreateFilled(volume, content.Copy(), w);
            }, w => driver.Delete(volume with { Format = null }, w))) return;
        Assert.Equal(volume.Format, made!.Format);
        Assert.Equal(volume.Format, DiskContent.WholeFile(DirectoryOf(pool), volume.Id));
        await Do($"delete what is left, {Short(disk.Volume.Id)}", w => driver.Delete(disk.Volume with { Format = null }, w));
        disk.Volume = Made(volume, made);
    }

    /// <summary>One of three images, which are filled once.</summary>
    async Task CreateOfImage()
    {
        var image = random.Next(3);
        var content = new SortedDictionary<int, byte> { [image] = (byte)(image + 1), [9] = 9 };
        var volume = NewVolume(random.Next(1, 3));
        VolumeOnDisk? made = null;
        if (await Do($"volume {Short(volume.Id)} of image {image}", async w => made = await driver.CreateOfImage(
            volume, new($"0000000{image}-0000-4000-8000-000000000000", "0123456789abcdef"), async (write, _) =>
            {
                foreach (var (slot, value) in content) await write(At(slot), Piece(value));
                await write(At(20), ReadOnlyMemory<byte>.Empty);
            }, w), w => driver.Delete(volume, w)))
            disks.Add(new(Made(volume, made!)) { Content = content });
    }

    async Task Delete(Disk disk)
    {
        await Do($"delete {Short(disk.Volume.Id)}", w => driver.Delete(disk.Volume, w));
        disks.Remove(disk);
    }

    /// <summary>As a host does that has it attached: at the file that it is told of.</summary>
    async Task Write(Disk disk)
    {
        told.Add($"write to {Short(disk.Volume.Id)}");
        var top = TopOf(disk.Volume);
        var commands = new List<string>();
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var (slot, value) = (random.Next(disk.Volume.SizeGb * 24), random.Next(5) == 0 ? (byte)0 : (byte)random.Next(1, 256));
            // Zeroes of a whole cluster are written as a guest's discard is: nothing of them is kept.
            commands.AddRange(["-c", value == 0 && top.Format == VolumeFormat.Qcow2
                ? $"write -z {At(slot) / 65536 * 65536} 131072" : $"write -P {value} {At(slot)} {PieceBytes}"]);
            if (value == 0) disk.Content.Remove(slot);
            else disk.Content[slot] = value;
        }
        await Run("qemu-io", ["-f", FileDriver.Words(top.Format), .. commands, "-c", "flush", Path.Combine(DirectoryOf(pool), top.Name)]);
    }

    static long At(int slot) => slot * (40L << 20) + 4096 * (slot % 7);

    static byte[] Piece(byte value)
    {
        var piece = new byte[PieceBytes];
        Array.Fill(piece, value);
        return piece;
    }

    DiskFile TopOf(Volume volume)
    {
        using var dir = Libc.Open(DirectoryOf(pool), Libc.O_PATH | Libc.O_DIRECTORY);
        return Chain.Of(dir, Layout, Spec(volume), "look");
    }

    static readonly Layout Layout = new("volume-%s");

    static VolumeSpec Spec(Volume volume) =>
        new(volume.Id, volume.SizeGb * (1L << 30), volume.Format == "raw" ? VolumeFormat.Raw : VolumeFormat.Qcow2, Provisioning.Thin, 0x1b6, 1);

    PoolRows Rows() => new(disks.ToDictionary(d => d.Volume.Id, d => new VolumeRow(d.Volume, [.. d.Snapshots.Select(s => s.Snapshot with { Status = SnapshotStatus.Available })])),
        new HashSet<string>(), new HashSet<string>());

    /// <summary>Everything is what it should be, and nothing else is there.</summary>
    async Task Check()
    {
        told.Add("check");
        var wanted = new HashSet<string>();
        foreach (var disk in disks)
        {
            using (var dir = Libc.Open(DirectoryOf(pool), Libc.O_PATH | Libc.O_DIRECTORY))
            {
                var (spec, info) = (Spec(disk.Volume), ChainInfo.Read(dir, Layout, disk.Volume.Id, "check"));
                var levels = Chain.Walk(dir, Layout, spec, Chain.Top(Layout, info, spec, "check"), "check");
                Assert.InRange(levels.Count, 1, MaxDepth);
                Assert.Equal(disk.Volume.SizeGb * (1L << 30), levels[0].Bytes);
                Want(dir, levels);
                foreach (var (snapshot, _) in disk.Snapshots)
                    if (Chain.Frozen(dir, Layout, info, spec with { Id = snapshot.Id, IsSnapshot = true, VolumeId = spec.Id }, "check") is { } frozen)
                        Want(dir, Chain.Walk(dir, Layout, spec, frozen, "check"));
                    else wanted.Add(Layout.Snapshot(snapshot.Id));
                Assert.Equal(info.Snapshots.Keys.Order(), disk.Snapshots.Select(s => s.Snapshot.Id).Where(info.Snapshots.ContainsKey).Order());
                if (info != ChainInfo.None) wanted.Add(Layout.Info(disk.Volume.Id));
            }
            await using (var content = await driver.Read(disk.Volume, new Work(1, Token)))
                await Same(content, disk.Content, $"volume {Short(disk.Volume.Id)}");
            foreach (var (snapshot, wants) in disk.Snapshots)
                await using (var content = await driver.Read(disk.Volume, snapshot, new Work(1, Token)))
                    await Same(content, wants, $"snapshot {Short(snapshot.Id)}");
        }
        using (var dir = Libc.Open(DirectoryOf(pool), Libc.O_PATH | Libc.O_DIRECTORY))
            foreach (var id in Names().Select(n => Layout.Parse(n)).Where(n => n is { Kind: FileKind.Info }).Select(n => n!.Value.Id).ToList())
            {
                if (ChainInfo.Read(dir, Layout, id, "check") is not { Replaced: { } old } info || !VolumeFiles.Has(dir, old)) continue;
                // Somebody may have it open who stands on the volume's files; if not, it goes as soon as the volume's files are put in order.
                Want(dir, Chain.Walk(dir, Layout, new(id, 0, VolumeFormat.Qcow2, Provisioning.Thin, 0x1b6, 1), new(old, VolumeFormat.Qcow2), "check", isTop: false));
                if (info.Active is null) continue;
                var volume = disks.Single(d => d.Volume.Id == id).Volume;
                var above = Chain.Walk(dir, Layout, Spec(volume), Chain.Top(Layout, info, Spec(volume), "check"), "check").TakeWhile(l => l.Name != Layout.Volume(id));
                if (above.All(l => l.Links == 1)) Assert.Single(await driver.FindUntidy(pool, [volume], Token));
            }
        Assert.Equal(wanted.Order(), Names().Where(n => Layout.Parse(n) is not { Kind: FileKind.Image }).Order());
        using (var dir = Libc.Open(DirectoryOf(pool), Libc.O_PATH | Libc.O_DIRECTORY))
            Assert.All(Names(), n => Assert.InRange(Libc.Facts(dir, n).AllocatedBytes, 0, MostAllocated)); // what nobody wrote takes no room
        Assert.Empty((await driver.List(pool, Token)).Litter);
        Assert.DoesNotContain(await driver.Check(pool, () => Task.FromResult(Rows()), Token), f => f.Gravity != Gravity.Note);
        var one = Pick(disks);
        var top = TopOf(one.Volume);
        var path = Path.Combine(DirectoryOf(pool), top.Name);
        // Not broken; a qemu-img that was killed may have left room in it that nothing uses.
        if (top.Format == VolumeFormat.Qcow2) await Run("qemu-img", ["check", "-q", "-f", "qcow2", path], orElse: 3);
        var commands = one.Content.SelectMany(c => new[] { "-c", string.Create(CultureInfo.InvariantCulture, $"read -P {c.Value} {At(c.Key)} {PieceBytes}") });
        var seen = await Run("qemu-io", ["-r", "-f", FileDriver.Words(top.Format), .. commands, "-c", "length", path]);
        Assert.DoesNotContain("verification failed", seen, StringComparison.Ordinal);

        void Want(Microsoft.Win32.SafeHandles.SafeFileHandle dir, IEnumerable<Level> levels)
        {
            foreach (var level in levels)
            {
                wanted.Add(level.Name);
                // What is kept of a volume that is gone is noted as that.
                if (Layout.Parse(level.Name) is { } of && !disks.Exists(d => d.Volume.Id == of.Id)) wanted.Add(Layout.Info(of.Id));
            }
        }
    }

    static async Task Same(Content content, SortedDictionary<int, byte> wanted, string what)
    {
        var found = await Found(content, what);
        Assert.True(wanted.SequenceEqual(found), $"{what}: wanted {Text(wanted)}, found {Text(found)}");

        static string Text(SortedDictionary<int, byte> of) => string.Join(' ', of.Select(c => $"{c.Key}:{c.Value}"));
    }

    static async Task<SortedDictionary<int, byte>> Found(Content content, string what)
    {
        var found = new SortedDictionary<int, byte>();
        var buffer = new byte[1 << 20];
        for (var at = await content.NextData(0); at is { } from && from < content.Length; at = await content.NextData(from / 4096 * 4096 + buffer.Length))
        {
            from = from / 4096 * 4096;
            await content.Read(from, buffer);
            for (var i = 0; i < buffer.Length; i += 4096)
            {
                if (!buffer.AsSpan(i, 4096).ContainsAnyExcept((byte)0)) continue;
                var slot = (int)((from + i) / (40L << 20));
                Assert.True(from + i - At(slot) is 0 or 4096 && !buffer.AsSpan(i, 4096).ContainsAnyExcept(buffer[i]), $"{what}: rubbish at {from + i}");
                found[slot] = buffer[i];
            }
        }
        await content.Close();
        return found;
    }

    IEnumerable<string> Names() => Directory.EnumerateFileSystemEntries(DirectoryOf(pool)).Select(p => Path.GetFileName(p)!).Where(n => n[0] != '.');

    static string Short(string id) => id[..8];

    static async Task<string> Run(string program, IReadOnlyList<string> arguments, int orElse = 0)
    {
        var result = await Processes.Run(program, arguments, TimeSpan.FromMinutes(1));
        Assert.True(result.ExitCode == 0 || result.ExitCode == orElse, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result.Output;
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (driver is not null) await driver.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The walks on a directory. SEED and STEPS make another one, or a longer one.</summary>
public class DirectoryChainWalk : ChainWalk
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-walk-").FullName;

    protected override VolumeFormat Format => VolumeFormat.Raw;

    protected override Task<Driver> Open() => Task.FromResult<Driver>(new DirectoryDriver("dir", new()
    {
        Paths = [Path.Combine(root, "a")], Format = Format, CloneMode = CloneMode.Thin, MaxChainDepth = MaxDepth, FlattenDepth = MaxDepth - 1,
    }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));

    protected override string DirectoryOf(string pool) => Path.Combine(root, "a");

    public static TheoryData<int> Seeds => Environment.GetEnvironmentVariable("SEED") is { } seed
        ? new(int.Parse(seed, CultureInfo.InvariantCulture)) : new(1, 2);

    public static int Steps => int.Parse(Environment.GetEnvironmentVariable("STEPS") ?? "100", CultureInfo.InvariantCulture);

    [Theory, MemberData(nameof(Seeds))]
    public Task No_byte_differs_and_no_file_is_left(int seed) => Walk(seed, Steps, checkEvery: 5);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(root, recursive: true);
        GC.SuppressFinalize(this);
    }
}

/// <summary>The same where volumes are qcow2 images themselves.</summary>
public sealed class Qcow2ChainWalk : DirectoryChainWalk
{
    protected override VolumeFormat Format => VolumeFormat.Qcow2;
}
