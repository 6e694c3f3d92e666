using System.Text.Json;
using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>What is asked for with a new volume.</summary>
sealed record VolumeCreate
{
    public string? Name { get; init; }
    public string? Description { get; init; }
    /// <summary>In GiB.</summary>
    public int? Size { get; init; }
    /// <summary>A type's id or name.</summary>
    public string? VolumeType { get; init; }
    public string? AvailabilityZone { get; init; }
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
    public bool Multiattach { get; init; }
    public string? SnapshotId { get; init; }
    public string? SourceVolumeId { get; init; }
    public string? ConsistencyGroupId { get; init; }
    public string? GroupId { get; init; }
    public string? ImageRef { get; init; }
    public string? BackupId { get; init; }
    /// <summary>What is asked of the scheduler: a JSON object.</summary>
    public string? Hints { get; init; }

    static readonly Must Reference = Must.Text(orNull: true);

    public static readonly Form<VolumeCreate> Form = new(
        Must.Object(
            Must.Required("volume", Must.Object(
                Must.Optional("name", Must.Trimmed("name")),
                Must.Optional("description", Must.Trimmed("description")),
                Must.Optional("display_name", Must.Trimmed("name")),
                Must.Optional("display_description", Must.Trimmed("description")),
                Must.Optional("volume_type", Reference),
                Must.Optional("metadata", Must.Words(orNull: true)),
                Must.Optional("snapshot_id", Must.UuidOrNull),
                Must.Optional("source_volid", Must.UuidOrNull),
                Must.Optional("consistencygroup_id", Must.UuidOrNull),
                Must.Optional("size", Must.SizeOrNull),
                Must.Optional("availability_zone", Must.Text(min: 1, orNull: true)),
                Must.Optional("multiattach", Must.FlagOrNull),
                Must.Optional("image_id", Reference),
                Must.Optional("imageRef", Reference),
                Must.Optional("group_id", Reference, since: Behaviour.GroupInCreate),
                Must.Optional("backup_id", Must.UuidOrNull, since: Behaviour.BackupAsSource)).ClosedFrom(53)),
            Must.Optional("OS-SCH-HNT:scheduler_hints", Must.Object().Open().NullToo())),
        Read);

    static VolumeCreate Read(JsonElement root)
    {
        var v = root.GetProperty("volume");
        return new()
        {
            Name = (v.Has("name") ? v.Text("name") : v.Text("display_name"))?.Trim(),
            Description = (v.Has("description") ? v.Text("description") : v.Text("display_description"))?.Trim(),
            Size = v.Number("size"),
            VolumeType = v.Text("volume_type"),
            AvailabilityZone = v.Text("availability_zone"),
            Metadata = v.Words("metadata"),
            Multiattach = v.Flag("multiattach") ?? false,
            SnapshotId = v.Text("snapshot_id"),
            SourceVolumeId = v.Text("source_volid"),
            ConsistencyGroupId = v.Text("consistencygroup_id"),
            GroupId = v.Text("group_id"),
            ImageRef = v.Has("image_id") ? v.Text("image_id") : v.Text("imageRef"),
            BackupId = v.Text("backup_id") is { Length: > 0 } backup ? backup : null,
            Hints = Object(root, "OS-SCH-HNT:scheduler_hints") ?? Object(v, "scheduler_hints"),
        };
    }

    static string? Object(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value.GetRawText() : null;
}

/// <summary>What is to change of a volume's words; what is absent stays.</summary>
sealed record VolumeUpdate(bool HasName, string? Name, bool HasDescription, string? Description, IReadOnlyDictionary<string, string>? Metadata)
{
    public static readonly Form<VolumeUpdate> Form = new(
        Must.Object(Must.Required("volume", Must.Object(
            Must.Optional("name", Must.Trimmed("name")),
            Must.Optional("description", Must.Trimmed("description")),
            Must.Optional("display_name", Must.Trimmed("name")),
            Must.Optional("display_description", Must.Trimmed("description")),
            Must.Optional("metadata", Must.Words())).WithAnyOf(53, "name", "description", "display_name", "display_description", "metadata"))),
        Read);

    static VolumeUpdate Read(JsonElement root)
    {
        var v = root.GetProperty("volume");
        return new(
            v.Has("name") || v.Has("display_name"), (v.Has("name") ? v.Text("name") : v.Text("display_name"))?.Trim(),
            v.Has("description") || v.Has("display_description"),
            (v.Has("description") ? v.Text("description") : v.Text("display_description"))?.Trim(),
            v.Words("metadata"));
    }
}
