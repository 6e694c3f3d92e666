using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>A file whose name is one of ours, as it was when it was looked at.</summary>
/// <param name="Header">What an image begins with; null: it is none.</param>
/// <param name="Info">Of an .info.</param>
/// <param name="Unreadable">Why it could not be looked into, as the end of a sentence; null: it could.</param>
internal sealed record SeenFile(
    string Name, FileName Of, FileFacts Facts, Qcow2Header? Header = null, ChainInfo? Info = null, string? Unreadable = null)
{
    public bool IsData => Of.Kind is FileKind.Volume or FileKind.Overlay;

    public (uint, uint, ulong) Identity => (Facts.DeviceMajor, Facts.DeviceMinor, Facts.Inode);

    /// <summary>Looks at one; null when it is not there any more, or none of ours. Blocks: lane threads only.</summary>
    public static SeenFile? Look(SafeFileHandle dir, Layout layout, string name)
    {
        if (layout.Parse(name) is not { } of) return null;
        var facts = default(FileFacts);
        try
        {
            facts = Libc.Facts(dir, name);
            if (!facts.IsRegular) return new(name, of, facts, Unreadable: "is no regular file");
            if (of.Kind is FileKind.Work or FileKind.SnapshotWork) return new(name, of, facts);
            if (of.Kind is FileKind.Info) return new(name, of, facts, Info: ChainInfo.Read(dir, layout, of.Id, "look at it"));
            using var file = Libc.OpenAt(dir, name, Libc.O_RDONLY | Libc.O_NONBLOCK);
            return new(name, of, Libc.Facts(file), Qcow2Header.Read(VolumeFiles.Bytes(file)));
        }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return null; }
        catch (ErrnoException e) when (e.Errno is Errno.EIO or Errno.EACCES or Errno.EPERM)
        {
            return new(name, of, facts, Unreadable: $"can't be read: {e.Message}");
        }
        catch (FaultException e) when (e.Fault is Fault.DriverFailed why)
        {
            return new(name, of, facts, Unreadable: why.Why[(name.Length + 1)..].TrimEnd('.'));
        }
    }
}

/// <summary>
/// Compares the files of a pool with the rows. Nothing is asked of the storage: what it says is as true as what was seen. What must be so is
/// written down at <see cref="Chain"/> and <see cref="ChainInfo"/>; all files that a volume or a snapshot with a row stands on are found from
/// its topmost one, and what is not found so is left over, or others'.
/// </summary>
internal sealed class PoolCheck
{
    const string Verb = "check the pool";
    const string Restore = "put the file back, or restore the volume from a backup";
    const long Gib = 1L << 30;

    readonly Layout layout;
    readonly FileBackendOptions options;
    readonly IReadOnlyDictionary<string, SeenFile> files;
    readonly PoolRows rows;
    readonly ILookup<string, SeenFile> ofVolume;
    readonly ILookup<(uint, uint, ulong), SeenFile> byIdentity;
    readonly HashSet<string> stoodOn = [];
    /// <summary>Whether all chains could be followed to their ends: only then is it certain on which files nothing stands.</summary>
    bool isWhole = true;
    readonly Dictionary<(Flaw, string), Finding> found = [];

    /// <summary>All flaws, by the files' names.</summary>
    public static IReadOnlyList<Finding> Find(Layout layout, FileBackendOptions options, IReadOnlyDictionary<string, SeenFile> files, PoolRows rows)
    {
        var check = new PoolCheck(layout, options, files, rows);
        foreach (var row in rows.Volumes.Values) check.Volume(row);
        check.LeftOver();
        return [.. check.found.Values.OrderBy(f => f.File, StringComparer.Ordinal).ThenBy(f => f.Flaw)];
    }

    PoolCheck(Layout layout, FileBackendOptions options, IReadOnlyDictionary<string, SeenFile> files, PoolRows rows)
    {
        (this.layout, this.options, this.files, this.rows) = (layout, options, files, rows);
        ofVolume = files.Values.Where(f => f.IsData).OrderBy(f => f.Name, StringComparer.Ordinal).ToLookup(f => f.Of.Id);
        byIdentity = files.Values.Where(f => f.IsData && f.Facts.Links > 1).ToLookup(f => f.Identity);
    }

