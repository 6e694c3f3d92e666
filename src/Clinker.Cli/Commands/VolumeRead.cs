using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume list</c>, <c>show</c> and <c>summary</c>.</summary>
internal static class VolumeRead
{
    /// <summary>A volume's fields under the names that the OpenStack client gives them.</summary>
    public static Detail Shown(JsonObject volume)
    {
        var rest = (JsonObject)volume.DeepClone();
        rest.Remove("metadata");
        rest.Remove("volume_type");
        return Detail.Of(rest, ("properties", Cell.Map(volume["metadata"])), ("type", new Cell(volume["volume_type"])));
    }

    public static Command List(Session session) => session.Command("list", "List volumes", command =>
    {
        var project = Opt.Text("--project", "project", "Filter results by project (ID) (admin only)");
        var user = Opt.Text("--user", "user", "Filter results by user (ID) (admin only)");
        var name = Opt.Text("--name", "name", "Filter results by volume name");
        var status = Opt.Text("--status", "status", "Filter results by status");
        var all = Opt.Flag("--all-projects", "Include all projects (admin only)");
        var longer = Opt.Flag("--long", "List additional fields in output");
        var marker = Opt.Text("--marker", "volume", "The last volume ID of the previous page");
        var limit = Opt.Number("--limit", "num-volumes", "Maximum number of volumes to display", least: 0);
        command.With(project, user, name, status, all, longer, marker, limit);
        var output = OutputOptions.ForList(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var everywhere = parse.GetValue(all) || parse.GetValue(project) is not null;
            var volumes = parse.GetValue(limit) == 0 ? [] : await api.List("volumes/detail",
            [
                ("all_tenants", everywhere ? "True" : null), ("project_id", parse.GetValue(project)), ("user_id", parse.GetValue(user)),
                ("name", parse.GetValue(name)), ("status", parse.GetValue(status)), ("marker", parse.GetValue(marker)),
            ], "volumes", token, parse.GetValue(limit));
            string[] columns = parse.GetValue(longer)
                ? ["ID", "Name", "Status", "Size", "Type", "Bootable", "Attached to", "Properties"]
                : ["ID", "Name", "Status", "Size", "Attached to"];
            output.Write(parse, new Listing(columns, [.. volumes.Select(v => Row(v, parse.GetValue(longer)))]));
        };
    });

    static Cell[] Row(JsonObject v, bool longer)
    {
        Cell[] first = [new(v["id"]), new(v["name"]), new(v["status"]), new(v["size"])];
        var attached = new Cell(v["attachments"], string.Concat((v["attachments"] as JsonArray ?? [])
            .Select(a => $"Attached to {a?["server_id"]} on {a?["device"]} ")));
        return longer ? [.. first, new(v["volume_type"]), new(v["bootable"]), attached, Cell.Map(v["metadata"])] : [.. first, attached];
    }

    public static Command Show(Session session) => session.Command("show", "Display volume details", command =>
    {
        var volume = Opt.One("volume", "Volume to display (name or ID)");
        command.Add(volume);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
            output.Write(parse, Shown(await Names.Volume(api, parse.GetRequiredValue(volume), token)));
    });

    public static Command Summary(Session session) => session.Command("summary", "Show the number and total size of volumes", command =>
    {
        var all = Opt.Flag("--all-projects", "Include all projects (admin only)");
        command.Add(all);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var query = BlockStorage.Query([("all_tenants", parse.GetValue(all) ? "True" : null)]);
            var summary = (JsonObject)(await api.Get("volumes/summary" + query, token))["volume-summary"]!;
            List<(string, Cell)> fields = [("Total Count", new(summary["total_count"])), ("Total Size", new(summary["total_size"]))];
            if (summary["metadata"] is { } metadata) fields.Add(("Metadata", Cell.Map(metadata)));
            output.Write(parse, new Detail(fields));
        };
    });
}
