namespace Clinker.Server.Api;

/// <summary>What a path led to.</summary>
/// <param name="Project">The project that the path names, if it does.</param>
readonly record struct Match(Endpoint Endpoint, string? Project, string Arg0, string Arg1);

/// <summary>
/// Finds the endpoint of a path below <c>/v3</c>, with or without the project's segment and a <c>.json</c> at the end. A literal
/// segment goes before a variable, unless nothing answers there. A slash at the end leads nowhere, as in Cinder: whoever forgot
/// the id of what he asks for is not given the list.
/// </summary>
sealed class Matcher
{
    /// <summary>The longest project id in a path.</summary>
    const int MaxProject = 255;

    readonly Node root = new();

    public void Add(Route route)
    {
        var node = root;
        foreach (var segment in route.Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            node = segment[0] == '{' ? node.Variable ??= new Node() : node.Literal(segment);
        if (route.Key is not null) node = node.Literal("action");
        node.For(route.Method).Add(route);
    }

    /// <param name="path">What follows <c>/v3</c>, decoded but for %2F.</param>
    public Match? Find(string method, ReadOnlySpan<char> path)
    {
        if (path.EndsWith('/')) return null;
        if (path.EndsWith(".json", StringComparison.Ordinal)) path = path[..^5];
        if (path.IsEmpty || path[0] != '/') return null;
        path = path[1..];
        var first = Segment(path, out var rest);
        if (root.Has(first)) return Walk(root, method, path, default) is { } found ? found : null;
        if (rest.IsEmpty || !IsProject(first)) return null;
        return Walk(root, method, rest, default) is { } below ? below with { Project = first.ToString() } : null;
    }

    /// <summary>Whether a segment of a request's target, as it was sent, is <c>.</c> or <c>..</c>, be it encoded or not.</summary>
    public static bool HasDots(ReadOnlySpan<char> target)
    {
        if (target.IndexOf("/.") < 0 && !target.Contains("/%2e", StringComparison.OrdinalIgnoreCase)) return false;
        var query = target.IndexOf('?');
        foreach (var segment in (query < 0 ? target : target[..query]).Split('/'))
            if (target[segment].ToString().Replace("%2e", ".", StringComparison.OrdinalIgnoreCase) is "." or "..") return true;
        return false;
    }

    static Match? Walk(Node node, string method, ReadOnlySpan<char> path, Match so)
    {
        if (path.IsEmpty) return node.Find(method) is { } endpoint ? so with { Endpoint = endpoint } : null;
        var segment = Segment(path, out var rest);
        if (node.Find(segment) is { } literal && Walk(literal, method, rest, so) is { } exact) return exact;
        if (node.Variable is not { } variable || segment.IsEmpty) return null;
        if (rest.IsEmpty && variable.Find(method) is null) return null;
        var text = Decode(segment);
        return Walk(variable, method, rest, so.Arg0 is null ? so with { Arg0 = text } : so with { Arg1 = text });
    }

    /// <summary>Cuts the first segment off; the rest has no slash in front.</summary>
    static ReadOnlySpan<char> Segment(ReadOnlySpan<char> path, out ReadOnlySpan<char> rest)
    {
        var slash = path.IndexOf('/');
        rest = slash < 0 ? default : path[(slash + 1)..];
        return slash < 0 ? path : path[..slash];
    }

    /// <summary>A slash inside a segment reaches us still encoded.</summary>
    static string Decode(ReadOnlySpan<char> segment)
    {
        var text = segment.ToString();
        return text.Contains('%', StringComparison.Ordinal) ? text.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase) : text;
    }

    /// <summary>Whether a path can name a project so.</summary>
    public static bool IsProject(ReadOnlySpan<char> segment)
    {
        if (segment.Length is 0 or > MaxProject) return false;
        foreach (var c in segment)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or '@')) return false;
        return true;
    }

    sealed class Node
    {
        readonly Dictionary<string, Node> literals = [];
        readonly Dictionary<string, Node>.AlternateLookup<ReadOnlySpan<char>> byText;
        readonly List<(string Method, Endpoint Endpoint)> methods = [];

        public Node() => byText = literals.GetAlternateLookup<ReadOnlySpan<char>>();

        public Node? Variable { get; set; }

        public bool Has(ReadOnlySpan<char> segment) => byText.ContainsKey(segment);

        public Node? Find(ReadOnlySpan<char> segment) => byText.TryGetValue(segment, out var node) ? node : null;

        public Node Literal(string segment)
        {
            if (!literals.TryGetValue(segment, out var node)) literals[segment] = node = new Node();
            return node;
        }

        public Endpoint? Find(string method)
        {
            foreach (var (name, endpoint) in methods)
                if (name == method) return endpoint;
            return null;
        }

        public Endpoint For(string method)
        {
            if (Find(method) is { } there) return there;
            var endpoint = new Endpoint();
            methods.Add((method, endpoint));
            return endpoint;
        }
    }
}
