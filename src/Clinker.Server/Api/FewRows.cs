using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Server.Api;

/// <summary>A <see cref="ListQuery"/> on rows that are few and all there (types): the same page that a table would give.</summary>
static class FewRows
{
    /// <param name="column">A row's value in a column: string, long, bool, DateTime, words, or null.</param>
    /// <param name="kind">As in "Volume type X could not be found."</param>
    /// <exception cref="FaultException">NotFound: the marker.</exception>
    public static IReadOnlyList<T> Page<T>(
        IEnumerable<T> rows, ListQuery query, Func<T, string, object?> column, Func<T, string> id, string kind)
    {
        var all = rows.ToList();
        var after = query.Marker is { } marker ? all.FindIndex(r => id(r) == marker) : -1;
        if (query.Marker is not null && after < 0) throw new Fault.NotFound(kind, query.Marker).Thrown();
        if (query.MatchesNothing) return [];
        var last = after < 0 ? default : all[after];
        IComparer<T> order = new Order<T>(query.Sort, column);
        return [.. all.Where(r => query.Filters.All(f => Fits(column(r, f.Column), f)))
            .Where(r => after < 0 || order.Compare(r, last) > 0)
            .Order(order).Skip(query.Offset).Take(query.Limit)];
    }

    static bool Fits(object? value, Where filter) => filter.Op switch
    {
        Op.Equal => Same(value, filter.Values[0]),
        Op.In => filter.Values.Any(v => Same(value, v)),
        Op.Null => value is null,
        Op.Entry => value is IReadOnlyDictionary<string, string> words && words.TryGetValue((string)filter.Values[0], out var text)
            && text == (string)filter.Values[1],
        Op.Contains when value is IReadOnlyDictionary<string, string> words =>
            words.TryGetValue((string)filter.Values[0], out var text) && text.Contains((string)filter.Values[1], StringComparison.Ordinal),
        Op.Contains => value is string text && text.Contains((string)filter.Values[0], StringComparison.OrdinalIgnoreCase),
        _ => throw new ArgumentOutOfRangeException(nameof(filter)),
    };

    static bool Same(object? value, object wanted) => value is DateTime time
        ? time.ToString(TimeConverter.Format, null) == wanted as string
        : Equals(value, wanted);

    sealed class Order<T>(IReadOnlyList<SortKey> keys, Func<T, string, object?> column) : IComparer<T>
    {
        public int Compare(T? x, T? y)
        {
            foreach (var (name, descending) in keys)
            {
                var (a, b) = (column(x!, name), column(y!, name));
                var compared = a is string || b is string
                    ? string.CompareOrdinal(a as string ?? "", b as string ?? "")
                    : Comparer<object?>.Default.Compare(a, b);
                if (compared != 0) return descending ? -compared : compared;
            }
            return 0;
        }
    }
}
