using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>A volume's being made larger, its being put back to a snapshot, and its being made to stand on nothing.</summary>
static class VolumeGrowth
{
    const string CompletionRule = "volume_extension:volume_admin_actions:extend_volume_completion";

    static readonly Form<int> NewSize = new(Must.Object(Must.Required("new_size", Must.Size)), body => body.Number("new_size")!.Value);

    static readonly Form<bool> Completion = new(
        Must.Object(Must.Optional("error", Must.FlagOrNull)), body => body.Flag("error") ?? false);

    /// <summary>Ours is <c>earlier</c>: any snapshot of the volume, not the latest only.</summary>
    static readonly Form<(string? Id, bool Earlier)> Snapshot = new(
        Must.Object(Must.Optional("snapshot_id", Must.Text(max: int.MaxValue, orNull: true)), Must.Optional("earlier", Must.Flag)).Open(),
        body => (body.Text("snapshot_id"), body.Flag("earlier") ?? false));

    public static void Map(RouteTable api)
    {
        api.Action("volume_extend", "/volumes/{id}", "os-extend", NewSize, Extend, rule: Row("volume:extend"));
        // Not before 3.71: that older versions know it upstream is an oversight there.
        api.Action("volume_extend_completion", "/volumes/{id}", "os-extend_volume_completion", Completion, Complete,
            rule: Row(CompletionRule), since: 71);
        api.Action("volume_revert", "/volumes/{id}", "revert", Snapshot, Revert, rule: Row("volume:revert_to_snapshot"), since: 40);
        api.Action("volume_flatten", "/volumes/{id}", "os-flatten", Flatten, rule: Row("clinker:volume:flatten")); // ours
    }

    static async Task Extend(Call call, string id, int size)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            var inUse = volume.Status == VolumeStatus.InUse && call.Supports(Behaviour.ExtendInUse);
            call.Demand(inUse ? "volume:extend_attached_volume" : "volume:extend", volume.ProjectId, volume.UserId);
            if (size > volume.SizeGb && volume.VolumeTypeId is { } type && await tx.Types.Find(type) is { } bounds) VolumePlan.FitSize(bounds, size);
            await ExtendVolume.Accept(tx, id, size, inUse ? VolumeRules.ExtendEvenInUse : VolumeRules.Extend, call.Settings.Quotas,
                operation, call.RequestId);
        });
    }

    /// <summary>For whoever grows a volume in the backend's stead. What he says has the operation look; whether it has grown, the volume itself says.</summary>
    static Task Complete(Call call, string id, bool error) => call.Db.Commit(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        call.Demand(CompletionRule, volume.ProjectId, volume.UserId);
        if (volume.Status != VolumeStatus.Extending) throw Fault.Invalid.Volume("Volume is not being extended.").Thrown();
        if (!await AssistedExtend.Tell(tx, id, well: !error)) throw Fault.Invalid.Volume("Required volume admin metadata is malformed or missing.").Thrown();
    });

    static async Task Flatten(Call call, string id)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand("clinker:volume:flatten", volume.ProjectId, volume.UserId);
            await FlattenVolume.Accept(tx, id, operation, call.RequestId);
        });
    }

    static async Task Revert(Call call, string id, (string? Id, bool Earlier) snapshot)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand("volume:revert_to_snapshot", volume.ProjectId, volume.UserId);
            await RevertVolume.Accept(tx, id, snapshot.Id, snapshot.Earlier, operation, call.RequestId);
        });
    }
}
