namespace Clinker.Server.Api;

/// <summary>What is done for a call that reached its route: asked, checked, and answered (null for an empty body).</summary>
delegate Task<IAnswer?> Handler(Call call);

/// <summary>One line of the API.</summary>
/// <param name="Name">Noun first: <c>volume_create</c>. Metrics, logs and the command line take their names from it.</param>
/// <param name="Path">Below <c>/v3/{project}</c>, which is optional: <c>/volumes/{id}</c>.</param>
/// <param name="Key">Of an action: the one key of its body.</param>
/// <param name="Rule">The policy rule; none (the default) when everyone who is known may.</param>
/// <param name="Since">The minor version that brought it.</param>
/// <param name="Success">The status of an answer that is no refusal.</param>
/// <param name="Answer">What it answers with; null for an empty body.</param>
/// <param name="Body">What the body must be; looked at before the rule is asked, as upstream.</param>
/// <param name="Query">What it reads of the query.</param>
sealed record Route(
    string Name, string Method, string Path, string? Key, PolicyRule Rule, int Since, int Success, AnswerKind? Answer, Must? Body,
    Parameters? Query, Handler Run)
{
    /// <summary>The shape that it answers with, if that is one.</summary>
    public Type? Shape => Answer?.Shape;

    /// <summary>A line of <c>api/routes.txt</c>.</summary>
    public override string ToString() =>
        $"{Method,-6} {Path + (Key is null ? "" : $" {Key}"),-66} {Name,-34} 3.{Since,-3} {Success} {Rule.Name ?? "-"}";
}

/// <summary>What answers to a method on a path: routes by version, newest first, or actions by key.</summary>
sealed class Endpoint
{
    readonly List<Route> routes = [];
    readonly Dictionary<string, Route> actions = [];

    public void Add(Route route)
    {
        if (route.Key is { } key)
        {
            actions.Add(key, route);
            return;
        }
        routes.Add(route);
        routes.Sort((a, b) => b.Since.CompareTo(a.Since));
    }

    public bool HasActions => actions.Count > 0;

    /// <summary>One of its routes: all have its path and method.</summary>
    public Route Any => routes.Count > 0 ? routes[0] : actions.Values.First();

    /// <exception cref="Refusal">404: not yet in this version.</exception>
    public Route For(Microversion version)
    {
        foreach (var route in routes)
            if (route.Since <= version.Minor) return route;
        throw Refusal.TooOld();
    }

    /// <exception cref="Refusal">400: no such action; 404: not yet in this version.</exception>
    public Route For(Microversion version, string key)
    {
        if (!actions.TryGetValue(key, out var route))
            throw Refusal.BadRequest($"There is no such action: {key}. Verify the request body and Content-Type header and try again.");
        return route.Since <= version.Minor ? route : throw Refusal.TooOld();
    }
}
