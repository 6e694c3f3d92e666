using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Server.Api;

/// <summary>Which part of a list is asked for, and in which order (cinder/api/common.py, cinder/db/api.py process_sort_params).</summary>
static class Paging
{
    /// <summary>Parameters that are no filters.</summary>
    static readonly HashSet<string> Own = ["limit", "marker", "offset", "sort", "sort_key", "sort_dir"];

    public static bool IsPaging(string key) => Own.Contains(key);

    /// <summary>The most items that this answer may have.</summary>
    /// <exception cref="Refusal">400.</exception>
    public static int Limit(Query query, int most)
    {
        if (query["limit"] is not { } text) return most;
        if (Python.Int(text) is not { } value) throw Refusal.BadRequest("limit param must be an integer");
        if (value < 0) throw Refusal.BadRequest("limit param must be positive");
        return (int)Math.Min(value, most);
    }

    /// <exception cref="Refusal">400.</exception>
    public static int Offset(Query query)
    {
        if (query["offset"] is not { } text) return 0;
        if (Python.Int(text) is not { } value) throw Refusal.BadRequest("offset must be an integer");
        if (value < 0) throw Refusal.BadRequest("offset must be >= 0");
        if (value > int.MaxValue) throw Refusal.BadRequest($"offset must be <= {int.MaxValue}");
        return (int)value;
    }

    /// <summary>The order: what is asked for, then time and id so that it is total.</summary>
    /// <param name="columns">What may be sorted by: the API's key and our column, null where all rows are alike.</param>
    /// <exception cref="Refusal">400: both forms at once.</exception>
    /// <exception cref="FaultException">Invalid: no such key or direction.</exception>
    public static IReadOnlyList<SortKey> Sort(Query query, IReadOnlyDictionary<string, string?> columns)
    {
        var asked = Asked(query, "created_at");
        if (asked is null) return ListQuery.NewestFirst;
        var keys = new List<SortKey>();
        foreach (var (key, direction) in asked)
        {
            if (direction is not ("asc" or "desc"))
                throw Fault.Invalid.Input("Unknown sort direction, must be 'desc' or 'asc'.").Thrown();
            if (!columns.TryGetValue(key, out var column)) throw Fault.Invalid.Input("Invalid sort key").Thrown();
            if (column is not null && !keys.Exists(k => k.Column == column)) keys.Add(new(column, direction == "desc"));
        }
        var first = asked[0].Direction == "desc";
        foreach (var always in (string[])["created_at", "id"])
            if (!keys.Exists(k => k.Column == always)) keys.Add(new(always, first));
        return keys;
    }

    /// <summary>The keys that are asked for, with their directions, whatever they are; null for none.</summary>
    /// <param name="otherwise">The key where only a direction is given.</param>
    /// <exception cref="Refusal">400: both forms at once.</exception>
    public static List<(string Key, string Direction)>? Asked(Query query, string otherwise)
    {
        if (query["sort"] is { } sort)
        {
            if (query.Has("sort_key") || query.Has("sort_dir"))
                throw Refusal.BadRequest(
                    "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.");
            var keys = new List<(string, string)>();
            foreach (var part in sort.Trim().Split(','))
            {
                var colon = part.IndexOf(':', StringComparison.Ordinal);
                var direction = colon < 0 ? "" : part[(colon + 1)..];
                keys.Add(((colon < 0 ? part : part[..colon]).Trim(), direction.Length == 0 ? "desc" : direction.Trim()));
            }
            return keys;
        }
        return query.Has("sort_key") || query.Has("sort_dir")
            ? [((query["sort_key"] ?? otherwise).Trim(), (query["sort_dir"] ?? "desc").Trim())]
            : null;
    }
}
