using System.Text.Json.Nodes;
using Clinker.Cli.Output;

namespace Clinker.Cli.Cloud;

/// <summary>
/// Settles which cloud is meant, as openstacksdk does: the one named by option or OS_CLOUD; else the one of the OS_
/// variables; else the only one of clouds.yaml. Options win over all of it.
/// </summary>
internal static class CloudResolver
{
    // Variables that select or tune rather than describe a cloud: alone they make none (loader.py, _get_os_environ).
    static readonly HashSet<string> Selectors =
        ["OS_CLOUD", "OS_REGION_NAME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CLOUD_NAME",
            // These say how, not where: with them alone the local default is still meant.
            "OS_VOLUME_API_VERSION", "OS_BLOCK_STORAGE_API_VERSION", "OS_INTERFACE", "OS_ENDPOINT_TYPE"];

    /// <param name="options">Options given on the command line, by their name in clouds.yaml (<c>auth_url</c>, …).</param>
    /// <exception cref="CliFault">No such cloud or region, or it is not clear which is meant.</exception>
    public static CloudSettings Resolve(IReadOnlyDictionary<string, string> options, Terminal terminal)
    {
        var (path, file) = CloudsFile.Load("clouds", terminal.Variable("OS_CLIENT_CONFIG_FILE"), terminal);
        var (_, secure) = CloudsFile.Load("secure", terminal.Variable("OS_CLIENT_SECURE_FILE"), terminal);
        var clouds = CloudsFile.Merge(file, secure)["clouds"] as JsonObject ?? [];

        var fromVariables = Variables(terminal);
        var variablesName = terminal.Variable("OS_CLOUD_NAME") ?? "envvars";
        if (fromVariables is not null)
        {
            if (clouds.ContainsKey(variablesName))
                throw new CliFault($"{path} has a cloud named {variablesName}, which is also the name of the one made of the OS_ variables. Rename one of them (OS_CLOUD_NAME).");
            clouds[variablesName] = fromVariables;
        }

        var name = options.GetValueOrDefault("cloud") ?? terminal.Variable("OS_CLOUD")
            ?? (fromVariables is not null ? variablesName : clouds.Count == 1 ? clouds.First().Key : null);
        if (name is null && clouds.Count > 1 && !options.Keys.Any(k => k is "endpoint" or "auth_url"))
            throw new CliFault($"{path} has several clouds ({string.Join(", ", clouds.Select(c => c.Key))}): choose one with --os-cloud or OS_CLOUD.");
        if (name is not null && !clouds.ContainsKey(name))
            throw new CliFault($"Cloud {name} was not found" + (path is null ? ": there is no clouds.yaml." : $" in {path}."));

        var cloud = name is null ? [] : (JsonObject?)clouds[name]?.DeepClone() ?? [];
        var values = Flatten(WithProfile(cloud, terminal));
        PickRegion(cloud, values, options.GetValueOrDefault("region_name") ?? terminal.Variable("OS_REGION_NAME"), name);
        foreach (var key in new[] { "volume_api_version", "interface" })
            if (!values.ContainsKey(key) && terminal.Variable("OS_" + key.ToUpperInvariant()) is { } said) values[key] = said;
        foreach (var (key, value) in options) values[key] = value;
        Modernize(values);
        return new CloudSettings(name ?? "defaults", values);
    }

    static JsonObject? Variables(Terminal terminal)
    {
        var ours = terminal.Environment.Where(v => v.Key.StartsWith("OS_", StringComparison.Ordinal) && v.Value.Length > 0
            && !v.Key.StartsWith("OS_TEST", StringComparison.Ordinal) && !v.Key.StartsWith("OS_STD", StringComparison.Ordinal)
            && !v.Key.StartsWith("OS_LOG", StringComparison.Ordinal)).ToList();
        return ours.All(v => Selectors.Contains(v.Key))
            ? null
            : new JsonObject(ours.Select(v => KeyValuePair.Create(v.Key[3..].ToLowerInvariant(), (JsonNode?)JsonValue.Create(v.Value))));
    }

    /// <summary>A profile of clouds-public.yaml lies under the cloud that names it.</summary>
    static JsonObject WithProfile(JsonObject cloud, Terminal terminal)
    {
        if ((Text(cloud["profile"]) ?? Text(cloud["cloud"])) is not { } profile) return cloud;
        var (_, vendors) = CloudsFile.Load("clouds-public", null, terminal);
        return vendors["public-clouds"]?[profile] is JsonObject under
            ? CloudsFile.Merge((JsonObject)under.DeepClone(), cloud)
            : cloud;
    }

    /// <summary>One level of names; <c>auth</c>'s members win over the cloud's own of the same name.</summary>
    static Dictionary<string, string> Flatten(JsonObject cloud)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var source in new[] { cloud, cloud["auth"] as JsonObject ?? [] })
            foreach (var (key, value) in source)
                if (Text(value) is { } text) values[Name(key)] = text;
        return values;
    }

    static void PickRegion(JsonObject cloud, Dictionary<string, string> values, string? wanted, string? name)
    {
        if (cloud["regions"] is JsonArray { Count: > 0 } regions)
        {
            var known = regions.Select(r => (Name: Text(r) ?? Text(r?["name"]) ?? "", Values: r is JsonObject o ? o["values"] as JsonObject : null)).ToList();
            var (region, own) = wanted is null ? known[0] : known.Find(r => r.Name == wanted);
            if (region is null)
                throw new CliFault($"Region {wanted} is not a region of cloud {name}: it has {string.Join(", ", known.Select(r => r.Name))}.");
            foreach (var (key, value) in Flatten(own ?? [])) values[key] = value;
            values["region_name"] = region;
        }
        else if (wanted is not null) values["region_name"] = wanted;
    }

    /// <summary>Older names (tenant_name, auth_token, one domain for user and project) become today's (loader.py, magic_fixes).</summary>
    static void Modernize(Dictionary<string, string> values)
    {
        foreach (var (old, today) in new[]
        {
            ("tenant_name", "project_name"), ("tenant_id", "project_id"), ("auth_token", "token"), ("user_name", "username"),
            ("auth_plugin", "auth_type"), ("ca_file", "cacert"),
        })
            if (values.Remove(old, out var value)) values.TryAdd(today, value);
        if (!values.ContainsKey("project_name") && !values.ContainsKey("project_id")) return;
        foreach (var kind in new[] { "domain_id", "domain_name" })
            if (values.Remove(kind, out var domain))
            {
                values.TryAdd("user_" + kind, domain);
                values.TryAdd("project_" + kind, domain);
            }
    }

    static string Name(string key) => key.Replace('-', '_').ToLowerInvariant();

    static string? Text(JsonNode? node) => node is JsonValue ? PythonText.Str(node) : null;
}
