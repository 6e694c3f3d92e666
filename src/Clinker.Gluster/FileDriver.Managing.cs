using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Gluster;

// What others put into a pool becomes ours, and theirs again. The order of events is in OthersFiles.
public abstract partial class FileDriver
{
    public sealed override async Task<IReadOnlyList<string>> SnapshotsIn(Volume volume, Work work) =>
        [.. (await SourceOf(volume, "look at the volume's snapshots", work)).Info.Snapshots.Keys];

    public sealed override async Task<IReadOnlyList<FoundFile>> ListFiles(string pool, CancellationToken token)
    {
        var place = await PlaceOf(pool, null, token);
        return await Act(new(place, "list the files", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            return OthersFiles.List(dir, layout);
        });
    }

    public sealed override async Task<ExistingFile?> Inspect(string pool, string name, CancellationToken token, string? of = null)
    {
        var place = await PlaceOf(pool, null, token);
        return await Act(new(place, "look at a file", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            return OthersFiles.Inspect(dir, layout, name, of);
        });
    }

    public sealed override async Task<VolumeOnDisk> Manage(Volume volume, string name, Work work)
    {
        var place = await PlaceOf(volume.Pool, null, work.Token);
        var (spec, on) = (Spec(volume, work), On(place, "manage the volume", work));
        if (volume.NameId is null) await Take(on, spec, name, work);
        else await TakeUp(on, spec, name, work);
        return new(place.Location, Words(spec.Format));
    }

    public sealed override async Task GiveBack(Volume volume, string name, Work work)
    {
        if (volume.NameId is null) await GiveBack(await PlaceOf(volume.Pool, null, work.Token), Spec(volume, work), name, work);
    }

    public sealed override async Task ManageSnapshot(Volume volume, Snapshot snapshot, string name, Work work)
    {
        var on = On(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), "manage the snapshot", work);
        if (!await Recall(on, Spec(volume, work), name, snapshot.Id, work))
            await Take(on, SpecOf(volume, snapshot, work) with { Bytes = snapshot.SizeGb * (long)Gib }, name, work);
    }

    public sealed override async Task GiveBackSnapshot(Volume volume, Snapshot snapshot, string name, Work work)
    {
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        if (layout.Parse(name) is not { Kind: FileKind.Snapshot } was
            || !await Recall(On(place, "give the snapshot back", work), Spec(volume, work), Layout.Snapshot(snapshot.Id), was.Id, work))
            await GiveBack(place, SpecOf(volume, snapshot, work), name, work);
    }

    /// <summary>
    /// Ensures that several files can be worked on as ours are: each image names the file under it clearly, which Cinder's first ones did
    /// not, and no snapshot is noted that Cinder's driver took for a clone and forgot. They keep their names.
    /// </summary>
    async Task TakeUp(Errand on, VolumeSpec volume, string name, Work work)
    {
        var (info, levels) = await Act(on, _ =>
        {
            using var dir = on.Place.Open();
            OthersFiles.Demand(OthersFiles.Inspect(dir, layout, name), volume, name, on.Verb);
            var info = ChainInfo.Read(dir, layout, volume.Id, on.Verb);
            return (info, Chain.Walk(dir, layout, volume, Chain.Top(layout, info, volume, on.Verb), on.Verb, fresh: true));
        });
        for (var i = levels.Count - 2; i >= 0; i--)
            if (!levels[i].IsClear) await Rebase(on, levels[i], levels[i + 1], work);
        await work.StillHeld();
        await Act(on, _ =>
        {
            using var dir = on.Place.Open();
            foreach (var level in levels.Where(l => layout.Parse(l.Name)!.Value.Id == volume.Id))
            {
                using var file = Chain.Open(dir, level.Name, on.Verb);
                Libc.ChangeMode(file, volume.Mode);
                Libc.Sync(file);
            }
            return true;
        });
        var kept = info.Snapshots.Where(s => !s.Key.StartsWith(Layout.Temporary, StringComparison.Ordinal)).ToDictionary();
        if (kept.Count < info.Snapshots.Count) await Note(on, volume, info with { Snapshots = kept }, work);
    }

    /// <summary>Has a snapshot that lies in its volume's files be known by another id; false when there is none of that name.</summary>
    async Task<bool> Recall(Errand on, VolumeSpec volume, string name, string id, Work work)
    {
        if (layout.Parse(name) is not { Kind: FileKind.Snapshot } was) return false;
        var info = await Act(on, _ =>
        {
            using var dir = on.Place.Open();
            return ChainInfo.Read(dir, layout, volume.Id, on.Verb);
        });
        if (info.Snapshots.ContainsKey(id)) return true;
        if (!info.Snapshots.TryGetValue(was.Id, out var overlay)) return false;
        await Note(on, volume, info.Without(was.Id).With(id, overlay), work);
        return true;
    }

    async Task Take(Errand on, VolumeSpec spec, string name, Work work)
    {
        await work.StillHeld();
        await Act(on, token =>
        {
            using var dir = on.Place.Open();
            OthersFiles.Name(on.Place, dir, layout, spec, name, on.Verb, token);
            return true;
        });
        await work.StillHeld();
        await Act(on, token =>
        {
            using var dir = on.Place.Open();
            OthersFiles.Unname(dir, layout, spec, name, token);
            return true;
        });
    }

    async Task GiveBack(Place place, VolumeSpec spec, string name, Work work)
    {
        await work.StillHeld();
        await Act(new(place, "give the file back", options.ActDeadline, work.Token), token =>
        {
            using var dir = place.Open();
            OthersFiles.GiveBack(dir, layout, spec, name, token);
            return true;
        });
    }
}
