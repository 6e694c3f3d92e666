namespace Clinker.Server.Api;

/// <summary>
/// The paths of application credentials' access rules: <c>{name}</c> and <c>*</c> stand for one segment or a part of it, <c>**</c> for
/// anything (keystonemiddleware/auth_token/__init__.py, _path_matches; there other characters mean what they do in regular expressions,
/// here they stand for themselves).
/// </summary>
static class AccessRules
{
    const char Part = '\u0001';
    const char All = '\u0002';

    public static bool Matches(string pattern, string path)
    {
        var tokens = Parse(pattern);
        // at[i]: whether what was read of the path so far is matched by the first i tokens. A user makes the pattern: no backtracking.
        var at = new bool[tokens.Count + 1];
        at[0] = true;
        for (var i = 0; i < tokens.Count && tokens[i] == All; i++) at[i + 1] = true;
        foreach (var c in path)
        {
            var before = at[0];
            at[0] = false;
            for (var i = 0; i < tokens.Count; i++)
            {
                var (token, had) = (tokens[i], at[i + 1]);
                at[i + 1] = token switch
                {
                    Part => c != '/' && (before || had),
                    All => before || had || at[i],
                    _ => before && token == c,
                };
                before = had;
            }
        }
        return at[^1];
    }

    static List<char> Parse(string pattern)
    {
        var tokens = new List<char>();
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '*' && i + 1 < pattern.Length && pattern[i + 1] == '*') { tokens.Add(All); i++; }
            else if (pattern[i] == '*') tokens.Add(Part);
            else if (pattern[i] == '{' && pattern.IndexOf('}', i) is > 0 and var end) { tokens.Add(Part); i = end; }
            else tokens.Add(pattern[i]);
        }
        return tokens;
    }
}
