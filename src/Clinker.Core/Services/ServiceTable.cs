using System.Data.Common;
using Clinker.Store;

namespace Clinker.Services;

/// <summary>A role that runs (or ran) somewhere, as Cinder lists it.</summary>
/// <param name="Host">The host, or <c>host@backend</c> for cinder-volume.</param>
/// <param name="Binary">Cinder's name of the role: cinder-scheduler, cinder-volume, …</param>
/// <param name="BackendDown">For cinder-volume: null when a pool of it serves, otherwise why none does.</param>
/// <param name="UpdatedAt">The last heartbeat.</param>
public sealed record Service(
    string Id, string Host, string Binary, string Zone, bool Disabled, string? DisabledReason, string? BackendDown,
    DateTime CreatedAt, DateTime UpdatedAt);

/// <summary>Which service rows change.</summary>
public readonly struct ServiceTable(Tx tx)
{
    public const string VolumeBinary = "cinder-volume";
    public const string SchedulerBinary = "cinder-scheduler";

    static readonly Sql All = Sql.Raw("id, host, binary_name, zone, disabled, disabled_reason, backend_down, created_at, updated_at");

    /// <summary>A heartbeat; the first one makes the row, enabled.</summary>
    public Task Beat(string newId, string host, string binary, string zone, string? backendDown) => tx.Execute($"""
        insert into service ({All}) values ({newId}, {host}, {binary}, {zone}, {false}, {null as string}, {backendDown}, {tx.Now}, {tx.Now})
        on conflict (host, binary_name) do update
          set zone = excluded.zone, backend_down = excluded.backend_down, updated_at = excluded.updated_at
        """);

    public Task<List<Service>> List() => tx.Query($"select {All} from service order by binary_name, host", Read);

    /// <summary>Null when there is no such service.</summary>
    public Task<Service?> Find(string host, string binary) =>
        tx.One<Service?>($"select {All} from service where host = {host} and binary_name = {binary}", Read);

    /// <summary>False when there is no such service.</summary>
    public async Task<bool> Set(string host, string binary, bool disabled, string? reason) => 1 == await tx.Execute($"""
        update service set disabled = {disabled}, disabled_reason = {reason} where host = {host} and binary_name = {binary}
        """);

    static Service Read(DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetBoolean(4), r.Text(5), r.Text(6), r.Time(7), r.Time(8));
}
