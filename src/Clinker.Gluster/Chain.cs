using System.Text.RegularExpressions;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>A file by its name in the pool, and how it is to be read: written down somewhere, never guessed.</summary>
internal readonly record struct DiskFile(string Name, VolumeFormat Format);

/// <summary>One file of a chain.</summary>
/// <param name="Bytes">The size of the disk that is seen from here.</param>
/// <param name="Links">How many names it has: every clone gives the file that it stands on a name of its own.</param>
/// <param name="IsEmpty">An image to which nothing was written.</param>
/// <param name="Allocated">How many bytes of the storage it takes.</param>
/// <param name="IsClear">Whoever opens it, knowing nothing else, finds the file under it and how to read it: by its bare name, and its format.</param>
internal sealed record Level(DiskFile File, long Bytes, uint Links, bool IsEmpty, long Allocated = 0, bool IsClear = true)
{
    public string Name => File.Name;
}

/// <summary>What a volume takes along when it goes.</summary>
/// <param name="Names">The topmost first.</param>
/// <param name="Under">What the lowest of them stands on, which stays since others stand on it too; null: nothing.</param>
/// <param name="Kept">The lowest of the volume's own names among what stays so; null: none.</param>
internal sealed record Going(IReadOnlyList<string> Names, DiskFile? Under, string? Kept)
{
    public static readonly Going Nothing = new([], null, null);
}

/// <summary>
/// The files of one disk, the topmost first: each is an image that holds what was written since the one under it was frozen. These things
/// are always so, and what follows trusts in them:
///
///  - Every image names the file under it by a name that no other file uses. So a file's names are counted (st_nlink) to know who stands on
///    it: its volume by one, each clone by a further one (<c>volume-CLONE.SOURCE</c>). The last one that goes takes it along.
///  - A file under another is never written to, but when it has one name only and the one above it is being put into it.
///  - The file that a volume begins with, and its own (<c>volume-ID</c>), stand on a name of that volume's. Only one that a clone has a name for
///    may stand on another's.
///  - Of a volume's own names the lowest is <c>volume-ID</c>, or for a clone the name that it gave its source's file.
///
/// All blocks: lane threads only.
/// </summary>
internal static partial class Chain
{
    /// <summary>Longer ones are broken: QEMU itself refuses them.</summary>
    public const int Most = 200;

    /// <summary>The file with which a volume begins now.</summary>
    /// <exception cref="FaultException">DriverFailed: the volume is gone, or its .info can't be understood.</exception>
    public static DiskFile Top(Layout layout, ChainInfo info, VolumeSpec spec, string verb)
    {
        if (info is { Active: null, Kept: not null }) throw new Fault.DriverFailed(verb, $"volume {spec.Id} was deleted; only what others stand on is left.").Thrown();
        return File(layout, spec, info.Coming ?? info.Active ?? layout.Volume(spec.Id));
    }

    /// <summary>
    /// The same of one that is to go and of which no format is written down, as of what a volume has moved away from: its own file is an image
    /// if it says that it stands on a file by a name of this volume's own. Whatever has such a name goes with it, whoever wrote that.
    /// </summary>
    public static DiskFile Left(SafeFileHandle dir, Layout layout, VolumeSpec spec, DiskFile top)
    {
        if (top.Name != layout.Volume(spec.Id)) return top;
        try
        {
            using var file = Libc.OpenAt(dir, top.Name, Libc.O_RDONLY | Libc.O_NONBLOCK);
            var under = Qcow2Header.Read(VolumeFiles.Bytes(file))?.Backing;
            var isOwn = under is not null && layout.Parse(under) is { Kind: FileKind.Overlay } of && of.Id == spec.Id;
            return isOwn ? top with { Format = VolumeFormat.Qcow2 } : top;
        }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { return top; }
    }

    /// <summary>A file of the volume's: its own is as was written down, and all others are images.</summary>
    static DiskFile File(Layout layout, VolumeSpec spec, string name) =>
        new(name, name == layout.Volume(spec.Id) ? spec.Format : VolumeFormat.Qcow2);

    /// <summary>What holds a volume or a snapshot, and where that is.</summary>
    /// <exception cref="FaultException">DriverFailed.</exception>
    public static DiskFile Of(SafeFileHandle dir, Layout layout, VolumeSpec spec, string verb) => spec.IsSnapshot
        ? Frozen(dir, layout, ChainInfo.Read(dir, layout, spec.VolumeId!, verb), spec, verb) ?? new(Layout.Snapshot(spec.Id), spec.Format)
        : Top(layout, ChainInfo.Read(dir, layout, spec.Id, verb), spec, verb);

