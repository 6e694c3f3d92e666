using System.Collections.Concurrent;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Drivers.Memory;

/// <summary>What outlives a daemon: the files of a memory backend, and what is wrong with it. Tests keep it across restarts.</summary>
public sealed class MemoryShares(params IReadOnlyList<string> pools)
{
    readonly ConcurrentDictionary<(string Pool, string File), int> files = new();

    public IReadOnlyList<string> Pools => pools;

    /// <summary>Size of each pool.</summary>
    public double TotalGb { get; set; } = 1000;

    /// <summary>Files that are published, as (pool, volume id).</summary>
    public IEnumerable<(string Pool, string VolumeId)> Volumes =>
        files.Keys.Where(k => !k.File.Contains(".g", StringComparison.Ordinal)).Select(k => (k.Pool, k.File["volume-".Length..]));

    /// <summary>Files under work that were left.</summary>
    public IEnumerable<(string Pool, string File)> Litter =>
        files.Keys.Where(k => k.File.Contains(".g", StringComparison.Ordinal)).Select(k => (k.Pool, k.File));

    /// <summary>Pools that do not answer now, with the reason.</summary>
    public ConcurrentDictionary<string, string> Down { get; } = new();

    internal ConcurrentDictionary<(string Pool, string File), int> Files => files;

    /// <summary>Leaves what a create leaves that died before it published; the answer is its name.</summary>
    public string LeaveHalfMade(string pool, string volumeId, long generation)
    {
        var name = $"volume-{volumeId}.g{generation}";
        files[(pool, name)] = 0;
        return name;
    }
}

/// <summary>A backend without storage, for tests: it keeps to the contract of <see cref="Driver"/> in every respect.</summary>
/// <param name="touch">Awaited before each act on the storage: where a simulation ends, delays or fails it.</param>
public sealed class MemoryDriver(string backend, MemoryShares shares, Func<string, Task>? touch = null) : Driver
{
    public override string Backend => backend;

    public override Task<BackendReport> Report(CancellationToken token) => Task.FromResult(new BackendReport(
        backend, "memory", "Clinker", "1.0",
        [.. shares.Pools.Select(p => new PoolReport(
            p, shares.Down.GetValueOrDefault(p), shares.TotalGb, shares.TotalGb - shares.Files.Where(f => f.Key.Pool == p).Sum(f => f.Value),
            Thin: true, ReservedPercentage: 0, MaxOverSubscriptionRatio: 20, new Dictionary<string, string> { ["multiattach"] = "False" }))]));

    public override async Task<VolumeOnDisk> Create(Volume volume, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        var file = $"volume-{volume.Id}";
        var mine = (pool, $"{file}.g{work.Generation}");
        await Touch("create: remove others' work");
        foreach (var key in WorkFiles(pool, volume)) if (key != mine) shares.Files.TryRemove(key, out _);
        await Touch("create: make");
        shares.Files[mine] = 0;
        await work.StillHeld();
        await Touch("create: publish");
        // As link(2) does: it needs the work file, and never replaces. A late worker's was removed by whoever took over.
        if (!shares.Files.ContainsKey(mine) && !shares.Files.ContainsKey((pool, file)))
            throw new Fault.BackendDown(pool, "the file under work is gone").Thrown();
        if (shares.Files.ContainsKey(mine)) shares.Files.TryAdd((pool, file), 0);
        await Touch("create: tidy");
        shares.Files.TryRemove(mine, out _);
        return new VolumeOnDisk(pool, "raw");
    }

    public override async Task Delete(Volume volume, Work work)
    {
        if (volume.Pool is null) return; // never placed, so never made
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        await Touch("delete: work files");
        foreach (var key in WorkFiles(pool, volume)) shares.Files.TryRemove(key, out _);
        await Touch("delete: file");
        shares.Files.TryRemove((pool, $"volume-{volume.Id}"), out _);
    }

    IEnumerable<(string, string)> WorkFiles(string pool, Volume volume) =>
        shares.Files.Keys.Where(k => k.Pool == pool && k.File.StartsWith($"volume-{volume.Id}.g", StringComparison.Ordinal));

    Task Touch(string point) => touch?.Invoke(point) ?? Task.CompletedTask;

    public override Task<Inventory> List(string pool, CancellationToken token)
    {
        Reach(pool);
        return Task.FromResult(new Inventory(
            [.. shares.Volumes.Where(v => v.Pool == pool).Select(v => v.VolumeId)],
            [.. shares.Litter.Where(l => l.Pool == pool).Select(l => l.File)]));
    }

    public override Task RemoveLitter(string pool, string name, CancellationToken token)
    {
        Reach(pool);
        if (!name.StartsWith("volume-", StringComparison.Ordinal) || !name.Contains(".g", StringComparison.Ordinal))
            throw new Fault.Invalid($"'{name}' is no work file of a volume; only such may be removed.").Thrown();
        shares.Files.TryRemove((pool, name), out _);
        return Task.CompletedTask;
    }

    string Reach(Volume volume)
    {
        if (!Guid.TryParseExact(volume.Id, "D", out _)) throw new Fault.Invalid($"'{volume.Id}' is not the id of a volume.").Thrown();
        return Reach(volume.Pool ?? throw new ArgumentException("The volume was never placed.", nameof(volume)));
    }

    string Reach(string pool)
    {
        if (!shares.Pools.Contains(pool)) throw new Fault.BackendDown(backend, $"it has no pool called {pool} now").Thrown();
        if (shares.Down.TryGetValue(pool, out var why)) throw new FaultException(new Fault.BackendDown(pool, why)) { NothingDone = true };
        return pool;
    }
}
