using System.Diagnostics.CodeAnalysis;
using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// Files that others put on a share, and their way into our keeping and back. They are renamed by link(2) and unlink(2): rename
/// would replace what has the new name, and a worker that lost its lease long ago must not put anything over a volume in use.
/// Between the two a file has both names, which is no harm: whoever comes next sees that they are one file, and goes on or back.
///
/// All blocks: lane threads only.
/// </summary>
internal static class OthersFiles
{
    const long Gib = 1L << 30;

    /// <summary>The names that could be a volume's or snapshot's. Hidden ones are those of other programs.</summary>
    public static IReadOnlyList<FoundFile> List(SafeFileHandle dir, Layout layout) =>
        [.. Names(dir).Where(n => IsName(n) && !IsWork(layout.Parse(n))).Select(n => new FoundFile(n, As(layout.Parse(n))))];

    /// <summary>Looks at one; null when there is no file of that name that could be listed.</summary>
    public static ExistingFile? Inspect(SafeFileHandle dir, Layout layout, string name)
    {
        if (!IsName(name) || IsWork(layout.Parse(name))) return null;
        var found = new ExistingFile(name, 0, "raw", As: As(layout.Parse(name)));
        SafeFileHandle file;
        try { file = OpenAt(dir, name, O_RDONLY | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { return null; }
        catch (ErrnoException e) when (e.Errno is Errno.EACCES or Errno.EPERM) { return found with { WhyNot = "it can't be read" }; }
        using (file)
        {
            var facts = Facts(file);
            if (!facts.IsRegular) return null;
            var (image, header) = (DiskImage.Look(VolumeFiles.Bytes(file)), Qcow2Header.Read(VolumeFiles.Bytes(file)));
            var bytes = header?.Bytes ?? facts.Size;
            var isLarge = bytes / Gib >= int.MaxValue;
            return found with
            {
                SizeGb = isLarge || bytes < 0 ? 0 : (int)((bytes + Gib - 1) / Gib),
                Format = header is null ? "raw" : "qcow2",
                WhyNot = header is { NeedsOthers: true } ? "it is a qcow2 image that needs other files"
                    : layout.Parse(name) is { Kind: FileKind.Volume } of && Has(dir, layout.Info(of.Id))
                        ? "it is part of a chain of snapshots that Cinder's own driver took"
                    : header is null && !image.IsRaw ? $"it is an image of the format {image.Format}"
                    : facts.Links > 1 ? "it has several names (hard links)"
                    : bytes <= 0 ? "it is empty"
                    : isLarge ? "it is too large"
                    : image.WhyNot,
            };
        }
    }

    /// <summary>Gives it the name of the volume or snapshot too, and the rights that these have. The rights stay when it is given back.</summary>
    /// <exception cref="FaultException">DriverFailed: it is not (any more) what it was when it was looked at.</exception>
    public static void Name(Place place, SafeFileHandle dir, Layout layout, VolumeSpec spec, string name, string verb, CancellationToken token)
    {
        var final = layout.Final(spec);
        if (Has(dir, final)) return; // another lease was here
        var found = Inspect(dir, layout, name) ?? throw Refused("is not there");
        if (found.WhyNot is { } why) throw Refused($"can't be managed: {why}");
        if (found.SizeGb * Gib != spec.Bytes || found.Format != FileDriver.Words(spec.Format)) throw Refused("has changed meanwhile");
        using var file = OpenAt(dir, name, O_RDWR | O_NONBLOCK);
        ChangeMode(file, spec.Mode);
        token.ThrowIfCancellationRequested();
        place.Prove(dir);
        Rename(dir, name, final, tidy: false);
        Sync(file);

        FaultException Refused(string how) => new Fault.DriverFailed(verb, $"{name} {how}.").Thrown();
    }

    /// <summary>Takes its old name away, if that still is one of its names.</summary>
    public static void Unname(SafeFileHandle dir, Layout layout, VolumeSpec spec, string name, CancellationToken token)
    {
        using var file = OpenAt(dir, layout.Final(spec), O_RDWR | O_NONBLOCK);
        token.ThrowIfCancellationRequested();
        if (IsSame(dir, name, file)) Unlink(dir, name);
        Sync(file);
        VolumeFiles.SyncNames(dir);
    }

    /// <summary>Ensures that it has its old name and no longer ours.</summary>
    /// <exception cref="FaultException">DriverFailed: there is something else under that name by now. Both are left.</exception>
    public static void GiveBack(SafeFileHandle dir, Layout layout, VolumeSpec spec, string name, CancellationToken token)
    {
        var final = layout.Final(spec);
        if (!Has(dir, final)) { VolumeFiles.SyncNames(dir); return; }
        using var file = OpenAt(dir, final, O_RDWR | O_NONBLOCK);
        token.ThrowIfCancellationRequested();
        if (IsSame(dir, name, file)) Unlink(dir, final);
        else if (Has(dir, name))
            throw new Fault.DriverFailed("give the file back", $"there is another {name} by now; it is kept as {final}. Move the new one away.").Thrown();
        else Rename(dir, final, name, tidy: true);
        Sync(file);
        VolumeFiles.SyncNames(dir);
    }

    /// <summary>Never replaces, but where links can't be made: there a rename after a look has to do.</summary>
    static void Rename(SafeFileHandle dir, string from, string to, bool tidy)
    {
        try
        {
            Link(dir, from, to);
            if (tidy) Unlink(dir, from);
        }
        catch (ErrnoException e) when (e.NoLinks)
        {
            Libc.Rename(dir, from, to);
        }
    }

    static bool IsSame(SafeFileHandle dir, string name, SafeFileHandle file)
    {
        try { return Identity(Facts(dir, name)) == Identity(Facts(file)); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
    }

    /// <summary>Whether two names are those of one file.</summary>
    public static bool IsSame(SafeFileHandle dir, string name, string other)
    {
        try { return Identity(Facts(dir, name)) == Identity(Facts(dir, other)); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return false; }
    }

    static (uint, uint, ulong) Identity(FileFacts of) => (of.DeviceMajor, of.DeviceMinor, of.Inode);

    static bool Has(SafeFileHandle dir, string name) => VolumeFiles.Has(dir, name);

    static bool IsName([NotNullWhen(true)] string? name) => name is { Length: > 0 and <= 255 } && name[0] != '.'
        && name.AsSpan().IndexOfAny('/', '\0', '\uFFFD') < 0;

    static bool IsWork(FileName? of) => of is { Kind: FileKind.Work or FileKind.SnapshotWork or FileKind.Info or FileKind.Image };

    static About? As(FileName? of) => of switch
    {
        { Kind: FileKind.Volume or FileKind.Overlay } volume => new("volume", volume.Id),
        { Kind: FileKind.Snapshot } snapshot => new("snapshot", snapshot.Id),
        _ => null,
    };
}
