using System.Globalization;

namespace Clinker.Server.Policies;

/// <summary>
/// Reads the policy language of OpenStack (oslo_policy/policy.py and _parser.py say what it is): checks of the form
/// <c>kind:match</c>, <c>@</c> and <c>!</c>, joined by <c>not</c>, <c>and</c> and <c>or</c>, which bind in this order, and
/// parentheses. What is not understood is an error, where oslo.policy takes it for "nobody" and says so in the log.
/// </summary>
static class CheckParser
{
    /// <summary>Parentheses within parentheses: no rule that a person wrote has so many.</summary>
    const int MostNested = 64;

    /// <exception cref="FormatException">In words for whoever wrote it.</exception>
    public static Check Parse(string text)
    {
        var tokens = new Tokens(text);
        if (tokens.Next is null) return new Check.Always(true);
        var check = Or(tokens, 0);
        return tokens.Next is null ? check : throw new FormatException(
            tokens.Next == ")" ? "there is a ) without its (" : $"'and' or 'or' is missing before '{tokens.Next}'");
    }

    static Check Or(Tokens tokens, int depth)
    {
        var checks = new List<Check> { And(tokens, depth) };
        while (tokens.Take("or")) checks.Add(And(tokens, depth));
        return checks.Count == 1 ? checks[0] : new Check.Any(checks);
    }

    static Check And(Tokens tokens, int depth)
    {
        var checks = new List<Check> { Not(tokens, depth) };
        while (tokens.Take("and")) checks.Add(Not(tokens, depth));
        return checks.Count == 1 ? checks[0] : new Check.All(checks);
    }

    static Check Not(Tokens tokens, int depth)
    {
        if (depth > MostNested) throw new FormatException("it is nested too deeply");
        if (tokens.Take("not")) return new Check.Not(Not(tokens, depth + 1));
        if (tokens.Take("("))
        {
            var inner = Or(tokens, depth + 1);
            return tokens.Take(")") ? inner : throw new FormatException("a ) is missing");
        }
        return tokens.Next is null or ")" || tokens.IsWord ? throw new FormatException(
            $"a check is missing {(tokens.Next is { } next ? $"before '{next}'" : "at its end")}") : One(tokens.Take()!);
    }

    /// <summary>A single check.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static Check One(string text)
    {
        if (text is "@" or "!") return new Check.Always(text == "@");
        var colon = Colon(text);
        if (colon < 0) throw new FormatException($"'{text}' is no check: those are written kind:match, such as role:admin");
        var (kind, match) = (text[..colon], text[(colon + 1)..]);
        return kind switch
        {
            "http" or "https" => throw new FormatException(
                $"'{text}' asks another server; that is not supported, since it would decide by a network's mood who may do what"),
            "field" => throw new FormatException($"'{text}': fields are known to Neutron alone"),
            "rule" => match.Length > 0 ? new Check.Rule(match) : throw new FormatException("'rule:' names no rule"),
            "role" => new Check.Role(Parts(match)),
            "" => throw new FormatException($"'{text}' has nothing before the colon"),
            _ when LiteralOf(kind) is { } literal => new Check.Literal(kind, literal, Parts(match)),
            _ => new Check.Caller(kind, Parts(match)),
        };
    }

    /// <summary>The colon between the two sides: not one within quotes.</summary>
    static int Colon(string text) =>
        text[0] is '\'' or '"' && text.IndexOf(text[0], 1) is > 0 and var end ? text.IndexOf(':', end) : text.IndexOf(':', StringComparison.Ordinal);

    /// <summary>What Python takes for a literal; null for a name.</summary>
    static string? LiteralOf(string kind) =>
        kind.Length >= 2 && kind[0] is '\'' or '"' && kind[^1] == kind[0] ? kind[1..^1]
        : kind is "True" or "False" or "None" || long.TryParse(kind, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) ? kind
        : null;

    static Text Parts(string match)
    {
        var parts = new List<string>();
        var at = 0;
        while (match.IndexOf("%(", at, StringComparison.Ordinal) is >= 0 and var start)
        {
            var end = match.IndexOf(")s", start, StringComparison.Ordinal);
            if (end < 0) throw new FormatException($"'{match}': %( has to end with )s");
            parts.Add(match[at..start]);
            parts.Add(match[(start + 2)..end]);
            at = end + 2;
        }
        if (match.AsSpan(at).Contains('%')) throw new FormatException($"'{match}': a % stands before (name)s alone");
        parts.Add(match[at..]);
        return new(parts);
    }

    /// <summary>Words between blanks, with the parentheses around them apart.</summary>
    sealed class Tokens
    {
        readonly List<string> all = [];
        int at;

        public Tokens(string text)
        {
            foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            {
                var clean = word.TrimStart('(');
                for (var i = clean.Length; i < word.Length; i++) all.Add("(");
                var closing = clean.Length - clean.TrimEnd(')').Length;
                if (clean.Length > closing) all.Add(clean[..^closing]);
                for (var i = 0; i < closing; i++) all.Add(")");
            }
        }

        public string? Next => at < all.Count ? all[at] : null;

        public bool IsWord => Next is { } next && (Is(next, "and") || Is(next, "or") || Is(next, "not"));

        public bool Take(string word)
        {
            if (Next is null || !Is(Next, word)) return false;
            at++;
            return true;
        }

        public string? Take() => at < all.Count ? all[at++] : null;

        static bool Is(string token, string word) => string.Equals(token, word, StringComparison.OrdinalIgnoreCase);
    }
}
