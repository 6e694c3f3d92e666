using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>A volume's being moved to another host, and its being given another type.</summary>
static class VolumeMoves
{
    const string MigrateRule = "volume_extension:volume_admin_actions:migrate_volume";
    const string CompletionRule = "volume_extension:volume_admin_actions:migrate_volume_completion";

    public static void Map(RouteTable api)
    {
        api.Action("volume_migrate", "/volumes/{id}", "os-migrate_volume", Migration.Form, Migrate, rule: Row(MigrateRule));
        api.Action<Completion, Bare<SavedVolume>>("volume_migrate_completion", "/volumes/{id}", "os-migrate_volume_completion", Completion.Form,
            Complete, rule: Row(CompletionRule));
        api.Action("volume_retype", "/volumes/{id}", "os-retype", Retyping.Form, Retype, rule: Row("volume:retype"));
    }

    static async Task Migrate(Call call, string id, Migration want)
    {
        var (file, operation) = (call.Ids.New(), call.Ids.New());
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand(MigrateRule, volume.ProjectId, volume.UserId);
            if (string.IsNullOrEmpty(want.Host) == string.IsNullOrEmpty(want.Cluster))
                throw Fault.Invalid.Input(call.Supports(Behaviour.MigrateToCluster)
                    ? "One and only one of cluster and host must be set."
                    : "Host field is missing.").Thrown();
            await DemandServed(tx, call, want);
            await MigrateVolume.Accept(tx, id, want.Host!, want.Locks, file, operation, call.RequestId);
        });
    }

    /// <summary>There are no clusters, so none is served.</summary>
    /// <exception cref="FaultException">Invalid: no service of that host is up and enabled.</exception>
    static async Task DemandServed(Tx tx, Call call, Migration want)
    {
        var service = string.IsNullOrEmpty(want.Host)
            ? null
            : await tx.Services.Find(PoolName.Parse(want.Host).Queue, ServiceTable.VolumeBinary);
        if (service is not { Disabled: false } || !Services.IsUp(call, service))
            throw new Fault.Invalid($"Invalid host: No available service named '{(string.IsNullOrEmpty(want.Host) ? want.Cluster : want.Host)}'").Thrown();
    }

    /// <summary>
    /// The compute service has copied a volume in use into another one. Cinder has it do that for migrations too, with a second
    /// volume that says so in its status; here no volume in use is migrated, so no volume ever says so.
    /// </summary>
    static async Task<Bare<SavedVolume>> Complete(Call call, string id, Completion done)
    {
        var operations = new List<string>();
        await call.Db.Commit(async tx =>
        {
            operations.Clear();
            var (volume, other) = await Both(tx, call, id, done.NewVolume);
            if (volume.MigrationStatus is null && other.MigrationStatus is null)
            {
                if (!done.Failed) operations.AddRange(await Swap(tx, call, volume, other));
                return;
            }
            throw Fault.Invalid.Volume(volume.MigrationStatus is null ? "Source volume not mid-migration."
                : other.MigrationStatus is null ? "Destination volume not mid-migration."
                : $"Destination has migration_status {other.MigrationStatus}, expected target:{id}.").Thrown();
        });
        foreach (var operation in operations) await call.EndOf(operation);
        return new(new SavedVolume(done.NewVolume));
    }

    /// <summary>Both volumes, locked in one order whoever comes first.</summary>
    static async Task<(Volume Volume, Volume Other)> Both(Tx tx, Call call, string id, string otherId)
    {
        foreach (var one in ((string[])[id, otherId]).Order(StringComparer.Ordinal)) await tx.Volumes.Find(one, @lock: true);
        var volume = await Volumes.Visible(tx, call, id);
        call.Demand(CompletionRule, volume.ProjectId, volume.UserId);
        return (volume, await Volumes.Visible(tx, call, otherId));
    }

    /// <summary>Whoever has the one volume has the other one from now on (Cinder: API.migrate_volume_completion).</summary>
    /// <returns>The operations that let hosts go.</returns>
    static async Task<List<string>> Swap(Tx tx, Call call, Volume volume, Volume other)
    {
        var operations = new List<string>();
        foreach (var attachment in await tx.Attachments.Of(volume.Id))
        {
            var operation = call.Ids.New();
            if (!await DetachVolume.Accept(tx, await tx.Volumes.Get(volume.Id), attachment, null, operation, call.RequestId))
                operations.Add(operation);
            await Attaching.Attach(tx, await tx.Volumes.Get(other.Id), attachment with
            {
                Id = call.Ids.New(),
                ProjectId = other.ProjectId,
                VolumeId = other.Id,
                Mode = AttachMode.ReadWrite,
                Connector = null,
                ConnectionInfo = null,
                CreatedAt = tx.Now,
            });
        }
        return operations;
    }

    static async Task Retype(Call call, string id, Retyping want)
    {
        var (file, operation) = (call.Ids.New(), call.Ids.New());
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand("volume:retype", volume.ProjectId, volume.UserId);
            var type = await VolumeTypes.Named(tx, call, want.NewType);
            VolumePlan.FitSize(type, volume.SizeGb);
            var multiattach = Clinker.Types.VolumeType.IsMultiattach(type.ExtraSpecs);
            if (multiattach != volume.Multiattach && volume.Status != VolumeStatus.Available)
                throw Fault.Invalid.Input("Invalid volume_type passed, retypes affecting multiattach are only allowed on available volumes, "
                    + $"the specified volume however currently has a status of: {volume.Status}.").Thrown();
            if (multiattach && !volume.Multiattach) call.Demand("volume:multiattach", volume.ProjectId, volume.UserId);
            await VolumePlan.DemandPlain(tx, type);
            await RetypeVolume.Accept(tx, id, type, want.MayMove, call.Settings.Quotas, file, operation, call.RequestId);
        });
    }

    /// <summary>Where a volume is to go. Every migration copies, so force_host_copy asks for nothing more.</summary>
    sealed record Migration(string? Host, string? Cluster, bool Locks)
    {
        public static readonly Form<Migration> Form = new(
            Must.Object(
                Must.Required("host", Must.Text(), until: Behaviour.MigrateToCluster),
                Must.Optional("host", Must.Text(orNull: true), since: Behaviour.MigrateToCluster),
                Must.Optional("force_host_copy", Must.Flag),
                Must.Optional("lock_volume", Must.Flag),
                Must.Optional("cluster", Must.Text(orNull: true), since: Behaviour.MigrateToCluster)),
            body => new(body.Text("host"), body.Text("cluster"), body.Flag("lock_volume") ?? false));
    }

    /// <summary>What the compute service says that it has done.</summary>
    sealed record Completion(string NewVolume, bool Failed)
    {
        public static readonly Form<Completion> Form = new(
            Must.Object(
                Must.Required("new_volume", Must.Uuid),
                Must.Optional("error", Must.Kind("string", "null", "boolean"))),
            body => new(body.Text("new_volume")!, body.Flag("error") ?? false));
    }

    /// <summary>Which type a volume is to have.</summary>
    sealed record Retyping(string NewType, bool MayMove)
    {
        const string OnDemand = "on-demand";

        public static readonly Form<Retyping> Form = new(
            Must.Object(
                Must.Required("new_type", Must.Text(max: int.MaxValue)),
                Must.Optional("migration_policy", Must.OneOf(OnDemand, "never"))),
            body => new(body.Text("new_type")!, body.Text("migration_policy") == OnDemand));
    }
}
