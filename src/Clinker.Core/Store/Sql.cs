using System.Runtime.CompilerServices;
using System.Text;

namespace Clinker.Store;

/// <summary>
/// A statement written as an interpolated string: each hole becomes a parameter (<c>$1</c>, <c>$2</c>, … on both databases),
/// so no value is ever part of the text. A hole that is itself a <see cref="Sql"/> is put in as it is, its parameters renumbered.
/// </summary>
/// <remarks>An interpolated string in a hole is SQL too, so a text that is a value is put into a variable first. Times become microseconds since 1970 (bigint), as every time column is.</remarks>
[InterpolatedStringHandler]
public sealed class Sql
{
    readonly List<(string? Literal, object? Value)> parts;

    /// <summary>Called by the compiler for <c>$"…"</c>.</summary>
    public Sql(int literalLength, int formattedCount)
    {
        _ = literalLength;
        parts = new(formattedCount * 2 + 1);
    }

    Sql(string text)
    {
        parts = [(text, null)];
    }

    /// <summary>Text that is ours: a column, a keyword. Never a caller's.</summary>
    public static Sql Raw(string text) => new(text);

    /// <summary>An interpolated string as SQL, where the compiler would take it for a text.</summary>
    public static Sql Of(Sql sql) => sql;

    public static readonly Sql Nothing = Raw("");

    /// <summary>The pieces with a word between them: <c>Join(" and ", conditions)</c>.</summary>
    public static Sql Join(string between, IEnumerable<Sql> pieces)
    {
        var all = new Sql(0, 8);
        var first = true;
        foreach (var piece in pieces)
        {
            if (!first) all.AppendLiteral(between);
            all.AppendFormatted(piece);
            first = false;
        }
        return all;
    }

    /// <summary>The values as a list for <c>in (…)</c>. An empty list becomes <c>null</c>, which nothing is in.</summary>
    public static Sql List<T>(IEnumerable<T> values)
    {
        var pieces = values.Select(v => Of($"{v}")).ToList();
        return pieces.Count == 0 ? Raw("null") : Join(", ", pieces);
    }

    public void AppendLiteral(string text) => parts.Add((text, null));

    public void AppendFormatted(Sql inner) => parts.AddRange(inner.parts);

    /// <summary>A value: it becomes a parameter.</summary>
    /// <exception cref="Operations.FaultException">Invalid: a text that PostgreSQL refuses and SQLite would cut or alter.</exception>
    public void AppendFormatted<T>(T value) => parts.Add((null, value switch
    {
        null => DBNull.Value,
        string text when !IsStorable(text) => throw Operations.Fault.Invalid.Input(
            "A text may hold neither the character U+0000 nor half of a surrogate pair.").Thrown(),
        DateTime time => Micros.Of(time),
        string or bool or int or long or double => value,
        _ => throw new ArgumentException($"{value.GetType().Name} is not kept alike by both databases.", nameof(value)),
    }));

    static bool IsStorable(ReadOnlySpan<char> text)
    {
        if (text.Contains('\0')) return false;
        for (int i; (i = text.IndexOfAnyInRange('\uD800', '\uDFFF')) >= 0; text = text[(i + 2)..])
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return false;
        return true;
    }

    /// <summary>The text with numbered parameters, and their values in that order.</summary>
    internal (string Text, List<object> Values) Build()
    {
        if (parts.Count == 1 && parts[0].Literal is { } only) return (only, []);
        var text = new StringBuilder();
        var values = new List<object>(parts.Count / 2);
        foreach (var (literal, value) in parts)
        {
            if (literal is not null) { text.Append(literal); continue; }
            values.Add(value!);
            text.Append('$').Append(values.Count);
        }
        return (text.ToString(), values);
    }

    public override string ToString() => Build().Text;
}

/// <summary>Times as both databases keep them: microseconds since 1970-01-01T00:00:00Z.</summary>
public static class Micros
{
    public static long Of(DateTime time) => (time.ToUniversalTime() - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static DateTime ToTime(long micros) => DateTime.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);
}
