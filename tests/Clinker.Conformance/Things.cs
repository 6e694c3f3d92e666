using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance;

/// <summary>A daemon with one of each thing that a route may be about.</summary>
public class Things : Clinkerd
{
    /// <summary>By the first segment of a route's path.</summary>
    readonly Dictionary<string, string> ids = [];

    internal Tables Tables { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Tables = new Tables(Database);
        await Made("types", """{"volume_type": {"name": "nowhere", "extra_specs": {"volume_backend_name": "no such backend"}}}""");
        foreach (var segment in Segments) await Renew(segment);
    }

    /// <summary>What routes are about, each before what is made of it.</summary>
    public static readonly IReadOnlyList<string> Segments =
    [
        "volumes", "snapshots", "backups", "types", "messages", "operations", "extensions", "qos-specs", "group_types", "os-quota-sets",
        "os-quota-class-sets", "default-types", "volume-transfers", "os-volume-transfer", "os-hosts", "capabilities", "clusters", "groups",
        "group_snapshots", "consistencygroups", "cgsnapshots", "attachments",
    ];

    /// <summary>Makes one more, which routes are about from now on.</summary>
    public async Task Renew(string segment) => ids[segment] = segment switch
    {
        "volumes" => await Volume("""
            "size": 1, "name": "kept", "description": "as it is", "metadata": {"key": "value"}
            """),
        "snapshots" => await Snapshot($"\"volume_id\": \"{ids["volumes"]}\", \"name\": \"kept\", \"metadata\": {{\"key\": \"value\"}}"),
        "backups" => await Backup(),
        "types" => await Type(),
        "messages" => await Message(),
        "operations" => (string)(await Wire.Get("/v3/admin/operations")).Json["operations"]![0]!["id"]!,
        "extensions" => "backups",
        "qos-specs" => await IdOf("qos-specs", "qos_specs", $$"""{"qos_specs": {"name": "{{Unique}}", "key": "value"} }"""),
        "group_types" => await IdOf("group_types", "group_type", $$"""{"group_type": {"name": "{{Unique}}", "group_specs": {"key": "value"} } }"""),
        "os-quota-sets" => "admin",
        "os-quota-class-sets" => "default",
        "default-types" => await DefaultType(),
        "volume-transfers" or "os-volume-transfer" => await IdOf(
            "volume-transfers", "transfer", $$"""{"transfer": {"volume_id": "{{await Volume("\"size\": 1")}}", "name": "kept"} }"""),
        "os-hosts" or "capabilities" => (string)(await Wire.Get("/v3/admin/os-services?binary=cinder-volume")).Json["services"]![0]!["host"]!,
        "clusters" => "none",
        "groups" => await Group(),
        "group_snapshots" => await IdOf("group_snapshots", "group_snapshot", $$"""{"group_snapshot": {"group_id": "{{ids["groups"]}}"} }"""),
        "consistencygroups" => await ConsistencyGroup(),
        "cgsnapshots" => await CgSnapshot(),
        "attachments" => await IdOf(
            "attachments", "attachment", $$"""{"attachment": {"volume_uuid": "{{await Volume("\"size\": 1, \"name\": \"attached\"")}}"} }"""),
        _ => throw new InvalidOperationException($"The daemon of the tests needs one of {segment}."),
    };

    string Unique => $"kept {++made}";
    int made;

    async Task<string> Backup()
    {
        var id = await IdOf("backups", "backup", $$"""
            {"backup": {"volume_id": "{{ids["volumes"]}}", "name": "kept", "metadata": {"key": "value"} } }
            """);
        Assert.Equal("available", await Settled(id, kind: "backup"));
        return id;
    }

    async Task<string> Type()
    {
        var id = await IdOf("types", "volume_type", $$"""
            {"volume_type": {"name": "{{Unique}}", "os-volume-type-access:is_public": false, "extra_specs": {"key": "value"} } }
            """);
        var guest = await Wire.Send("POST", $"/v3/admin/types/{id}/action", """{"addProjectAccess": {"project": "guest"}}""");
        Assert.Equal(202, guest.Status);
        await Made($"types/{id}/encryption", """{"encryption": {"provider": "luks", "control_location": "front-end"}}""");
        return id;
    }

    async Task<string> Message()
    {
        var failed = await Volume("\"size\": 1, \"volume_type\": \"nowhere\"", expected: "error");
        return (string)(await Wire.Get($"/v3/admin/messages?resource_uuid={failed}", "3.5")).Json["messages"]![0]!["id"]!;
    }

    async Task<string> DefaultType()
    {
        var own = await Wire.Send("PUT", "/v3/admin/default-types/guest", """{"default_type": {"volume_type": "nowhere"}}""", "3.62");
        Assert.Equal(200, own.Status);
        return "guest";
    }

    async Task<string> Group()
    {
        var id = await IdOf("groups", "group", $$"""{"group": {"name": "kept", "group_type": "{{ids["group_types"]}}", "volume_types": ["__DEFAULT__"]} }""");
        await Volume($"\"size\": 1, \"volume_type\": \"__DEFAULT__\", \"group_id\": \"{id}\"");
        return id;
    }

    async Task<string> ConsistencyGroup()
    {
        var id = await IdOf("consistencygroups", "consistencygroup", """{"consistencygroup": {"name": "kept", "volume_types": "__DEFAULT__"}}""");
        await Volume($"\"size\": 1, \"volume_type\": \"__DEFAULT__\", \"consistencygroup_id\": \"{id}\"");
        return id;
    }

    async Task<string> CgSnapshot()
    {
        var id = await IdOf("cgsnapshots", "cgsnapshot", $$"""{"cgsnapshot": {"consistencygroup_id": "{{ids["consistencygroups"]}}"} }""");
        Assert.Equal("available", await Settled(id, kind: "cgsnapshot"));
        return id;
    }

    async Task<string> IdOf(string collection, string member, string body) => (string)(await Made(collection, body))[member]!["id"]!;

    /// <summary>The id of the one that routes are about now.</summary>
    public string Id(string segment) => ids[segment];

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
