using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Types;

namespace Clinker.Server.Routes;

/// <summary>QoS specs, and the types that have them (cinder/api/contrib/qos_specs_manage.py).</summary>
static class QosSpecs
{
    const string Consumer = "consumer";

    static readonly Filterable Filterable = new("qos_specs",
        new("id", "id"),
        new("name", "name"),
        new("consumer", "consumer"),
        new("created_at", "created_at"),
        new("updated_at", "updated_at"));

    static readonly Form<IReadOnlyDictionary<string, string>> New = new(
        Must.Object(Must.Required("qos_specs", Must.Object(Must.Required("name", Must.PaddedName)).Open().AndAlso(Unfit))),
        root => root.GetProperty("qos_specs").Words());

    static readonly Form<IReadOnlyDictionary<string, string>> Set = new(
        Must.Object(Must.Required("qos_specs", Must.Words(nullValues: true))), root => root.GetProperty("qos_specs").Words());

    static readonly Form<IReadOnlyList<string>> Unset = new(
        Must.Object(Must.Required("keys", Must.Distinct(Must.Text(min: 1)))),
        root => [.. root.GetProperty("keys").EnumerateArray().Select(k => k.GetString()!)]);

    static readonly Parameter TypeId = new("vol_type_id", "The volume type's id. It has to be there.");

    public static void Map(RouteTable api)
    {
        api.Get("qos_spec_list", "/qos-specs", List, rule: "volume_extension:qos_specs_manage:get_all", query: Parameters.List(Filterable));
        api.Post("qos_spec_create", "/qos-specs", New, Create, rule: "volume_extension:qos_specs_manage:create", success: 200);
        api.Get("qos_spec_show", "/qos-specs/{id}", Show, rule: "volume_extension:qos_specs_manage:get");
        api.Put("qos_spec_update", "/qos-specs/{id}", Set, Update, rule: "volume_extension:qos_specs_manage:update");
        api.Delete("qos_spec_delete", "/qos-specs/{id}", Delete, rule: "volume_extension:qos_specs_manage:delete",
            query: new(new Parameter("force", "Also while types have it.", IsFlag: true)));
        api.PutAndDo("qos_spec_delete_keys", "/qos-specs/{id}/delete_keys", Unset, DeleteKeys, rule: "volume_extension:qos_specs_manage:delete");
        api.Get("qos_spec_associations", "/qos-specs/{id}/associations", Associations, rule: "volume_extension:qos_specs_manage:get_all");
        // They change something although they are asked for with GET: so it is upstream.
        api.GetAndDo("qos_spec_associate", "/qos-specs/{id}/associate", Associate, rule: "volume_extension:qos_specs_manage:update",
            query: new(TypeId));
        api.GetAndDo("qos_spec_disassociate", "/qos-specs/{id}/disassociate", Disassociate, rule: "volume_extension:qos_specs_manage:update",
            query: new(TypeId));
        api.GetAndDo("qos_spec_disassociate_all", "/qos-specs/{id}/disassociate_all", DisassociateAll,
            rule: "volume_extension:qos_specs_manage:update");
    }

    static async Task<Page<QosShape>> List(Call call)
    {
        var query = ListFilters.Read(call, Filterable);
        var page = FewRows.Page(await call.Db.Read(tx => tx.QosSpecs.List()), query, Column, q => q.Id, "QoS spec");
        var next = page.Count > 0 && page.Count >= query.Limit ? call.Links.Next(call, "qos-specs", page[^1].Id) : null;
        return new(page.Select(QosShape.Of), next);
    }

    static async Task<Linked<QosShape>> Create(Call call, IReadOnlyDictionary<string, string> want)
    {
        var spec = Changed(new() { Id = call.Ids.New(), Name = want["name"].Trim(), CreatedAt = call.Now },
            want.Where(w => w.Key != "name").ToDictionary());
        await call.Db.Commit(tx => tx.QosSpecs.Insert(spec));
        return Shown(call, spec);
    }

    static async Task<Linked<QosShape>> Show(Call call, string id) => Shown(call, await call.Db.Read(tx => tx.QosSpecs.Get(id)));

    static async Task<Entries> Update(Call call, string id, IReadOnlyDictionary<string, string> specs)
    {
        await call.Db.Commit(async tx => await tx.QosSpecs.Update(Changed(await tx.QosSpecs.Get(id, @lock: true), specs)));
        return new("qos_specs", specs);
    }

