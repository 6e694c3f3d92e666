using Clinker.Backups;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Quotas;

/// <summary>The configured limits; -1 is no limit (Cinder: quota_volumes, quota_gigabytes, per_volume_size_limit, …).</summary>
public sealed record QuotaLimits(
    int Volumes = 10, int Gigabytes = 1000, int PerVolumeGigabytes = -1, int Snapshots = 10, int Backups = 10,
    int BackupGigabytes = 1000, int Groups = 10)
{
    public static readonly QuotaLimits None = new(-1, -1, -1, -1, -1, -1, -1);

    /// <summary>The limit of one resource. Those of a single volume type are not configured: no limit.</summary>
    public long Of(string resource) => resource switch
    {
        QuotaResource.Volumes => Volumes,
        QuotaResource.Gigabytes => Gigabytes,
        QuotaResource.PerVolumeGigabytes => PerVolumeGigabytes,
        QuotaResource.Snapshots => Snapshots,
        QuotaResource.Backups => Backups,
        QuotaResource.BackupGigabytes => BackupGigabytes,
        QuotaResource.Groups => Groups,
        _ => -1,
    };
}

/// <summary>The limits that hold for somebody: those of his own, else the configured ones.</summary>
public sealed record Limits(IReadOnlyDictionary<string, long> Own, QuotaLimits Configured)
{
    /// <summary>-1: no limit.</summary>
    public long Of(string resource) => Own.TryGetValue(resource, out var own) ? own : Configured.Of(resource);
}

/// <summary>What is counted. Of a volume type by its id, so that the counts stay when it is renamed.</summary>
public static class QuotaResource
{
    public const string Volumes = "volumes";
    public const string Gigabytes = "gigabytes";
    public const string Snapshots = "snapshots";
    public const string Backups = "backups";
    public const string BackupGigabytes = "backup_gigabytes";
    public const string Groups = "groups";
    /// <summary>A limit only: nothing is counted.</summary>
    public const string PerVolumeGigabytes = "per_volume_gigabytes";

    /// <summary>All that have a limit, whatever the volume types.</summary>
    public static readonly IReadOnlyList<string> All =
        [BackupGigabytes, Backups, Gigabytes, Groups, PerVolumeGigabytes, Snapshots, Volumes];

    /// <summary>Those that have a count for each volume type too.</summary>
    public static readonly IReadOnlyList<string> ByType = [Volumes, Snapshots, Gigabytes];

    public static string OfType(string resource, string typeId) => $"{resource}:{typeId}";

    /// <summary>The resource, and the id of the volume type if it is of one.</summary>
    public static (string Resource, string? TypeId) Parts(string resource) =>
        resource.Split(':', 2) is [var kind, var type] ? (kind, type) : (resource, null);
}

/// <summary>So much of a resource.</summary>
public readonly record struct Use(string Resource, long Amount);

/// <summary>What rows use.</summary>
static class Uses
{
    public static IEnumerable<Use> Of(Volume volume) =>
        volume.ConsumesQuota ? Of(volume.VolumeTypeId, volume.SizeGb, QuotaResource.Volumes) : [];

    public static IEnumerable<Use> Of(Snapshot snapshot) =>
        snapshot.ConsumesQuota ? Of(snapshot.VolumeTypeId, snapshot.SizeGb, QuotaResource.Snapshots) : [];

    public static IEnumerable<Use> OfGrowth(Volume volume, int toGb) =>
        volume.ConsumesQuota ? Of(volume.VolumeTypeId, toGb - volume.SizeGb, counted: null) : [];

    /// <summary>What it uses of a type.</summary>
    public static IEnumerable<Use> OfType(Volume volume, string? typeId) =>
        Of(volume with { VolumeTypeId = typeId }).Where(u => QuotaResource.Parts(u.Resource).TypeId is not null);

    /// <inheritdoc cref="OfType(Volume, string?)"/>
    public static IEnumerable<Use> OfType(Snapshot snapshot, string? typeId) =>
        Of(snapshot with { VolumeTypeId = typeId }).Where(u => QuotaResource.Parts(u.Resource).TypeId is not null);

    public static IEnumerable<Use> OfShrinking(Snapshot snapshot, int toGb) =>
        snapshot.ConsumesQuota ? Of(snapshot.VolumeTypeId, snapshot.SizeGb - toGb, counted: null) : [];

    public static IEnumerable<Use> Of(Backup backup) => [new(QuotaResource.BackupGigabytes, backup.SizeGb), new(QuotaResource.Backups, 1)];

    static IEnumerable<Use> Of(string? typeId, int sizeGb, string? counted)
    {
        yield return new(QuotaResource.Gigabytes, sizeGb);
        if (typeId is not null) yield return new(QuotaResource.OfType(QuotaResource.Gigabytes, typeId), sizeGb);
        if (counted is null) yield break;
        yield return new(counted, 1);
        if (typeId is not null) yield return new(QuotaResource.OfType(counted, typeId), 1);
    }
}
