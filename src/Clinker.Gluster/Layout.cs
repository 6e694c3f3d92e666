using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Clinker.Operations;

namespace Clinker.Gluster;

/// <summary>
/// Which name a thing has on a share. These are the names of Cinder's GlusterFS driver, so that what it left is found and
/// what we leave is found by it; only the work files (<c>….g&lt;generation&gt;</c>) are ours.
/// </summary>
internal sealed class Layout
{
    readonly string head, tail;

    /// <param name="volumeNameTemplate">A file name with one <c>%s</c> in it.</param>
    public Layout(string volumeNameTemplate)
    {
        var parts = volumeNameTemplate.Split("%s");
        if (parts.Length != 2 || volumeNameTemplate.Contains('/', StringComparison.Ordinal) || parts.Any(p => p.Contains('%', StringComparison.Ordinal)))
            throw new Fault.Misconfigured(
                $"volume_name_template is '{volumeNameTemplate}': it must be a file name with one %s for the volume's id, such as volume-%s.").Thrown();
        (head, tail) = (parts[0], parts[1]);
    }

    /// <summary>Where a share is mounted: the MD5, in hex, of the share as the shares file writes it (os-brick's remotefs does so).</summary>
    [SuppressMessage("Security", "CA5351", Justification = "A name that others compute as well, no secret.")]
    public static string MountPoint(string mountBase, string share) =>
        Path.Combine(mountBase, Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(share))));

    /// <summary>The volume's file.</summary>
    public string Volume(string volumeId) => head + Checked(volumeId) + tail;

    /// <summary>Which file of a chain is the active one, as Cinder notes it once there are snapshots.</summary>
    public string Info(string volumeId) => Volume(volumeId) + ".info";

    /// <summary>A file under work; the generation is that of the lease under which it is made.</summary>
    public string Work(string volumeId, long generation) => $"{Volume(volumeId)}.g{generation}";

    /// <summary>What a name on a share means; null for what is none of ours.</summary>
    public FileName? Parse(string name)
    {
        const int idLength = 36;
        if (name.Length < head.Length + idLength + tail.Length || !name.StartsWith(head, StringComparison.Ordinal)) return null;
        var id = name.Substring(head.Length, idLength);
        var rest = name.AsSpan(head.Length + idLength);
        if (!IsId(id) || !rest.StartsWith(tail, StringComparison.Ordinal)) return null;
        rest = rest[tail.Length..];
        if (rest.IsEmpty) return new(FileKind.Volume, id);
        if (rest is ".info") return new(FileKind.Info, id);
        if (rest.StartsWith(".g") && long.TryParse(rest[2..], NumberStyles.None, CultureInfo.InvariantCulture, out var generation))
            return new(FileKind.Work, id, generation);
        var overlay = rest[1..];
        if (overlay.StartsWith("tmp-snap-")) overlay = overlay["tmp-snap-".Length..];
        return rest[0] == '.' && IsId(overlay) ? new(FileKind.Overlay, id) : null;
    }

    // An id becomes part of a path: nothing but a UUID may.
    static string Checked(string volumeId) =>
        IsId(volumeId) ? volumeId : throw new Fault.Invalid($"'{volumeId}' is not the id of a volume.").Thrown();

    // Not Guid.TryParse, which takes spaces around and signs within.
    static bool IsId(ReadOnlySpan<char> text)
    {
        if (text.Length != 36) return false;
        for (var i = 0; i < text.Length; i++)
            if (i is 8 or 13 or 18 or 23 ? text[i] != '-' : !char.IsAsciiHexDigit(text[i])) return false;
        return true;
    }
}

internal enum FileKind
{
    Volume,
    /// <summary>What was written since a snapshot (<c>volume-….&lt;snapshot id&gt;</c>).</summary>
    Overlay,
    Info,
    Work,
}

/// <summary>A name on a share, understood.</summary>
internal readonly record struct FileName(FileKind Kind, string VolumeId, long Generation = 0);