    static Task Delete(Call call, string id)
    {
        var force = call.Query.Flag("force");
        return call.Db.Commit(async tx =>
        {
            await tx.QosSpecs.Get(id, @lock: true);
            if (!force && (await tx.QosSpecs.TypesOf(id)).Count > 0) throw Refusal.BadRequest("Qos specs still in use.");
            await tx.QosSpecs.Disassociate(id, null);
            await tx.QosSpecs.Remove(id);
        });
    }

    static Task DeleteKeys(Call call, string id, IReadOnlyList<string> keys) => call.Db.Commit(async tx =>
    {
        var spec = await tx.QosSpecs.Get(id, @lock: true);
        if (keys.FirstOrDefault(k => !spec.Specs.ContainsKey(k)) is { } missing)
            throw new Fault.Missing($"QoS spec {id} has no spec with key {missing}.").Thrown();
        await tx.QosSpecs.Update(spec with { Specs = spec.Specs.Where(s => !keys.Contains(s.Key)).ToDictionary() });
    });

    static async Task<Page<QosAssociation>> Associations(Call call, string id)
    {
        var types = await call.Db.Read(async tx =>
        {
            await tx.QosSpecs.Get(id);
            return await tx.QosSpecs.TypesOf(id);
        });
        return new(types.Select(t => new QosAssociation("volume_type", t.Name, t.Id)));
    }

    static Task Associate(Call call, string id) => WithType(call, id, async (tx, type) =>
    {
        if (type.QosSpecId is { } other && other != id)
            throw new Fault.Invalid($"Invalid volume type: Type {type.Id} is already associated with another qos specs: {other}").Thrown();
        await tx.QosSpecs.Associate(id, type.Id);
    });

    static Task Disassociate(Call call, string id) => WithType(call, id, (tx, type) => tx.QosSpecs.Disassociate(id, type.Id));

    static Task DisassociateAll(Call call, string id) => call.Db.Commit(async tx =>
    {
        await tx.QosSpecs.Get(id, @lock: true);
        await tx.QosSpecs.Disassociate(id, null);
    });

    static Task WithType(Call call, string id, Func<Tx, VolumeType, Task> act)
    {
        if (call.Query["vol_type_id"] is not { Length: > 0 } typeId) throw Refusal.BadRequest("Volume Type id must not be None.");
        return call.Db.Commit(async tx =>
        {
            await tx.QosSpecs.Get(id, @lock: true); // so that it stays until the type has it
            await act(tx, await VolumeTypes.Get(tx, call, typeId, @lock: true));
        });
    }

    static Linked<QosShape> Shown(Call call, QosSpec spec) => new(QosShape.Of(spec), new Links(call.Links.Of("qos-specs"), spec.Id));

    /// <summary>The consumer comes among the specs.</summary>
    /// <exception cref="FaultException">Invalid: no such consumer.</exception>
    static QosSpec Changed(QosSpec spec, IReadOnlyDictionary<string, string> by)
    {
        var specs = new Dictionary<string, string>(spec.Specs);
        foreach (var (key, value) in by)
            if (key != Consumer) specs[key] = value;
        if (!by.TryGetValue(Consumer, out var consumer) || consumer.Length == 0) return spec with { Specs = specs };
        return QosSpec.Consumers.Contains(consumer)
            ? spec with { Specs = specs, Consumer = consumer }
            : throw new Fault.Invalid("Invalid qos specs: Valid consumer of QoS specs are: "
                + $"[{string.Join(", ", QosSpec.Consumers.Select(Python.Repr))}]").Thrown();
    }

    /// <summary>Texts by key, whatever the keys (cinder/utils.py, validate_dictionary_string_length).</summary>
    static string? Unfit(JsonElement specs)
    {
        const string Invalid = "Invalid input received: ";
        foreach (var (key, value) in specs.EnumerateObject().Select(m => (m.Name, m.Value)))
        {
            if (key.Length == 0) return $"{Invalid}Key \"{key}\" has 0 characters, less than 1.";
            if (Python.Length(key) > 255) return $"{Invalid}Key \"{key}\" has {Python.Length(key)} characters, more than 255.";
            if (key == "name" || value.ValueKind == JsonValueKind.Null) continue;
            if (value.ValueKind != JsonValueKind.String) return $"{Invalid}Value for key \"{key}\" is not a string or unicode";
            if (Python.Length(value.GetString()!) is > 255 and var length)
                return $"{Invalid}Value for key \"{key}\" has {length} characters, more than 255.";
        }
        return null;
    }

    static object? Column(QosSpec spec, string column) => column switch
    {
        "id" => spec.Id,
        "name" => spec.Name,
        "consumer" => spec.Consumer,
        "created_at" => spec.CreatedAt,
        "updated_at" => spec.UpdatedAt,
        _ => null,
    };
}
