using System.Text.Json;
using Clinker.Groups;
using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>What is asked for with a new group.</summary>
/// <param name="GroupType">An id or a name; null in the older form, which has but one type.</param>
/// <param name="VolumeTypes">Ids or names.</param>
sealed record GroupCreate(string? Name, string? Description, string? GroupType, IReadOnlyList<string> VolumeTypes, string? Zone)
{
    static readonly Must TypeName = Must.Text(max: int.MaxValue, format: value => Python.Length(value.Trim()) is >= 1 and <= 255
        ? null
        : $"{Python.Repr(value)} is not a 'group_type'");

    public static readonly Form<GroupCreate> Form = new(
        Must.Object(Must.Required("group", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Required("group_type", TypeName),
            Must.Required("volume_types", Must.Distinct(Must.Text())),
            Must.Optional("availability_zone", Must.FilledOrNull)).AndAlso(g => g.GetProperty("volume_types").GetArrayLength() > 0
                ? null
                : "Invalid input for field/attribute volume_types. Value: []. [] is too short"))),
        root =>
        {
            var g = root.GetProperty("group");
            return new(g.Text("name")?.Trim(), g.Text("description")?.Trim(), g.Text("group_type")!.Trim(),
                [.. g.GetProperty("volume_types").EnumerateArray().Select(t => t.GetString()!)], g.Text("availability_zone")?.Trim());
        });

    /// <summary>The older form: one text of types, parted by commas; members that nobody knows are no matter.</summary>
    public static readonly Form<GroupCreate> OldForm = new(
        Must.Object(Must.Required("consistencygroup", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Required("volume_types", Must.Text(min: 1, max: int.MaxValue)),
            Must.Optional("availability_zone", Must.Kind("string", "null"))).Open())).Open(),
        root =>
        {
            var g = root.GetProperty("consistencygroup");
            return new(g.Text("name")?.Trim(), g.Text("description")?.Trim(), null,
                [.. g.Text("volume_types")!.TrimEnd(',').Split(',')], g.Text("availability_zone"));
        });
}

/// <summary>What is asked for with a group that has the content of something.</summary>
sealed record GroupFrom(string? Name, string? Description, string? GroupSnapshotId, string? SourceGroupId)
{
    /// <summary>The published example names both sources, one of them null: null is as good as absent.</summary>
    public static readonly Form<GroupFrom> Form = new(
        Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("group_snapshot_id", Must.UuidOrNull),
            Must.Optional("source_group_id", Must.UuidOrNull)).AndAlso(g =>
                g.Text("group_snapshot_id") is null == g.Text("source_group_id") is null
                    ? $"Invalid input for field/attribute create-from-src. Value: {Python.Str(g)}. {Python.Repr(g)} is not valid under any "
                        + "of the given schemas"
                    : null),
        g => new(g.Text("name")?.Trim(), g.Text("description")?.Trim(), g.Text("group_snapshot_id"), g.Text("source_group_id")));

    /// <summary>The older form; the cgsnapshot goes before the group. Null, which cinderclient sends for the other one, is taken.</summary>
    public static readonly Form<GroupFrom> OldForm = new(
        Must.Object(Must.Required("consistencygroup-from-src", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("cgsnapshot_id", Must.Text(max: int.MaxValue, orNull: true)),
            Must.Optional("source_cgid", Must.Text(max: int.MaxValue, orNull: true))).Open())).Open(),
        root =>
        {
            var g = root.GetProperty("consistencygroup-from-src");
            return new(g.Text("name")?.Trim(), g.Text("description")?.Trim(), Filled(g, "cgsnapshot_id"), Filled(g, "source_cgid"));
        });

    static string? Filled(JsonElement of, string name) => of.Text(name) is { Length: > 0 } text ? text : null;
}

/// <summary>What is to change of a group; null stays.</summary>
/// <param name="Add">Ids of volumes.</param>
/// <param name="Remove">Ids of volumes.</param>
sealed record GroupUpdate(string? Name, string? Description, IReadOnlyList<string> Add, IReadOnlyList<string> Remove)
{
    public static readonly Form<GroupUpdate> Form = new(
        Must.Object(Must.Required("group", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("add_volumes", Must.Description),
            Must.Optional("remove_volumes", Must.Description)).WithAnyOf(0, "name", "description", "add_volumes", "remove_volumes"))),
        root => Read(root.GetProperty("group")));

    public static readonly Form<GroupUpdate> OldForm = new(
        Must.Object(Must.Required("consistencygroup", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("add_volumes", Must.Text(max: int.MaxValue, orNull: true)),
            Must.Optional("remove_volumes", Must.Text(max: int.MaxValue, orNull: true))).Open())).Open(),
        root => Read(root.GetProperty("consistencygroup")));

    static GroupUpdate Read(JsonElement g) =>
        new(g.Text("name")?.Trim(), g.Text("description")?.Trim(), Ids(g.Text("add_volumes")), Ids(g.Text("remove_volumes")));

    static string[] Ids(string? list) => string.IsNullOrEmpty(list) ? [] : list.Trim(',').Split(',');
}

/// <summary>Which volumes of a group go with it, and which status an admin gives it.</summary>
static class GroupActionForms
{
    public static readonly Form<bool> Delete = new(
        Must.Object(Must.Optional("delete-volumes", Must.Flag)), body => body.Flag("delete-volumes") ?? false);

    public static readonly Form<bool> OldDelete = new(
        Must.Object(Must.Required("consistencygroup", Must.Object(Must.Optional("force", Must.Flag)).Open())).Open(),
        root => root.GetProperty("consistencygroup").Flag("force") ?? false);

    /// <param name="kind">As Cinder calls it: Group, GroupSnapshot.</param>
    public static Form<string> Reset(string kind, IReadOnlyList<string> statuses) => new(
        Must.Object(Must.Required("status", Must.Text(max: int.MaxValue))).AndAlso(body =>
            statuses.Contains(body.Text("status")!.ToLowerInvariant())
                ? null
                : $"Invalid {kind} Status: {body.Text("status")} is invalid, valid statuses are: "
                    + $"({string.Join(", ", statuses.Select(Python.Repr))})."),
        body => body.Text("status")!.ToLowerInvariant());

    /// <summary>An object, whatever it holds.</summary>
    public static readonly Form<bool> Anything = new(Must.Object().Open(), _ => true);

    public static readonly Form<bool> Failover = new(
        Must.Object(
            Must.Optional("allow_attached_volume", Must.Flag),
            Must.Optional("secondary_backend_id", Must.Text(orNull: true))),
        _ => true);
}
