using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume backup …</c>.</summary>
internal static class Backups
{
    static readonly Column[] Brief =
        [new("ID", "id"), new("Name", "name"), new("Description", "description"), new("Status", "status"), new("Size", "size")];

    static readonly Noun Noun = new("volume backup", "backups", "backup", "backups")
    {
        ListPath = "backups/detail",
        Paged = true,
        Columns = Brief,
        Long =
        [
            .. Brief, new("Availability Zone", "availability_zone"), new("Volume", b => new(b["volume_id"], (string?)b["volume_name"])),
            new("Container", "container"),
        ],
        Filters =
        [
            Filter.AllProjects, new("--name", "name", "name", "Filter results by a name"),
            new("--status", "status", "status", "Filter results by a status", "available", "creating", "deleting", "error", "error_deleting", "restoring"),
            new("--volume", "volume", "volume_id", "Filter results by a volume (name or ID)"),
        ],
        Enrich = async (api, backups, full, token) =>
        {
            if (!full || backups.Count < 2) return; // one alone shows its volume's id
            var names = (await api.List("volumes", [], "volumes", token)).ToDictionary(v => (string)v["id"]!, v => (string?)v["name"]);
            foreach (var backup in backups) backup["volume_name"] = names.GetValueOrDefault((string)backup["volume_id"]!);
        },
    };

    public static Command Make(Session session) => new Command("backup", "Backups of volumes").With(
        Create(session), Noun.List(session, "List volume backups"), Noun.Show(session, "Display volume backup details"), Set(session),
        Unset(session), Noun.Delete(session, "Delete volume backup(s)", (api, path, token) => api.Act(path, "os-force_delete", null, token)),
        Restore(session), new Command("record", "What another service needs to take a backup in").With(Export(session), Import(session)));

    static Command Create(Session session) => session.Command("create", "Create new volume backup", command =>
    {
        var volume = Opt.One("volume", "Volume to backup (name or ID)");
        var name = Opt.Text("--name", "name", "Name of the backup");
        var description = Opt.Text("--description", "description", "Description of the backup");
        var container = Opt.Text("--container", "container", "Optional backup container name");
        var snapshot = Opt.Text("--snapshot", "snapshot", "Snapshot to backup (name or ID)");
        var force = Opt.Flag("--force", "Allow to back up an in-use volume");
        var incremental = Opt.Flag("--incremental", "Perform an incremental backup");
        var full = Opt.Flag("--no-incremental", "Do not perform an incremental backup (default)");
        var properties = Opt.Pairs("--property", "Set a property on this backup (repeat option to set multiple properties)");
        var zone = Opt.Text("--availability-zone", "zone-name", "AZ where the backup should be stored");
        command.With(volume, name, description, container, snapshot, force, incremental, full, properties, zone);
        command.Exclusive(incremental, full);
        var waiting = new Waiting(command, session.Terminal);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        waiting.Output = output;

        return async (parse, api, token) =>
        {
            var backup = new JsonObject
            {
                ["volume_id"] = (string?)(await Names.Volume(api, parse.GetRequiredValue(volume), token))["id"],
                ["name"] = parse.GetValue(name), ["description"] = parse.GetValue(description), ["container"] = parse.GetValue(container),
                ["force"] = parse.GetValue(force), ["incremental"] = parse.GetValue(incremental),
            };
            if (parse.GetValue(snapshot) is { } of) backup["snapshot_id"] = (string?)(await Names.Snapshot(api, of, token))["id"];
            if (parse.Map(properties) is { } metadata) backup["metadata"] = metadata;
            if (parse.GetValue(zone) is { } there) backup["availability_zone"] = there;
            var made = Noun.Inner(await api.Post(Noun.Path, new JsonObject { ["backup"] = backup }, token));
            if (waiting.Asked(parse))
            {
                var path = $"{Noun.Path}/{(string?)made["id"]}";
                waiting.Why = b => Task.FromResult((string?)b?["fail_reason"]);
                made = (await waiting.Until(parse, $"volume backup {(string?)made["name"] ?? (string?)made["id"]}",
                    async () => (JsonObject?)(await api.Try(path, token))?["backup"], s => s == "available", token, api))!;
            }
            output.Write(parse, Detail.Of(made));
        };
    });

