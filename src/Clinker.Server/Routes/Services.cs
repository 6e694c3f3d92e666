using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>The services, and switching them on and off (cinder/api/v3/services.py).</summary>
static class Services
{
    public static void Map(RouteTable api)
    {
        api.Get("service_list", "/os-services", List, rule: "volume_extension:services:index", query: new(
            new Parameter("host", "On this host."), new Parameter("binary", "Of this kind, e.g. cinder-volume.")));
        api.Put("service_enable", "/os-services/enable", ServiceForm.Plain, Enable, rule: "volume_extension:services:update");
        api.Put("service_disable", "/os-services/disable", ServiceForm.Plain, Disable, rule: "volume_extension:services:update");
        api.Put("service_disable_log_reason", "/os-services/disable-log-reason", ServiceForm.WithReason, Disable,
            rule: "volume_extension:services:update");
        api.Put("service_freeze", "/os-services/freeze", BackendForm.Form, (call, of) => Freeze(call, of, frozen: true),
            rule: "volume_extension:services:update");
        api.Put("service_thaw", "/os-services/thaw", BackendForm.Form, (call, of) => Freeze(call, of, frozen: false),
            rule: "volume_extension:services:update");
        api.Put("service_failover_host", "/os-services/failover_host", BackendForm.OfFailover, FailOver,
            rule: "volume_extension:services:update", success: 202);
        api.Put("service_failover", "/os-services/failover", BackendForm.OfFailover, FailOver,
            rule: "volume_extension:services:update", since: Behaviour.ReplicationOfClusters, success: 202);
    }

    public static bool IsUp(Call call, Service service) => call.Now - service.UpdatedAt <= call.Settings.ServiceDownTime;

    static async Task<ServicePage> List(Call call)
    {
        var host = call.Query["host"];
        var binary = call.Query["binary"] ?? call.Query["service"];
        var services = await call.Db.Read(tx => tx.Services.List());
        return new([.. services.Where(s => (host is null || IsOn(host, s.Host)) && (binary is null || s.Binary == binary))
            .Select(s => s.Binary == ServiceTable.VolumeBinary
                ? new VolumeServiceShape(s, IsUp(call, s))
                : new ServiceShape(s, IsUp(call, s)))]);
    }

    static Task<Bare<ServiceSwitched>> Enable(Call call, ServiceForm form) => Switch(call, form, disabled: false);

    static Task<Bare<ServiceSwitched>> Disable(Call call, ServiceForm form) => Switch(call, form, disabled: true);

    static async Task<Bare<ServiceSwitched>> Switch(Call call, ServiceForm form, bool disabled)
    {
        if (string.IsNullOrEmpty(form.Host)) throw Fault.Invalid.Input("Host field is missing.").Thrown();
        var binary = form.Binary.Length > 0 ? form.Binary : form.Service;
        await call.Db.Commit(async tx =>
        {
            var service = await tx.Services.Find(form.Host, binary)
                ?? throw new Fault.Missing($"Service {binary} could not be found on host {form.Host}.").Thrown();
            var reason = !disabled ? null : string.IsNullOrEmpty(form.Reason) ? service.DisabledReason : form.Reason;
            await tx.Services.Set(form.Host, binary, disabled, reason);
        });
        return new(new ServiceSwitched(
            form.Host, form.Service, form.Binary, disabled ? "disabled" : "enabled", disabled, form.Reason));
    }

    /// <summary>Frozen, a backend takes neither new volumes and snapshots nor deletes of old ones.</summary>
    static async Task Freeze(Call call, BackendForm of, bool frozen)
    {
        call.Demand(frozen ? "volume:freeze_host" : "volume:thaw_host");
        await call.Db.Commit(async tx =>
        {
            var host = await Backend(tx, call, of);
            if (!await tx.Services.Freeze(host, frozen)) throw NotChanged("frozen", host, frozen ? "False to" : "True to");
        });
    }

    /// <summary>No backend is replicated to another, so there is none to go to.</summary>
    static async Task FailOver(Call call, BackendForm of)
    {
        call.Demand("volume:failover_host");
        var host = await call.Db.Read(tx => Backend(tx, call, of));
        throw NotChanged("replication_status", host, "enabled or failed-over and must be up to");
    }

