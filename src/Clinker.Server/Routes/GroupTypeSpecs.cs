using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>What a group type promises (cinder/api/v3/group_specs.py).</summary>
static class GroupTypeSpecs
{
    static readonly Form<IReadOnlyDictionary<string, string>> Several = new(
        Must.Object(Must.Required("group_specs", Must.Words(nullValues: true, spaces: false))),
        root => root.GetProperty("group_specs").Words());

    static readonly Form<IReadOnlyDictionary<string, string>> One = new(
        Must.Words(nullValues: true, spaces: false).WithCount(1, 1),
        root => root.Words());

    public static void Map(RouteTable api)
    {
        api.Get("group_spec_list", "/group_types/{id}/group_specs", List, rule: "group:group_types_specs:get_all", since: 11);
        api.Post("group_spec_create", "/group_types/{id}/group_specs", Several, Create, rule: "group:group_types_specs:create", since: 11);
        api.Get("group_spec_show", "/group_types/{id}/group_specs/{key}", Show, rule: "group:group_types_specs:get", since: 11);
        api.Put("group_spec_update", "/group_types/{id}/group_specs/{key}", One, Update, rule: "group:group_types_specs:update", since: 11);
        api.Delete("group_spec_delete", "/group_types/{id}/group_specs/{key}", Delete, rule: "group:group_types_specs:delete", since: 11);
    }

    static async Task<Entries> List(Call call, string id) => new("group_specs", (await Read(call, id)).Specs);

    static async Task<Entries> Show(Call call, string id, string key) => (await Read(call, id)).Specs.TryGetValue(key, out var value)
        ? new(null, new Dictionary<string, string> { [key] = value })
        : throw new Fault.Missing($"Group Type {id} has no extra spec with key {key}.").Thrown();

    static async Task<Entries> Create(Call call, string id, IReadOnlyDictionary<string, string> specs)
    {
        await Change(call, id, old => Merged(old, specs));
        return new("group_specs", specs);
    }

    static async Task<Entries> Update(Call call, string id, string key, IReadOnlyDictionary<string, string> one)
    {
        if (!one.ContainsKey(key)) throw Refusal.BadRequest("Request body and URI mismatch");
        await Change(call, id, old => Merged(old, one));
        return new(null, one);
    }

    static Task Delete(Call call, string id, string key) => Change(call, id, old => old.ContainsKey(key)
        ? old.Where(s => s.Key != key).ToDictionary()
        : throw new Fault.Missing($"Group Type {id} has no specs with key {key}.").Thrown());

    static Task<GroupType> Read(Call call, string id) => call.Db.Read(tx => GroupTypes.Get(tx, call, id));

    static Task Change(Call call, string id, Func<IReadOnlyDictionary<string, string>, IReadOnlyDictionary<string, string>> change) =>
        call.Db.Commit(async tx =>
        {
            var type = await GroupTypes.Get(tx, call, id, @lock: true);
            await tx.GroupTypes.Update(type with { Specs = change(type.Specs) });
        });

    static Dictionary<string, string> Merged(IReadOnlyDictionary<string, string> old, IReadOnlyDictionary<string, string> more)
    {
        var specs = new Dictionary<string, string>(old);
        foreach (var (key, value) in more) specs[key] = value;
        return specs;
    }
}
