using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Snapshots: taken, listed, looked at, renamed, deleted; their metadata (cinder/api/v3/snapshots.py).</summary>
static class Snapshots
{
    public static readonly Filterable Filterable = new("snapshot",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("display_name", "name", FilterKind.Verbatim),
        new("description", "description"),
        new("status", "status"),
        new("volume_id", "volume_id"),
        new("metadata", "metadata", FilterKind.Entries, Since: 22),
        new("consumes_quota", "consumes_quota", FilterKind.Flag, Since: 65),
        new("availability_zone", OfVolume("availability_zone")),
        new("host", OfVolume("host")),
        new("volume_size", "size_gb", FilterKind.Number),
        new("progress", "progress"),
        new("user_id", "user_id"),
        new("project_id", "project_id"),
        new("volume_type_id", "volume_type_id"),
        new("group_snapshot_id", "group_snapshot_id"),
        new("cgsnapshot_id", null),
        new("encryption_key_id", "encryption_key_id"),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    public static void Map(RouteTable api)
    {
        api.Get("snapshot_list", "/snapshots", List, rule: "volume:get_all_snapshots", query: Parameters.List(Filterable, counts: true));
        api.Get("snapshot_list_detail", "/snapshots/detail", Detail, rule: "volume:get_all_snapshots",
            query: Parameters.List(Filterable, counts: true));
        api.Post("snapshot_create", "/snapshots", SnapshotCreate.Form, Create, rule: Row("volume:create_snapshot"));
        api.Get("snapshot_show", "/snapshots/{id}", Show, rule: Row("volume:get_snapshot"));
        api.Put("snapshot_update", "/snapshots/{id}", SnapshotUpdate.Form, Update, rule: Row("volume:update_snapshot"));
        api.Delete("snapshot_delete", "/snapshots/{id}", Delete, rule: Row("volume:delete_snapshot"));
        api.Metadata("snapshot", "/snapshots/{id}/metadata", new SnapshotMetadata());
    }

    /// <summary>The snapshot, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<Snapshot> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var snapshot = await tx.Snapshots.Find(id, @lock);
        return snapshot is not null && call.Allows("volume:get_snapshot", snapshot.ProjectId, snapshot.UserId)
            ? snapshot
            : throw new Fault.NotFound("Snapshot", id).Thrown();
    }

    static async Task<SnapshotShape> Create(Call call, SnapshotCreate want)
    {
        var evenInUse = want.Force == true || call.Supports(Behaviour.SnapshotInUse);
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        var snapshot = await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, want.VolumeId ?? "None", @lock: true);
            if (want.Force == false && call.Supports(Behaviour.SnapshotInUse))
                throw Refusal.BadRequest("Since microversion 3.66 the 'force' flag is invalid for this request.  For backward compatability, "
                    + "however, when the 'force' flag is passed with a value evaluating to True, it is silently ignored.");
            call.Demand("volume:create_snapshot", volume.ProjectId, volume.UserId);
            return await CreateSnapshot.Accept(tx, want.ToSnapshot(call, id, volume),
                evenInUse ? VolumeRules.SnapshotEvenInUse : VolumeRules.Snapshot, call.Settings.Quotas, operation, call.RequestId);
        });
        return new(snapshot);
    }

    static async Task<Page<SnapshotBrief>> List(Call call)
    {
        var query = ListFilters.Read(call, Filterable);
        var found = await call.Db.Read(tx => tx.Snapshots.List(query));
        return new(found.Items.Select(s => new SnapshotBrief(s)), Next(call, "snapshots", query, found.Items), found.Count);
    }

    static async Task<Page<SnapshotDetail>> Detail(Call call)
    {
        var query = ListFilters.Read(call, Filterable);
        var found = await call.Db.Read(tx => tx.Snapshots.List(query));
        return new(found.Items.Select(s => new SnapshotDetail(s)), Next(call, "snapshots/detail", query, found.Items), found.Count);
    }

    static async Task<SnapshotDetail> Show(Call call, string id) => new(await call.Db.Read(async tx => await Temporary(tx, call, id) ?? await Visible(tx, call, id)));

    /// <summary>
    /// One that has no row, and that the compute service was asked for: only an administrator, as that is one, knows of it. Null: there is none.
    /// </summary>
    public static async Task<Snapshot?> Temporary(Tx tx, Call call, string id) =>
        call.IsAdmin && await tx.Snapshots.Find(id) is null ? await Moment.Find(tx, id) : null;

    static async Task<SnapshotShape> Update(Call call, string id, SnapshotUpdate want) => new(await call.Db.Commit(async tx =>
    {
        var now = await Visible(tx, call, id, @lock: true);
        call.Demand("volume:update_snapshot", now.ProjectId, now.UserId);
        var changed = now with
        {
            Name = want.HasName ? want.Name : now.Name,
            Description = want.HasDescription ? want.Description : now.Description,
            UpdatedAt = tx.Now,
        };
        await tx.Snapshots.SetWords(changed);
        return changed;
    }));

    static Task Delete(Call call, string id) => Delete(call, id, SnapshotRules.Delete);

    /// <summary>Deletes it, if its state allows that under this rule.</summary>
    /// <param name="also">A policy rule that is asked too.</param>
    public static async Task Delete(Call call, string id, Rule rule, string? also = null)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var snapshot = await Visible(tx, call, id);
            if (also is not null) call.Demand(also, snapshot.ProjectId, snapshot.UserId);
            call.Demand("volume:delete_snapshot", snapshot.ProjectId, snapshot.UserId);
            await DeleteSnapshot.Accept(tx, id, rule, operation, call.RequestId);
        });
    }

    static string? Next(Call call, string collection, ListQuery query, IReadOnlyList<Snapshot> items) =>
        items.Count > 0 && items.Count >= query.Limit ? call.Links.Next(call, collection, items[^1].Id) : null;

    /// <summary>What a snapshot has from its volume.</summary>
    static string OfVolume(string column) => $"(select v.{column} from volume v where v.id = snapshot.volume_id)";

    /// <summary>A snapshot's own words (cinder/api/v3/snapshot_metadata.py).</summary>
    sealed class SnapshotMetadata : MetadataOf<Snapshot>
    {
        public override string Kind => "Snapshot";
        public override bool IsStrict => false;
        public override string RuleOf(string verb) => $"volume:{(verb == "create" ? "update" : verb)}_snapshot_metadata";
        public override Task<Snapshot> Find(Tx tx, Call call, string id, bool @lock) => Visible(tx, call, id, @lock);
        public override (string ProjectId, string UserId) OwnerOf(Snapshot row) => (row.ProjectId, row.UserId);
        public override IReadOnlyDictionary<string, string> Of(Snapshot row) => row.Metadata;

        public override void DemandChangeable(Snapshot row, string gerund)
        {
            // In any status.
        }

        public override Task Set(Tx tx, Snapshot row, IReadOnlyDictionary<string, string> words) =>
            tx.Snapshots.SetWords(row with { Metadata = words });
    }
}
