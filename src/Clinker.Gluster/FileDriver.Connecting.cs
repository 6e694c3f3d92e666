using System.Buffers;
using System.Text;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Volumes;

namespace Clinker.Gluster;

// What a host is told that wants to use a volume. Nothing is exported: the host gets at the file as the daemon does.
public abstract partial class FileDriver
{
    private protected abstract ConnectionInfo Connection(Place place, string name, VolumeFormat format);

    /// <summary>Whether files can be made twins in every place.</summary>
    private protected virtual bool AllReflink => false;

    public sealed override Abilities Can =>
        Abilities.Extend | Abilities.Snapshots | Abilities.Clones | Abilities.Revert | Abilities.Connect | Abilities.Content | Abilities.Manage
        | (AllReflink && options.Provisioning == Provisioning.Thin ? Abilities.SnapshotsAttached : 0);

    public sealed override async Task<ConnectionInfo> Connect(Volume volume, Connector connector, Work work)
    {
        var place = await Untouched(volume.Pool, volume.ProviderLocation, work);
        var spec = Recorded(volume, work);
        await Act(new(place, "attach the volume", options.ActDeadline, work.Token), _ =>
        {
            using var dir = place.Open();
            VolumeFiles.OpenWhole(dir, layout, spec, "attach the volume").File.Dispose();
            return true;
        });
        return Connection(place, layout.Volume(spec.Id), spec.Format);
    }

    private protected static string Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