    static Command Set(Session session) => Noun.Act(session, "set", "Set volume backup properties", command =>
    {
        var name = Opt.Text("--name", "name", "New backup name");
        var description = Opt.Text("--description", "description", "New backup description");
        var state = Opt.Text("--state", "state", "New backup state in the database, whatever is the case (admin only)");
        state.AcceptOnlyFromAmong("available", "error");
        var noProperty = Opt.Flag("--no-property", "Remove all properties from this backup (with --property: before setting new ones)");
        var properties = Opt.Pairs("--property", "Set a property on this backup (repeat option to set multiple values)");
        command.With(name, description, state, noProperty, properties);

        return async (parse, api, path, token) =>
        {
            var parts = new Parts(session.Terminal, "set");
            if (parse.GetValue(state) is { } status)
                await parts.Do("set backup state", () => api.Act(path, "os-reset_status", new JsonObject { ["status"] = status }, token));
            var update = new JsonObject();
            if (parse.GetValue(name) is { } renamed) update["name"] = renamed;
            if (parse.GetValue(description) is { } described) update["description"] = described;
            if (parse.GetValue(noProperty) || parse.Map(properties) is not null)
                await parts.Do("read backup properties", async () =>
                {
                    var words = parse.GetValue(noProperty) ? [] : await Properties(api, path, token);
                    foreach (var (key, value) in parse.Map(properties) ?? []) words[key] = value?.DeepClone();
                    update["metadata"] = words;
                });
            if (update.Count > 0) await parts.Do("update backup", () => api.Put(path, new JsonObject { ["backup"] = update }, token));
            parts.End();
        };
    });

    static Command Unset(Session session) => Noun.Act(session, "unset", "Unset volume backup properties", command =>
    {
        var properties = Opt.Many("--property", "key", "Property to remove from this backup (repeat option to unset multiple values)");
        command.Add(properties);
        return async (parse, api, path, token) =>
        {
            var words = await Properties(api, path, token);
            foreach (var key in parse.GetValue(properties) ?? []) words.Remove(key);
            await api.Put(path, new JsonObject { ["backup"] = new JsonObject { ["metadata"] = words } }, token);
        };
    });

    static async Task<JsonObject> Properties(BlockStorage api, string path, CancellationToken token) =>
        (JsonObject?)Noun.Inner(await api.Get(path, token))["metadata"]?.DeepClone() ?? [];

    static Command Restore(Session session) => session.Command("restore", "Restore volume backup", command =>
    {
        var which = Opt.One("backup", "Backup to restore (name or ID)");
        var volume = new Argument<string?>("volume")
        {
            Description = "Volume to restore to (name or ID for existing volume, name only for new volume) (default to None)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var force = Opt.Flag("--force", "Restore the backup to an existing volume (default to False)");
        command.With(which, volume, force);
        var waiting = new Waiting(command, session.Terminal);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        waiting.Output = output;

        return async (parse, api, token) =>
        {
            var path = await Noun.PathOf(api, parse.GetRequiredValue(which), token);
            var restore = new JsonObject();
            if (parse.GetValue(volume) is { } to)
            {
                if (await Existing(api, to, token) is not { } there) restore["name"] = to;
                else if (parse.GetValue(force)) restore["volume_id"] = there;
                else
                    throw new CliFault(
                        $"Volume '{to}' already exists; if you want to restore the backup to it you need to specify the '--force' option");
            }
            var backup = path[(path.LastIndexOf('/') + 1)..];
            var told = await waiting.Told(parse, api, backup, token);
            var answer = (JsonObject)(await api.Post(path + "/restore", new JsonObject { ["restore"] = restore }, token))!["restore"]!;
            await waiting.Over(parse, api, new() { ["id"] = (string?)answer["volume_id"], ["name"] = (string?)answer["volume_name"] }, told, s => s == "available", token,
                about: restore.ContainsKey("volume_id") ? backup : null);
            output.Write(parse, Detail.Of(answer));
        };
    });

    /// <summary>The id of the volume that is meant; null when there is none yet. Several are not one that is not there.</summary>
    static async Task<string?> Existing(BlockStorage api, string nameOrId, CancellationToken token)
    {
        if (Guid.TryParse(nameOrId, out _) && await api.Try($"volumes/{nameOrId}", token) is { } found) return (string?)found["volume"]!["id"];
        var named = (await api.List("volumes/detail", [("name", nameOrId)], "volumes", token)).Where(v => (string?)v["name"] == nameOrId).ToList();
        return named.Count == 0 ? null : (string?)Names.Only(named, "volume", nameOrId)["id"];
    }

    static Command Export(Session session) => session.Command("export", "Export volume backup details", command =>
    {
        var which = Opt.One("backup", "Backup to export (name or ID)");
        command.Add(which);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) => output.Write(parse, Detail.Of((JsonObject)(await api.Get(
            await Noun.PathOf(api, parse.GetRequiredValue(which), token) + "/export_record", token))["backup-record"]!));
    });

    static Command Import(Session session) => session.Command("import", "Import volume backup details", command =>
    {
        var service = Opt.One("backup_service", "Backup service containing the backup.");
        var record = Opt.One("backup_metadata", "Encoded backup metadata from export.");
        command.With(service, record);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) => output.Write(parse, Detail.Of(Noun.Inner(await api.Post("backups/import_record", new JsonObject
        {
            ["backup-record"] = new JsonObject
            {
                ["backup_service"] = parse.GetRequiredValue(service), ["backup_url"] = parse.GetRequiredValue(record),
            },
        }, token))));
    });
}
