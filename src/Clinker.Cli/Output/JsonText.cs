using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Cli.Output;

/// <summary>Answers as JSON: a list is an array of objects by column name, one thing is an object.</summary>
internal static class JsonText
{
    public static string Of(Listing listing, bool indented) => Write(indented, json =>
    {
        json.WriteStartArray();
        foreach (var row in listing.Rows)
        {
            json.WriteStartObject();
            for (var i = 0; i < row.Count; i++) Member(json, listing.Columns[i], row[i].Value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public static string Of(Detail detail, bool indented) => Write(indented, json =>
    {
        json.WriteStartObject();
        foreach (var (name, value) in detail.Fields) Member(json, name, value.Value);
        json.WriteEndObject();
    });

    public static string Of(JsonNode? node, bool indented = true) => Write(indented, json => Value(json, node));

    static void Member(Utf8JsonWriter json, string name, JsonNode? value)
    {
        json.WritePropertyName(name);
        Value(json, value);
    }

    static void Value(Utf8JsonWriter json, JsonNode? value)
    {
        if (value is null) json.WriteNullValue();
        else value.WriteTo(json);
    }

    static string Write(bool indented, Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        // Nobody embeds this in HTML: letters stay letters.
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions
        {
            Indented = indented,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            NewLine = "\n",
        })) write(json);
        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length) + "\n";
    }
}
