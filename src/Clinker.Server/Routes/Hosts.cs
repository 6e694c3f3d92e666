using System.Globalization;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>The older view of services, and what lies on each host (cinder/api/contrib/hosts.py).</summary>
static class Hosts
{
    static readonly Form<string?> Status = new(Must.Object(Must.Optional("status", Must.OneOf("enable", "disable"))).Open(),
        body => body.EnumerateObject().Select(m => m.Name).FirstOrDefault(n => n != "status"));

    public static void Map(RouteTable api)
    {
        api.Get("host_list", "/os-hosts", List, rule: "volume_extension:hosts",
            query: new(new Parameter("zone", "In this availability zone.")));
        api.Get("host_show", "/os-hosts/{host}", Show, rule: "volume_extension:hosts");
        api.Put("host_update_unnamed", "/os-hosts", Status, UpdateUnnamed, rule: "volume_extension:hosts");
        api.Put("host_update", "/os-hosts/{host}", Status, Update, rule: "volume_extension:hosts");
    }

    static async Task<Page<HostShape>> List(Call call)
    {
        var zone = call.Query["zone"] ?? "";
        return new((await Enabled(call)).Where(s => zone.Length == 0 || s.Zone == zone).Select(s => new HostShape(
            s.Host, s.Binary, s.Zone, Services.IsUp(call, s) ? "available" : "unavailable", "enabled", s.UpdatedAt)));
    }

    static async Task<Page<HostUseShape>> Show(Call call, string host)
    {
        var uses = await call.Db.Read(async tx => await tx.Services.Find(host, ServiceTable.VolumeBinary) is null
            ? throw new Fault.Missing($"Service cinder-volume could not be found on host {host}.").Thrown()
            : await tx.Services.Uses(host));
        return new(uses.Prepend(new("(total)", uses.Sum(u => u.Volumes), uses.Sum(u => u.VolumeGb), uses.Sum(u => u.Snapshots),
            uses.Sum(u => u.SnapshotGb))).Select(u => new HostUseShape(new(
                host, u.ProjectId, Text(u.Volumes), Text(u.VolumeGb), Text(u.Snapshots), Text(u.SnapshotGb)))));
    }

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    static async Task Update(Call call, string host, string? unknown)
    {
        if (!(await Enabled(call)).Any(s => s.Host == host)) throw new Fault.NotFound("Host", host).Thrown();
        if (unknown is not null) throw Refusal.BadRequest($"Invalid update setting: {Python.Repr(unknown)}");
        throw new Refusal(501, "Hosts are not switched by themselves: enable and disable their services (os-services).");
    }

    /// <summary>Upstream routes it without meaning to.</summary>
    static Task UpdateUnnamed(Call call, string? unknown) => throw Refusal.BadRequest("Which host is meant? PUT /os-hosts/{host_name}.");

    static async Task<IEnumerable<Service>> Enabled(Call call) => (await call.Db.Read(tx => tx.Services.List())).Where(s => !s.Disabled);
}
