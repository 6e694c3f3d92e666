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
    const long UsualGenerations = 4;
    /// <summary>For more work files than this the directory is listed, else each is asked for by its name.</summary>
    const long GenerationsByName = 8;
    /// <summary>Until it is done.</summary>
    const uint OwnerOnly = 0x180; // 0600
    const int CopiedAtOnce = 1024 * 1024;
    /// <summary>gluster:// can't open an image whose size is no multiple of 512; qcow2's own unit is a cluster of 64 KiB.</summary>
    const int Qcow2Unit = 64 * 1024;

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
            if (size is null || (size != spec.Bytes && !spec.IsSnapshot)) throw Occupied(name, $"is {(size is { } s ? $"a volume of {s} bytes" : "no qcow2 image")}");
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
        catch (ErrnoException e) when (e.Errno is Errno.EPERM or Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EMLINK)
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
                if (layout.Parse(name) is { Replacing: null } of && of.Kind == spec.WorkKind && of.Id == spec.Id && of.Generation <= upTo) Gone(dir, name);
    }

    /// <summary>Takes away all that the volume or snapshot has under its names. What isn't there is as good.</summary>
    public static void Remove(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        // Work files first: once they are gone, no late worker can make the volume appear again.
        Forget(dir, layout, spec, Math.Max(spec.Generation, UsualGenerations));
        if (!spec.IsSnapshot) Gone(dir, layout.Info(spec.Id));
        SafeFileHandle? file = null;
        try { file = OpenAt(dir, layout.Final(spec), O_RDWR | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.ENXIO or Errno.EACCES) { /* unlink says more */ }
        using (file)
        {
            var wanted = file is not null && Facts(file).Links > 1; // by whoever gave it another name
            if (!Gone(dir, layout.Final(spec)) || file is null) { SyncNames(dir); return; }
            // The unlinked file's fsync is what makes the unlink durable on a brick. Emptied first: nobody wants its bytes flushed.
            if (!wanted) Truncate(file, 0);
            Sync(file);
        }
        SyncNames(dir);
    }

    /// <summary>Opens the published file of a volume or snapshot of which the whole content is wanted, and says how large a user sees it.</summary>
    /// <exception cref="FaultException">It is not there, or not whole by itself. Nothing of it was read.</exception>
    public static (SafeFileHandle File, long Bytes) OpenWhole(SafeFileHandle dir, Layout layout, VolumeSpec spec, string verb, int flags = O_RDONLY)
    {
        var name = layout.Final(spec);
        SafeFileHandle file;
        try { file = OpenAt(dir, name, flags | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { throw Refused("is not there"); }
        catch (ErrnoException e) when (e.Errno is Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { throw Refused("is no regular file"); }
        try
        {
            var facts = Facts(file);
            if (!facts.IsRegular) throw Refused("is no regular file");
            if (!spec.IsSnapshot && Has(dir, layout.Info(spec.Id)))
                throw Refused("is part of a chain of snapshots that Cinder's own driver took: delete those with it first");
            if (spec.Format == VolumeFormat.Raw) return (file, facts.Size);
            var header = Qcow2Header.Read(Bytes(file)) ?? throw Refused("is no qcow2 image, as it should be");
            return header.NeedsOthers ? throw Refused("is a qcow2 image that needs other files") : (file, header.Bytes);
        }
        catch { file.Dispose(); throw; }

        FaultException Refused(string why) => new Fault.DriverFailed(verb, $"{name} {why}.").Thrown();
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
        var (volumes, snapshots) = (new SortedSet<string>(StringComparer.Ordinal), new SortedSet<string>(StringComparer.Ordinal));
        var litter = new List<Litter>();
        foreach (var name in Names(dir))
            switch (layout.Parse(name))
            {
                case { Kind: FileKind.Volume or FileKind.Overlay } of: volumes.Add(of.Id); break;
                case { Kind: FileKind.Snapshot } of: snapshots.Add(of.Id); break;
                case { Kind: FileKind.Work } of: litter.Add(new(name, new("volume", of.Id))); break;
                case { Kind: FileKind.SnapshotWork } of: litter.Add(new(name, new("snapshot", of.Id))); break;
            }
        litter.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new(volumes.ToList(), snapshots.ToList(), litter);
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
    public FileKind WorkKind => IsSnapshot ? FileKind.SnapshotWork : FileKind.Work;
}
