using System.Data.Common;
using System.Globalization;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Services;

/// <summary>A role that runs (or ran) somewhere, as Cinder lists it.</summary>
/// <param name="Host">The host, or <c>host@backend</c> for cinder-volume.</param>
/// <param name="Binary">Cinder's name of the role: cinder-scheduler, cinder-volume, …</param>
/// <param name="BackendDown">For cinder-volume: null when a pool of it serves, otherwise why none does.</param>
/// <param name="UpdatedAt">The last heartbeat.</param>
/// <param name="Frozen">For cinder-volume: nothing is made or deleted in its pools.</param>
/// <param name="LogLevels">What its daemon logs, or is to log from now on; see <see cref="Services.LogLevels"/>.</param>
public sealed record Service(
    string Id, string Host, string Binary, string Zone, bool Disabled, string? DisabledReason, string? BackendDown,
    DateTime CreatedAt, DateTime UpdatedAt, bool Frozen = false, string? LogLevels = null);

/// <summary>What a project has in a backend's pools; sizes in GiB.</summary>
public sealed record HostUse(string ProjectId, long Volumes, long VolumeGb, long Snapshots, long SnapshotGb);

/// <summary>Which service rows change.</summary>
public readonly struct ServiceTable(Tx tx)
{
    public const string VolumeBinary = "cinder-volume";
    public const string SchedulerBinary = "cinder-scheduler";
    public const string BackupBinary = "cinder-backup";

    /// <summary>Not a queue of work: what daemons listen for when their log levels were changed.</summary>
    public const string LogLevelsChanged = "log levels";

    static readonly Sql Beaten = Sql.Raw("id, host, binary_name, zone, disabled, disabled_reason, backend_down, created_at, updated_at");
    static readonly Sql All = Sql.Of($"{Beaten}, frozen, log_levels");

    /// <summary>A heartbeat; the first one makes the row, enabled.</summary>
    public Task Beat(string newId, string host, string binary, string zone, string? backendDown) => tx.Execute($"""
        insert into service ({Beaten}) values ({newId}, {host}, {binary}, {zone}, {false}, {null as string}, {backendDown}, {tx.Now}, {tx.Now})
        on conflict (host, binary_name) do update
          set zone = excluded.zone, backend_down = excluded.backend_down, updated_at = excluded.updated_at
        """);

    public Task<List<Service>> List() => tx.Query($"select {All} from service order by binary_name, host", Read);

    /// <summary>Null when there is no such service.</summary>
    public Task<Service?> Find(string host, string binary) =>
        tx.One<Service?>($"select {All} from service where host = {host} and binary_name = {binary}", Read);

    /// <summary>One that was heard of lately and is switched on; null when there is none.</summary>
    /// <param name="zone">Only there; null: anywhere.</param>
    public Task<Service?> FindUp(string binary, TimeSpan downTime, string? zone = null)
    {
        var there = zone is null ? Sql.Nothing : Sql.Of($" and zone = {zone}");
        return tx.One<Service?>($"""
            select {All} from service where binary_name = {binary} and not disabled and updated_at >= {tx.Now - downTime}{there}
            order by host limit 1
            """, Read);
    }

    /// <exception cref="FaultException">Missing: none is up.</exception>
    public async Task DemandUp(string binary, TimeSpan downTime)
    {
        if (await FindUp(binary, downTime) is null) throw new Fault.Missing($"Service {binary} could not be found.").Thrown();
    }

    /// <summary>False when there is no such service.</summary>
    public async Task<bool> Set(string host, string binary, bool disabled, string? reason) => 1 == await tx.Execute($"""
        update service set disabled = {disabled}, disabled_reason = {reason} where host = {host} and binary_name = {binary}
        """);

    /// <summary>
    /// Freezes a backend, which also switches it off for the scheduler, or thaws it, which switches it on again (Cinder:
    /// VolumeManager.freeze_host, thaw_host). False when it was so before.
    /// </summary>
    public async Task<bool> Freeze(string host, bool frozen)
    {
        var reason = frozen ? "frozen" : null;
        return 1 == await tx.Execute($"""
            update service set frozen = {frozen}, disabled = {frozen}, disabled_reason = {reason}
            where host = {host} and binary_name = {VolumeBinary} and frozen = {!frozen}
            """);
    }

    /// <exception cref="FaultException">Invalid: the backend that the volume lies in is frozen (Cinder: assert_not_frozen).</exception>
    public async Task DemandThawed(string volumeId)
    {
        var frozen = await tx.Number($"""
            select count(*) from service s join volume v on v.host = s.host or substr(v.host, 1, length(s.host) + 1) = s.host || '#'
            where v.id = {volumeId} and s.binary_name = {VolumeBinary} and s.frozen
            """);
        if (frozen > 0) throw Fault.Invalid.Input("Modification operations are not allowed on frozen storage backends.").Thrown();
    }

    /// <summary>Asks a service's daemon to log otherwise; it hears of it at once.</summary>
    public async Task AskLogLevels(Service service, string levels)
    {
        await tx.Execute($"update service set log_levels = {levels} where id = {service.Id}");
        tx.Wake(LogLevelsChanged);
    }

    /// <summary>Writes down what a service's daemon logs, unless it was asked for something else meanwhile.</summary>
    public Task NoteLogLevels(Service seen, string levels) => tx.Execute($"""
        update service set log_levels = {levels} where id = {seen.Id} and coalesce(log_levels, '') = {seen.LogLevels ?? ""}
        """);

    /// <summary>What each project has in the pools of a backend.</summary>
    public Task<List<HostUse>> Uses(string host) => tx.Query($"""
        select v.project_id, count(*), sum(v.size_gb), sum(s.n), sum(s.gb) from volume v
        join (select v.id, count(s.id) as n, coalesce(sum(s.size_gb), 0) as gb from volume v left join snapshot s on s.volume_id = v.id
          group by v.id) s on s.id = v.id
        where v.host = {host} or substr(v.host, 1, length({host}) + 1) = {host} || '#'
        group by v.project_id order by v.project_id
        """, r => new HostUse(r.GetString(0), Long(r, 1), Long(r, 2), Long(r, 3), Long(r, 4)));

    static long Long(DbDataReader r, int i) => Convert.ToInt64(r.GetValue(i), CultureInfo.InvariantCulture);

    static Service Read(DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetBoolean(4), r.Text(5), r.Text(6), r.Time(7), r.Time(8),
        r.GetBoolean(9), r.Text(10));
}