    void Volume(VolumeRow row)
    {
        var (volume, about) = (row.Volume, new About("volume", row.Volume.Id));
        var spec = new VolumeSpec(volume.FileId, 0, FileDriver.Recorded(volume) ?? options.Format, options.Provisioning, options.Mode, 0);
        var seen = files.GetValueOrDefault(layout.Info(spec.Id));
        var info = seen?.Info ?? ChainInfo.None;
        if (seen?.Unreadable is { } why || (info is { Active: null, Kept: not null } && (why = "says that the volume was deleted") is not null))
        {
            Tell(Flaw.Info, Gravity.Error, seen!.Name, about, why,
                "write it anew by what qemu-img info says of the volume's files: they are all still there", ids: spec.Id);
            foreach (var own in ofVolume[spec.Id])
                Walk(spec, new(own.Name, own.Header is null ? VolumeFormat.Raw : VolumeFormat.Qcow2), about, quiet: true);
            foreach (var snapshot in row.Snapshots) stoodOn.Add(Layout.Snapshot(snapshot.Id));
            return;
        }
        if (seen is not null) Rights(seen, about, spec.Id);
        if (info.Kept is not null && volume.Status is VolumeStatus.ErrorDeleting)
            Tell(Flaw.Info, Gravity.Warning, seen!.Name, about, "says that the volume is being deleted, and nobody does that",
                "delete the volume again", ids: spec.Id);

        var top = Chain.Top(layout, info, spec, Verb);
        var levels = Walk(spec, top, about);
        if (levels.Count > 0) Size(levels[0], volume.SizeGb, about, spec.Id);
        else if (row.IsThere)
        {
            isWhole = false;
            Tell(Flaw.Missing, Gravity.Error, top.Name, about,
                $"is not there, and the volume is {volume.Status}", Restore, ids: spec.Id);
        }
        if (levels.Count > options.MaxChainDepth)
            Tell(Flaw.Depth, Gravity.Warning, top.Name, about,
                $"is the topmost of {levels.Count} files, and max_chain_depth is {options.MaxChainDepth}",
                "delete snapshots that nobody needs", ids: spec.Id);
        foreach (var snapshot in row.Snapshots) Snapshot(snapshot, spec, info);
        if (info.Pulling is { } pulling) Walk(spec, pulling, about, quiet: true); // as long as it is there it is somebody's
        if (info.Replaced is { } replaced) Walk(spec, new(replaced, VolumeFormat.Qcow2), about, quiet: true); // and this one
        foreach (var (id, overlay) in info.Snapshots.Where(s => row.Snapshots.All(r => r.Id != s.Key)))
        {
            Tell(Flaw.UnknownSnapshot, Gravity.Warning, seen!.Name, about,
                $"names the snapshot {id}, which nobody remembers; the volume can't be deleted so",
                (Layout.IsId(id) ? $"manage it: clinker volume snapshot create --remote-source source-name={Layout.Snapshot(id)} --volume {row.Volume.Id} NAME; " : "")
                    + "who takes that line out, while nobody is at work on the volume, gives up what is in it",
                ids: spec.Id);
            Walk(spec, new(overlay, VolumeFormat.Qcow2), about);
        }
    }

    void Size((DiskFile File, SeenFile Seen) top, int sizeGb, About about, string fileId)
    {
        if ((top.File.Format == VolumeFormat.Raw ? top.Seen.Facts.Size : top.Seen.Header?.Bytes) is not { } bytes) return;
        var gb = (bytes + Gib - 1) / Gib; // what was managed may be less than whole GiB
        if (gb < sizeGb)
            Tell(Flaw.Size, Gravity.Error, NameOf(top.Seen), about, $"has {bytes} bytes, and the {about.Kind} {sizeGb} GiB", Restore, ids: fileId);
        else if (gb > sizeGb && about.Kind == "volume")
            Tell(Flaw.Size, Gravity.Warning, top.Seen.Name, about,
                $"has {bytes} bytes, and the volume only {sizeGb} GiB", "extend the volume", ids: fileId);
    }

