using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Clinker.Contracts;
using Clinker.Gluster;
using Xunit;

namespace Clinker.Live;

/// <summary>What users do with volumes, through the API of the published daemon, seen in the files on a real GlusterFS.</summary>
public sealed class WholeLife(ITestOutputHelper output)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Contents_are_what_the_user_wrote_at_each_step_and_nothing_is_left()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        var clock = Stopwatch.StartNew();
        Task Write(string id, string content) => DiskContent.WriteVolume(site.Mount, id, VolumeFormat.Raw, content).AsTask();
        async Task<string> Content(string id) => await DiskContent.ReadAny(site.Mount, id, VolumeFormat.Raw);

        var volume = await Made(daemon, """{"size": 1}""");
        await Write(volume, "first");
        var snapshot = (string)(await daemon.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }"""))["snapshot"]!["id"]!;
        await daemon.Becomes($"snapshots/{snapshot}", "available", Patience);
        await Write(volume, "second");
        var clone = await Made(daemon, $$"""{"source_volid": "{{volume}}"}""");
        var restored = await Made(daemon, $$"""{"snapshot_id": "{{snapshot}}", "size": 2}""");
        Assert.Equal(["second", "first", "second", "first"],
            [await Content(volume), await Content(snapshot), await Content(clone), await Content(restored)]);

        await daemon.Post($"volumes/{volume}/action", $$"""{"revert": {"snapshot_id": "{{snapshot}}"} }""");
        await daemon.Becomes($"volumes/{volume}", "available", Patience);
        Assert.Equal("first", await Content(volume));
        await Write(volume, "third");
        await daemon.Post($"volumes/{volume}/action", """{"os-extend": {"new_size": 3}}""");
        await daemon.Becomes($"volumes/{volume}", "available", Patience);
        async Task<long> Size(string id) => await DiskContent.SizeOf(site.Mount, id, VolumeFormat.Raw) >> 30;
        Assert.Equal((3L, 1L, 2L), (await Size(volume), await Size(clone), await Size(restored)));
        Assert.Equal(["third", "first", "second"], [await Content(volume), await Content(snapshot), await Content(clone)]);

        var attachment = (await daemon.Post("attachments", $$$"""
            {"attachment": {"volume_uuid": "{{{volume}}}", "instance_uuid": "31c79baf-b59e-469c-979f-1df4ecb6eea7", "connector": {"host": "host1"} } }
            """))["attachment"]!;
        Assert.Equal(("glusterfs", site.Share, "qcow2", Path.Combine(site.Folder, "volumes")), (Info("driver_volume_type"),
            Info("export"), Info("format"), Info("mount_point_base")));
        var info = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(site.Mount, $"volume-{volume}.info")))!;
        Assert.Equal((string)info["active"]!, Info("name"));
        Assert.NotEqual($"volume-{volume}", Info("name")); // what the snapshot kept
        string Info(string name) => (string)attachment["connection_info"]![name]!;
        await daemon.Post($"attachments/{(string)attachment["id"]!}/action", """{"os-complete": {}}""");
        await daemon.Becomes($"volumes/{volume}", "in-use", Patience);
        await Write(volume, "from the host");
        await daemon.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}", "name": "in use"} }"""); // GlusterFS can't
        var refused = (string)(await Listed(daemon, "snapshots?name=in%20use"))["snapshots"]![0]!["id"]!;
        await daemon.Becomes($"snapshots/{refused}", "error", Patience);
        Assert.Contains("volumes in use", (string)(await Listed(daemon, "messages"))["messages"]![0]!["user_message"]!, StringComparison.Ordinal);
        using (var detached = await daemon.Http.DeleteAsync(new Uri($"attachments/{(string)attachment["id"]!}", UriKind.Relative)))
            Assert.Equal(HttpStatusCode.OK, detached.StatusCode);
        await daemon.Becomes($"volumes/{volume}", "available", Patience);
        Assert.Equal("from the host", await Content(volume));

        foreach (var gone in new[] { volume, clone, restored })
            Assert.Equal(HttpStatusCode.Accepted, await daemon.Delete($"{gone}?cascade=true"));
        foreach (var gone in new[] { volume, clone, restored }) Assert.Equal("gone", await daemon.Settled(gone, Patience));
        Assert.Empty(Directory.GetFiles(site.Mount));
        Assert.Equal(0, site.Sql("select count(*) from snapshot") + site.Sql("select count(*) from hold"));
        Assert.Equal(0, site.Sql("select coalesce(sum(in_use), 0) from quota_usage"));
        output.WriteLine($"the whole life of three volumes: {clock.Elapsed.TotalSeconds:0.0} s");
    }

    static async Task<string> Made(Daemon daemon, string volume)
    {
        var id = (string)(await daemon.Post("volumes", $$"""{"volume": {{volume}} }"""))["volume"]!["id"]!;
        await daemon.Becomes($"volumes/{id}", "available", Patience);
        return id;
    }

    static async Task<JsonNode> Listed(Daemon daemon, string path) => (await daemon.Http.GetFromJsonAsync<JsonNode>(path))!;
}
