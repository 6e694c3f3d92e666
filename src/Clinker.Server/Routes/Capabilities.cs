using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>What a backend says that volume types may ask of it (cinder/api/contrib/capabilities.py).</summary>
static class Capabilities
{
    public static void Map(RouteTable api) =>
        api.Get("capability_show", "/capabilities/{host}", Show, rule: "volume_extension:capabilities");

    static async Task<Answer> Show(Call call, string host)
    {
        var (service, pools) = await call.Db.Read(async tx => (
            (await tx.Services.List()).Find(s => s.Binary == ServiceTable.VolumeBinary && Services.IsOn(host, s.Host)),
            await tx.Pools.List()));
        if (service is null) throw new Fault.Missing($"Can't find service: {host}").Thrown();
        return new(service.Host, [.. pools.Where(p => PoolName.Parse(p.Name).Queue == service.Host)]);
    }

    sealed record Answer(string Host, IReadOnlyList<Pool> Pools) : IShaped
    {
        public static Type? Shape => null;

        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteString("namespace", $"OS::Storage::Capabilities::{Host}");
            Text("vendor_name");
            Text("volume_backend_name");
            json.WriteString("pool_name", Pools.Count == 1 ? PoolName.Parse(Pools[0].Name).Pool : null);
            Text("driver_version");
            Text("storage_protocol");
            json.WriteNull("display_name");
            json.WriteNull("description");
            json.WriteNull("visibility");
            json.WriteStartArray("replication_targets");
            json.WriteEndArray();
            json.WriteStartObject("properties");
            Property("thin_provisioning", "Thin Provisioning", "Sets thin provisioning.");
            Property("compression", "Compression", "Enables compression.");
            Property("qos", "QoS", "Enables QoS.");
            Property("replication_enabled", "Replication", "Enables replication.");
            json.WriteEndObject();
            json.WriteEndObject();

            void Text(string name) => json.WriteString(name, Pools.Select(p => p.Capabilities.GetValueOrDefault(name)).FirstOrDefault(v => v is not null));

            void Property(string name, string title, string description)
            {
                json.WriteStartObject(name);
                json.WriteString("title", title);
                json.WriteString("description", description);
                json.WriteString("type", "boolean");
                json.WriteEndObject();
            }
        }
    }
}
