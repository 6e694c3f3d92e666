using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Volumes that grow, go back to a snapshot, or are marked.</summary>
public sealed class VolumeChangeTests
{
    const string Member = $"u:{RunningApi.Project}:member";

    [Fact]
    public async Task A_volume_is_extended_with_its_quota()
    {
        await using var api = await RunningApi.Start(new() { Quotas = new QuotaLimits(Gigabytes: 10, PerVolumeGigabytes: 8) });
        var id = await api.Volume(size: 2);
        await api.Available(id);
        Assert.Equal((400, "Invalid input received: New size for extend must be greater than current size. (current: 2, extended: 2)."), await Extend(2));
        Assert.Equal((413, "VolumeSizeExceedsLimit: Requested volume size 9G is larger than maximum allowed limit 8G."), await Extend(9));
        await api.Volume(size: 4);
        Assert.Equal((413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            + "Requested 5G, quota is 10G and 6G has been consumed."), await Extend(7));
        Assert.Equal("available 2", await Shown());
        Assert.Equal((202, ""), await Extend(6));
        Assert.Equal("extending 2", await Shown()); // it has not grown yet, but nobody else gets the room
        Assert.Equal(10, await api.Db.Read(tx => tx.Quotas.InUse(RunningApi.Project, "gigabytes")));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        Assert.Equal((400, $"Invalid volume: Volume {id} status must be '{{'status': 'available'}}' to extend, currently extending."), await Extend(7));
        async Task<(int, string)> Extend(int size)
        {
            var answer = await api.Post($"volumes/{id}/action", $$"""{"os-extend": {"new_size": {{size}}} }""");
            return (answer.Status, answer.Status == 202 ? answer.Text : answer.Message);
        }
        async Task<string> Shown()
        {
            var volume = (await api.Get($"volumes/{id}")).Json.GetProperty("volume");
            return $"{volume.GetProperty("status").GetString()} {volume.GetProperty("size").GetInt32()}";
        }
    }

    [Fact]
    public async Task A_types_largest_size_holds_for_extending_too()
    {
        await using var api = await RunningApi.Start();
        await api.Post("types", """{"volume_type": {"name": "t", "extra_specs": {"provisioning:max_vol_size": "4"}}}""");
        var id = await api.Volume(more: ", \"volume_type\": \"t\"");
        await api.Available(id);
        Assert.Contains("greater than the maximum allowable size of '4'",
            (await api.Post($"volumes/{id}/action", """{"os-extend": {"new_size": 5}}""")).Message, StringComparison.Ordinal);
        Assert.Equal(202, (await api.Post($"volumes/{id}/action", """{"os-extend": {"new_size": "4"}}""")).Status);
    }

    public static TheoryData<string> Statuses() => [.. typeof(VolumeStatus).GetFields().Select(f => (string)f.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(Statuses))]
    public async Task What_may_be_done_hangs_on_the_status(string status)
    {
        await using var api = await RunningApi.Start();
        var (id, snapshots) = await api.WithSnapshots();
        foreach (var (action, version, rule, code) in ((string, string, Rule, int)[])
            [("""{"os-extend": {"new_size": 2}}""", "3.41", VolumeRules.Extend, 400),
             ("""{"os-extend": {"new_size": 2}}""", "3.42", VolumeRules.ExtendEvenInUse, 400),
             ($$"""{"revert": {"snapshot_id": "{{snapshots[0]}}"} }""", "3.40", VolumeRules.Revert, 409),
             ("""{"os-update_readonly_flag": {"readonly": true}}""", "3.0", VolumeRules.SetReadonly, 400)])
        {
            await api.Available(id, status);
            await api.SnapshotIs(snapshots[0]);
            await api.Db.Commit(tx => tx.Execute($"update volume set growing_to_gb = null"));
            var answer = await api.Post($"volumes/{id}/action", action, version);
            if (rule.Allows(status)) Assert.Equal(202, answer.Status);
            else Assert.Equal((code, rule.With(snapshots[0]).Refused(id, status).Message), (answer.Status, answer.Message));
        }
    }

