using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;

namespace Clinker.Server.Routes;

/// <summary>Extensions: what clients of old ask whether the API has. Their names and dates are fixed.</summary>
static class Extensions
{
    static readonly ExtensionShape[] All =
    [
        new("backups", "Backups",
            "Backups support.", "2012-12-12T00:00:00+00:00"),
        new("capabilities", "Capabilities",
            "Capabilities support.", "2015-08-31T00:00:00+00:00"),
        new("cgsnapshots", "Cgsnapshots",
            "cgsnapshots support.", "2014-08-18T00:00:00+00:00"),
        new("consistencygroups", "Consistencygroups",
            "consistency groups support.", "2014-08-18T00:00:00+00:00"),
        new("encryption", "VolumeTypeEncryption",
            "Encryption support for volume types.", "2013-07-01T00:00:00+00:00"),
        new("os-admin-actions", "AdminActions",
            "Enable admin actions.", "2012-08-25T00:00:00+00:00"),
        new("os-availability-zone", "AvailabilityZones",
            "Describe Availability Zones.", "2013-06-27T00:00:00+00:00"),
        new("os-extended-services", "ExtendedServices",
            "Extended services support.", "2014-01-10T00:00:00-00:00"),
        new("os-extended-snapshot-attributes", "ExtendedSnapshotAttributes",
            "Extended SnapshotAttributes support.", "2012-06-19T00:00:00+00:00"),
        new("os-hosts", "Hosts",
            "Admin-only host administration.", "2011-06-29T00:00:00+00:00"),
        new("os-quota-class-sets", "QuotaClasses",
            "Quota classes management support.", "2012-03-12T00:00:00+00:00"),
        new("os-quota-sets", "Quotas",
            "Quota management support.", "2011-08-08T00:00:00+00:00"),
        new("OS-SCH-HNT", "SchedulerHints",
            "Pass arbitrary key/value pairs to the scheduler.", "2013-04-18T00:00:00+00:00"),
        new("os-services", "Services",
            "Services support.", "2012-10-28T00:00:00-00:00"),
        new("os-snapshot-actions", "SnapshotActions",
            "Enable snapshot manager actions.", "2013-07-16T00:00:00+00:00"),
        new("os-snapshot-manage", "SnapshotManage",
            "Allows existing backend storage to be 'managed' by Cinder.", "2014-12-31T00:00:00+00:00"),
        new("os-snapshot-unmanage", "SnapshotUnmanage",
            "Enable volume unmanage operation.", "2014-12-31T00:00:00+00:00"),
        new("os-types-extra-specs", "TypesExtraSpecs",
            "Type extra specs support.", "2011-08-24T00:00:00+00:00"),
        new("os-types-manage", "TypesManage",
            "Types manage support.", "2011-08-24T00:00:00+00:00"),
        new("os-used-limits", "UsedLimits",
            "Provide data on limited resources that are being used.", "2013-10-03T00:00:00+00:00"),
        new("os-vol-host-attr", "VolumeHostAttribute",
            "Expose host as an attribute of a volume.", "2011-11-03T00:00:00+00:00"),
        new("os-vol-image-meta", "VolumeImageMetadata",
            "Show image metadata associated with the volume.", "2012-12-07T00:00:00+00:00"),
        new("os-vol-mig-status-attr", "VolumeMigStatusAttribute",
            "Expose migration_status as an attribute of a volume.", "2013-08-08T00:00:00+00:00"),
        new("os-vol-tenant-attr", "VolumeTenantAttribute",
            "Expose the internal project_id as an attribute of a volume.", "2011-11-03T00:00:00+00:00"),
        new("os-volume-actions", "VolumeActions",
            "Enable volume actions.", "2012-05-31T00:00:00+00:00"),
        new("os-volume-encryption-metadata", "VolumeEncryptionMetadata",
            "Volume encryption metadata retrieval support.", "2013-07-10T00:00:00+00:00"),
        new("os-volume-manage", "VolumeManage",
            "Allows existing backend storage to be 'managed' by Cinder.", "2014-02-10T00:00:00+00:00"),
        new("os-volume-transfer", "VolumeTransfer",
            "Volume transfer management support.", "2013-05-29T00:00:00+00:00"),
        new("os-volume-type-access", "VolumeTypeAccess",
            "Volume type access support.", "2014-06-26T00:00:00Z"),
        new("os-volume-unmanage", "VolumeUnmanage",
            "Enable volume unmanage operation.", "2012-05-31T00:00:00+00:00"),
        new("qos-specs", "Qos_specs_manage",
            "QoS specs support.", "2013-08-02T00:00:00+00:00"),
        new("scheduler-stats", "Scheduler_stats",
            "Scheduler stats support.", "2014-09-07T00:00:00+00:00"),
    ];

    public static void Map(RouteTable api)
    {
        api.Get("extension_list", "/extensions", List);
        api.Get("extension_show", "/extensions/{alias}", Show);
    }

    static Task<Page<ExtensionShape>> List(Call call) => Task.FromResult(new Page<ExtensionShape>(All));

    static Task<ExtensionShape> Show(Call call, string alias) => Task.FromResult(
        All.FirstOrDefault(e => e.Alias == alias) ?? throw new Fault.Missing("The resource could not be found.").Thrown());
}
