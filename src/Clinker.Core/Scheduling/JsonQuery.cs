using System.Text.Json;

namespace Clinker.Scheduling;

/// <summary>
/// The condition that a user may put on pools (cinder/scheduler/filters/json_filter.py): <c>["and", [">=", "$free_capacity_gb", 10],
/// ["=", "$capabilities.ssd", "yes"]]</c>. <c>$name</c> is what is known of a pool; what is not known is left out.
/// </summary>
static class JsonQuery
{
    static readonly JsonDocumentOptions Bounded = new() { MaxDepth = 32 };

    /// <summary>Null when the pool meets it.</summary>
    public static string? WhyNot(Pool pool, string query)
    {
        try
        {
            using var document = JsonDocument.Parse(query, Bounded);
            return Values.IsTrue(Of(document.RootElement, pool) ?? false) ? null : "the query says no";
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return $"the query is wrong: {(e is JsonException ? "it is no JSON" : e.Message)}";
        }
    }

    /// <summary>Null for nothing at all.</summary>
    static object? Of(JsonElement value, Pool pool) => value.ValueKind switch
    {
        JsonValueKind.Array => Command(value, pool),
        JsonValueKind.String when value.GetString() is { Length: > 0 } text => text[0] == '$' ? Facts.Of(pool, text[1..]) : text,
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Object => throw new FormatException("an object says nothing here"),
        _ => null,
    };

    static bool Command(JsonElement list, Pool pool)
    {
        if (list.GetArrayLength() == 0) return true;
        var name = list[0].ValueKind == JsonValueKind.String ? list[0].GetString()! : list[0].GetRawText();
        var arguments = list.EnumerateArray().Skip(1).Select(a => Of(a, pool)).OfType<object>().ToList();
        return name switch
        {
            "=" => All(arguments, Values.Same),
            "<" => All(arguments, (a, b) => Values.Compare(a, b) < 0),
            ">" => All(arguments, (a, b) => Values.Compare(a, b) > 0),
            "<=" => All(arguments, (a, b) => Values.Compare(a, b) <= 0),
            ">=" => All(arguments, (a, b) => Values.Compare(a, b) >= 0),
            "in" => arguments.Count > 1 && arguments.Skip(1).Any(b => Values.Same(arguments[0], b)),
            "not" => arguments.Any(a => !Values.IsTrue(a)),
            "or" => arguments.Any(Values.IsTrue),
            "and" => arguments.All(Values.IsTrue),
            _ => throw new FormatException($"there is no {name}"),
        };
    }

    /// <summary>The first against each of the others, of which there must be one.</summary>
    static bool All(List<object> arguments, Func<object, object, bool> holds) =>
        arguments.Count > 1 && arguments.Skip(1).All(b => holds(arguments[0], b));
}
