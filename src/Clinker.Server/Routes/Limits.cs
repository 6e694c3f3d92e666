using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Quotas;
using Clinker.Server.Api;
using Clinker.Server.Api.Network;
using Clinker.Server.Api.Reference;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>What a project may use, and what it does use (cinder/api/v3/limits.py, contrib/used_limits.py).</summary>
static class Limits
{
    public static void Map(RouteTable api) => api.Get("limits_show", "/limits", Show, query: new(
        new Parameter("project_id", "Of this project, for admins.", Since: Behaviour.LimitsOfProject)));

    static async Task<Answer> Show(Call call)
    {
        var ofOthers = call.IsAdmin && call.Supports(Behaviour.LimitsOfProject);
        var project = (ofOthers ? call.Query["project_id"] ?? call.Query["tenant_id"] : null) ?? call.ProjectId;
        var withUsed = call.Allows("limits_extension:used_limits");
        var rate = call.ProjectRate is { } limit ? new Rate(limit, project, call.Now) : null;
        return await call.Db.Read(async tx =>
            new Answer(rate, await tx.Quotas.LimitsOf(project, call.Settings.Quotas), withUsed ? await tx.Quotas.Usage(project) : null));
    }

    /// <summary>What a project may ask in a second, and how much of it is left (cinder/api/views/limits.py).</summary>
    sealed record Rate(RateLimit<string> Limit, string Project, DateTime Now)
    {
        public void Write(Utf8JsonWriter json)
        {
            var (left, next) = Limit.Left(Project);
            json.WriteStartObject();
            json.WriteString("uri", "*");
            json.WriteString("regex", ".*");
            json.WriteStartArray("limit");
            json.WriteStartObject();
            json.WriteString("verb", "*");
            json.WriteNumber("value", Limit.PerSecond);
            json.WriteNumber("remaining", left);
            json.WriteString("unit", "SECOND");
            json.WriteString("next-available", (Now + TimeSpan.FromSeconds(Math.Ceiling(next.TotalSeconds))).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        public static JsonObject Describe() => Schemas.Object(
            ("uri", Text()), ("regex", Text()),
            ("limit", Schemas.ListOf(Schemas.Object(
                ("verb", Text()), ("value", Whole()), ("remaining", Whole()), ("unit", Text()), ("next-available", Text())))));

        static JsonObject Text() => new() { ["type"] = "string" };
        static JsonObject Whole() => new() { ["type"] = "integer" };
    }

    sealed record Answer(Rate? Rate, Clinker.Quotas.Limits Most, IReadOnlyDictionary<string, long>? Used) : IShaped
    {
        public static Type? Shape => null;

        public static JsonObject Describe(Schemas of) => Schemas.Object(("limits", Schemas.Object(
            ("rate", Schemas.ListOf(Rate.Describe())), ("absolute", Schemas.ByKey(new() { ["type"] = "integer" })))));

        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteStartObject("limits");
            json.WriteStartArray("rate");
            Rate?.Write(json);
            json.WriteEndArray();
            json.WriteStartObject("absolute");
            json.WriteNumber("maxTotalVolumes", Most.Of(QuotaResource.Volumes));
            json.WriteNumber("maxTotalVolumeGigabytes", Most.Of(QuotaResource.Gigabytes));
            json.WriteNumber("maxTotalSnapshots", Most.Of(QuotaResource.Snapshots));
            json.WriteNumber("maxTotalBackups", Most.Of(QuotaResource.Backups));
            json.WriteNumber("maxTotalBackupGigabytes", Most.Of(QuotaResource.BackupGigabytes));
            if (Used is not null)
            {
                json.WriteNumber("totalVolumesUsed", Used.GetValueOrDefault(QuotaResource.Volumes));
                json.WriteNumber("totalGigabytesUsed", Used.GetValueOrDefault(QuotaResource.Gigabytes));
                json.WriteNumber("totalSnapshotsUsed", Used.GetValueOrDefault(QuotaResource.Snapshots));
                json.WriteNumber("totalBackupsUsed", Used.GetValueOrDefault(QuotaResource.Backups));
                json.WriteNumber("totalBackupGigabytesUsed", Used.GetValueOrDefault(QuotaResource.BackupGigabytes));
            }
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
