using System.Buffers;
using System.Text;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Gluster;

// What a host is told that wants to use a volume. Nothing is exported: the host gets at the file as the daemon does.
public abstract partial class FileDriver
{
    private protected abstract ConnectionInfo Connection(Place place, string name, VolumeFormat format);

    /// <summary>Whether files can be made twins in every place.</summary>
    private protected virtual bool AllReflink => false;

    public sealed override Abilities Can =>
        Abilities.Extend | Abilities.Snapshots | Abilities.Clones | Abilities.Revert | Abilities.Connect | Abilities.Content | Abilities.Manage | Abilities.ExtendAssisted
        | (AllReflink && options.Provisioning == Provisioning.Thin ? Abilities.SnapshotsAttached : 0)
        | (options is { CloneMode: CloneMode.Thin, Provisioning: Provisioning.Thin } ? Abilities.SnapshotsAssisted : 0);

    public sealed override async Task<ConnectionInfo> Connect(Volume volume, Connector connector, Work work)
    {
        const string Verb = "attach the volume";
        var now = await SourceOf(volume, Verb, work);
        if (now.Levels[0].Bytes > now.Spec.Bytes)
            throw new Fault.DriverFailed(Verb, $"{now.Top.Name} is a disk of {now.Levels[0].Bytes} bytes, more than the {now.Spec.Bytes} of the volume: extend the volume.").Thrown();
        for (var i = 0; i + 1 < now.Levels.Count; i++)
            if (!now.Levels[i].IsClear)
                throw new Fault.DriverFailed(Verb, $"{now.Levels[i].Name} does not say the bare name and the format of the file under it, and a host would follow what it says: "
                    + $"qemu-img rebase -u -f qcow2 -b {now.Levels[i + 1].Name} -F {Words(now.Levels[i + 1].File.Format)} {now.Levels[i].Name}").Thrown();
        DemandKnown(now, Verb);
        var info = now.Info.Coming is { } coming ? now.Info.Begins(coming) : now.Info;
        if (!now.Attached)
        {
            if (info.Replaced is not null)
                info = await Act(On(now.Place, Verb, work), _ =>
                {
                    using var dir = now.Place.Open();
                    return Closed(dir, now.Spec, info, Verb);
                });
            if (now.MayPull) info = info with { Pulling = null };
        }
        if (info != now.Info) await Note(On(now.Place, Verb, work), now.Spec, info, work);
        return Connection(now.Place, now.Top.Name, now.Top.Format);
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
