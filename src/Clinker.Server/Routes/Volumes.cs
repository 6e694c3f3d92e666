using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Volumes: made, listed, looked at, renamed, deleted; their metadata.</summary>
static class Volumes
{
    public static readonly Filterable Filterable = new("volume",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("display_name", "name", FilterKind.Verbatim),
        new("description", "description"),
        new("status", "status"),
        new("metadata", "metadata", FilterKind.Entries),
        new("glance_metadata", "image_metadata", FilterKind.Entries, Since: 4),
        new("bootable", "bootable", FilterKind.Flag),
        new("migration_status", "migration_status"),
        new("availability_zone", "availability_zone"),
        new("group_id", "group_id", Since: 10),
        new("size", "size_gb", FilterKind.Number),
        new("created_at", "created_at", FilterKind.Time, Since: 60),
        new("updated_at", "updated_at", FilterKind.Time, Since: 60),
        new("consumes_quota", "consumes_quota", FilterKind.Flag, Since: 65),
        new("host", "host"),
        new("user_id", "user_id"),
        new("project_id", "project_id"),
        new("volume_type_id", "volume_type_id"),
        new("attach_status", "attach_status"),
        new("multiattach", "multiattach", FilterKind.Flag),
        new("provider_location", "provider_location"),
        new("snapshot_id", "snapshot_id"),
        new("source_volid", "source_volume_id"),
        new("replication_status", "replication_status"),
        new("consistencygroup_id", null),
        new("encryption_key_id", "encryption_key_id"),
        new("cluster_name", null));

    public static void Map(RouteTable api)
    {
        api.Get("volume_list", "/volumes", List, rule: "volume:get_all", query: Parameters.List(Filterable, counts: true));
        api.Get("volume_list_detail", "/volumes/detail", Detail, rule: "volume:get_all", query: Parameters.List(Filterable, counts: true));
        api.Get("volume_summary", "/volumes/summary", Summary, rule: "volume:get_all", since: 12, query: new(Parameter.AllTenants));
        api.Post("volume_create", "/volumes", VolumeCreate.Form, Create, rule: "volume:create");
        api.Get("volume_show", "/volumes/{id}", Show, rule: Row("volume:get"));
        api.Put("volume_update", "/volumes/{id}", VolumeUpdate.Form, Update, rule: Row("volume:update"));
        api.Delete("volume_delete", "/volumes/{id}", Delete, rule: Row("volume:delete"),
            query: new(
            new Parameter("cascade", "Whether its snapshots go with it.", IsFlag: true),
            new Parameter("force", "Whatever its status is, for those whom the rule volume:force_delete lets.", Behaviour.DeleteForce, IsFlag: true)));
        api.Metadata("volume", "/volumes/{id}/metadata", new VolumeMetadata());
    }