    [Fact]
    public async Task An_attached_volume_is_extended_by_who_may()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        await api.Available(id, "in-use");
        var answer = await api.Post($"volumes/{id}/action", """{"os-extend": {"new_size": 2}}""", "3.42", $"u:{RunningApi.Project}:reader");
        Assert.Equal((403, "Policy doesn't allow volume:extend_attached_volume to be performed."), (answer.Status, answer.Message));
        Assert.Equal(202, (await api.Post($"volumes/{id}/action", """{"os-extend": {"new_size": 2}}""", "3.42", Member)).Status);
        Assert.Equal("in-use", (await api.Db.Read(tx => tx.Volumes.Get(id))).PreviousStatus);
    }

    [Fact]
    public async Task There_is_no_extending_to_complete()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        await api.Available(id);
        Assert.Equal((400, "Invalid volume: Volume is not being extended."), await Complete("3.71"));
        await api.Available(id, "extending");
        Assert.Equal((400, "Invalid volume: Required volume admin metadata is malformed or missing."), await Complete("3.71"));
        Assert.Equal(404, (await Complete("3.70")).Item1);
        Assert.Equal(403, (await Complete("3.71", Member)).Item1);
        async Task<(int, string)> Complete(string version, string? token = null)
        {
            var answer = await api.Post($"volumes/{id}/action", """{"os-extend_volume_completion": {"error": false}}""", version, token);
            return (answer.Status, answer.Message);
        }
    }

    [Fact]
    public async Task A_volume_goes_back_to_its_newest_snapshot_only()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var bare = await api.Volume();
        await api.Available(bare);
        Assert.Equal((400, $"Volume {bare} doesn't have any snapshots."), await Revert(bare, "\"x\""));
        var (id, snapshots) = await api.WithSnapshots(2);
        Assert.Equal((400, $"Specified snapshot {snapshots[0]} is None or not the latest one of volume {id}."), await Revert(id, $"\"{snapshots[0]}\""));
        Assert.Equal((400, $"Specified snapshot None is None or not the latest one of volume {id}."), await Revert(id, "null"));
        Assert.Equal((404, "The resource could not be found."), await Revert(id, $"\"{snapshots[1]}\"", "3.39"));
        var (_, others) = await api.WithSnapshots(1);
        Assert.Equal((400, $"Specified snapshot {others[0]} is None or not one of volume {id}."), await Revert(id, $"\"{others[0]}\", \"earlier\": true"));
        Assert.Equal((202, ""), await Revert(id, $"\"{snapshots[0]}\", \"earlier\": true")); // ours
        await api.Available(id);
        await api.Db.Commit(tx => tx.Volumes.SetSize(id, 2));
        Assert.Equal((400, $"Can't revert volume {id} to its latest snapshot {snapshots[1]}. The volume size must be equal to the snapshot size."),
            await Revert(id, $"\"{snapshots[1]}\""));
        await api.Db.Commit(tx => tx.Volumes.SetSize(id, 1));
        await api.SnapshotIs(snapshots[1], "error");
        Assert.Equal((409, $"Invalid snapshot: Can't revert volume {id} to its latest snapshot {snapshots[1]}. Snapshot's status must be 'available'."),
            await Revert(id, $"\"{snapshots[1]}\""));
        Assert.Equal("available", await StatusOf("volume", id));
        await api.SnapshotIs(snapshots[1]);
        var clone = await api.Volume(more: $", \"source_volid\": \"{id}\"");
        Assert.Equal((409, $"Volume {id} can't be reverted while something is made from it or its snapshot."), await Revert(id, $"\"{snapshots[1]}\""));
        await api.Available(clone);
        Assert.Equal((202, ""), await Revert(id, $"\"{snapshots[1]}\""));
        Assert.Equal(("reverting", "restoring"), (await StatusOf("volume", id), await StatusOf("snapshot", snapshots[1])));
        Assert.Equal(400, (await api.Delete($"snapshots/{snapshots[1]}")).Status);
        Assert.Equal(409, (await api.Post($"snapshots/{snapshots[1]}/action", """{"os-reset_status": {"status": "error"}}""")).Status);
        async Task<(int, string)> Revert(string of, string to, string version = "3.40")
        {
            var answer = await api.Post($"volumes/{of}/action", $$"""{"revert": {"snapshot_id": {{to}}} }""", version, Member);
            return (answer.Status, answer.Status == 202 ? answer.Text : answer.Message);
        }
        async Task<string?> StatusOf(string kind, string of) =>
            (await api.Get($"{kind}s/{of}")).Json.GetProperty(kind).GetProperty("status").GetString();
    }

    [Fact]
    public async Task A_volume_is_marked_bootable_and_readonly()
    {
        await using var api = await RunningApi.Start();
        var id = await api.Volume(more: ", \"metadata\": {\"k\": \"v\"}");
        await api.Available(id);
        Assert.Equal((200, ""), await Act("""{"os-set_bootable": {"bootable": "yes"}}"""));
        Assert.Equal((202, ""), await Act("""{"os-update_readonly_flag": {"readonly": 1}}"""));
        var shown = (await api.Get($"volumes/{id}")).Json.GetProperty("volume");
        Assert.Equal(("true", """{"readonly":"True","k":"v"}"""), (shown.GetProperty("bootable").GetString(), shown.GetProperty("metadata").GetRawText()));
        await Act("""{"os-set_bootable": {"bootable": false}}""");
        await Act("""{"os-update_readonly_flag": {"readonly": "False"}}""");
        shown = (await api.Get($"volumes/{id}")).Json.GetProperty("volume");
        Assert.Equal(("false", "False"), (shown.GetProperty("bootable").GetString(), shown.GetProperty("metadata").GetProperty("readonly").GetString()));
        await api.Available(id, "maintenance");
        Assert.Equal((400, "Invalid volume: The volume cannot be updated during maintenance."), await Act("""{"os-set_bootable": {"bootable": true}}"""));
        async Task<(int, string)> Act(string body)
        {
            var answer = await api.Post($"volumes/{id}/action", body);
            return (answer.Status, answer.Status < 300 ? answer.Text : answer.Message);
        }
    }

    [Fact]
    public async Task What_is_known_of_its_image_is_set_shown_and_taken_away()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        await api.Available(id);
        Assert.Equal((200, """{"metadata":{}}"""), await Act("""{"os-show_image_metadata": {}}"""));
        Assert.Equal((200, """{"metadata":{"a":"1"}}"""), await Act("""{"os-set_image_metadata": {"metadata": {"a": "1"}}}"""));
        Assert.Equal((200, """{"metadata":{"a":"1","b/c":"2"}}"""), await Act("""{"os-set_image_metadata": {"metadata": {"b/c": "2"}}}"""));
        Assert.Equal("2", (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("volume_image_metadata").GetProperty("b/c").GetString());
        Assert.Equal((200, ""), await Act("""{"os-unset_image_metadata": {"key": "a"}}"""));
        Assert.Equal((404, $"Glance metadata for volume/snapshot {id} cannot be found."), await Act("""{"os-unset_image_metadata": {"key": "a"}}"""));
        Assert.Equal(403, (await Act("""{"os-set_image_metadata": {"metadata": {}}}""", $"u:{RunningApi.Project}:reader")).Item1);
        Assert.Equal((200, """{"metadata":{"b/c":"2"}}"""), await Act("""{"os-show_image_metadata": null}""", $"u:{RunningApi.Project}:reader"));
        await api.Available(id, "uploading");
        Assert.Equal((400, "Invalid volume: Updating volume metadata is not allowed for volumes in uploading status."),
            await Act("""{"os-set_image_metadata": {"metadata": {"a": "1"}}}"""));
        var longest = new string('x', 65535);
        await api.Available(id);
        Assert.Equal(200, (await Act($$$"""{"os-set_image_metadata": {"metadata": {"a": "{{{longest}}}"} } }""")).Item1);
        Assert.Equal(400, (await Act($$$"""{"os-set_image_metadata": {"metadata": {"a": "{{{longest}}}x"} } }""")).Item1);
        async Task<(int, string)> Act(string body, string? token = null)
        {
            var answer = await api.Post($"volumes/{id}/action", body, token: token ?? Member);
            return (answer.Status, answer.Status < 300 ? answer.Text : answer.Message);
        }
    }

    [Fact]
    public async Task How_a_volume_is_encrypted_is_told()
    {
        await using var api = await RunningApi.Start();
        await api.Post("types", """{"volume_type": {"name": "t"}}""");
        var (plain, secret) = (await api.Volume(), await api.Volume(more: ", \"volume_type\": \"t\""));
        await api.Db.Commit(tx => tx.Execute($"""
            insert into type_encryption (id, volume_type_id, provider, control_location, cipher, key_size, created_at)
            select 'e', volume_type_id, 'luks', 'front-end', 'aes-xts-plain64', 256, 0 from volume where id = {secret}
            """));
        Assert.Equal("""{"encryption_key_id":null}""", (await api.Get($"volumes/{plain}/encryption")).Text);
        Assert.Equal("""{"encryption_key_id":null,"control_location":"front-end","cipher":"aes-xts-plain64","key_size":256,"provider":"luks"}""",
            (await api.Get($"volumes/{secret}/encryption")).Text);
        Assert.Equal("256", (await api.Get($"volumes/{secret}/encryption/key_size")).Text);
        Assert.Equal("\"luks\"", (await api.Get($"volumes/{secret}/encryption/provider")).Text);
        Assert.Equal("null", (await api.Get($"volumes/{plain}/encryption/encryption_key_id")).Text);
        Assert.Equal(404, (await api.Get($"volumes/{plain}/encryption/cipher")).Status);
        Assert.Equal(404, (await api.Get("volumes/11111111-1111-4111-8111-111111111111/encryption")).Status);
    }
}
