using System.Text.Json.Nodes;

namespace Clinker.Cli.Output;

/// <summary>One value of an answer.</summary>
/// <param name="Value">What programs get (json, value, csv, yaml, shell).</param>
/// <param name="Human">What people see in a table, where it differs.</param>
internal readonly record struct Cell(JsonNode? Value, string? Human = null)
{
    public string ForPeople => Human ?? PythonText.Str(Value);
    public string ForPrograms => PythonText.Str(Value);

    public bool IsNumber => Value?.GetValueKind() == System.Text.Json.JsonValueKind.Number;

    public static implicit operator Cell(string? text) => new(text is null ? null : JsonValue.Create(text));
    public static implicit operator Cell(int number) => new(JsonValue.Create(number));
    public static implicit operator Cell(bool flag) => new(JsonValue.Create(flag));

    /// <summary>A map as the OpenStack client prints one: <c>a='1', b='2'</c>, sorted by key.</summary>
    public static Cell Map(JsonNode? map) => map is not JsonObject o
        ? new(map)
        : new(o, string.Join(", ", o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}='{PythonText.Str(p.Value)}'")));
}

/// <summary>Several things of one kind, a row each.</summary>
internal sealed record Listing(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<Cell>> Rows);

/// <summary>One thing, a line for each of its fields.</summary>
internal sealed record Detail(IReadOnlyList<(string Name, Cell Value)> Fields)
{
    /// <summary>The fields of an answer's object, sorted by name, with the links left out.</summary>
    public static Detail Of(JsonObject thing, params (string Name, Cell Value)[] instead) => new([
        .. thing.Where(p => p.Key != "links" && !instead.Any(i => i.Name == p.Key)).Select(p => (p.Key, new Cell(p.Value)))
            .Concat(instead).OrderBy(f => f.Item1, StringComparer.Ordinal)]);
}
