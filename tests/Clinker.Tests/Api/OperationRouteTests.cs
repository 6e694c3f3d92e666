using System.Text.Json;
using Clinker.Operations;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class OperationRouteTests
{
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>A volume's creation that could not be undone; its id and the volume's.</summary>
    static async Task<(string Id, string Volume)> Stuck(RunningApi api, Fault why)
    {
        var volume = await api.Volume();
        var row = (await api.Db.Commit(tx => tx.Operations.Claim([Queues.Scheduler], "h1/7/abc", Lease, 1))).Single();
        await api.Db.Commit(tx => tx.Operations.Journal(row.Id, "place", JournalEvent.Done, "\"h1@b1#p1\""));
        api.Time.Advance(TimeSpan.FromMilliseconds(1500));
        await api.Db.Commit(async tx =>
        {
            await tx.Operations.Journal(row.Id, "", JournalEvent.Fault, """{"$type":"of-tomorrow","Message":"Something new broke."}""");
            await tx.Operations.Unwind(row.Id, why);
        });
        await api.Db.Commit(tx => tx.Operations.Stick(row.Id, row.Generation, why, null));
        return (row.Id, volume);
    }

    static JsonElement Operation(Answered answer)
    {
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json.GetProperty("operation");
    }

    [Fact]
    public async Task What_is_stuck_is_seen_with_its_journal_and_goes_on_when_told()
    {
        await using var api = await RunningApi.Start();
        var (id, volume) = await Stuck(api, new Fault.DriverFailed("delete", "mount -o password=sesame gluster1:/v failed"));
        var seen = Operation(await api.Get($"operations/{id}"));
        Assert.Equal(("CreateVolume", "stuck", "volume", volume, "scheduler"), (Text(seen, "kind"), Text(seen, "status"), Text(seen, "resource_type"),
            Text(seen, "resource_uuid"), Text(seen, "queue")));
        Assert.Equal("The driver could not delete: mount -o password=*** gluster1:/v failed", Text(seen, "fault"));
        Assert.Equal((null, null), (Text(seen, "owner"), Text(seen, "next_try_at"))); // a person is waited for
        Assert.Equal(["place done 1 ", " fault 1.5 Something new broke."], seen.GetProperty("journal").EnumerateArray()
            .Select(e => $"{Text(e, "step")} {Text(e, "event")} {e.GetProperty("seconds").GetDouble()} {Text(e, "fault")}"));
        Assert.Equal("2026-01-02T03:04:06.000000", Text(seen.GetProperty("journal")[0], "at"));
        Assert.Equal(["step", "event", "at", "seconds", "fault"], seen.GetProperty("journal")[0].EnumerateObject().Select(p => p.Name)); // no results
        Assert.False(seen.TryGetProperty("arguments", out _));

        Assert.Equal(202, (await Resume(api, id)).Status);
        var going = Operation(await api.Get($"operations/{id}"));
        Assert.Equal(("unwinding", "2026-01-02T03:04:07.500000"), (Text(going, "status"), Text(going, "next_try_at")));
        var again = await Resume(api, id);
        Assert.Equal((409, "conflictingRequest", $"Operation {id} is unwinding: only one that is stuck can be resumed."),
            (again.Status, again.Fault, again.Message));
        Assert.Equal(id, (await api.Db.Commit(tx => tx.Operations.Claim([Queues.Scheduler], "h1/8/abc", Lease, 1))).Single().Id);
        Assert.Equal("h1/8/abc", Text(Operation(await api.Get($"operations/{id}")), "owner"));
    }

    [Fact]
    public async Task What_is_not_there_is_404()
    {
        await using var api = await RunningApi.Start();
        foreach (var answer in (Answered[])[await api.Get("operations/none"), await Resume(api, "none")])
            Assert.Equal((404, "itemNotFound", "Operation none could not be found."), (answer.Status, answer.Fault, answer.Message));
    }

    [Fact]
    public async Task Admins_alone_see_them()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var (id, _) = await Stuck(api, new Fault.ShareFull("s"));
        var owner = $"u:{RunningApi.Project}:member";
        foreach (var (answer, rule) in ((Answered, string)[])
        [
            (await api.Get("operations", token: owner), "get_all"),
            (await api.Get($"operations/{id}", token: owner), "get"),
            (await api.Get("operations/none", token: owner), "get"),
            (await api.Post($"operations/{id}/action", """{"os-resume": null}""", token: owner), "resume"),
            (await api.Post($"operations/{id}/action", """{"os-cancel": null}""", token: owner), "cancel"),
        ])
            Assert.Equal((403, "forbidden", $"Policy doesn't allow clinker:operations:{rule} to be performed."), (answer.Status, answer.Fault, answer.Message));
        Assert.Equal("stuck", Text(Operation(await api.Get($"operations/{id}", token: $"a:{RunningApi.Project}:admin")), "status"));
    }

    [Fact]
    public async Task What_is_cancelled_says_why_and_can_not_be_cancelled_again()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        var id = Text((await api.Get($"operations?resource_uuid={volume}")).Json.GetProperty("operations")[0], "id")!;
        Assert.Equal(202, (await Cancel(api, id)).Status);
        var seen = Operation(await api.Get($"operations/{id}"));
        Assert.Equal(("unwinding", "It was cancelled by an administrator."), (Text(seen, "status"), Text(seen, "fault")));
        Assert.Equal([" fault It was cancelled by an administrator."],
            seen.GetProperty("journal").EnumerateArray().Select(e => $"{Text(e, "step")} {Text(e, "event")} {Text(e, "fault")}"));
        var again = await Cancel(api, id);
        Assert.Equal((409, "conflictingRequest", $"Operation {id} is unwinding: only one that is queued or running can be cancelled."),
            (again.Status, again.Fault, again.Message));
        Assert.Equal(404, (await Cancel(api, "none")).Status);

        var made = await api.Made();
        Assert.Equal(202, (await api.Delete($"volumes/{made}")).Status);
        id = Text((await api.Get($"operations?kind=DeleteVolume&resource_uuid={made}")).Json.GetProperty("operations")[0], "id")!;
        var refused = await Cancel(api, id);
        Assert.Equal((409, $"Operation {id} can't be cancelled: a DeleteVolume that has come so far can't be taken back. Wait for its end."),
            (refused.Status, refused.Message));
        Assert.Equal("queued", Text(Operation(await api.Get($"operations/{id}")), "status"));
    }

    [Fact]
    public async Task How_far_the_data_is_is_told()
    {
        await using var api = await RunningApi.Start();
        await api.Volume();
        var row = (await api.Db.Commit(tx => tx.Operations.Claim([Queues.Scheduler], "h1/7/abc", Lease, 1))).Single();
        Assert.Equal("null", Operation(await api.Get($"operations/{row.Id}")).GetProperty("bytes_done").GetRawText());
        await api.Db.Commit(tx => tx.Operations.NoteMoved(row.Id, row.Generation - 1, (1, 2))); // a lease of before
        await api.Db.Commit(tx => tx.Operations.NoteMoved(row.Id, row.Generation, (4096, 1L << 40)));
        var seen = Operation(await api.Get($"operations/{row.Id}"));
        Assert.Equal((4096, 1L << 40), (seen.GetProperty("bytes_done").GetInt64(), seen.GetProperty("bytes_total").GetInt64()));
    }

    [Fact]
    public async Task They_are_listed_in_pages_and_by_what_they_are_about()
    {
        await using var api = await RunningApi.Start();
        var (stuck, first) = await Stuck(api, new Fault.ShareFull("s"));
        var (second, third) = (await api.Volume(), await api.Volume(path: "/v3/bbbb/volumes"));
        Assert.Equal([third, second, first], Volumes(await api.Get("operations")));
        Assert.Equal([first], Volumes(await api.Get("operations?status=stuck")));
        Assert.Equal([second], Volumes(await api.Get($"operations?resource_type=volume&resource_uuid={second}")));
        Assert.Empty(Volumes(await api.Get("operations?resource_type=snapshot")));
        Assert.Equal([third], Volumes(await api.Get("operations?project_id=bbbb")));
        Assert.Equal([third], Volumes(await api.Get("operations?all_tenants=1&project_id=bbbb")));
        Assert.Equal([first, second, third], Volumes(await api.Get("operations?sort=created_at:asc")));
        var page = await api.Get("operations?limit=2&resource_type=volume");
        Assert.Equal([third, second], Volumes(page));
        var next = page.Json.GetProperty("operations_links")[0].GetProperty("href").GetString()!;
        page = await api.Get(next[api.Address.Length..]);
        Assert.Equal([first], Volumes(page));
        Assert.False(page.Json.TryGetProperty("operations_links", out _));
        Assert.Equal("Operation none could not be found.", (await api.Get("operations?marker=none")).Message);
        Assert.Equal(400, (await api.Get("operations?limit=x")).Status);
        Assert.False((await api.Get($"operations?id={stuck}")).Json.GetProperty("operations")[0].TryGetProperty("journal", out _));
        static IEnumerable<string?> Volumes(Answered answer) => answer.Json.GetProperty("operations").EnumerateArray().Select(o => Text(o, "resource_uuid"));
    }

    static Task<Answered> Cancel(RunningApi api, string id) => api.Post($"operations/{id}/action", """{"os-cancel": null}""");

    static Task<Answered> Resume(RunningApi api, string id) => api.Post($"operations/{id}/action", """{"os-resume": null}""");

    static string? Text(JsonElement of, string member) => of.GetProperty(member).GetString();
}
