using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// What a volume stands on, taken up by whoever has it open into the file that he writes to.
public abstract partial class FileDriver
{
    public sealed override async Task<bool> MayPull(Volume volume, Work work)
    {
        const string Verb = "flatten the volume";
        return await Found(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), Spec(volume, work), MayBeWritten(volume), Verb, work)
            is { Attached: true, Info: { Coming: null, Replaced: null, Snapshots.Count: 0 } info } now
            && Chain.Sharing(layout, now.Spec.Id, now.Levels) == 0 && now.Levels[0].Links == 1 && now.Levels.All(l => l.Name != info.Going);
    }

    public sealed override async Task BeginPull(Volume volume, Work work)
    {
        const string Verb = "flatten the volume";
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        var now = await Found(place, Spec(volume, work), MayBeWritten(volume), Verb, work);
        if (now.Info.Pulling is not null || now.Levels.Count == 1) return; // by an attempt before this one, or a flatten
        var needed = now.Levels.Skip(1).Sum(l => l.Allocated);
        if (needed > place.Last.Free)
            throw new FaultException(new Fault.DriverFailed(Verb, $"it may take {needed} bytes, and {place.Name} has {place.Last.Free} free.")) { NothingDone = true };
        await Note(On(place, Verb, work), now.Spec, now.Info with { Active = now.Top.Name, Pulling = now.Levels[1].File }, work);
    }

    public sealed override async Task<bool> EndPull(Volume volume, bool mayCome, Work work)
    {
        const string Verb = "flatten the volume";
        await work.StillHeld();
        var now = await Pulled(volume, Verb, work);
        if (now.Info.Pulling is not null && !now.MayPull)
            throw new FaultException(new Fault.Unavailable($"Not all of {now.Levels[^1].Name} is on the storage: this waits until the server writes it out."))
            {
                Waits = true,
                Pause = BetweenFlushes,
            };
        if (now.MayPull && !mayCome) await Note(On(now.Place, Verb, work), now.Spec, now.Info with { Pulling = null }, work);
        return now.Levels.Count == 1;
    }

    /// <summary>
    /// Sees what came of a pull: if the volume's own file stands on nothing any more, and holds all that it stood on, that is given up, as after any
    /// flatten. QEMU writes down first that there is no file under an image, and where in the image all is only when it is told to flush: until then
    /// what it stood on is the only place where all of that is certain. If nobody has it open that comes no more, and it stands on that again.
    /// </summary>
    /// <returns>How all is then. That something is noted still, and the volume does not stand on it: not all is written down.</returns>
    async Task<Source> Pulled(Volume volume, string verb, Work work)
    {
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        var now = await Found(place, Spec(volume, work), MayBeWritten(volume), verb, work);
        if (now.Info.Pulling is not { } under || now.Levels[^1].Name != layout.Volume(now.Spec.Id)) return now; // none, or not yet
        var on = On(place, verb, work);
        var below = await Act(on, _ =>
        {
            using var dir = place.Open();
            return VolumeFiles.Has(dir, under.Name) ? Chain.Walk(dir, layout, now.Spec, under, verb, isTop: false) : null; // it went, and that was not noted
        });
        if (below is null || await Covers(on, now, below, work))
        {
            // That is noted still until all is gone: nothing else tells of it, should this be cut.
            if (below is not null) await Mark(on, now with { Levels = [.. now.Levels, .. below] }, now.Levels.Count, work);
            var info = await Unfreeze(volume, null, verb, work);
            await Note(on, now.Spec, info with { Pulling = null }, work);
        }
        else if (!now.Attached)
        {
            await Rebase(on, now.Levels[^1], below[0], work);
            await Note(on, now.Spec, now.Info with { Pulling = null }, work);
        }
        return await Found(place, now.Spec, now.Attached, verb, work);
    }

    /// <summary>How soon it is looked again whether QEMU has flushed; what runs in a server has it do so every few seconds.</summary>
    static readonly TimeSpan BetweenFlushes = TimeSpan.FromSeconds(5);

    /// <summary>Whether the lowest file of a volume has a place of its own for all that others hold but zeroes.</summary>
    async Task<bool> Covers(Errand on, Source now, IReadOnlyList<Level> others, Work work)
    {
        using var dir = await Act(on, _ => on.Place.Open());
        await using var content = await FileContent.Open(this, now with { Levels = [.. others] }, on.Verb, work);
        var map = await Looked(file => Chain.Map(file, now.Levels[^1].Name, on.Verb));
        var piece = new byte[1 << 20];
        for (var offset = 0L; offset < map.Bytes;)
        {
            var from = offset;
            var (below, end) = await Looked(file => Below(file, from));
            for (var at = below; at is { } start && await content.NextData(start) is { } data && data < end; at = data + piece.Length)
            {
                await content.Read(data, piece);
                if (piece.AsSpan(0, (int)Math.Min(piece.Length, end - data)).ContainsAnyExcept((byte)0)) return false;
            }
            offset = end;
        }
        return true;

        Task<T> Looked<T>(Func<SafeFileHandle, T> look) => Act(on, _ =>
        {
            using var file = Chain.Open(dir, now.Levels[^1].Name, on.Verb);
            return look(file);
        });

        // The next part without a place, within one of its tables; where the look has ended.
        (long? From, long End) Below(SafeFileHandle file, long from)
        {
            var end = Math.Min(map.Bytes, (from / (map.PerTable * map.Cluster) + 1) * map.PerTable * map.Cluster);
            while (from < end)
            {
                var run = map.At(file, from);
                if (run.IsBelow) return (from, from + run.Length);
                from += run.Length;
            }
            return (null, end);
        }
    }
}
