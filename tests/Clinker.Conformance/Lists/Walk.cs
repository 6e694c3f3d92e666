using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Conformance.Samples;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Lists;

/// <summary>A list with rows, and the ways through it: by pages, as clients go.</summary>
/// <param name="path">Below the project.</param>
sealed class Walk(Stage stage, string path)
{
    /// <summary>The ids of a walk along the links, page by page, each of which must be full unless it is the last.</summary>
    async Task<List<string>> ByLinks(string query, int limit)
    {
        var ids = new List<string>();
        for (var next = $"{path}?{query}&limit={limit}"; ;)
        {
            var page = await Page(next);
            ids.AddRange(page.Ids);
            Assert.True(page.Ids.Count <= limit, $"{next}: {page.Ids.Count} rows");
            if (page.Next is null)
            {
                Assert.True(page.Ids.Count < limit, $"{next} is full: there is to be a link behind it.");
                return ids;
            }
            Assert.True(page.Ids.Count == limit, $"{next} is not full, and has a link to what follows.");
            Assert.True(ids.Count <= 1000, $"{path}?{query} does not end.");
            Assert.StartsWith(stage.Root + path + "?", page.Next, StringComparison.Ordinal);
            next = page.Next[stage.Root.Length..];
        }
    }

    /// <summary>That a walk meets just these rows, in this order.</summary>
    public async Task Meets(IReadOnlyList<string> rows, string query, int limit)
    {
        var met = await ByLinks(query, limit);
        Assert.True(met.SequenceEqual(rows),
            $"{path}?{query}, {limit} a page: {met.Count} rows ({met.Distinct().Count()} different ones) of {rows.Count}, or in another order");
    }

    public async Task<Paged> Page(string target, int minor = Microversion.Newest)
    {
        var answer = await stage.Send("GET", target, null, minor);
        Assert.True(answer.Status == 200, $"{target}: {answer}");
        var root = answer.Json.AsObject();
        var links = root.SingleOrDefault(m => m.Key.EndsWith("_links", StringComparison.Ordinal)).Value?.AsArray();
        var next = links?.Single(l => (string)l!["rel"]! == "next")!["href"];
        return new([.. Stage.Inner(root).AsArray().Select(i => i!.AsObject())], next is null ? null : new Uri((string)next!).PathAndQuery, (long?)root["count"]);
    }

    /// <summary>That a query of the list is refused.</summary>
    public async Task Refused(string query, int status)
    {
        var answer = await stage.Send("GET", $"{path}?{query}", null, Microversion.Newest);
        Assert.True(answer.Status == status, $"{path}?{query}: {answer}");
    }
}

/// <summary>One page of a list.</summary>
/// <param name="Next">Path and query of the link.</param>
sealed record Paged(IReadOnlyList<JsonObject> Rows, string? Next, long? Count)
{
    public List<string> Ids { get; } = [.. Rows.Select(r => (string)r["id"]!)];

    /// <summary>Whether the rows are in the order of a member; null and the empty text count as the same. Rows that do not tell are in any.</summary>
    public bool InOrder(string member, bool descending)
    {
        if (Rows.Any(r => !r.ContainsKey(member))) return true;
        var order = Rows.Zip(Rows.Skip(1)).Select(p => Compare(p.First[member], p.Second[member]));
        return order.All(o => descending ? o >= 0 : o <= 0);
    }

    static int Compare(JsonNode? a, JsonNode? b) => a?.GetValueKind() == System.Text.Json.JsonValueKind.Number
        ? ((decimal)a).CompareTo((decimal)b!)
        : string.CompareOrdinal(Text(a), Text(b));

    static string Text(JsonNode? node) => Convert.ToString(node, CultureInfo.InvariantCulture) ?? "";
}
