using System.Globalization;
using Clinker.Backups;
using Clinker.Groups;
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
    /// <summary>The class whose limits are everybody's.</summary>
    public const string DefaultClass = "default";

    /// <summary>Takes what a new volume uses.</summary>
    /// <param name="configured">What holds where neither the project nor the class <c>default</c> has a limit of its own.</param>
    /// <exception cref="FaultException">OverQuota; sizes are looked at before counts, as in Cinder.</exception>
    public Task Take(Volume volume, QuotaLimits configured) =>
        Take(volume.ProjectId, Uses.Of(volume), configured, volume.SizeGb);

    /// <summary>Takes what a new snapshot uses.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task Take(Snapshot snapshot, QuotaLimits configured) => Take(snapshot.ProjectId, Uses.Of(snapshot), configured);

    /// <summary>Takes what a new backup uses.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task Take(Backup backup, QuotaLimits configured) => Take(backup.ProjectId, Uses.Of(backup), configured);

    /// <summary>Takes what a new group uses.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task Take(Group group, QuotaLimits configured) => Take(group.ProjectId, [new(QuotaResource.Groups, 1)], configured);

    /// <summary>Takes what a volume will use more once it is larger.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task TakeGrowth(Volume volume, int toGb, QuotaLimits configured) =>
        Take(volume.ProjectId, Uses.OfGrowth(volume, toGb), configured, toGb);

    /// <summary>Takes what a volume will use of another type; it goes on using its own.</summary>
    /// <inheritdoc cref="Take(Volume, QuotaLimits)"/>
    public Task TakeType(Volume volume, string typeId, QuotaLimits configured) =>
        Take(volume.ProjectId, Uses.OfType(volume, typeId), configured);

    /// <summary>Returns what a volume used of a type, or was to use.</summary>
    public Task GiveBackType(Volume volume, string? typeId) => GiveBack(volume.ProjectId, Uses.OfType(volume, typeId));

    /// <summary>A snapshot's type follows its volume's, whatever the limits are.</summary>
    public async Task MoveType(Snapshot snapshot, string typeId)
    {
        await GiveBack(snapshot.ProjectId, Uses.OfType(snapshot, snapshot.VolumeTypeId));
        foreach (var use in Uses.OfType(snapshot, typeId)) await Add(snapshot.ProjectId, use);
    }

    /// <summary>Returns what a volume used.</summary>
    public Task GiveBack(Volume volume) => GiveBack(volume.ProjectId, Uses.Of(volume));

    /// <summary>Returns what a snapshot used.</summary>
    public Task GiveBack(Snapshot snapshot) => GiveBack(snapshot.ProjectId, Uses.Of(snapshot));

    /// <summary>Returns what a backup used.</summary>
    public Task GiveBack(Backup backup) => GiveBack(backup.ProjectId, Uses.Of(backup));

    /// <summary>Returns what a group used.</summary>
    public Task GiveBack(Group group) => GiveBack(group.ProjectId, [new(QuotaResource.Groups, 1)]);

    /// <summary>Returns what was taken for a growth that did not come about.</summary>
    public Task GiveBackGrowth(Volume volume, int toGb) => GiveBack(volume.ProjectId, Uses.OfGrowth(volume, toGb));

    /// <summary>Returns what was taken for a snapshot that turned out smaller.</summary>
    public Task GiveBackShrinking(Snapshot snapshot, int toGb) => GiveBack(snapshot.ProjectId, Uses.OfShrinking(snapshot, toGb));

    /// <summary>Takes all of it, or throws. The first that is over, in order, is the reason.</summary>
    /// <param name="sizeGb">The size of a single volume, which has a limit of its own.</param>
    /// <exception cref="FaultException">OverQuota.</exception>
    public async Task Take(string projectId, IEnumerable<Use> uses, QuotaLimits configured, int sizeGb = 0)
    {
        var taken = new List<(Use Use, long InUse)>();
        foreach (var use in uses)
            if (use.Amount != 0) taken.Add((use, await Add(projectId, use)));
        // The rows of the usage are ours from here on, and whoever sets a limit takes them too: what is read now still holds when
        // this is committed. Read before, a limit could be lowered while this waits for the rows.
        var limits = new Limits(await Own(projectId), configured);
        if (limits.Of(QuotaResource.PerVolumeGigabytes) is >= 0 and var largest && sizeGb > largest)
            throw new Fault.OverQuota($"VolumeSizeExceedsLimit: Requested volume size {sizeGb}G is larger than maximum allowed limit "
                + $"{largest}G.").Thrown();
        foreach (var (use, inUse) in taken)
            if (use.Amount > 0 && limits.Of(use.Resource) is >= 0 and var most && inUse > most)
                throw (await Over(use, most, inUse - use.Amount)).Thrown();
    }

    public async Task GiveBack(string projectId, IEnumerable<Use> uses)
    {
        foreach (var use in uses)
            if (use.Amount != 0) await Add(projectId, use with { Amount = -use.Amount });
    }

    public Task<long> InUse(string projectId, string resource) =>
        tx.Number($"select in_use from quota_usage where project_id = {projectId} and resource = {resource}");

    /// <summary>What a project uses, by resource; none of what it never used.</summary>
    public async Task<Dictionary<string, long>> Usage(string projectId) => (await tx.Query(
        $"select resource, in_use from quota_usage where project_id = {projectId}", r => (r.GetString(0), r.GetInt64(1)))).ToDictionary();

    /// <summary>What a project may use.</summary>
    public async Task<Limits> LimitsOf(string projectId, QuotaLimits configured) => new(await Own(projectId), configured);

    /// <summary>What a project may use that has no limits of its own.</summary>
    public async Task<Limits> Defaults(QuotaLimits configured) => new(await OfClass(DefaultClass), configured);

    /// <summary>
    /// Gives a project limits of its own. None is below what it uses: the usage is kept as it is until the transaction ends.
    /// </summary>
    /// <exception cref="FaultException">Invalid: more is in use; in the name that the caller gives a resource.</exception>
    public async Task SetOwn(string projectId, IReadOnlyDictionary<string, long> most, Func<string, string> named)
    {
        // The order is that of Take, so that nobody waits for each other in circles.
        foreach (var (resource, limit) in most.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            var inUse = await Add(projectId, new(resource, 0));
            if (limit >= 0 && limit < inUse)
                throw new Fault.Invalid($"Quota {named(resource)} limit must be equal or greater than existing resources. Current usage is "
                    + $"{inUse} and the requested limit is {limit}.").Thrown();
            await tx.Execute($"""
                insert into quota_limit (project_id, resource, most) values ({projectId}, {resource}, {limit})
                on conflict (project_id, resource) do update set most = excluded.most
                """);
        }
    }

    /// <summary>Takes a project's own limits away.</summary>
    public Task RemoveOwn(string projectId) => tx.Execute($"delete from quota_limit where project_id = {projectId}");

    /// <summary>The limits of a class. What is in use is no bound to them.</summary>
    public async Task<Dictionary<string, long>> OfClass(string name) => (await tx.Query(
        $"select resource, most from quota_class_limit where class = {name}", r => (r.GetString(0), r.GetInt64(1)))).ToDictionary();

    public async Task SetOfClass(string name, IReadOnlyDictionary<string, long> most)
    {
        foreach (var (resource, limit) in most.OrderBy(m => m.Key, StringComparer.Ordinal))
            await tx.Execute($"""
                insert into quota_class_limit (class, resource, most) values ({name}, {resource}, {limit})
                on conflict (class, resource) do update set most = excluded.most
                """);
    }

    /// <summary>Forgets a volume type that nothing has any more: limits and usage.</summary>
    public async Task ForgetType(string typeId)
    {
        var its = Sql.List(QuotaResource.ByType.Select(r => QuotaResource.OfType(r, typeId)));
        await tx.Execute($"delete from quota_limit where resource in ({its})");
        await tx.Execute($"delete from quota_class_limit where resource in ({its})");
        await tx.Execute($"delete from quota_usage where in_use = 0 and resource in ({its})");
    }

    /// <summary>
    /// The limits of a project that differ from the configured ones: its own, or those of the class <c>default</c>, which is
    /// everybody's.
    /// </summary>
    public async Task<Dictionary<string, long>> Own(string projectId)
    {
        var all = await tx.Query($"""
            select resource, most, 1 from quota_class_limit where class = {DefaultClass}
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
            select project_id, 'volumes:' || retyping_to, 1 from volume where consumes_quota and retyping_to is not null
            union all
            select project_id, 'gigabytes:' || retyping_to, size_gb from volume where consumes_quota and retyping_to is not null
            union all
            select project_id, 'snapshots', 1 from snapshot where consumes_quota
            union all
            select project_id, 'gigabytes', size_gb from snapshot where consumes_quota
            union all
            select project_id, 'snapshots:' || volume_type_id, 1 from snapshot where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'gigabytes:' || volume_type_id, size_gb from snapshot where consumes_quota and volume_type_id is not null
            union all
            select project_id, 'backups', 1 from backup
            union all
            select project_id, 'backup_gigabytes', size_gb from backup
            union all
            select project_id, 'groups', 1 from volume_group) rows_counted
          group by project_id, resource) c
          on c.project_id = u.project_id and c.resource = u.resource
        where coalesce(u.in_use, 0) <> coalesce(c.n, 0)
        """, r => $"project {r.GetString(0)}: {r.GetString(1)} in use {r.GetInt64(2)}, counted "
            + Convert.ToInt64(r.GetValue(3), CultureInfo.InvariantCulture));

    /// <summary>Counts it; gives what is in use with it. The row is kept from others until the transaction ends.</summary>
    async Task<long> Add(string projectId, Use use) => await tx.Number($"""
        insert into quota_usage (project_id, resource, in_use) values ({projectId}, {use.Resource}, {use.Amount})
        on conflict (project_id, resource) do update set in_use = quota_usage.in_use + excluded.in_use returning in_use
        """);

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
