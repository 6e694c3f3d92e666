using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Clinker.Cli.Cloud;

/// <summary>
/// Reads clouds.yaml, secure.yaml and clouds-public.yaml (or .yml, .json) from where openstacksdk looks for them
/// (its openstack/config/loader.py): the file named by a variable, the working directory, the user's, the site's.
/// </summary>
internal static class CloudsFile
{
    /// <summary>The first readable file of that name, and what is in it; an empty object when there is none.</summary>
    /// <exception cref="CliFault">The file is not YAML or JSON.</exception>
    public static (string? Path, JsonObject Content) Load(string name, string? first, Terminal terminal)
    {
        foreach (var path in Candidates(name, first, terminal))
        {
            string text;
            try
            {
                if (!File.Exists(path)) continue;
                text = File.ReadAllText(path);
            }
            catch (UnauthorizedAccessException)
            {
                continue; // as openstacksdk: one that may not be read is passed over
            }
            try
            {
                var content = path.EndsWith(".json", StringComparison.Ordinal) ? JsonNode.Parse(text) : Yaml(text);
                if (content is not null and not JsonObject) throw new CliFault($"{path}: expected a mapping at the top.");
                return (path, (JsonObject?)content ?? []);
            }
            catch (YamlException e)
            {
                throw new CliFault($"{path}, line {e.Start.Line}: {e.Message}");
            }
            catch (System.Text.Json.JsonException e)
            {
                throw new CliFault($"{path}: {e.Message}");
            }
        }
        return (null, []);
    }

    static IEnumerable<string> Candidates(string name, string? first, Terminal terminal)
    {
        if (first is not null) yield return Path.Combine(terminal.Directory, first);
        var home = terminal.Variable("SNAP_REAL_HOME") ?? terminal.Variable("HOME");
        string?[] directories =
        [
            terminal.Directory,
            terminal.Variable("XDG_CONFIG_HOME") is { } xdg ? Path.Combine(xdg, "openstack") : null,
            home is null ? null : Path.Combine(home, ".config/openstack"),
            "/etc/openstack",
        ];
        foreach (var directory in directories.OfType<string>())
            foreach (var suffix in new[] { ".yaml", ".yml", ".json" })
                yield return Path.Combine(directory, name + suffix);
    }

    internal static JsonNode? Yaml(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream.Documents.Count == 0 ? null : Node(stream.Documents[0].RootNode);
    }

    static JsonNode? Node(YamlNode node) => node switch
    {
        YamlScalarNode s => s.Style == ScalarStyle.Plain && s.Value is null or "" or "~" or "null" ? null : JsonValue.Create(s.Value),
        YamlSequenceNode s => new JsonArray([.. s.Select(Node)]),
        YamlMappingNode m => Map(m),
        _ => null,
    };

    static JsonObject Map(YamlMappingNode mapping)
    {
        var map = new JsonObject();
        foreach (var (key, value) in mapping.Children)
        {
            // "<<: *common" takes over what is not said here (YAML 1.1 merge key, which PyYAML knows).
            if (key is YamlScalarNode { Value: "<<" })
            {
                foreach (var source in value is YamlSequenceNode many ? many.Children : [value])
                    if (Node(source) is JsonObject merged)
                        foreach (var (name, inherited) in merged)
                            if (!mapping.Children.ContainsKey(new YamlScalarNode(name))) map[name] = inherited?.DeepClone();
            }
            else map[((YamlScalarNode)key).Value ?? ""] = Node(value);
        }
        return map;
    }

    /// <summary>Lays <paramref name="over"/> onto <paramref name="under"/>; mappings within are merged too.</summary>
    public static JsonObject Merge(JsonObject under, JsonObject over)
    {
        foreach (var (key, value) in over)
        {
            if (under[key] is JsonObject a && value is JsonObject b) Merge(a, b);
            else under[key] = value?.DeepClone();
        }
        return under;
    }
}
