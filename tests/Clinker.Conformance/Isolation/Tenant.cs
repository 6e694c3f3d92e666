using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>A project with one or more of each thing that belongs to a project, all with words that nobody else has.</summary>
/// <param name="admin">Who makes types and sets limits.</param>
/// <param name="roles">Of the user who makes the rest.</param>
sealed class Tenant(TwoProjects daemon, Wire admin, string roles)
{
    readonly Dictionary<string, string> ids = [];
    readonly List<string> words = [], servers = [];

    public string Project { get; } = Marks.Id().ToString("n");

    public string User { get; } = Marks.Id().ToString("n");

    /// <summary>Servers that have volumes of it, the newest last.</summary>
    public IReadOnlyList<string> Servers => servers;

    /// <summary>As its user, or as another one of the project.</summary>
    public Wire As(string role) => new(daemon.Port) { Token = $"{User}:{Project}:{role}" };

    public Wire Wire => As(roles);

    /// <summary>What may be told apart from every other word: names, descriptions, keys and values of metadata.</summary>
    public IReadOnlyList<string> Words => words;

    /// <summary>By the first segment of their routes' paths: the newest of a kind.</summary>
    public IReadOnlyDictionary<string, string> Ids => ids;

    /// <summary>Kinds of which there are only the project's own to be seen.</summary>
    public static readonly IReadOnlyList<string> Kinds =
    [
        "volumes", "snapshots", "backups", "attachments", "volume-transfers", "os-volume-transfer", "groups", "group_snapshots",
        "consistencygroups", "cgsnapshots", "messages",
    ];

    /// <summary>Makes one more of everything.</summary>
    public async Task Make()
    {
        var about = $"\"name\": \"{Word()}\", \"description\": \"{Word()}\"";
        var entry = Word();
        var more = $"{about}, \"metadata\": {{\"{entry}\": \"{entry}\"}}";
        const string plain = "\"volume_type\": \"__DEFAULT__\"";
        ids["volumes"] = await New("volumes", $$"""{"volume": {"size": 1, {{plain}}, {{more}}} }""", "volume");
        ids["snapshots"] = await New("snapshots", $$"""{"snapshot": {"volume_id": "{{ids["volumes"]}}", {{more}}} }""", "snapshot");
        ids["backups"] = await New("backups", $$"""{"backup": {"volume_id": "{{ids["volumes"]}}", {{more}}, "container": "{{Word()}}"} }""", "backup");
        servers.Add(Marks.Id().ToString());
        var used = await New("volumes", $$"""{"volume": {"size": 1, {{plain}}, {{more}}} }""", "volume");
        ids["attachments"] = await New("attachments", $$"""
            {"attachment": {"volume_uuid": "{{used}}", "instance_uuid": "{{servers[^1]}}", "connector": {"host": "{{Word()}}"} } }
            """, "attachment");
        var offered = await New("volumes", $$"""{"volume": {"size": 1, {{plain}}, {{more}}} }""", "volume");
        ids["volume-transfers"] = ids["os-volume-transfer"] =
            await New("volume-transfers", $$"""{"transfer": {"volume_id": "{{offered}}", "name": "{{Word()}}"} }""", "transfer");
        ids["groups"] = await New("groups", $$"""
            {"group": { {{about}}, "group_type": "{{daemon.GroupType}}", "volume_types": ["__DEFAULT__"]} }
            """, "group");
        await New("volumes", $$"""{"volume": {"size": 1, {{plain}}, {{more}}, "group_id": "{{ids["groups"]}}"} }""", "volume");
        ids["group_snapshots"] = await New("group_snapshots", $$"""{"group_snapshot": {"group_id": "{{ids["groups"]}}", {{about}}} }""", "group_snapshot");
        ids["consistencygroups"] = await New("consistencygroups", $$"""{"consistencygroup": { {{about}}, "volume_types": "__DEFAULT__"} }""", "consistencygroup");
        await New("volumes", $$"""{"volume": {"size": 1, {{plain}}, {{more}}, "consistencygroup_id": "{{ids["consistencygroups"]}}"} }""", "volume");
        ids["cgsnapshots"] = await New("cgsnapshots", $$"""{"cgsnapshot": {"consistencygroup_id": "{{ids["consistencygroups"]}}", {{about}}} }""", "cgsnapshot");
        var failed = await New("volumes", $$"""{"volume": {"size": 1, "volume_type": "nowhere", {{more}}} }""", "volume");
        ids["messages"] = (string)(await Wire.Get($"/v3/messages?resource_uuid={failed}", "3.71")).Json["messages"]![0]!["id"]!;
    }

    /// <summary>What an admin does for it: a type of its own, by default too, and limits.</summary>
    public async Task MakeByAdmin()
    {
        var word = Word();
        var type = await Done(admin, "POST", "/v3/types", $$"""
            {"volume_type": {"name": "{{Word()}}", "description": "{{Word()}}", "os-volume-type-access:is_public": false, "extra_specs": {"{{word}}": "{{word}}"} } }
            """);
        ids["types"] = (string)type["volume_type"]!["id"]!;
        await Done(admin, "POST", $"/v3/types/{ids["types"]}/action", $$"""{"addProjectAccess": {"project": "{{Project}}"} }""");
        await Done(admin, "PUT", $"/v3/default-types/{Project}", $$"""{"default_type": {"volume_type": "{{ids["types"]}}"} }""");
        await Done(admin, "PUT", $"/v3/os-quota-sets/{Project}", """{"quota_set": {"volumes": 71717, "gigabytes": 81818}}""");
    }

    /// <summary>All that can be read of it, by where it is read.</summary>
    public async Task<Dictionary<string, string>> Everything()
    {
        string[] lists =
        [
            "volumes/detail", "snapshots/detail", "backups/detail", "attachments/detail", "volume-transfers/detail", "groups/detail?list_volume=1",
            "group_snapshots/detail", "consistencygroups/detail", "cgsnapshots/detail", "messages", "types", "volumes/summary", "limits",
            $"os-quota-sets/{Project}?usage=true",
        ];
        var all = new Dictionary<string, string>();
        foreach (var target in lists.Concat(ids.Select(i => $"{i.Key}/{i.Value}")))
        {
            var answer = await Wire.Get("/v3/" + target, "3.71");
            Assert.True(answer.Status == 200, $"{target}: {answer}");
            all[target] = answer.Text;
        }
        return all;
    }

    string Word()
    {
        words.Add(Marks.New());
        return words[^1];
    }

    /// <summary>Makes something; its id, once it is made.</summary>
    public async Task<string> New(string collection, string body, string member)
    {
        var id = (string)(await Done(Wire, "POST", "/v3/" + collection, body))[member]!["id"]!;
        if (member is "attachment" or "transfer") return id;
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(5))
        {
            var now = (await Wire.Get($"/v3/{collection}/{id}", "3.71")).Json[member]!;
            if ((string)now["status"]! is not "creating") return id;
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"{member} {id} is not made:\n{daemon.Log}");
        }
    }

    static async Task<JsonNode> Done(Wire wire, string method, string target, string body)
    {
        var answer = await wire.Send(method, target, body, "3.71");
        Assert.True(answer.Status is 200 or 202, string.Create(CultureInfo.InvariantCulture, $"{method} {target}: {answer}"));
        return answer.Text.Length == 0 ? new JsonObject() : answer.Json;
    }
}
