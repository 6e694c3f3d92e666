using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>
/// Clusters (cinder/api/v3/clusters.py). There are none: any number of daemons serve a backend together without being told so,
/// since whoever works holds a lease.
/// </summary>
static class Clusters
{
    static readonly string[] Keys = ["name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"];
    static readonly string[] OfReplication = ["replication_status", "frozen", "active_backend_id"];

    static readonly Parameters Known = new([
        .. Keys.Select(k => new Parameter(k, "As clusters have it.")),
        .. OfReplication.Select(k => new Parameter(k, "As clusters have it.", Behaviour.ReplicationOfClusters)),
    ]);

    static readonly Field[] Fields = [Must.Required("name", Must.Name), Must.Optional("binary", Must.Text(orNull: true))];
    static readonly Form<string> Enabled = new(Must.Object(Fields), Read);
    static readonly Form<string> Disabled = new(Must.Object([.. Fields, Must.Optional("disabled_reason", Must.ReasonOrNull)]), Read);

    public static void Map(RouteTable api)
    {
        api.Get("cluster_list", "/clusters", List, rule: "clusters:get_all", since: 7, query: Known);
        api.Get("cluster_list_detail", "/clusters/detail", List, rule: "clusters:get_all", since: 7, query: Known);
        api.Get("cluster_show", "/clusters/{name}", Show, rule: "clusters:get", since: 7);
        api.Put("cluster_enable", "/clusters/enable", Enabled, Switch, rule: "clusters:update", since: 7);
        api.Put("cluster_disable", "/clusters/disable", Disabled, Switch, rule: "clusters:update", since: 7);
    }

    static Task<None> List(Call call)
    {
        var unknown = call.Query.All.Select(q => q.Key).Distinct()
            .Where(k => !Keys.Contains(k) && !(call.Supports(Behaviour.ReplicationOfClusters) && OfReplication.Contains(k))).ToList();
        if (unknown.Count > 0) throw Fault.Invalid.Input($"Invalid filter keys: {string.Join(", ", unknown)}").Thrown();
        foreach (var flag in (string[])["disabled", "is_up"]) call.Query.Flag(flag);
        return Task.FromResult(new None());
    }

    static Task<None> Show(Call call, string name) => throw Missing(name);

    static Task Switch(Call call, string name) => throw Missing(name);

    static FaultException Missing(string name) => new Fault.NotFound("Cluster", name).Thrown();

    static string Read(JsonElement body) => body.Text("name")!;

    /// <summary>No cluster.</summary>
    sealed record None : IShaped
    {
        public static Type? Shape => null;

        public void Write(AnswerWriter to)
        {
            to.Json.WriteStartObject();
            to.Json.WriteStartArray("clusters");
            to.Json.WriteEndArray();
            to.Json.WriteEndObject();
        }
    }
}
