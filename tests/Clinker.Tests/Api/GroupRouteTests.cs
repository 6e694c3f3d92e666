using System.Text.Json;
using Clinker.Groups;
using Clinker.Quotas;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class GroupRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";
    const string Stranger = "u:other:member";
    const string Default = "__DEFAULT__";

    static (int, string) Of(Answered answer) => (answer.Status, answer.Message);

    static JsonElement Group(Answered answer) => answer.Json.GetProperty("group");

    [Fact]
    public async Task A_group_lives_and_goes()
    {
        await using var api = await RunningApi.Start();
        var type = await api.GroupType();
        var made = await api.Post("groups", $$"""
            {"group": {"name": " g ", "description": "d", "group_type": "gt", "volume_types": ["{{Default}}"], "availability_zone": "nova"} }
            """, "3.13");
        Assert.Equal(202, made.Status);
        var id = Group(made).GetProperty("id").GetString()!;
        Assert.Equal($$$"""{"group":{"id":"{{{id}}}","name":"g"}}""", made.Text);
        var types = (await api.Get("types/default")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        var shown = Group(await api.Get($"groups/{id}?list_volume=true", "3.71"));
        Assert.Equal(("g", "d", "available", "nova", type, types, "disabled", RunningApi.Project, 0), (
            shown.GetProperty("name").GetString(), shown.GetProperty("description").GetString(), shown.GetProperty("status").GetString(),
            shown.GetProperty("availability_zone").GetString(), shown.GetProperty("group_type").GetString(),
            shown.GetProperty("volume_types")[0].GetString(), shown.GetProperty("replication_status").GetString(),
            shown.GetProperty("project_id").GetString(), shown.GetProperty("volumes").GetArrayLength()));
        Assert.Equal(202, (await api.Put($"groups/{id}", """{"group": {"name": "h"}}""", "3.13")).Status);
        Assert.Equal(("h", "d"), (Group(await api.Get($"groups/{id}", "3.13")).GetProperty("name").GetString(),
            Group(await api.Get($"groups/{id}", "3.13")).GetProperty("description").GetString()));
        Assert.Equal((400, $"Invalid group: Cannot update group {id} because no valid name, description, add_volumes, or remove_volumes were provided."),
            Of(await api.Put($"groups/{id}", """{"group": {"name": "h"}}""", "3.13")));
        Assert.Equal(404, (await api.Get($"groups/{id}", "3.12")).Status);
        Assert.Equal(1, await api.Db.Read(tx => tx.Quotas.InUse(RunningApi.Project, "groups")));
        Assert.Equal("Target group type is still in use.", (await api.Delete($"group_types/{type}", "3.13")).Message);
        Assert.Equal((202, ""), ((await api.DeleteGroup(id, withVolumes: false)).Status, ""));
        Assert.Equal((404, $"Group {id} could not be found."), Of(await api.Get($"groups/{id}", "3.13")));
        Assert.Equal(0, await api.Db.Read(tx => tx.Quotas.InUse(RunningApi.Project, "groups")));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task What_can_not_be_is_refused()
    {
        await using var api = await RunningApi.Start(new() { Quotas = new QuotaLimits(Groups: 1) });
        await api.GroupType();
        Assert.Equal((404, $"Group type {Missing} could not be found."), Of(await Make(Missing, Default)));
        Assert.Equal((404, "Group type with name nobody could not be found."), Of(await Make("nobody", Default)));
        Assert.Equal((404, "Volume type with name nobody could not be found."), Of(await Make("gt", "nobody")));
        Assert.Equal((400, "Availability zone 'mars' is invalid."), Of(await Make("gt", Default, ", \"availability_zone\": \"mars\"")));
        var reserved = await Make("default_cgsnapshot_type", Default);
        Assert.EndsWith("is reserved for migrating CGs to groups. Migrated group can only be operated by CG APIs.", reserved.Message, StringComparison.Ordinal);
        Assert.Equal(400, reserved.Status);
        Assert.Equal("Invalid input for field/attribute volume_types. Value: []. [] is too short",
            (await api.Post("groups", """{"group": {"group_type": "gt", "volume_types": []}}""", "3.13")).Message);
        Assert.Equal(202, (await Make("gt", Default)).Status);
        Assert.Equal((413, "GroupLimitExceeded: Maximum number of groups allowed (1) exceeded for quota 'groups'."), Of(await Make("gt", Default)));
        Task<Answered> Make(string type, string of, string more = "") =>
            api.Post("groups", $$"""{"group": {"group_type": "{{type}}", "volume_types": ["{{of}}"]{{more}}} }""", "3.13");
    }

    [Fact]
    public async Task Volumes_come_and_go()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var group = await api.Group();
        var (a, b) = (await api.Volume(), await api.Volume());
        Assert.Equal((400, $"Invalid volume: Cannot add volume {a} to group {group} because volume is in an invalid state: creating. Valid "
            + "states are: ('available', 'in-use')."), Of(await Change(group, a)));
        await api.Available(a);
        await api.Available(b, "in-use");
        Assert.Equal(202, (await Change(group, $"{a},{b},")).Status);
        Assert.Equal([a, b], await Members());
        var shown = (await api.Get($"volumes/{a}", "3.13")).Json.GetProperty("volume");
        Assert.Equal((group, JsonValueKind.Null), (shown.GetProperty("group_id").GetString(), shown.GetProperty("consistencygroup_id").ValueKind));
        Assert.StartsWith("Invalid volume: Volume status must be available or error", (await api.Delete($"volumes/{a}")).Message, StringComparison.Ordinal);
        Assert.Equal((400, $"Invalid volume: UUIDs ['{a}'] are in both add and remove volume list."), Of(await Change(group, a, a)));
        Assert.Equal((400, $"Invalid volume: Cannot add volume {Missing} to group {group} because volume cannot be found."), Of(await Change(group, Missing)));
        Assert.Equal((400, $"Invalid volume: Cannot remove volume {Missing} from group {group} because it is not in the group."),
            Of(await Change(group, remove: Missing)));
        var other = await api.Group();
        Assert.Equal((400, $"Invalid volume: Cannot add volume {a} to group {other} because it is already in group {group}."), Of(await Change(other, a)));
        Assert.Equal((400, "Invalid volume: transferring a volume that is part of a group is not supported"),
            Of(await api.Post("os-volume-transfer", $$"""{"transfer": {"volume_id": "{{a}}"} }""")));
        Assert.Equal(202, (await Change(group, remove: $"{a},{b}")).Status);
        Assert.Empty(await Members());

        var foreign = await api.Volume(path: "/v3/other/volumes");
        await api.Available(foreign);
        Assert.Equal((400, $"Invalid volume: Cannot add volume {foreign} to group {group} because volume cannot be found."),
            Of(await Change(group, foreign, token: $"u:{RunningApi.Project}:member")));
        var far = await api.Volume();
        await api.Available(far);
        await api.Db.Commit(tx => tx.Volumes.SetHost(far, "h2@b2#p"));
        Assert.Equal(202, (await Change(group, a)).Status);
        Assert.Equal((400, "Invalid volume: Volume is not local to this node."), Of(await Change(group, far)));
        await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        var gold = await api.Volume(more: ", \"volume_type\": \"gold\"");
        await api.Available(gold);
        Assert.EndsWith("is not supported by the group.", (await Change(group, gold)).Message, StringComparison.Ordinal);
        Task<Answered> Change(string id, string add = "", string remove = "", string? token = null) =>
            api.Put($"groups/{id}", $$"""{"group": {"add_volumes": "{{add}}", "remove_volumes": "{{remove}}"} }""", "3.13", token);
        async Task<List<string?>> Members() =>
            [.. Group(await api.Get($"groups/{group}?list_volume=1", "3.25")).GetProperty("volumes").EnumerateArray().Select(v => v.GetString())];
    }

    [Fact]
    public async Task While_a_group_is_deleted_the_statuses_of_its_volumes_are_not_for_the_taking()
    {
        await using var api = await RunningApi.Start();
        var group = await api.Group();
        var volume = await api.Volume();
        await api.Available(volume);
        Assert.Equal(202, (await api.Put($"groups/{group}", $$"""{"group": {"add_volumes": "{{volume}}"} }""", "3.13")).Status);
        Assert.Equal(202, (await api.DeleteGroup(group, withVolumes: true)).Status);
        Assert.Equal((409, $"Volume {volume} has an operation under way, which will settle its status."),
            Of(await api.Post($"volumes/{volume}/action", """{"os-reset_status": {"status": "available"}}""")));
    }

    [Fact]
    public async Task A_volume_is_made_in_a_group_that_takes_its_type()
    {
        await using var api = await RunningApi.Start();
        var group = await api.Group();
        Assert.Equal((404, $"Group {Missing} could not be found."), Of(await Make(Missing)));
        Assert.Equal((400, "Invalid input received: volume_type must be provided when creating a volume in a group."), Of(await Make(group)));
        await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        Assert.EndsWith("(requested type must be supported by this group).", (await Make(group, ", \"volume_type\": \"gold\"")).Message, StringComparison.Ordinal);
        var made = await Make(group, $", \"volume_type\": \"{Default}\"");
        Assert.Equal((202, group), (made.Status, made.Json.GetProperty("volume").GetProperty("group_id").GetString()));
        Assert.Equal((400, $"Invalid group: Group {group} has an operation under way."), Of(await api.DeleteGroup(group)));
        await api.Db.Commit(tx => tx.Groups.Reset(group, "error"));
        Assert.Equal((400, "Invalid group: Group status must be available, but current status is: error."), Of(await Make(group, $", \"volume_type\": \"{Default}\"")));
        Task<Answered> Make(string of, string more = "") => api.Post("volumes", $$"""{"volume": {"size": 1, "group_id": "{{of}}"{{more}}} }""", "3.13");
    }

    public static TheoryData<string> Statuses() => [.. GroupStatus.OfGroups];

    [Theory, MemberData(nameof(Statuses))]
    public async Task What_may_be_done_hangs_on_the_status(string status)
    {
        await using var api = await RunningApi.Start();
        var (group, _) = await api.GroupOf(1);
        var empty = await api.Group();
        foreach (var id in (string[])[group, empty])
            Assert.Equal(202, (await api.Post($"groups/{id}/action", $$"""{"reset_status": {"status": "{{status.ToUpperInvariant()}}"} }""", "3.20")).Status);
        var words = $"Invalid group: Group status must be available, but current status is: {status}.";
        Said(GroupRules.Update, await api.Put($"groups/{empty}", """{"group": {"name": "new"}}""", "3.13"), words);
        Said(GroupRules.Clone, await api.Post("groups/action", $$"""{"create-from-src": {"source_group_id": "{{group}}"} }""", "3.14"), words);
        await api.Ended();
        Said(GroupRules.Delete, await api.DeleteGroup(empty, withVolumes: false),
            $"Invalid group: Group status must be available or error, but current status is: {status}");
        Assert.Equal(202, (await api.DeleteGroup(group)).Status);
        Assert.Equal("deleting", Group(await api.Get($"groups/{group}", "3.13")).GetProperty("status").GetString());
        Assert.Equal((409, $"Group {group} has an operation under way, which will settle its status."),
            Of(await api.Post($"groups/{group}/action", """{"reset_status": {"status": "error"}}""", "3.20")));
        void Said(Rule rule, Answered answer, string refusal)
        {
            if (rule.Allows(status)) Assert.Equal(202, answer.Status);
            else Assert.Equal((400, refusal), Of(answer));
        }
    }

    [Fact]
    public async Task A_group_goes_with_volumes_that_nothing_keeps()
    {
        await using var api = await RunningApi.Start();
        var (group, volumes) = await api.GroupOf(2);
        Assert.Equal((400, $"Invalid group: Group {group} still contains volumes. The delete-volumes flag is required to delete it."),
            Of(await api.DeleteGroup(group, withVolumes: false)));
        await api.Db.Commit(tx => tx.Volumes.Reset(volumes[1], "in-use", "attached", null));
        Assert.Equal((400, $"Invalid group: Volume in group {group} is attached. Need to detach first."), Of(await api.DeleteGroup(group)));
        await api.Db.Commit(tx => tx.Volumes.Reset(volumes[1], "available", "detached", null));
        var snapshot = await api.Snapshot(volumes[0]);
        await api.SnapshotIs(snapshot);
        Assert.Equal((400, "Invalid group: Volume in group still has dependent snapshots."), Of(await api.DeleteGroup(group)));
        await api.Db.Commit(async tx =>
        {
            await tx.Quotas.GiveBack(await tx.Snapshots.Get(snapshot));
            await tx.Snapshots.Remove(snapshot);
        });
        Assert.Equal(202, (await api.DeleteGroup(group)).Status);
        foreach (var id in volumes) Assert.Equal("deleting", (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("status").GetString());
        api.Work();
        await api.Gone($"groups/{group}");
        Assert.Equal(404, (await api.Get($"volumes/{volumes[0]}")).Status);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task Groups_of_another_project_are_not_there()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var group = await api.Group();
        foreach (var answer in (Answered[])[
            await api.Get($"/v3/other/groups/{group}", "3.13", Stranger),
            await api.Send("PUT", $"/v3/other/groups/{group}", """{"group": {"name": "x"}}""", "3.13", Stranger),
            await api.Send("POST", $"/v3/other/groups/{group}/action", """{"delete": {}}""", "3.13", Stranger),
            await api.Send("POST", "/v3/other/groups/action", $$"""{"create-from-src": {"source_group_id": "{{group}}"} }""", "3.14", Stranger),
            await api.Send("POST", "/v3/other/group_snapshots", $$"""{"group_snapshot": {"group_id": "{{group}}"} }""", "3.14", Stranger),
            await api.Send("POST", "/v3/other/volumes", $$"""{"volume": {"size": 1, "volume_type": "{{Default}}", "group_id": "{{group}}"} }""", "3.13", Stranger)])
            Assert.Equal((404, $"Group {group} could not be found."), Of(answer));
        Assert.Empty((await api.Get("/v3/other/groups", "3.13", Stranger)).Json.GetProperty("groups").EnumerateArray());
        Assert.Single((await api.Get("/v3/other/groups?all_tenants=1", "3.13")).Json.GetProperty("groups").EnumerateArray());
        Assert.Equal(403, (await api.Post($"groups/{group}/action", """{"reset_status": {"status": "error"}}""", "3.20", $"u:{RunningApi.Project}:member")).Status);
        var own = Group(await api.Get($"groups/{group}", "3.58", $"u:{RunningApi.Project}:member"));
        Assert.False(own.TryGetProperty("project_id", out _));
    }

    [Fact]
    public async Task No_backend_replicates()
    {
        await using var api = await RunningApi.Start();
        var group = await api.Group();
        Assert.Equal((400, $"Invalid group type: Group {group} is not a replication group type."), Of(await Act("enable_replication", "3.38")));
        await api.Post("group_types", """{"group_type": {"name": "r", "group_specs": {"group_replication_enabled": "<is> True"}}}""", "3.11");
        group = await api.Group(type: "r");
        Assert.EndsWith("does not have 'replication_enabled' spec key set to '<is> True'.", (await Act("list_replication_targets", "3.71")).Message, StringComparison.Ordinal);
        Assert.Equal(404, (await Act("disable_replication", "3.37")).Status);
        Task<Answered> Act(string key, string version) => api.Post($"groups/{group}/action", $$"""{"{{key}}": {} }""", version);
    }
}
