using Clinker.Server.Api;
using Clinker.Server.Shapes;

namespace Clinker.Server.Routes;

/// <summary>What lists may be filtered by (cinder/api/v3/resource_filters.py).</summary>
static class ResourceFilters
{
    public static void Map(RouteTable api) =>
        api.Get("resource_filter_list", "/resource_filters", List, since: 33, query: new(
            new Parameter("resource", "Of this resource alone.")));

    static Task<Page<ResourceFilterShape>> List(Call call)
    {
        var wanted = call.Query["resource"];
        return Task.FromResult(new Page<ResourceFilterShape>(call.Settings.ResourceFilters
            .Where(f => string.IsNullOrEmpty(wanted) || f.Key == wanted)
            .Select(f => new ResourceFilterShape(f.Key, f.Value))));
    }
}
