using System.Text.Json;
using Clinker.Server.Api;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>What is asked for with a new snapshot.</summary>
sealed record SnapshotCreate(
    string? VolumeId, string? Name, string? Description, bool? Force, IReadOnlyDictionary<string, string>? Metadata)
{
    public static readonly Form<SnapshotCreate> Form = new(
        Must.Object(Must.Required("snapshot", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("display_name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Required("volume_id", Must.UuidOrNull),
            Must.Optional("force", Must.Flag),
            Must.Optional("metadata", Must.Words(orNull: true))))),
        root =>
        {
            var s = root.GetProperty("snapshot");
            return new(s.Text("volume_id"), (s.Has("name") ? s.Text("name") : s.Text("display_name"))?.Trim(),
                s.Text("description")?.Trim(), s.Flag("force"), s.Words("metadata"));
        });

    /// <summary>The row; what it has of its volume is taken when it is accepted.</summary>
    public Snapshot ToSnapshot(Call call, string id, Volume volume) => new()
    {
        Id = id,
        ProjectId = call.ProjectId,
        UserId = call.Caller.UserId,
        VolumeId = volume.Id,
        SizeGb = volume.SizeGb,
        Name = Name,
        Description = Description,
        Status = SnapshotStatus.Creating,
        Progress = "0%",
        Metadata = Metadata ?? Volume.EmptyMetadata,
        CreatedAt = call.Now,
    };
}

/// <summary>What is to change of a snapshot's words; what is absent stays.</summary>
sealed record SnapshotUpdate(bool HasName, string? Name, bool HasDescription, string? Description)
{
    public static readonly Form<SnapshotUpdate> Form = new(
        Must.Object(Must.Required("snapshot", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("display_name", Must.Text(orNull: true)),
            Must.Optional("display_description", Must.Description))
            .WithAnyOf(0, "name", "description", "display_name", "display_description"))),
        Read);

    static SnapshotUpdate Read(JsonElement root)
    {
        var s = root.GetProperty("snapshot");
        return new(
            s.Has("name") || s.Has("display_name"), (s.Has("name") ? s.Text("name") : s.Text("display_name"))?.Trim(),
            s.Has("description") || s.Has("display_description"),
            (s.Has("description") ? s.Text("description") : s.Text("display_description"))?.Trim());
    }
}
