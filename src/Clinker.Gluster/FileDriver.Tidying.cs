using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

// Fewer files for a volume: what need not be apart is put together, and what it shares with others is copied into it. Why it may be done as it is
// stands in docs/adr/0009, and beside a guest in 0010.
public abstract partial class FileDriver
{
    /// <summary>What putting one file into another may take longer for each GiB that is in it.</summary>
    static readonly TimeSpan CommitPerGib = TimeSpan.FromMinutes(2);

    // Its rate is not bounded: who asks for it waits for it.
    public sealed override Task Flatten(Volume volume, Work work) => Shorten(volume, flatten: true, 0, "flatten the volume", work);

    public sealed override Task Tidy(Volume volume, bool flatten, Work work) =>
        Shorten(volume, flatten, options.FlattenRate, "put the volume's files in order", work);

    public sealed override async Task<IReadOnlyList<Untidy>> FindUntidy(string pool, IReadOnlyList<Volume> volumes, CancellationToken token)
    {
        var place = await PlaceOf(pool, null, token);
        var on = new Errand(place, "look at the volumes' files", options.ActDeadline, token);
        // One of several files has further names, all of its own: of others no header is read.
        var several = await Act(on, _ =>
        {
            using var dir = place.Open();
            return Libc.Names(dir).Select(n => layout.Parse(n)).Where(n => n is { Kind: FileKind.Overlay }).Select(n => n!.Value.Id).ToHashSet();
        });
        var found = new List<Untidy>();
        foreach (var volume in volumes.Where(v => several.Contains(v.FileId)))
            try
            {
                if (await Act(on, _ => Look(volume)) is { } one) found.Add(one);
            }
            catch (FaultException e) when (e.Fault is Fault.DriverFailed) { /* what is wrong with its files is told by a check of the share */ }
        return found;

        Untidy? Look(Volume volume)
        {
            using var dir = place.Open();
            var spec = Spec(volume, new(0, token));
            var info = ChainInfo.Read(dir, layout, spec.Id, on.Verb);
            var levels = Chain.Walk(dir, layout, spec, Chain.Top(layout, info, spec, on.Verb), on.Verb);
            var own = options.FlattenDepth > 0 && levels.Count >= options.FlattenDepth ? Chain.Sharing(layout, spec.Id, levels) : null;
            if (own is null && !Chain.Joints(layout, spec.Id, info, levels).Any() && !IsLeft(info.Pulling?.Name) && !IsLeft(info.Going)
                && !(IsLeft(info.Replaced) && !AreOthers(levels, spec))) return null;
            var written = own is null ? levels.Take(levels.Count - 1) : levels.Skip(own.Value);
            return new(volume.Id, levels.Count, own is not null, spec.Provisioning == Provisioning.Thick ? spec.Bytes : written.Sum(l => l.Allocated));

            bool IsLeft(string? name) => name is not null && !levels.Exists(l => l.Name == name) && IsOver(dir, info, name);
        }
    }

    /// <summary>Puts a volume's own files together as far as they need not be apart, and before that copies into it what it shares.</summary>
    /// <param name="rate">In bytes a second; 0: any.</param>
    async Task Shorten(Volume volume, bool flatten, long rate, string verb, Work work)
    {
        await Unfreeze(volume, null, verb, work); // what an attempt before this one put together
        var now = await Pulled(volume, verb, work);
        var on = On(now.Place, verb, work);
        var info = now.Attached ? now.Info : now.Info with { Pulling = null };
        if (flatten && Chain.Sharing(layout, now.Spec.Id, now.Levels) is { } own)
        {
            if (own == 0 && now.Attached)
                throw StillOpen(verb);
            DemandRoom(now.Place, now.Levels.Skip(own));
            now = now with { Info = info };
            if (now.Attached && now.Levels.Any(l => l.Name == now.Info.Going))
                throw new FaultException(new Fault.DriverFailed(verb,
                    $"whoever has it may still put {now.Info.Going} into the file under it, since the delete of a snapshot asked for that. Delete another snapshot, or detach it first."))
                {
                    NothingDone = true,
                };
            var (spec, under) = (now.Spec with { Bytes = now.Levels[own].Bytes, Replacing = OperationOf(work) }, now.Levels[own + 1].Name);
            // Clones of it may stand on its old file, and that goes on standing on what it stood on: the name is theirs from then on. Noted before
            // it is so, or a delete that comes after a cut would take it from them.
            var isTheirs = now.Levels[own].Links > 1;
            info = info with { Active = info.Active ?? now.Top.Name, Kept = isTheirs ? under : info.Kept == under ? null : info.Kept };
            if (now.Attached || AreOthers(now.Levels, now.Spec)) info = await Keep(on, now.Spec, info, work);
            else if (isTheirs) await Note(on, now.Spec, info, work);
            else info = await Mark(on, now with { Info = info }, own + 1, work);
            await using (var content = await FileContent.Open(this, now with { Levels = [.. now.Levels.Skip(own)] }, verb, work))
                await Filled(now.Place, verb, spec, Paced(content.Copy(work.Progress), rate), work);
            await work.StillHeld();
            await Unfreeze(volume, null, verb, work);
        }
        if (!now.Attached) await Tidy(on, now.Spec, info, noted: true, quiet: true, work, rate);
    }

