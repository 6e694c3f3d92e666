using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// Copies of whole files, which depend on no other then: snapshots, volumes made of them, clones and the way back, where no file is to stand
// on another, and where a chain would become too long.
public abstract partial class FileDriver
{
    public sealed override async Task RevertTo(Volume volume, Snapshot snapshot, Work work)
    {
        const string Verb = "revert the volume";
        if (MayBeWritten(volume))
            throw StillOpen(Verb);
        var from = await SourceOf(volume, snapshot, Verb, work);
        var now = await SourceOf(volume, Verb, work);
        var spec = now.Spec with { Replacing = work.Operation ?? throw new ArgumentException("A revert is an operation's.", nameof(work)) };
        if (now.Levels.Count > 1 && now.Levels[1].Name == from.Top.Name)
            await Empty(now, from.Top, Verb, spec, work);
        else if (now.Levels.Count == 1 && now.Top.Name == layout.Volume(spec.Id) && from.Levels.Count == 1 && from.Top.Format == spec.Format)
            await Copy(from, from.Place, Verb, spec, work);
        else
        {
            await using var content = await FileContent.Open(this, from, Verb, work);
            await Replace(volume, now, Verb, now.Spec, content.Copy(work.Progress), work);
        }
    }

    public sealed override async Task Abandon(Volume volume, Work work)
    {
        if (volume.Host is null && volume.ProviderLocation is null) return;
        var place = await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token);
        const string Verb = "remove the volume's work files";
        await Act(new(place, Verb, options.ActDeadline, work.Token), _ =>
        {
            using var dir = place.Open();
            var spec = Spec(volume, work);
            VolumeFiles.Abandon(dir, layout, spec.Id);
            Unfreeze(dir, spec, null, Verb, work);
            return true;
        });
    }

    /// <summary>A volume or a snapshot as it lies there.</summary>
    /// <param name="Attached">Others may write to it meanwhile.</param>
    /// <param name="Info">What its volume's .info says.</param>
    sealed record Source(Place Place, VolumeSpec Spec, bool Attached, ChainInfo Info, IReadOnlyList<Level> Levels)
    {
        public DiskFile Top => Levels[0].File;
        public long Bytes => Levels[0].Bytes;
        /// <summary>What the topmost stands on whoever has it open may be taking up into it.</summary>
        public bool MayPull => Info.Pulling is { } under && Levels.Count > 1 && Levels[1].Name == under.Name;
    }

    /// <summary>Before anything is done: what can't be understood is no reason to take anything back, which would need to understand it too.</summary>
    async Task<Source> SourceOf(Volume volume, string verb, Work work) =>
        await Untouched(async () => await Found(await PlaceOf(volume.Pool, volume.ProviderLocation, work.Token), Spec(volume, work), MayBeWritten(volume), verb, work));

    /// <inheritdoc cref="SourceOf(Volume, string, Work)"/>
    async Task<Source> SourceOf(Volume origin, Snapshot snapshot, string verb, Work work) =>
        await Untouched(async () => await Found(await PlaceOf(origin.Pool, origin.ProviderLocation, work.Token), SpecOf(origin, snapshot, work), attached: false, verb, work));

    async Task<Source> Found(Place place, VolumeSpec spec, bool attached, string verb, Work work) =>
        await Act(new(place, verb, options.ActDeadline, work.Token), _ =>
        {
            using var dir = place.Open();
            var info = ChainInfo.Read(dir, layout, spec.VolumeId ?? spec.Id, verb);
            var top = spec.IsSnapshot ? Chain.Frozen(dir, layout, info, spec, verb) ?? new(Layout.Snapshot(spec.Id), spec.Format) : Chain.Top(layout, info, spec, verb);
            return new Source(place, spec, attached, info, Chain.Walk(dir, layout, spec, top, verb, fresh: true));
        });

    static bool MayBeWritten(Volume volume) =>
        volume.Status == VolumeStatus.InUse || volume.AttachStatus is not (AttachStatus.Detached or AttachStatus.Reserved);

    /// <summary>The format that was written down, or of a new one is asked for; null: none.</summary>
    internal static VolumeFormat? Recorded(Volume volume) =>
        volume.Format switch { "raw" => VolumeFormat.Raw, "qcow2" => VolumeFormat.Qcow2, _ => null };

    VolumeSpec SpecOf(Volume volume, Snapshot snapshot, Work work) => Spec(volume, work) with { Id = snapshot.Id, IsSnapshot = true, VolumeId = volume.FileId };

    async Task<VolumeOnDisk> Copied(Volume volume, Place to, Source from, string verb, Work work)
    {
        var spec = Spec(volume, work);
        if (Recorded(volume) is null && from.Levels.Count == 1) spec = spec with { Format = from.Top.Format };
        await CopyTo(from, to, verb, spec, work);
        return new(to.Location, Words(spec.Format));
    }

    /// <summary>A file as it is, or what several of them make.</summary>
    async Task CopyTo(Source from, Place to, string verb, VolumeSpec spec, Work work)
    {
        if (from.Place != to || !Reflinks(to)) DemandRoom(to, from.Levels);
        if (from.Levels.Count == 1 && from.Top.Format == spec.Format)
        {
            await Copy(from, to, verb, spec, work);
            return;
        }
        DemandFit(from, spec, from.Bytes, verb);
        if (from.Attached) throw NotAtOneMoment(verb);
        await using var content = await FileContent.Open(this, from, verb, work);
        await Filled(to, verb, spec, content.Copy(work.Progress), work);
    }

    /// <summary>A share that gets full on the way pauses whoever writes to it, though the copy is taken back then.</summary>
    static void DemandRoom(Place place, IEnumerable<Level> levels)
    {
        if (place.LacksRoom(levels.Sum(l => l.Allocated))) throw new FaultException(new Fault.ShareFull(place.Name)) { NothingDone = true };
    }

    async Task Copy(Source from, Place to, string verb, VolumeSpec spec, Work work)
    {
        var reflink = from.Place == to && Reflinks(to);
        var on = new Errand(to, verb, options.ActDeadline + ThickPerGib * (reflink ? spec.Bytes / Gib : 0), work.Token);
        var change = new Change();
        await change.Tell(() => Make(on, spec, work, change, Begin, Go));

        void Begin(SafeFileHandle dir, SafeFileHandle file)
        {
            if (from.Attached && !reflink) throw NotAtOneMoment(verb);
            if (spec.Replacing is not null) Chain.Open(dir, layout.Final(spec), verb).Dispose(); // there must be one
            if (!reflink) return;
            using var source = OpenFitting(dir, from, spec, verb);
            Libc.Reflink(file, source);
            if (spec is { Format: VolumeFormat.Raw, IsSnapshot: false }) Libc.Truncate(file, spec.Bytes);
        }

        async Task Go(SafeFileHandle dir)
        {
            if (!reflink) await CopyPieces(from, on, dir, spec, work.Progress);
            if (spec is { Format: VolumeFormat.Qcow2, IsSnapshot: false }) await Resize(on, dir, [new(layout.Work(spec), spec.Format)], spec);
        }
    }

    /// <summary>Copies and, where it is raw, grows.</summary>
    async Task CopyPieces(Source from, Errand on, SafeFileHandle dir, VolumeSpec spec, Progress? progress)
    {
        var read = on with { Place = from.Place };
        using var fromDir = await Act(read, _ => from.Place.Open());
        var before = await Look();
        var (raw, size) = (spec.Format == VolumeFormat.Raw, spec is { Format: VolumeFormat.Raw, IsSnapshot: false } ? spec.Bytes : before.Size);
        var dense = spec.Provisioning == Provisioning.Thick && !await Allocated(on, dir, spec, size);
        var copy = new FileCopy(before.Size, dense);
        progress?.Begin(dense ? before.Size : Math.Min(before.Size, before.AllocatedBytes));
        await Fill(on, dir, spec, mayBeDirect: true, async file =>
        {
            while (!copy.Over)
            {
                await Act(read, _ =>
                {
                    using var source = OpenFitting(fromDir, from, spec, on.Verb);
                    try { copy.Read(source); }
                    catch (EndOfStreamException e) { throw Changed(e); }
                    return true;
                });
                await file.Act(_ => { copy.Write(file); return true; });
                progress?.Did(copy.LastBytes);
            }
            return size;
        });
        progress?.Whole();
        if (dense && raw) await WriteZeroes(on, dir, spec, before.Size, size);
        // What was written while it was copied is there in part: that was no moment's content.
        if (await Look() is var after && (after.Written, after.Size, after.Inode) != (before.Written, before.Size, before.Inode)) throw Changed(null);

        // Through our client too the file is written back first: where its data and holes are is asked of the brick.
        Task<FileFacts> Look() => Act(read, _ =>
        {
            using var source = OpenFitting(fromDir, from, spec, on.Verb);
            return Libc.Fresh(source);
        });

        FaultException Changed(Exception? cause) => new Fault.DriverFailed(
            on.Verb, $"{from.Top.Name} was written to while it was copied: is it in use?") { NamesNothing = true }.Thrown(cause);
    }

    static SafeFileHandle OpenFitting(SafeFileHandle dir, Source from, VolumeSpec into, string verb)
    {
        var file = Chain.Open(dir, from.Top.Name, verb);
        try
        {
            DemandFit(from, into, Chain.Bytes(file, from.Top, verb), verb);
            return file;
        }
        catch { file.Dispose(); throw; }
    }

    static void DemandFit(Source from, VolumeSpec into, long bytes, string verb)
    {
        if (!into.IsSnapshot && bytes > into.Bytes)
            throw new Fault.DriverFailed(verb, $"{from.Top.Name} has {bytes} bytes, which do not fit into {into.Bytes}.").Thrown();
    }

    /// <summary>Twins share their room: what is to have all of its own is copied.</summary>
    bool Reflinks(Place place) => place.Reflinks && options.Provisioning == Provisioning.Thin;

    static FaultException StillOpen(string verb) => new(new Fault.DriverFailed(
        verb, "it is attached, and whoever has its file open would go on with the old one.") { NamesNothing = true }) { NothingDone = true };

    static FaultException NotAtOneMoment(string verb) => new Fault.DriverFailed(
        verb, "it is attached, and this storage can't copy a file at one moment while it is written to. Detach it first.") { NamesNothing = true }.Thrown();
}
