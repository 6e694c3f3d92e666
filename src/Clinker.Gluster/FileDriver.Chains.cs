using System.Text.Json;
using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// Snapshots and clones that take no longer for a large volume than for a small one: the file that there is is frozen, and what is written from
// then on goes to a new one that stands on it. What is always true of such files is said at Chain, why they are so in docs/adr/0009.
// One operation at a time changes a volume's files: whoever calls has seen to that.
public abstract partial class FileDriver
{
    /// <summary>QEMU makes them multiples of it, and refuses what is none.</summary>
    const int Sector = 512;

    public sealed override async Task CreateSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        const string Verb = "take the snapshot";
        var from = await SourceOf(volume, Verb, work);
        if (from.Info.Snapshots.ContainsKey(snapshot.Id))
        {
            await Unfreeze(volume, layout.Overlay(volume.FileId, snapshot.Id), Verb, work); // by an attempt before this one
            return;
        }
        if (!StandsOnOthers(from.Place) || from.Levels.Count >= options.MaxChainDepth)
            await CopyTo(from, from.Place, Verb, SpecOf(volume, snapshot, work), work);
        else if (from.Attached)
            throw NotAtOneMoment(Verb);
        else
            await Freeze(from, Verb, snapshot.Id, (info, overlay) => info.With(snapshot.Id, overlay).Begins(overlay), work);
    }

    public sealed override async Task<string> BeginSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        const string Verb = "take the snapshot";
        var name = layout.Overlay(volume.FileId, snapshot.Id);
        var from = await SourceOf(volume, Verb, work);
        if (from.Info.Coming == name || from.Info.Snapshots.ContainsKey(snapshot.Id)) return name; // by an attempt before this one
        if (!StandsOnOthers(from.Place)) throw NotAtOneMoment(Verb);
        if (from.Levels.Count >= options.MaxChainDepth)
            throw new FaultException(new Fault.DriverFailed(Verb, $"the volume consists of {from.Levels.Count} files already, and max_chain_depth is "
                + $"{options.MaxChainDepth}. Delete snapshots, or detach it first.")) { NothingDone = true };
        DemandKnown(from, Verb);
        if (from is { Attached: true, MayPull: true })
            throw new FaultException(new Fault.DriverFailed(Verb,
                $"whoever has {from.Top.Name} open may still take all that lies under it up into it, since a flatten asked for that. Flatten the volume again, or detach it first."))
            {
                NothingDone = true,
            };
        await Freeze(from, Verb, snapshot.Id, (info, overlay) => info with { Active = from.Top.Name, Coming = overlay }, work);
        return name;
    }

    public sealed override async Task EndSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        const string Verb = "take the snapshot";
        var name = layout.Overlay(volume.FileId, snapshot.Id);
        var now = await SourceOf(volume, Verb, work);
        if (now.Info.Snapshots.ContainsKey(snapshot.Id)) return; // by an attempt before this one
        if (now.Info.Coming != name) throw new Fault.DriverFailed(Verb, $"{layout.Info(volume.FileId)} does not say that {name} comes.").Thrown();
        await Note(On(now.Place, Verb, work), now.Spec, now.Info.With(snapshot.Id, name).Begins(name), work);
    }

    public sealed override async Task<bool> HasGoneOver(Volume volume, Snapshot snapshot, Work work)
    {
        var now = await SourceOf(volume, "take the snapshot", work);
        return now.Info.Coming == layout.Overlay(volume.FileId, snapshot.Id) && !now.Levels[0].IsEmpty;
    }

    public sealed override async Task DropSnapshot(Volume volume, Snapshot snapshot, Work work)
    {
        const string Verb = "give the snapshot up";
        var now = await SourceOf(volume, Verb, work);
        if (now.Info.Coming is not { } name || name != layout.Overlay(volume.FileId, snapshot.Id)) return; // DeleteSnapshot removes what was not noted
        if (!now.Levels[0].IsEmpty) return;
        await Note(On(now.Place, Verb, work), now.Spec, now.Info with { Coming = null, Going = name }, work);
        await Unfreeze(volume, name, Verb, work);
    }

    public sealed override async Task<Merge?> BeginMerge(Volume volume, Work work)
    {
        const string Verb = "put files of the volume together";
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        var now = await Found(place, Spec(volume, work), attached: true, Verb, work);
        if (now.Info.Coming is not null) return null;
        // One at a time: what was begun before may still come. And none that is written to now: only the whole of what lies under it could be
        // brought up to that, and if it came late, when another file is written to, a snapshot would be lost.
        var begun = now.Levels.Any(l => l.Name == now.Info.Going) ? now.Info.Going : null;
        var at = Chain.Joints(layout, now.Spec.Id, now.Info, now.Levels)
            .Where(i => i > 0 && (now.Info.Replaced is null || now.Levels[i + 1].Name != layout.Volume(now.Spec.Id)) && (begun is null || now.Levels[i].Name == begun)).Cast<int?>().FirstOrDefault();
        if (at is not { } i) return null;
        var (upper, lower) = (now.Levels[i].Name, now.Levels[i + 1].Name);
        if (now.Levels[i].Allocated > place.Last.Free) return null; // both are there until it is done
        if (begun is null) await Note(On(place, Verb, work), now.Spec, now.Info with { Active = now.Info.Active ?? now.Top.Name, Going = upper }, work);
        return new(upper, lower);
    }

    public sealed override async Task EndMerge(Volume volume, bool mayCome, Work work)
    {
        const string Verb = "put files of the volume together";
        await work.StillHeld();
        var info = await Unfreeze(volume, null, Verb, work);
        if (mayCome || info.Going is null) return;
        await Note(On(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), Verb, work), Spec(volume, work), info with { Going = null }, work);
    }

    /// <summary>Whether it is known to which of two files he writes who has the volume: to the one that was coming, as soon as something is in it.</summary>
    /// <exception cref="FaultException">DriverFailed; nothing was done.</exception>
    static void DemandKnown(Source now, string verb)
    {
        if (now is not { Attached: true, Info.Coming: { } coming } || !now.Levels[0].IsEmpty) return;
        throw new FaultException(new Fault.DriverFailed(verb,
            $"it is not known whether whoever has the volume writes to {coming} or to the file under it, since a snapshot did not end. Detach the volume first."))
        {
            NothingDone = true,
        };
    }

    public sealed override async Task DeleteSnapshot(Volume volume, Snapshot snapshot, Work work, bool quiet = true)
    {
        const string Verb = "delete the snapshot";
        if (volume.Host is null && volume.ProviderLocation is null) return; // nothing was ever made, so no snapshot of it
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        var (spec, own) = (SpecOf(volume, snapshot, work), Spec(volume, work));
        var on = On(place, Verb, work);
        var overlay = layout.Overlay(own.Id, snapshot.Id);
        // A host that has reserved it may have been told of its files already, before there is an attachment (os-initialize_connection).
        quiet &= !MayBeWritten(volume) && volume.Status is not (VolumeStatus.Attaching or VolumeStatus.Detaching);
        var info = await Act(on, _ =>
        {
            using var dir = place.Open();
            VolumeFiles.Remove(dir, layout, spec); // where it is a whole copy
            var info = Unfreeze(dir, own, overlay, Verb, work);
            return info.Going is { } going && VolumeFiles.Has(dir, going) ? info : info with { Going = null }; // a merge may still come
        });
        var isBegun = quiet && info.Going is not null;
        if (!isBegun && !info.Snapshots.ContainsKey(snapshot.Id) && info.Coming != overlay && info.Active != overlay) return; // the others: it did not end
        await Tidy(on, own, info.Without(snapshot.Id), noted: false, quiet, work, mayStay: true);
    }

    public sealed override async Task<VolumeOnDisk> CreateFromSnapshot(Volume volume, Volume origin, Snapshot snapshot, Work work, bool full = false)
    {
        const string Verb = "fill the volume";
        var from = await SourceOf(origin, snapshot, Verb, work);
        var to = await Untouched(volume.Pool, null, work);
        // Of a file that is to go nobody else may get a name: what it stands on would have two above it by one name.
        return !full && to == from.Place && StandsOnOthers(to) && from.Levels.Count < options.MaxChainDepth && from.Top.Name != from.Info.Going
            ? await Clone(volume, from, from.Levels[0], snapshot.Id, Verb, work)
            : await Copied(volume, to, from, Verb, work);
    }

    public sealed override async Task<VolumeOnDisk> CreateFromVolume(Volume volume, Volume source, Work work, bool full = false)
    {
        const string Verb = "fill the volume";
        var from = await SourceOf(source, Verb, work);
        var to = await Untouched(volume.Pool, null, work);
        // Both have a file more than what is frozen: so it is decided alike before the freezing and, by a later attempt, after it.
        var depth = from.Levels.Count + (from.Levels[0].IsEmpty ? 0 : 1);
        if (full || to != from.Place || !StandsOnOthers(to) || depth > options.MaxChainDepth) return await Copied(volume, to, from, Verb, work);
        DemandFit(from, Spec(volume, work), from.Bytes, Verb);
        if (from.Attached) throw NotAtOneMoment(Verb);
        if (!from.Levels[0].IsEmpty)
        {
            await Freeze(from, Verb, volume.FileId, (info, overlay) => info.Begins(overlay), work);
            return await Clone(volume, from, from.Levels[0], source.Id, Verb, work);
        }
        await Unfreeze(source, layout.Overlay(source.FileId, volume.FileId), Verb, work); // an attempt before this one may have come so far
        return await Clone(volume, from, from.Levels[1], source.Id, Verb, work); // what is under it is frozen already
    }

    /// <summary>Whether files are to stand on others there. Twins are better where there are any; what is to have all its room is copied.</summary>
    bool StandsOnOthers(Place place) => options.CloneMode == CloneMode.Thin && options.Provisioning == Provisioning.Thin && !Reflinks(place);

    Errand On(Place place, string verb, Work work) => new(place, verb, options.ActDeadline, work.Token);

    /// <summary>Freezes the file with which a volume begins: an empty one that stands on it takes its place.</summary>
    /// <param name="id">In the new file's name.</param>
    async Task Freeze(Source from, string verb, string id, Func<ChainInfo, string, ChainInfo> noted, Work work)
    {
        var (on, change) = (On(from.Place, verb, work), new Change());
        var spec = OverlayOn(from.Levels[0], from.Spec with { Name = layout.Overlay(from.Spec.Id, id) });
        await change.Tell(() => Make(on, spec, work, change, (dir, file) =>
        {
            Qcow2Overlay.Write(file, spec.Bytes, from.Top.Name, from.Top.Format);
        }));
        await Note(on, from.Spec, noted(from.Info, spec.Name!), work);
    }

    /// <summary>
    /// Makes an empty image that stands on what the volume's own file stands on, and notes it to go: wherever this is cut once another has taken
    /// the place of that file, it tells what nobody stands on any more.
    /// </summary>
    /// <param name="under">Of the levels.</param>
    async Task<ChainInfo> Mark(Errand on, Source now, int under, Work work)
    {
        var spec = OverlayOn(now.Levels[under], now.Spec with { Name = layout.Overlay(now.Spec.Id, OperationOf(work)) });
        var info = now.Info with { Active = now.Info.Active ?? now.Top.Name, Going = spec.Name };
        await Note(on, now.Spec, info, work);
        var change = new Change();
        var file = now.Levels[under].File;
        await change.Tell(() => Make(on, spec, work, change, (_, mark) => Qcow2Overlay.Write(mark, spec.Bytes, file.Name, file.Format)));
        return info;
    }

    static string OperationOf(Work work) => work.Operation ?? throw new ArgumentException("It is an operation's.", nameof(work));

    /// <summary>Sees to it that nothing is left, or still comes, of a file that was to stand on what is frozen, if none does stand on it.</summary>
    /// <param name="name">Its name; null: only of what is noted to go.</param>
    ChainInfo Unfreeze(SafeFileHandle dir, VolumeSpec volume, string? name, string verb, Work work)
    {
        VolumeFiles.ForgetNotes(dir, layout, volume, work);
        if (name is not null) VolumeFiles.Forget(dir, layout, volume with { Name = name, Generation = Math.Max(volume.Generation, VolumeFiles.UsualGenerations) });
        var info = ChainInfo.Read(dir, layout, volume.Id, verb);
        if (info.Old(layout, volume.Id) is { } old && OthersFiles.IsSame(dir, old, layout.Volume(volume.Id)))
            VolumeFiles.RemoveName(dir, old); // it was not replaced
        string[] over = [.. new[] { name, info.Going }.OfType<string>()];
        if (over.Any(n => IsOver(dir, info, n)) && Chain.Top(layout, info, volume, verb) is var top && VolumeFiles.Has(dir, top.Name))
        {
            var stay = Chain.Walk(dir, layout, volume, top, verb, fresh: true);
            foreach (var one in over) Drop(dir, volume, info, one, stay, verb);
        }
        VolumeFiles.SyncNames(dir);
        return info;
    }

    static bool IsOver(SafeFileHandle dir, ChainInfo info, string name) => !info.Snapshots.Values.Contains(name) && VolumeFiles.Has(dir, name);

    /// <summary>Removes a file that is over, and what only it stands on, unless the volume stands on it.</summary>
    void Drop(SafeFileHandle dir, VolumeSpec volume, ChainInfo info, string name, List<Level> stay, string verb)
    {
        if (Stays(name) || !IsOver(dir, info, name)) return;
        if (Chain.Under(dir, layout, volume, name, verb) is { } under && layout.Parse(under.Name)?.Id == volume.Id && under.Name != info.Kept && !Stays(under.Name))
            Chain.Remove(dir, layout, volume, Chain.Going(dir, layout, volume, under, verb), verb);
        VolumeFiles.RemoveName(dir, name);

        bool Stays(string name) => stay.Exists(l => l.Name == name);
    }

    async Task<ChainInfo> Unfreeze(Volume volume, string? name, string verb, Work work)
    {
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        return await Act(On(place, verb, work), _ =>
        {
            using var dir = place.Open();
            return Unfreeze(dir, Spec(volume, work), name, verb, work);
        });
    }

    static VolumeSpec OverlayOn(Level under, VolumeSpec spec) =>
        spec with { Format = VolumeFormat.Qcow2, Under = under.File, Bytes = (Math.Max(spec.Bytes, under.Bytes) + Sector - 1) / Sector * Sector };

    /// <summary>Makes a volume that stands on a frozen file, to which it gives a name of its own: so the file stays as long as anybody needs it.</summary>
    /// <param name="sourceId">In that name.</param>
    async Task<VolumeOnDisk> Clone(Volume volume, Source from, Level under, string sourceId, string verb, Work work)
    {
        var (on, change, spec) = (On(from.Place, verb, work), new Change(), Spec(volume, work) with { Format = VolumeFormat.Qcow2 });
        DemandFit(from, spec, under.Bytes, verb);
        var name = layout.Overlay(spec.Id, sourceId);
        try
        {
            await change.Tell(() => Make(on, spec, work, change, (dir, file) =>
            {
                if (!OthersFiles.IsSame(dir, name, under.Name))
                {
                    // A worker may come so late that another has made the volume, and that this name is the only one left of what it stands on.
                    if (VolumeFiles.Has(dir, layout.Final(spec))) throw new Fault.BackendDown(backend, "another worker has made the volume meanwhile").Thrown();
                    if (VolumeFiles.Has(dir, under.Name)) VolumeFiles.Gone(dir, name); // that of an attempt before, whose source has gone on since
                    Libc.Link(dir, under.Name, name);
                }
                Qcow2Overlay.Write(file, spec.Bytes, name, under.File.Format);
            }));
        }
        catch (FaultException e) when (e.InnerException is ErrnoException { NoLinks: true })
        {
            return await Copied(volume, from.Place, from, verb, work); // link(2): file systems without hard links
        }
        return new(from.Place.Location, Words(spec.Format));
    }

    /// <summary>Forgets what was written since a snapshot: an empty file takes the place of the one that has it.</summary>
    async Task Empty(Source now, DiskFile under, string verb, VolumeSpec volume, Work work)
    {
        var spec = OverlayOn(now.Levels[1], volume with { Name = now.Top.Name, Bytes = Math.Max(volume.Bytes, now.Bytes) });
        var change = new Change();
        await change.Tell(() => Make(On(now.Place, verb, work), spec, work, change, (dir, file) =>
        {
            Chain.Open(dir, now.Top.Name, verb).Dispose(); // there must be one
            Qcow2Overlay.Write(file, spec.Bytes, under.Name, under.Format);
        }));
    }

    /// <summary>Writes down what a volume's files are from now on.</summary>
    async Task Note(Errand on, VolumeSpec volume, ChainInfo info, Work work)
    {
        await Act(on, _ =>
        {
            using var dir = on.Place.Open();
            VolumeFiles.ForgetNotes(dir, layout, volume, work);
            VolumeFiles.BeginNote(dir, layout, volume, info, work);
            return true;
        });
        await work.StillHeld();
        await Act(on, token =>
        {
            using var dir = on.Place.Open();
            VolumeFiles.PublishNote(on.Place, dir, layout, volume, work, token);
            return true;
        });
    }

    /// <summary>Names an image to a program of QEMU, and with it all files under it: it does not follow what is written in them then.</summary>
    /// <param name="files">The topmost first.</param>
    static string Whole(SafeFileHandle dir, IReadOnlyList<DiskFile> files)
    {
        return "json:" + Json(to => Members(to, 0));

        void Members(Utf8JsonWriter to, int i)
        {
            to.WriteString("driver", Words(files[i].Format));
            to.WriteStartObject("file");
            to.WriteString("driver", "file");
            to.WriteString("filename", PathOf(dir, files[i].Name));
            to.WriteEndObject();
            if (files[i].Format == VolumeFormat.Raw) return;
            if (i + 1 == files.Count) to.WriteNull("backing");
            else
            {
                to.WriteStartObject("backing");
                Members(to, i + 1);
                to.WriteEndObject();
            }
        }
    }

    static string PathOf(SafeFileHandle dir, string name) => $"/proc/{Environment.ProcessId}/fd/{dir.DangerousGetHandle()}/{name}";

    public sealed override async Task Delete(Volume volume, Work work, Volume? source = null)
    {
        const string Verb = "delete the volume";
        if (volume.Host is null && volume.ProviderLocation is null) return; // never placed, so never made
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        if (source is not null) await Unfreeze(source, layout.Overlay(source.FileId, volume.FileId), Verb, work);
        var spec = Spec(volume, work);
        var on = new Errand(place, Verb, options.ActDeadline + ThickPerGib * (spec.Bytes / Gib), work.Token);
        var (info, going) = await Act(on, _ =>
        {
            using var dir = place.Open();
            VolumeFiles.ForgetNotes(dir, layout, spec, work);
            VolumeFiles.Forget(dir, layout, spec with { Generation = Math.Max(spec.Generation, VolumeFiles.UsualGenerations) });
            var info = ChainInfo.Read(dir, layout, spec.Id, Verb);
            try { info = Closed(dir, spec, info, Verb); }
            catch (FaultException e) when (e.Fault is Fault.DriverFailed) { /* of what is broken as much goes as can be found */ }
            if (info.Snapshots.Count > 0)
                throw new Fault.DriverFailed(Verb, $"{layout.Info(spec.Id)} says that it has snapshots: {string.Join(", ", info.Snapshots.Keys)}. Delete those first.").Thrown();
            if (info is { Kept: { } kept, Active: not null } && !VolumeFiles.Has(dir, kept)) info = info with { Kept = null }; // whose it became is gone too
            if (info is { Active: null, Kept: not null }) return (info, Going.Nothing);
            var top = Chain.Top(layout, info, spec, Verb);
            return (info, Chain.Going(dir, layout, spec, Recorded(volume) is null ? Chain.Left(dir, layout, spec, top) : top, Verb, isTop: true));
        });
        if (info.Kept is null && going.Kept is { } kept) await Note(on, spec, info = info with { Active = info.Active ?? layout.Volume(spec.Id), Kept = kept }, work);
        var stays = await Act(on, _ =>
        {
            using var dir = place.Open();
            Chain.Remove(dir, layout, spec, going, Verb);
            var open = info.Old(layout, spec.Id) is { } old && VolumeFiles.Has(dir, old) ? Chain.Under(dir, layout, spec, old, Verb)?.Name : null;
            // What a clone called its source: before it was there itself, or until it had all that was in it.
            foreach (var id in (string?[])[volume.SnapshotId, volume.SourceVolumeId, spec.Id])
                if (id is not null && layout.Overlay(spec.Id, id) is var name && name != info.Kept && name != open) VolumeFiles.RemoveName(dir, name);
            if (info.Going is { } gone) VolumeFiles.RemoveName(dir, gone);
            if (info.Pulling is { } pulled && pulled.Name != info.Kept) Chain.Remove(dir, layout, spec, Chain.Going(dir, layout, spec, pulled, Verb), Verb);
            if (info.Kept is null) VolumeFiles.RemoveName(dir, layout.Volume(spec.Id)); // Cinder's driver may have left it beside the active one
            var stays = info.Kept is { } kept && VolumeFiles.Has(dir, kept);
            if (!stays)
            {
                Chain.RemoveReplaced(dir, layout, spec, info, Verb);
                VolumeFiles.Gone(dir, layout.Info(spec.Id));
            }
            VolumeFiles.SyncNames(dir);
            return stays;
        });
        if (stays && info.Active is not null) await Note(on, spec, ChainInfo.None with { Kept = info.Kept, Replaced = info.Replaced }, work);
    }
}