    /// <summary>Writes no more in any second than the rate says; what was not written while the storage hung is not made up for.</summary>
    Fill Paced(Fill fill, long rate) => rate == 0 ? fill : (write, token) =>
    {
        var due = TimeSpan.Zero;
        var began = time.GetTimestamp();
        return fill(async (offset, bytes) =>
        {
            await write(offset, bytes);
            var now = time.GetElapsedTime(began);
            due = (due > now ? due : now) + TimeSpan.FromSeconds((double)bytes.Length / rate);
            await Task.Delay(due - now, time, token);
        }, token);
    };

    /// <summary>Whether volumes that were made of its snapshots stand on files above a volume's own: they open that, and what is under it, by the same names.</summary>
    bool AreOthers(IReadOnlyList<Level> levels, VolumeSpec volume) => levels.TakeWhile(l => l.Name != layout.Volume(volume.Id)).Any(l => l.Links > 1);

    /// <summary>
    /// Gives the volume's own file, which is to be replaced, another name. Who has it open goes on with it and with all under it, and what has no
    /// name any more goes away under him: at once where it is cut or in shards, else as soon as his client has to open it anew.
    /// </summary>
    async Task<ChainInfo> Keep(Errand on, VolumeSpec volume, ChainInfo info, Work work)
    {
        var name = layout.Overlay(volume.Id, OperationOf(work));
        await Note(on, volume, info = info with { Replaced = name }, work);
        await Act(on, _ =>
        {
            using var dir = on.Place.Open();
            on.Place.Prove(dir);
            if (!VolumeFiles.Has(dir, name)) Libc.Link(dir, layout.Volume(volume.Id), name);
            VolumeFiles.SyncNames(dir);
            return true;
        });
        return info;
    }

    /// <summary>Lets go of the file that was replaced, once nobody has the volume, unless others may: <see cref="Keep"/>.</summary>
    /// <returns>What is to be noted.</returns>
    ChainInfo Closed(SafeFileHandle dir, VolumeSpec volume, ChainInfo info, string verb)
    {
        if (info.Replaced is null) return info;
        var levels = Chain.Walk(dir, layout, volume, Chain.Top(layout, info, volume, verb), verb, fresh: true);
        if (AreOthers(levels, volume)) return info;
        if (info.Old(layout, volume.Id) is { } old && IsOver(dir, info, old))
        {
            using (var file = Chain.Open(dir, old, verb))
                if (Libc.Fresh(file).Links == 1 && Chain.Under(dir, layout, volume, old, verb)?.Name == info.Kept) info = info with { Kept = null }; // no clone has it
            Drop(dir, volume, info, old, levels, verb);
            VolumeFiles.SyncNames(dir);
        }
        return info with { Replaced = null };
    }

