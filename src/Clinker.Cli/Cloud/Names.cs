using System.Text.Json.Nodes;

namespace Clinker.Cli.Cloud;

/// <summary>Turns what a person wrote, a name or an id, into one resource.</summary>
internal static class Names
{
    /// <summary>The volume of that id, or the only one of that name; an administrator's search goes on in all projects.</summary>
    /// <exception cref="CliFault">There is none, or there are several.</exception>
    public static async Task<JsonObject> Volume(BlockStorage api, string nameOrId, CancellationToken token)
    {
        if (Guid.TryParse(nameOrId, out _) && await api.Try($"volumes/{nameOrId}", token) is { } found) return (JsonObject)found["volume"]!;
        var named = await api.List("volumes/detail", [("name", nameOrId)], "volumes", token);
        if (named.Count == 0)
            named = await api.List("volumes/detail", [("name", nameOrId), ("all_tenants", "True")], "volumes", token);
        return Only(named.Where(v => (string?)v["name"] == nameOrId), "volume", nameOrId);
    }

    /// <summary>The volume type of that id, or of that name.</summary>
    public static async Task<JsonObject> Type(BlockStorage api, string nameOrId, CancellationToken token)
    {
        if (Guid.TryParse(nameOrId, out _) && await api.Try($"types/{nameOrId}", token) is { } found) return (JsonObject)found["volume_type"]!;
        var all = await api.List("types", [("is_public", "None")], "volume_types", token);
        return Only(all.Where(t => (string?)t["name"] == nameOrId), "volume type", nameOrId);
    }

    /// <summary>The snapshot of that id, or the only one of that name.</summary>
    public static async Task<JsonObject> Snapshot(BlockStorage api, string nameOrId, CancellationToken token)
    {
        if (Guid.TryParse(nameOrId, out _) && await api.Try($"snapshots/{nameOrId}", token) is { } found) return (JsonObject)found["snapshot"]!;
        var named = await api.List("snapshots/detail", [("name", nameOrId)], "snapshots", token);
        return Only(named.Where(s => (string?)s["name"] == nameOrId), "snapshot", nameOrId);
    }

    internal static JsonObject Only(IEnumerable<JsonObject> found, string kind, string name) => found.ToList() switch
    {
        [] => throw new CliFault($"No {kind} with a name or ID of '{name}' exists."),
        [var one] => one,
        var many => throw new CliFault($"More than one {kind} exists with the name '{name}'; use one of the IDs: {string.Join(", ", many.Select(m => (string?)m["id"]))}"),
    };
}