    /// <summary>The one volume service that is meant (cinder/volume/api.py, _get_cluster_and_services_for_replication).</summary>
    /// <exception cref="FaultException">Invalid: there is none, or there are several.</exception>
    static async Task<string> Backend(Tx tx, Call call, BackendForm of)
    {
        var cluster = call.Supports(Behaviour.ReplicationOfClusters) ? of.Cluster : "";
        if (cluster.Length > 0 == of.Host.Length > 0)
            throw Fault.Invalid.Input(call.Supports(Behaviour.ReplicationOfClusters)
                ? "One and only one of cluster and host must be set." : "Host field is missing.").Thrown();
        // Any number of daemons serve a backend; none of them is a cluster to Cinder's clients.
        if (cluster.Length > 0) throw Fault.Invalid.Input($"No service found with cluster={cluster}").Thrown();
        var hosts = (await tx.Services.List()).Where(s => s.Binary == ServiceTable.VolumeBinary && IsOn(of.Host, s.Host)).Select(s => s.Host).ToList();
        return hosts.Count switch
        {
            0 => throw Fault.Invalid.Input($"No service found with host={of.Host}").Thrown(),
            1 => hosts[0],
            _ => throw new Fault.Invalid("Services from different clusters found.").Thrown(),
        };
    }

    static FaultException NotChanged(string field, string host, string expected) => Fault.Invalid.Input(
        $"No service could be changed: {field} in [{Python.Repr(host)}] must be {expected} failover.").Thrown();

    /// <summary>A host's name stands for its backends too, and a backend's for its pools.</summary>
    public static bool IsOn(string wanted, string host) => host == wanted
        || (host.StartsWith(wanted, StringComparison.Ordinal) && host[wanted.Length] == (wanted.Contains('@', StringComparison.Ordinal) ? '#' : '@'));

    /// <summary>Services of both kinds in one list.</summary>
    sealed record ServicePage(IReadOnlyList<ServiceShape> Items) : IShaped
    {
        public static Type? Shape => typeof(VolumeServiceShape);

        public static JsonObject Describe(Schemas of) => Schemas.Object(("services", Schemas.ListOf(new()
        {
            ["anyOf"] = new JsonArray(of.Shape(typeof(ServiceShape)), of.Shape(typeof(VolumeServiceShape))),
        })));

        public void Write(AnswerWriter to)
        {
            to.Json.WriteStartObject();
            to.Json.WriteStartArray("services");
            foreach (var item in Items)
            {
                if (item is VolumeServiceShape volume) to.Item(volume);
                else to.Item(item);
            }
            to.Json.WriteEndArray();
            to.Json.WriteEndObject();
        }
    }
}

/// <summary>Which service is to be switched, and why.</summary>
sealed record ServiceForm(string Host, string Binary, string Service, string? Reason)
{
    static readonly Field[] Fields =
    [
        Must.Optional("binary", Must.Text(min: 1)),
        Must.Optional("host", Must.Host),
        Must.Optional("cluster", Must.Text(orNull: true)),
        Must.Optional("service", Must.Text(min: 1)),
    ];

    public static readonly Form<ServiceForm> Plain = new(Must.Object(Fields).WithAnyOf(0, "binary", "service"), Read);

    public static readonly Form<ServiceForm> WithReason = new(
        Must.Object([.. Fields, Must.Optional("disabled_reason", Must.Reason)]).WithAnyOf(0, "binary", "service"), Read);

    static ServiceForm Read(JsonElement body) =>
        new(body.Text("host") ?? "", body.Text("binary") ?? "", body.Text("service") ?? "", body.Text("disabled_reason"));
}

/// <summary>Which backend is meant.</summary>
sealed record BackendForm(string Host, string Cluster)
{
    static readonly Field[] Fields = [Must.Optional("host", Must.Host), Must.Optional("cluster", Must.Text(orNull: true))];

    public static readonly Form<BackendForm> Form = new(Must.Object(Fields), Read);

    public static readonly Form<BackendForm> OfFailover = new(Must.Object([.. Fields, Must.Optional("backend_id", Must.Text(orNull: true))]), Read);

    static BackendForm Read(JsonElement body) => new(body.Text("host") ?? "", body.Text("cluster") ?? "");
}
