using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What a project may use (cinder/api/contrib/quotas.py).</summary>
static class QuotaSets
{
    /// <summary>What clients send along although it is no limit.</summary>
    static readonly string[] NoLimits = ["tenant_id", "id"];

    static readonly Form<IReadOnlyDictionary<string, string>> Form = new(
        Must.Object(Must.Required("quota_set", Must.Object().Open().WithCount(1, int.MaxValue))),
        root => root.GetProperty("quota_set").EnumerateObject().ToDictionary(m => m.Name, m => Python.Str(m.Value)));

    public static void Map(RouteTable api)
    {
        api.Get("quota_set_show", "/os-quota-sets/{id}", Show, rule: Row("volume_extension:quotas:show"), query: new(
            new Parameter("usage", "Whether to tell what is used too.", IsFlag: true)));
        api.Get("quota_set_defaults", "/os-quota-sets/{id}/defaults", Defaults, rule: Row("volume_extension:quotas:show"));
        api.Put("quota_set_update", "/os-quota-sets/{id}", Form, Update, rule: "volume_extension:quotas:update");
        api.Delete("quota_set_delete", "/os-quota-sets/{id}", Delete, rule: "volume_extension:quotas:delete", success: 200);
    }

    static async Task<QuotaSet> Show(Call call, string id)
    {
        call.Demand("volume_extension:quotas:show", id);
        var withUsage = call.Query.Flag("usage");
        return await call.Db.Read(async tx => new QuotaSet("quota_set", await QuotaKeys.Read(tx, call), id,
            (await tx.Quotas.LimitsOf(id, call.Settings.Quotas)).Of, withUsage ? await tx.Quotas.Usage(id) : null));
    }

    static Task<QuotaSet> Defaults(Call call, string id)
    {
        call.Demand("volume_extension:quotas:show", id);
        return call.Db.Read(async tx =>
            new QuotaSet("quota_set", await QuotaKeys.Read(tx, call), id, (await tx.Quotas.Defaults(call.Settings.Quotas)).Of));
    }

    static Task<QuotaSet> Update(Call call, string id, IReadOnlyDictionary<string, string> want)
    {
        if (Python.Length(id) > 255)
            throw Fault.Invalid.Input($"quota_set_name has {Python.Length(id)} characters, more than 255.").Thrown();
        return call.Db.Commit(async tx =>
        {
            var keys = await QuotaKeys.Read(tx, call);
            var limits = new Dictionary<string, long>();
            var unknown = new List<string>();
            foreach (var (key, value) in want)
            {
                if (NoLimits.Contains(key)) continue;
                if (keys.ResourceOf(key) is { } resource) limits[resource] = Limit(key, value);
                else unknown.Add(key);
            }
            if (unknown.Count > 0) throw Fault.Invalid.Input($"Bad key(s) in quota set: {string.Join(", ", unknown)}").Thrown();
            await tx.Quotas.SetOwn(id, limits, keys.KeyOf);
            return new QuotaSet("quota_set", keys, null, (await tx.Quotas.LimitsOf(id, call.Settings.Quotas)).Of);
        });
    }

    static Task Delete(Call call, string id) => call.Db.Commit(tx => tx.Quotas.RemoveOwn(id));

    /// <summary>oslo_utils.strutils.validate_integer, and its words.</summary>
    static long Limit(string key, string value)
    {
        if (Python.Int(value) is not { } limit) throw Refusal.BadRequest($"{key} must be an integer");
        if (limit < -1) throw Refusal.BadRequest($"{key} must be >= -1");
        return limit <= int.MaxValue ? limit : throw Refusal.BadRequest($"{key} must be <= {int.MaxValue}");
    }
}

/// <summary>What a class of projects may use. The class <c>default</c> is everybody's (cinder/api/contrib/quota_classes.py).</summary>
static class QuotaClassSets
{
    static readonly Form<IReadOnlyDictionary<string, int>> Form = new(
        Must.Object(Must.Required("quota_class_set", Must.ByKey(KeyPattern.Resource, Must.Limit))),
        root =>
        {
            var set = root.GetProperty("quota_class_set");
            return set.EnumerateObject().ToDictionary(m => m.Name, m => set.Number(m.Name)!.Value);
        });

