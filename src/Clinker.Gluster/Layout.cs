using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Clinker.Drivers;
using Clinker.Operations;

namespace Clinker.Gluster;

/// <summary>
/// Which name a thing has on a share. These are the names of Cinder's GlusterFS driver, so that what it left is found and
/// what we leave is found by it; only snapshots (<c>snapshot-&lt;id&gt;</c>: Cinder's template, for a file where Cinder has none) and
/// the work files (<c>….g&lt;generation&gt;</c>) are ours.
/// </summary>
internal sealed class Layout
{
    const string SnapshotHead = "snapshot-", ImageHead = "image-";
    /// <summary>What Cinder's driver called snapshots that it took to make a clone.</summary>
    public const string Temporary = "tmp-snap-";

    const int IdLength = 36, HashLength = 16;

    static readonly SearchValues<char> HashDigits = SearchValues.Create("0123456789abcdef");

    readonly string head, tail;

    /// <param name="volumeNameTemplate">A file name with one <c>%s</c> in it.</param>
    public Layout(string volumeNameTemplate)
    {
        var parts = volumeNameTemplate.Split("%s");
        if (parts.Length != 2 || volumeNameTemplate.Contains('/', StringComparison.Ordinal) || parts.Any(p => p.Contains('%', StringComparison.Ordinal)))
            throw new Fault.Misconfigured(
                $"volume_name_template is '{volumeNameTemplate}': it must be a file name with one %s for the volume's id, such as volume-%s.").Thrown();
        (head, tail) = (parts[0], parts[1]);
        if (head is SnapshotHead or ImageHead)
            throw new Fault.Misconfigured($"volume_name_template is '{volumeNameTemplate}': the files of {head[..^1]}s are called so.").Thrown();
    }

