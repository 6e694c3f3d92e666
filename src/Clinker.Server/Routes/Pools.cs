using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>The pools that the scheduler knows (cinder/api/contrib/scheduler_stats.py).</summary>
static class Pools
{
    static readonly Filterable Filterable = new("pool", new ListFilter("name", "name"),
        new ListFilter("volume_type", null, Since: Behaviour.PoolTypeFilter));

    public static void Map(RouteTable api) =>
        api.Get("pool_list", "/scheduler-stats/get_pools", List, rule: "scheduler_extension:scheduler_stats:get_pools",
            query: Parameters.Filtered(Filterable, Behaviour.PoolFilters,
                new Parameter("detail", "Whether to tell the pools' capabilities too.", IsFlag: true)));

    static async Task<PoolPage> List(Call call)
    {
        var detail = call.Query.Flag("detail");
        var asked = call.Supports(Behaviour.PoolFilters) ? ListFilters.Permitted(call, Filterable, "detail") : [];
        asked.Remove("volume_type", out var typeName);
        asked.Remove("name", out var name);
        var pools = await call.Db.Read(async tx =>
        {
            var all = await tx.Pools.List();
            if (typeName is null || !call.Supports(Behaviour.PoolTypeFilter)) return all;
            var type = await VolumeTypes.Named(tx, call, typeName);
            var request = new PlaceRequest(0, null, type.ExtraSpecs);
            return [.. all.Where(p => Scheduling.Filters.Capabilities.WhyNot(p, request) is null)];
        });
        var found = pools.Where(p => (name is null || p.Name == name) && asked.All(a => Has(p, a.Key, a.Value)));
        return new([.. found], detail);
    }

    /// <summary>As upstream compares: booleans by what they mean, all else by its text.</summary>
    static bool Has(Pool pool, string capability, string value) =>
        Told(pool).FirstOrDefault(c => c.Name == capability).Value is { } own && (own is bool flag
            ? flag == (Booleans.Parse(value) ?? false)
            : Convert.ToString(own, CultureInfo.InvariantCulture) == value);

    /// <summary>What a backend says of itself, with the room as numbers.</summary>
    static IEnumerable<(string Name, object Value)> Told(Pool pool)
    {
        var reported = pool.ReportedAt.ToString(TimeConverter.Format, CultureInfo.InvariantCulture);
        yield return ("total_capacity_gb", Math.Round(pool.TotalGb, 2));
        yield return ("free_capacity_gb", Math.Round(pool.FreeGb, 2));
        yield return ("allocated_capacity_gb", (double)pool.AllocatedGb);
        yield return ("provisioned_capacity_gb", (double)pool.AllocatedGb);
        yield return ("reserved_percentage", (double)pool.ReservedPercentage);
        yield return ("max_over_subscription_ratio", pool.MaxOverSubscriptionRatio.ToString("0.0##", CultureInfo.InvariantCulture));
        yield return ("total_volumes", (double)pool.Volumes);
        yield return ("backend_state", pool.Down is null ? "up" : "down");
        yield return ("timestamp", reported);
        yield return ("updated", reported);
        foreach (var absent in (string[])["QoS_support", "multiattach", "replication_enabled"])
            if (!pool.Capabilities.ContainsKey(absent)) yield return (absent, false);
        foreach (var (name, value) in pool.Capabilities)
            yield return (name, value is "True" or "False" ? value == "True" : value);
    }

    sealed record PoolPage(IReadOnlyList<Pool> Items, bool Detail) : IShaped
    {
        public static Type? Shape => null;

        public static JsonObject Describe(Schemas of)
        {
            var pool = Schemas.Object(("name", new() { ["type"] = "string" }));
            pool["properties"]!["capabilities"] = Schemas.ByKey(new() { ["type"] = new JsonArray("number", "boolean", "string") });
            return Schemas.Object(("pools", Schemas.ListOf(pool)));
        }

        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteStartArray("pools");
            foreach (var pool in Items)
            {
                json.WriteStartObject();
                json.WriteString("name", pool.Name);
                if (Detail)
                {
                    json.WriteStartObject("capabilities");
                    foreach (var (name, value) in Told(pool))
                    {
                        if (value is double number) json.WriteNumber(name, number);
                        else if (value is bool flag) json.WriteBoolean(name, flag);
                        else json.WriteString(name, (string)value);
                    }
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }
}
