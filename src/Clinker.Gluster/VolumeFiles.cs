using System.Buffers.Binary;
using Clinker.Drivers;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// What is done to the files of one volume, relative to a proven directory. The order of events is what others trust in:
///
///  1. The file is made under a work name, that of the volume with the lease's generation. A leftover of that name is
///     unlinked, never truncated: after a crash between 3 and 4 it is another name of the published file.
///  2. Size, rights, fsync: what storage took and then can't keep (no room, quorum lost) shows at fsync at the latest.
///  3. The token is asked, the mount proven again, and the final name made with link(2). link fails where the name exists;
///     rename would replace, and a worker that lost its lease long ago must not put an empty file over a volume in use.
///     (RENAME_NOREPLACE would do it in one call, but GlusterFS answers EINVAL to it over FUSE.) Where links can't be made,
///     a rename after a look has to do.
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
    const int Qcow2HeaderBytes = 32;
    /// <summary>gluster:// can't open an image whose size is no multiple of 512; qcow2's own unit is a cluster of 64 KiB.</summary>
    const int Qcow2Unit = 64 * 1024;

    /// <summary>Whether the volume's file is there already, as it should be: then it is made durable, and all is done.</summary>
    /// <exception cref="FaultException">A file is there that is something else. It is left alone.</exception>
    public static bool Exists(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        var name = layout.Volume(spec.Id);
        SafeFileHandle file;
        try { file = OpenAt(dir, name, O_RDWR | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
        catch (ErrnoException e) when (e.Errno is Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { throw Occupied(name, "is no regular file"); }
        using (file)
        {
            var facts = Facts(file);
            if (!facts.IsRegular) throw Occupied(name, "is no regular file");
            var size = spec.Format == VolumeFormat.Qcow2 ? Qcow2Size(file) : facts.Size;
            if (size != spec.Bytes) throw Occupied(name, $"is {(size is { } s ? $"a volume of {s} bytes" : "no qcow2 image")}");
            ChangeMode(file, spec.Mode);
            Sync(file);
        }
        Forget(dir, layout, spec);
        SyncNames(dir);
        return true;

        FaultException Occupied(string name, string what) => new Fault.DriverFailed(
            "create the volume", $"{name} exists on the share already and {what}, not the new {spec.Bytes} bytes. It was left alone: move it away if nobody needs it.")
            .Thrown();
    }

    /// <summary>Opens the volume's work file, new and empty. What earlier attempts left goes first: it may hold the room needed.</summary>
    public static SafeFileHandle Begin(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        var work = layout.Work(spec.Id, spec.Generation);
        Forget(dir, layout, spec, spec.Generation - 1);
        try { return OpenAt(dir, work, O_RDWR | O_CREAT | O_EXCL, OwnerOnly); }
        catch (ErrnoException e) when (e.Errno == Errno.EEXIST)
        {
            Unlink(dir, work);
            return OpenAt(dir, work, O_RDWR | O_CREAT | O_EXCL, OwnerOnly);
        }
    }

    /// <summary>Opens the work file that another program has filled meanwhile.</summary>
    public static SafeFileHandle Resume(SafeFileHandle dir, Layout layout, VolumeSpec spec) =>
        OpenAt(dir, layout.Work(spec.Id, spec.Generation), O_RDWR | O_NONBLOCK);

    /// <summary>Sees to rights and durability of the work file and gives it its final name.</summary>
    public static void Publish(Place place, SafeFileHandle dir, SafeFileHandle file, Layout layout, VolumeSpec spec, CancellationToken token)
    {
        if (spec.Format == VolumeFormat.Qcow2) Truncate(file, (Facts(file).Size + Qcow2Unit - 1) / Qcow2Unit * Qcow2Unit);
        ChangeMode(file, spec.Mode);
        Sync(file);
        token.ThrowIfCancellationRequested();
        place.Prove(dir);
        var (work, final) = (layout.Work(spec.Id, spec.Generation), layout.Volume(spec.Id));
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

    /// <summary>Unlinks the work files of this generation and of all before it: whoever works on one of those can't publish it any more.</summary>
    public static void Forget(SafeFileHandle dir, Layout layout, VolumeSpec spec) => Forget(dir, layout, spec, spec.Generation);

    static void Forget(SafeFileHandle dir, Layout layout, VolumeSpec spec, long upTo)
    {
        if (upTo <= GenerationsByName)
            for (var g = 1L; g <= upTo; g++) Gone(dir, layout.Work(spec.Id, g));
        else
            foreach (var name in Names(dir).Where(n => layout.Parse(n) is { Kind: FileKind.Work } of && of.VolumeId == spec.Id && of.Generation <= upTo))
                Gone(dir, name);
    }

    /// <summary>Takes away all that the volume has under its names. What isn't there is as good.</summary>
    public static void Remove(SafeFileHandle dir, Layout layout, VolumeSpec spec)
    {
        // Work files first: once they are gone, no late worker can make the volume appear again.
        Forget(dir, layout, spec, Math.Max(spec.Generation, UsualGenerations));
        Gone(dir, layout.Info(spec.Id));
        SafeFileHandle? file = null;
        try { file = OpenAt(dir, layout.Volume(spec.Id), O_RDWR | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.ENXIO or Errno.EACCES) { /* unlink says more */ }
        using (file)
        {
            if (!Gone(dir, layout.Volume(spec.Id)) || file is null) { SyncNames(dir); return; }
            // The unlinked file's fsync is what makes the unlink durable on a brick. Emptied first: nobody wants its bytes flushed.
            Truncate(file, 0);
            Sync(file);
        }
        SyncNames(dir);
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
        var ids = new SortedSet<string>(StringComparer.Ordinal);
        var litter = new List<Litter>();
        foreach (var name in Names(dir))
            switch (layout.Parse(name))
            {
                case { Kind: FileKind.Volume or FileKind.Overlay } of: ids.Add(of.VolumeId); break;
                case { Kind: FileKind.Work } of: litter.Add(new(name, new("volume", of.VolumeId))); break;
            }
        litter.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new(ids.ToList(), [], litter);
    }

    /// <summary>Unlinks a work file by its name.</summary>
    public static void RemoveLitter(SafeFileHandle dir, string name)
    {
        if (Gone(dir, name)) SyncNames(dir);
    }

    static bool Gone(SafeFileHandle dir, string name)
    {
        try { Unlink(dir, name); return true; }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
    }

    static void SyncNames(SafeFileHandle dir)
    {
        using var open = OpenAt(dir, ".", O_RDONLY | O_DIRECTORY);
        Sync(open);
    }

    // docs/interop/qcow2.txt of QEMU: magic "QFI\xfb" at 0, the size in bytes at 24, big-endian.
    static long? Qcow2Size(SafeFileHandle file)
    {
        Span<byte> header = stackalloc byte[Qcow2HeaderBytes];
        return Read(file, header, 0) == header.Length && header.StartsWith(Qcow2Magic)
            ? BinaryPrimitives.ReadInt64BigEndian(header[24..])
            : null;
    }

    static ReadOnlySpan<byte> Qcow2Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];
}

/// <summary>A volume's file as it is to be.</summary>
/// <param name="Generation">Of the lease under which it is made.</param>
/// <param name="Mode">Rights, as chmod takes them.</param>
internal sealed record VolumeSpec(string Id, long Bytes, VolumeFormat Format, Provisioning Provisioning, uint Mode, long Generation);
