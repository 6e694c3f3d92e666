using System.Text.Json.Nodes;

namespace Clinker.Server.Api.Reference;

/// <summary>What a route reads of the query, as OpenAPI's parameters.</summary>
static class QueryParameters
{
    static readonly (string Name, string Says, string Type)[] Pages =
    [
        ("limit", "At most so many items.", "integer"),
        ("marker", "The id of the last item of the page before.", "string"),
        ("offset", "Leaves so many items out first.", "integer"),
        ("sort", "Keys with their directions, the first one first: key[:asc|desc],…", "string"),
        ("sort_key", "A key to sort by: deprecated, as sort_dir is.", "string"),
        ("sort_dir", "asc or desc.", "string"),
    ];

    public static IEnumerable<JsonObject> Of(Route route)
    {
        if (route.Query is not { } query) yield break;
        if (query.PagesSince is { } since)
        {
            foreach (var (name, says, type) in Pages)
            {
                var schema = new JsonObject { ["type"] = type };
                if (type == "integer") schema["minimum"] = 0;
                if (name == "sort_key") schema["enum"] = Schemas.Words([.. query.Filters!.SortKeys.Keys]);
                if (name == "sort_dir") schema["enum"] = Schemas.Words("asc", "desc");
                yield return One(route, name, says, since, schema);
            }
        }
        if (query is { Filters: { } filters, HasFilters: true })
        {
            foreach (var filter in filters.Filters)
                yield return One(route, filter.Key, Says(filter), Math.Max(filter.Since, query.FiltersSince), new() { ["type"] = "string" });
        }
        foreach (var other in query.Others)
            yield return One(route, other.Name, other.Says, other.Since, new() { ["type"] = other.IsFlag ? "boolean" : "string" });
    }

    static JsonObject One(Route route, string name, string says, int since, JsonObject schema)
    {
        var parameter = new JsonObject { ["name"] = name, ["in"] = "query", ["description"] = says, ["schema"] = schema };
        if (since > route.Since) parameter["x-since"] = $"3.{since}";
        return parameter;
    }

    static string Says(ListFilter filter) => filter.Kind switch
    {
        FilterKind.Number => "A filter: a number.",
        FilterKind.Flag => "A filter: a boolean or a word for it.",
        FilterKind.Time => "A filter: times with gt, gte, eq, neq, lt or lte before each: gt:2020-01-01T00:00:00,lt:…",
        FilterKind.Entries => "A filter: a dictionary whose entries must be there: {'key':'value'}",
        _ => "A filter.",
    };
}
