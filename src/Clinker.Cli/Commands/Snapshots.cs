using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume snapshot …</c> and <c>volume revert</c>.</summary>
internal static class Snapshots
{
    static readonly string[] States = ["available", "error", "creating", "deleting", "error_deleting"];

    static readonly Column[] Brief =
        [new("ID", "id"), new("Name", "name"), new("Description", "description"), new("Status", "status"), new("Size", "size")];

    static readonly Noun Noun = new("snapshot", "snapshots", "snapshot", "snapshots")
    {
        ListPath = "snapshots/detail",
        Paged = true,
        Columns = Brief,
        Long =
        [
            .. Brief, new("Created At", "created_at"), new("Volume", s => new(s["volume_id"], (string?)s["volume_name"])),
            new("Properties", s => Cell.Map(s["metadata"])),
        ],
        Filters =
        [
            Filter.AllProjects, Filter.Project, new("--name", "name", "name", "Filter results by a name"),
            new("--status", "status", "status", "Filter results by a status", States),
            new("--volume", "volume", "volume_id", "Filter results by a volume (name or ID)"),
        ],
        Enrich = async (api, snapshots, full, token) =>
        {
            if (!full || snapshots.Count < 2) return; // one alone shows its volume's id
            var names = (await api.List("volumes", [], "volumes", token)).ToDictionary(v => (string)v["id"]!, v => (string?)v["name"]);
            foreach (var snapshot in snapshots) snapshot["volume_name"] = names.GetValueOrDefault((string)snapshot["volume_id"]!);
        },
        Shown = Shown,
    };

    public static Command Make(Session session) => new Command("snapshot", "Snapshots of volumes").With(
        Create(session), Noun.List(session, "List volume snapshots"), Noun.Show(session, "Display volume snapshot details"), Set(session),
        Unset(session), Noun.Delete(session, "Delete volume snapshot(s)", 
            (api, path, token) => api.Act(path, "os-force_delete", null, token), (api, path, token) => api.Act(path, "os-unmanage", null, token)));

    public static Command Revert(Session session) => session.Command("revert", "Revert a volume to a snapshot", command =>
    {
        var which = Opt.One("snapshot", "Snapshot to restore (name or ID): the last one of its volume");
        var earlier = Opt.Flag("--earlier", "Also to one that is not the last: its data is copied, and the later ones stay");
        command.Add(which);
        command.Add(earlier);
        var waiting = new Waiting(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var snapshot = await Noun.Find(api, parse.GetRequiredValue(which), token);
            var volume = (string)snapshot["volume_id"]!;
            var body = new JsonObject { ["snapshot_id"] = (string?)snapshot["id"] };
            if (parse.GetValue(earlier)) body["earlier"] = true;
            var told = await waiting.Told(parse, api, volume, token);
            await api.Act($"volumes/{volume}", "revert", body, token);
            await waiting.Over(parse, api, new() { ["id"] = volume }, told, s => s == "available", token);
        };
    });

    static Detail Shown(JsonObject snapshot)
    {
        var rest = (JsonObject)snapshot.DeepClone();
        rest.Remove("metadata");
        rest.Remove("volume_name");
        return Detail.Of(rest, ("properties", Cell.Map(snapshot["metadata"])));
    }

    static Command Create(Session session) => session.Command("create", "Create new volume snapshot", command =>
    {
        var name = Opt.One("snapshot-name", "Name of the new snapshot");
        var volume = Opt.Text("--volume", "volume", "Volume to snapshot (name or ID) (default is <snapshot-name>)");
        var description = Opt.Text("--description", "description", "Description of the snapshot");
        var force = Opt.Flag("--force", "Create a snapshot attached to an instance. Default is False");
        var properties = Opt.Pairs("--property", "Set a property to this snapshot (repeat option to set multiple properties)");
        var remote = Opt.Pairs("--remote-source", "What an existing snapshot in storage is known by (admin required) (repeat option for several)");
        command.With(name, volume, description, force, properties, remote);
        var waiting = new Waiting(command, session.Terminal);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        waiting.Output = output;

        return async (parse, api, token) =>
        {
            var of = await Names.Volume(api, parse.GetValue(volume) ?? parse.GetRequiredValue(name), token);
            var snapshot = new JsonObject
            {
                ["volume_id"] = (string?)of["id"], ["name"] = parse.GetValue(name), ["description"] = parse.GetValue(description),
                ["metadata"] = parse.Map(properties) ?? [],
            };
            if (parse.Map(remote) is { } reference) snapshot["ref"] = reference;
            else if (parse.GetValue(force)) snapshot["force"] = true;
            var made = Noun.Inner(await api.Post(
                snapshot.ContainsKey("ref") ? "manageable_snapshots" : "snapshots", new JsonObject { ["snapshot"] = snapshot }, token));
            if (waiting.Asked(parse))
            {
                waiting.Why = s => Waiting.Message(api, (string?)s?["id"] ?? "", token);
                made = (await waiting.Until(parse, $"volume snapshot {parse.GetValue(name)}",
                    async () => (JsonObject?)(await api.Try($"snapshots/{(string?)made["id"]}", token))?["snapshot"], s => s == "available", token, api))!;
            }
            output.Write(parse, Shown(made));
        };
    });

    static Command Set(Session session) => Noun.Act(session, "set", "Set volume snapshot properties", command =>
    {
        var name = Opt.Text("--name", "name", "New snapshot name");
        var description = Opt.Text("--description", "description", "New snapshot description");
        var noProperty = Opt.Flag("--no-property", "Remove all properties from <snapshot> (with --property: before setting new ones)");
        var properties = Opt.Pairs("--property", "Property to add/change for this snapshot (repeat option to set multiple properties)");
        var state = Opt.Text("--state", "state", "New snapshot state in the database, whatever is the case (admin only)");
        state.AcceptOnlyFromAmong(States);
        command.With(name, description, noProperty, properties, state);

        return async (parse, api, path, token) =>
        {
            var parts = new Parts(session.Terminal, "set");
            if (parse.GetValue(noProperty))
                await parts.Do("clean snapshot properties", () => api.Put(path + "/metadata", new JsonObject { ["metadata"] = parse.Map(properties) ?? [] }, token));
            else if (parse.Map(properties) is { } metadata)
                await parts.Do("set snapshot property", () => api.Post(path + "/metadata", new JsonObject { ["metadata"] = metadata }, token));
            if (parse.GetValue(state) is { } status)
                await parts.Do("set snapshot state", () => api.Act(path, "os-reset_status", new JsonObject { ["status"] = status }, token));
            var update = new JsonObject();
            if (parse.GetValue(name) is { } renamed) update["name"] = renamed;
            if (parse.GetValue(description) is { } described) update["description"] = described;
            if (update.Count > 0)
                await parts.Do("update snapshot name or description", () => api.Put(path, new JsonObject { ["snapshot"] = update }, token));
            parts.End();
        };
    });

    static Command Unset(Session session) => Noun.Act(session, "unset", "Unset volume snapshot properties", command =>
    {
        var properties = Opt.Many("--property", "key", "Property to remove from snapshot (repeat option to remove multiple properties)");
        command.Add(properties);
        return async (parse, api, path, token) =>
        {
            foreach (var key in parse.GetValue(properties) ?? []) await api.Delete($"{path}/metadata/{Uri.EscapeDataString(key)}", token);
        };
    });
}
