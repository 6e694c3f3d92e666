using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>The services, and switching them on and off (cinder/api/v3/services.py).</summary>
static class Services
{
    public static void Map(RouteTable api)
    {
        api.Get("service_list", "/os-services", List, rule: "volume_extension:services:index");
        api.Put("service_enable", "/os-services/enable", ServiceForm.Plain, Enable, rule: "volume_extension:services:update");
        api.Put("service_disable", "/os-services/disable", ServiceForm.Plain, Disable, rule: "volume_extension:services:update");
        api.Put("service_disable_log_reason", "/os-services/disable-log-reason", ServiceForm.WithReason, Disable,
            rule: "volume_extension:services:update");
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

    /// <summary>A host's name stands for its backends too, and a backend's for its pools.</summary>
    static bool IsOn(string wanted, string host) => host == wanted
        || (host.StartsWith(wanted, StringComparison.Ordinal) && host[wanted.Length] == (wanted.Contains('@', StringComparison.Ordinal) ? '#' : '@'));

    /// <summary>Services of both kinds in one list.</summary>
    sealed record ServicePage(IReadOnlyList<ServiceShape> Items) : IShaped
    {
        public static Type? Shape => typeof(VolumeServiceShape);

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
