using System.Text.Json;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

/// <summary>Volumes that are copied and used at once, where the backend needs time for a copy; and what a host is told.</summary>
public sealed class CopyAndUseTests
{
    [Theory, InlineData("snapshot"), InlineData("clone")]
    public async Task A_volume_is_reserved_while_it_is_copied_and_connected_after_that(string verb)
    {
        await using var api = await RunningApi.Start();
        api.Shares.SnapshotsAttached = false;
        var volume = await api.Made();
        api.Shares.Write(volume, "old");
        var copy = verb == "snapshot" ? await api.Snapshot(volume) : await api.Volume(more: $$""", "source_volid": "{{volume}}" """);
        if (verb == "clone") await Placed(api, copy);
        var id = Text(await Create(api, volume), "id");
        Assert.Equal("reserved", await StatusOf(api, volume));
        var connecting = api.Put($"attachments/{id}", Connector("host1"), Newest);
        await Soon.Until(async () => await api.Db.Read(tx => tx.Operations.AnyLive(new("volume", volume))));
        api.Work();
        await Passing(api, connecting);
        Assert.Equal((200, "attaching"), ((await connecting).Status, Text(await connecting, "status")));
        Assert.Equal([(volume, "host1")], api.Shares.Exports.Keys);
        Assert.Equal("old", api.Shares.Find(copy)!.Content);
    }

