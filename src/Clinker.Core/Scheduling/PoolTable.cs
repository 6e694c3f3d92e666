using System.Data.Common;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Services;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Scheduling;

/// <summary>Which pool rows change. Room is reserved by a row: two requests never get the same.</summary>
public readonly struct PoolTable(Tx tx)
{
    /// <summary>How often to choose anew when the chosen pool was changed or forgotten meanwhile.</summary>
    const int MaxRaces = 10;

    static readonly Sql All = Sql.Raw("name, down, zone, total_gb, free_gb, thin, reserved_percentage, max_over_subscription_ratio, "
        + "capabilities, allocated_gb, volumes, version, reported_at");

    /// <summary>What is to be placed with a volume, and what filters and weighers may ask of it.</summary>
    /// <param name="hints">As they came with the request: JSON, or null.</param>
    public async Task<PlaceRequest> RequestFor(Volume volume, string? hints = null)
    {
        var wishes = Hints.Parse(hints);
        var named = (string[])[.. wishes.SameHost ?? [], .. wishes.DifferentHost ?? []];
        var lie = named.Length == 0 ? [] : await tx.Query($"""
            select id, host from volume where project_id = {volume.ProjectId} and host is not null and id in ({Sql.List(named)})
            """, r => KeyValuePair.Create(r.GetString(0), r.GetString(1)));
        return new(volume.SizeGb, volume.AvailabilityZone, await tx.Types.SpecsOf(volume.VolumeTypeId))
        {
            VolumeId = volume.Id,
            Hints = wishes,
            Neighbours = new Dictionary<string, string>(lie),
            Qos = (await tx.QosSpecs.OfType(volume.VolumeTypeId))?.Specs ?? Volume.EmptyMetadata,
            Volume = new Dictionary<string, string>
            {
                ["id"] = volume.Id,
                ["project_id"] = volume.ProjectId,
                ["user_id"] = volume.UserId,
                ["display_name"] = volume.Name ?? "",
                ["availability_zone"] = volume.AvailabilityZone,
                ["volume_type_id"] = volume.VolumeTypeId ?? "",
                ["multiattach"] = volume.Multiattach ? "True" : "False",
            },
        };
    }

    /// <summary>Chooses a pool for a volume's file and reserves the room; gives its name. Repeating it gives the same answer.</summary>
    /// <param name="fileId">The id in the file's name: the volume's own, unless it is to be moved there.</param>
    /// <exception cref="FaultException">NoValidBackend with what is against each pool; BackendDown (transient) when one would do
    /// but is down at the moment.</exception>
    public async Task<string> Place(string fileId, PlaceRequest request, SchedulingSettings settings)
    {
        await tx.InTurn(Turn.Placing);
        if (await tx.One($"select pool from reservation where volume_id = {fileId}", r => r.GetString(0)) is { } already) return already;
        for (var race = 0; race < MaxRaces; race++)
        {
            var pools = await ForPlacing(settings.ServiceDownTime);
            var placement = Scheduler.Place(pools, request, settings.Filters, settings.Weighers, settings.Handler);
            if (placement.Chosen is not { } pool) throw Refusal(pools, request, settings, placement).Thrown();
            var taken = await tx.Execute($"""
                update pool set allocated_gb = allocated_gb + {request.SizeGb}, volumes = volumes + 1, version = version + 1
                where name = {pool.Name} and version = {pool.Version}
                """);
            if (taken == 0) continue;
            await tx.Execute($"""
                insert into reservation (volume_id, pool, size_gb, at) values ({fileId}, {pool.Name}, {request.SizeGb}, {tx.Now})
                """);
            return pool.Name;
        }
        throw new Fault.Unavailable("Too many volumes are being placed at once.").Thrown();
    }

    /// <summary>As <see cref="Place"/>; null when no pool will do.</summary>
    public async Task<string?> TryPlace(string fileId, PlaceRequest request, SchedulingSettings settings)
    {
        try { return await Place(fileId, request, settings); }
        catch (FaultException e) when (e.Fault is Fault.NoValidBackend) { return null; } // nothing was written
    }

    /// <summary>What is against a volume's staying in a pool, whatever room there is; null for nothing.</summary>
    public Task<string?> WhyNotStay(string name, PlaceRequest request, SchedulingSettings settings) =>
        WhyNot(name, request, settings, settings.Filters.Where(f => f.Name != Filters.Capacity.Name));

    /// <summary>Whether the pool that somebody has chosen is one for the volume.</summary>
    /// <exception cref="FaultException">NoValidBackend with what is against it.</exception>
    public async Task DemandFit(string name, PlaceRequest request, SchedulingSettings settings)
    {
        if (await WhyNot(name, request, settings, settings.Filters) is { } why) throw new Fault.NoValidBackend($"{name}: {why}.").Thrown();
    }

    async Task<string?> WhyNot(string name, PlaceRequest request, SchedulingSettings settings, IEnumerable<Filter> filters)
    {
        if ((await ForPlacing(settings.ServiceDownTime)).Find(p => p.Name == name) is not { } pool) return "it is not known";
        return pool.ServiceDown ?? filters.Select(f => f.WhyNot(pool, request) is { } why ? $"{f.Name}: {why}" : null).FirstOrDefault(why => why is not null);
    }

    /// <summary>This file is none of the volume's, or no longer: its room is kept until it is deleted.</summary>
    public Task Leave(string fileId, string volumeId) =>
        tx.Execute($"update reservation set left_by = {volumeId} where volume_id = {fileId}");

    /// <summary>Files in a pool that were left and are not deleted yet, and their sizes in GiB.</summary>
    public Task<List<(string FileId, int SizeGb)>> Left(string pool) => tx.Query(
        $"select volume_id, size_gb from reservation where pool = {pool} and left_by is not null order by at, volume_id",
        r => (r.GetString(0), r.GetInt32(1)));

    /// <summary>The ids in the names of all files that have a place in a pool.</summary>
    public Task<List<string>> Files(string pool) => tx.Query($"select volume_id from reservation where pool = {pool}", r => r.GetString(0));

    /// <summary>
    /// Notes that a volume lies in a pool that somebody has chosen, as nothing large: what is there already needs no room to be
    /// found. <see cref="Resize"/> says how large it is.
    /// </summary>
    public async Task Note(string volumeId, string pool)
    {
        await tx.Execute($"insert into reservation (volume_id, pool, size_gb, at) values ({volumeId}, {pool}, 0, {tx.Now})");
        await tx.Execute($"update pool set volumes = volumes + 1 where name = {pool}");
    }

    /// <summary>The room of a file is that of another name's.</summary>
    public Task Rename(string fileId, string to) => tx.Execute($"update reservation set volume_id = {to} where volume_id = {fileId}");

    /// <summary>Gives a file's room back. Repeating it does nothing. Whoever is choosing meanwhile chooses no worse for it: same version.</summary>
    /// <param name="orLeft">Also that of a file that was left; see <see cref="Leave"/>.</param>
    public async Task Release(string fileId, bool orLeft = true)
    {
        var (pool, size) = await tx.One(
            $"delete from reservation where volume_id = {fileId} and (left_by is null or {orLeft}) returning pool, size_gb",
            r => (r.GetString(0), r.GetInt32(1)));
        if (pool is not null)
            await tx.Execute($"""
                update pool set allocated_gb = allocated_gb - {size}, volumes = volumes - 1 where name = {pool}
                """);
    }

    /// <summary>Reserves what a volume's file grows by, in the pool where it lies. Repeating it does nothing.</summary>
    /// <param name="specs">The volume type's extra specs.</param>
    /// <exception cref="FaultException">NoValidBackend: there is no room.</exception>
    public async Task Grow(string fileId, int toGb, IReadOnlyDictionary<string, string> specs, SchedulingSettings settings)
    {
        await tx.InTurn(Turn.Placing);
        var (name, size) = await tx.One(
            $"select pool, size_gb from reservation where volume_id = {fileId}", r => (r.GetString(0), r.GetInt32(1)));
        var pool = (await ForPlacing(settings.ServiceDownTime)).Find(p => p.Name == name)
            ?? throw new Fault.NoValidBackend($"Pool {name} is not known.").Thrown();
        var request = new PlaceRequest(toGb - size, null, specs);
        if (settings.Filters.FirstOrDefault(f => f.Name == Filters.Capacity.Name)?.WhyNot(pool, request) is { } why)
            throw new Fault.NoValidBackend($"{name}: {Filters.Capacity.Name}: {why}.").Thrown();
        await Resize(fileId, toGb);
    }

    /// <summary>Gives back what <see cref="Grow"/> reserved. Repeating it does nothing.</summary>
    public Task GiveBackGrowth(string fileId, int sizeGb) => Resize(fileId, sizeGb);

    /// <summary>Reserves just so much for a volume, whether there is room or not.</summary>
    public async Task Resize(string fileId, int sizeGb)
    {
        await tx.Execute($"""
            update pool set version = version + 1, allocated_gb = allocated_gb + {sizeGb} - r.size_gb
            from reservation r where r.volume_id = {fileId} and r.pool = pool.name
            """);
        await tx.Execute($"update reservation set size_gb = {sizeGb} where volume_id = {fileId}");
    }

    /// <summary>
    /// Writes down what a backend reported. Pools that it no longer names are forgotten when empty, and down otherwise.
    /// </summary>
    public async Task Report(string queue, string zone, BackendReport report)
    {
        foreach (var pool in report.Pools)
        {
            var name = $"{queue}#{pool.Name}";
            var capabilities = new Dictionary<string, string>(pool.Capabilities)
            {
                ["volume_backend_name"] = report.VolumeBackendName,
                ["storage_protocol"] = report.StorageProtocol,
                ["vendor_name"] = report.VendorName,
                ["driver_version"] = report.DriverVersion,
                ["pool_name"] = pool.Name,
                ["thin_provisioning_support"] = pool.Thin ? "True" : "False",
                ["thick_provisioning_support"] = pool.Thin ? "False" : "True",
            };
            var json = JsonSerializer.Serialize(capabilities, CoreJson.Default.DictionaryStringString);
            await tx.Execute($"""
                insert into pool ({All}, queue)
                select {name}, {pool.Down}, {zone}, {pool.TotalGb}, {pool.FreeGb}, {pool.Thin}, {pool.ReservedPercentage},
                  {pool.MaxOverSubscriptionRatio}, {json}, coalesce(sum(size_gb), 0), count(*), 0, {tx.Now}, {queue}
                from reservation where pool = {name}
                on conflict (name) do update set down = excluded.down, zone = excluded.zone, total_gb = excluded.total_gb,
                  free_gb = excluded.free_gb, thin = excluded.thin, reserved_percentage = excluded.reserved_percentage,
                  max_over_subscription_ratio = excluded.max_over_subscription_ratio, capabilities = excluded.capabilities,
                  reported_at = excluded.reported_at
                """);
        }
        var named = Sql.List(report.Pools.Select(p => $"{queue}#{p.Name}").Append(""));
        await tx.Execute($"delete from pool where queue = {queue} and volumes = 0 and name not in ({named})");
        await tx.Execute($"""
            update pool set down = 'it is not configured any more', reported_at = {tx.Now} where queue = {queue} and name not in ({named})
            """);
    }

    /// <summary>A backend gives no report: nothing is placed in its pools until it does.</summary>
    public Task Silent(string queue, string why) => tx.Execute($"update pool set down = {why} where queue = {queue}");

    /// <summary>All pools by name.</summary>
    public Task<List<Pool>> List() => tx.Query($"select {All} from pool order by name", r => Read(r));

    /// <summary>Every counter that differs from its rows; empty when all is well.</summary>
    public async Task<List<string>> Recount()
    {
        var counters = await tx.Query($"""
            select p.name, p.allocated_gb, p.volumes, coalesce(r.gb, 0), coalesce(r.n, 0) from pool p
            left join (select pool, sum(size_gb) as gb, count(*) as n from reservation group by pool) r on r.pool = p.name
            where p.allocated_gb <> coalesce(r.gb, 0) or p.volumes <> coalesce(r.n, 0)
            """, r => $"pool {r.GetString(0)}: {r.GetInt64(1)} GiB in {r.GetInt64(2)} volumes, reserved {r.GetInt64(3)} in {r.GetInt64(4)}");
        var rows = await tx.Query($"""
            select coalesce(v.id, r.volume_id), v.host, r.pool from volume v
            full outer join reservation r on r.volume_id = coalesce(v.name_id, v.id)
            where (v.id is null and r.left_by is null and not exists (select 1 from hold h where h.kind = 'volume' and h.id = r.volume_id))
              or (v.id is not null and (coalesce(v.host, '') <> coalesce(r.pool, '') or r.left_by is not null))
              or (v.id is not null and r.volume_id is not null and r.size_gb <> v.size_gb and r.size_gb <> coalesce(v.growing_to_gb, v.size_gb))
            """, r => $"volume {r.GetString(0)} lies in {r.Text(1) ?? "no pool"}, its room is reserved in {r.Text(2) ?? "none"}");
        return [.. counters, .. rows];
    }

    async Task<List<Pool>> ForPlacing(TimeSpan serviceDownTime)
    {
        var alive = tx.Now - serviceDownTime;
        return await tx.Query($"""
            select p.name, p.down, p.zone, p.total_gb, p.free_gb, p.thin, p.reserved_percentage, p.max_over_subscription_ratio,
              p.capabilities, p.allocated_gb, p.volumes, p.version, p.reported_at,
              (select coalesce(sum(size_gb), 0) from reservation r where r.pool = p.name and r.at > p.reported_at),
              case when s.id is null or s.updated_at < {alive} then 'its service is down'
                   when s.frozen then 'its backend is frozen'
                   when s.disabled then 'its service is disabled' end
            from pool p left join service s on s.host = p.queue and s.binary_name = {ServiceTable.VolumeBinary}
            order by p.name
            """, r => Read(r) with { ReservedSinceGb = Convert.ToInt64(r.GetValue(13), null), ServiceDown = r.Text(14) });
    }

    /// <summary>Whether waiting may help: a pool that is only down would have been taken.</summary>
    static Fault Refusal(List<Pool> pools, PlaceRequest request, SchedulingSettings settings, Placement placement)
    {
        if (pools.Count == 0) return new Fault.NoValidBackend("No backend has reported a pool yet.", MayPass: true);
        var why = string.Join(" ", placement.Against.Select(a => $"{a.Pool}: {a.Why}."));
        var waiting = pools.Where(p => p.ServiceDown is null && p.Down is not null).Select(p => p with { Down = null }).ToList();
        return Scheduler.Place(waiting, request, settings.Filters, settings.Weighers, settings.Handler).Chosen is { } down
            ? new Fault.BackendDown(down.Name, why)
            : new Fault.NoValidBackend(why);
    }

    static Pool Read(DbDataReader r) => new(
        r.GetString(0), r.Text(1), r.GetString(2), r.GetDouble(3), r.GetDouble(4), r.GetBoolean(5), r.GetInt32(6), r.GetDouble(7),
        VolumeTable.Words(r.GetString(8)), r.GetInt64(9), r.GetInt64(10), r.GetInt64(11), r.Time(12));
}
