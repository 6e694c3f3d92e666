using System.Globalization;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>The pools that the scheduler knows (cinder/api/contrib/scheduler_stats.py).</summary>
static class Pools
{
    static readonly Filterable Filterable = new("pool", new ListFilter("name", "name"), 
        new ListFilter("volume_type", null, Since: Behaviour.PoolTypeFilter));

    public static void Map(RouteTable api) =>
        api.Get("pool_list", "/scheduler-stats/get_pools", List, rule: "scheduler_extension:scheduler_stats:get_pools");

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

    static bool Has(Pool pool, string capability, string value) =>
        pool.Capabilities.TryGetValue(capability, out var own) && own.Equals(value, StringComparison.OrdinalIgnoreCase);

    /// <summary>What a backend says of itself, with the room as numbers.</summary>
    sealed record PoolPage(IReadOnlyList<Pool> Items, bool Detail) : IShaped
    {
        public static Type? Shape => null;

        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteStartArray("pools");
            foreach (var pool in Items)
            {
                json.WriteStartObject();
                json.WriteString("name", pool.Name);
                if (Detail) Capabilities(to, pool);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }

        static void Capabilities(AnswerWriter to, Pool pool)
        {
            var json = to.Json;
            json.WriteStartObject("capabilities");
            json.WriteNumber("total_capacity_gb", Math.Round(pool.TotalGb, 2));
            json.WriteNumber("free_capacity_gb", Math.Round(pool.FreeGb, 2));
            json.WriteNumber("allocated_capacity_gb", pool.AllocatedGb);
            json.WriteNumber("provisioned_capacity_gb", pool.AllocatedGb);
            json.WriteNumber("reserved_percentage", pool.ReservedPercentage);
            json.WriteString("max_over_subscription_ratio", pool.MaxOverSubscriptionRatio.ToString("0.0##", CultureInfo.InvariantCulture));
            json.WriteNumber("total_volumes", pool.Volumes);
            json.WriteString("backend_state", pool.Down is null ? "up" : "down");
            json.WriteString("timestamp", pool.ReportedAt.ToString(TimeConverter.Format, CultureInfo.InvariantCulture));
            json.WriteString("updated", pool.ReportedAt.ToString(TimeConverter.Format, CultureInfo.InvariantCulture));
            json.WriteBoolean("QoS_support", false);
            json.WriteBoolean("multiattach", false);
            json.WriteBoolean("replication_enabled", false);
            foreach (var (name, value) in pool.Capabilities)
            {
                if (name is "multiattach" or "QoS_support" or "replication_enabled") continue;
                if (value is "True" or "False") json.WriteBoolean(name, value == "True");
                else json.WriteString(name, value);
            }
            json.WriteEndObject();
        }
    }
}
