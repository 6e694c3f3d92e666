using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Conformance.BadInput;

/// <summary>A place in a body and what must be there.</summary>
sealed record Place(string Path, IReadOnlyList<string> Types, IReadOnlyDictionary<string, string> Rules)
{
    public bool Has(string rule) => Rules.ContainsKey(rule);

    /// <summary>The number after a rule's equals sign; what is given when the rule has none; null without the rule.</summary>
    public int? Number(string rule, int bare) =>
        Rules.TryGetValue(rule, out var text) ? text.Length == 0 ? bare : int.Parse(text, CultureInfo.InvariantCulture) : null;

    public bool Takes(string type) => Types.Contains(type) || Types.Contains("any");
}

/// <summary>A route's body: one that is right, and what makes others wrong (<c>Bodies.tsv</c>).</summary>
/// <param name="Answer">The status of the answer to the sample, where it is neither the route's nor 404 for what is not there.</param>
sealed record BodySchema(string Sample, int? Answer, IReadOnlyList<Place> Places)
{
    /// <summary>Where a wrong value goes, until its raw text takes its place.</summary>
    const string Hole = "\u00a7";

    static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyDictionary<string, BodySchema> All { get; } = Read();

    /// <summary>The minors around which a schema changes, and the newest.</summary>
    public IEnumerable<int> Minors(int since) =>
        Places.SelectMany(p => p.Rules).Where(r => r.Key is "closed" or "anyof" or "since" or "until" && r.Value.Length > 0)
            .Select(r => int.Parse(r.Value, CultureInfo.InvariantCulture)).SelectMany(m => (int[])[m - 1, m])
            .Append(since).Append(71).Where(m => m >= since).Distinct().Order();

    /// <summary>Whether an empty object is as it must be.</summary>
    public bool TakesNothing => !Places.Any(p => p.Path == "$" ? p.Has("anyof") || p.Has("one") : p.Has("required") && !p.Path.Contains('.', StringComparison.Ordinal));

    /// <summary>Bodies that must be refused in a version, each with what is wrong with it.</summary>
    public IEnumerable<(string Wrong, byte[] Body)> Wrong(int minor)
    {
        foreach (var place in Places)
        {
            if (place.Number("since", 0) > minor || place.Number("until", 0) <= minor) continue;
            foreach (var (what, json) in BadValues.For(place, minor)) yield return ($"{place.Path}: {what}", With(place.Path, json));
            foreach (var (what, key) in BadValues.Keys(place))
                yield return ($"{place.Path}: {what}", With(Below(place, "*"), "\"x\""u8.ToArray(), key));
            if (place.Number("closed", 0) <= minor && !place.Has("keys"))
                yield return ($"{place.Path}: a member that nobody knows", With(Below(place, "nobody_knows"), "1"u8.ToArray()));
            if (place.Has("required")) yield return ($"{place.Path}: absent", Without(place.Path));
        }
    }

    static string Below(Place place, string name) => place.Path == "$" ? name : $"{place.Path}.{name}";

    /// <summary>The sample with a value, given as raw text, in a place.</summary>
    public byte[] With(string path, byte[] json, string? key = null)
    {
        if (path == "$") return json;
        var root = JsonNode.Parse(Sample)!.AsObject();
        var at = root;
        var steps = path.Split('.');
        foreach (var step in steps[..^1])
        {
            if (at[step] is not JsonObject inner) at[step] = inner = [];
            at = inner;
        }
        if (steps[^1] == "*")
        {
            var name = key ?? at.Select(m => m.Key).FirstOrDefault() ?? "a";
            at.Clear();
            at[name] = Hole;
        }
        else at[steps[^1]] = Hole;
        var (before, after) = root.ToJsonString(Plain).Split($"\"{Hole}\"") is [var b, var a] ? (b, a) : throw new InvalidOperationException(path);
        return [.. Encoding.UTF8.GetBytes(before), .. json, .. Encoding.UTF8.GetBytes(after)];
    }

    byte[] Without(string path)
    {
        var root = JsonNode.Parse(Sample)!.AsObject();
        var at = root;
        var steps = path.Split('.');
        foreach (var step in steps[..^1]) at = at[step]!.AsObject();
        at.Remove(steps[^1]);
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    static Dictionary<string, BodySchema> Read()
    {
        var samples = new Dictionary<string, (string Text, int? Answer)>();
        var places = new Dictionary<string, List<Place>>();
        foreach (var cells in Resource.Lines("Bodies.tsv"))
        {
            if (cells[1] == "sample") samples[cells[0]] = (cells[2], cells.Length > 3 ? int.Parse(cells[3], CultureInfo.InvariantCulture) : null);
            else
            {
                var rules = cells[3].Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(r => r.Split('='));
                if (!places.TryGetValue(cells[0], out var list)) places[cells[0]] = list = [];
                list.Add(new(cells[1], cells[2].Split('|'), rules.ToDictionary(r => r[0], r => r.Length > 1 ? r[1] : "")));
            }
        }
        return samples.ToDictionary(s => s.Key, s => new BodySchema(s.Value.Text, s.Value.Answer, places[s.Key]));
    }
}