    [Fact]
    public async Task A_host_that_waits_for_long_is_told_why_and_nothing_of_it_is_left()
    {
        await using var api = await RunningApi.Start(new() { BackendTimeout = TimeSpan.FromDays(1) });
        api.Shares.SnapshotsAttached = false;
        var volume = await api.Made();
        await api.Volume(more: $$""", "source_volid": "{{volume}}" """); // no scheduler is there, so the hold stays
        api.Work();
        var connecting = Create(api, volume, more: """, "connector": {"host": "host1"}""");
        while (!connecting.IsCompleted)
        {
            await Task.WhenAny(connecting, Task.Delay(5));
            api.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal((503, $"Volume {volume} is being copied: it can be attached after that."), Told(await connecting));
        Assert.Equal("available", await StatusOf(api, volume));
        Assert.Empty(api.Shares.Exports);
        Assert.Contains("attach volume: ", await Message(api), StringComparison.Ordinal);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_snapshot_of_a_volume_in_use_ends_as_the_backend_can_and_says_what_it_can_not(bool can)
    {
        await using var api = await RunningApi.Start();
        api.Shares.SnapshotsAttached = can;
        api.Work();
        var volume = await api.Made();
        await Attached(api, volume, Instance, "host1");
        var snapshot = await api.Snapshot(volume, more: """, "force": true""");
        string? status = null;
        await Soon.Until(async () => (status = (await api.Db.Read(tx => tx.Snapshots.Find(snapshot)))!.Status) != "creating");
        Assert.Equal(can ? "available" : "error", status);
        if (can) return;
        Assert.Equal("create snapshot: The driver could not take snapshots of volumes in use.", await Message(api));
        Assert.Null(api.Shares.Find(snapshot));
        Assert.Equal("in-use", await StatusOf(api, volume));
    }

    [Fact]
    public async Task What_an_owner_can_mend_he_is_told_whole()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        var volume = await api.Made();
        var snapshot = await api.Snapshot(volume);
        await Soon.Until(async () => (await api.Db.Read(tx => tx.Snapshots.Find(snapshot)))!.Status == "available");
        await Attached(api, volume, Instance, "host1");
        await api.Post($"volumes/{volume}/action", """{"os-reset_status": {"status": "available"}}""");
        Assert.Equal(202, (await api.Post($"volumes/{volume}/action", $$"""{"revert": {"snapshot_id": "{{snapshot}}"} }""", "3.40")).Status);
        await Soon.Until(async () => await StatusOf(api, volume) != "reverting");
        Assert.Equal("revert volume to snapshot: The driver could not revert the volume: a host has the volume.", await Message(api));
    }

    [Fact]
    public async Task A_host_is_told_what_it_is_to_keep_the_volume_to()
    {
        await using var api = await RunningApi.Start();
        api.Work();
        Assert.Equal("""{"total_iops_sec":"5"}""", await Limits(api, "both", """ "total_iops_sec": "5" """));
        Assert.Equal("{}", await Limits(api, "front-end", ""));
        Assert.Equal("null", await Limits(api, "back-end", """ "total_iops_sec": "5" """));
        Assert.Equal("""{"total_iops_sec":6}""", await Limits(api, "front-end", """ "total_iops_sec_per_gb": "3" """));
        Assert.Equal("""{"read_bytes_sec":100}""", await Limits(api, "front-end", """ "read_bytes_sec_per_gb": "3", "read_bytes_sec_per_gb_min": "100" """));
        Assert.Equal("""{"read_bytes_sec":4}""", await Limits(api, "front-end", """ "read_bytes_sec_per_gb": "3", "read_bytes_sec_max": "4" """));
        Assert.Equal("""{"read_bytes_sec_max":"4"}""", await Limits(api, "front-end", """ "read_bytes_sec_max": "4" """));
        Assert.Equal("""{"read_bytes_sec_per_gb":"many"}""", await Limits(api, "front-end", """ "read_bytes_sec_per_gb": "many" """));
    }

    [Fact]
    public async Task The_mount_base_stands_beside_the_data_and_among_it_for_an_attachment()
    {
        await using var api = await RunningApi.Start();
        var id = await api.Made();
        var info = new ConnectionInfo("glusterfs", """{"export":"h:/v","name":"volume-1"}""", "/mnt");
        var (told, kept) = await api.Db.Read(async tx =>
        {
            var volume = await tx.Volumes.Get(id);
            var attachment = new Attachment { Id = "a", ProjectId = "p", VolumeId = id, Status = "attaching", Mode = "rw", CreatedAt = tx.Now };
            var connector = new Connector("host1", "{}");
            return (await Connections.OfVolume(tx, volume, connector, info), await Connections.OfAttachment(tx, volume, attachment, connector, info));
        });
        using var whole = JsonDocument.Parse(told);
        using var flat = JsonDocument.Parse(kept);
        Assert.Equal(("/mnt", "h:/v"), (Text(whole.RootElement, "mount_point_base"), Text(whole.RootElement.GetProperty("data"), "export")));
        Assert.False(whole.RootElement.GetProperty("data").TryGetProperty("mount_point_base", out _));
        Assert.Equal(("/mnt", "h:/v"), (Text(flat.RootElement, "mount_point_base"), Text(flat.RootElement, "export")));
    }

    /// <summary>What a host is told of the QoS of a volume of 2 GiB.</summary>
    static async Task<string> Limits(RunningApi api, string consumer, string specs)
    {
        var name = Guid.CreateVersion7().ToString();
        var qos = (await api.Post("qos-specs", $$"""{"qos_specs": {"name": "{{name}}", "consumer": "{{consumer}}"{{(specs == "" ? "" : "," + specs)}} } }"""))
            .Json.GetProperty("qos_specs").GetProperty("id").GetString();
        var type = (await api.Post("types", $$"""{"volume_type": {"name": "{{name}}"} }""")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        Assert.Equal(202, (await api.Get($"qos-specs/{qos}/associate?vol_type_id={type}")).Status);
        var volume = await api.Made($$""", "volume_type": "{{name}}" """);
        await api.Db.Commit(tx => tx.Volumes.SetSize(volume, 2));
        var told = await api.Post($"volumes/{volume}/action", """{"os-initialize_connection": {"connector": {"host": "host1"}}}""");
        var kept = (await Create(api, volume, more: """, "connector": {"host": "host1"}""")).Json.GetProperty("attachment").GetProperty("connection_info");
        var limits = told.Json.GetProperty("connection_info").GetProperty("data").GetProperty("qos_specs").GetRawText();
        Assert.Equal(limits, kept.GetProperty("qos_specs").GetRawText());
        return limits;
    }

    /// <summary>As if the scheduler had handed it to the backend.</summary>
    static Task Placed(RunningApi api, string volume) => api.Db.Commit(async tx =>
    {
        await tx.Volumes.SetHost(volume, "h1@b1#p1");
        await tx.Execute($"""
            insert into journal (operation, step, event, data, at) select id, step, 'done', data, {tx.Now} from operation,
              (select 'place' as step, '"h1@b1#p1"' as data union all select '→h1@b1', '0') as steps where about_id = {volume}
            """);
        await tx.Execute($"update operation set queue = 'h1@b1' where about_id = {volume}");
    });

    static async Task<string> Message(RunningApi api) =>
        (await api.Db.Read(tx => tx.Messages.List(new() { ProjectId = RunningApi.Project, Limit = 10 }))).Single().Text;
}