    void Snapshot(Snapshot snapshot, VolumeSpec volume, ChainInfo info)
    {
        var about = new About("snapshot", snapshot.Id);
        var whole = Layout.Snapshot(snapshot.Id);
        if (files.ContainsKey(whole) && Walk(volume, new(whole, volume.Format), about) is [var copy, ..]) Size(copy, snapshot.SizeGb, about, volume.Id);
        if (info.Snapshots.TryGetValue(snapshot.Id, out var overlay))
        {
            var levels = Walk(volume, new(overlay, VolumeFormat.Qcow2), about);
            if (levels.Count == 0) Lost(overlay, "is not there, and what lies under it is the snapshot");
            else if (levels[0].Seen.Header is { Backing: null }) Lost(overlay, "stands on nothing, and what lay under it is the snapshot");
            else if (levels.Count > 1) Size(levels[1], snapshot.SizeGb, about, volume.Id);
        }
        else if (!files.ContainsKey(whole)) Lost(whole, $"is not there, and {layout.Info(volume.Id)} does not name the snapshot");

        void Lost(string file, string said)
        {
            if (!VolumeRow.HasSnapshot(snapshot)) return;
            isWhole = false;
            Tell(Flaw.Missing, Gravity.Error, file, about, said, "put the file back, or delete the snapshot", ids: volume.Id);
        }
    }

    /// <summary>Follows a chain as far as it goes. What is wrong with a file is told once, whoever stands on it.</summary>
    /// <param name="quiet">It is only to be known what is stood on.</param>
    /// <param name="butOwn">The volume's own files do not count as such.</param>
    List<(DiskFile File, SeenFile Seen)> Walk(VolumeSpec spec, DiskFile from, About about, bool quiet = false, bool butOwn = false)
    {
        var levels = new List<(DiskFile File, SeenFile Seen)>();
        for (DiskFile? next = from; next is { } at;)
        {
            next = null;
            if (!files.TryGetValue(at.Name, out var seen))
            {
                if (levels.Count > 0) Broken(levels[^1].Seen, Flaw.Chain, $"stands on {at.Name}, which is not there", at.Name);
                return levels;
            }
            if (levels.Count == Chain.Most || levels.Exists(l => l.File.Name == at.Name))
            {
                Broken(levels[^1].Seen, Flaw.Chain, "stands on itself");
                return levels;
            }
            levels.Add((at, seen));
            if (!butOwn || seen.Of.Id != spec.Id) stoodOn.Add(at.Name);
            if (seen.Unreadable is { } why) { Broken(seen, Flaw.Chain, why); return levels; }
            if (!quiet) Rights(seen, about, spec.Id);
            if (FormatOf(seen) is { } recorded && recorded != at.Format)
                Broken(seen, Flaw.Format, $"is written down as {FileDriver.Words(recorded)}, and read as {FileDriver.Words(at.Format)}");
            if (at.Format == VolumeFormat.Raw) return levels;
            if (seen.Header is not { } header) { Broken(seen, Flaw.Format, "is no qcow2 image, as it should be"); return levels; }
            if (header.HasDataFile) { Broken(seen, Flaw.Chain, "is an image that needs other files"); return levels; }
            if (header.Broken is { } broken) { Broken(seen, Flaw.Chain, $"is an image that can't be read: {broken}"); return levels; }
            if (!quiet && seen.Facts.Size % VolumeFiles.Qcow2Unit != 0)
                Tell(Flaw.Padding, Gravity.Note, NameOf(seen), about,
                    $"has {seen.Facts.Size} bytes, and not whole clusters: gluster:// can't open it",
                    "a repair makes it longer", canRepair: true, ids: [spec.Id, seen.Of.Id]);
            try { next = Chain.Under(layout, spec, at.Name, header, Verb, isTop: levels.Count == 1 && !quiet); }
            catch (FaultException e) when (e.Fault is Fault.DriverFailed refused)
            {
                Broken(seen, Flaw.Chain, refused.Why[(at.Name.Length + 1)..].TrimEnd('.'));
            }
        }
        return levels;

        void Broken(SeenFile file, Flaw flaw, string said, string? other = null)
        {
            isWhole = false;
            if (quiet) return;
            Tell(flaw, Gravity.Error, NameOf(file), about, said, Restore,
                ids: [spec.Id, file.Of.Id, .. other is not null ? new[] { layout.Parse(other)!.Value.Id } : []]);
        }
    }

