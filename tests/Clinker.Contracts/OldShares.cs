using System.Globalization;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts;

/// <summary>
/// Shares as Cinder's own driver left them, release by release (<c>old-shares.sh</c> makes them): all volumes and snapshots on them are found,
/// managed and worked on, and nothing in them changes by it.
/// </summary>
public abstract class OldShares : IAsyncDisposable
{
    const int Extended = 17;

    /// <summary>What there is to be found.</summary>
    /// <param name="Number">Of the volume, as in the script.</param>
    /// <param name="Epoch">After which it was written to no more.</param>
    /// <param name="Snapshots">Their numbers, and after which epochs they were taken.</param>
    sealed record Old(int Number, string Format, int Epoch, params (int Number, int Epoch)[] Snapshots)
    {
        /// <summary>Whether it is one file, which gets another name.</summary>
        public bool IsWhole { get; init; }
        /// <summary>The number in the name of the file that stands for it; null: its first one.</summary>
        public int? Named { get; init; }
        public string Name => Named is { } n ? FileOf(Number, n) : VolumeOf(Number);
        public int SizeGb => Number == Extended ? 2 : 1;
    }

    static readonly Old[] All =
    [
        new(1, "raw", 1) { IsWhole = true }, new(2, "qcow2", 1) { IsWhole = true }, new(3, "qcow2", 1) { IsWhole = true }, new(4, "raw", 1) { IsWhole = true },
        new(5, "raw", 3, (1, 1), (2, 2)), new(6, "qcow2", 3, (1, 1), (2, 2)), new(7, "raw", 3, (1, 1), (2, 2)),
        new(8, "qcow2", 4, (1, 1), (3, 3)), new(9, "raw", 2),
        new(10, "qcow2", 2) { Named = 1 }, new(11, "qcow2", 3, (2, 2)) { Named = 1 }, new(12, "raw", 2),
        new(13, "raw", 3, (1, 1)), new(14, "raw", 2), new(15, "raw", 1) { IsWhole = true }, new(16, "raw", 1),
        new(Extended, "raw", 2, (1, 1)),
    ];

    readonly Ids ids = new();
    Driver driver = null!;
    string pool = "";

    protected abstract Task<Driver> Open();

    /// <summary>Where the files of a pool are.</summary>
    protected abstract string DirectoryOf(string pool);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    static string IdOf(int volume) => string.Create(CultureInfo.InvariantCulture, $"{volume:D8}-0000-4000-8000-000000000000");
    static string SnapshotOf(int volume, int snapshot) => string.Create(CultureInfo.InvariantCulture, $"{volume:D8}-0000-4000-8000-{snapshot:D12}");
    static string VolumeOf(int volume) => $"volume-{IdOf(volume)}";
    static string FileOf(int volume, int snapshot) => $"{VolumeOf(volume)}.{SnapshotOf(volume, snapshot)}";

    Work Work(long generation = 1) => new(generation, Token, Operation: ids.New());

    sealed class Disk
    {
        public required Old Of { get; init; }
        public required Volume Volume { get; set; }
        public List<(Snapshot Snapshot, int Epoch)> Snapshots { get; } = [];
    }

    [Fact]
    public async Task All_that_is_on_them_is_found_managed_and_worked_on()
    {
        driver = await Open();
        pool = (await driver.Report(Token)).Pools[0].Name;
        var made = await Processes.Run("bash", [Path.Combine(AppContext.BaseDirectory, "old-shares.sh"), DirectoryOf(pool)], TimeSpan.FromMinutes(3));
        Assert.True(made.ExitCode == 0, made.Error);
        var left = Names().Where(n => n == FileOf(15, 1)).ToList(); // what nobody knows of stays

        var disks = new List<Disk>();
        foreach (var old in All)
        {
            await AsOnDisk(old);
            disks.Add(await Manage(old));
            await Same(disks[^1]);
        }
        Assert.Empty((await driver.List(pool, Token)).Litter);
        Assert.DoesNotContain(await Findings(disks), f => f.Gravity == Gravity.Error || f.Flaw is Flaw.UnknownSnapshot or Flaw.Rights);
        foreach (var disk in disks) await WorkOn(disk);
        Assert.Equal(left, Names());
    }

