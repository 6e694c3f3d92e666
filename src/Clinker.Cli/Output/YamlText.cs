using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Clinker.Cli.Output;

/// <summary>Answers as YAML, by YamlDotNet's event writer (which needs no reflection).</summary>
internal static class YamlText
{
    public static string Of(Listing listing) => Write(yaml =>
    {
        yaml.Emit(new SequenceStart(null, null, true, listing.Rows.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
        foreach (var row in listing.Rows) Map(yaml, row.Select((c, i) => (listing.Columns[i], c.Value)));
        yaml.Emit(new SequenceEnd());
    });

    public static string Of(Detail detail) => Write(yaml => Map(yaml, detail.Fields.Select(f => (f.Name, f.Value.Value))));

    static string Write(Action<Emitter> write)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var yaml = new Emitter(text, new EmitterSettings(2, int.MaxValue, false, 1024));
        yaml.Emit(new StreamStart());
        yaml.Emit(new DocumentStart(null, null, true));
        write(yaml);
        yaml.Emit(new DocumentEnd(true));
        yaml.Emit(new StreamEnd());
        return text.ToString();
    }

    static void Map(Emitter yaml, IEnumerable<(string Name, JsonNode? Value)> members)
    {
        var all = members.ToList();
        yaml.Emit(new MappingStart(null, null, true, all.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
        foreach (var (name, value) in all)
        {
            Text(yaml, name);
            Node(yaml, value);
        }
        yaml.Emit(new MappingEnd());
    }

    static void Node(Emitter yaml, JsonNode? node)
    {
        switch (node)
        {
            case null: Plain(yaml, "null"); break;
            case JsonObject o: Map(yaml, o.Select(p => (p.Key, p.Value))); break;
            case JsonArray a:
                yaml.Emit(new SequenceStart(null, null, true, a.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var item in a) Node(yaml, item);
                yaml.Emit(new SequenceEnd());
                break;
            case var value when value.GetValueKind() == JsonValueKind.String: Text(yaml, value.GetValue<string>()); break;
            default: Plain(yaml, node.ToJsonString()); break;
        }
    }

    static void Plain(Emitter yaml, string value) => yaml.Emit(new Scalar(null, null, value, ScalarStyle.Plain, true, false));

    /// <summary>A text that a reader would take for a number, a flag, a date or nothing is quoted.</summary>
    static void Text(Emitter yaml, string value)
    {
        var quoted = value.Length == 0 || char.IsDigit(value[0]) || value[0] is '-' or '+' or '.' or '~' or '='
            || value.ToLowerInvariant() is "true" or "false" or "yes" or "no" or "on" or "off" or "null";
        yaml.Emit(new Scalar(null, null, value, quoted ? ScalarStyle.SingleQuoted : ScalarStyle.Any, true, true));
    }
}