    /// <summary>The volume, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<Volume> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var volume = await tx.Volumes.Find(id, @lock);
        return volume is not null && call.Allows("volume:get", volume.ProjectId, volume.UserId)
            ? volume
            : throw new Fault.NotFound("Volume", id).Thrown();
    }

    /// <exception cref="FaultException">Invalid: not in this status.</exception>
    public static void DemandUpdatable(Volume volume)
    {
        if (!VolumeRules.MayUpdate(volume.Status))
            throw Fault.Invalid.Volume("The volume cannot be updated during maintenance.").Thrown();
    }

    /// <param name="gerund">Updating or Deleting.</param>
    /// <exception cref="FaultException">Invalid: not in this status.</exception>
    public static void DemandMetadataChangeable(Volume volume, string gerund)
    {
        if (!VolumeRules.MayChangeMetadata(volume.Status))
            throw Fault.Invalid.Volume($"{gerund} volume metadata is not allowed for volumes in {volume.Status} status.").Thrown();
    }

    static async Task<VolumeShape> Create(Call call, VolumeCreate want)
    {
        var plan = await VolumePlan.For(call, call.Supports(Behaviour.BackupAsSource) ? want : want with { BackupId = null });
        return VolumeShape.Of(await Make(call, plan, call.Ids.New()), plan.View);
    }

    /// <summary>Accepts a new volume as it is asked for.</summary>
    public static async Task<Volume> Make(Call call, VolumeCreate want, string operation) =>
        await Make(call, await VolumePlan.For(call, want), operation);

    static async Task<Volume> Make(Call call, VolumePlan plan, string operation)
    {
        var volume = plan.ToVolume(call);
        await call.Db.Commit(async tx =>
        {
            if (plan.Named && await tx.Types.Find(plan.Type.Id, @lock: true) is null)
                throw new Fault.NotFound("Volume type", plan.Type.Id).Thrown();
            await CreateVolume.Accept(tx, volume, call.Settings.Quotas, operation, call.RequestId, plan.Source, plan.Want.Hints);
        });
        return volume;
    }

    static async Task<Page<VolumeBrief>> List(Call call)
    {
        var query = ListQuery(call);
        var found = await call.Db.Read(tx => tx.Volumes.List(query));
        var place = call.Links.Of("volumes");
        return new(found.Items.Select(v => new VolumeBrief(v.Id, v.Name, new Links(place, v.Id))),
            Next(call, "volumes", query, found.Items), found.Count);
    }

    static async Task<Page<VolumeDetail>> Detail(Call call)
    {
        var query = ListQuery(call);
        var (found, view) = await call.Db.Read(async tx =>
        {
            var page = await tx.Volumes.List(query);
            return (page, await View(tx, call, page.Items));
        });
        return new(found.Items.Select(v => VolumeDetail.Of(v, view)), Next(call, "volumes/detail", query, found.Items), found.Count);
    }

    static async Task<VolumeDetail> Show(Call call, string id)
    {
        var (volume, view) = await call.Db.Read(async tx =>
        {
            var one = await Visible(tx, call, id);
            return (one, await View(tx, call, [one]));
        });
        return VolumeDetail.Of(volume, view);
    }

    static async Task<VolumeShape> Update(Call call, string id, VolumeUpdate want)
    {
        var (volume, view) = await call.Db.Commit(async tx =>
        {
            var now = await Visible(tx, call, id, @lock: true);
            call.Demand("volume:update", now.ProjectId, now.UserId);
            DemandUpdatable(now);
            var changed = now with
            {
                Name = want.HasName ? want.Name : now.Name,
                Description = want.HasDescription ? want.Description : now.Description,
                Metadata = want.Metadata ?? now.Metadata,
                UpdatedAt = tx.Now,
            };
            await tx.Volumes.SetWords(changed);
            return (changed, await View(tx, call, [changed]));
        });
        return VolumeShape.Of(volume, view);
    }

    static Task Delete(Call call, string id)
    {
        var cascade = call.Query.Flag("cascade");
        var force = call.Supports(Behaviour.DeleteForce) && call.Query.Flag("force");
        return Delete(call, id, force, "volume:force_delete", cascade);
    }

    /// <summary>Deletes it, or (by force) whatever its status is, if the rule for that lets the caller.</summary>
    /// <param name="cascade">Its snapshots go with it.</param>
    public static async Task Delete(Call call, string id, bool force, string forceRule, bool cascade = false)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var volume = await Visible(tx, call, id);
            if (force) call.Demand(forceRule, volume.ProjectId, volume.UserId);
            call.Demand("volume:delete", volume.ProjectId, volume.UserId);
            if (cascade)
                await DeleteVolume.AcceptCascade(tx, id, force ? VolumeRules.ForceDeleteCascade : VolumeRules.DeleteCascade,
                    force ? SnapshotRules.ForceDeleteWithVolume : SnapshotRules.DeleteWithVolume, call.IsAdmin, operation, call.RequestId);
            else
                await DeleteVolume.Accept(tx, id, force ? VolumeRules.ForceDelete : VolumeRules.Delete, operation, call.RequestId);
        });
    }

    static async Task<VolumeSummary> Summary(Call call)
    {
        var project = call.Query.Flag("all_tenants") && call.IsAdmin ? null : call.Caller.ProjectId;
        var withMetadata = call.Supports(Behaviour.SummaryMetadata);
        var (sums, metadata) = await call.Db.Read(async tx => (
            await tx.Volumes.Summary(project),
            withMetadata ? await tx.Volumes.AllMetadata(project) : []));
        var values = metadata.SelectMany(m => m).GroupBy(e => e.Key)
            .ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Select(e => e.Value).Distinct()]);
        return new(sums.Count, sums.SizeGb, values);
    }

    static ListQuery ListQuery(Call call)
    {
        var query = ListFilters.Read(call, Filterable);
        // The other half of a migration is nobody's business but an admin's.
        return call.IsAdmin ? query : query with { Filters = [.. query.Filters, new("migration_status", Op.NotPrefix, "target:")] };
    }

    static string? Next(Call call, string collection, ListQuery query, IReadOnlyList<Volume> items) =>
        items.Count > 0 && items.Count >= query.Limit ? call.Links.Next(call, collection, items[^1].Id) : null;

    static async Task<VolumeView> View(Tx tx, Call call, IReadOnlyList<Volume> of)
    {
        var used = of.Where(v => v.AttachStatus == AttachStatus.Attached).Select(v => v.Id).ToList();
        return VolumeView.Of(call, await tx.Types.List(null), await tx.Services.List()) with
        {
            Attachments = (await tx.Attachments.AttachedOf(used)).ToLookup(a => a.VolumeId),
            ConsistencyGroups = await tx.Groups.ConsistencyGroups([.. of.Select(v => v.GroupId).OfType<string>().Distinct()]),
            ShowsHosts = call.IsAdmin || call.Caller.Roles.Contains("service"),
        };
    }

    /// <summary>A volume's own words (cinder/api/v3/volume_metadata.py).</summary>
    sealed class VolumeMetadata : MetadataOf<Volume>
    {
        public override string Kind => "Volume";
        public override string RuleOf(string verb) => $"volume:{verb}_volume_metadata";
        public override Task<Volume> Find(Tx tx, Call call, string id, bool @lock) => Visible(tx, call, id, @lock);
        public override (string ProjectId, string UserId) OwnerOf(Volume row) => (row.ProjectId, row.UserId);
        public override IReadOnlyDictionary<string, string> Of(Volume row) => row.Metadata;

        public override void DemandChangeable(Volume row, string gerund) => DemandMetadataChangeable(row, gerund);

        public override Task Set(Tx tx, Volume row, IReadOnlyDictionary<string, string> words) =>
            tx.Volumes.SetWords(row with { Metadata = words });
    }
}
