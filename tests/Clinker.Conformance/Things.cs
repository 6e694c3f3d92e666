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
        ids["backups"] = (string)(await Made("backups", $$"""
            {"backup": {"volume_id": "{{ids["volumes"]}}", "name": "kept", "metadata": {"key": "value"} } }
            """))["backup"]!["id"]!;
        Assert.Equal("available", await Settled(ids["backups"], kind: "backup"));
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
        await Made($"types/{ids["types"]}/encryption", """{"encryption": {"provider": "luks", "control_location": "front-end"}}""");
        ids["qos-specs"] = (string)(await Made("qos-specs", """{"qos_specs": {"name": "kept", "key": "value"}}"""))["qos_specs"]!["id"]!;
        ids["group_types"] = (string)(await Made("group_types", """
            {"group_type": {"name": "kept", "group_specs": {"key": "value"}}}
            """))["group_type"]!["id"]!;
        ids["os-quota-sets"] = "admin";
        ids["os-quota-class-sets"] = "default";
        ids["default-types"] = "guest";
        var own = await Wire.Send("PUT", "/v3/admin/default-types/guest", """{"default_type": {"volume_type": "nowhere"}}""", "3.62");
        Assert.Equal(200, own.Status);
        var offered = await Volume("\"size\": 1");
        ids["volume-transfers"] = ids["os-volume-transfer"] =
            (string)(await Made("volume-transfers", $$"""{"transfer": {"volume_id": "{{offered}}", "name": "kept"} }"""))["transfer"]!["id"]!;
        ids["os-hosts"] = ids["capabilities"] = (string)(await Wire.Get("/v3/admin/os-services?binary=cinder-volume")).Json["services"]![0]!["host"]!;
        ids["clusters"] = "none";
        const string Types = "\"volume_types\": [\"__DEFAULT__\"]";
        ids["groups"] = (string)(await Made("groups", $$"""{"group": {"name": "kept", "group_type": "kept", {{Types}}} }"""))["group"]!["id"]!;
        await Volume($"\"size\": 1, \"volume_type\": \"__DEFAULT__\", \"group_id\": \"{ids["groups"]}\"");
        ids["group_snapshots"] = (string)(await Made(
            "group_snapshots", $$"""{"group_snapshot": {"group_id": "{{ids["groups"]}}"} }"""))["group_snapshot"]!["id"]!;
        ids["consistencygroups"] = (string)(await Made(
            "consistencygroups", """{"consistencygroup": {"name": "kept", "volume_types": "__DEFAULT__"}}"""))["consistencygroup"]!["id"]!;
        await Volume($"\"size\": 1, \"volume_type\": \"__DEFAULT__\", \"consistencygroup_id\": \"{ids["consistencygroups"]}\"");
        ids["cgsnapshots"] = (string)(await Made(
            "cgsnapshots", $$"""{"cgsnapshot": {"consistencygroup_id": "{{ids["consistencygroups"]}}"} }"""))["cgsnapshot"]!["id"]!;
        Assert.Equal("available", await Settled(ids["cgsnapshots"], kind: "cgsnapshot"));
        var attached = await Volume("\"size\": 1, \"name\": \"attached\"");
        ids["attachments"] = (string)(await Made("attachments", $$"""{"attachment": {"volume_uuid": "{{attached}}"} }"""))["attachment"]!["id"]!;
    }

    /// <summary>A route's path with ids of things that are there, below a project.</summary>
    internal string Path(Route route) => Path(route, Variables(route));

    /// <summary>
    /// Whether a variable is a name that need not be known: a project's, a class's; or one that is not looked at (clients say
    /// "provider" for the id of a type's encryption).
    /// </summary>
    internal static bool TakesAnything(Route route, int variable) => variable == 0
        ? route.Path.Split('/')[1] is "os-quota-sets" or "os-quota-class-sets" || route.Name is "default_type_set" or "default_type_unset"
        : route.Name is "type_encryption_update" or "type_encryption_delete";

    /// <summary>What stands for a route's variables, in order.</summary>
    internal string[] Variables(Route route)
    {
        var segments = route.Path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var key = !segments.Contains("encryption") ? "key" : segments[0] == "volumes" ? "encryption_key_id" : "provider";
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
