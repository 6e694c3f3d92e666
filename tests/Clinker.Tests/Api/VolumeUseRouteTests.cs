using Clinker.Volumes;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

/// <summary>How volumes were attached before there were attachments to be named.</summary>
public sealed class VolumeUseRouteTests
{
    [Fact]
    public async Task A_volume_is_reserved_connected_attached_and_taken_away_again()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        await Does(api, volume, "os-reserve", "null", 202, "attaching");
        await Does(api, volume, "os-reserve", "null", 400, "attaching");
        await Does(api, volume, "os-unreserve", "null", 202, "available");
        await Does(api, volume, "os-unreserve", "null", 202, "available");
        await Does(api, volume, "os-reserve", "{}", 202, "attaching");

        var told = await Act(api, volume, "os-initialize_connection", """{"connector": {"host": "host1", "ip": "192.168.13.101"}}""");
        Assert.Equal(200, told.Status);
        Assert.Equal(
            """{"connection_info":{"driver_volume_type":"memory","enforce_multipath":false,"data":{"pool":"p1","name":"volume-ID","qos_specs":null,"access_mode":"rw","encrypted":false,"cacheable":false,"enforce_multipath":false}}}""",
            told.Text.Replace(volume, "ID", StringComparison.Ordinal));
        Assert.Equal([(volume, "host1")], api.Shares.Exports.Keys);

        var attach = $$"""{"instance_uuid": "{{Instance}}", "mountpoint": "/dev/vdc"}""";
        await Does(api, volume, "os-attach", attach, 202, "in-use");
        await Does(api, volume, "os-attach", attach, 202, "in-use");
        var attachment = Assert.Single(await AttachmentsOf(api, volume));
        Assert.Equal((Instance, "/dev/vdc"), (Text(attachment, "server_id"), Text(attachment, "device")));
        await Does(api, volume, "os-attach", $$"""{"instance_uuid": "{{OtherInstance}}", "mountpoint": "/dev/vdc"}""", 400, "in-use");

