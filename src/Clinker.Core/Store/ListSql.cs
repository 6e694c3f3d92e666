using System.Data.Common;
using Clinker.Operations;

namespace Clinker.Store;

/// <summary>A <see cref="ListQuery"/> as SQL. Names of columns come from our own lists, values are parameters.</summary>
static class ListSql
{
    /// <summary>Columns that may be null, and the least value that stands for it in an order.</summary>
    static readonly IReadOnlyDictionary<string, string> LeastOf = new Dictionary<string, string>
    {
        ["name"] = "''", ["description"] = "''", ["host"] = "''", ["volume_type_id"] = "''", ["migration_status"] = "''",
        ["snapshot_id"] = "''", ["source_volume_id"] = "''", ["source_group_id"] = "''", ["group_id"] = "''", ["replication_status"] = "''", ["progress"] = "''",
        ["server_id"] = "''", ["host_name"] = "''", ["device"] = "''", ["mode"] = "''", ["attached_at"] = "0",
        ["group_snapshot_id"] = "''", ["availability_zone"] = "''", ["fail_reason"] = "''", ["service"] = "''", ["container"] = "''", ["parent_id"] = "''", ["encryption_key_id"] = "''", ["provider_location"] = "''", ["request_id"] = "''", ["updated_at"] = "0",
    };

    /// <summary>The filters and the project; the page not regarded.</summary>
    public static Sql Where(ListQuery query, Dialect dialect)
    {
        var all = Conditions(query, dialect);
        return all.Count == 0 ? Sql.Nothing : Sql.Of($" where {Sql.Join(" and ", all)}");
    }

    /// <summary>One page, with the count of all that match where that is asked for.</summary>
    public static async Task<Listed<T>> Listed<T>(Tx tx, Sql columns, string table, ListQuery query, Func<DbDataReader, T> read)
    {
        var page = await tx.Query($"select {columns} from {Sql.Raw(table)}{Page(query, table, tx.Dialect)}", read);
        return new(page, query.WithCount ? await tx.Number($"select count(*) from {Sql.Raw(table)}{Where(query, tx.Dialect)}") : null);
    }

    /// <summary>
    /// The row after which a page begins must be there, in the project whose rows are asked for: of another one's not even its place
    /// in the order is told.
    /// </summary>
    /// <exception cref="FaultException">What <paramref name="missing"/> makes of the marker.</exception>
    public static async Task DemandMarker(Tx tx, string table, ListQuery query, Func<string, FaultException> missing)
    {
        if (query.Marker is not { } marker) return;
        var its = new ListQuery { ProjectId = query.ProjectId, Filters = [new("id", Op.Equal, marker)] };
        if (await tx.Number($"select count(*) from {Sql.Raw(table)}{Where(its, tx.Dialect)}") == 0) throw missing(marker);
    }

    /// <summary>Condition, order and limit of one page.</summary>
    public static Sql Page(ListQuery query, string table, Dialect dialect)
    {
        var all = Conditions(query, dialect);
        if (query.Marker is { } marker) all.Add(After(query.Sort, table, marker));
        var where = all.Count == 0 ? Sql.Nothing : Sql.Of($" where {Sql.Join(" and ", all)}");
        var order = Sql.Raw(string.Join(", ", query.Sort.Select(k => $"{Key(k.Column)} {(k.Descending ? "desc" : "asc")}")));
        var offset = query.Offset > 0 ? Sql.Of($" offset {query.Offset}") : Sql.Nothing;
        return $"{where} order by {order} limit {query.Limit}{offset}";
    }

    static List<Sql> Conditions(ListQuery query, Dialect dialect)
    {
        var all = new List<Sql>();
        if (query.MatchesNothing) all.Add(Sql.Raw("1 = 0"));
        if (query.ProjectId is { } project) all.Add(Sql.Of($"project_id = {project}"));
        all.AddRange(query.Filters.Select(f => Condition(f, dialect)));
        return all;
    }

    static string Key(string column) => LeastOf.TryGetValue(column, out var least) ? $"coalesce({column}, {least})" : column;

    // (a, b) after (A, B), each with a direction of its own: a >= A and (a > A or (b > B)). The first part is what an index serves.
    static Sql After(IReadOnlyList<SortKey> keys, string table, string marker)
    {
        Sql? after = null;
        foreach (var (column, descending) in keys.Reverse())
        {
            var key = Sql.Raw(Key(column));
            var than = Sql.Raw(descending ? "<" : ">");
            Sql its = $"(select {key} from {Sql.Raw(table)} where id = {marker})";
            after = after is null
                ? Sql.Of($"{key} {than} {its}")
                : Sql.Of($"({key} {than}= {its} and ({key} {than} {its} or {after}))");
        }
        return after!;
    }

    static Sql Condition(Where where, Dialect dialect)
    {
        var column = Sql.Raw(where.Column);
        var values = where.Values;
        return where.Op switch
        {
            Op.Equal => $"{column} = {values[0]}",
            Op.NotEqual => $"{column} <> {values[0]}",
            Op.Less => $"{column} < {values[0]}",
            Op.LessOrEqual => $"{column} <= {values[0]}",
            Op.Greater => $"{column} > {values[0]}",
            Op.GreaterOrEqual => $"{column} >= {values[0]}",
            Op.In => $"{column} in ({Sql.List(values)})",
            Op.Null => $"{column} is null",
            Op.Contains => Like(column, "%" + Escaped((string)values[0]) + "%"),
            Op.NotPrefix => $"({column} is null or not {Like(column, Escaped((string)values[0]) + "%")})",
            Op.Entry => Entry(where.Column, (string)values[0], values[1], dialect),
            _ => throw new ArgumentOutOfRangeException(nameof(where)),
        };
    }

    // On SQLite ->> would read a key with a dot as a path. Keys that hold quotes are in no column.
    static Sql Entry(string column, string key, object value, Dialect dialect) =>
        dialect.IsPostgres ? $"({Sql.Raw(column)})::jsonb ->> {key} = {value}"
        : key.Contains('"', StringComparison.Ordinal) ? Sql.Raw("1 = 0")
        : Sql.Of($"json_extract({Sql.Raw(column)}, {"$.\"" + key + "\""}) = {value}");

    // SQLite's like takes no account of case, PostgreSQL's does; Cinder's (on MySQL) does not.
    static Sql Like(Sql column, string pattern) => $"lower({column}) like lower({pattern}) escape '!'";

    static string Escaped(string text) => text.Replace("!", "!!", StringComparison.Ordinal)
        .Replace("%", "!%", StringComparison.Ordinal).Replace("_", "!_", StringComparison.Ordinal);
}
