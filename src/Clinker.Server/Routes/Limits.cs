using Clinker.Quotas;
using Clinker.Server.Api;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>What a project may use, and what it does use (cinder/api/v3/limits.py, contrib/used_limits.py).</summary>
static class Limits
{
    public static void Map(RouteTable api) => api.Get("limits_show", "/limits", Show);

    static async Task<Answer> Show(Call call)
    {
        var ofOthers = call.IsAdmin && call.Supports(Behaviour.LimitsOfProject);
        var project = (ofOthers ? call.Query["project_id"] ?? call.Query["tenant_id"] : null) ?? call.ProjectId;
        string[] resources = ["volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes"];
        if (!call.Allows("limits_extension:used_limits")) return new(call.Settings.Quotas, null);
        var used = await call.Db.Read(async tx =>
        {
            var all = new Dictionary<string, long>();
            foreach (var resource in resources) all[resource] = await tx.Quotas.InUse(project, resource);
            return all;
        });
        return new(call.Settings.Quotas, used);
    }

    sealed record Answer(QuotaLimits Most, IReadOnlyDictionary<string, long>? Used) : IShaped
    {
        public static Type? Shape => null;

        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteStartObject("limits");
            json.WriteStartArray("rate");
            json.WriteEndArray();
            json.WriteStartObject("absolute");
            json.WriteNumber("maxTotalVolumes", Most.Volumes);
            json.WriteNumber("maxTotalVolumeGigabytes", Most.Gigabytes);
            json.WriteNumber("maxTotalSnapshots", Most.Snapshots);
            json.WriteNumber("maxTotalBackups", Most.Backups);
            json.WriteNumber("maxTotalBackupGigabytes", Most.BackupGigabytes);
            if (Used is not null)
            {
                json.WriteNumber("totalVolumesUsed", Used["volumes"]);
                json.WriteNumber("totalGigabytesUsed", Used["gigabytes"]);
                json.WriteNumber("totalSnapshotsUsed", Used["snapshots"]);
                json.WriteNumber("totalBackupsUsed", Used["backups"]);
                json.WriteNumber("totalBackupGigabytesUsed", Used["backup_gigabytes"]);
            }
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
