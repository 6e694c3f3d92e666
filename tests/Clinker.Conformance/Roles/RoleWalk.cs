using System.Text.RegularExpressions;
using Clinker.Conformance.BadInput;
using Clinker.Server.Api;

namespace Clinker.Conformance.Roles;

/// <summary>Asks routes, each about things that are there, as people of every kind.</summary>
sealed partial class RoleWalk(ThingsOfAProject things)
{
    /// <summary>Each may what those before may.</summary>
    public static readonly IReadOnlyList<string> Ladder = ["anyone", "reader", "member", "admin"];

    static readonly IReadOnlyDictionary<string, string> Least = Resource.Lines("Roles.tsv").ToDictionary(f => f[0], f => f[1]);

    /// <summary>Things that belong to a project: of another one's there is nothing to be seen.</summary>
    static readonly string[] Owned =
        ["volumes", "snapshots", "attachments", "volume-transfers", "os-volume-transfer", "groups", "group_snapshots", "consistencygroups", "cgsnapshots", "messages", "backups"];

    static readonly Dictionary<string, string[]> MadeOf = new()
    {
        ["snapshots"] = ["volumes"], ["backups"] = ["volumes"], ["groups"] = ["group_types"], ["group_snapshots"] = ["group_types", "groups"],
        ["cgsnapshots"] = ["consistencygroups"], ["attachments"] = ["volumes"], ["volume-transfers"] = ["volumes"], ["os-volume-transfer"] = ["volumes"],
    };

    public static bool IsOwned(Route route) => Owned.Contains(Segment(route));

    /// <summary>Who has a rung of the ladder and no other role.</summary>
    public static string RolesOf(string rung) => rung == "anyone" ? "nobody" : rung;

    /// <summary>The rungs for which a route is by default.</summary>
    public static IReadOnlyList<string> May(Route route)
    {
        // Ours are for admins, but for those of which it is said otherwise.
        var isOurs = route.Rule.Name?.StartsWith("clinker:", StringComparison.Ordinal) == true;
        var least = isOurs ? Least.GetValueOrDefault(Key(route), "admin") : Least[Key(route)];
        return [.. Ladder.SkipWhile(r => r != least)];
    }

    /// <summary>Makes anew what a route is about: one before it may have taken that away.</summary>
    public async Task Renew(Route route)
    {
        foreach (var made in (string[])[.. MadeOf.GetValueOrDefault(Segment(route)) ?? [], Segment(route)])
            if (Things.Segments.Contains(made)) await things.Renew(made);
    }

    /// <summary>Whether somebody was let in or kept out. What may not even be seen is not there; what may be seen may be forbidden.</summary>
    public static bool IsAsItMust(Route route, string role, bool may, Answer answer) => may
        ? answer.Status is not (401 or 403)
        : answer.Status == 403 || (answer.Status == 404 && role == "anyone" && IsOwned(route));

    public Task<Answer> Ask(Route route, string? token, string below = "/v3/admin/")
    {
        var body = RouteCases.TakesBody(route) || route.Key is not null
            ? BodySchema.All.TryGetValue(route.Name, out var schema) ? schema.Sample : route.Key is { } key ? $$"""{"{{key}}": {} }""" : null
            : null;
        return things.As(token).Send(route.Method, things.Path(route).Replace("/v3/admin/", below, StringComparison.Ordinal), WithIds(body), "3.71");
    }

    /// <summary>A sample about what there is.</summary>
    string? WithIds(string? body) => body is null ? null : Reference().Replace(body, m =>
        $"\"{m.Groups[1].Value}\": \"{things.Id(m.Groups[1].Value switch { "volume_id" or "volume_uuid" => "volumes", "group_id" => "groups", _ => "consistencygroups" })}\"");

    [GeneratedRegex("\"(volume_id|volume_uuid|group_id|consistencygroup_id)\": \"[0-9a-f-]{36}\"")]
    private static partial Regex Reference();

    /// <summary>Lines of the table that no route is meant by.</summary>
    public static IEnumerable<string> Unrouted() => Least.Keys.Except(RouteCases.All.Select(Key)).Order(StringComparer.Ordinal);

    static string Segment(Route route) => route.Path.Split('/')[1];

    static string Key(Route route) => $"{route.Method} {Variable().Replace(route.Path, "{}")}{(route.Key is { } key ? " " + key : "")}";

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Variable();
}
