using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Conformance.Samples;

/// <summary>Whether an answer is like a sample: the same members, of the same JSON types. Values are not looked at.</summary>
static class Likeness
{
    /// <summary>Members whose keys are the users' own.</summary>
    static readonly HashSet<string> Words =
    [
        "metadata", "extra_specs", "specs", "group_specs", "volume_image_metadata", "properties", "connection_info", "connector", "log_levels", "levels",
    ];

    public static IReadOnlyList<string> Differences(JsonNode? sample, JsonNode? answer)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        Compare([sample], [answer], "", found);
        return [.. found];
    }

    /// <param name="samples">All that stand in this place: items of a list are alike.</param>
    static void Compare(IReadOnlyList<JsonNode?> samples, IReadOnlyList<JsonNode?> answers, string at, ISet<string> found)
    {
        // What may be null is null where there happens to be nothing.
        var (theirs, ours) = (samples.OfType<JsonNode>().ToList(), answers.OfType<JsonNode>().ToList());
        if (theirs.Count == 0 || ours.Count == 0) return;
        var kinds = theirs.Select(Kind).ToHashSet();
        foreach (var kind in ours.Select(Kind).Where(k => !kinds.Contains(k)).Distinct())
            found.Add($"{(at.Length == 0 ? "the answer" : at)} is {kind}, not {string.Join(" or ", kinds.Order())}");
        var items = (theirs.OfType<JsonArray>().SelectMany(a => a).ToList(), ours.OfType<JsonArray>().SelectMany(a => a).ToList());
        // Nothing to compare: the list was to have something in it.
        if (items.Item1.Count > 0 && items.Item2.Count == 0 && ours.Exists(o => o is JsonArray)) found.Add($"{at} is empty");
        Compare(items.Item1, items.Item2, at + "[]", found);
        Members([.. theirs.OfType<JsonObject>()], [.. ours.OfType<JsonObject>()], at, found);
    }

    static void Members(List<JsonObject> theirs, List<JsonObject> ours, string at, ISet<string> found)
    {
        if (theirs.Count == 0 || ours.Count == 0) return;
        if (Words.Contains(at[(at.LastIndexOf('.') + 1)..]))
        {
            Compare([.. theirs.SelectMany(o => o).Select(m => m.Value)], [.. ours.SelectMany(o => o).Select(m => m.Value)], at + ".*", found);
            return;
        }
        foreach (var name in theirs.Concat(ours).SelectMany(o => o).Select(m => Common(m.Key)).Distinct())
        {
            var path = at.Length == 0 ? name : $"{at}.{name}";
            if (!theirs.Exists(Has)) found.Add($"{path} is extra");
            else if (theirs.TrueForAll(Has) && !ours.TrueForAll(Has)) found.Add($"{path} is missing");
            else Compare([.. theirs.SelectMany(Of)], [.. ours.SelectMany(Of)], path, found);

            bool Has(JsonObject o) => o.Any(m => Common(m.Key) == name);
            IEnumerable<JsonNode?> Of(JsonObject o) => o.Where(m => Common(m.Key) == name).Select(m => m.Value);
        }
    }

    /// <summary>A quota of a volume type ends in the type's name: whatever types there are.</summary>
    static string Common(string key) =>
        key.IndexOf('_', StringComparison.Ordinal) is > 0 and var at && key[..at] is "volumes" or "gigabytes" or "snapshots" ? key[..at] + "_*" : key;

    static string Kind(JsonNode node) => node.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var kind => kind.ToString().ToLowerInvariant(),
    };
}
