using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>operation list</c>, <c>show</c>, <c>resume</c> and <c>cancel</c>: what goes on inside, and what waits for a person. For admins.</summary>
internal static class Operations
{
    const string Stuck = "stuck";

    public static Command Make(Session session) =>
        new Command("operation", "Operations: what is under way, what is stuck (admin only)").With(List(session), Show(session), Resume(session), Cancel(session));

    static Command List(Session session) => session.Command("list", "List operations, newest first", command =>
    {
        var status = Opt.Text("--status", "status", "Filter results by status");
        status.AcceptOnlyFromAmong("queued", "running", "unwinding", Stuck, "done", "failed");
        var stuck = Opt.Flag("--stuck", "List only what waits for a person, or for its backend");
        var type = Opt.Text("--resource-type", "type", "Filter results by the kind of what it is about, for example volume");
        var resource = Opt.Text("--resource", "id", "Filter results by the ID of what it is about");
        var project = Opt.Text("--project", "project", "Filter results by project (ID)");
        var longer = Opt.Flag("--long", "List additional fields in output");
        var marker = Opt.Text("--marker", "operation", "The last operation ID of the previous page");
        var limit = Opt.Number("--limit", "num-operations", "Maximum number of operations to display", least: 0);
        command.With(status, stuck, type, resource, project, longer, marker, limit);
        command.Exclusive(status, stuck);
        var output = OutputOptions.ForList(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var operations = parse.GetValue(limit) == 0 ? [] : await api.List("operations",
            [
                ("status", parse.GetValue(stuck) ? Stuck : parse.GetValue(status)), ("resource_type", parse.GetValue(type)),
                ("resource_uuid", parse.GetValue(resource)), ("project_id", parse.GetValue(project)), ("marker", parse.GetValue(marker)),
            ], "operations", token, parse.GetValue(limit));
            string[] columns = ["ID", "Kind", "Status", "Progress", "Resource Type", "Resource ID", "Updated At", "Fault", "Queue", "Attempts",
                "Next Try At", "Project", "Request ID"];
            string[] members = ["id", "kind", "status", "progress", "resource_type", "resource_uuid", "updated_at", "fault", "queue", "attempts",
                "next_try_at", "project_id", "request_id"];
            // Why it is stuck is what is asked for then.
            var kept = parse.GetValue(longer) ? 13 : parse.GetValue(stuck) ? 8 : 7;
            output.Write(parse, new Listing(columns[..kept],
                [.. operations.Select(o => members[..kept].Select(m => m == "progress" ? Progress(o) : new Cell(o[m])).ToArray())]));
        };
    });

    /// <summary>In percent; nothing where no data is moved.</summary>
    static Cell Progress(JsonObject operation)
    {
        var percent = Waiting.Percent((long?)operation["bytes_done"], (long?)operation["bytes_total"]);
        return new(JsonValue.Create(percent), percent is null ? "" : $"{percent} %");
    }

    static Command Show(Session session) => session.Command("show", "Display an operation with its journal", command =>
    {
        var id = Opt.One("operation", "Operation to display (ID)");
        command.Add(id);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var operation = (JsonObject)(await api.Get(PathOf(parse.GetRequiredValue(id)), token))["operation"]!;
            output.Write(parse, Detail.Of(operation, ("journal", Journal(operation["journal"]))));
        };
    });

    /// <summary>For people a line for each entry: when, how long after the one before, what.</summary>
    static Cell Journal(JsonNode? journal) => new(journal, string.Join('\n', (journal as JsonArray ?? []).OfType<JsonObject>().Select(e =>
        string.Create(CultureInfo.InvariantCulture, $"{(string?)e["at"]} +{(double?)e["seconds"]:0.000} s {What(e)}"))));

    static string What(JsonObject entry) =>
        entry["fault"] is { } fault ? $"fault: {(string?)fault}" : $"{(string?)entry["step"]} {(string?)entry["event"]}".TrimStart();

    static Command Resume(Session session) => session.Command("resume", "Let stuck operation(s) go on", command =>
    {
        var ids = Opt.Several("operation", "Operation(s) to resume (ID)");
        command.Add(ids);
        var waiting = new Waiting(command, session.Terminal);
        return (parse, api, token) => session.Each(parse.GetRequiredValue(ids), "resume", "operation", async id =>
        {
            var path = PathOf(id);
            await api.Act(path, "os-resume", null, token);
            if (!waiting.Asked(parse)) return;
            // What it had begun to undo ends as failed: it is over all the same.
            var end = await waiting.Until(parse, $"operation {id}",
                async () => (JsonObject?)(await api.Try(path, token))?["operation"], s => s is "done" or "failed" or Stuck, token);
            if ((string?)end?["status"] == Stuck) throw new CliFault($"operation {id} is stuck again: {(string?)end["fault"]}");
        });
    });

    static Command Cancel(Session session) => session.Command("cancel", "Stop operation(s) and take back what they have done", command =>
    {
        var ids = Opt.Several("operation", "Operation(s) to cancel (ID)");
        command.Add(ids);
        var waiting = new Waiting(command, session.Terminal);
        return (parse, api, token) => session.Each(parse.GetRequiredValue(ids), "cancel", "operation", async id =>
        {
            var path = PathOf(id);
            await api.Act(path, "os-cancel", null, token);
            if (!waiting.Asked(parse)) return;
            var end = await waiting.Until(parse, $"operation {id}",
                async () => (JsonObject?)(await api.Try(path, token))?["operation"], s => s is "done" or "failed" or Stuck, token);
            if ((string?)end?["status"] == Stuck) throw new CliFault($"operation {id} is stuck: {(string?)end["fault"]}");
        });
    });

    static string PathOf(string id) => "operations/" + Uri.EscapeDataString(id);
}
