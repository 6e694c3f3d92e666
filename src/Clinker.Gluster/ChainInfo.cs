using System.Buffers;
using System.Text;
using System.Text.Json;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>
/// What a volume's <c>.info</c> file says: which of its files is the active one, and which overlay was made as each snapshot was taken (the
/// snapshot itself is what lies under that overlay). As Cinder's driver wrote it, JSON of base names only.
/// </summary>
/// <param name="Active">Null: the volume's own file, or, of one that is gone, none any more.</param>
/// <param name="Kept">
/// Of a volume that is gone, or going: the lowest of its files that others stand on. They stay, hidden, as long as that is so. Cinder knows no
/// such word.
/// </param>
/// <param name="Going">A file that is to go once the volume does not stand on it any more; it may be gone by now. Cinder knows no such word.</param>
/// <param name="Coming">
/// A file that stands on the active one and to which whoever has the volume open is to go over, or has already. So long nobody else may
/// begin to write to the volume. Once nobody has it open this one is where it begins, whether he had gone over or not: what was not written to
/// it shines through. Cinder knows no such word.
/// </param>
/// <param name="Replaced">
/// Another name of the volume's own file of before, of which another has taken the place while somebody had it open, or a volume made of a
/// snapshot above it. He goes on with the old one: so it stays, with all under it, and what he wrote into the new one would be lost, as long as
/// he may. Cinder knows no such word.
/// </param>
/// <param name="Pulling">
/// The file under the volume's own one, into which whoever has that open may be taking all that lies under it. So long no file is put on it that is
/// to be a snapshot's; and once it does not stand on this one any more, and holds all of it, this one is to go. Cinder knows no such word.
/// </param>
internal sealed record ChainInfo(
    string? Active, IReadOnlyDictionary<string, string> Snapshots, string? Kept = null, string? Going = null, string? Coming = null, string? Replaced = null,
    DiskFile? Pulling = null)
{
    const int MostBytes = 1024 * 1024;
    const string ActiveKey = "active", KeptKey = "clinker:kept", GoingKey = "clinker:going", ComingKey = "clinker:coming", ReplacedKey = "clinker:replaced",
        PullingKey = "clinker:pulling", PullingRawKey = "clinker:pulling raw";
    static readonly JsonWriterOptions Form = new() { Indented = true, IndentSize = 1 };

    /// <summary>The file that was replaced, by its other name; null: none was, or it got none, as it was noted once by the volume's own.</summary>
    public string? Old(Layout layout, string volumeId) => Replaced == layout.Volume(volumeId) ? null : Replaced;

    public static readonly ChainInfo None = new(null, new Dictionary<string, string>());

    /// <summary>Reads it; <see cref="None"/> when there is no such file. Blocks: lane threads only.</summary>
    /// <exception cref="FaultException">DriverFailed: it can't be understood.</exception>
    public static ChainInfo Read(SafeFileHandle dir, Layout layout, string volumeId, string verb)
    {
        var name = layout.Info(volumeId);
        try
        {
            using var file = Libc.OpenAt(dir, name, Libc.O_RDONLY | Libc.O_NONBLOCK);
            var facts = Libc.Facts(file);
            if (!facts.IsRegular || facts.Size > MostBytes) throw new InvalidDataException("is no list of files");
            var bytes = new byte[facts.Size];
            return Parse(bytes.AsMemory(0, Libc.ReadAll(file, bytes, 0)), layout, volumeId);
        }
        catch (ErrnoException e) when (e.Errno == Errno.ENOENT) { return None; }
        catch (ErrnoException e) when (e.Errno is Errno.ELOOP or Errno.EISDIR or Errno.ENXIO) { throw Refused("is no regular file"); }
        catch (Exception e) when (e is InvalidDataException or JsonException) { throw Refused(e is JsonException ? "is no JSON" : e.Message); }

        FaultException Refused(string why) => new Fault.DriverFailed(verb, $"{name} {why}.").Thrown();
    }

    /// <exception cref="InvalidDataException">It names what can be no file of the volume's.</exception>
    /// <exception cref="JsonException">It is none.</exception>
    public static ChainInfo Parse(ReadOnlyMemory<byte> json, Layout layout, string volumeId)
    {
        if (json.Length == 0) return None;
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new InvalidDataException("is no JSON object");
        DiskFile? pulling = null;
        var (active, kept, going, coming, replaced, snapshots) = ((string?)null, (string?)null, (string?)null, (string?)null, (string?)null, new Dictionary<string, string>());
        foreach (var member in document.RootElement.EnumerateObject())
        {
            var file = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : "";
            if (layout.Parse(file) is not { Kind: FileKind.Volume or FileKind.Overlay } of || of.Id != volumeId)
                throw new InvalidDataException($"names '{file}' for {member.Name}, which is no file of the volume's");
            if (member.Name == ActiveKey) active = file;
            else if (member.Name == KeptKey) kept = file;
            else if (member.Name == GoingKey) going = file;
            else if (member.Name == ComingKey) coming = file;
            else if (member.Name == ReplacedKey) replaced = file;
            else if (member.Name is PullingKey or PullingRawKey) pulling = new(file, member.Name == PullingKey ? VolumeFormat.Qcow2 : VolumeFormat.Raw);
            else snapshots[member.Name] = file;
        }
        return new(active, snapshots, kept, going, coming, replaced, pulling);
    }

    /// <summary>As Cinder writes it: keys sorted, one space deep.</summary>
    public byte[] Write()
    {
        var all = new SortedDictionary<string, string>(Snapshots.ToDictionary(), StringComparer.Ordinal);
        if (Active is not null) all[ActiveKey] = Active;
        if (Kept is not null) all[KeptKey] = Kept;
        if (Going is not null) all[GoingKey] = Going;
        if (Coming is not null) all[ComingKey] = Coming;
        if (Replaced is not null) all[ReplacedKey] = Replaced;
        if (Pulling is { } pulling) all[pulling.Format == VolumeFormat.Qcow2 ? PullingKey : PullingRawKey] = pulling.Name;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Form))
        {
            writer.WriteStartObject();
            foreach (var (key, file) in all) writer.WriteString(key, file);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The volume begins with this file.</summary>
    public ChainInfo Begins(string with) => this with { Active = with, Coming = null };

    public ChainInfo With(string snapshotId, string overlay) => this with { Snapshots = new Dictionary<string, string>(Snapshots) { [snapshotId] = overlay } };

    public ChainInfo Without(string snapshotId) =>
        this with { Snapshots = Snapshots.Where(s => s.Key != snapshotId).ToDictionary() };
}
