using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// What is done to the file of one volume or snapshot, relative to a proven directory. The order of events is what others trust in:
///
///  1. The file is made under a work name, that of the volume with the lease's generation. A leftover of that name is
///     unlinked, never truncated: after a crash between 3 and 4 it is another name of the published file.
///  2. Size, rights, fsync: what storage took and then can't keep (no room, quorum lost) shows at fsync at the latest.
///  3. The token is asked, the mount proven again, and the final name made with link(2). link fails where the name exists;
///     rename would replace, and a worker that lost its lease long ago must not put an empty file over a volume in use.
///     (RENAME_NOREPLACE would do it in one call, but GlusterFS answers EINVAL to it over FUSE.) Where links can't be made,
///     a rename after a look has to do. Reverting is the exception: there the volume's file is to be replaced, by rename(2).
///     Its work name carries the operation's id too, so a late worker can only ever rename the file that it made itself, and
///     that is gone once another lease or an undo has come (docs/adr/0005).
///  4. The work name is unlinked, and the file's fsync makes both durable: fsync of a directory is answered by GlusterFS
///     without a word to the brick's file system, while that of a file flushes the journal which holds its names too.
///
/// All blocks: lane threads only.
/// </summary>
internal static class VolumeFiles
{
    /// <summary>
    /// A delete is an operation of its own, and its generation says nothing of those under which the volume was made: so many are
    /// looked for in any case. What a create of yet more attempts left, which then was given up, is the sweep's.
    /// </summary>
    public const long UsualGenerations = 4;
    /// <summary>For more work files than this the directory is listed, else each is asked for by its name.</summary>
    const long GenerationsByName = 8;
    /// <summary>Until it is done.</summary>
    const uint OwnerOnly = 0x180; // 0600
    const int CopiedAtOnce = 1024 * 1024;
    /// <summary>gluster:// can't open an image whose size is no multiple of 512; qcow2's own unit is a cluster of 64 KiB.</summary>
    public const int Qcow2Unit = 64 * 1024;

