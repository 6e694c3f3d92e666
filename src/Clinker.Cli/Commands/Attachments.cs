using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume attachment …</c>: records of the Block Storage API; no server is told of them.</summary>
internal static class Attachments
{
    static readonly Noun Noun = new("volume attachment", "attachments", "attachment", "attachments")
    {
        ById = true,
        Paged = true,
        Columns = [new("ID", "id"), new("Volume ID", "volume_id"), new("Server ID", "instance"), new("Status", "status")],
        Filters =
        [
            Filter.Project, Filter.AllProjects, new("--volume-id", "volume-id", "volume_id", "Filter results by a volume ID"),
            new("--status", "status", "status", "Filter results by a status"),
        ],
        Shown = a => new Detail(
        [
            ("ID", new(a["id"])), ("Volume ID", new(a["volume_id"])), ("Instance ID", new(a["instance"])), ("Status", new(a["status"])),
            ("Attach Mode", new(a["attach_mode"])), ("Attached At", new(a["attached_at"])), ("Detached At", new(a["detached_at"])),
            ("Properties", Cell.Map(a["connection_info"])),
        ]),
    };

    public static Command Make(Session session) => new Command("attachment", "Attachments of volumes").With(
        Create(session), Noun.List(session, "List all volume attachments"), Noun.Show(session, "Show detailed information for a volume attachment"),
        Set(session),
        Noun.Act(session, "complete", "Complete an attachment for a volume", _ => (_, api, path, token) => api.Act(path, "os-complete", null, token)),
        Noun.Act(session, "delete", "Delete an attachment for a volume", _ => (_, api, path, token) => api.Delete(path, token)));

    static Command Create(Session session) => session.Command("create", "Create an attachment for a volume", command =>
    {
        var volume = Opt.One("volume", "Volume to attach (name or ID)");
        var server = Opt.One("server", "Server to attach it to (ID)");
        var connect = Opt.Flag("--connect", "Make an active connection using the connector's options");
        var noConnect = Opt.Flag("--no-connect", "Do not make an active connection (default)");
        var mode = Opt.Text("--mode", "mode", "rw, ro, or null for what the volume says");
        command.With(volume, server, connect, noConnect);
        command.Exclusive(connect, noConnect);
        var connector = new ConnectorOptions(command);
        command.Add(mode);
        command.Validators.Add(result =>
        {
            if (!result.Given(connect) && connector.Given(result))
                result.AddError("You must specify the --connect option for any of the connection-specific options such as --initiator to be valid");
        });
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var attachment = new JsonObject
            {
                ["volume_uuid"] = (string?)(await Names.Volume(api, parse.GetRequiredValue(volume), token))["id"],
                ["instance_uuid"] = parse.GetValue(server),
                ["connector"] = parse.GetValue(connect) ? connector.Of(parse) : [],
            };
            if (parse.GetValue(mode) is { } asked and not "null") attachment["mode"] = asked;
            output.Write(parse, Noun.Shown(Noun.Inner(await api.Post(Noun.Path, new JsonObject { ["attachment"] = attachment }, token))));
        };
    });

    static Command Set(Session session) => session.Command("set", "Update an attachment for a volume", command =>
    {
        var which = Opt.One("attachment", "ID of volume attachment");
        command.Add(which);
        var connector = new ConnectorOptions(command);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) => output.Write(parse, Noun.Shown(Noun.Inner(await api.Put(
            $"{Noun.Path}/{Uri.EscapeDataString(parse.GetRequiredValue(which))}",
            new JsonObject { ["attachment"] = new JsonObject { ["connector"] = connector.Of(parse) } }, token))));
    });

    /// <summary>What a host says of itself.</summary>
    sealed class ConnectorOptions
    {
        static readonly (string Option, string Member, string Help)[] Texts =
        [
            ("initiator", "initiator", "IQN of the initiator attaching to"), ("ip", "ip", "IP of the system attaching to"),
            ("host", "host", "Name of the host attaching to"), ("platform", "platform", "Platform type"), ("os-type", "os_type", "OS type"),
            ("mountpoint", "mountpoint", "Mountpoint volume will be attached at"),
        ];

        readonly List<(string Member, Option<string?> Option)> texts;
        readonly Option<bool> multipath = Opt.Flag("--multipath", "Use multipath");
        readonly Option<bool> noMultipath = Opt.Flag("--no-multipath", "Do not use multipath (default)");

        public ConnectorOptions(Command command)
        {
            texts = [.. Texts.Select(t => (t.Member, Opt.Text("--" + t.Option, t.Option.Replace("-", "", StringComparison.Ordinal), t.Help)))];
            foreach (var (_, option) in texts) command.Add(option);
            command.With(multipath, noMultipath);
            command.Exclusive(multipath, noMultipath);
        }

        public bool Given(System.CommandLine.Parsing.CommandResult result) => texts.Exists(t => result.Given(t.Option)) || result.Given(multipath);

        public JsonObject Of(ParseResult parse)
        {
            var connector = new JsonObject();
            foreach (var (member, option) in texts) connector[member] = parse.GetValue(option);
            connector["multipath"] = parse.GetValue(multipath);
            return connector;
        }
    }
}