    /// <summary>Before it is anybody's.</summary>
    async Task AsOnDisk(Old old)
    {
        var seen = await driver.Inspect(pool, old.Name, Token);
        Assert.Equal((null, old.SizeGb, old.Format, old.IsWhole ? null : IdOf(old.Number)), (seen?.WhyNot, seen!.SizeGb, seen.Format, seen.FileId));
        foreach (var file in (await driver.ListFiles(pool, Token)).Where(f => f.Name != old.Name && (f.PartOf == IdOf(old.Number) || f.As?.Id == IdOf(old.Number))))
            if (await driver.Inspect(pool, file.Name, Token) is { } part)
                Assert.Equal(("snapshot", null), (part.As?.Kind, part.WhyNot));
        foreach (var (number, _) in old.Snapshots)
        {
            var snapshot = await driver.Inspect(pool, $"snapshot-{SnapshotOf(old.Number, number)}", Token, of: IdOf(old.Number));
            Assert.Equal((null, 1, new About("snapshot", SnapshotOf(old.Number, number))), (snapshot?.WhyNot, snapshot!.SizeGb, snapshot.As!.Value));
        }
    }

    async Task<Disk> Manage(Old old)
    {
        var seen = (await driver.Inspect(pool, old.Name, Token))!;
        var volume = new Volume
        {
            Id = ids.New(), NameId = seen.FileId, ProjectId = "p", UserId = "u", SizeGb = seen.SizeGb, Format = seen.Format, Status = VolumeStatus.Managing,
            AvailabilityZone = "nova", Host = $"node1@{driver.Backend}#{pool}", CreatedAt = DateTime.UnixEpoch,
        };
        await driver.GiveBack(volume, old.Name, Work()); // before anything happened, too
        var disk = await driver.Manage(volume, old.Name, Work());
        disk = await driver.Manage(volume, old.Name, Work(2));
        var managed = new Disk { Of = old, Volume = volume with { Status = VolumeStatus.Available, ProviderLocation = disk.ProviderLocation, Format = disk.Format } };
        foreach (var (number, epoch) in old.Snapshots)
        {
            var found = (await driver.Inspect(pool, $"snapshot-{SnapshotOf(old.Number, number)}", Token, of: seen.FileId))!;
            var (snapshot, name) = (Snapshot(managed) with { SizeGb = found.SizeGb }, found.Name); // its volume may have grown since
            for (var round = 0; round < 2; round++)
            {
                await driver.ManageSnapshot(managed.Volume, snapshot, name, Work(1));
                await driver.ManageSnapshot(managed.Volume, snapshot, name, Work(2));
                if (round == 1) break;
                await driver.GiveBackSnapshot(managed.Volume, snapshot, name, Work(3));
                await driver.GiveBackSnapshot(managed.Volume, snapshot, name, Work(4));
                Assert.NotNull(await driver.Inspect(pool, name, Token, of: seen.FileId));
            }
            managed.Snapshots.Add((snapshot with { Status = SnapshotStatus.Available }, epoch));
        }
        return managed;
    }

