using System.Text.Json;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class SnapshotRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";
    const string Stranger = "u:other:member";

    static readonly string[] Always = ["created_at", "description", "id", "metadata", "name", "size", "status", "updated_at", "volume_id"];

    [Fact]
    public async Task A_snapshot_is_accepted_with_its_row_quota_operation_and_hold()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume(size: 2);
        await api.Available(volume);
        var answer = await api.Post("snapshots", $$"""
            {"snapshot": {"volume_id": "{{volume}}", "name": " s1 ", "description": "d", "metadata": {"k": "v"}, "force": "no"} }
            """);
        Assert.Equal(202, answer.Status);
        var snapshot = answer.Json.GetProperty("snapshot");
        Assert.Equal(("s1", "d", 2, "creating", volume, "v", JsonValueKind.Null), (
            snapshot.GetProperty("name").GetString(), snapshot.GetProperty("description").GetString(), snapshot.GetProperty("size").GetInt32(),
            snapshot.GetProperty("status").GetString(), snapshot.GetProperty("volume_id").GetString(),
            snapshot.GetProperty("metadata").GetProperty("k").GetString(), snapshot.GetProperty("updated_at").ValueKind));
        var id = snapshot.GetProperty("id").GetString()!;
        var (gigabytes, count, live, held) = await api.Db.Read(async tx => (
            await tx.Quotas.InUse(RunningApi.Project, "gigabytes"), await tx.Quotas.InUse(RunningApi.Project, "snapshots"),
            await tx.Operations.AnyLive(new("snapshot", id)), await tx.Operations.Held(new("volume", volume))));
        Assert.Equal((4, 1, true, true), (gigabytes, count, live, held));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        // The volume that it is taken of stays, and stays as large as it is.
        Assert.Equal(400, (await api.Delete($"volumes/{volume}")).Status);
        Assert.Equal($"Invalid volume: Volume {volume} can't be extended while something is made from it.",
            (await api.Post($"volumes/{volume}/action", """{"os-extend": {"new_size": 3}}""")).Message);
    }

    [Theory]
    [InlineData("3.0", "")]
    [InlineData("3.14", "group_snapshot_id")]
    [InlineData("3.41", "group_snapshot_id,user_id")]
    [InlineData("3.71", "consumes_quota,group_snapshot_id,user_id")]
    public async Task Each_version_sees_its_members(string version, string more)
    {
        await using var api = await RunningApi.Start();
        var (volume, snapshots) = await api.WithSnapshots();
        string[] extended = ["os-extended-snapshot-attributes:progress", "os-extended-snapshot-attributes:project_id"];
        var newer = more.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var made = await api.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }""", version);
        Assert.Equal(Sorted(Always, newer), Members(made.Json.GetProperty("snapshot")));
        var changed = await api.Put($"snapshots/{snapshots[0]}", """{"snapshot": {"name": "n"}}""", version);
        Assert.Equal(Sorted(Always, newer), Members(changed.Json.GetProperty("snapshot")));
        var shown = (await api.Get($"snapshots/{snapshots[0]}", version)).Json.GetProperty("snapshot");
        Assert.Equal(Sorted(Always, newer, extended), Members(shown));
        Assert.Equal(("n", RunningApi.Project, "0%"), (shown.GetProperty("name").GetString(),
            shown.GetProperty(extended[1]).GetString(), shown.GetProperty(extended[0]).GetString()));
        Assert.Equal(Sorted(Always, newer, extended), Members((await api.Get("snapshots/detail", version)).Json.GetProperty("snapshots")[0]));
        Assert.Equal(Always, Members((await api.Get("snapshots", version)).Json.GetProperty("snapshots")[0]));
        static IEnumerable<string> Members(JsonElement of) => of.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal);
        static IEnumerable<string> Sorted(params string[][] names) => names.SelectMany(n => n).Order(StringComparer.Ordinal);
    }

    public static TheoryData<string> VolumeStatuses() =>
        [.. typeof(VolumeStatus).GetFields().Select(f => (string)f.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(VolumeStatuses))]
    public async Task Whether_a_snapshot_may_be_taken_hangs_on_the_volumes_status(string status)
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume, status);
        foreach (var (version, force, rule) in ((string, string, Rule)[])
            [("3.65", "", VolumeRules.Snapshot), ("3.65", ", \"force\": true", VolumeRules.SnapshotEvenInUse), ("3.66", "", VolumeRules.SnapshotEvenInUse)])
        {
            var answer = await api.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"{{force}}} }""", version);
            if (rule.Allows(status)) Assert.Equal(202, answer.Status);
            else
            {
                Assert.Equal((400, status switch
                {
                    "maintenance" => "Invalid volume: The snapshot cannot be created when the volume is in maintenance mode.",
                    "error" => "Invalid volume: The snapshot cannot be created when the volume is in error status.",
                    _ => $"Invalid volume: Volume {volume} status must be {string.Join(", ", rule.From!)}, but current status is: {status}.",
                }), (answer.Status, answer.Message));
            }
        }
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task What_can_not_be_is_refused_and_nothing_is_left()
    {
        await using var api = await RunningApi.Start(new() { Quotas = new QuotaLimits(Snapshots: 1, Gigabytes: 5) });
        var volume = await api.Volume(size: 2);
        Assert.Equal("Invalid volume: The snapshot cannot be created because volume has not been scheduled to any host.", (await Take(volume)).Message);
        await api.Available(volume);
        Assert.Equal((404, $"Volume {Missing} could not be found."), Of(await Take(Missing)));
        Assert.Equal((404, "Volume None could not be found."), Of(await api.Post("snapshots", """{"snapshot": {"volume_id": null}}""")));
        Assert.StartsWith("Since microversion 3.66 the 'force' flag is invalid", (await Take(volume, ", \"force\": false", "3.66")).Message, StringComparison.Ordinal);
        Assert.Equal(202, (await Take(volume, ", \"force\": true", "3.66")).Status);
        Assert.Equal((413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            + "Requested 2G, quota is 5G and 4G has been consumed."), Of(await Take(volume)));
        await api.Db.Commit(tx => tx.Execute($"insert into quota_limit values ({RunningApi.Project}, 'gigabytes', -1)"));
        Assert.Equal((413, "SnapshotLimitExceeded: Maximum number of snapshots allowed (1) exceeded"), Of(await Take(volume)));
        Assert.Single((await api.Get("snapshots")).Json.GetProperty("snapshots").EnumerateArray());
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        Task<Answered> Take(string of, string more = "", string version = "3.0") =>
            api.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{of}}"{{more}}} }""", version);
    }

    public static TheoryData<string> SnapshotStatuses() =>
        [.. typeof(SnapshotStatus).GetFields().Select(f => (string)f.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(SnapshotStatuses))]
    public async Task Whether_a_snapshot_may_go_hangs_on_its_status(string status)
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var (_, snapshots) = await api.WithSnapshots(2);
        foreach (var id in snapshots) await api.SnapshotIs(id, status);
        var gone = await api.Delete($"snapshots/{snapshots[0]}");
        if (SnapshotRules.Delete.Allows(status)) Assert.Equal((202, ""), (gone.Status, gone.Text));
        else Assert.Equal((400, "Invalid snapshot: Snapshot status must be available or error and must not be part of a group."), Of(gone));
        var force = $"snapshots/{snapshots[1]}/action";
        Assert.Equal(403, (await api.Post(force, """{"os-force_delete": {}}""", token: $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal((202, ""), ((await api.Post(force, """{"os-force_delete": {}}""")).Status, ""));
        Assert.Equal("deleting", (await api.Get($"snapshots/{snapshots[1]}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        // Once is enough, also by force.
        Assert.Equal((400, "Invalid snapshot: Snapshot must not be part of a group."), Of(await api.Post(force, """{"os-force_delete": {}}""")));
    }

    [Fact]
    public async Task A_snapshot_from_which_a_volume_is_made_stays_and_so_does_its_volume()
    {
        await using var api = await RunningApi.Start();
        var (volume, snapshots) = await api.WithSnapshots();
        var made = await api.Volume(more: $", \"snapshot_id\": \"{snapshots[0]}\"");
        Assert.Equal(400, (await api.Delete($"snapshots/{snapshots[0]}")).Status);
        Assert.Equal(400, (await api.Delete($"volumes/{volume}")).Status);
        Assert.Equal(400, (await api.Delete($"volumes/{volume}?cascade=true")).Status);
        Assert.Equal("available", (await api.Get($"snapshots/{snapshots[0]}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        await api.Available(made);
        Assert.Equal(400, (await api.Delete($"volumes/{volume}")).Status); // it has a snapshot
        Assert.Equal(202, (await api.Delete($"snapshots/{snapshots[0]}")).Status);
    }

    [Fact]
    public async Task A_volume_goes_with_its_snapshots_when_all_may_go()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var (volume, snapshots) = await api.WithSnapshots(2);
        await api.SnapshotIs(snapshots[0], "creating");
        var refused = await api.Delete($"volumes/{volume}?cascade=true");
        Assert.Equal(400, refused.Status);
        Assert.StartsWith("Invalid volume: Volume status must be available or error or", refused.Message, StringComparison.Ordinal);
        Assert.Equal("available", await StatusOf("volume", volume));
        await api.SnapshotIs(snapshots[0], "error");
        await api.Db.Commit(tx => tx.Execute($"update snapshot set project_id = 'other' where id = {snapshots[0]}"));
        Assert.Equal(400, (await api.Delete($"volumes/{volume}?cascade=true", token: $"u:{RunningApi.Project}:member")).Status);
        await api.Db.Commit(tx => tx.Execute($"update snapshot set project_id = {RunningApi.Project} where id = {snapshots[0]}"));
        Assert.Equal((202, ""), ((await api.Delete($"volumes/{volume}?cascade=true", token: $"u:{RunningApi.Project}:member")).Status, ""));
        Assert.Equal("deleting deleting deleting",
            $"{await StatusOf("volume", volume)} {await StatusOf("snapshot", snapshots[0])} {await StatusOf("snapshot", snapshots[1])}");
        // One operation, which has the snapshots: the newest goes first.
        var operation = Assert.Single(await api.Db.Read(tx => tx.Operations.List(new() { Filters = [new("about_id", Op.Equal, volume)] })));
        Assert.Equal($$"""{"VolumeId":"{{volume}}","Snapshots":["{{snapshots[1]}}","{{snapshots[0]}}"]}""", operation.Arguments);
        // Nobody takes them from it.
        Assert.Equal(400, (await api.Post($"snapshots/{snapshots[1]}/action", """{"os-force_delete": {}}""")).Status);
        Assert.Equal(409, (await api.Post($"snapshots/{snapshots[1]}/action", """{"os-reset_status": {"status": "error"}}""")).Status);
        async Task<string?> StatusOf(string kind, string id) =>
            (await api.Get($"{kind}s/{id}")).Json.GetProperty(kind).GetProperty("status").GetString();
    }

    [Fact]
    public async Task Who_is_not_of_the_project_knows_of_nothing()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var (volume, snapshots) = await api.WithSnapshots();
        var path = $"/v3/other/snapshots/{snapshots[0]}";
        foreach (var (method, to, body) in ((string, string, string?)[])
            [("GET", path, null), ("DELETE", path, null), ("PUT", path, """{"snapshot": {"name": "x"}}"""), ("GET", path + "/metadata", null),
             ("PUT", path + "/metadata", """{"metadata": {}}"""), ("POST", path + "/action", """{"os-force_delete": {}}"""),
             ("POST", path + "/action", """{"os-reset_status": {"status": "error"}}"""),
             ("POST", path + "/action", """{"os-update_snapshot_status": {"status": "error"}}""")])
            Assert.Equal((404, $"Snapshot {snapshots[0]} could not be found."), Of(await api.Send(method, to, body, token: Stranger)));
        Assert.Equal((404, $"Volume {volume} could not be found."),
            Of(await api.Post("/v3/other/snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }""", token: Stranger)));
        Assert.Equal(404, (await api.Post("/v3/other/volumes", $$"""{"volume": {"snapshot_id": "{{snapshots[0]}}"} }""", token: Stranger)).Status);
        Assert.Empty((await api.Get("/v3/other/snapshots?all_tenants=1", token: Stranger)).Json.GetProperty("snapshots").EnumerateArray());
        Assert.Empty((await api.Get("/v3/other/snapshots", token: "u:other:admin")).Json.GetProperty("snapshots").EnumerateArray());
        Assert.Single((await api.Get("/v3/other/snapshots?all_tenants=1", token: "u:other:admin")).Json.GetProperty("snapshots").EnumerateArray());
        // A reader looks only.
        var reader = $"u:{RunningApi.Project}:reader";
        Assert.Equal(200, (await api.Get($"snapshots/{snapshots[0]}", token: reader)).Status);
        Assert.Equal((403, "Policy doesn't allow volume:delete_snapshot to be performed."), Of(await api.Delete($"snapshots/{snapshots[0]}", token: reader)));
        Assert.Equal(403, (await api.Put($"snapshots/{snapshots[0]}", """{"snapshot": {"name": "x"}}""", token: reader)).Status);
    }

    [Fact]
    public async Task Lists_are_filtered_sorted_counted_and_go_page_by_page()
    {
        await using var api = await RunningApi.Start();
        var (volume, _) = await api.WithSnapshots(3);
        await api.Snapshot(volume, "other", ", \"metadata\": {\"a\": \"b\"}");
        Assert.Equal("other,s2,s1,s0", await Names(""));
        Assert.Equal("s0,s1", await Names("?sort=name:asc&limit=2&status=available&name~=S", "3.34"));
        Assert.Equal("other", await Names("?status=creating"));
        Assert.Equal("other", await Names("?metadata={'a':'b'}", "3.31"));
        Assert.Equal("other,s2,s1,s0", await Names("?metadata={'a':'b'}", "3.21")); // not yet known
        Assert.Equal("other,s2,s1,s0", await Names($"?volume_id={volume}"));
        Assert.Equal("", await Names($"?volume_id={Missing}"));
        Assert.Equal("other,s2,s1,s0", await Names("?availability_zone=nova", "3.31"));
        Assert.Equal("", await Names("?availability_zone=mars", "3.31"));
        var page = await api.Get("snapshots/detail?limit=3&with_count=true", "3.45");
        Assert.Equal(4, page.Json.GetProperty("count").GetInt32());
        var next = page.Json.GetProperty("snapshots_links")[0].GetProperty("href").GetString()![api.Address.Length..];
        Assert.Contains("/snapshots/detail?limit=3&with_count=true&marker=", next, StringComparison.Ordinal);
        Assert.Equal("s0", Assert.Single((await api.Get(next, "3.45")).Json.GetProperty("snapshots").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal((404, $"Snapshot {Missing} could not be found."), Of(await api.Get($"snapshots?marker={Missing}")));
        async Task<string> Names(string query, string version = "3.0")
        {
            var answer = await api.Get("snapshots" + query, version);
            Assert.Equal(200, answer.Status);
            return string.Join(",", answer.Json.GetProperty("snapshots").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        }
    }

    [Fact]
    public async Task Words_are_changed()
    {
        await using var api = await RunningApi.Start();
        var (_, snapshots) = await api.WithSnapshots();
        var path = $"snapshots/{snapshots[0]}";
        var changed = await api.Put(path, """{"snapshot": {"display_name": " a ", "description": null}}""");
        Assert.Equal("a", changed.Json.GetProperty("snapshot").GetProperty("name").GetString());
        Assert.Equal(400, (await api.Put(path, """{"snapshot": {}}""")).Status);
        Assert.Equal("""{"metadata":{"b":"2"}}""", (await api.Post(path + "/metadata", """{"metadata": {"b": "2"}, "open": 1}""")).Text);
        Assert.Equal("""{"meta":{"b":"3"}}""", (await api.Put(path + "/metadata/b", """{"meta": {"b": "3"}}""")).Text);
        Assert.Equal(400, (await api.Post(path + "/metadata", """{"metadata": {"a/b": "2"}}""")).Status);
        Assert.Equal("""{"metadata":{"b":"3"}}""", (await api.Get(path + "/metadata")).Text);
        Assert.Equal(200, (await api.Delete(path + "/metadata/b")).Status);
        Assert.Equal((404, $"Snapshot {snapshots[0]} has no metadata with key b."), Of(await api.Get(path + "/metadata/b")));
    }

    [Fact]
    public async Task A_status_is_reset_by_admins_and_told_by_who_takes_it()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var (volume, snapshots) = await api.WithSnapshots();
        var (id, busy) = (snapshots[0], await api.Snapshot(volume));
        Assert.Equal(409, (await Act(busy, """{"os-reset_status": {"status": "error"}}""")).Status); // its operation would settle it
        Assert.Equal((202, ""), ((await Act(id, """{"os-reset_status": {"status": "CREATING"}}""")).Status, ""));
        Assert.StartsWith("Snapshot status: foo is invalid, valid statuses are: ('error', 'available',",
            (await Act(id, """{"os-reset_status": {"status": "foo"}}""")).Message, StringComparison.Ordinal);
        Assert.Equal(403, (await Act(id, """{"os-reset_status": {"status": "error"}}""", member: true)).Status);

        Assert.Equal("Provided snapshot status deleting not allowed for snapshot with status creating.", (await Tell(id, "deleting")).Message);
        Assert.Equal("Invalid input received: progress must be an integer percentage between 0 and 100", (await Tell(id, "creating", "101%")).Message);
        Assert.Equal("Invalid input received: progress must be an integer percentage", (await Tell(id, "creating", "x")).Message);
        Assert.Equal(202, (await Tell(id, "creating", "42%")).Status);
        Assert.Equal("creating 42%", await Shown(id));
        Assert.Equal(202, (await Tell(id, "available", "100%")).Status);
        Assert.Equal("available 100%", await Shown(id));
        Assert.Equal("Snapshot status available not allowed for update_snapshot_status", (await Tell(id, "error")).Message);
        // Progress may be told of one that an operation takes; its status is the operation's.
        Assert.Equal(202, (await Tell(busy, "creating", "7%")).Status);
        Assert.Equal(409, (await Tell(busy, "available")).Status);
        Assert.Equal("creating 7%", await Shown(busy));

        Task<Answered> Act(string of, string body, bool member = false) =>
            api.Post($"snapshots/{of}/action", body, token: member ? $"u:{RunningApi.Project}:member" : null);
        Task<Answered> Tell(string of, string status, string? progress = null) => Act(of,
            $$"""{"os-update_snapshot_status": {"status": "{{status}}"{{(progress is null ? "" : $", \"progress\": \"{progress}\"")}}} }""", member: true);
        async Task<string> Shown(string of)
        {
            var s = (await api.Get($"snapshots/{of}")).Json.GetProperty("snapshot");
            return $"{s.GetProperty("status").GetString()} {s.GetProperty("os-extended-snapshot-attributes:progress").GetString()}";
        }
    }

    static (int, string) Of(Answered answer) => (answer.Status, answer.Message);
}
