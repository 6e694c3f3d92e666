using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Types;

namespace Clinker.Server.Routes;

/// <summary>A type's extra specs (cinder/api/contrib/types_extra_specs.py). They stay as they are while volumes have the type.</summary>
static class TypeExtraSpecs
{
    const string IsTrue = "<is> True";

    static readonly Form<IReadOnlyDictionary<string, string>> Several = new(
        Must.Object(Must.Required("extra_specs", Must.Words(nullValues: true, spaces: false))),
        root => root.GetProperty("extra_specs").Words());

    static readonly Form<IReadOnlyDictionary<string, string>> One = new(
        Must.Words(nullValues: true, spaces: false).WithCount(1, 1),
        root => root.Words());

    public static void Map(RouteTable api)
    {
        api.Get("type_spec_list", "/types/{id}/extra_specs", List, rule: "volume_extension:types_extra_specs:index");
        api.Post("type_spec_create", "/types/{id}/extra_specs", Several, Create, rule: "volume_extension:types_extra_specs:create",
            success: 200);
        api.Get("type_spec_show", "/types/{id}/extra_specs/{key}", Show, rule: "volume_extension:types_extra_specs:show");
        api.Put("type_spec_update", "/types/{id}/extra_specs/{key}", One, Update, rule: "volume_extension:types_extra_specs:update");
        api.Delete("type_spec_delete", "/types/{id}/extra_specs/{key}", Delete, rule: "volume_extension:types_extra_specs:delete");
    }

    static async Task<Entries> List(Call call, string id) => new("extra_specs", await Seen(call, id));

    static async Task<Entries> Show(Call call, string id, string key) => (await Seen(call, id)).TryGetValue(key, out var value)
        ? new(null, new Dictionary<string, string> { [key] = value })
        : throw Missing(id, key);

    static async Task<Entries> Create(Call call, string id, IReadOnlyDictionary<string, string> specs)
    {
        await Change(call, id, old => Merged(old, specs));
        return new("extra_specs", specs);
    }

    static async Task<Entries> Update(Call call, string id, string key, IReadOnlyDictionary<string, string> one)
    {
        if (!one.ContainsKey(key)) throw Refusal.BadRequest("Request body and URI mismatch");
        await Change(call, id, old => Merged(old, one));
        return new(null, one);
    }

    static Task Delete(Call call, string id, string key) => Change(call, id, old => old.ContainsKey(key)
        ? old.Where(s => s.Key != key).ToDictionary()
        : throw Missing(id, key));

    static async Task<IReadOnlyDictionary<string, string>> Seen(Call call, string id)
    {
        var type = await call.Db.Read(tx => VolumeTypes.Get(tx, call, id));
        return TypeInFull.Shown(type.ExtraSpecs, VolumeTypes.SeesAll(call));
    }

    static Task<VolumeType> Change(Call call, string id, Func<IReadOnlyDictionary<string, string>, IReadOnlyDictionary<string, string>> change) =>
        call.Db.Commit(async tx =>
        {
            var type = await VolumeTypes.Get(tx, call, id, @lock: true);
            if (await tx.Types.InUse(id)) throw Refusal.BadRequest("Volume Type is currently in use.");
            var changed = type with { ExtraSpecs = change(type.ExtraSpecs), UpdatedAt = tx.Now };
            await tx.Types.Update(changed);
            return changed;
        });

    static Dictionary<string, string> Merged(IReadOnlyDictionary<string, string> old, IReadOnlyDictionary<string, string> more)
    {
        var specs = new Dictionary<string, string>(old);
        foreach (var (key, value) in more) specs[key] = value;
        if (specs.GetValueOrDefault("multiattach") == IsTrue && specs.GetValueOrDefault("cacheable") == IsTrue)
            throw Refusal.BadRequest("cacheable cannot be set with multiattach.");
        if (VolumeType.WhyNot(more) is { } why) throw Refusal.BadRequest(why);
        return specs;
    }

    static FaultException Missing(string id, string key) =>
        new Fault.Missing($"Volume Type {id} has no extra specs with key {key}.").Thrown();
}
