using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Services;

/// <summary>
/// Has a backend's volumes put in order that nobody has: one at a time, those of the most files first. Which ones is looked for now and then
/// only, and kept: each look reads the headers of all such files.
/// </summary>
public sealed class Tidying(string queue, Driver driver, Database db, Ids ids)
{
    static readonly TimeSpan LookInterval = TimeSpan.FromMinutes(5);

    readonly Queue<Untidy> found = new();
    DateTime? looked;

    /// <summary>Begins with the next one, if none is under way; gives what it began with.</summary>
    public async Task<Untidy?> Next(CancellationToken token)
    {
        var (busy, now) = await db.Read(async tx => (await TidyVolume.AnyIn(tx, queue), tx.Now));
        if (busy) return null;
        looked ??= now - LookInterval + TimeSpan.FromMinutes(1); // a daemon that has just come has better things to do
        if (found.Count == 0 && now - looked >= LookInterval)
        {
            looked = now;
            await Look(token);
        }
        while (found.TryDequeue(out var next))
        {
            var id = ids.New();
            if (await db.Commit(tx => TidyVolume.TryAccept(tx, next, queue, id))) return next;
        }
        return null;
    }

    /// <summary>Looks anew for what is to be put in order.</summary>
    public async Task Look(CancellationToken token)
    {
        found.Clear();
        var all = new List<Untidy>();
        foreach (var pool in (await db.Read(tx => tx.Pools.List())).Where(p => p.Down is null && PoolName.Parse(p.Name).Queue == queue))
        {
            var quiet = (await db.Read(tx => tx.Volumes.In(pool.Name))).Where(v => v.IsQuiet).ToList();
            if (quiet.Count > 0) all.AddRange(await driver.FindUntidy(PoolName.Parse(pool.Name).Pool, quiet, token));
        }
        foreach (var one in all.OrderByDescending(u => u.Files).ThenBy(u => u.VolumeId, StringComparer.Ordinal)) found.Enqueue(one);
    }
}