    public static void Map(RouteTable api)
    {
        api.Get("quota_class_set_show", "/os-quota-class-sets/{id}", Show, rule: "volume_extension:quota_classes:get");
        api.Put("quota_class_set_update", "/os-quota-class-sets/{id}", Form, Update, rule: "volume_extension:quota_classes:update");
    }

    static Task<QuotaSet> Show(Call call, string id) => call.Db.Read(async tx => await Of(tx, call, await QuotaKeys.Read(tx, call), id, id));

    static Task<QuotaSet> Update(Call call, string id, IReadOnlyDictionary<string, int> want)
    {
        if (Python.Length(id) > 255)
            throw Fault.Invalid.Input($"quota_class_name has {Python.Length(id)} characters, more than 255.").Thrown();
        return call.Db.Commit(async tx =>
        {
            var keys = await QuotaKeys.Read(tx, call);
            var unknown = want.Keys.Where(k => keys.ResourceOf(k) is null).ToList();
            if (unknown.Count > 0) throw Fault.Invalid.Input($"Bad key(s) in quota class set: {string.Join(", ", unknown)}").Thrown();
            await tx.Quotas.SetOfClass(id, want.ToDictionary(w => keys.ResourceOf(w.Key)!, w => (long)w.Value));
            return await Of(tx, call, keys, id, shownId: null);
        });
    }

    static async Task<QuotaSet> Of(Tx tx, Call call, QuotaKeys keys, string name, string? shownId)
    {
        var (own, defaults) = (await tx.Quotas.OfClass(name), await tx.Quotas.Defaults(call.Settings.Quotas));
        return new("quota_class_set", keys, shownId, resource => own.TryGetValue(resource, out var most) ? most : defaults.Of(resource));
    }
}

/// <summary>The names under which the API knows resources: those of volume types end in the type's name, not its id.</summary>
sealed class QuotaKeys
{
    readonly Dictionary<string, string> resources;
    readonly Dictionary<string, string> keys;

    QuotaKeys(IEnumerable<(string Key, string Resource)> all)
    {
        resources = all.ToDictionary();
        keys = resources.ToDictionary(r => r.Value, r => r.Key);
    }

    /// <summary>By name: those of every volume type that the caller may see too.</summary>
    public static async Task<QuotaKeys> Read(Tx tx, Call call) => new([
        .. QuotaResource.All.Select(r => (r, r)),
        .. (await tx.Types.List(call.IsAdmin ? null : call.ProjectId)).SelectMany(t =>
            QuotaResource.ByType.Select(r => ($"{r}_{t.Name}", QuotaResource.OfType(r, t.Id)))),
    ]);

    public IEnumerable<(string Key, string Resource)> InOrder =>
        resources.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => (r.Key, r.Value));

    public string? ResourceOf(string key) => resources.GetValueOrDefault(key);

    public string KeyOf(string resource) => keys[resource];
}

/// <summary>Limits by name; with the usage beside them where it is asked for.</summary>
/// <param name="One">The key around it.</param>
/// <param name="Id">Whose they are; null in the answer to a change.</param>
sealed record QuotaSet(
    string One, QuotaKeys Keys, string? Id, Func<string, long> LimitOf, IReadOnlyDictionary<string, long>? Usage = null) : IShaped
{
    public static Type? Shape => null;

    public static JsonObject Describe(Schemas of) => new()
    {
        ["type"] = "object",
        ["minProperties"] = 1,
        ["maxProperties"] = 1,
        ["additionalProperties"] = Schemas.ByKey(new()
        {
            ["type"] = new JsonArray("integer", "object", "string"),
            ["description"] = "The limit of a resource, -1 for none; with its use beside it where usage asks for it. id is whose they are.",
        }),
    };

    public void Write(AnswerWriter to)
    {
        var json = to.Json;
        json.WriteStartObject();
        json.WriteStartObject(One);
        foreach (var (key, resource) in Keys.InOrder)
        {
            if (Usage is null) json.WriteNumber(key, LimitOf(resource));
            else WriteUsed(json, key, LimitOf(resource), Usage.GetValueOrDefault(resource));
        }
        if (Id is not null) json.WriteString("id", Id);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>What is taken is in use at once: nothing is ever only reserved.</summary>
    static void WriteUsed(Utf8JsonWriter json, string key, long limit, long used)
    {
        json.WriteStartObject(key);
        json.WriteNumber("limit", limit);
        json.WriteNumber("in_use", used);
        json.WriteNumber("reserved", 0);
        json.WriteEndObject();
    }
}
