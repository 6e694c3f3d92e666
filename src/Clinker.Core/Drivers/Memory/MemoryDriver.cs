using System.Collections.Concurrent;
using System.Text;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Drivers.Memory;

/// <summary>A backend without storage, for tests: it keeps to the contract of <see cref="Driver"/> in every respect.</summary>
/// <param name="touch">Awaited before each act on the storage: where a simulation ends, delays or fails it.</param>
/// <param name="pools">Its pools, where they are others than the shares'.</param>
public sealed partial class MemoryDriver(
    string backend, MemoryShares shares, Func<string, Task>? touch = null, IReadOnlyList<string>? pools = null) : Driver
{
    readonly IReadOnlyList<string> pools = pools ?? shares.Pools;

    ConcurrentDictionary<(string Pool, string File), MemoryFile> Files => shares.Files;

    public override string Backend => backend;

    public override Abilities Can =>
        Abilities.Extend | Abilities.Snapshots | Abilities.Clones | Abilities.Revert | Abilities.Connect
        | Abilities.Multiattach | Abilities.Content | Abilities.Manage | (shares.SnapshotsAttached ? Abilities.SnapshotsAttached | Abilities.ExtendAttached : Abilities.SnapshotsAssisted | Abilities.ExtendAssisted);

    public override Task<BackendReport> Report(CancellationToken token) => Task.FromResult(new BackendReport(
        backend, "memory", "Clinker", "1.0",
        [.. pools.Select(p => new PoolReport(
            p, shares.Down.GetValueOrDefault(p), shares.TotalGb, shares.TotalGb,
            Thin: true, shares.ReservedPercentage, MaxOverSubscriptionRatio: 20, new Dictionary<string, string> { ["multiattach"] = "True" }))]));

    public override Task<VolumeOnDisk> Create(Volume volume, Work work) =>
        Create(volume, work, "create", () => new(volume.SizeGb));

    public override Task<VolumeOnDisk> CreateFromSnapshot(Volume volume, Volume origin, Snapshot snapshot, Work work, bool full = false)
    {
        var source = (Reach(origin), SnapshotFile(snapshot));
        return Create(volume, work, "create from snapshot", () => Grown(Existing(source, "create the volume"), volume));
    }

    public override Task<VolumeOnDisk> CreateFromVolume(Volume volume, Volume source, Work work, bool full = false)
    {
        var from = (Reach(source), VolumeFile(source));
        return Create(volume, work, "create from volume", () => Grown(Existing(from, "create the volume"), volume), from: source);
    }

    public override async Task Delete(Volume volume, Work work, Volume? source = null)
    {
        if (volume.Pool is null) return; // never placed, so never made
        await Delete(Reach(volume), VolumeFile(volume), work, "delete");
        Files.TryRemove((Reach(volume), Going(volume)), out _);
        foreach (var (snapshot, _) in shares.ComingOf.Where(c => c.Value == volume.FileId))
        {
            Files.TryRemove((Reach(volume), MemoryShares.ComingHead + snapshot), out _);
            shares.ComingOf.TryRemove(snapshot, out _);
        }
    }

    public override async Task Extend(Volume volume, int sizeGb, Work work)
    {
        var key = (Reach(volume), VolumeFile(volume));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("extend: grow");
        var file = Existing(key, "extend the volume");
        Files[key] = file with { SizeGb = Math.Max(file.SizeGb, sizeGb) };
    }

    // As of an image that the virtual machine has open.
    public override async Task<bool> ExtendInUse(Volume volume, int sizeGb, Work work)
    {
        var key = (Reach(volume), VolumeFile(volume));
        work.Token.ThrowIfCancellationRequested();
        await Touch("extend in use: look");
        return Existing(key, "extend the volume").SizeGb >= sizeGb;
    }

    public override async Task CreateSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        var pool = Reach(volume);
        await Make(pool, SnapshotFile(snapshot), work, "snapshot", () => Existing((pool, VolumeFile(volume)), "take the snapshot"), from: volume);
    }

    public override async Task DeleteSnapshot(Volume volume, Snapshot snapshot, Work work, bool quiet = true)
    {
        if (volume.Pool is null) return;
        await Delete(Reach(volume), SnapshotFile(snapshot), work, "delete snapshot");
        if (!quiet || shares.IsWrittenTo(volume.Id)) return;
        Files.TryRemove((Reach(volume), Coming(snapshot)), out _);
        Files.TryRemove((Reach(volume), Going(volume)), out _);
    }

    // The snapshot is there as soon as somebody has gone over, under another name.
    public override async Task<string> BeginSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("begin snapshot");
        Existing((pool, VolumeFile(volume)), "take the snapshot");
        shares.ComingOf[snapshot.Id] = volume.FileId;
        if (!Files.ContainsKey((pool, SnapshotFile(snapshot)))) Files.TryAdd((pool, Coming(snapshot)), MemoryShares.NotOver);
        return Coming(snapshot);
    }

    public override async Task EndSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("end snapshot: note");
        if (Files.GetValueOrDefault((pool, Coming(snapshot))) is { } there && there != MemoryShares.NotOver) Files.TryAdd((pool, SnapshotFile(snapshot)), there);
        Existing((pool, SnapshotFile(snapshot)), "take the snapshot");
        await Touch("end snapshot: tidy");
        Files.TryRemove((pool, Coming(snapshot)), out _);
    }

    public override async Task<bool> HasGoneOver(Volume volume, Snapshot snapshot, Work work)
    {
        var key = (Reach(volume), Coming(snapshot));
        work.Token.ThrowIfCancellationRequested();
        await Touch("look who has gone over");
        return Files.GetValueOrDefault(key) is { } there && there != MemoryShares.NotOver;
    }

    public override async Task DropSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        var key = (Reach(volume), Coming(snapshot));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("drop snapshot");
        if (Files.GetValueOrDefault(key) == MemoryShares.NotOver) Files.TryRemove(key, out _);
    }

    // What a snapshot leaves apart is a file of no content here: there until it is put together with another.
    public override async Task<Merge?> BeginMerge(Volume volume, Work work)
    {
        var key = (Reach(volume), Going(volume));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("begin merge");
        Files.TryAdd(key, MemoryShares.NotOver);
        return new(Going(volume), VolumeFile(volume));
    }

    public override async Task EndMerge(Volume volume, bool mayCome, Work work)
    {
        var key = (Reach(volume), Going(volume));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("end merge");
        if (!mayCome || Files.GetValueOrDefault(key) == MemoryShares.Merged) Files.TryRemove(key, out _);
    }

    // A volume stands on others if it is said to: only a hypervisor makes that not so.
    public override async Task<bool> MayPull(Volume volume, Work work)
    {
        work.Token.ThrowIfCancellationRequested();
        await Touch("may pull");
        return shares.StandsOnOthers.ContainsKey(volume.FileId) && shares.IsWrittenTo(volume.Id);
    }

    public override async Task BeginPull(Volume volume, Work work)
    {
        var key = (Reach(volume), Going(volume));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("begin pull");
        Files.TryAdd(key, MemoryShares.NotOver);
    }

    public override async Task<bool> EndPull(Volume volume, bool mayCome, Work work)
    {
        var key = (Reach(volume), Going(volume));
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("end pull");
        if (Files.GetValueOrDefault(key) == MemoryShares.Merged) shares.StandsOnOthers.TryRemove(volume.FileId, out _);
        if (!mayCome || Files.GetValueOrDefault(key) == MemoryShares.Merged) Files.TryRemove(key, out _);
        return !shares.StandsOnOthers.ContainsKey(volume.FileId);
    }

    static string Going(Volume volume) => MemoryShares.GoingHead + Id(volume.FileId, "volume");

    static string Coming(Snapshot snapshot) => MemoryShares.ComingHead + Id(snapshot.Id, "snapshot");

    public override Task RevertTo(Volume volume, Snapshot snapshot, Work work) => Replace(
        volume, work, "revert", () => Task.FromResult(Grown(Existing((Reach(volume), SnapshotFile(snapshot)), "revert the volume"), volume)));

    // Only for whom it matters a volume stands on something here: it takes its time, and may fail.
    public override async Task Flatten(Volume volume, Work work)
    {
        var key = (Reach(volume), VolumeFile(volume));
        work.Token.ThrowIfCancellationRequested();
        await Touch("flatten: copy");
        await work.StillHeld();
        Existing(key, "flatten the volume");
        shares.StandsOnOthers.TryRemove(volume.FileId, out _);
        if (!shares.IsWrittenTo(volume.Id)) Files.TryRemove((Reach(volume), Going(volume)), out _);
    }

    public override Task<IReadOnlyList<Untidy>> FindUntidy(string pool, IReadOnlyList<Volume> volumes, CancellationToken token)
    {
        Reach(pool);
        return Task.FromResult<IReadOnlyList<Untidy>>([.. volumes.Select(v => shares.Untidy.GetValueOrDefault(v.Id)).OfType<Untidy>()]);
    }

    public override async Task Tidy(Volume volume, bool flatten, Work work)
    {
        var key = (Reach(volume), VolumeFile(volume));
        work.Token.ThrowIfCancellationRequested();
        await Touch("tidy: copy");
        await work.StillHeld();
        Existing(key, "put the volume in order");
        shares.Untidy.TryRemove(volume.Id, out _);
    }

    public override Task Refill(Volume volume, Fill fill, Work work) => Replace(volume, work, "refill", async () =>
    {
        Existing((Reach(volume), VolumeFile(volume)), "fill the volume");
        return await Filled(volume, fill, work);
    });

    async Task Replace(Volume volume, Work work, string verb, Func<Task<MemoryFile>> content)
    {
        var pool = Reach(volume);
        var (final, mine) = ((pool, VolumeFile(volume)), (pool, $"{VolumeFile(volume)}.{work.Operation}.g{work.Generation}"));
        work.Token.ThrowIfCancellationRequested();
        await Touch($"{verb}: remove others' work");
        RemoveWork(pool, VolumeFile(volume), keep: mine);
        await Touch($"{verb}: make");
        await work.StillHeld(); // of what is done to files before
        Files[mine] = await content();
        await work.MayReplace();
        await Touch($"{verb}: publish");
        // As rename(2) does: it needs the work file, and replaces. A late worker's was removed by whoever took over or gave up.
        if (!Files.TryRemove(mine, out var made)) throw WorkIsGone(pool);
        Files[final] = shares.IsWrittenTo(volume.Id) ? made with { Content = MemoryFile.Torn } : made;
    }

    public override Task<Content> Read(Volume volume, Work work) => Read(Reach(volume), VolumeFile(volume), volume.Id);

    public override Task<Content> Read(Volume origin, Snapshot snapshot, Work work) => Read(Reach(origin), SnapshotFile(snapshot), null);

    async Task<Content> Read(string pool, string name, string? volumeId)
    {
        await Touch("read");
        var file = Existing((pool, name), "read the volume");
        return new MemoryContent(file, () => Touch("read: piece"), stale: () => volumeId is not null && shares.IsWrittenTo(volumeId));
    }

    public override async Task<VolumeOnDisk> CreateFilled(Volume volume, Fill fill, Work work)
    {
        var pool = Reach(volume);
        MemoryFile? filled = null;
        if (!Files.ContainsKey((pool, VolumeFile(volume)))) filled = await Filled(volume, fill, work);
        return await Create(volume, work, "create filled", () => filled ?? new(volume.SizeGb));
    }

    async Task<MemoryFile> Filled(Volume volume, Fill fill, Work work)
    {
        var bytes = new MemoryStream();
        await fill(async (offset, piece) =>
        {
            work.Token.ThrowIfCancellationRequested();
            if (offset + piece.Length > volume.SizeGb * (1L << 30))
                throw new Fault.DriverFailed("fill the volume", $"more is written than {volume.SizeGb} GiB.").Thrown();
            if (offset + piece.Length > MemoryFile.MostBytes)
                throw new Fault.DriverFailed("fill the volume", $"a backend in memory keeps no more than the first {MemoryFile.MostBytes} bytes.").Thrown();
            await Touch("fill: piece");
            bytes.Position = offset;
            bytes.Write(piece.Span);
        }, work.Token);
        return new(volume.SizeGb, Encoding.Latin1.GetString(bytes.GetBuffer().AsSpan(0, (int)bytes.Length).TrimEnd((byte)0)));
    }

    public override async Task Abandon(Volume volume, Work work)
    {
        if (volume.Pool is null) return;
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await Touch("abandon: work files");
        RemoveWork(pool, VolumeFile(volume));
    }

    public override async Task<ConnectionInfo> Connect(Volume volume, Connector connector, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await Touch("connect");
        await work.StillHeld();
        Existing((pool, VolumeFile(volume)), "attach the volume");
        shares.Exports[(volume.Id, connector.Host)] = true;
        await Touch("connect: answer");
        return new("memory", $$"""{"pool":"{{pool}}","name":"{{VolumeFile(volume)}}"}""");
    }

    public override async Task Disconnect(Volume volume, Connector connector, Work work)
    {
        if (volume.Pool is null) return;
        Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await Touch("disconnect");
        await work.StillHeld();
        shares.Exports.TryRemove((volume.Id, connector.Host), out _);
    }

    public override Task<Inventory> List(string pool, CancellationToken token)
    {
        Reach(pool);
        return Task.FromResult(new Inventory(
            [.. shares.Volumes.Where(v => v.Pool == pool).Select(v => v.VolumeId)],
            [.. shares.Snapshots.Where(s => s.Pool == pool).Select(s => s.SnapshotId)],
            [.. shares.Litter.Where(l => l.Pool == pool).Select(l => new Litter(l.File, AboutOf(l.File)))]));
    }

    public override Task RemoveLitter(string pool, string name, CancellationToken token)
    {
        Reach(pool);
        if (!MemoryShares.IsWork(name) || !(name.StartsWith("volume-", StringComparison.Ordinal) || name.StartsWith("snapshot-", StringComparison.Ordinal)))
            throw new Fault.Invalid($"'{name}' is no work file of a volume or snapshot; only such may be removed.").Thrown();
        Files.TryRemove((pool, name), out _);
        return Task.CompletedTask;
    }

    async Task<VolumeOnDisk> Create(Volume volume, Work work, string verb, Func<MemoryFile> content, Volume? from = null)
    {
        var pool = Reach(volume);
        await Make(pool, VolumeFile(volume), work, verb, content, from);
        return new(pool, volume.Format ?? "raw");
    }

    /// <param name="from">The volume that is copied.</param>
    async Task Make(string pool, string file, Work work, string verb, Func<MemoryFile> content, Volume? from = null)
    {
        work.Token.ThrowIfCancellationRequested();
        var (final, mine) = ((pool, file), (pool, $"{file}.g{work.Generation}"));
        await Touch($"{verb}: remove others' work");
        RemoveWork(pool, file, keep: mine);
        await Touch($"{verb}: make");
        if (Files.GetValueOrDefault(final) is { } there) Files[mine] = there;
        else await Fill(mine, verb, content(), from);
        await work.StillHeld();
        await Touch($"{verb}: publish");
        // As link(2) does: it needs the work file, and never replaces. A late worker's was removed by whoever took over.
        if (Files.TryGetValue(mine, out var made)) Files.TryAdd(final, made);
        else if (!Files.ContainsKey(final)) throw WorkIsGone(pool);
        await Touch($"{verb}: tidy");
        Files.TryRemove(mine, out _);
    }

    async Task Fill((string, string) file, string verb, MemoryFile content, Volume? from)
    {
        Files[file] = content;
        if (from is null || shares.SnapshotsAttached) return;
        var torn = shares.IsWrittenTo(from.Id);
        await Touch($"{verb}: copy on");
        if (torn || shares.IsWrittenTo(from.Id)) Files[file] = content with { Content = MemoryFile.Torn };
    }

    async Task Delete(string pool, string file, Work work, string verb)
    {
        work.Token.ThrowIfCancellationRequested();
        await Touch($"{verb}: work files");
        RemoveWork(pool, file);
        await Touch($"{verb}: file");
        Files.TryRemove((pool, file), out _);
    }

    void RemoveWork(string pool, string file, (string, string)? keep = null)
    {
        foreach (var key in Files.Keys)
            if (key.Pool == pool && key.File.StartsWith($"{file}.", StringComparison.Ordinal) && key != keep) Files.TryRemove(key, out _);
    }

    MemoryFile Existing((string Pool, string File) key, string verb) => Files.GetValueOrDefault(key)
        ?? throw new Fault.DriverFailed(verb, $"{key.File} is not in pool {key.Pool}.").Thrown();

    static MemoryFile Grown(MemoryFile file, Volume to) => to.SizeGb >= file.SizeGb
        ? file with { SizeGb = to.SizeGb }
        : throw new Fault.DriverFailed("fill the volume", $"{file.SizeGb} GiB do not fit into {to.SizeGb} GiB.").Thrown();

    static FaultException WorkIsGone(string pool) => new Fault.BackendDown(pool, "the file under work is gone").Thrown();

    // <kind>-<uuid>.…
    static About AboutOf(string file)
    {
        var dash = file.IndexOf('-', StringComparison.Ordinal);
        return new(file[..dash], file[(dash + 1)..file.IndexOf('.', StringComparison.Ordinal)]);
    }

    static string VolumeFile(Volume volume) => $"volume-{Id(volume.FileId, "volume")}";

    static string SnapshotFile(Snapshot snapshot) => $"snapshot-{Id(snapshot.Id, "snapshot")}";

    static string Id(string id, string of) => Guid.TryParseExact(id, "D", out _)
        ? id
        : throw new Fault.Invalid($"'{id}' is not the id of a {of}.").Thrown();

    Task Touch(string point) => touch?.Invoke(point) ?? Task.CompletedTask;

    string Reach(Volume volume) => Reach(volume.Pool ?? throw new ArgumentException("The volume was never placed.", nameof(volume)));

    string Reach(string pool)
    {
        if (!pools.Contains(pool)) throw new Fault.BackendDown(backend, $"it has no pool called {pool} now").Thrown();
        if (shares.Down.TryGetValue(pool, out var why)) throw new FaultException(new Fault.BackendDown(pool, why)) { NothingDone = true };
        return pool;
    }
}
