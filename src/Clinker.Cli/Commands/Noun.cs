using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary>A kind of thing of the API, as data: its list, its details and its end are the same for all.</summary>
/// <param name="Kind">As people call it: <c>volume transfer request</c>.</param>
/// <param name="Path">Its collection: <c>volume-transfers</c>.</param>
/// <param name="One">The member around one of them.</param>
/// <param name="Many">The member around a list of them.</param>
internal sealed record Noun(string Kind, string Path, string One, string Many)
{
    /// <summary>The argument's name in the help.</summary>
    public string Argument { get; init; } = One;

    /// <summary>It has no name, or names are not looked for.</summary>
    public bool ById { get; init; }

    /// <summary>What is listed, when it is not the collection itself: <c>snapshots/detail</c>.</summary>
    public string? ListPath { get; init; }

    public IReadOnlyList<Column> Columns { get; init; } = [];

    /// <summary>Instead, with <c>--long</c>; null when there is no such option.</summary>
    public IReadOnlyList<Column>? Long { get; init; }

    public IReadOnlyList<Filter> Filters { get; init; } = [];

    /// <summary>Whether <c>--marker</c> and <c>--limit</c> are options of the list.</summary>
    public bool Paged { get; init; }

    /// <summary>What rows need beside what the list tells; whether for <c>--long</c>.</summary>
    public Func<BlockStorage, IReadOnlyList<JsonObject>, bool, CancellationToken, Task>? Enrich { get; init; }

    /// <summary>One in full.</summary>
    public Func<JsonObject, Detail> Shown { get; init; } = thing => Detail.Of(thing);

    public Command List(Session session, string help) => session.Command("list", help, command =>
    {
        var filters = Filters.Select(f => (f.Query, Flag: f.Value is null ? Opt.Flag(f.Option, f.Help) : null,
            Text: f.Value is null ? null : f.Of())).ToList();
        foreach (var (_, flag, text) in filters) command.Add((Option?)flag ?? text!);
        var longer = Opt.Flag("--long", "List additional fields in output");
        if (Long is not null) command.Add(longer);
        var marker = Opt.Text("--marker", Argument, $"The last {Kind} ID of the previous page");
        var limit = Opt.Number("--limit", "number", $"Maximum number of {Kind}s to display", least: 0);
        if (Paged) command.With(marker, limit);
        var output = OutputOptions.ForList(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var query = filters.Select(f => (f.Query, f.Flag is { } flag ? parse.GetValue(flag) ? "True" : null : parse.GetValue(f.Text!))).ToList();
            if (query.Any(q => q is { Query: "project_id", Item2: not null })) query.Add(("all_tenants", "True"));
            if (query.FindIndex(q => q is { Query: "volume_id", Item2: not null }) is >= 0 and var i && !ById)
                query[i] = ("volume_id", (string?)(await Names.Volume(api, query[i].Item2!, token))["id"]);
            if (Paged) query.Add(("marker", parse.GetValue(marker)));
            int? most = Paged ? parse.GetValue(limit) : null;
            var things = most == 0 ? [] : await api.List(ListPath ?? Path, query, Many, token, most);
            var full = Long is not null && parse.GetValue(longer);
            if (Enrich is not null) await Enrich(api, things, full, token);
            var columns = full ? Long! : Columns;
            output.Write(parse, new Listing([.. columns.Select(c => c.Header)], [.. things.Select(t => columns.Select(c => c.Of(t)).ToArray())]));
        };
    });

