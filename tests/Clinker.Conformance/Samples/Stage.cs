using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Samples;

/// <summary>A project of its own on the daemon, with the things that a request is about.</summary>
sealed partial class Stage(Clinkerd daemon) : IAsyncDisposable
{
    /// <summary>Statuses in which nobody is at work, although they are called as if somebody were.</summary>
    static readonly HashSet<string> AtRest = ["attaching", "detaching"];

    static int count;

    readonly Dictionary<string, string> made = new() { ["project"] = Project(Interlocked.Increment(ref count)) };

    public string Root => $"/v3/{made["project"]}";

    /// <summary>Sends an exchange's request at a minor of the API.</summary>
    public async Task<Answer> Send(Exchange exchange, int minor)
    {
        foreach (var thing in exchange.Set.Where(s => s[0] != '-' && !s.Contains('=', StringComparison.Ordinal))) await Filled(thing);
        if (exchange.OfVersions) return await daemon.Wire.Get(exchange.Path);
        var path = await Filled(exchange.Path) + (exchange.Key is null ? "" : "/action");
        return await Send(exchange.Method, path, await Body(exchange, minor), minor);
    }

    /// <summary>Makes one more of something; its id.</summary>
    /// <param name="n">Which it is.</param>
    public async Task<string> Make(string name, int n = 0)
    {
        string? id = null;
        foreach (var cells in Resource.Lines("Made.tsv").Where(c => c[0] == name))
        {
            var (method, target) = cells[1].Split(' ') is [var m, var t] ? (m, t) : throw new FormatException(cells[1]);
            var path = await Filled(target, n);
            var answer = await Send(method, path, cells[2] == "-" ? null : await Filled(cells[2], n), Microversion.Newest);
            Assert.True(answer.Status is 200 or 202, $"{name}: {cells[1]} {answer}");
            if (id is null)
            {
                var members = (cells.ElementAtOrDefault(3) ?? "id").Split(',');
                id = made[name] = answer.Text.Length == 0 ? "" : (string)Item(answer.Json)[members[0]]!;
                foreach (var member in members[1..]) made[$"{name}-{member}"] = (string)Item(answer.Json)[member]!;
            }
            if (method != "GET" && !cells[2].Contains("os-reset_status", StringComparison.Ordinal)) await Settled(path.EndsWith("/action", StringComparison.Ordinal) ? path[..^7] : $"{path}/{id}");
        }
        return id ?? throw new InvalidOperationException($"Made.tsv does not say how {name} is made.");
    }

    /// <summary>What an answer is about: behind the one key, and the first of a list.</summary>
    public static JsonNode Item(JsonNode answer)
    {
        var inner = Inner(answer);
        return inner is JsonArray several ? several[0]! : inner;
    }

    /// <summary>What an answer is about: behind the one key, if there is one.</summary>
    public static JsonNode Inner(JsonNode answer)
    {
        var members = answer.AsObject().Where(m => m.Key is not ("count" or "links") && !m.Key.EndsWith("_links", StringComparison.Ordinal)).ToList();
        return members is [{ Value: JsonObject or JsonArray }] ? members[0].Value! : answer;
    }

    public Task<Answer> Send(string method, string path, string? body, int minor) =>
        daemon.Wire.Send(method, Root + path, body, $"3.{minor}");

