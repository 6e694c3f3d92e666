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
}

/// <summary>A backend without storage, for tests: it keeps to the contract of <see cref="Driver"/> in every respect.</summary>
public sealed class MemoryDriver(string backend, MemoryShares shares) : Driver
{
    public override string Backend => backend;

    public override Task<BackendReport> Report(CancellationToken token) => Task.FromResult(new BackendReport(
        backend, "memory", "Clinker", "1.0",
        [.. shares.Pools.Select(p => new PoolReport(
            p, shares.Down.GetValueOrDefault(p), shares.TotalGb, shares.TotalGb - shares.Files.Where(f => f.Key.Pool == p).Sum(f => f.Value),
            Thin: true, ReservedPercentage: 0, MaxOverSubscriptionRatio: 20, new Dictionary<string, string> { ["multiattach"] = "False" }))]));

    public override Task<VolumeOnDisk> Create(Volume volume, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        var file = $"volume-{volume.Id}";
        shares.Files[(pool, $"{file}.g{work.Generation}")] = 0;
        work.Token.ThrowIfCancellationRequested();
        shares.Files[(pool, file)] = 0;
        shares.Files.TryRemove((pool, $"{file}.g{work.Generation}"), out _);
        return Task.FromResult(new VolumeOnDisk(pool, "raw"));
    }

    public override Task Delete(Volume volume, Work work)
    {
        var pool = Reach(volume);
        work.Token.ThrowIfCancellationRequested();
        foreach (var key in shares.Files.Keys)
            if (key.Pool == pool && (key.File == $"volume-{volume.Id}" || key.File.StartsWith($"volume-{volume.Id}.g", StringComparison.Ordinal)))
                shares.Files.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    public override Task<Inventory> List(string pool, CancellationToken token) => Task.FromResult(new Inventory(
        [.. shares.Volumes.Where(v => v.Pool == pool).Select(v => v.VolumeId)],
        [.. shares.Litter.Where(l => l.Pool == pool).Select(l => l.File)]));

    public override Task RemoveLitter(string pool, string name, CancellationToken token)
    {
        shares.Files.TryRemove((pool, name), out _);
        return Task.CompletedTask;
    }

    string Reach(Volume volume)
    {
        var pool = volume.Pool ?? throw new ArgumentException("The volume was never placed.", nameof(volume));
        if (shares.Down.TryGetValue(pool, out var why)) throw new Fault.BackendDown(pool, why).Thrown();
        return pool;
    }
}
