using System.Globalization;
using Clinker.Server.Api;

namespace Clinker.Conformance.Samples;

/// <summary>A line of <c>Exchanges.tsv</c>: a request and its answer, of which at least one is a sample.</summary>
/// <param name="Path">With things in braces, and perhaps a query.</param>
/// <param name="Set">What has to be there, and what the request says otherwise.</param>
sealed record Exchange(string Method, string Path, string? Key, string? Request, string? Answer, IReadOnlyList<string> Set)
{
    public static readonly string Folder = System.IO.Path.Combine(Clinkerd.Root, "api", "samples");

    public static readonly IReadOnlyList<Exchange> All = [.. Resource.Lines("Exchanges.tsv").Select(Of)];

    /// <summary>The documents of versions, which no microversion and no project is asked for.</summary>
    public bool OfVersions => Path is "/" or "/v3/";

    /// <summary>The route; null while there is none.</summary>
    public Route? Route { get; } = RouteOf(Method, Path, Key, MinorOf(Request, Answer));

    /// <summary>At which it is said: the newer sample's.</summary>
    public int Minor => MinorOf(Request, Answer);

    /// <summary>Whether it is said to this route, at whichever minor.</summary>
    public bool IsOf(Route route) => Route is { } r && r.Method == route.Method && r.Path == route.Path && r.Key == route.Key;

    /// <summary>What differences are told of.</summary>
    public string Sample => (Answer ?? Request)!;

    public override string ToString() => $"{Method} {Path}{(Key is null ? "" : " " + Key)}: {Request}{(Request is null || Answer is null ? "" : " → ")}{Answer}";

    /// <summary>A request without samples, of the newest microversion.</summary>
    public static Exchange Plain(string route) => Of([route, "-", "-"]);

    static Exchange Of(string[] cells)
    {
        var route = cells[0].Split(' ');
        return new(route[0], route[1], route.ElementAtOrDefault(2), Sampled(cells[1]), Sampled(cells[2]),
            cells.Length > 3 ? cells[3].Split(' ') : []);

        static string? Sampled(string cell) => cell == "-" ? null : cell;
    }

    /// <summary>A sample's folder is its microversion.</summary>
    static int MinorOf(string? request, string? answer) => request is null && answer is null
        ? Microversion.Newest
        : Math.Max(MinorOf(request), MinorOf(answer));

    static int MinorOf(string? sample) =>
        sample is null ? 0 : int.Parse(sample.AsSpan(2, sample.IndexOf('/', StringComparison.Ordinal) - 2), CultureInfo.InvariantCulture);

    /// <summary>As the daemon finds it: words before variables.</summary>
    static Route? RouteOf(string method, string path, string? key, int minor) => RouteCases.All
        .Where(r => r.Method == method && r.Key == key && r.Since <= minor && Fits(r.Path.Split('/'), path.Split('?')[0].Split('/')))
        .OrderBy(r => r.Path.Count(c => c == '{')).ThenByDescending(r => r.Since).FirstOrDefault();

    static bool Fits(string[] route, string[] path) =>
        route.Length == path.Length && route.Zip(path).All(p => p.First.StartsWith('{') || p.First == p.Second);
}
