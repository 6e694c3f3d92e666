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
        [.. Names(dir).Where(n => IsName(n) && !IsWork(layout.Parse(n))).Select(n => Found(n, layout.Parse(n)))];

    static FoundFile Found(string name, FileName? of) => new(name, As(of), of is { Kind: FileKind.Overlay } further ? further.Id : null);

    /// <summary>Looks at one; null when there is no file of that name that could be listed.</summary>
    /// <param name="of">The id of a volume's files in which a snapshot may be found by its own id.</param>
    public static ExistingFile? Inspect(SafeFileHandle dir, Layout layout, string name, string? of = null)
    {
        var parsed = layout.Parse(name);
        if (!IsName(name) || IsWork(parsed)) return null;
        if (parsed is { Kind: FileKind.Overlay } further) return InChain(dir, layout, further.Id, name);
        if (parsed is { Kind: FileKind.Snapshot } snapshot && of is not null && !Has(dir, name)) return InChain(dir, layout, of, name, snapshot.Id);
        var found = new ExistingFile(name, 0, "raw", As: As(parsed));
        SafeFileHandle file;
        try { file = OpenAt(dir, name, O_RDONLY | O_NONBLOCK); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { return null; }
        catch (ErrnoException e) when (e.Errno is Errno.EACCES or Errno.EPERM) { return found with { WhyNot = "it can't be read" }; }
        using (file)
        {
            var facts = Facts(file);
            if (!facts.IsRegular) return null;
            var (image, header) = (DiskImage.Look(VolumeFiles.Bytes(file)), Qcow2Header.Read(VolumeFiles.Bytes(file)));
            if (parsed is { Kind: FileKind.Volume } volume && (header is { Backing: not null } || Has(dir, layout.Info(volume.Id))))
                return InChain(dir, layout, volume.Id, name);
            found = Sized(found with { Format = header is null ? "raw" : "qcow2" }, header?.Bytes ?? facts.Size);
            return found with
            {
                WhyNot = header is { NeedsOthers: true } ? "it is a qcow2 image that needs other files"
                    : header is null && !image.IsRaw ? $"it is an image of the format {image.Format}"
                    : facts.Links > 1 ? "it has several names (hard links)"
                    : found.WhyNot ?? image.WhyNot,
            };
        }
    }

    static ExistingFile Sized(ExistingFile file, long bytes)
    {
        var isLarge = bytes / Gib >= int.MaxValue;
        return file with
        {
            SizeGb = isLarge || bytes < 0 ? 0 : (int)((bytes + Gib - 1) / Gib),
            WhyNot = bytes <= 0 ? "it is empty" : isLarge ? "it is too large" : null,
        };
    }

    /// <summary>Looks at one of the files that make a volume: at all of them, or at what is frozen for a snapshot.</summary>
    /// <param name="id">In their names.</param>
    /// <param name="key">What .info calls the snapshot; null: whatever it calls what this file was made for.</param>
    static ExistingFile? InChain(SafeFileHandle dir, Layout layout, string id, string name, string? key = null)
    {
        const string verb = "look at the files";
        var found = new ExistingFile(name, 0, "qcow2", As: new("volume", id), FileId: id);
        try
        {
            var info = ChainInfo.Read(dir, layout, id, verb);
            key ??= info.Snapshots.FirstOrDefault(s => s.Value == name).Key;
            if (key is not null && (!Layout.IsId(key) || !info.Snapshots.ContainsKey(key))) return null;
            if (key is null && info.Active is null && (info.Kept is not null || name != layout.Volume(id))) return null; // for those who stand on it, or nobody's
            var spec = new VolumeSpec(id, 0, FirstFormat(dir, layout, id), Provisioning.Thin, 0, 0);
            var levels = Chain.Walk(dir, layout, spec, Chain.Top(layout, info, spec, verb), verb);
            // Where the first file is gone, the lowest that there is stands for all.
            var all = Has(dir, layout.Volume(id)) ? layout.Volume(id) : levels.FindLast(l => layout.Parse(l.Name)!.Value.Id == id)!.Name;
            if (key is null)
            {
                if (name != all) return null;
                return Sized(found with { Format = FileDriver.Words(levels.Find(l => l.Name == layout.Volume(id))?.File.Format ?? spec.Format) }, levels[0].Bytes);
            }
            found = found with { Name = Layout.Snapshot(key), As = new("snapshot", key), VolumeName = all };
            var at = levels.FindIndex(l => l.Name == info.Snapshots[key]);
            return at < 0 ? found with { WhyNot = $"{info.Snapshots[key]} is none of the files that the volume begins with" }
                : at + 1 == levels.Count ? found with { WhyNot = $"{info.Snapshots[key]} stands on nothing, and so the snapshot is lost" }
                : Sized(found with { Format = FileDriver.Words(levels[at + 1].File.Format) }, levels[at + 1].Bytes);
        }
        catch (FaultException e) when (e.Fault is Fault.DriverFailed why) { return found with { WhyNot = why.Why.TrimEnd('.') }; }
    }

    /// <summary>How a volume's first file is to be read where no file above it says so.</summary>
    static VolumeFormat FirstFormat(SafeFileHandle dir, Layout layout, string id)
    {
        if (!Has(dir, layout.Volume(id))) return VolumeFormat.Qcow2;
        using var file = Chain.Open(dir, layout.Volume(id), "look at the files");
        return Qcow2Header.Read(VolumeFiles.Bytes(file)) is null ? VolumeFormat.Raw : VolumeFormat.Qcow2;
    }

    /// <summary>Gives it the name of the volume or snapshot too, and the rights that these have. The rights stay when it is given back.</summary>
    /// <exception cref="FaultException">DriverFailed: it is not (any more) what it was when it was looked at.</exception>
    public static void Name(Place place, SafeFileHandle dir, Layout layout, VolumeSpec spec, string name, string verb, CancellationToken token)
    {
        var final = layout.Final(spec);
        if (Has(dir, final)) return; // another lease was here
        Demand(Inspect(dir, layout, name), spec, name, verb);
        using var file = OpenAt(dir, name, O_RDWR | O_NONBLOCK);
        ChangeMode(file, spec.Mode);
        token.ThrowIfCancellationRequested();
        place.Prove(dir);
        Rename(dir, name, final, tidy: false);
        Sync(file);
    }

    /// <exception cref="FaultException">DriverFailed: it is not (any more) what it was when it was looked at.</exception>
    public static void Demand(ExistingFile? found, VolumeSpec spec, string name, string verb)
    {
        var how = found is null ? "is not there"
            : found.WhyNot is { } why ? $"can't be managed: {why}"
            : found.SizeGb * Gib != spec.Bytes || found.Format != FileDriver.Words(spec.Format) ? "has changed meanwhile"
            : null;
        if (how is not null) throw new Fault.DriverFailed(verb, $"{name} {how}.").Thrown();
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
        { Kind: FileKind.Volume } volume => new("volume", volume.Id),
        { Kind: FileKind.Snapshot } snapshot => new("snapshot", snapshot.Id),
        _ => null,
    };
}
