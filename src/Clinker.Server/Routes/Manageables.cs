using Clinker.Managing;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>
/// What lies in pools already, its becoming volumes and snapshots, and its being given up (cinder/api/contrib/volume_manage.py,
/// snapshot_manage.py, volume_unmanage.py, snapshot_unmanage.py), under today's paths and the older ones.
/// </summary>
static class Manageables
{
    const string UnmanageVolumeRule = "volume_extension:volume_unmanage";
    const string UnmanageSnapshotRule = "snapshot_extension:snapshot_unmanage";

    static readonly Parameters Query = new(
        new Parameter("host", "The pool to look into: host@backend#pool; without #pool where the backend has but one."),
        new Parameter("cluster", "Instead of a host; there are no clusters.", Behaviour.ManageableOfCluster))
    {
        Filters = new("manageable", new ListFilter("reference", "name"), new ListFilter("size", "size_gb")),
        HasFilters = false,
        PagesSince = 0,
    };

    public static void Map(RouteTable api)
    {
        Map(api, "", "/manageable_volumes", "/manageable_snapshots", since: 8);
        Map(api, "os_", "/os-volume-manage", "/os-snapshot-manage", since: 0);
        api.Action("volume_unmanage", "/volumes/{id}", "os-unmanage", UnmanageVolume, rule: Row(UnmanageVolumeRule));
        api.Action("snapshot_unmanage", "/snapshots/{id}", "os-unmanage", UnmanageSnapshot, rule: Row(UnmanageSnapshotRule));
    }

    static void Map(RouteTable api, string head, string volumes, string snapshots, int since)
    {
        api.Get($"{head}manageable_volume_list", volumes, call => List(call, "volume", f => new ManageableVolumeBrief(f)),
            rule: "volume_extension:list_manageable", since: since, query: Query);
        api.Get($"{head}manageable_volume_list_detail", volumes + "/detail", call => List(call, "volume", f => new ManageableVolume(f)),
            rule: "volume_extension:list_manageable", since: since, query: Query);
        api.Post($"{head}volume_manage", volumes, VolumeManage.Form, Manage, rule: "volume_extension:volume_manage", since: since);
        api.Get($"{head}manageable_snapshot_list", snapshots, call => List(call, "snapshot", f => new ManageableSnapshotBrief(f)),
            rule: "snapshot_extension:list_manageable", since: since, query: Query);
        api.Get($"{head}manageable_snapshot_list_detail", snapshots + "/detail", call => List(call, "snapshot", f => new ManageableSnapshot(f)),
            rule: "snapshot_extension:list_manageable", since: since, query: Query);
        api.Post($"{head}snapshot_manage", snapshots, SnapshotManage.Form, Manage, rule: "snapshot_extension:snapshot_manage", since: since);
    }

    static async Task<Page<T>> List<T>(Call call, string kind, Func<Manageable, T> shape) where T : IShape<T>
    {
        DemandOne(call, call.Query["host"], call.Query["cluster"], Behaviour.ManageableOfCluster);
        var (limit, offset) = (Paging.Limit(call.Query, call.Settings.MaxLimit), Paging.Offset(call.Query));
        var (sort, marker) = (Sort(call.Query), call.Query["marker"] is { } text ? MarkerOf(text) : null);
        var pool = await call.Db.Read(tx => PoolOf(tx, call, call.Query["host"]!));
        var operation = call.Ids.New();
        await call.Db.Commit(tx => ListManageable.Accept(
            tx, new(pool, kind, sort, limit, offset, marker), call.Caller.HasProject ? call.ProjectId : null, operation, call.RequestId));
        await call.EndOf(operation);
        return new((await call.Db.Read(tx => ListManageable.Told(tx, operation))).Select(shape));
    }

    static async Task<VolumeShape> Manage(Call call, VolumeManage want)
    {
        DemandOne(call, want.Host, want.Cluster, Behaviour.ManageByCluster);
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        return await call.Db.Commit(async tx =>
        {
            var type = want.VolumeType is { Length: > 0 } named ? await VolumeTypes.Named(tx, call, named) : await VolumeTypes.Default(tx, call);
            if (await tx.Encryptions.Find(type.Id) is not null)
                throw new Fault.Invalid($"Volume type {type.Name} is encrypted: what exists already can't become a volume of it.").Thrown();
            var pool = await PoolOf(tx, call, want.Host!);
            var services = await tx.Services.List();
            var zone = want.AvailabilityZone ?? services.Find(s => IsOf(s, PoolName.Parse(pool).Queue))!.Zone;
            var volume = await ManageVolume.Accept(tx, want.ToVolume(call, id, type, pool, zone), want.Ref.NameIn(pool),
                call.Settings.Quotas, operation, call.RequestId);
            return VolumeShape.Of(volume, VolumeView.Of(call, [type], services));
        });
    }

