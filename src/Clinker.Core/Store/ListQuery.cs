namespace Clinker.Store;

/// <summary>How a filter compares.</summary>
public enum Op
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// <summary>Equal to one of the values.</summary>
    In,
    /// <summary>The column is null; no value.</summary>
    Null,
    /// <summary>The value is part of the text. Its own % and _ stand for themselves.</summary>
    Contains,
    /// <summary>The column is null or does not begin with the value.</summary>
    NotPrefix,
    /// <summary>The JSON object in the column has the entry: values are the key and its text.</summary>
    Entry,
}

/// <summary>A condition on a column. The column is one of ours by name, never a caller's text; the values are the caller's.</summary>
/// <param name="Values">string, long, bool or DateTime (UTC), as the column is.</param>
public sealed record Where(string Column, Op Op, params IReadOnlyList<object> Values);

/// <summary>A column to sort by. Nulls count as the least value ('' for texts, 0 for numbers and times).</summary>
public sealed record SortKey(string Column, bool Descending);

/// <summary>
/// Which rows of a table are asked for, in which order, and from where on. Tables turn it into one statement; pages follow the
/// row that <see cref="Marker"/> names (a condition on the sort keys), so that a late page costs what the first one does.
/// </summary>
public sealed record ListQuery
{
    /// <summary>Only rows of this project; null for those of all projects.</summary>
    public string? ProjectId { get; init; }

    /// <summary>All must hold.</summary>
    public IReadOnlyList<Where> Filters { get; init; } = [];

    /// <summary>The last key is always <c>id</c>, so that the order is total.</summary>
    public IReadOnlyList<SortKey> Sort { get; init; } = NewestFirst;

    /// <summary>At most so many rows; 0 for none.</summary>
    public int Limit { get; init; } = 1000;

    /// <summary>Skip so many after the marker.</summary>
    public int Offset { get; init; }

    /// <summary>The id of the row after which to begin; an unknown one is NotFound, and so is another project's.</summary>
    public string? Marker { get; init; }

    /// <summary>Whether to count all matches too, as if there were neither limit, offset nor marker.</summary>
    public bool WithCount { get; init; }

    /// <summary>True when a filter can match nothing: no statement is needed.</summary>
    public bool MatchesNothing { get; init; }

    public static readonly IReadOnlyList<SortKey> NewestFirst = [new("created_at", true), new("id", true)];
}

/// <summary>A page of rows.</summary>
/// <param name="Count">All matches, when they were asked for.</param>
public sealed record Listed<T>(IReadOnlyList<T> Items, long? Count = null);
