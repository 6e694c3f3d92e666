using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>The whole API.</summary>
static class AllRoutes
{
    public static RouteTable Table()
    {
        var api = new RouteTable();
        Volumes.Map(api);
        VolumeActions.Map(api);
        VolumeUses.Map(api);
        Attachments.Map(api);
        VolumeGrowth.Map(api);
        VolumeMoves.Map(api);
        VolumeFlags.Map(api);
        VolumeImages.Map(api);
        VolumeEncryption.Map(api);
        Snapshots.Map(api);
        SnapshotActions.Map(api);
        Manageables.Map(api);
        Backups.Map(api);
        VolumeTypes.Map(api);
        TypeExtraSpecs.Map(api);
        TypeAccesses.Map(api);
        TypeEncryptions.Map(api);
        QosSpecs.Map(api);
        DefaultTypes.Map(api);
        GroupTypes.Map(api);
        GroupTypeSpecs.Map(api);
        Groups.Map(api);
        GroupSnapshots.Map(api);
        ConsistencyGroups.Map(api);
        CgSnapshots.Map(api);
        QuotaSets.Map(api);
        QuotaClassSets.Map(api);
        Transfers.Map(api);
        Services.Map(api);
        LogLevelRoutes.Map(api);
        Hosts.Map(api);
        Clusters.Map(api);
        Workers.Map(api);
        Capabilities.Map(api);
        Pools.Map(api);
        Zones.Map(api);
        Limits.Map(api);
        Messages.Map(api);
        Operations.Map(api);
        Shares.Map(api);
        Extensions.Map(api);
        ResourceFilters.Map(api);
        return api;
    }
}
