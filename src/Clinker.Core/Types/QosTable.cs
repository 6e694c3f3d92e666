using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Types;

/// <summary>How fast volumes of the types that have it may be, for whoever is to keep them to it.</summary>
public sealed record QosSpec
{
    /// <summary>Who keeps to it: the backend, the hypervisor, or both (cinder/objects/fields.py, QoSConsumerValues).</summary>
    public static readonly IReadOnlyList<string> Consumers = ["back-end", "front-end", "both"];

    public required string Id { get; init; }
    public required string Name { get; init; }
    /// <summary>One of <see cref="Consumers"/>.</summary>
    public string Consumer { get; init; } = "back-end";
    public IReadOnlyDictionary<string, string> Specs { get; init; } = Volume.EmptyMetadata;
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }
}

/// <summary>Which rows of QoS specs change, and which types have them.</summary>
public readonly struct QosTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, name, consumer, specs, created_at, updated_at");

    /// <exception cref="FaultException">Conflict: the name is taken.</exception>
    public async Task<QosSpec> Insert(QosSpec q)
    {
        var inserted = await tx.Execute($"""
            insert into qos_spec ({All}) values ({q.Id}, {q.Name}, {q.Consumer}, {VolumeTable.Json(q.Specs)}, {q.CreatedAt}, {q.UpdatedAt})
            on conflict do nothing
            """);
        return inserted == 1 ? q : throw new Fault.Conflict($"QoS Specs {q.Name} already exists.").Thrown();
    }

    /// <exception cref="FaultException">Missing.</exception>
    public async Task<QosSpec> Get(string id, bool @lock = false) =>
        await tx.One<QosSpec?>($"select {All} from qos_spec where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read)
        ?? throw new Fault.Missing($"No such QoS spec {id}.").Thrown();

    /// <summary>All of them, newest first.</summary>
    public Task<List<QosSpec>> List() => tx.Query($"select {All} from qos_spec order by created_at desc, id desc", Read);

    /// <summary>Rewrites consumer and specs.</summary>
    public Task Update(QosSpec q) => tx.Execute($"""
        update qos_spec set consumer = {q.Consumer}, specs = {VolumeTable.Json(q.Specs)}, updated_at = {tx.Now} where id = {q.Id}
        """);

    public Task Remove(string id) => tx.Execute($"delete from qos_spec where id = {id}");

    /// <summary>The types that have it, as (id, name), by name.</summary>
    public Task<List<(string Id, string Name)>> TypesOf(string id) => tx.Query(
        $"select id, name from volume_type where qos_spec_id = {id} order by name", r => (r.GetString(0), r.GetString(1)));

    public Task Associate(string id, string typeId) =>
        tx.Execute($"update volume_type set qos_spec_id = {id}, updated_at = {tx.Now} where id = {typeId}");

    /// <summary>Takes it from one type, or (null) from every one that has it.</summary>
    public Task Disassociate(string id, string? typeId)
    {
        Sql one = typeId is null ? Sql.Nothing : $" and id = {typeId}";
        return tx.Execute($"update volume_type set qos_spec_id = null, updated_at = {tx.Now} where qos_spec_id = {id}{one}");
    }

    /// <summary>A type's QoS; null for none.</summary>
    public async Task<QosSpec?> OfType(string? typeId) => typeId is null
        ? null
        : await tx.One<QosSpec?>($"select {All} from qos_spec where id = (select qos_spec_id from volume_type where id = {typeId})", Read);

    static QosSpec Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        Name = r.GetString(1),
        Consumer = r.GetString(2),
        Specs = VolumeTable.Words(r.GetString(3)),
        CreatedAt = r.Time(4),
        UpdatedAt = r.TimeOrNull(5),
    };
}
