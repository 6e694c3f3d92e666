using System.Text.Json;
using Clinker.Server.Api;
using Clinker.Volumes;
using Microsoft.AspNetCore.Http;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

public sealed class AttachmentRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";

    [Fact]
    public async Task A_volume_is_kept_for_a_server_connected_attached_and_given_back()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        var made = await Create(api, volume);
        Assert.Equal(200, made.Status);
        var id = made.Json.GetProperty("attachment").GetProperty("id").GetString()!;
        Assert.Equal(
            $$"""{"attachment":{"id":"{{id}}","status":"reserved","instance":"{{Instance}}","volume_id":"{{volume}}","attached_at":"","detached_at":"","attach_mode":"null","connection_info":{} } }""".Replace(" ", "", StringComparison.Ordinal),
            made.Text);
        Assert.Equal("reserved", await StatusOf(api, volume));

        var updated = await api.Put($"attachments/{id}", Connector("host1", """, "mountpoint": "/dev/vdb", "enforce_multipath": true"""), Newest);
        Assert.Equal(200, updated.Status);
        var attachment = updated.Json.GetProperty("attachment");
        Assert.Equal(("attaching", "rw", "2026-01-02T03:04:06.000000"), (Text(attachment, "status"), Text(attachment, "attach_mode"), Text(attachment, "attached_at")));
        var info = attachment.GetProperty("connection_info");
        Assert.Equal(["access_mode", "attachment_id", "cacheable", "driver_volume_type", "encrypted", "enforce_multipath", "name", "pool", "qos_specs"],
            info.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal((id, "memory", "rw", "p1", true), (Text(info, "attachment_id"), Text(info, "driver_volume_type"), Text(info, "access_mode"),
            Text(info, "pool"), info.GetProperty("enforce_multipath").GetBoolean()));
        Assert.Equal("attaching", await StatusOf(api, volume));
        Assert.Empty(await AttachmentsOf(api, volume));

        Assert.Equal(204, (await api.Post($"attachments/{id}/action", """{"os-complete": {}}""", "3.44")).Status);
        Assert.Equal("in-use", await StatusOf(api, volume));
        var shown = Assert.Single(await AttachmentsOf(api, volume));
        Assert.Equal(
            $$"""{"id":"{{volume}}","attachment_id":"{{id}}","volume_id":"{{volume}}","server_id":"{{Instance}}","host_name":"host1","device":"/dev/vdb","attached_at":"2026-01-02T03:04:06.000000"}""",
            shown.GetRawText());

        var deleted = await api.Delete($"attachments/{id}", Newest);
        Assert.Equal((200, """{"attachments":[]}"""), (deleted.Status, deleted.Text));
        Assert.Equal("available", await StatusOf(api, volume));
        Assert.Empty(api.Shares.Exports);
        Assert.Equal((404, $"Volume attachment could not be found with filter: attachment_id = {id}."),
            Told(await api.Get($"attachments/{id}", Newest)));
    }

    [Fact]
    public async Task With_a_connector_it_is_connected_at_once()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        var made = await Create(api, volume, more: """, "mode": "ro", "connector": {"host": "host1"}""");
        Assert.Equal((200, "attaching", "ro"), (made.Status, Text(made, "status"), Text(made, "attach_mode")));
        Assert.Equal("ro", made.Json.GetProperty("attachment").GetProperty("connection_info").GetProperty("access_mode").GetString());
        Assert.Equal([(volume, "host1")], api.Shares.Exports.Keys);
    }

    [Fact]
    public async Task What_can_not_be_connected_leaves_all_as_it_was_and_says_why()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Volume();
        await api.Available(volume); // by its row: there is no file
        var failed = await Create(api, volume, more: """, "connector": {"host": "host1"}""");
        Assert.Equal(500, failed.Status);
        Assert.StartsWith("The driver could not attach the volume", failed.Message, StringComparison.Ordinal);
        Assert.Equal("available", await StatusOf(api, volume));
        Assert.Empty(Items(await api.Get("attachments", Newest)));

        var id = Text(await Create(api, volume), "id")!;
        var before = (await api.Get($"attachments/{id}", Newest)).Text;
        Assert.Equal(500, (await api.Put($"attachments/{id}", Connector("host1"), Newest)).Status);
        Assert.Equal(before, (await api.Get($"attachments/{id}", Newest)).Text);
        Assert.Equal("reserved", await StatusOf(api, volume));
        Assert.Empty(api.Shares.Exports);
        Assert.Equal(["VOLUME_VOLUME_002_021", "VOLUME_VOLUME_004_021"],
            (await api.Get("messages", Newest)).Json.GetProperty("messages").EnumerateArray().Select(m => Text(m, "event_id")!).Order());
    }

    [Fact]
    public async Task A_host_goes_only_with_its_last_attachment()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        await MultiattachType(api);
        var volume = await api.Made(""", "volume_type": "many" """);
        var first = await Attached(api, volume, Instance, "host1");
        var second = await Attached(api, volume, OtherInstance, "host1");
        Assert.Equal(2, (await AttachmentsOf(api, volume)).Count);
        var rest = await api.Delete($"attachments/{first}", Newest);
        Assert.Equal(second, Text(Assert.Single(Items(rest)), "id"));
        Assert.Equal([(volume, "host1")], api.Shares.Exports.Keys);
        Assert.Equal("in-use", await StatusOf(api, volume));
        await api.Put($"attachments/{second}", Connector("host2"), Newest); // it moves
        Assert.Equal([(volume, "host2")], api.Shares.Exports.Keys);
        await api.Delete($"attachments/{second}", Newest);
        Assert.Empty(api.Shares.Exports);
        Assert.Equal("available", await StatusOf(api, volume));
    }

    public static TheoryData<string> Statuses() =>
        [.. typeof(VolumeStatus).GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(Statuses))]
    public async Task The_volumes_status_decides(string status)
    {
        await using var api = await RunningApi.Start();
        foreach (var (multiattach, rule) in ((bool, Rule)[])[(false, VolumeRules.Attach), (true, VolumeRules.AttachShared)])
        {
            var volume = await InStatus(api, status, multiattach);
            var answer = await Create(api, volume);
            if (status.Contains("error", StringComparison.Ordinal))
                Assert.Equal((400, "Invalid volume: Volume attachments can not be created if the volume is in an error state. The Volume "
                    + $"{volume} currently has a status of: {status} "), (answer.Status, answer.Message));
            else if (rule.Allows(status)) Assert.Equal(200, answer.Status);
            else
                Assert.Equal((400, $"Invalid volume: Volume {volume} status must be {(multiattach ? "available or in-use or downloading" : "available or downloading")} "
                    + $"to reserve, but the current status is {status}."), (answer.Status, answer.Message));
            Assert.Equal(answer.Status == 200 && status == "available" ? "reserved" : answer.Status == 200 && status == "in-use" ? "reserved" : status,
                await StatusOf(api, volume));
        }
    }

    [Fact]
    public async Task Only_the_same_server_may_have_it_again()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        var first = await Attached(api, volume, Instance, "host1");
        Assert.Equal(400, (await Create(api, volume, OtherInstance)).Status);
        Assert.Equal(400, (await Create(api, volume, server: null)).Status);
        var second = Text(await Create(api, volume), "id");
        Assert.Equal("in-use", await StatusOf(api, volume));
        var refused = await api.Put($"attachments/{second}", Connector("host2"), Newest);
        Assert.Equal((409, $"Resource conflict: duplicate connectors detected on volume {volume}"), Told(refused));
        await api.Delete($"attachments/{first}", Newest);
        Assert.Equal("reserved", await StatusOf(api, volume));
        Assert.Equal(200, (await api.Put($"attachments/{second}", Connector("host2"), Newest)).Status);
    }

    [Fact]
    public async Task While_an_image_is_written_one_server_may_wait_for_it()
    {
        await using var api = await RunningApi.Start();
        var volume = await InStatus(api, "downloading", multiattach: false);
        Assert.Equal(200, (await Create(api, volume)).Status);
        Assert.Equal(400, (await Create(api, volume, OtherInstance)).Status);
        Assert.Equal("downloading", await StatusOf(api, volume));
        await api.Db.Commit(tx => tx.Volumes.Settle(volume, "downloading", "available"));
        Assert.Equal("reserved", await StatusOf(api, volume));
    }

    [Fact]
    public async Task Several_servers_need_a_type_for_it_and_a_rule_when_they_boot_from_it()
    {
        await using var api = await RunningApi.Start(WithTokens);
        api.Work();
        await MultiattachType(api);
        var volume = await api.Made(""", "volume_type": "many" """);
        await Attached(api, volume, Instance, "host1");
        await api.Db.Commit(tx => tx.Execute($"update volume set bootable = {true} where id = {volume}"));
        var reader = $"u:{RunningApi.Project}:reader";
        Assert.Equal((403, "Policy doesn't allow volume:attachment_create to be performed."),
            Told(await Create(api, volume, OtherInstance, token: reader)));
        Assert.Equal(200, (await Create(api, volume, OtherInstance, token: $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal("in-use", await StatusOf(api, volume));
    }

    [Theory, InlineData("True", "ro"), InlineData("False", "rw")]
    public async Task A_volume_that_is_read_only_is_so_for_everyone(string flag, string mode)
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        await api.Db.Commit(tx => tx.Volumes.SetAdminMetadata(volume, new Dictionary<string, string> { ["readonly"] = flag }));
        var made = await Create(api, volume, more: """, "mode": "rw", "connector": {"host": "host1", "mode": "rw"}""");
        Assert.Equal(mode, Text(made, "attach_mode"));
        Assert.Equal(mode, made.Json.GetProperty("attachment").GetProperty("connection_info").GetProperty("access_mode").GetString());
    }

    [Fact]
    public async Task Others_neither_see_nor_touch_it()
    {
        await using var api = await RunningApi.Start(WithTokens);
        api.Work();
        var volume = await api.Made();
        var id = await Attached(api, volume, Instance, "host1");
        const string stranger = "u:abc:member";
        foreach (var (method, path, body) in ((string, string, string?)[])[("GET", "", null), ("DELETE", "", null), ("PUT", "", Connector("h")),
            ("POST", "/action", """{"os-complete": null}""")])
            Assert.Equal(404, (await api.Send(method, $"/v3/abc/attachments/{id}{path}", body, Newest, stranger)).Status);
        Assert.Empty(Items(await api.Get("/v3/abc/attachments/detail", Newest, stranger)));
        Assert.Equal(404, (await api.Post("/v3/abc/attachments", Body(volume, Instance), Newest, stranger)).Status);
        Assert.Empty(Items(await api.Get("/v3/abc/attachments?all_tenants=1", Newest, stranger)));
        Assert.Single(Items(await api.Get("/v3/abc/attachments?all_tenants=1", Newest, "a:abc:admin")));
        // Its own people see it, but not where it is.
        var member = $"u:{RunningApi.Project}:member";
        Assert.Equal(JsonValueKind.Null, Assert.Single(await AttachmentsOf(api, volume, member)).GetProperty("host_name").ValueKind);
        Assert.Equal("host1", Text(Assert.Single(await AttachmentsOf(api, volume, $"u:{RunningApi.Project}:service,reader", "/v3/volumes")), "host_name"));
        Assert.Equal(403, (await api.Delete($"attachments/{id}", Newest, $"u:{RunningApi.Project}:reader")).Status);
    }

    [Fact]
    public async Task They_are_listed_in_pages_and_by_what_they_are()
    {
        await using var api = await RunningApi.Start(WithTokens);
        var ids = new List<string>();
        foreach (var server in (string[])[Instance, Instance, OtherInstance])
        {
            var volume = await api.Volume();
            await api.Available(volume);
            ids.Insert(0, Text(await Create(api, volume, server), "id")!);
        }
        var member = $"u:{RunningApi.Project}:member";
        Assert.Equal(ids, Items(await api.Get("attachments", Newest, member)).Select(a => Text(a, "id")));
        Assert.Equal(["id", "instance", "status", "volume_id"],
            Items(await api.Get("attachments", Newest))[0].EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal(ids[1..], Items(await api.Get($"attachments/detail?instance_id={Instance}", Newest, member)).Select(a => Text(a, "id")));
        Assert.Equal(3, Items(await api.Get("attachments?attach_status=reserved", Newest, member)).Count);
        Assert.Empty(Items(await api.Get("attachments?status=attached", Newest, member)));
        Assert.Equal("Invalid filters attached_host are found in query options.", (await api.Get("attachments?attached_host=x", "3.31", member)).Message);
        Assert.Equal(3, Items(await api.Get("attachments?attached_host=x", "3.30", member)).Count);
        var page = await api.Get("attachments?limit=2", Newest, member);
        Assert.Equal(ids[..2], Items(page).Select(a => Text(a, "id")));
        var next = page.Json.GetProperty("attachments_links")[0].GetProperty("href").GetString()![api.Address.Length..];
        Assert.Equal(ids[2..], Items(await api.Get(next, Newest, member)).Select(a => Text(a, "id")));
        Assert.Equal(404, (await api.Get($"attachments?marker={Missing}", Newest)).Status);
    }

    [Theory]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "x"}}""", "3.27", 400)]
    [InlineData("POST", "attachments", """{"attachment": {"instance_uuid": "11111111-1111-4111-8111-111111111111"}}""", "3.27", 400)]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "11111111-1111-4111-8111-111111111111", "mode": "rw"}}""", "3.53", 400)]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "11111111-1111-4111-8111-111111111111", "mode": "null"}}""", "3.54", 400)]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "11111111-1111-4111-8111-111111111111", "mode": "ro"}}""", "3.54", 404)]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "11111111-1111-4111-8111-111111111111", "connector": {"ip": "1.2.3.4"}}}""", "3.54", 400)]
    [InlineData("POST", "attachments", """{"attachment": {"volume_uuid": "11111111-1111-4111-8111-111111111111"}}""", "3.26", 404)]
    [InlineData("PUT", "attachments/11111111-1111-4111-8111-111111111111", """{"attachment": {"connector": {}}}""", "3.27", 400)]
    [InlineData("PUT", "attachments/11111111-1111-4111-8111-111111111111", """{"attachment": {"connector": {"ip": "1.2.3.4"}}}""", "3.27", 400)]
    [InlineData("PUT", "attachments/11111111-1111-4111-8111-111111111111", """{"attachment": {"connector": {"host": "h"}}}""", "3.27", 404)]
    [InlineData("POST", "attachments/11111111-1111-4111-8111-111111111111/action", """{"os-complete": null}""", "3.43", 404)]
    [InlineData("DELETE", "attachments/11111111-1111-4111-8111-111111111111", null, "3.27", 404)]
    public async Task What_is_asked_wrongly_is_refused(string method, string path, string? body, string version, int status)
    {
        await using var api = await RunningApi.Start();
        Assert.Equal(status, (await api.Send(method, path, body, version)).Status);
    }

    [Fact]
    public async Task An_error_of_the_volume_keeps_hosts_away_but_lets_them_go()
    {
        await using var api = await RunningApi.Start();
        var volume = await InStatus(api, "available", multiattach: false);
        var id = Text(await Create(api, volume), "id");
        await api.Db.Commit(tx => tx.Volumes.Reset(volume, "error", null, null));
        Assert.Equal((409, "Resource conflict: Volume attachments can not be updated if the volume is in an error state. The Volume "
            + $"{volume} currently has a status of: error "), Told(await api.Put($"attachments/{id}", Connector("h"), Newest)));
        Assert.Equal(200, (await api.Delete($"attachments/{id}", Newest)).Status);
        Assert.Equal("error", await StatusOf(api, volume));
    }

    [Fact]
    public async Task What_a_server_uses_goes_by_way_of_the_compute_service()
    {
        await using var api = await RunningApi.Start(new()
        {
            Identity = async (http, project) => (await RunningApi.ByToken(http, project))! with { FromService = http.Request.Headers.ContainsKey("X-Service-Token") },
            ServerUses = a => new(a.ServerId == Instance),
        });
        api.Work();
        var (used, free) = (await api.Made(), await api.Made());
        var id = await Attached(api, used, Instance, "host1");
        await Attached(api, free, OtherInstance, "host1");
        string[] words = ["os-detach", "os-force_detach", "os-terminate_connection"];
        Assert.Equal((409, $"Detach volume from instance {Instance} using the Compute API"), Told(await api.Delete($"attachments/{id}", Newest)));
        foreach (var word in words)
        {
            var body = $$"""{"{{word}}": { {{(word == "os-terminate_connection" ? "\"connector\": {\"host\": \"host1\"}" : "")}} } }""";
            Assert.Equal(409, (await api.Post($"volumes/{used}/action", body)).Status);
            Assert.Equal(202, (await api.Post($"volumes/{free}/action", body)).Status);
        }
        Assert.Equal(200, (await api.Send("DELETE", $"attachments/{id}", null, Newest, null, ("X-Service-Token", "t"))).Status);
    }

    [Fact]
    public async Task Attached_volumes_are_not_deleted_not_even_by_force()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        var id = Text(await Create(api, volume, more: """, "connector": {"host": "host1"}"""), "id");
        await Refused();
        await api.Post($"attachments/{id}/action", """{"os-complete": null}""", Newest);
        await Refused();
        await api.Db.Commit(tx => tx.Volumes.Reset(volume, "error", null, null));
        await Refused();

        // What nobody has yet goes with it.
        var kept = await api.Made();
        await Create(api, kept);
        Assert.Equal(202, (await api.Post($"volumes/{kept}/action", """{"os-force_delete": {}}""")).Status);
        await Soon.Until(async () => (await api.Get($"volumes/{kept}")).Status == 404);
        Assert.Equal(id, Text(Assert.Single(Items(await api.Get("attachments", Newest))), "id"));

        async Task Refused()
        {
            Assert.Equal(400, (await api.Delete($"volumes/{volume}")).Status);
            Assert.Equal(400, (await api.Delete($"volumes/{volume}?force=true", "3.23")).Status);
            Assert.Equal(400, (await api.Post($"volumes/{volume}/action", """{"os-force_delete": {}}""")).Status);
        }
    }

    [Fact]
    public async Task An_admin_may_say_what_it_is()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        Assert.Equal("Cannot reset-state to in-use because volume does not have any attachments.", (await Reset("\"status\": \"in-use\"")).Message);
        await Attached(api, volume, Instance, "host1");
        Assert.Equal(202, (await Reset("\"status\": \"error\"")).Status);
        Assert.Equal(202, (await Reset("\"status\": \"in-use\"")).Status);
        Assert.Equal("in-use", await StatusOf(api, volume));
        Assert.Equal(202, (await Reset("\"attach_status\": \"detached\"")).Status);
        Assert.Equal("available", await StatusOf(api, volume));
        Assert.Empty(Items(await api.Get("attachments", Newest)));
        Task<Answered> Reset(string what) => api.Post($"volumes/{volume}/action", $$"""{"os-reset_status": { {{what}} } }""");
    }
}
