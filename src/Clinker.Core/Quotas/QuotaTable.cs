using System.Globalization;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Quotas;

/// <summary>
/// Usage changes in the transaction that changes the rows it counts, so it can't drift; <see cref="Recount"/> proves it.
/// </summary>
public readonly struct QuotaTable(Tx tx)
{
    /// <summary>Takes what a new volume uses.</summary>
    /// <param name="configured">What holds where neither the project nor the class <c>default</c> has a limit of its own.</param>
    /// <exception cref="FaultException">OverQuota; sizes are looked at before counts, as in Cinder.</exception>
    public async Task Take(Volume volume, QuotaLimits configured)
    {
        await DemandSize(volume.ProjectId, volume.SizeGb, configured);
        await Take(volume.ProjectId, Uses.Of(volume), configured);
    }

    /// <summary>Takes what a new snapshot uses.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task Take(Snapshot snapshot, QuotaLimits configured) => Take(snapshot.ProjectId, Uses.Of(snapshot), configured);

    /// <summary>Takes what a volume will use more once it is larger.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public async Task TakeGrowth(Volume volume, int toGb, QuotaLimits configured)
    {
        await DemandSize(volume.ProjectId, toGb, configured);
        await Take(volume.ProjectId, Uses.OfGrowth(volume, toGb), configured);
    }

    /// <summary>Returns what a volume used.</summary>
    public Task GiveBack(Volume volume) => GiveBack(volume.ProjectId, Uses.Of(volume));

    /// <summary>Returns what a snapshot used.</summary>
    public Task GiveBack(Snapshot snapshot) => GiveBack(snapshot.ProjectId, Uses.Of(snapshot));

    /// <summary>Returns what was taken for a growth that did not come about.</summary>
    public Task GiveBackGrowth(Volume volume, int toGb) => GiveBack(volume.ProjectId, Uses.OfGrowth(volume, toGb));

    /// <summary>Takes all of it, in order, or throws.</summary>
    /// <exception cref="FaultException">OverQuota.</exception>
    public async Task Take(string projectId, IEnumerable<Use> uses, QuotaLimits configured)
    {
        var own = await Own(projectId);
        foreach (var use in uses)
        {
            var most = own.TryGetValue(use.Resource, out var set) ? set : configured.Of(use.Resource);
            if (await Add(projectId, use, most)) continue;
            throw (await Over(use, most, await InUse(projectId, use.Resource))).Thrown();
        }
    }

    public async Task GiveBack(string projectId, IEnumerable<Use> uses)
    {
        foreach (var use in uses) await Add(projectId, use with { Amount = -use.Amount }, -1);
    }

    public Task<long> InUse(string projectId, string resource) =>
        tx.Number($"select in_use from quota_usage where project_id = {projectId} and resource = {resource}");

    /// <summary>What a project uses, by resource; none of what it never used.</summary>
    public async Task<Dictionary<string, long>> Usage(string projectId) => (await tx.Query(
        $"select resource, in_use from quota_usage where project_id = {projectId}", r => (r.GetString(0), r.GetInt64(1)))).ToDictionary();

    /// <summary>
    /// The limits of a project that differ from the configured ones: its own, or those of the class <c>default</c>, which is
    /// everybody's.
    /// </summary>
    public async Task<Dictionary<string, long>> Own(string projectId)
    {
        var all = await tx.Query($"""
            select resource, most, 1 from quota_class_limit where class = 'default'
            union all select resource, most, 2 from quota_limit where project_id = {projectId} order by 3
            """, r => (Resource: r.GetString(0), Most: r.GetInt64(1)));
        var own = new Dictionary<string, long>();
        foreach (var (resource, most) in all) own[resource] = most;
        return own;
    }

    /// <summary>Every usage that differs from what the rows say; empty when all is well.</summary>
    public Task<List<string>> Recount() => tx.Query($"""
        select coalesce(u.project_id, c.project_id), coalesce(u.resource, c.resource), coalesce(u.in_use, 0), coalesce(c.n, 0)
        from quota_usage u
        full outer join (
          select project_id, resource, sum(n) as n from (
            select project_id, 'volumes' as resource, 1 as n from volume where consumes_quota
            union all
            select project_id, 'gigabytes', coalesce(growing_to_gb, size_gb) from volume where consumes_quota
            union all
            select project_id, 'volumes:' || volume_type_id, 1 from volume where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'gigabytes:' || volume_type_id, coalesce(growing_to_gb, size_gb) from volume
            where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'snapshots', 1 from snapshot where consumes_quota
            union all
            select project_id, 'gigabytes', size_gb from snapshot where consumes_quota
            union all
            select project_id, 'snapshots:' || volume_type_id, 1 from snapshot where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'gigabytes:' || volume_type_id, size_gb from snapshot where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'groups', 1 from volume_group) rows_counted
          group by project_id, resource) c
          on c.project_id = u.project_id and c.resource = u.resource
        where coalesce(u.in_use, 0) <> coalesce(c.n, 0)
        """, r => $"project {r.GetString(0)}: {r.GetString(1)} in use {r.GetInt64(2)}, counted "
            + Convert.ToInt64(r.GetValue(3), CultureInfo.InvariantCulture));

    async Task DemandSize(string projectId, int sizeGb, QuotaLimits configured)
    {
        var own = await Own(projectId);
        var most = own.TryGetValue(QuotaResource.PerVolumeGigabytes, out var set) ? set : configured.PerVolumeGigabytes;
        if (most >= 0 && sizeGb > most)
            throw new Fault.OverQuota($"VolumeSizeExceedsLimit: Requested volume size {sizeGb}G is larger than maximum allowed limit "
                + $"{most}G.").Thrown();
    }

    async Task<bool> Add(string projectId, Use use, long most)
    {
        if (use.Amount == 0) return true;
        if (most >= 0 && use.Amount > most) return false; // also for a project without a row yet
        Sql within = most < 0 ? Sql.Nothing : $" where quota_usage.in_use + {use.Amount} <= {most}";
        return 1 == await tx.Execute($"""
            insert into quota_usage (project_id, resource, in_use) values ({projectId}, {use.Resource}, {use.Amount})
            on conflict (project_id, resource) do update set in_use = quota_usage.in_use + excluded.in_use{within}
            """);
    }

    /// <summary>Cinder's words (cinder/exception.py).</summary>
    async Task<Fault> Over(Use use, long most, long inUse)
    {
        var (kind, type) = QuotaResource.Parts(use.Resource);
        var name = type is null ? kind : $"{kind}_{(await tx.Types.Find(type))?.Name ?? type}";
        var taken = $"Requested {use.Amount}G, quota is {most}G and {inUse}G has been consumed.";
        return new Fault.OverQuota(kind switch
        {
            QuotaResource.Gigabytes =>
                $"VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed {name} quota. {taken}",
            QuotaResource.Volumes => $"VolumeLimitExceeded: Maximum number of volumes allowed ({most}) exceeded for quota '{name}'.",
            QuotaResource.Snapshots => $"SnapshotLimitExceeded: Maximum number of snapshots allowed ({most}) exceeded",
            QuotaResource.BackupGigabytes =>
                $"VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. {taken}",
            QuotaResource.Backups => $"BackupLimitExceeded: Maximum number of backups allowed ({most}) exceeded",
            _ => $"GroupLimitExceeded: Maximum number of groups allowed ({most}) exceeded for quota '{name}'.",
        });
    }
}