    public Command Show(Session session, string help) => session.Command("show", help, command =>
    {
        var which = Opt.One(Argument, $"{Upper(Kind)} to display ({Known})");
        command.Add(which);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var thing = await Find(api, parse.GetRequiredValue(which), token);
            if (Enrich is not null) await Enrich(api, [thing], true, token);
            output.Write(parse, Shown(thing));
        };
    });

    /// <param name="force">Gives what is sent instead with <c>--force</c>; null when there is no such option.</param>
    /// <param name="remote">The same with <c>--remote</c>.</param>
    public Command Delete(Session session, string help, Func<BlockStorage, string, CancellationToken, Task>? force = null,
        Func<BlockStorage, string, CancellationToken, Task>? remote = null) =>
        session.Command("delete", help, command =>
        {
            var which = Opt.Several(Argument, $"{Upper(Kind)}(s) to delete ({Known})");
            var forced = Opt.Flag("--force", $"Attempt forced removal of {Kind}(s), whatever is the case");
            var unmanaged = Opt.Flag("--remote", $"Unmanage the {Kind}(s): forget them and leave what is in storage (admin only)");
            command.Add(which);
            if (force is not null) command.Add(forced);
            if (remote is not null) command.Add(unmanaged);
            command.Exclusive(forced, unmanaged);
            return (parse, api, token) => session.Each(parse.GetRequiredValue(which), "delete", Kind, async name =>
            {
                var path = await PathOf(api, name, token);
                if (force is not null && parse.GetValue(forced)) await force(api, path, token);
                else if (remote is not null && parse.GetValue(unmanaged)) await remote(api, path, token);
                else await api.Delete(path, token);
            });
        });

    /// <summary>A command about one of them that shows nothing.</summary>
    public Command Act(Session session, string verb, string help,
        Func<Command, Func<ParseResult, BlockStorage, string, CancellationToken, Task>> make) => session.Command(verb, help, command =>
        {
            var which = Opt.One(Argument, $"{Upper(Kind)} to modify ({Known})");
            command.Add(which);
            var act = make(command);
            return async (parse, api, token) => await act(parse, api, await PathOf(api, parse.GetRequiredValue(which), token), token);
        });

    /// <summary>Where the one of that id, or the only one of that name, is.</summary>
    /// <exception cref="CliFault">There is none, or there are several.</exception>
    public async Task<string> PathOf(BlockStorage api, string nameOrId, CancellationToken token) =>
        $"{Path}/{Uri.EscapeDataString(ById ? nameOrId : (string?)(await Find(api, nameOrId, token))["id"] ?? nameOrId)}";

    /// <inheritdoc cref="PathOf"/>
    public async Task<JsonObject> Find(BlockStorage api, string nameOrId, CancellationToken token)
    {
        if (ById) return Inner(await api.Get($"{Path}/{Uri.EscapeDataString(nameOrId)}", token));
        if (Guid.TryParse(nameOrId, out _) && await api.Try($"{Path}/{nameOrId}", token) is { } found) return Inner(found);
        var all = await api.List(ListPath ?? Path, [("name", Filters.Any(f => f.Query == "name") ? nameOrId : null)], Many, token);
        return Names.Only(all.Where(t => (string?)t["name"] == nameOrId), Kind, nameOrId);
    }

    /// <summary>What an answer has under its one key.</summary>
    public JsonObject Inner(JsonNode? answer) => answer?[One] as JsonObject ?? answer as JsonObject ?? [];

    string Known => ById ? "ID only" : "name or ID";

    static string Upper(string kind) => char.ToUpperInvariant(kind[0]) + kind[1..];
}

/// <summary>A column of a list.</summary>
internal sealed record Column(string Header, Func<JsonObject, Cell> Of)
{
    public Column(string header, string member) : this(header, thing => new Cell(thing[member]))
    {
    }
}

/// <summary>An option that narrows a list.</summary>
/// <param name="Value">What stands for its value; null for one without.</param>
/// <param name="Query">The API's name of it.</param>
/// <param name="Choices">All there are; null for any.</param>
internal sealed record Filter(string Option, string? Value, string Query, string Help, params string[] Choices)
{
    public static readonly Filter AllProjects = new("--all-projects", null, "all_tenants", "Include all projects (admin only)");
    public static readonly Filter Project = new("--project", "project", "project_id", "Filter results by project (ID) (admin only)");

    public Option<string?> Of()
    {
        var option = Opt.Text(Option, Value!, Help);
        if (Choices.Length > 0) option.AcceptOnlyFromAmong(Choices);
        return option;
    }
}