    static async Task<SnapshotBrief> Manage(Call call, SnapshotManage want)
    {
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        return new(await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, want.VolumeId, @lock: true);
            if (volume.Host is { } host) await PoolOf(tx, call, host);
            return await ManageSnapshot.Accept(tx, want.ToSnapshot(call, id, volume), want.Ref.NameIn(volume.Host ?? ""),
                call.Settings.Quotas, operation, call.RequestId);
        }));
    }

    static async Task UnmanageVolume(Call call, string id)
    {
        if (await call.Db.Commit(async tx => { await Demanded(tx); return await TidyVolume.SendAway(tx, id); }) is { } inTheWay) await call.EndOf(inTheWay);
        var encrypted = await call.Db.Commit(async tx =>
        {
            var volume = await Demanded(tx);
            if (volume.EncryptionKeyId is null) await ManageVolume.Unmanage(tx, id);
            else await tx.Messages.AddUnmanageEncrypted(call.Ids.New(), volume, call.RequestId);
            return volume.EncryptionKeyId is not null;
        });
        if (encrypted) throw new Fault.Invalid("Unmanaging encrypted volumes is not supported.").Thrown(); // the message stays

        async Task<Volume> Demanded(Tx tx)
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand(UnmanageVolumeRule, volume.ProjectId, volume.UserId);
            call.Demand("volume:delete", volume.ProjectId, volume.UserId);
            return volume;
        }
    }

    static Task UnmanageSnapshot(Call call, string id) => call.Db.Commit(async tx =>
    {
        var snapshot = await Snapshots.Visible(tx, call, id, @lock: true);
        call.Demand(UnmanageSnapshotRule, snapshot.ProjectId, snapshot.UserId);
        call.Demand("volume:delete_snapshot", snapshot.ProjectId, snapshot.UserId);
        await ManageSnapshot.Unmanage(tx, id);
    });

    /// <summary>One of a host and a cluster must be named (cinder/api/common.py, get_cluster_host); of clusters there are none.</summary>
    /// <param name="clustersSince">The minor from which on a cluster may be.</param>
    /// <exception cref="FaultException">Invalid or Missing.</exception>
    static void DemandOne(Call call, string? host, string? cluster, int clustersSince)
    {
        var mayBe = call.Supports(clustersSince);
        if (!mayBe) cluster = null;
        if (string.IsNullOrEmpty(host) == string.IsNullOrEmpty(cluster))
            throw Fault.Invalid.Input(mayBe ? "One and only one of cluster and host must be set." : "Host field is missing.").Thrown();
        if (!string.IsNullOrEmpty(cluster)) throw new Fault.Missing($"Service cinder-volume could not be found on cluster {cluster}.").Thrown();
    }

    /// <summary>The pool that a host names, if its service works (cinder/volume/api.py, _get_service_by_host_cluster).</summary>
    /// <exception cref="FaultException">Missing: no such service; Invalid: it does not work, or which pool is meant is not clear.</exception>
    public static async Task<string> PoolOf(Tx tx, Call call, string host)
    {
        var queue = host.Split('#')[0];
        var service = (await tx.Services.List()).Find(s => IsOf(s, queue))
            ?? throw new Fault.Missing($"Service cinder-volume could not be found on host {queue}.").Thrown();
        if (service.Disabled || !Services.IsUp(call, service)) throw new Fault.Invalid("Service is unavailable at this time.").Thrown();
        var pools = (await tx.Pools.List()).Select(p => p.Name).Where(n => PoolName.Parse(n).Queue == queue).ToList();
        if (host == queue && pools.Count == 1) return pools[0];
        return pools.Contains(host) ? host : throw Fault.Invalid.Input($"{host} is no pool. {queue} has: {string.Join(", ", pools)}.").Thrown();
    }

    static bool IsOf(Service service, string queue) => service.Binary == ServiceTable.VolumeBinary && service.Host == queue;

    static List<ManageableOrder> Sort(Query query)
    {
        var keys = Paging.Asked(query, "reference") ?? [("reference", "desc")];
        var unknown = keys.Select(k => k.Key).Where(k => k is not ("reference" or "size")).ToList();
        if (unknown.Count > 0) throw Refusal.BadRequest($"Invalid sort keys passed: {string.Join(", ", unknown)}");
        var directions = keys.Select(k => k.Direction).Where(d => d is not ("asc" or "desc")).ToList();
        if (directions.Count > 0) throw Refusal.BadRequest($"Invalid sort dirs passed: {string.Join(", ", directions)}");
        return keys.ConvertAll(k => new ManageableOrder(k.Key == "size", k.Direction == "desc"));
    }

    /// <summary>A marker is a reference, as Python or JSON writes it (cinder/volume/volume_utils.py, paginate_entries_list).</summary>
    static string MarkerOf(string text)
    {
        if (Literal.Of(text) is not Dictionary<string, object> marker)
            throw Fault.Invalid.Input($"marker {text} can not be analysed, please use dict like format").Thrown();
        return marker.Count == 1 && marker.GetValueOrDefault(Reference.ByName) is string name
            ? name
            : throw Fault.Invalid.Input($"marker not found: {text}").Thrown();
    }
}