    /// <summary>Where a share is mounted: the MD5, in hex, of the share as the shares file writes it (os-brick's remotefs does so).</summary>
    [SuppressMessage("Security", "CA5351", Justification = "A name that others compute as well, no secret.")]
    public static string MountPoint(string mountBase, string share) =>
        Path.Combine(mountBase, Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(share))));

    /// <summary>The volume's file.</summary>
    public string Volume(string volumeId) => head + Checked(volumeId) + tail;

    /// <summary>Which file of a chain is the active one, as Cinder notes it once there are snapshots.</summary>
    public string Info(string volumeId) => Volume(volumeId) + ".info";

    /// <summary>
    /// A further file of the volume's: what was written since the snapshot of that id was taken, or since a clone of that id was made of
    /// it; and for a clone the name that it gives its source's file.
    /// </summary>
    public string Overlay(string volumeId, string id) => $"{Volume(volumeId)}.{Checked(id)}";

    /// <summary>A <see cref="Info"/> under work.</summary>
    public string InfoWork(string volumeId, string operation, long generation) => $"{Info(volumeId)}.{Checked(operation)}.g{generation}";

    /// <summary>The file of a snapshot that is a whole copy: all of its content, whatever becomes of the volume.</summary>
    public static string Snapshot(string snapshotId) => SnapshotHead + Checked(snapshotId);

    /// <summary>The file that is to be.</summary>
    public string Final(VolumeSpec spec) => spec.Name ?? (spec.IsSnapshot ? Snapshot(spec.Id) : Volume(spec.Id));

    /// <summary>Its file under work; the generation is that of the lease under which it is made.</summary>
    public string Work(VolumeSpec spec, long generation) =>
        spec.Replacing is { } operation ? $"{Volume(spec.Id)}.{Checked(operation)}.g{generation}"
            : spec.IsImage ? $"{Final(spec)}.{Checked(spec.Id)}.g{generation}" // several volumes may have it filled at a time
            : $"{Final(spec)}.g{generation}";

    /// <inheritdoc cref="Work(VolumeSpec, long)"/>
    public string Work(VolumeSpec spec) => Work(spec, spec.Generation);

    /// <summary>What was filled from an image, and that volumes stand on: <c>image-&lt;id&gt;.&lt;hash&gt;</c>, a raw disk.</summary>
    public static string Image(ImageContent content) => $"{ImageHead}{Checked(content.ImageId)}.{content.Hash}";

    /// <summary>What a name on a share means; null for what is none of ours.</summary>
    public FileName? Parse(string name)
    {
        if (After(name, SnapshotHead) is { } snapshot)
            return name.Length == snapshot ? new(FileKind.Snapshot, IdBefore(name, snapshot))
                : Generation(name.AsSpan(snapshot)) is { } of ? new(FileKind.SnapshotWork, IdBefore(name, snapshot), of)
                : null;
        if (After(name, ImageHead) is { } image) return Image(name.AsSpan(image), IdBefore(name, image));
        if (After(name, head) is not { } end || !name.AsSpan(end).StartsWith(tail, StringComparison.Ordinal)) return null;
        var id = IdBefore(name, end);
        var rest = name.AsSpan(end + tail.Length);
        if (rest.IsEmpty) return new(FileKind.Volume, id);
        if (rest is ".info") return new(FileKind.Info, id);
        if (Generation(rest) is { } generation) return new(FileKind.Work, id, generation);
        if (rest[0] != '.') return null;
        var more = rest.StartsWith(".info.") ? rest[".info.".Length..] : rest[1..];
        if (more.Length > IdLength && IsId(more[..IdLength]) && Generation(more[IdLength..]) is { } replacing)
            return new(FileKind.Work, id, replacing, more[..IdLength].ToString());
        if (rest.StartsWith(".info.")) return null;
        if (more.StartsWith(Temporary)) more = more[Temporary.Length..];
        return IsId(more) ? new(FileKind.Overlay, id) : null;
    }

    static FileName? Image(ReadOnlySpan<char> rest, string imageId)
    {
        if (rest.Length <= HashLength || rest[0] != '.' || rest[1..(HashLength + 1)].ContainsAnyExcept(HashDigits)) return null;
        rest = rest[(HashLength + 1)..];
        if (rest.IsEmpty) return new(FileKind.Image, imageId);
        return rest[0] == '.' && rest.Length > IdLength + 1 && IsId(rest[1..(IdLength + 1)]) && Generation(rest[(IdLength + 1)..]) is { } generation
            ? new(FileKind.Work, rest[1..(IdLength + 1)].ToString(), generation)
            : null;
    }

    /// <summary>Where an id that follows the prefix ends; null when there is none.</summary>
    static int? After(string name, string prefix) =>
        name.Length >= prefix.Length + IdLength && name.StartsWith(prefix, StringComparison.Ordinal) && IsId(name.AsSpan(prefix.Length, IdLength))
            ? prefix.Length + IdLength
            : null;

    static string IdBefore(string name, int end) => name[(end - IdLength)..end];

    static long? Generation(ReadOnlySpan<char> rest) =>
        rest.StartsWith(".g") && long.TryParse(rest[2..], NumberStyles.None, CultureInfo.InvariantCulture, out var generation) ? generation : null;

    // An id becomes part of a path: nothing but a UUID may.
    static string Checked(string id) => IsId(id) ? id : throw new Fault.Invalid($"'{id}' is not the id of a volume or snapshot.").Thrown();

    // Not Guid.TryParse, which takes spaces around and signs within.
    public static bool IsId(ReadOnlySpan<char> text)
    {
        if (text.Length != IdLength) return false;
        for (var i = 0; i < IdLength; i++)
            if (i is 8 or 13 or 18 or 23 ? text[i] != '-' : !char.IsAsciiHexDigit(text[i])) return false;
        return true;
    }
}

internal enum FileKind
{
    Volume,
    /// <summary>What was written since a snapshot of Cinder's driver (<c>volume-….&lt;snapshot id&gt;</c>).</summary>
    Overlay,
    Info,
    Work,
    Snapshot,
    SnapshotWork,
    /// <summary>What was filled from an image.</summary>
    Image,
}

/// <summary>A name on a share, understood.</summary>
/// <param name="Id">Of the volume or snapshot.</param>
/// <param name="Replacing">The operation that is to put a work file in its volume's place; null: it is to be a new file.</param>
internal readonly record struct FileName(FileKind Kind, string Id, long Generation = 0, string? Replacing = null);