    Snapshot Snapshot(Disk of) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = of.Volume.Id, SizeGb = of.Volume.SizeGb, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
    };

    async Task WorkOn(Disk disk)
    {
        var epoch = disk.Of.Epoch;
        var taken = Snapshot(disk);
        await driver.CreateSnapshot(disk.Volume, taken, Work());
        disk.Snapshots.Add((taken, epoch));
        await Same(disk);
        Volume? clone = null;
        if (disk.Of.Snapshots is [var (_, first), ..])
        {
            clone = disk.Volume with { Id = ids.New(), NameId = null, ProviderLocation = null, Format = null, SnapshotId = disk.Snapshots[0].Snapshot.Id };
            var made = await driver.CreateFromSnapshot(clone, disk.Volume, disk.Snapshots[0].Snapshot, Work());
            clone = clone with { ProviderLocation = made.ProviderLocation, Format = made.Format };
            await Same(clone, first);
        }
        await driver.RevertTo(disk.Volume, taken, Work());
        await driver.Extend(disk.Volume, 3, Work());
        disk.Volume = disk.Volume with { SizeGb = 3 };
        await Same(disk);
        while (disk.Snapshots.Count > 0)
        {
            var (gone, _) = disk.Snapshots[disk.Snapshots.Count / 2];
            await driver.DeleteSnapshot(disk.Volume, gone, Work());
            disk.Snapshots.RemoveAll(s => s.Snapshot.Id == gone.Id);
            await Same(disk);
        }
        await driver.Flatten(disk.Volume, Work());
        await Same(disk);
        await driver.Delete(disk.Volume, Work());
        if (clone is null) return;
        await Same(clone, disk.Of.Snapshots[0].Epoch);
        await driver.Delete(clone, Work());
    }

    async Task<IReadOnlyList<Finding>> Findings(List<Disk> disks) => await driver.Check(pool, () => Task.FromResult(new PoolRows(
        disks.ToDictionary(d => d.Volume.FileId, d => new VolumeRow(d.Volume, [.. d.Snapshots.Select(s => s.Snapshot)])), new HashSet<string>(), new HashSet<string>())), Token);

    async Task Same(Disk disk)
    {
        await Same(disk.Volume, disk.Of.Epoch);
        foreach (var (snapshot, epoch) in disk.Snapshots)
            await using (var content = await driver.Read(disk.Volume, snapshot, Work()))
                await Same(content, epoch, $"snapshot of {disk.Of.Number}");
        // By QEMU alone, as a host reads it: from the file that it is told of.
        var told = System.Text.Json.Nodes.JsonNode.Parse((await driver.Connect(disk.Volume, new Connector("host", "{}"), Work())).Data)!;
        var name = (string?)told["name"] ?? Path.GetFileName((string)told["device_path"]!);
        var format = (string?)told["format"] ?? (name == $"volume-{disk.Volume.FileId}" ? disk.Volume.Format! : "qcow2");
        var path = Path.Combine(DirectoryOf(pool), name);
        var reads = Epochs(disk.Of.Epoch).SelectMany(e => new[] { "-c", $"read -q -P {e.Value} {e.Mib}M 64k" });
        var seen = await Processes.Run("qemu-io", ["-r", "-f", format, .. reads, path], TimeSpan.FromMinutes(1));
        Assert.True(seen.ExitCode == 0 && !seen.Output.Contains("verification failed", StringComparison.Ordinal), $"{disk.Of.Number}: {seen.Output}{seen.Error}");
    }

    async Task Same(Volume volume, int epoch)
    {
        await using var content = await driver.Read(volume, Work());
        Assert.Equal(volume.SizeGb * (1L << 30), content.Length);
        await Same(content, epoch, $"volume {volume.FileId}");
    }

    static IEnumerable<(int Mib, int Value)> Epochs(int last) => [.. Enumerable.Range(1, last).Select(e => (10 * e, e)), (500, last)];

    static async Task Same(Content content, int epoch, string what)
    {
        const int mib = 1 << 20, written = 64 << 10;
        var (found, buffer) = (new List<(int, int)>(), new byte[mib]);
        for (var at = await content.NextData(0); at is { } from && from < content.Length; at = await content.NextData((from / mib + 1) * mib))
        {
            from = from / mib * mib;
            await content.Read(from, buffer);
            if (!buffer.AsSpan().ContainsAnyExcept((byte)0)) continue;
            Assert.False(buffer.AsSpan(0, written).ContainsAnyExcept(buffer[0]) || buffer.AsSpan(written).ContainsAnyExcept((byte)0), $"{what}: rubbish at {from}");
            found.Add(((int)(from / mib), buffer[0]));
        }
        await content.Close();
        Assert.True(Epochs(epoch).SequenceEqual(found), $"{what}: wanted {string.Join(' ', Epochs(epoch))}, found {string.Join(' ', found)}");
    }

    IEnumerable<string> Names() => Directory.EnumerateFileSystemEntries(DirectoryOf(pool)).Select(p => Path.GetFileName(p)!).Where(n => n[0] != '.').Order(StringComparer.Ordinal);

    public virtual async ValueTask DisposeAsync()
    {
        if (driver is not null) await driver.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>On a directory.</summary>
public sealed class OldSharesOnDirectory : OldShares
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-old-").FullName;

    protected override string DirectoryOf(string pool) => Path.Combine(root, "a");

    protected override Task<Driver> Open() => Task.FromResult<Driver>(new DirectoryDriver("dir", new()
    {
        Paths = [Path.Combine(root, "a")], CloneMode = CloneMode.Thin,
    }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }
}
