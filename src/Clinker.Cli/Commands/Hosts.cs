using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary>What there is to store on: services, pools, availability zones, limits.</summary>
internal static class Hosts
{
    public static Command ServiceList(Session session) => session.Command("list", "List services", command =>
    {
        var host = Opt.Text("--host", "host", "List services on specified host (name only)");
        var service = Opt.Text("--service", "service", "List only specified service (name only)");
        var longer = Opt.Flag("--long", "List additional fields in output");
        command.With(host, service, longer);
        var output = OutputOptions.ForList(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var query = BlockStorage.Query([("host", parse.GetValue(host)), ("binary", parse.GetValue(service))]);
            var services = ((await api.Get("os-services" + query, token))["services"] as JsonArray ?? []).OfType<JsonObject>();
            string[] columns = ["Binary", "Host", "Zone", "Status", "State", "Updated At", "Disabled Reason"];
            var kept = parse.GetValue(longer) ? 7 : 6;
            output.Write(parse, Table(columns[..kept], services, ["binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"]));
        };
    });

    public static Command ServiceSet(Session session) => session.Command("set", "Set volume service properties", command =>
    {
        var host = Opt.One("host", "Name of host");
        var service = Opt.One("service", "Name of service (Binary name)");
        var enable = Opt.Flag("--enable", "Enable volume service");
        var disable = Opt.Flag("--disable", "Disable volume service");
        var reason = Opt.Text("--disable-reason", "reason", "Reason for disabling the service (should be used with --disable option)");
        command.With(host, service, enable, disable, reason);
        command.Exclusive(enable, disable);
        command.Validators.Add(result =>
        {
            if (result.Given(reason) && !result.Given(disable))
                result.AddError("Cannot specify option --disable-reason without --disable specified.");
        });
        return async (parse, api, token) =>
        {
            var body = new JsonObject { ["host"] = parse.GetValue(host), ["binary"] = parse.GetValue(service) };
            if (parse.GetValue(reason) is { } why)
            {
                body["disabled_reason"] = why;
                await api.Put("os-services/disable-log-reason", body, token);
            }
            else if (parse.GetValue(disable)) await api.Put("os-services/disable", body, token);
            else if (parse.GetValue(enable)) await api.Put("os-services/enable", body, token);
        };
    });

    /// <param name="brief">As <c>openstack volume backend pool list</c>: the names alone unless <c>--long</c>.</param>
    public static Command PoolList(Session session, bool brief) => session.Command("list", "List pools", command =>
    {
        var longer = Opt.Flag("--long", "Show detailed information about pools.");
        command.Add(longer);
        var output = OutputOptions.ForList(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var detail = parse.GetValue(longer);
            var pools = ((await api.Get("scheduler-stats/get_pools" + (brief && !detail ? "" : "?detail=True"), token))["pools"] as JsonArray ?? [])
                .OfType<JsonObject>().Select(p =>
                {
                    var flat = (JsonObject?)p["capabilities"]?.DeepClone() ?? [];
                    flat["name"] = p["name"]?.DeepClone();
                    return flat;
                });
            output.Write(parse, (brief, detail) switch
            {
                (true, false) => Table(["Name"], pools, ["name"]),
                (_, true) => Table(["Name", "Protocol", "Thick", "Thin", "Volumes", "Capacity", "Allocated", "Max Over Ratio"], pools,
                    ["name", "storage_protocol", "thick_provisioning_support", "thin_provisioning_support", "total_volumes",
                        "total_capacity_gb", "allocated_capacity_gb", "max_over_subscription_ratio"]),
                _ => new Listing(["Name", "State", "Protocol", "Capacity", "Free", "Allocated"], [.. pools.Select(p => new Cell[]
                {
                    new(p["name"]), new(p["backend_state"]), new(p["storage_protocol"]),
                    Gigabytes(p["total_capacity_gb"]), Gigabytes(p["free_capacity_gb"]), Gigabytes(p["allocated_capacity_gb"]),
                })]),
            });
        };
    });

    public static Command ZoneList(Session session) => session.Command("list", "List availability zones and their status", command =>
    {
        var compute = Opt.Flag("--compute", "List compute availability zones (there are none here)");
        var network = Opt.Flag("--network", "List network availability zones (there are none here)");
        var volume = Opt.Flag("--volume", "List volume availability zones");
        var longer = Opt.Flag("--long", "List additional fields in output");
        command.With(compute, network, volume, longer);
        var output = OutputOptions.ForList(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var zones = (parse.GetValue(compute) || parse.GetValue(network)) && !parse.GetValue(volume)
                ? []
                : ((await api.Get("os-availability-zone", token))["availabilityZoneInfo"] as JsonArray ?? []).OfType<JsonObject>();
            string[] columns = ["Zone Name", "Zone Status", "Zone Resource", "Host Name", "Service Name", "Service Status"];
            var kept = parse.GetValue(longer) ? 6 : 2;
            output.Write(parse, new Listing(columns[..kept], [.. zones.Select(z => new Cell[]
            {
                new(z["zoneName"]), (bool?)z["zoneState"]?["available"] == true ? "available" : "not available", "", "", "", "",
            }[..kept])]));
        };
    });

    public static Command LimitsShow(Session session) => session.Command("show", "Show block storage limits", command =>
    {
        var absolute = Opt.Flag("--absolute", "Show absolute limits");
        var rate = Opt.Flag("--rate", "Show rate limits");
        var project = Opt.Text("--project", "project", "Show limits for a specific project (ID) [only valid with --absolute]");
        command.With(absolute, rate, project);
        command.Exclusive(absolute, rate);
        command.Validators.Add(result =>
        {
            if (!result.Given(absolute) && !result.Given(rate)) result.AddError("one of the arguments --absolute --rate is required");
        });
        var output = OutputOptions.ForList(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var limits = (await api.Get("limits" + BlockStorage.Query([("project_id", parse.GetValue(project))]), token))["limits"];
            output.Write(parse, parse.GetValue(rate)
                ? Table(["Verb", "URI", "Value", "Remain", "Unit", "Next Available"],
                    (limits?["rate"] as JsonArray ?? []).OfType<JsonObject>().SelectMany(r => (r["limit"] as JsonArray ?? []).OfType<JsonObject>().Select(l =>
                    {
                        var row = (JsonObject)l.DeepClone();
                        row["uri"] = r["uri"]?.DeepClone();
                        return row;
                    })), ["verb", "uri", "value", "remaining", "unit", "next-available"])
                : new Listing(["Name", "Value"], [.. (limits?["absolute"] as JsonObject ?? []).Select(l => new Cell[] { l.Key, new(l.Value) })]));
        };
    });

    /// <summary>For people to a hundredth; "infinite" and "unknown" as they are.</summary>
    static Cell Gigabytes(JsonNode? number) => number?.GetValueKind() == System.Text.Json.JsonValueKind.Number
        ? new(number, ((double)number).ToString("0.##", System.Globalization.CultureInfo.InvariantCulture))
        : new(number);

    static Listing Table(string[] columns, IEnumerable<JsonObject> things, string[] members) =>
        new(columns, [.. things.Select(t => columns.Select((_, i) => new Cell(t[members[i]])).ToArray())]);
}