    async Task<string?> Body(Exchange exchange, int minor)
    {
        if (exchange.Request is null) return null;
        var body = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Exchange.Folder, exchange.Request)))!;
        foreach (var change in exchange.Set.Where(s => s.Contains('=', StringComparison.Ordinal)))
        {
            var (path, value) = change.Split('=', 2) is [var p, var v] ? (p.Split('.'), await Filled(v)) : throw new FormatException(change);
            var at = body;
            foreach (var step in path[..^1]) at = at is JsonArray list ? list[int.Parse(step, CultureInfo.InvariantCulture)]! : at[step]!;
            JsonNode? node = value == "null" ? null : long.TryParse(value, out var number) ? number : value;
            if (at is JsonArray items) items[int.Parse(path[^1], CultureInfo.InvariantCulture)] = node;
            else at[path[^1]] = node;
        }
        foreach (var (path, since) in exchange.Set.Where(s => s[0] == '-').Select(s => s[1..].Split('@') is [var p, var m]
            ? (p.Split('.'), int.Parse(m, CultureInfo.InvariantCulture)) : throw new FormatException(s)))
            if (minor < since) path[..^1].Aggregate(body, (at, step) => at[step]!).AsObject().Remove(path[^1]);
        return body.ToJsonString();
    }

    /// <summary>A text in which ids stand for the names of things.</summary>
    async Task<string> Filled(string text, int n = 0)
    {
        foreach (var name in Thing().Matches(text).Select(m => m.Groups[1].Value).Distinct())
        {
            var value = name == "unique" ? $"{made["project"]}-{Interlocked.Increment(ref count)}"
                : name == "n" ? n.ToString(CultureInfo.InvariantCulture)
                : name.StartsWith("n%", StringComparison.Ordinal) ? (n % int.Parse(name.AsSpan(2), CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture)
                : name.StartsWith("new-", StringComparison.Ordinal) ? await Make(name[4..])
                : made.GetValueOrDefault(name) ?? await Make(name);
            text = text.Replace($"{{{name}}}", value, StringComparison.Ordinal);
        }
        return text;
    }

    async Task Settled(string path)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(3))
        {
            var answer = await Send("GET", path, null, Microversion.Newest);
            if (answer.Status != 200 || Item(answer.Json)["status"] is not { } status) return;
            if (IsAtRest((string)status!)) return;
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"{path} is still {status}:\n{daemon.Log}");
        }
    }

    /// <summary>Not while something is being done; <c>error_deleting</c> and its like are how that has ended.</summary>
    static bool IsAtRest(string status) => !status.EndsWith("ing", StringComparison.Ordinal)
        || status.StartsWith("error", StringComparison.Ordinal) || AtRest.Contains(status);

    /// <summary>Gives the room back: what comes later is to find a place too.</summary>
    public async ValueTask DisposeAsync()
    {
        if (made.TryGetValue("backend", out var backend)) await Send("PUT", "/os-services/thaw", $$"""{"host": "{{backend}}"}""", Microversion.Newest);
        await Ungroup();
        var volumes = (await Send("GET", "/volumes", null, 0)).Json["volumes"]!.AsArray().Select(v => (string)v!["id"]!).ToList();
        foreach (var id in volumes) await Send("DELETE", $"/volumes/{id}?cascade=true&force=true", null, Microversion.Newest);
        foreach (var id in volumes) await Settled($"/volumes/{id}");
    }

    /// <summary>Volumes of groups go only with these.</summary>
    async Task Ungroup()
    {
        foreach (var kind in (string[])["group_snapshots", "cgsnapshots", "groups", "consistencygroups"])
        {
            var ids = (await Send("GET", $"/{kind}", null, Microversion.Newest)).Json[kind]!.AsArray().Select(g => (string)g!["id"]!).ToList();
            foreach (var id in ids) await Settled($"/{kind}/{id}");
            foreach (var id in ids)
                await (kind switch
                {
                    "groups" => Send("POST", $"/groups/{id}/action", """{"delete": {"delete-volumes": true}}""", Microversion.Newest),
                    "consistencygroups" => Send("POST", $"/{kind}/{id}/delete", """{"consistencygroup": {"force": true}}""", Microversion.Newest),
                    _ => Send("DELETE", $"/{kind}/{id}", null, Microversion.Newest),
                });
            foreach (var id in ids) await Settled($"/{kind}/{id}");
        }
    }

    static string Project(int number) => $"{number:x32}";

    [GeneratedRegex(@"\{([a-z][a-z_%0-9-]*)\}")]
    private static partial Regex Thing();
}
