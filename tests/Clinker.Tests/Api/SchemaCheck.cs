using System.Text.Json;
using System.Text.RegularExpressions;

namespace Clinker.Tests.Api;

/// <summary>JSON Schema 2020-12 as far as our document uses it. A word that it doesn't know is an error.</summary>
sealed class SchemaCheck(JsonElement document)
{
    /// <summary>Why a value does not satisfy a schema, or null.</summary>
    public string? WhyNot(JsonElement value, JsonElement schema) =>
        schema.EnumerateObject().Select(word => WhyNot(value, schema, word)).FirstOrDefault(why => why is not null);

    /// <summary>What a reference leads to; undefined when that is nothing.</summary>
    public JsonElement Find(string reference) => reference.Split('/').Skip(1).Aggregate(document, (at, name) =>
        at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name, out var there) ? there : default);

    string? WhyNot(JsonElement value, JsonElement schema, JsonProperty word)
    {
        var said = word.Value;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return word.Name switch
        {
            "$ref" => WhyNot(value, Find(said.GetString()!)),
            "type" => Unless(said.ValueKind == JsonValueKind.Array
                ? said.EnumerateArray().Any(t => Is(value, t.GetString()!))
                : Is(value, said.GetString()!)),
            "enum" => Unless(said.EnumerateArray().Any(e => JsonElement.DeepEquals(e, value))),
            "minLength" => Unless(text is null || text.EnumerateRunes().Count() >= said.GetInt32()),
            "maxLength" => Unless(text is null || text.EnumerateRunes().Count() <= said.GetInt32()),
            "pattern" => Unless(text is null || Regex.IsMatch(text, said.GetString()!, RegexOptions.ECMAScript)),
            "minimum" => Unless(value.ValueKind != JsonValueKind.Number || value.GetDouble() >= said.GetDouble()),
            "maximum" => Unless(value.ValueKind != JsonValueKind.Number || value.GetDouble() <= said.GetDouble()),
            "required" => Unless(value.ValueKind != JsonValueKind.Object
                || said.EnumerateArray().All(n => value.TryGetProperty(n.GetString()!, out _))),
            "minProperties" => Unless(value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() >= said.GetInt32()),
            "maxProperties" => Unless(value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() <= said.GetInt32()),
            "uniqueItems" => Unless(value.ValueKind != JsonValueKind.Array
                || value.EnumerateArray().Select(i => i.GetRawText()).Distinct().Count() == value.GetArrayLength()),
            "items" => value.ValueKind != JsonValueKind.Array
                ? null
                : value.EnumerateArray().Select(i => WhyNot(i, said)).FirstOrDefault(w => w is not null),
            "anyOf" => Unless(said.EnumerateArray().Any(s => WhyNot(value, s) is null)),
            "oneOf" => Unless(said.EnumerateArray().Count(s => WhyNot(value, s) is null) == 1),
            "properties" => OfMembers(value, (name, member) => said.TryGetProperty(name, out var s) ? WhyNot(member, s) : null),
            "patternProperties" => OfMembers(value, (name, member) => said.EnumerateObject()
                .Where(p => Regex.IsMatch(name, p.Name)).Select(p => WhyNot(member, p.Value)).FirstOrDefault(w => w is not null)),
            "additionalProperties" => OfMembers(value, (name, member) => IsNamed(schema, name) ? null
                : said.ValueKind == JsonValueKind.False ? $"{name} is unknown" : WhyNot(member, said)),
            "title" or "description" => null,
            _ when word.Name.StartsWith("x-", StringComparison.Ordinal) => null,
            _ => throw new InvalidOperationException($"{word.Name} is not known here."),
        };

        string? Unless(bool fits) => fits ? null : $"{value.GetRawText()} is not {word.Name} {said.GetRawText()}";
    }

    static string? OfMembers(JsonElement value, Func<string, JsonElement, string?> whyNot) => value.ValueKind != JsonValueKind.Object
        ? null
        : value.EnumerateObject().Select(m => whyNot(m.Name, m.Value)).FirstOrDefault(w => w is not null);

    static bool IsNamed(JsonElement schema, string name) =>
        (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(name, out _))
        || (schema.TryGetProperty("patternProperties", out var patterns) && patterns.EnumerateObject().Any(p => Regex.IsMatch(name, p.Name)));

    static bool Is(JsonElement value, string type) => type switch
    {
        "integer" => value.ValueKind == JsonValueKind.Number && Math.Floor(value.GetDouble()) == value.GetDouble(),
        "number" => value.ValueKind == JsonValueKind.Number,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "string" => value.ValueKind == JsonValueKind.String,
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => throw new InvalidOperationException($"There is no type {type}."),
    };
}
