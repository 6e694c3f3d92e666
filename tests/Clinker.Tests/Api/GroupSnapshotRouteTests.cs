using System.Text.Json;
using Clinker.Groups;
using Clinker.Quotas;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class GroupSnapshotRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";

    static (int, string) Of(Answered answer) => (answer.Status, answer.Message);

    static Task<Answered> Take(RunningApi api, string group, string version = "3.14") => api.Post(
        "group_snapshots", $$"""{"group_snapshot": {"group_id": "{{group}}", "name": "s", "description": "d"} }""", version);

    static string Id(Answered answer, string key = "group_snapshot")
    {
        Assert.Equal(202, answer.Status);
        return answer.Json.GetProperty(key).GetProperty("id").GetString()!;
    }

    [Fact]
    public async Task Of_a_group_snapshot_a_group_is_made_and_it_goes_again()
    {
        await using var api = await RunningApi.Start();
        var (group, volumes) = await api.GroupOf(2);
        foreach (var volume in volumes) api.Shares.Write(volume, "old");
        var made = await Take(api, group);
        var id = Id(made);
        Assert.Equal((400, $"Invalid group: Group {group} has an operation under way."), Of(await api.DeleteGroup(group)));
        Assert.Equal(400, (await api.Delete($"group_snapshots/{id}", "3.14")).Status);
        api.Work();
        Assert.Equal("available", await api.Settled($"group_snapshots/{id}"));
        var snapshots = (await api.Get($"snapshots/detail?group_snapshot_id={id}", "3.14")).Json.GetProperty("snapshots").EnumerateArray().ToList();
        Assert.Equal(volumes.Order(), snapshots.Select(s => s.GetProperty("volume_id").GetString()!).Order());
        Assert.All(snapshots, s => Assert.Equal(("available", id, "s"), (
            s.GetProperty("status").GetString(), s.GetProperty("group_snapshot_id").GetString(), s.GetProperty("name").GetString())));
        // One of them goes only with the others, and the group only without.
        Assert.Equal(400, (await api.Delete($"snapshots/{snapshots[0].GetProperty("id").GetString()}")).Status);
        Assert.Equal((400, "Invalid group: Group has existing snapshots."), Of(await api.DeleteGroup(group)));

        foreach (var volume in volumes) api.Shares.Write(volume, "new");
        var copy = Id(await api.Post("groups/action", $$"""{"create-from-src": {"name": "c", "group_snapshot_id": "{{id}}"} }""", "3.14"), "group");
        Assert.Equal((400, GroupRules.DeleteSnapshot.Refusal), Of(await api.Delete($"group_snapshots/{id}", "3.14")));
        Assert.Equal("creating", (await api.Get($"groups/{copy}", "3.14")).Json.GetProperty("group").GetProperty("status").GetString());
        await api.Ended(); // the copy: no scheduler runs here
        Assert.Equal(202, (await api.Delete($"group_snapshots/{id}", "3.14")).Status);
        await api.Gone($"group_snapshots/{id}");
        Assert.Empty((await api.Get("snapshots")).Json.GetProperty("snapshots").EnumerateArray());
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task What_can_not_be_is_refused_and_nothing_is_left()
    {
        await using var api = await RunningApi.Start(new() { Quotas = new QuotaLimits(Snapshots: 1) });
        Assert.Equal((404, $"Group {Missing} could not be found."), Of(await Take(api, Missing)));
        Assert.Equal((400, "Invalid group: Source group cannot be empty. No group snapshot will be created."), Of(await Take(api, await api.Group())));
        var (group, volumes) = await api.GroupOf(2);
        await api.Db.Commit(tx => tx.Volumes.Reset(volumes[0], "error", null, null));
        Assert.Equal((400, "Invalid volume: The snapshot cannot be created when the volume is in error status."), Of(await Take(api, group)));
        await api.Db.Commit(tx => tx.Volumes.Reset(volumes[0], "available", null, null));
        Assert.Equal((413, "SnapshotLimitExceeded: Maximum number of snapshots allowed (1) exceeded"), Of(await Take(api, group)));
        Assert.Empty((await api.Get("group_snapshots", "3.14")).Json.GetProperty("group_snapshots").EnumerateArray());
        Assert.Empty((await api.Get("snapshots")).Json.GetProperty("snapshots").EnumerateArray());
        Assert.Equal((404, $"GroupSnapshot {Missing} could not be found."), Of(await api.Get($"group_snapshots/{Missing}", "3.14")));
        Assert.Equal(404, (await api.Get("group_snapshots", "3.13")).Status);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    public static TheoryData<string> Statuses() => [.. GroupStatus.OfSnapshots];

    [Theory, MemberData(nameof(Statuses))]
    public async Task What_may_be_done_hangs_on_the_status(string status)
    {
        await using var api = await RunningApi.Start();
        var (group, _) = await api.GroupOf(1);
        var id = Id(await Take(api, group));
        Assert.Equal(409, (await Reset()).Status);
        await api.Ended();
        await api.Db.Commit(tx => tx.Execute($"update snapshot set status = 'available'"));
        Assert.Equal(202, (await Reset()).Status);
        var copied = await api.Post("groups/action", $$"""{"create-from-src": {"group_snapshot_id": "{{id}}"} }""", "3.14");
        if (GroupRules.CloneSnapshot.Allows(status))
        {
            Assert.Equal(202, copied.Status);
            await api.Ended();
        }
        else Assert.Equal((400, $"Invalid GroupSnapshot: Group snapshot status must be available, but current status is: {status}."), Of(copied));
        var gone = await api.Delete($"group_snapshots/{id}", "3.14");
        if (!GroupRules.DeleteSnapshot.Allows(status))
        {
            Assert.Equal((400, GroupRules.DeleteSnapshot.Refusal), Of(gone));
            return;
        }
        Assert.Equal(202, gone.Status);
        api.Work();
        await api.Gone($"group_snapshots/{id}");
        Assert.Empty((await api.Get("snapshots")).Json.GetProperty("snapshots").EnumerateArray());
        Task<Answered> Reset() => api.Post($"group_snapshots/{id}/action", $$"""{"reset_status": {"status": "{{status}}"} }""", "3.19");
    }

    [Fact]
    public async Task Pages_came_at_3_29()
    {
        await using var api = await RunningApi.Start();
        var (group, _) = await api.GroupOf(1);
        var ids = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            ids.Insert(0, Id(await Take(api, group)));
            api.Time.Advance(TimeSpan.FromSeconds(1));
        }
        var page = (await api.Get("group_snapshots?limit=2", "3.29")).Json;
        Assert.Equal(ids[..2], page.GetProperty("group_snapshots").EnumerateArray().Select(s => s.GetProperty("id").GetString()!));
        var next = page.GetProperty("group_snapshot_links")[0].GetProperty("href").GetString()!;
        Assert.Equal(ids[2], (await api.Get(new Uri(next).PathAndQuery, "3.29")).Json.GetProperty("group_snapshots").EnumerateArray().Single().GetProperty("id").GetString());
        Assert.Equal(3, (await api.Get("group_snapshots?limit=2", "3.28")).Json.GetProperty("group_snapshots").GetArrayLength());
        Assert.Empty((await api.Get("group_snapshots?status=error", "3.31")).Json.GetProperty("group_snapshots").EnumerateArray());
    }
}