    /// <summary>What was written down of a volume's own file, by whichever of its names it was found; null: nothing.</summary>
    VolumeFormat? FormatOf(SeenFile seen) =>
        (seen.Facts.Links > 1 ? byIdentity[seen.Identity] : [seen]).Where(f => f.Of.Kind == FileKind.Volume)
            .Select(f => rows.Volumes.TryGetValue(f.Of.Id, out var row) ? FileDriver.Recorded(row.Volume) : null).FirstOrDefault(f => f is not null);

    /// <summary>Of a file's several names always the same: its volume's, where that is one of them.</summary>
    string NameOf(SeenFile seen) => seen.Facts.Links > 1 && seen.IsData
        ? byIdentity[seen.Identity].OrderBy(f => f.Of.Kind).ThenBy(f => f.Name, StringComparer.Ordinal).First().Name
        : seen.Name;

    void Rights(SeenFile seen, About about, string fileId)
    {
        if ((seen.Facts.Mode & 0xfff) is var mode && mode != options.Mode)
            Tell(Flaw.Rights, Gravity.Warning, NameOf(seen), about, $"has the rights {Octal(mode)}", $"a repair gives it {Octal(options.Mode)}",
                canRepair: true, ids: [fileId, .. seen.Of.Kind == FileKind.Snapshot ? [] : new[] { seen.Of.Id }]);

        static string Octal(uint mode) => Convert.ToString(mode, 8).PadLeft(4, '0');
    }

    /// <summary>What no volume or snapshot with a row stands on, and what only others still stand on.</summary>
    void LeftOver()
    {
        var others = files.Values.Where(f => f.IsData || f.Of.Kind == FileKind.Info).Select(f => f.Of.Id)
            .Where(id => !rows.Volumes.ContainsKey(id) && !rows.Coming.Contains(id)).ToHashSet();
        foreach (var id in others) Stranger(id);
        foreach (var seen in files.Values)
        {
            var (id, about) = (seen.Of.Id, new About(seen.Of.Kind is FileKind.Snapshot or FileKind.SnapshotWork ? "snapshot" : "volume", seen.Of.Id));
            if (rows.Coming.Contains(id)) continue;
            var row = rows.Volumes.GetValueOrDefault(id);
            switch (seen.Of.Kind)
            {
                case FileKind.Work or FileKind.SnapshotWork:
                    Tell(Flaw.LeftWork, Gravity.Warning, seen.Name, about, "was left under work", "a repair removes it", canRepair: true, ids: id);
                    break;
                case FileKind.Snapshot when !stoodOn.Contains(seen.Name):
                    Tell(Flaw.Stranger, Gravity.Note, seen.Name, about, "is of no snapshot that is remembered to lie here",
                        "manage it, or move it away; it is left alone", ids: id);
                    break;
                case FileKind.Snapshot: break;
                case FileKind.Info: break;
                case var _ when row is null || !row.IsThere || stoodOn.Contains(seen.Name): break;
                case var _ when files.GetValueOrDefault(layout.Info(id))?.Info?.Going == seen.Name:
                    Tell(Flaw.Unused, Gravity.Note, seen.Name, new("volume", row.Volume.Id), "is not needed any more",
                        "the next snapshot that is taken or deleted removes it", ids: id);
                    break;
                case var _ when isWhole:
                    Tell(Flaw.Unused, Gravity.Warning, seen.Name, new("volume", row.Volume.Id), "is no part of what the volume begins with",
                        "look into it, and move it away if nobody needs it", ids: id);
                    break;
            }
        }
        foreach (var id in others) Other(id);
    }

    /// <summary>What a volume stands on that is not remembered to lie here: it may have been given up, and be taken back at any time.</summary>
    void Stranger(string id)
    {
        if (files.GetValueOrDefault(layout.Info(id))?.Info is { Active: null, Replaced: { } replaced })
            Walk(new(id, 0, VolumeFormat.Qcow2, options.Provisioning, options.Mode, 0), new(replaced, VolumeFormat.Qcow2), new("volume", id), quiet: true);
        if (files.GetValueOrDefault(layout.Info(id))?.Info is { Active: null, Kept: not null }) return;
        var top = files.GetValueOrDefault(layout.Info(id))?.Info is { } begins ? begins.Coming ?? begins.Active ?? layout.Volume(id) : layout.Volume(id);
        if (!files.TryGetValue(top, out var seen)) return;
        var format = seen.Header is null ? VolumeFormat.Raw : VolumeFormat.Qcow2;
        Walk(new(id, 0, format, options.Provisioning, options.Mode, 0), new(top, format), new("volume", id), quiet: true, butOwn: true);
    }

