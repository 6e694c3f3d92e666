using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Server.Shapes;

namespace Clinker.Server.Api.Reference;

/// <summary>The schemas of a document, by name; those of shapes are made from what writes them.</summary>
sealed class Schemas
{
    readonly SortedDictionary<string, JsonObject> byName = new(StringComparer.Ordinal);

    /// <summary>A reference to a schema by its name.</summary>
    public static JsonObject Of(string name) => new() { ["$ref"] = "#/components/schemas/" + name };

    /// <summary>An object that has these members.</summary>
    public static JsonObject Object(params ReadOnlySpan<(string Name, JsonObject Schema)> members)
    {
        var (properties, required) = (new JsonObject(), new JsonArray());
        foreach (var (name, schema) in members)
        {
            properties[name] = schema;
            required.Add((JsonNode)name);
        }
        return new() { ["type"] = "object", ["properties"] = properties, ["required"] = required };
    }

    public static JsonObject ListOf(JsonObject item) => new() { ["type"] = "array", ["items"] = item };

    public static JsonObject ByKey(JsonObject value) => new() { ["type"] = "object", ["additionalProperties"] = value };

    /// <summary>Links as they are on the wire: <see cref="Links"/> has a writer of its own.</summary>
    public static JsonObject OfLinks(params ReadOnlySpan<string> relations) => ListOf(Object(
        ("rel", new() { ["type"] = "string", ["enum"] = Words(relations) }), ("href", new() { ["type"] = "string" })));

    public static JsonArray Words(params ReadOnlySpan<string> words)
    {
        var array = new JsonArray();
        foreach (var word in words) array.Add((JsonNode)word);
        return array;
    }

    public void Add(string name, JsonObject schema) => byName.Add(name, schema);

    /// <summary>A reference to a shape, which comes into the document by it.</summary>
    public JsonObject Shape(Type type)
    {
        if (type == typeof(Links)) return Of(nameof(Links));
        var metadata = Metadata(type);
        if (metadata.Kind != JsonTypeInfoKind.Object) return Value(type, orNull: false);
        if (byName.TryAdd(type.Name, [])) byName[type.Name] = Members(metadata);
        return Of(type.Name);
    }

    public JsonObject ToJson()
    {
        var all = new JsonObject();
        foreach (var (name, schema) in byName) all[name] = schema;
        return all;
    }

    static JsonTypeInfo Metadata(Type type) => ShapesJson.Default.GetTypeInfo(type)
        ?? throw new InvalidOperationException($"{type.Name} is not named in ShapesJson.cs.");

    JsonObject Members(JsonTypeInfo of)
    {
        var (properties, required) = (new JsonObject(), new JsonArray());
        foreach (var member in of.Properties)
        {
            if (member.Get is null) continue;
            var marks = member.AttributeProvider!;
            var schema = Value(member.PropertyType, member.IsGetNullable && !IsValue(member.PropertyType));
            foreach (SinceAttribute since in marks.GetCustomAttributes(typeof(SinceAttribute), inherit: false)) schema["x-since"] = $"3.{since.Minor}";
            var isAdmins = marks.IsDefined(typeof(AdminAttribute), inherit: false);
            if (isAdmins) schema["description"] = "For admins only.";
            properties[member.Name] = schema;
            if (!isAdmins && !marks.IsDefined(typeof(JsonIgnoreAttribute), inherit: false)) required.Add((JsonNode)member.Name);
        }
        return new() { ["type"] = "object", ["properties"] = properties, ["required"] = required };
    }

    static bool IsValue(Type type) => type.IsValueType && Nullable.GetUnderlyingType(type) is null;

    JsonObject Value(Type type, bool orNull)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Value(inner, orNull: true);
        if (type == typeof(DateTime))
            return new() { ["type"] = Or("string"), ["description"] = "UTC, as 2018-11-29T06:50:07.770785." };
        if (type == typeof(Links)) return Of(nameof(Links));
        if (type == typeof(JsonElement)) return new() { ["description"] = "As the driver says." };
        var metadata = Metadata(type);
        switch (metadata.Kind)
        {
            case JsonTypeInfoKind.Enumerable:
                return new() { ["type"] = Or("array"), ["items"] = Value(metadata.ElementType!, orNull: false) };
            case JsonTypeInfoKind.Dictionary:
                return new() { ["type"] = Or("object"), ["additionalProperties"] = Value(metadata.ElementType!, orNull: false) };
            case JsonTypeInfoKind.Object:
                var shape = Shape(type);
                return orNull ? new() { ["anyOf"] = new JsonArray(shape, new JsonObject { ["type"] = "null" }) } : shape;
        }
        return type switch
        {
            _ when type == typeof(string) => new() { ["type"] = Or("string") },
            _ when type == typeof(bool) => new() { ["type"] = Or("boolean") },
            _ when type == typeof(int) || type == typeof(long) => new() { ["type"] = Or("integer") },
            _ when type == typeof(double) => new() { ["type"] = Or("number") },
            _ => throw new InvalidOperationException($"{type.Name} is written in a way of its own."),
        };

        JsonNode Or(string name) => orNull ? new JsonArray(name, "null") : name;
    }
}