    /// <summary>The file that was frozen for a snapshot; null when it is no part of its volume's chain.</summary>
    /// <param name="snapshot">Of the snapshot, in its volume's format.</param>
    public static DiskFile? Frozen(SafeFileHandle dir, Layout layout, ChainInfo info, VolumeSpec snapshot, string verb)
    {
        if (!info.Snapshots.TryGetValue(snapshot.Id, out var overlay)) return null;
        using var file = Open(dir, overlay, verb);
        Libc.Fresh(file);
        return Under(layout, snapshot with { Id = snapshot.VolumeId! }, overlay, Header(file, overlay, verb), verb, isTop: true)
            ?? throw new Fault.DriverFailed(verb, $"{overlay} stands on nothing, and so the snapshot is lost.").Thrown();
    }

    /// <summary>Every file from one on downwards.</summary>
    /// <param name="fresh">Whether it counts what other hosts have done in the last second: <see cref="Libc.Fresh"/>. If not, only to look.</param>
    /// <param name="isTop">Whether the volume made the first of them to write to.</param>
    /// <exception cref="FaultException">DriverFailed: one is not there, or is not what it should be. Nothing else was opened.</exception>
    public static List<Level> Walk(SafeFileHandle dir, Layout layout, VolumeSpec spec, DiskFile from, string verb, bool fresh = false, bool isTop = true)
    {
        var levels = new List<Level>();
        for (DiskFile? next = from; next is { } at;)
        {
            if (levels.Count == Most || levels.Exists(l => l.Name == at.Name)) throw new Fault.DriverFailed(verb, $"{from.Name} stands on itself.").Thrown();
            using var file = Open(dir, at.Name, verb);
            var facts = fresh ? Libc.Fresh(file) : Libc.Facts(file);
            if (at.Format == VolumeFormat.Raw)
            {
                levels.Add(new(at, facts.Size, facts.Links, IsEmpty: false, facts.AllocatedBytes));
                return levels;
            }
            var header = Header(file, at.Name, verb);
            next = Under(layout, spec, at.Name, header, verb, isTop: isTop && levels.Count == 0);
            levels.Add(new(at, header.Bytes, facts.Links, next is not null && Map(file, at.Name, verb).IsEmpty, facts.AllocatedBytes,
                next is null || (header.Backing == next.Value.Name && header.BackingFormat is not null)));
        }
        return levels;
    }

    /// <summary>
    /// Of a volume's files each two that need not be apart, by the index of the upper one, the topmost first: no snapshot lies between them, the
    /// lower is the volume's own, and nobody else stands on either or on one above. From the first that has another name on, all that lies there is
    /// others' too, who may be reading it. What a clone stands on never becomes its own.
    /// </summary>
    public static IEnumerable<int> Joints(Layout layout, string volumeId, ChainInfo info, IReadOnlyList<Level> levels)
    {
        for (var i = 0; i + 1 < levels.Count; i++)
        {
            var (upper, lower) = (levels[i], levels[i + 1]);
            if (upper.Name == layout.Volume(volumeId) || upper.Links > 1 || lower.Links > 1) yield break;
            if (!info.Snapshots.Values.Contains(upper.Name) && layout.Parse(lower.Name)?.Id == volumeId) yield return i;
        }
    }

    /// <summary>Of a volume's files its own one, if that stands on what others stand on too; null: it does not.</summary>
    public static int? Sharing(Layout layout, string volumeId, IReadOnlyList<Level> levels)
    {
        for (var i = 0; i + 1 < levels.Count; i++)
            if (levels[i].Name == layout.Volume(volumeId)) return i;
        return null;
    }

    /// <summary>Which names go with one: its own and, as long as each file has no other name, those of the files under it.</summary>
    /// <param name="isTop">Whether the volume begins with it.</param>
    public static Going Going(SafeFileHandle dir, Layout layout, VolumeSpec spec, DiskFile from, string verb, bool isTop = false)
    {
        var names = new List<string>();
        for (DiskFile? next = from; next is { } at && names.Count < Most;)
        {
            if (Look(at) is not { } found) break;
            names.Add(at.Name);
            next = found.Under;
            if (found.Links > 1) return new(names, next, Lowest(next));
        }
        return new(names, null, null);

        (uint Links, DiskFile? Under)? Look(DiskFile at)
        {
            try
            {
                using var file = Libc.OpenAt(dir, at.Name, Libc.O_RDONLY | Libc.O_NONBLOCK);
                return (Libc.Fresh(file).Links, at.Format == VolumeFormat.Qcow2 && Qcow2Header.Read(VolumeFiles.Bytes(file)) is { } header
                    ? Under(layout, spec, at.Name, header, verb, isTop && at == from) : null);
            }
            catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return null; }
        }