    /// <summary>The files of a volume without a row: kept since others stand on them, left by a clone that was given up, or nobody's.</summary>
    void Other(string id)
    {
        var (about, note) = (new About("volume", id), files.GetValueOrDefault(layout.Info(id)));
        var needed = ofVolume[id].Where(f => stoodOn.Contains(f.Name)).ToList();
        var (kept, strange) = (note?.Info?.Kept, new List<SeenFile>());
        foreach (var seen in ofVolume[id].Except(needed))
        {
            // A clone that was given up before it was there has no other file. The volume whose file it is keeps the other name as long as the
            // turn at its files is taken.
            if (note is null && ofVolume[id].All(f => f.Of.Kind == FileKind.Overlay)
                && byIdentity[seen.Identity].FirstOrDefault(f => rows.Volumes.ContainsKey(f.Of.Id)) is { } other)
                found[(Flaw.LeftLink, seen.Name)] = new(Flaw.LeftLink, Gravity.Warning, seen.Name, about,
                    $"is a further name of {other.Name}, given by a clone that there is not",
                    isWhole ? "a repair takes that name away" : "mend what is broken first", CanRepair: isWhole, [id, other.Of.Id])
                {
                    Other = other.Name,
                };
            else if (seen.Name == kept)
            {
                if (isWhole)
                    Tell(Flaw.Unused, Gravity.Warning, seen.Name, about, "is kept of a volume that was deleted, and nothing stands on it",
                        "move it away if nobody needs it", ids: id);
            }
            else strange.Add(seen);
        }
        if (note?.Unreadable is { } why)
            Tell(Flaw.Info, Gravity.Warning, note.Name, about, why,
                needed.Count > 0 ? $"""write {"{"}"clinker:kept": "{needed[0].Name}"{"}"} into it""" : "move it away", ids: id);
        else if (isWhole && kept is not null && !ofVolume[id].Any() && note!.Info!.Active is null && note.Info.Snapshots.Count == 0)
            Tell(Flaw.StaleNote, Gravity.Warning, note.Name, about, $"says that {kept} is kept, and there is none",
                "a repair removes it", canRepair: true, ids: id);
        else if (needed.Count > 0 && (kept is null || !files.ContainsKey(kept)))
            Tell(Flaw.Hidden, Gravity.Warning, needed[0].Name, about,
                "is of a volume that was deleted, others stand on it, and nothing says that it is kept",
                $"""write {"{"}"clinker:kept": "{needed[0].Name}"{"}"} into {layout.Info(id)}""", ids: id);
        else if (kept is not null)
        {
            Rights(note!, about, id);
            if (needed.Count > 0) Keeps(files[kept], about, id);
        }
        else if (note is not null) strange.Add(note);
        if (strange.Count > 0)
            Tell(Flaw.Stranger, Gravity.Note, strange[0].Name, about,
                $"{(strange.Count == 1 ? "is" : $"and {strange.Count - 1} more are")} of no volume that is remembered to lie here",
                "manage it, or move it away; it is left alone", ids: id);
    }

    /// <summary>All is well; but room is taken by what no volume in any list accounts for.</summary>
    void Keeps(SeenFile kept, About about, string id)
    {
        var on = byIdentity[kept.Identity].Where(f => f.Of.Id != id).Select(f => f.Of.Id).Distinct().Order(StringComparer.Ordinal).ToList();
        Tell(Flaw.Kept, Gravity.Note, kept.Name, about,
            $"is kept of a volume that was deleted, and takes {kept.Facts.AllocatedBytes} bytes: {(on.Count == 0 ? "others stand" : $"{string.Join(", ", on)} {(on.Count == 1 ? "stands" : "stand")}")} on it",
            "it goes with the last of them; a volume that is flattened stands on nothing", ids: id);
    }

    void Tell(
        Flaw flaw, Gravity gravity, string file, About about, string said, string fix, bool canRepair = false, params IReadOnlyList<string> ids) =>
        found.TryAdd((flaw, file), new(flaw, gravity, file, about, said, fix, canRepair, [.. ids.Distinct()]));
}
