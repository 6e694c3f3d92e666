using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>Availability zones: those that volume services are in (cinder/api/contrib/availability_zones.py).</summary>
static class Zones
{
    public static void Map(RouteTable api) => api.Get("availability_zone_list", "/os-availability-zone", List);

    static async Task<Page<ZoneShape>> List(Call call)
    {
        var services = await call.Db.Read(tx => tx.Services.List());
        return new(services.Where(s => s.Binary == ServiceTable.VolumeBinary).GroupBy(s => s.Zone)
            .Select(z => new ZoneShape(z.Key, new ZoneState(z.Any(s => !s.Disabled && Services.IsUp(call, s)))))
            .OrderBy(z => z.Name, StringComparer.Ordinal));
    }
}
