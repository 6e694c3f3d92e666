using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>clinker share check</c>: whether the files in the pools are those of the volumes and snapshots that there are. For admins.</summary>
internal static class ShareCheck
{
    static readonly Column[] Columns =
        [new("Level", "level"), new("State", "state"), new("Flaw", "flaw"), new("File", "file"), new("Finding", "finding"), new("Fix", "fix")];

    static readonly Column[] More = [new("Resource Type", "resource_type"), new("Resource ID", "resource_uuid"), new("Can Repair", "can_repair")];

    public static Command Make(Session session)
    {
        var command = new Command("check", "Compare the files in a pool, or in all, with the volumes and snapshots that there are. Nothing is changed "
            + "without --repair, and with it only what is certain. Exit code 0: nothing is wrong; 1: something.");
        var pool = new Argument<string?>("pool") { Description = "The pool to look at: host@backend-name#pool (default: all)", Arity = ArgumentArity.ZeroOrOne };
        var repair = Opt.Flag("--repair", "Put right what is certain; no content of a volume or snapshot is touched");
        var plan = Opt.Flag("--plan", "Only tell what a repair would put right (the default)");
        var longer = Opt.Flag("--long", "List additional fields in output");
        command.With(pool, repair, plan, longer);
        var output = OutputOptions.ForList(command, session.Terminal);
        command.SetAction(async (parse, token) =>
        {
            var mends = parse.GetValue(repair);
            if (mends && parse.GetValue(plan)) throw new CliFault("--plan and --repair exclude each other.", CliFault.Usage);
            using var api = await session.Connect(parse, token);
            api.Patience = TimeSpan.FromMinutes(61); // as long as it is waited for there, and the answer
            var (found, isWhole) = (new List<JsonObject>(), true);
            foreach (var one in parse.GetValue(pool) is { } named ? [named] : await Pools(api, token))
                try { found.AddRange(await Check(api, one, mends, token)); }
                catch (Exception e) when (e is ApiFault or CliFault && parse.GetValue(pool) is null) // of the others it is told all the same
                {
                    await session.Terminal.Error.WriteLineAsync($"{one}: {e.Message}");
                    isWhole = false;
                }
            Column[] columns = [.. Columns, .. parse.GetValue(longer) ? More : []];
            if (output.IsAsked(parse) || found.Count > 0)
                output.Write(parse, new Listing([.. columns.Select(c => c.Header)], [.. found.Select(f => columns.Select(c => c.Of(f)).ToArray())]));
            if (!output.IsAsked(parse)) await session.Terminal.Out.WriteLineAsync(isWhole ? Sum(found) : $"{Sum(found)} Not every pool could be looked at.");
            return !isWhole || found.Any(IsWrong) ? CliFault.Failed : 0;
        });
        return new Command("share", "What lies on the shares (admin only)").With(command);
    }

    static async Task<IEnumerable<string>> Pools(BlockStorage api, CancellationToken token) =>
        ((await api.Get("scheduler-stats/get_pools", token))["pools"] as JsonArray ?? []).Select(p => (string)p!["name"]!);

    static async Task<IEnumerable<JsonObject>> Check(BlockStorage api, string pool, bool repair, CancellationToken token) =>
        ((await api.Post("shares/check", new JsonObject { ["check"] = new JsonObject { ["pool"] = pool, ["repair"] = repair } }, token))?["findings"]
            as JsonArray ?? []).OfType<JsonObject>();

    static bool IsWrong(JsonObject finding) => (string?)finding["level"] != "note" && (string?)finding["state"] == "found";

    static string Sum(List<JsonObject> found)
    {
        var repaired = found.Count(f => (string?)f["state"] == "repaired");
        var busy = found.Count(f => (string?)f["state"] == "busy");
        var repairable = found.Count(f => (string?)f["state"] == "found" && (bool?)f["can_repair"] == true);
        return (found.Any(IsWrong) ? $"{found.Count(IsWrong)} finding(s)." : "Nothing is wrong.")
            + (repaired > 0 ? $" {repaired} repaired." : "") + (repairable > 0 ? $" --repair puts {repairable} right." : "")
            + (busy > 0 ? $" {busy} in doubt, since somebody is at work there: look again." : "");
    }
}
