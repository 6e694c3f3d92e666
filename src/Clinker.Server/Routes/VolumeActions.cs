using System.Text.Json;
using Clinker.Attachments;
using Clinker.Backups;
using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What is done to a volume by naming it in an action's body.</summary>
static class VolumeActions
{
    /// <summary>cinder/objects/fields.py, VolumeStatus.ALL.</summary>
    static readonly string[] Statuses =
    [
        "creating", "available", "deleting", "error", "error_deleting", "error_managing", "managing", "attaching", "in-use",
        "detaching", "maintenance", "restoring-backup", "error_restoring", "reserved", "awaiting-transfer", "backing-up",
        "error_backing-up", "error_extending", "downloading", "uploading", "retyping", "extending",
    ];

    static readonly string[] AttachStatuses = ["attached", "detached"];
    static readonly string[] MigrationStatuses = ["migrating", "error", "success", "completing", "none", "starting"];

    /// <summary>Statuses in which something is under way; nobody would ever end it.</summary>
    static readonly string[] NeverReset = ["deleting", "error_deleting", "detaching"];

    public static void Map(RouteTable api)
    {
        api.Action("volume_reset_status", "/volumes/{id}", "os-reset_status", Reset.Form, ResetStatus,
            rule: Row("volume_extension:volume_admin_actions:reset_status"));
        api.Action("volume_force_delete", "/volumes/{id}", "os-force_delete", ForceDelete,
            rule: Row("volume_extension:volume_admin_actions:force_delete"));
    }

    static Task ForceDelete(Call call, string id) =>
        Volumes.Delete(call, id, force: true, "volume_extension:volume_admin_actions:force_delete");

    static Task ResetStatus(Call call, string id, Reset to) => call.Db.Commit(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        call.Demand("volume_extension:volume_admin_actions:reset_status", volume.ProjectId, volume.UserId);
        if (NeverReset.Contains(to.Status)) throw Refusal.BadRequest($"Cannot reset-state to {to.Status}");
        var attachments = await tx.Attachments.Of(id);
        if (to.Status == "in-use" && attachments.Count == 0)
            throw Refusal.BadRequest("Cannot reset-state to in-use because volume does not have any attachments.");
        // The status is what an operation's last step relies on: while one is under way it is not for the taking.
        var about = new About("volume", id);
        if (await tx.Operations.AnyLive(about) || await tx.Operations.Held(about, nameof(CreateBackup)) || await tx.Operations.Held(about, nameof(CreateGroup))
            || await tx.Operations.Held(about, nameof(DeleteGroup)))
            throw new Fault.Conflict($"Volume {id} has an operation under way, which will settle its status.").Thrown();
        await tx.Volumes.Reset(id, to.Status, to.AttachStatus, to.MigrationStatus);
        if (to.AttachStatus == AttachStatus.Detached && attachments.Count > 0) await Attaching.RemoveAll(tx, volume);
    });

    /// <summary>What an admin says that a volume's statuses are. What is null stays.</summary>
    sealed record Reset(string? Status, string? AttachStatus, string? MigrationStatus)
    {
        public static readonly Form<Reset> Form = new(
            Must.Object(
                Must.Optional("status", Must.Text(max: int.MaxValue, orNull: true)),
                Must.Optional("attach_status", Must.Text(max: int.MaxValue, orNull: true)),
                Must.Optional("migration_status", Must.Text(max: int.MaxValue, orNull: true))).AndAlso(Words),
            body => new(Word(body, "status"), Word(body, "attach_status"), Word(body, "migration_status")));

        static string? Words(JsonElement body) =>
            Unknown(body, "status", "Volume status", Statuses, "()")
            ?? Unknown(body, "attach_status", "Volume attach status", AttachStatuses, "[]")
            ?? Unknown(body, "migration_status", "Volume migration status", MigrationStatuses, "()")
            ?? ((Word(body, "status") ?? Word(body, "attach_status") ?? Word(body, "migration_status")) is null
                ? "Must specify 'status', 'attach_status' or 'migration_status' for update."
                : null);

        static string? Unknown(JsonElement body, string member, string what, string[] known, string around)
        {
            if (Word(body, member) is not { } word || known.Contains(word)) return null;
            return $"{what}: {body.Text(member)} is invalid, valid statuses are: "
                + $"{around[0]}{string.Join(", ", known.Select(Python.Repr))}{around[1]}.";
        }

        static string? Word(JsonElement body, string member) =>
            body.Text(member) is { Length: > 0 } text ? text.ToLowerInvariant() : null;
    }
}