    /// <summary>
    /// Notes what is new of a volume's files, and puts together those of them that need not be apart any more: where no snapshot lies between
    /// two, and nobody else stands on either.
    /// </summary>
    /// <param name="info">What is true of them now.</param>
    /// <param name="noted">Whether it is noted already.</param>
    /// <param name="quiet">Whether nobody reads or writes the volume; if not, its files stay as they are.</param>
    /// <param name="rate">In bytes a second; 0: any.</param>
    /// <param name="mayStay">Whether files stay apart where there is no room to put them together: for what is done without that. Both are there until it is.</param>
    async Task Tidy(Errand on, VolumeSpec volume, ChainInfo info, bool noted, bool quiet, Work work, long rate = 0, bool mayStay = false)
    {
        if (quiet && info.Replaced is not null)
        {
            var closed = await Act(on, _ =>
            {
                using var dir = on.Place.Open();
                return Closed(dir, volume, info, on.Verb);
            });
            (info, noted) = (closed, noted && closed == info);
        }
        if (quiet && info.Coming is { } coming) (info, noted) = (info.Begins(coming), false);
        while (quiet)
        {
            var (levels, at) = await Act(on, _ =>
            {
                using var dir = on.Place.Open();
                var levels = Chain.Walk(dir, layout, volume, Chain.Top(layout, info, volume, on.Verb), on.Verb, fresh: true);
                // A program that was killed may have done its work all the same, after it was looked for what there is to remove.
                if (info.Going is { } going) Drop(dir, volume, info, going, levels, on.Verb);
                return (levels, Chain.Joints(layout, volume.Id, info, levels).OrderBy(i => levels[i].Name != info.Going).Cast<int?>().FirstOrDefault());
            });
            if (at is not { } i)
            {
                if (levels.Exists(l => l.Name == info.Going)) (info, noted) = (info with { Going = null }, false); // it is to stay
                break;
            }
            var (upper, lower) = (levels[i], levels[i + 1]);
            var isData = !upper.IsEmpty || upper.Bytes > lower.Bytes;
            if (mayStay && isData && on.Place.LacksRoom(upper.Allocated)) break;
            // A snapshot that is noted no more is not deleted again: what has to be as it should, also after a cut, comes before.
            if (lower.File.Format == VolumeFormat.Qcow2) await Grow(on, [.. levels.Skip(i + 1).Select(l => l.File)], volume with { Bytes = upper.Bytes, Provisioning = Provisioning.Thin });
            // Before the first byte is put under it the snapshot is none any more; and before it goes, what goes is known.
            if (i > 0) await Note(info with { Going = upper.Name });
            else if (isData && !noted) await Note(info);
            if (isData && !await Committed(on, [.. levels.Skip(i)], work, rate, mayStay)) break;
            if (i > 0) await Rebase(on, levels[i - 1], lower, work);
            else await Note(info.Begins(lower.Name) with { Going = upper.Name });
            await work.StillHeld();
            await Act(on, _ =>
            {
                using var dir = on.Place.Open();
                on.Place.Prove(dir);
                VolumeFiles.RemoveName(dir, upper.Name);
                VolumeFiles.SyncNames(dir);
                return true;
            });
        }
        if (!noted) await Note(info);

        Task Note(ChainInfo what)
        {
            (info, noted) = (what, true);
            return this.Note(on, volume, what, work);
        }
    }

    /// <summary>
    /// Writes what is in an image into the file under it: by qemu-img on the share, which locks both against every other program of QEMU, and
    /// which is killed when the lease is lost. Cut anywhere the image still covers what was written under it, and it may be repeated.
    /// </summary>
    /// <param name="levels">From it on downwards.</param>
    /// <param name="rate">In bytes a second; 0: any.</param>
    async Task Commit(Errand on, IReadOnlyList<Level> levels, Work work, long rate)
    {
        using var dir = await Act(on, _ => on.Place.Open());
        var held = levels[0].Allocated;
        await work.StillHeld();
        string[] paced = rate == 0 ? [] : ["-r", Number(rate)];
        var far = new ToolProgress(work.Progress, held);
        await QemuImg(on, ["commit", "-p", "-d", .. paced, "-f", "qcow2", Whole(dir, [.. levels.Select(l => l.File)])],
            on.Deadline + CommitPerGib * (held / Gib) + TimeSpan.FromSeconds(rate == 0 ? 0 : held / rate), "put one file of the volume into the one under it", on.Token, onPool: true, far.Hear);
        far.Whole();
    }

    /// <summary>As <see cref="Commit"/>; false when the share has become full by it, and that is to be no fault.</summary>
    async Task<bool> Committed(Errand on, IReadOnlyList<Level> levels, Work work, long rate, bool mayStay)
    {
        try
        {
            await Commit(on, levels, work, rate);
            return true;
        }
        catch (FaultException e) when (mayStay && e.Fault is Fault.ShareFull) { return false; }
    }

    /// <summary>
    /// Makes an image as large as one that is to be put into it. qemu-img would do so then, and leave it with an end that is no whole cluster.
    /// </summary>
    /// <param name="files">From it on downwards.</param>
    async Task Grow(Errand on, IReadOnlyList<DiskFile> files, VolumeSpec to)
    {
        using var dir = await Act(on, _ => on.Place.Open());
        await Resize(on, dir, files, to);
        await Act(on, _ =>
        {
            using var file = Chain.Open(dir, files[0].Name, on.Verb, Libc.O_RDWR);
            VolumeFiles.Pad(file);
            return true;
        });
    }

    /// <summary>Has an image stand on another file, which has the same content as the one that it stood on.</summary>
    async Task Rebase(Errand on, Level image, Level under, Work work)
    {
        using var dir = await Act(on, _ => on.Place.Open());
        await work.StillHeld();
        await QemuImg(on, ["rebase", "-u", "-f", "qcow2", "-b", under.Name, "-F", Words(under.File.Format), PathOf(dir, image.Name)],
            on.Deadline, "name the file under an image", on.Token, onPool: true);
        await Act(on, _ => { using var file = Chain.Open(dir, image.Name, on.Verb); Libc.Sync(file); return true; });
    }
}
