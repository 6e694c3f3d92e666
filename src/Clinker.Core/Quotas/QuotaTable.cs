using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Quotas;

/// <summary>The limits of a project; -1 is no limit (Cinder: quota_volumes, quota_gigabytes, per_volume_size_limit, …).</summary>
public sealed record QuotaLimits(
    int Volumes = 10, int Gigabytes = 1000, int PerVolumeGigabytes = -1, int Snapshots = 10, int Backups = 10,
    int BackupGigabytes = 1000, int Groups = 10)
{
    public static readonly QuotaLimits None = new(-1, -1, -1, -1, -1, -1, -1);
}

/// <summary>
/// Usage changes in the transaction that changes the rows it counts, so it can't drift; <see cref="Recount"/> proves it.
/// </summary>
public readonly struct QuotaTable(Tx tx)
{
    const string Volumes = "volumes";
    const string Gigabytes = "gigabytes";

    /// <summary>Takes what a new volume uses.</summary>
    /// <exception cref="FaultException">OverQuota; sizes are looked at before counts, as in Cinder.</exception>
    public async Task Take(Volume volume, QuotaLimits limits)
    {
        if (limits.PerVolumeGigabytes >= 0 && volume.SizeGb > limits.PerVolumeGigabytes)
            throw new Fault.OverQuota($"VolumeSizeExceedsLimit: Requested volume size {volume.SizeGb}G is larger than maximum "
                + $"allowed limit {limits.PerVolumeGigabytes}G.").Thrown();
        if (!volume.ConsumesQuota) return;
        if (!await Add(volume.ProjectId, Gigabytes, volume.SizeGb, limits.Gigabytes))
            throw new Fault.OverQuota("VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
                + $"Requested {volume.SizeGb}G, quota is {limits.Gigabytes}G and {await InUse(volume.ProjectId, Gigabytes)}G has been "
                + "consumed.").Thrown();
        if (!await Add(volume.ProjectId, Volumes, 1, limits.Volumes))
            throw new Fault.OverQuota($"VolumeLimitExceeded: Maximum number of volumes allowed ({limits.Volumes}) exceeded for quota "
                + "'volumes'.").Thrown();
    }

    /// <summary>Returns what a volume used.</summary>
    public async Task GiveBack(Volume volume)
    {
        if (!volume.ConsumesQuota) return;
        await Add(volume.ProjectId, Gigabytes, -volume.SizeGb, -1);
        await Add(volume.ProjectId, Volumes, -1, -1);
    }

    public Task<long> InUse(string projectId, string resource) =>
        tx.Number($"select in_use from quota_usage where project_id = {projectId} and resource = {resource}");

    /// <summary>Every usage that differs from what the rows say; empty when all is well.</summary>
    public Task<List<string>> Recount() => tx.Query($"""
        select coalesce(u.project_id, c.project_id), coalesce(u.resource, c.resource), coalesce(u.in_use, 0), coalesce(c.n, 0)
        from quota_usage u
        full outer join (
          select project_id, 'volumes' as resource, count(*) as n from volume where consumes_quota group by project_id
          union all
          select project_id, 'gigabytes', sum(size_gb) from volume where consumes_quota group by project_id) c
          on c.project_id = u.project_id and c.resource = u.resource
        where coalesce(u.in_use, 0) <> coalesce(c.n, 0)
        """, r => $"project {r.GetString(0)}: {r.GetString(1)} in use {r.GetInt64(2)}, counted {r.GetInt64(3)}");

    async Task<bool> Add(string projectId, string resource, long amount, int limit)
    {
        if (limit >= 0 && amount > limit) return false; // also for a project without a row yet
        Sql within = limit < 0 ? Sql.Nothing : $" where quota_usage.in_use + {amount} <= {limit}";
        return 1 == await tx.Execute($"""
            insert into quota_usage (project_id, resource, in_use) values ({projectId}, {resource}, {amount})
            on conflict (project_id, resource) do update set in_use = quota_usage.in_use + excluded.in_use{within}
            """);
    }
}
