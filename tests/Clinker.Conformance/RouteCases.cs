using Clinker.Server.Api;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Conformance;

/// <summary>The routes as test cases: taken from the table that the daemon is made of, so that a new one is tested as it comes.</summary>
static class RouteCases
{
    public static readonly IReadOnlyList<Route> All = AllRoutes.Table().Routes;

    public static TheoryData<string> Names(Func<Route, bool> which) => [.. All.Where(which).Select(Name)];

    public static Route Of(string name) => All.Single(r => Name(r) == name);

    public static bool TakesBody(Route route) => route.Method is "POST" or "PUT";

    /// <summary>Its name; with the minor behind it where a later minor has changed it.</summary>
    static string Name(Route route) => All.Count(r => r.Name == route.Name) == 1 ? route.Name : $"{route.Name}@{route.Since}";
}
