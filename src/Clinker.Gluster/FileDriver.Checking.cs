using Clinker.Drivers;
using Clinker.Gluster.Native;

namespace Clinker.Gluster;

// What lies in a pool is compared with the rows: by PoolCheck, from what is seen here.
public abstract partial class FileDriver
{
    /// <summary>So many files are looked at in one act: also a slow share does that long before an act's deadline.</summary>
    const int LookedAtOnce = 200;
    /// <summary>Most of what looks broken while somebody is at work does so for less.</summary>
    static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    public sealed override async Task<IReadOnlyList<Finding>> Check(string pool, Func<Task<PoolRows>> rows, CancellationToken token)
    {
        var on = new Errand(await PlaceOf(pool, null, token), "check the pool", options.ActDeadline, token);
        var before = await rows();
        var seen = await Look(on, new Dictionary<string, SeenFile>(), _ => true);
        var found = PoolCheck.Find(layout, options, seen, before);
        if (found.Count == 0) return found;
        if (found.Any(f => f.Ids.Any(before.Busy.Contains))) await Task.Delay(BetweenLooks, time, token);
        var doubtful = found.SelectMany(f => f.Ids).ToHashSet();
        var now = await rows();
        var again = PoolCheck.Find(layout, options, await Look(on, seen, doubtful.Contains), now);
        var after = await rows();
        bool IsBusy(string id) => before.Busy.Contains(id) || now.Busy.Contains(id) || after.Busy.Contains(id);
        return [.. again.IntersectBy(found.Select(f => f.Key), f => f.Key).Select(f => f.Ids.Any(IsBusy) ? f with { State = FlawState.Busy } : f)];
    }

    /// <summary>Looks at the files of ours that are there now.</summary>
    /// <param name="seen">What was seen of them before.</param>
    /// <param name="which">By the id in its name: whether a file that was seen before is looked at anew.</param>
    async Task<IReadOnlyDictionary<string, SeenFile>> Look(Errand on, IReadOnlyDictionary<string, SeenFile> seen, Func<string, bool> which)
    {
        var names = await Act(on, _ => { using var dir = on.Place.Open(); return Libc.Names(dir); });
        var all = new Dictionary<string, SeenFile>();
        foreach (var some in names.Chunk(LookedAtOnce))
            foreach (var file in await Act(on, stop => LookAt(some, stop)))
                all[file.Name] = file;
        return all;

        List<SeenFile> LookAt(string[] some, CancellationToken stop)
        {
            using var dir = on.Place.Open();
            var files = new List<SeenFile>();
            foreach (var name in some)
            {
                stop.ThrowIfCancellationRequested();
                if (seen.TryGetValue(name, out var old) && !which(old.Of.Id)) files.Add(old);
                else if (SeenFile.Look(dir, layout, name) is { } file) files.Add(file);
            }
            return files;
        }
    }

    public sealed override async Task<bool> Mend(string pool, Finding flaw, Work work)
    {
        var place = await PlaceOf(pool, null, work.Token);
        await work.StillHeld();
        return await Act(new(place, "repair the pool", options.ActDeadline, work.Token), token =>
        {
            using var dir = place.Open();
            token.ThrowIfCancellationRequested();
            place.Prove(dir);
            return PoolRepair.Mend(dir, layout, options.Mode, flaw);
        });
    }
}
