using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance;

/// <summary>A daemon with one of each thing that a route may be about.</summary>
public sealed class Things : Clinkerd
{
    /// <summary>By the first segment of a route's path.</summary>
    readonly Dictionary<string, string> ids = [];

    internal Tables Tables { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Tables = new Tables(Database);
        ids["volumes"] = await Volume("""
            "size": 1, "name": "kept", "description": "as it is", "metadata": {"key": "value"}
            """);
        ids["snapshots"] = await Snapshot($"\"volume_id\": \"{ids["volumes"]}\", \"name\": \"kept\", \"metadata\": {{\"key\": \"value\"}}");
        ids["types"] = (string)(await Made("types", """
            {"volume_type": {"name": "kept", "os-volume-type-access:is_public": false, "extra_specs": {"key": "value"}}}
            """))["volume_type"]!["id"]!;
        var guest = await Wire.Send("POST", $"/v3/admin/types/{ids["types"]}/action", """{"addProjectAccess": {"project": "guest"}}""");
        Assert.Equal(202, guest.Status);
        await Made("types", """{"volume_type": {"name": "nowhere", "extra_specs": {"volume_backend_name": "no such backend"}}}""");
        await Volume("\"size\": 1, \"volume_type\": \"nowhere\"", expected: "error");
        ids["messages"] = (string)(await Wire.Get("/v3/admin/messages", "3.3")).Json["messages"]![0]!["id"]!;
        ids["operations"] = (string)(await Wire.Get("/v3/admin/operations")).Json["operations"]![0]!["id"]!;
        ids["extensions"] = "backups";
    }

    /// <summary>A route's path with ids of things that are there, below a project.</summary>
    internal string Path(Route route) => Path(route, Variables(route));

    /// <summary>What stands for a route's variables, in order.</summary>
    internal string[] Variables(Route route)
    {
        var segments = route.Path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var key = segments is ["volumes", _, "encryption", ..] ? "encryption_key_id" : "key";
        return [.. segments.Where(s => s[0] == '{').Select((s, i) => i > 0 ? key : ids.TryGetValue(segments[0], out var id)
            ? id
            : throw new InvalidOperationException($"Nothing stands for {s} in {route.Path}: the daemon of the tests needs one of {segments[0]}."))];
    }

    internal static string Path(Route route, string[] variables)
    {
        var i = 0;
        return "/v3/admin/" + string.Join('/', route.Path.Split('/', StringSplitOptions.RemoveEmptyEntries)
            .Select(s => s[0] == '{' ? variables[i++] : s)) + (route.Key is null ? "" : "/action");
    }

    async Task<JsonNode> Made(string collection, string body)
    {
        var answer = await Wire.Send("POST", $"/v3/admin/{collection}", body, "3.70");
        Assert.True(answer.Status is 200 or 202, answer.Text);
        return answer.Json;
    }
}

/// <summary>Tests that share one daemon, one after the other: each compares what is there before and after.</summary>
[CollectionDefinition(Name)]
public sealed class OneDaemon : ICollectionFixture<Things>
{
    public const string Name = "one daemon";
}
