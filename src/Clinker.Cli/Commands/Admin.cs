using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary>Hosts, capabilities, messages, filters, log levels: what is looked at and switched beside volumes.</summary>
internal static class Admin
{
    static readonly Noun Messages = new("message", "messages", "message", "messages")
    {
        Argument = "message-id",
        ById = true,
        Paged = true,
        Columns =
        [
            new("ID", "id"), new("Event ID", "event_id"), new("Resource Type", "resource_type"), new("Resource UUID", "resource_uuid"),
            new("Message Level", "message_level"), new("User Message", "user_message"), new("Request ID", "request_id"),
            new("Created At", "created_at"), new("Guaranteed Until", "guaranteed_until"),
        ],
        Filters = [Filter.Project],
        Shown = m => Detail.Of(m, ("links", new Cell(m["links"]))),
    };

    static readonly Noun Filters = new("resource filter", "resource_filters", "resource_filter", "resource_filters")
    {
        Columns = [new("Resource", "resource"), new("Filters", "filters")],
    };

    public static Command Message(Session session) => new Command("message", "Why volumes failed").With(
        Messages.List(session, "List volume failure messages"), Messages.Show(session, "Show a volume failure message"),
        Messages.Delete(session, "Delete a volume failure message"));

    public static Command Host(Session session) => new Command("host", "Hosts of volumes").With(
        session.Command("set", "Set volume host properties", command =>
        {
            var host = Opt.One("host-name", "Name of volume host");
            var disable = Opt.Flag("--disable", "Freeze and disable the specified volume host");
            var enable = Opt.Flag("--enable", "Thaw and enable the specified volume host");
            command.With(host, disable, enable);
            command.Exclusive(disable, enable);
            return async (parse, api, token) =>
            {
                var body = new JsonObject { ["host"] = parse.GetValue(host) };
                if (parse.GetValue(enable)) await api.Put("os-services/thaw", body, token);
                else if (parse.GetValue(disable)) await api.Put("os-services/freeze", body, token);
            };
        }),
        session.Command("failover", "Failover volume host to different backend", command =>
        {
            var host = Opt.One("host-name", "Name of volume host");
            var backend = Opt.Text("--volume-backend", "backend-id", "The backend to which the host is to fail over (required)");
            backend.Required = true;
            command.With(host, backend);
            return (parse, api, token) => api.Put("os-services/failover_host",
                new JsonObject { ["host"] = parse.GetValue(host), ["backend_id"] = parse.GetValue(backend) }, token);
        }));

    public static Command Capability(Session session) => new Command("capability", "Capabilities").With(
        session.Command("show", "Show what volume types may ask of a backend", command =>
        {
            var host = Opt.One("host", "List capabilities of specified host (host@backend-name)");
            command.Add(host);
            var output = OutputOptions.ForList(command, session.Terminal);
            return async (parse, api, token) =>
            {
                var said = await api.Get($"capabilities/{Uri.EscapeDataString(parse.GetRequiredValue(host))}", token);
                output.Write(parse, new Listing(["Title", "Key", "Type", "Description"], [.. (said["properties"] as JsonObject ?? [])
                    .Select(p => new Cell[] { new(p.Value?["title"]), p.Key, new(p.Value?["type"]), new(p.Value?["description"]) })]));
            };
        }));

    public static Command BlockStorage(Session session) => new Command("block", "Block storage").With(
        new Command("storage", "Block storage").With(
            new Command("resource", "What lists may be filtered by").With(
                new Command("filter", "What lists may be filtered by").With(
                    Filters.List(session, "List block storage resource filters"), FilterShow(session))),
            new Command("volume", "Volumes in storage").With(Manageable.List(session, "volume")),
            new Command("snapshot", "Snapshots in storage").With(Manageable.List(session, "snapshot")),
            new Command("log", "Logs").With(new Command("level", "Log levels").With(LogLevels(session), SetLogLevel(session)))));

    static Command FilterShow(Session session) => session.Command("show", "Show filters for a block storage resource type", command =>
    {
        var resource = Opt.One("resource", "Resource to show filters for (name)");
        command.Add(resource);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var name = parse.GetRequiredValue(resource);
            var found = await api.List(Filters.Path, [("resource", name)], Filters.Many, token);
            output.Write(parse, Detail.Of(found.FirstOrDefault() ?? throw new CliFault($"No resource filter with a name of '{name}' exists.")));
        };
    });

    static Command LogLevels(Session session) => session.Command("list", "List log levels of block storage services", command =>
    {
        var of = new ServiceOptions(command);
        var output = OutputOptions.ForList(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var services = (await api.Put("os-services/get-log", of.Body(parse), token))?["log_levels"] as JsonArray ?? [];
            output.Write(parse, new Listing(["Binary", "Host", "Prefix", "Level"], [.. services.OfType<JsonObject>().SelectMany(s =>
                (s["levels"] as JsonObject ?? []).Select(l => new Cell[] { new(s["binary"]), new(s["host"]), l.Key, new(l.Value) }))]));
        };
    });

    static Command SetLogLevel(Session session) => session.Command("set", "Set log level of block storage services", command =>
    {
        var level = Opt.One("log-level", "Desired log level: INFO, WARNING, ERROR or DEBUG");
        command.Add(level);
        var of = new ServiceOptions(command);
        return (parse, api, token) =>
        {
            var body = of.Body(parse);
            body["level"] = parse.GetValue(level);
            return api.Put("os-services/set-log", body, token);
        };
    });

    /// <summary>Whose log levels are meant.</summary>
    sealed class ServiceOptions
    {
        readonly Option<string?> host = Opt.Text("--host", "host", "Only of this host, or of this backend of a host");
        readonly Option<string?> service = Opt.Text("--service", "service", "Only of these services: cinder-api, cinder-volume, cinder-scheduler");
        readonly Option<string?> prefix = Opt.Text("--log-prefix", "log-prefix", "Only of loggers whose names begin so");

        public ServiceOptions(Command command) => command.With(host, service, prefix);

        public JsonObject Body(ParseResult parse) => new()
        {
            ["binary"] = parse.GetValue(service) ?? "", ["server"] = parse.GetValue(host), ["prefix"] = parse.GetValue(prefix),
        };
    }
}
