using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Volumes made from snapshots and from volumes.</summary>
public sealed class VolumeSourceTests
{
    [Fact]
    public async Task A_volume_has_from_its_source_what_the_request_does_not_say()
    {
        await using var api = await RunningApi.Start();
        await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        var volume = await api.Volume(size: 2, more: ", \"volume_type\": \"gold\"");
        await api.Available(volume);
        await api.Post($"volumes/{volume}/action", """{"os-set_bootable": {"bootable": true}}""");
        await api.Post($"volumes/{volume}/action", """{"os-set_image_metadata": {"metadata": {"image_id": "i"}}}""");
        var snapshot = await api.Snapshot(volume);
        await api.SnapshotIs(snapshot);
        await api.Post($"volumes/{volume}/action", """{"os-set_image_metadata": {"metadata": {"image_id": "j"}}}"""); // the snapshot's stays

        foreach (var (source, member, id, image) in ((string, string, string, string)[])
            [("snapshot_id", "snapshot_id", snapshot, "i"), ("source_volid", "source_volid", volume, "j")])
        {
            var answer = await api.Post("volumes", $$"""{"volume": {"{{source}}": "{{id}}"} }""");
            Assert.Equal(202, answer.Status);
            var made = answer.Json.GetProperty("volume");
            var shown = (await api.Get($"volumes/{made.GetProperty("id").GetString()}")).Json.GetProperty("volume");
            Assert.Equal((2, "gold", "true", id, image), (made.GetProperty("size").GetInt32(), made.GetProperty("volume_type").GetString(),
                made.GetProperty("bootable").GetString(), made.GetProperty(member).GetString(),
                shown.GetProperty("volume_image_metadata").GetProperty("image_id").GetString()));
            var about = new About(member == "snapshot_id" ? "snapshot" : "volume", id);
            Assert.True(await api.Db.Read(tx => tx.Operations.Held(about)));
        }
        var larger = await api.Post("volumes", $$"""{"volume": {"size": 5, "source_volid": "{{volume}}"} }""");
        Assert.Equal(5, larger.Json.GetProperty("volume").GetProperty("size").GetInt32());
        // What a volume is cloned from stays meanwhile.
        Assert.Equal(400, (await api.Delete($"volumes/{volume}?cascade=true")).Status);
        Assert.Equal(400, (await api.Post($"volumes/{volume}/action", """{"os-extend": {"new_size": 3}}""")).Status);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task What_can_not_be_made_is_refused()
    {
        await using var api = await RunningApi.Start(new() { Quotas = new QuotaLimits(Volumes: 2) });
        var (volume, snapshots) = await api.WithSnapshots(size: 2);
        await api.Post("types", """{"volume_type": {"name": "other", "extra_specs": {"volume_backend_name": "x"}}}""");
        var other = (await api.Get("types/" + (await api.Get("types")).Json.GetProperty("volume_types")[0].GetProperty("id").GetString()))
            .Json.GetProperty("volume_type").GetProperty("id").GetString();
        await api.Db.Commit(async tx =>
        {
            foreach (var host in (string[])["h1@b1", "h1@b2"])
                await tx.Services.Beat(host, host, ServiceTable.VolumeBinary, host == "h1@b1" ? "nova" : "mars", null);
        });
        Assert.Equal((400, "Invalid input received: Volume size '1'GB cannot be smaller than the snapshot size 2GB. "
            + "They must be >= original snapshot size."), await Made($"\"size\": 1, \"snapshot_id\": \"{snapshots[0]}\""));
        Assert.Equal((400, "Invalid input received: Volume size '1'GB cannot be smaller than original volume size  2GB. "
            + "They must be >= original volume size."), await Made($"\"size\": 1, \"source_volid\": \"{volume}\""));
        Assert.Equal((400, "Invalid input received: May specify only one of backup, imageRef, snapshot, source volume"),
            await Made($"\"snapshot_id\": \"{snapshots[0]}\", \"source_volid\": \"{volume}\""));
        Assert.Equal((400, "Invalid input received: Volume must be in the same availability zone as the snapshot"),
            await Made($"\"availability_zone\": \"mars\", \"snapshot_id\": \"{snapshots[0]}\""));
        Assert.Equal((400, "Invalid input received: Volume must be in the same availability zone as the source volume"),
            await Made($"\"availability_zone\": \"mars\", \"source_volid\": \"{volume}\""));
        Assert.Equal((400, $"Invalid input received: Invalid volume_type provided: {other} (requested type is not compatible; "
            + "recommend omitting the type argument)."), await Made($"\"volume_type\": \"other\", \"snapshot_id\": \"{snapshots[0]}\""));
        Assert.Equal((400, $"Invalid input received: Invalid volume_type provided: {other} (requested type is not compatible; "
            + "either match source volume, or omit type argument)."), await Made($"\"volume_type\": \"other\", \"source_volid\": \"{volume}\""));
        Assert.Equal((202, ""), await Made($"\"source_volid\": \"{volume}\""));
        Assert.Equal((413, "VolumeLimitExceeded: Maximum number of volumes allowed (2) exceeded for quota 'volumes'."),
            await Made($"\"source_volid\": \"{volume}\""));
        async Task<(int, string)> Made(string body)
        {
            var answer = await api.Post("volumes", $$"""{"volume": { {{body}} } }""");
            return (answer.Status, answer.Status == 202 ? "" : answer.Message);
        }
    }

    public static TheoryData<string, string> Statuses() =>
    [
        .. typeof(VolumeStatus).GetFields().Select(f => ("source_volid", (string)f.GetRawConstantValue()!)),
        .. typeof(SnapshotStatus).GetFields().Select(f => ("snapshot_id", (string)f.GetRawConstantValue()!)),
    ];

    [Theory, MemberData(nameof(Statuses))]
    public async Task Whether_it_can_be_made_hangs_on_the_sources_status(string source, string status)
    {
        await using var api = await RunningApi.Start();
        var (volume, snapshots) = await api.WithSnapshots();
        var ofSnapshot = source == "snapshot_id";
        if (ofSnapshot) await api.SnapshotIs(snapshots[0], status);
        else await api.Available(volume, status);
        var answer = await api.Post("volumes", $$"""{"volume": {"{{source}}": "{{(ofSnapshot ? snapshots[0] : volume)}}"} }""");
        if ((ofSnapshot ? SnapshotRules.Clone : VolumeRules.Clone).Allows(status)) Assert.Equal(202, answer.Status);
        else
            Assert.Equal((400, ofSnapshot ? "Invalid snapshot: Originating snapshot status must be one of 'available' values"
                : "Invalid volume: Originating source volume status must be one of 'available, in-use' values"), (answer.Status, answer.Message));
    }
}