        string? Lowest(DiskFile? next)
        {
            string? lowest = null;
            for (var n = 0; next is { } at && n < Most && layout.Parse(at.Name)?.Id == spec.Id; n++)
                (lowest, next) = (at.Name, Look(at)?.Under);
            return lowest;
        }
    }

    /// <summary>
    /// Removes them, the lowest first: cut anywhere, what is left is found from the topmost one. Where a file turns out to have lost its other
    /// names meanwhile, those under it go as well.
    /// </summary>
    public static void Remove(SafeFileHandle dir, Layout layout, VolumeSpec spec, Going going, string verb)
    {
        for (var i = going.Names.Count - 1; i >= 0; i--)
        {
            var name = going.Names[i];
            if (layout.Parse(name) is { } of && of.Id != spec.Id && ChainInfo.Read(dir, layout, of.Id, verb) is { Active: null } gone && gone.Kept == name)
            {
                RemoveReplaced(dir, layout, spec with { Id = of.Id }, gone, verb);
                VolumeFiles.Gone(dir, layout.Info(of.Id)); // the last that was kept of a volume that is gone
            }
            if (VolumeFiles.RemoveName(dir, name) && i == going.Names.Count - 1 && going.Under is { } under)
                Remove(dir, layout, spec, Going(dir, layout, spec, under, verb), verb);
        }
    }

    /// <summary>Removes what was replaced of a volume that is gone, and what only that stands on.</summary>
    public static void RemoveReplaced(SafeFileHandle dir, Layout layout, VolumeSpec spec, ChainInfo info, string verb)
    {
        if (info.Old(layout, spec.Id) is { } old) Remove(dir, layout, spec, Going(dir, layout, spec, new(old, VolumeFormat.Qcow2), verb), verb);
    }

    /// <summary>Opens a published file.</summary>
    public static SafeFileHandle Open(SafeFileHandle dir, string name, string verb, int flags = Libc.O_RDONLY)
    {
        SafeFileHandle file;
        try { file = Libc.OpenAt(dir, name, flags | Libc.O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { throw Refused(verb, name, "is not there"); }
        catch (ErrnoException e) when (e.Errno is Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { throw Refused(verb, name, "is no regular file"); }
        if (Libc.Facts(file).IsRegular) return file;
        file.Dispose();
        throw Refused(verb, name, "is no regular file");
    }

    /// <summary>The size of the disk in a file.</summary>
    public static long Bytes(SafeFileHandle file, DiskFile of, string verb) =>
        of.Format == VolumeFormat.Raw ? Libc.Facts(file).Size : Header(file, of.Name, verb).Bytes;

    public static Qcow2Map Map(SafeFileHandle file, string name, string verb)
    {
        try { return new(file); }
        catch (InvalidDataException e) { throw new Fault.DriverFailed(verb, $"{name} {e.Message}.").Thrown(e); }
    }

    static Qcow2Header Header(SafeFileHandle file, string name, string verb)
    {
        var header = Qcow2Header.Read(VolumeFiles.Bytes(file)) ?? throw Refused(verb, name, "is no qcow2 image, as it should be");
        if (header.HasDataFile) throw Refused(verb, name, "is a qcow2 image that needs other files");
        return header.Broken is { } why ? throw Refused(verb, name, $"is a qcow2 image that can't be read: {why}") : header;
    }

    /// <summary>The file under an image that is there, and that its volume made to write to.</summary>
    public static DiskFile? Under(SafeFileHandle dir, Layout layout, VolumeSpec spec, string name, string verb)
    {
        using var file = Open(dir, name, verb);
        Libc.Fresh(file);
        return Under(layout, spec, name, Header(file, name, verb), verb, isTop: true);
    }

    /// <summary>
    /// The file under an image. A name is only ever followed within the directory, and only if it is one that we or Cinder's driver give: what
    /// is written in an image is not to lead anywhere else (CVE-2014-3641), nor to another volume: whoever breaks out of a virtual machine may
    /// write to the file that it has open, and its header is there.
    /// </summary>
    /// <param name="isTop">Whether it is one that its volume made to write to.</param>
    public static DiskFile? Under(Layout layout, VolumeSpec spec, string name, Qcow2Header header, string verb, bool isTop)
    {
        if (header.Backing is not { } backing) return null;
        if (OnMount().Match(backing) is { Success: true, Length: var path }) backing = backing[path..]; // Cinder's first ones had the whole path
        if (layout.Parse(backing) is not { Kind: FileKind.Volume or FileKind.Overlay } under) throw Refused(verb, name, $"names '{header.Backing}' as the file under it, which is none of ours");
        if (layout.Parse(name) is var of && under.Id != of?.Id && (isTop || of?.Kind == FileKind.Volume))
            throw Refused(verb, name, $"names {backing} as the file under it, which is another volume's");
        return header.BackingFormat switch
        {
            "raw" => new(backing, VolumeFormat.Raw),
            "qcow2" => new(backing, VolumeFormat.Qcow2),
            null => File(layout, spec, backing), // Cinder's first ones did not say it
            _ => throw Refused(verb, name, $"says that the file under it is of the format '{header.BackingFormat}'"),
        };
    }

    /// <summary>The directory of a share's mount: its name is a hash.</summary>
    [GeneratedRegex("^/([^/]+/)*[0-9a-f]{32}/(?=[^/]+$)", RegexOptions.CultureInvariant)]
    private static partial Regex OnMount();

    static FaultException Refused(string verb, string name, string why) => new Fault.DriverFailed(verb, $"{name} {why}.").Thrown();
}
