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
        VolumeFlags.Map(api);
        VolumeEncryption.Map(api);
        Snapshots.Map(api);
        SnapshotActions.Map(api);
        VolumeTypes.Map(api);
        TypeExtraSpecs.Map(api);
        TypeAccesses.Map(api);
        Services.Map(api);
        Pools.Map(api);
        Zones.Map(api);
        Limits.Map(api);
        Messages.Map(api);
        Operations.Map(api);
        Extensions.Map(api);
        ResourceFilters.Map(api);
        return api;
    }
}
