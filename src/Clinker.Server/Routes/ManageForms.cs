using System.Text.Json;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Snapshots;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>What is to become a volume.</summary>
/// <param name="Host">The pool that it lies in.</param>
/// <param name="Ref">Which file it is.</param>
sealed record VolumeManage(
    string? Host, string? Cluster, Reference Ref, string? Name, string? Description, string? VolumeType, string? AvailabilityZone,
    bool Bootable, IReadOnlyDictionary<string, string>? Metadata)
{
    public static readonly Form<VolumeManage> Form = new(
        Must.Object(Must.Required("volume", Must.Object(
            Must.Optional("description", Must.Description),
            Must.Optional("availability_zone", Must.Text(orNull: true)),
            Must.Optional("bootable", Must.Flag),
            Must.Optional("volume_type", Must.Text(orNull: true)),
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("host", Must.Host),
            Must.Required("ref", Must.Kind("object", "string")),
            Must.Optional("metadata", Must.Words(orNull: true)),
            Must.Optional("cluster", Must.Text(orNull: true), since: Behaviour.ManageByCluster)))),
        root =>
        {
            var v = root.GetProperty("volume");
            return new(v.Text("host"), v.Text("cluster"), Reference.Of(v.GetProperty("ref")), v.Text("name")?.Trim(), v.Text("description")?.Trim(),
                v.Text("volume_type"), v.Text("availability_zone"), v.Flag("bootable") ?? false, v.Words("metadata"));
        });

    /// <summary>The row; how large it is only the backend can say.</summary>
    public Volume ToVolume(Call call, string id, VolumeType type, string pool, string zone) => new()
    {
        Id = id,
        ProjectId = call.ProjectId,
        UserId = call.Caller.UserId,
        Name = Name,
        Description = Description,
        SizeGb = 0,
        Status = VolumeStatus.Managing,
        VolumeTypeId = type.Id,
        AvailabilityZone = zone,
        Host = pool,
        Bootable = Bootable,
        Multiattach = Types.VolumeType.IsMultiattach(type.ExtraSpecs),
        Metadata = Metadata ?? Volume.EmptyMetadata,
        CreatedAt = call.Now,
    };
}

/// <summary>What is to become a snapshot.</summary>
/// <param name="Ref">Which file it is.</param>
sealed record SnapshotManage(
    string VolumeId, Reference Ref, string? Name, string? Description, IReadOnlyDictionary<string, string>? Metadata)
{
    public static readonly Form<SnapshotManage> Form = new(
        Must.Object(Must.Required("snapshot", Must.Object(
            Must.Optional("description", Must.Description),
            Must.Optional("metadata", Must.Words(orNull: true)),
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Required("volume_id", Must.Uuid),
            Must.Required("ref", Must.Kind("object", "null", "string"))))),
        root =>
        {
            var s = root.GetProperty("snapshot");
            return new(s.Text("volume_id")!, Reference.Of(s.GetProperty("ref")), s.Text("name")?.Trim(), s.Text("description")?.Trim(), s.Words("metadata"));
        });

    /// <summary>The row; what it has of its volume is taken when it is accepted.</summary>
    public Snapshot ToSnapshot(Call call, string id, Volume volume) =>
        new SnapshotCreate(volume.Id, Name, Description, Force: null, Metadata).ToSnapshot(call, id, volume);
}

/// <summary>How a file is named: <c>{"source-name": "lvol0"}</c>, or with the pool before it, as Cinder's drivers for shares have it.</summary>
sealed record Reference(string SourceName, JsonElement Whole)
{
    public const string ByName = "source-name";

    /// <exception cref="FaultException">Invalid: it has no name.</exception>
    public static Reference Of(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(ByName, out var name) && name.ValueKind == JsonValueKind.String
            ? new(name.GetString()!, value)
            : throw Refused(value, "The existing volume reference must contain \"source-name\".");

    /// <param name="pool"><c>host@backend#pool</c>.</param>
    /// <exception cref="FaultException">Invalid: it names no file in the pool.</exception>
    public string NameIn(string pool)
    {
        var place = PoolName.Parse(pool).Pool + "/";
        var name = SourceName.StartsWith(place, StringComparison.Ordinal) ? SourceName[place.Length..] : SourceName;
        return name.Length is > 0 and <= 255 && name[0] != '.' && !name.Any(c => c == '/' || char.IsControl(c))
            ? name
            : throw Refused(Whole, $"source-name must be the name of a file in pool {pool}, without a path.");
    }

    // Cinder: exception.ManageExistingInvalidReference.
    static FaultException Refused(JsonElement reference, string why) => new Fault.Invalid(
        $"Manage existing volume failed due to invalid backend reference {Python.Repr(reference)}: {why}").Thrown();
}