    /// <summary>Whether the volume's file is there already, as it should be: then it is made durable, and all is done.</summary>
    /// <exception cref="FaultException">A file is there that is something else. It is left alone.</exception>
    public static bool Exists(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        var name = layout.Final(spec);
        SafeFileHandle file;
        try { file = OpenAt(dir, name, O_RDWR | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
        catch (ErrnoException e) when (e.Errno is Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { throw Occupied(name, "is no regular file"); }
        using (file)
        {
            var facts = Facts(file);
            if (!facts.IsRegular) throw Occupied(name, "is no regular file");
            var size = spec.Format == VolumeFormat.Qcow2 ? Qcow2Header.Read(Bytes(file))?.Bytes : facts.Size;
            if (size is null || (size != spec.Bytes && !spec.IsSnapshot && spec.Name is null)) throw Occupied(name, $"is {(size is { } s ? $"a volume of {s} bytes" : "no qcow2 image")}");
            ChangeMode(file, spec.Mode);
            Sync(file);
        }
        Forget(dir, layout, spec);
        SyncNames(dir);
        return true;

        FaultException Occupied(string name, string what) => new Fault.DriverFailed(
            "make the file", $"{name} exists on the share already and {what}, not the new {spec.Bytes} bytes. It was left alone: move it away if nobody needs it.")
            .Thrown();
    }

    /// <summary>Opens the volume's work file, new and empty. What earlier attempts left goes first: it may hold the room needed.</summary>
    public static SafeFileHandle Begin(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        var work = layout.Work(spec);
        if (spec.Replacing is null) Forget(dir, layout, spec, spec.Generation - 1);
        else ForgetAll(dir, layout, spec.Id, of => of.Replacing != spec.Replacing || of.Generation < spec.Generation);
        try { return OpenAt(dir, work, O_RDWR | O_CREAT | O_EXCL, OwnerOnly); }
        catch (ErrnoException e) when (e.Errno == Errno.EEXIST)
        {
            Unlink(dir, work);
            return OpenAt(dir, work, O_RDWR | O_CREAT | O_EXCL, OwnerOnly);
        }
    }

    /// <summary>Opens the work file that another program has filled meanwhile.</summary>
    public static SafeFileHandle Resume(SafeFileHandle dir, Layout layout, VolumeSpec spec) =>
        OpenAt(dir, layout.Work(spec), O_RDWR | O_NONBLOCK);

    /// <summary>Sees to rights and durability of the work file and gives it its final name.</summary>
    public static void Publish(Place place, SafeFileHandle dir, SafeFileHandle file, Layout layout, VolumeSpec spec, CancellationToken token)
    {
        if (spec.Format == VolumeFormat.Qcow2) Truncate(file, Padded(file));
        ChangeMode(file, spec.Mode);
        Sync(file);
        token.ThrowIfCancellationRequested();
        place.Prove(dir);
        var (work, final) = (layout.Work(spec), layout.Final(spec));
        if (spec.Replacing is not null)
        {
            Rename(dir, work, final);
            Sync(file);
            SyncNames(dir);
            return;
        }
        try { Link(dir, work, final); }
        catch (ErrnoException e) when (e.Errno == Errno.EEXIST && Exists(dir, layout, spec)) { return; /* another worker was first */ }
        catch (ErrnoException e) when (e.NoLinks)
        {
            // link(2): file systems without hard links. The look and the rename are two calls: the best there is here.
            if (Exists(dir, layout, spec)) return;
            Rename(dir, work, final);
        }
        Gone(dir, work);
        Sync(file);
        SyncNames(dir);
    }

    /// <summary>Makes a published image's file end with a whole cluster, where that can be done without ever making it shorter.</summary>
    public static void Pad(SafeFileHandle image)
    {
        try { Grow(image, Padded(image), allocate: false); }
        catch (ErrnoException e) when (e.Errno == Errno.EOPNOTSUPP) { /* then gluster:// can't open it, which nobody here does */ }
    }

    static long Padded(SafeFileHandle image) => (Facts(image).Size + Qcow2Unit - 1) / Qcow2Unit * Qcow2Unit;

    /// <summary>
    /// Writes a volume's .info under its work name, which carries the operation's id and the lease's generation as that of a file does that
    /// replaces another: a worker that comes late can put nothing there but its own, and that is gone.
    /// </summary>
    public static void BeginNote(SafeFileHandle dir, Layout layout, VolumeSpec spec, ChainInfo info, Work work)
    {
        var name = layout.InfoWork(spec.Id, OperationOf(work), work.Generation);
        Gone(dir, name);
        using var file = OpenAt(dir, name, O_RDWR | O_CREAT | O_EXCL, OwnerOnly);
        Write(file, info.Write(), 0);
        ChangeMode(file, spec.Mode);
        Sync(file);
    }

    /// <summary>Puts it in the place of the one that there is. A volume that is there is never without the one that it has.</summary>
    public static void PublishNote(Place place, SafeFileHandle dir, Layout layout, VolumeSpec spec, Work work, CancellationToken token)
    {
        var name = layout.InfoWork(spec.Id, OperationOf(work), work.Generation);
        using var file = OpenAt(dir, name, O_RDWR | O_NONBLOCK);
        token.ThrowIfCancellationRequested();
        place.Prove(dir);
        Rename(dir, name, layout.Info(spec.Id));
        Sync(file);
        SyncNames(dir);
    }

    static string OperationOf(Work work) => work.Operation ?? throw new ArgumentException("It is an operation's.", nameof(work));

    /// <summary>Sees to it that no lease of this operation before this one puts its .info there any more.</summary>
    public static void ForgetNotes(SafeFileHandle dir, Layout layout, VolumeSpec spec, Work work)
    {
        if (work.Operation is null) return;
        if (work.Generation > GenerationsByName) ForgetAll(dir, layout, spec.Id, of => of.Replacing == work.Operation && of.Generation < work.Generation);
        else
            for (var g = 1L; g < work.Generation; g++) Gone(dir, layout.InfoWork(spec.Id, work.Operation, g));
    }

    /// <summary>Unlinks the work files of this generation and of all before it: whoever works on one of those can't publish it any more.</summary>
    public static void Forget(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        if (spec.Replacing is null) Forget(dir, layout, spec, spec.Generation);
        else Gone(dir, layout.Work(spec)); // others' are left: this worker may be the late one
    }

    /// <summary>Unlinks every work file of a volume, of whichever operation.</summary>
    public static void Abandon(SafeFileHandle dir, Layout layout, string volumeId)
    {
        if (ForgetAll(dir, layout, volumeId, _ => true)) SyncNames(dir);
    }

    static bool ForgetAll(SafeFileHandle dir, Layout layout, string volumeId, Func<FileName, bool> which)
    {
        var any = false;
        foreach (var name in Names(dir))
            if (layout.Parse(name) is { Kind: FileKind.Work } of && of.Id == volumeId && which(of)) any |= Gone(dir, name);
        return any;
    }

    static void Forget(SafeFileHandle dir, Layout layout, VolumeSpec spec, long upTo)
    {
        if (upTo <= GenerationsByName)
            for (var g = 1L; g <= upTo; g++) Gone(dir, layout.Work(spec, g));
        else
            foreach (var name in Names(dir))
                if (name.StartsWith(layout.Work(spec, 0)[..^1], StringComparison.Ordinal) && layout.Parse(name) is { } of && of.Generation <= upTo) Gone(dir, name);
    }

    /// <summary>Takes away a snapshot that is a whole copy, and all that is under work for it. What isn't there is as good.</summary>
    public static void Remove(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        // Work files first: once they are gone, no late worker can make it appear again.
        Forget(dir, layout, spec, Math.Max(spec.Generation, UsualGenerations));
        RemoveName(dir, layout.Final(spec));
        SyncNames(dir);
    }

    /// <summary>Unlinks a name, durably; false when that was not the file's last one, which then goes on being what it is.</summary>
    public static bool RemoveName(SafeFileHandle dir, string name)
    {
        SafeFileHandle? file = null;
        try { file = OpenAt(dir, name, O_RDWR | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.ENXIO or Errno.EACCES) { /* unlink says more */ }
        using (file)
        {
            if (!Gone(dir, name) || file is null) return true;
            // The unlinked file's fsync is what makes the unlink durable on a brick, and its answer tells the names that are left.
            Sync(file);
            return Facts(file).Links == 0;
        }
    }

    /// <summary>What is in a file, for a look at its headers.</summary>
    public static DiskBytes Bytes(SafeFileHandle file) => new(Facts(file).Size, (into, offset) => ReadAll(file, into, offset));

    /// <summary>Whether there is anything of that name.</summary>
    public static bool Has(SafeFileHandle dir, string name)
    {
        try { Facts(dir, name); return true; }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
    }

    /// <summary>Copies what is data and leaves holes holes: plain reads and writes, the only way that every Gluster volume does right.</summary>
    public static void CopyData(SafeFileHandle from, SafeFileHandle to, CancellationToken token)
    {
        var buffer = new byte[CopiedAtOnce];
        long end;
        for (var at = NextData(from, 0); at >= 0; at = NextData(from, end))
        {
            end = NextHole(from, at);
            while (at < end)
            {
                token.ThrowIfCancellationRequested();
                var n = Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)), at);
                Write(to, buffer.AsSpan(0, n), at);
                at += n;
            }
        }
        Truncate(to, Facts(from).Size);
    }

    /// <summary>What lies in the directory.</summary>
    public static Inventory List(SafeFileHandle dir, Layout layout)
    {
        var (volumes, snapshots, hidden) = (Sorted(), Sorted(), Sorted());
        var litter = new List<Litter>();
        foreach (var name in Names(dir))
            switch (layout.Parse(name))
            {
                case { Kind: FileKind.Volume or FileKind.Overlay } of: volumes.Add(of.Id); break;
                case { Kind: FileKind.Snapshot } of: snapshots.Add(of.Id); break;
                case { Kind: FileKind.Work } of: litter.Add(new(name, new("volume", of.Id))); break;
                case { Kind: FileKind.SnapshotWork } of: litter.Add(new(name, new("snapshot", of.Id))); break;
                case { Kind: FileKind.Info } of:
                    if (Info(of.Id) is not { } info) break;
                    snapshots.UnionWith(info.Snapshots.Keys);
                    if (info is { Active: null, Kept: not null }) hidden.Add(of.Id);
                    break;
            }
        volumes.ExceptWith(hidden);
        litter.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new(volumes.ToList(), snapshots.ToList(), litter);

        static SortedSet<string> Sorted() => new(StringComparer.Ordinal);

        ChainInfo? Info(string id)
        {
            try { return ChainInfo.Read(dir, layout, id, "list the volumes"); }
            catch (FaultException) { return null; /* whoever works on that volume is told */ }
        }
    }

    /// <summary>Unlinks a work file by its name.</summary>
    public static void RemoveLitter(SafeFileHandle dir, string name)
    {
        if (Gone(dir, name)) SyncNames(dir);
    }

    /// <summary>Unlinks a name; false when there is none.</summary>
    public static bool Gone(SafeFileHandle dir, string name)
    {
        try { Unlink(dir, name); return true; }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
    }

    /// <summary>Makes the names in the directory durable, as far as its file system does so.</summary>
    public static void SyncNames(SafeFileHandle dir)
    {
        using var open = OpenAt(dir, ".", O_RDONLY | O_DIRECTORY);
        Sync(open);
    }
}

/// <summary>A file as it is to be.</summary>
/// <param name="Id">Of the volume, or of the snapshot.</param>
/// <param name="Bytes">Its size as a user sees it.</param>
/// <param name="Generation">Of the lease under which it is made.</param>
/// <param name="Mode">Rights, as chmod takes them.</param>
/// <param name="Replacing">The operation that puts it in the place of the file that there is; null: nothing is replaced.</param>
internal sealed record VolumeSpec(
    string Id, long Bytes, VolumeFormat Format, Provisioning Provisioning, uint Mode, long Generation, bool IsSnapshot = false, string? Replacing = null)
{
    /// <summary>Of a snapshot: the volume that it is of.</summary>
    public string? VolumeId { get; init; }

    /// <summary>The name that the file gets, where that is another than the volume's own: that of an overlay.</summary>
    public string? Name { get; init; }

    /// <summary>The file that it is to stand on.</summary>
    public DiskFile? Under { get; init; }

    /// <summary>It is no volume, but what was filled from an image for one.</summary>
    public bool IsImage { get; init; }

    public FileKind WorkKind => IsSnapshot ? FileKind.SnapshotWork : FileKind.Work;
}