        await Does(api, volume, "os-begin_detaching", "null", 202, "detaching");
        await Does(api, volume, "os-begin_detaching", "null", 400, "detaching");
        await Does(api, volume, "os-roll_detaching", "null", 202, "in-use");
        await Does(api, volume, "os-roll_detaching", "null", 202, "in-use");
        await Does(api, volume, "os-begin_detaching", "null", 202, "detaching");
        await Does(api, volume, "os-terminate_connection", """{"connector": {"host": "host1"}}""", 202, "detaching");
        Assert.Empty(api.Shares.Exports);
        await Does(api, volume, "os-detach", $$"""{"attachment_id": "{{Text(attachment, "attachment_id")}}"}""", 202, "available");
        Assert.Empty(Items(await api.Get("attachments", "3.71")));
        await Does(api, volume, "os-detach", "null", 202, "available");
    }

    [Fact]
    public async Task A_host_may_have_it_without_a_server()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        await Does(api, volume, "os-attach", """{"host_name": "host1", "mountpoint": "/dev/vdc", "mode": "ro"}""", 202, "in-use");
        Assert.Equal("host1", Text(Assert.Single(await AttachmentsOf(api, volume)), "host_name"));
        var words = (await api.Get($"volumes/{volume}")).Json.GetProperty("volume").GetProperty("metadata").GetRawText();
        Assert.Equal("""{"attached_mode":"ro","readonly":"False"}""", words);
        await Does(api, volume, "os-force_detach", """{"connector": null}""", 202, "available");
        Assert.Equal("""{"readonly":"False"}""", (await api.Get($"volumes/{volume}")).Json.GetProperty("volume").GetProperty("metadata").GetRawText());
    }

    [Fact]
    public async Task What_was_attached_either_way_is_detached_either_way()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        await Attached(api, volume, Instance, "host1");
        await Does(api, volume, "os-terminate_connection", """{"connector": {"host": "host1"}}""", 202, "in-use");
        Assert.Single(api.Shares.Exports); // it is the attachment's
        await Does(api, volume, "os-detach", "{}", 202, "available");
        Assert.Empty(api.Shares.Exports);

        await Act(api, volume, "os-initialize_connection", """{"connector": {"host": "host2"}}""");
        await Does(api, volume, "os-attach", $$"""{"instance_uuid": "{{Instance}}", "host_name": "host2", "mountpoint": "/dev/vdc"}""", 202, "in-use");
        await Does(api, volume, "os-force_detach", """{"connector": {"host": "host2"}}""", 202, "available");
        Assert.Empty(api.Shares.Exports);
    }

    [Fact]
    public async Task Of_several_one_has_to_be_named()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        await MultiattachType(api);
        var volume = await api.Made(""", "volume_type": "many" """);
        var first = await Attached(api, volume, Instance, "host1");
        await Does(api, volume, "os-reserve", "null", 202, "attaching");
        await Does(api, volume, "os-attach", $$"""{"instance_uuid": "{{OtherInstance}}", "mountpoint": "/dev/vdc"}""", 202, "in-use");
        await Does(api, volume, "os-detach", "{}", 409, "in-use");
        await Does(api, volume, "os-terminate_connection", """{"connector": {"host": "host1"}}""", 409, "in-use");
        await Does(api, volume, "os-detach", """{"attachment_id": "11111111-1111-4111-8111-111111111111"}""", 404, "in-use");
        var elsewhere = await Attached(api, await api.Made(), Instance, "host3");
        await Does(api, volume, "os-detach", $$"""{"attachment_id": "{{elsewhere}}"}""", 400, "in-use");
        await Does(api, volume, "os-detach", $$"""{"attachment_id": "{{first}}"}""", 202, "in-use");
        await Does(api, volume, "os-detach", "{}", 202, "available");
    }

    [Fact]
    public async Task A_volume_that_is_read_only_is_attached_so_or_not_at_all()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        await api.Db.Commit(tx => tx.Volumes.SetAdminMetadata(volume, new Dictionary<string, string> { ["readonly"] = "True" }));
        var body = $$"""{"instance_uuid": "{{Instance}}", "mountpoint": "/dev/vdc"MODE}""";
        var refused = await Act(api, volume, "os-attach", body.Replace("MODE", "", StringComparison.Ordinal));
        Assert.Equal((400, $"Invalid attaching mode 'rw' for volume {volume}."), (refused.Status, refused.Message));
        await Does(api, volume, "os-attach", body.Replace("MODE", ", \"mode\": \"ro\"", StringComparison.Ordinal), 202, "in-use");
    }

    [Theory, MemberData(nameof(AttachmentRouteTests.Statuses), MemberType = typeof(AttachmentRouteTests))]
    public async Task The_volumes_status_decides(string status)
    {
        await using var api = await RunningApi.Start();
        foreach (var (word, body, rule) in ((string, string, Rule)[])
        [
            ("os-reserve", "null", VolumeRules.Reserve),
            ("os-attach", $$"""{"instance_uuid": "{{Instance}}", "mountpoint": "/dev/vdc"}""", VolumeRules.AttachNow),
            ("os-begin_detaching", "null", VolumeRules.BeginDetaching),
        ])
        {
            var volume = await api.Volume();
            await api.Available(volume, status);
            if (word == "os-begin_detaching") await api.Db.Commit(tx => tx.Volumes.Reset(volume, null, "attached", null));
            var answer = await Act(api, volume, word, body);
            Assert.Equal(rule.Allows(status) ? 202 : 400, answer.Status);
            if (answer.Status == 202) Assert.Equal(rule.Via ?? "in-use", await StatusOf(api, volume));
            else if (status == "maintenance" && word == "os-attach") Assert.EndsWith("in maintenance mode.", answer.Message, StringComparison.Ordinal);
            else Assert.Equal(rule.Refused(volume, status).Message, answer.Message);
        }
        if (status != "maintenance") return;
        var kept = await api.Volume();
        await api.Available(kept, status);
        await Does(api, kept, "os-initialize_connection", """{"connector": {"host": "h"}}""", 400, status);
        await Does(api, kept, "os-detach", "{}", 400, status);
    }

    [Theory]
    [InlineData("os-attach", """{"mountpoint": "/dev/vdc"}""")]
    [InlineData("os-attach", """{"instance_uuid": "x", "mountpoint": "/dev/vdc"}""")]
    [InlineData("os-attach", """{"host_name": "h"}""")]
    [InlineData("os-attach", """{"host_name": "h", "mountpoint": "/dev/vdc", "mode": "rx"}""")]
    [InlineData("os-detach", """{"attachment_id": "x"}""")]
    [InlineData("os-initialize_connection", "{}")]
    [InlineData("os-initialize_connection", """{"connector": {"ip": "1.2.3.4"}}""")]
    [InlineData("os-initialize_connection", """{"connector": "host"}""")]
    [InlineData("os-terminate_connection", "{}")]
    public async Task What_is_asked_wrongly_is_refused(string word, string body)
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        await Does(api, volume, word, body, 400, "available");
    }

    [Fact]
    public async Task Others_can_not_touch_it()
    {
        await using var api = await RunningApi.Start(WithTokens);
        var volume = await api.Volume();
        await api.Available(volume);
        foreach (var (word, body) in ((string, string)[])[("os-reserve", "null"), ("os-unreserve", "null"), ("os-begin_detaching", "null"),
            ("os-roll_detaching", "null"), ("os-detach", "{}"), ("os-force_detach", "{}"), ("os-attach", """{"host_name": "h", "mountpoint": "/d"}"""),
            ("os-initialize_connection", """{"connector": {"host": "h"}}"""), ("os-terminate_connection", """{"connector": {"host": "h"}}""")])
        {
            Assert.Equal(404, (await api.Post($"/v3/abc/volumes/{volume}/action", $$"""{"{{word}}": {{body}} }""", token: "u:abc:member")).Status);
            Assert.Equal(403, (await api.Post($"volumes/{volume}/action", $$"""{"{{word}}": {{body}} }""", token: $"u:{RunningApi.Project}:reader")).Status);
        }
        Assert.Equal(403, (await api.Post($"volumes/{volume}/action", """{"os-force_detach": {}}""", token: $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal("available", await StatusOf(api, volume));
    }

    static Task<Answered> Act(RunningApi api, string volume, string word, string body) =>
        api.Post($"volumes/{volume}/action", $$"""{"{{word}}": {{body}} }""");

    static async Task Does(RunningApi api, string volume, string word, string body, int status, string then)
    {
        var answer = await Act(api, volume, word, body);
        Assert.True(answer.Status == status, $"{word} {body}: {answer.Status} {answer.Text}");
        Assert.Equal(then, await StatusOf(api, volume));
    }
}
