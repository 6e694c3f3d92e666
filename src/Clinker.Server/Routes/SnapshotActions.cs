using System.Globalization;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Snapshots;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What is done to a snapshot by naming it in an action's body.</summary>
static class SnapshotActions
{
    const string ResetRule = "volume_extension:snapshot_admin_actions:reset_status";
    const string ForceDeleteRule = "volume_extension:snapshot_admin_actions:force_delete";
    const string ReportRule = "snapshot_extension:snapshot_actions:update_snapshot_status";

    /// <summary>cinder/objects/fields.py, SnapshotStatus.ALL.</summary>
    static readonly string[] Statuses =
    [
        "error", "available", "creating", "deleting", "deleted", "updating", "error_deleting", "unmanaging", "backing-up", "restoring",
    ];

    /// <summary>What whoever works on a snapshot may say of it, by the status that it has.</summary>
    static readonly IReadOnlyDictionary<string, string[]> Reportable = new Dictionary<string, string[]>
    {
        ["creating"] = ["creating", "available", "error"],
        ["deleting"] = ["deleting", "error_deleting"],
    };

    static readonly Form<string> Reset = new(
        Must.Object(Must.Required("status", Must.Text(max: int.MaxValue))).AndAlso(body =>
            Statuses.Contains(body.Text("status")!.ToLowerInvariant())
                ? null
                : $"Snapshot status: {body.Text("status")} is invalid, valid statuses are: ({string.Join(", ", Statuses.Select(Python.Repr))})."),
        body => body.Text("status")!.ToLowerInvariant());

    static readonly Form<Report> Told = new(
        Must.Object(
            Must.Required("status", Must.Text(max: int.MaxValue)),
            Must.Optional("progress", Must.Anything)).AndAlso(body => WhyNoProgress(body) is { } why ? $"Invalid input received: {why}" : null),
        body => new(body.Text("status")!, body.Text("progress") is { Length: > 0 } text ? text : null));

    public static void Map(RouteTable api)
    {
        api.Action("snapshot_reset_status", "/snapshots/{id}", "os-reset_status", Reset, ResetStatus, rule: Row(ResetRule));
        api.Action("snapshot_force_delete", "/snapshots/{id}", "os-force_delete",
            (Call call, string id) => Snapshots.Delete(call, id, SnapshotRules.ForceDelete, ForceDeleteRule), rule: Row(ForceDeleteRule));
        api.Action("snapshot_update_status", "/snapshots/{id}", "os-update_snapshot_status", Told, UpdateStatus, rule: Row(ReportRule));
    }

    static Task ResetStatus(Call call, string id, string status) => call.Db.Commit(async tx =>
    {
        var snapshot = await Snapshots.Visible(tx, call, id, @lock: true);
        call.Demand(ResetRule, snapshot.ProjectId, snapshot.UserId);
        await DemandSettled(tx, id);
        await tx.Snapshots.Reset(id, status);
    });

    /// <summary>
    /// For whoever takes a snapshot, or deletes one, in the backend's stead (cinder/api/contrib/snapshot_actions.py). The operation that waits for his word settles
    /// the status.
    /// </summary>
    static Task UpdateStatus(Call call, string id, Report to) => call.Db.Commit(async tx =>
    {
        var temporary = await Snapshots.Temporary(tx, call, id);
        var snapshot = temporary ?? await Snapshots.Visible(tx, call, id, @lock: true);
        call.Demand(ReportRule, snapshot.ProjectId, snapshot.UserId);
        if (!Reportable.TryGetValue(snapshot.Status, out var allowed))
            throw Refusal.BadRequest($"Snapshot status {snapshot.Status} not allowed for update_snapshot_status");
        if (!allowed.Contains(to.Status))
            throw Refusal.BadRequest(
                $"Provided snapshot status {to.Status} not allowed for snapshot with status {snapshot.Status}.");
        // The word of Nova, whose user is an administrator: what others of the project say must not have files taken for free.
        var heard = call.IsAdmin && to switch
        {
            { Status: "error" } or { Status: "creating", Progress: AssistedSnapshot.Done } => await AssistedSnapshot.Tell(tx, id, well: to.Status != "error"),
            { Status: "error_deleting" } or { Status: "deleting", Progress: AssistedSnapshot.Done } => await AssistedMerge.Tell(tx, id, well: to.Status == "deleting"),
            _ => false,
        };
        if (temporary is not null) return; // what else is said of it settles nothing
        if (to.Status != snapshot.Status && !heard)
        {
            await DemandSettled(tx, id);
            await tx.Snapshots.Reset(id, to.Status);
        }
        await tx.Snapshots.SetProgress(id, to.Progress);
    });

    /// <summary>
    /// The status is what an operation's last step relies on: while one is under way, its own or one of its volume, it is not for
    /// the taking.
    /// </summary>
    static async Task DemandSettled(Tx tx, string id)
    {
        var about = new About("snapshot", id);
        if (await tx.Operations.Busy(about))
            throw new Fault.Conflict($"Snapshot {id} has an operation under way, which will settle its status.").Thrown();
    }

    static string? WhyNoProgress(JsonElement body)
    {
        if (!body.TryGetProperty("progress", out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String) return "progress must be an integer percentage";
        var text = value.GetString()!;
        if (text.Length == 0) return null;
        if (!int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var percent))
            return "progress must be an integer percentage";
        return percent is < 0 or > 100 || text[^1] != '%' ? "progress must be an integer percentage between 0 and 100" : null;
    }

    /// <summary>How far a snapshot is, as told from outside.</summary>
    /// <param name="Progress">Null leaves it as it is.</param>
    sealed record Report(string Status, string? Progress);
}
