using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Server.Shapes;
using Clinker.Services;

namespace Clinker.Server.Routes;

/// <summary>
/// Cleaning up after services that died (cinder/api/v3/workers.py). Leases run out by themselves and others go on; what is left
/// to do is to take back at once what was handed to a service that is down and that it never began.
/// </summary>
static class Workers
{
    public static void Map(RouteTable api) =>
        api.Post("worker_cleanup", "/workers/cleanup", CleanupForm.Form, Cleanup, rule: "workers:cleanup", since: 24);

    static async Task<Answer> Cleanup(Call call, CleanupForm want)
    {
        if (want.ResourceType is { Length: > 0 } type && !type.Equals("volume", StringComparison.OrdinalIgnoreCase)
            && !type.Equals("snapshot", StringComparison.OrdinalIgnoreCase))
            throw Fault.Invalid.Input($"Resource type {CultureInfo.InvariantCulture.TextInfo.ToTitleCase(type)} not valid, must be "
                + "Snapshot or Volume").Thrown();
        return await call.Db.Commit(async tx =>
        {
            var cleaning = (await tx.Services.List()).Where(s => Fits(call, s, want)).ToList();
            foreach (var service in cleaning.Where(s => s.Binary == ServiceTable.VolumeBinary && !Services.IsUp(call, s)))
                await tx.Operations.TakeBack(service.Host, tx.Now, Queues.Scheduler, new Fault.HostGone(service.Host));
            return new Answer([.. cleaning.Select(s => new CleanedService(s.Id, s.Host, s.Binary, null))]);
        });
    }

    static bool Fits(Call call, Service service, CleanupForm want) =>
        Services.IsUp(call, service) == want.IsUp
        && (want.Disabled is null || service.Disabled == want.Disabled)
        && (want.Host.Length == 0 || Services.IsOn(want.Host, service.Host))
        && (want.Binary is null || service.Binary == want.Binary)
        // Services have no numbers here, and are in no clusters.
        && want.ServiceId.Length == 0 && want.ClusterName.Length == 0;

    sealed record Answer(IReadOnlyList<CleanedService> Cleaning) : IShaped
    {
        public static Type? Shape => typeof(CleanedService);

        public static JsonObject Describe(Schemas of) => Schemas.Object(
            ("cleaning", Schemas.ListOf(of.Shape(typeof(CleanedService)))), ("unavailable", Schemas.ListOf([])));

        public void Write(AnswerWriter to)
        {
            to.Json.WriteStartObject();
            to.Json.WritePropertyName("cleaning");
            to.Items(Cleaning);
            to.Json.WriteStartArray("unavailable");
            to.Json.WriteEndArray();
            to.Json.WriteEndObject();
        }
    }
}

/// <summary>Which services are meant: by default those that are down.</summary>
sealed record CleanupForm(
    string Host, string ClusterName, string ServiceId, string? Binary, bool IsUp, bool? Disabled, string? ResourceType)
{
    public static readonly Form<CleanupForm> Form = new(
        Must.Object(
            Must.Optional("cluster_name", Must.HostName),
            Must.Optional("disabled", Must.Flag),
            Must.Optional("host", Must.HostName),
            Must.Optional("is_up", Must.Flag),
            Must.Optional("binary", Must.OneOf("cinder-volume", "cinder-scheduler")),
            Must.Optional("resource_id", Must.UuidOrNull),
            Must.Optional("resource_type", Must.Text(max: 40, orNull: true)),
            Must.Optional("service_id", Must.ServiceNumber)),
        body => new(body.Text("host") ?? "", body.Text("cluster_name") ?? "",
            body.TryGetProperty("service_id", out var id) && id.ValueKind != JsonValueKind.Null ? id.ToString() : "",
            body.Text("binary"), body.Flag("is_up") ?? false, body.Flag("disabled"), body.Text("resource_type")));
}
