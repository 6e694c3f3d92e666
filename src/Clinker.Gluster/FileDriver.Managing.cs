using Clinker.Drivers;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Gluster;

// What others put into a pool becomes ours, and theirs again. The order of events is in OthersFiles.
public abstract partial class FileDriver
{
    public sealed override async Task<IReadOnlyList<FoundFile>> ListFiles(string pool, CancellationToken token)
    {
        var place = await PlaceOf(pool, null, token);
        return await Act(new(place, "list the files", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            return OthersFiles.List(dir, layout);
        });
    }

    public sealed override async Task<ExistingFile?> Inspect(string pool, string name, CancellationToken token)
    {
        var place = await PlaceOf(pool, null, token);
        return await Act(new(place, "look at a file", options.ActDeadline, token), _ =>
        {
            using var dir = place.Open();
            return OthersFiles.Inspect(dir, layout, name);
        });
    }

    public sealed override async Task<VolumeOnDisk> Manage(Volume volume, string name, Work work)
    {
        var place = await PlaceOf(volume.Pool, null, work.Token);
        var spec = Recorded(volume, work);
        await Take(new(place, "manage the volume", options.ActDeadline, work.Token), spec, name, work);
        return new(place.Location, Words(spec.Format));
    }

    public sealed override async Task GiveBack(Volume volume, string name, Work work) =>
        await GiveBack(await PlaceOf(volume.Pool, null, work.Token), Recorded(volume, work), name, work);

    public sealed override async Task ManageSnapshot(Volume volume, Snapshot snapshot, string name, Work work) =>
        await Take(new(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), "manage the snapshot", options.ActDeadline, work.Token),
            SpecOf(volume, snapshot, work) with { Bytes = snapshot.SizeGb * (long)Gib }, name, work);

    public sealed override async Task GiveBackSnapshot(Volume volume, Snapshot snapshot, string name, Work work) =>
        await GiveBack(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), SpecOf(volume, snapshot, work), name, work);

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
