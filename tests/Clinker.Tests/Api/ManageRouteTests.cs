using System.Text.Json;
using Clinker.Drivers.Memory;
using Clinker.Quotas;
using Clinker.Volumes;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

/// <summary>What lies in a pool already becomes volumes and snapshots, and nothing of ours again.</summary>
public sealed class ManageRouteTests
{
    const string Pool = "h1@b1%23p1";
    const string Host = "h1@b1#p1";

    static async Task<RunningApi> Working(QuotaLimits? quotas = null)
    {
        var api = await RunningApi.Start(new() { Quotas = quotas ?? new() });
        await api.Reported();
        api.Work(all: true);
        return api;
    }

    static Task<Answered> Manage(RunningApi api, string name, string more = "", string host = Host, string path = "manageable_volumes") =>
        api.Post(path, $$"""{"volume": {"host": "{{host}}", "ref": {"source-name": "{{name}}"}{{more}} } }""", "3.8");

    static async Task<JsonElement> Settled(RunningApi api, string id, string kind = "volume")
    {
        JsonElement row = default;
        await Soon.Until(async () => Text(row = (await api.Get($"{kind}s/{id}", Newest)).Json.GetProperty(kind), "status") is "available" or "error");
        return row;
    }

    static string IdOf(Answered answer, string kind = "volume") => Text(answer.Json.GetProperty(kind), "id")!;

    static async Task<string> Listed(RunningApi api, string query = "", string path = "manageable_volumes", string version = "3.8")
    {
        var answer = await api.Get($"{path}?host={Pool}{query}", version);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Text;
    }

    static Task<long> InUse(RunningApi api, string resource) => api.Db.Read(tx => tx.Quotas.InUse(RunningApi.Project, resource));

    static Task<List<string>> Drift(RunningApi api) =>
        api.Db.Read(async tx => (List<string>)[.. await tx.Quotas.Recount(), .. await tx.Pools.Recount()]);

    [Theory, InlineData("manageable_volumes"), InlineData("os-volume-manage")]
    public async Task A_file_becomes_a_volume_with_the_words_that_were_asked_for(string path)
    {
        await using var api = await Working();
        api.Shares.Put("p1", "lvol0", new(3, "data"));
        var made = await Manage(api, "lvol0", """, "name": " n ", "description": "d", "bootable": "true", "metadata": {"a": "b"}""", path: path);
        Assert.Equal(202, made.Status);
        Assert.Equal(("creating", 0), (Text(made.Json.GetProperty("volume"), "status"), made.Json.GetProperty("volume").GetProperty("size").GetInt32()));
        var volume = await Settled(api, IdOf(made));
        Assert.Equal(("available", "n", "d", "true", "nova", Host), (Text(volume, "status"), Text(volume, "name"), Text(volume, "description"),
            Text(volume, "bootable"), Text(volume, "availability_zone"), Text(volume, "os-vol-host-attr:host")));
        Assert.Equal("""{"a":"b"}""", volume.GetProperty("metadata").GetRawText());
        Assert.Equal(3, volume.GetProperty("size").GetInt32());
        Assert.Equal("data", api.Shares.Find(IdOf(made))!.Content);
        Assert.Empty(api.Shares.Others);
        Assert.Equal((1, 3), (await InUse(api, QuotaResource.Volumes), await InUse(api, QuotaResource.Gigabytes)));
        Assert.Empty(await Drift(api));
    }

    [Theory]
    [InlineData("nothing", "", "there is no file nothing in pool h1@b1#p1", "_001")]
    [InlineData("empty", "", "empty: it is empty", "_001")]
    [InlineData("large", "", "VolumeSizeExceedsAvailableQuota", "_006")]
    [InlineData("lvol0", """, "availability_zone": "az2" """, "it is in zone nova, wanted is az2", "_003")]
    [InlineData("lvol0", """, "volume_type": "elsewhere" """, "it has no magic", "_003")]
    public async Task What_can_not_be_managed_stays_and_its_owner_is_told(string name, string more, string why, string detail)
    {
        await using var api = await Working(new QuotaLimits(Gigabytes: 10));
        await api.Post("types", """{"volume_type": {"name": "elsewhere", "extra_specs": {"magic": "<is> True"}}}""");
        api.Shares.Put("p1", "lvol0", new(1, "data"));
        api.Shares.Put("p1", "large", new(11, "data"));
        api.Shares.Put("p1", "empty", new(0));
        var id = IdOf(await Manage(api, name, more));
        Assert.Equal("error", Text(await Settled(api, id), "status"));
        Assert.Equal(VolumeStatus.ErrorManaging, await StatusOf(api, id));
        var message = (await api.Get("messages", "3.3")).Json.GetProperty("messages").EnumerateArray().Single();
        var operation = (await api.Get($"operations/{Text(message, "id")}")).Json.GetProperty("operation");
        Assert.Contains(why, Text(operation, "fault"), StringComparison.Ordinal);
        Assert.DoesNotContain("h1@b1", Text(message, "user_message"), StringComparison.Ordinal);
        Assert.StartsWith("manage volume: ", Text(message, "user_message"), StringComparison.Ordinal);
        Assert.EndsWith(detail, Text(message, "event_id"), StringComparison.Ordinal);
        Assert.Equal(["empty", "large", "lvol0"], api.Shares.Others.Select(f => f.File).Order());
        Assert.Empty(await Drift(api));

        Assert.Equal(202, (await api.Delete($"volumes/{id}")).Status);
        Assert.Null(await StatusOf(api, id));
        Assert.Equal(["empty", "large", "lvol0"], api.Shares.Others.Select(f => f.File).Order());
        Assert.Equal((0, 0), (await InUse(api, QuotaResource.Volumes), await InUse(api, QuotaResource.Gigabytes)));
        Assert.Empty(await Drift(api));
    }

    [Theory]
    [InlineData("""{"ref": {"source-name": "lvol0"}}""", "3.15", 400, "Invalid input received: Host field is missing.")]
    [InlineData("""{"ref": {"source-name": "lvol0"}}""", "3.16", 400, "Invalid input received: One and only one of cluster and host must be set.")]
    [InlineData("""{"host": "h1@b1#p1", "cluster": "c@b", "ref": {"source-name": "lvol0"}}""", "3.16", 400,
        "Invalid input received: One and only one of cluster and host must be set.")]
    [InlineData("""{"host": "h1@b1#p1", "cluster": "c@b", "ref": {"source-name": "lvol0"}}""", "3.15", 400,
        "Additional properties are not allowed ('cluster' was unexpected)")]
    [InlineData("""{"cluster": "c@b", "ref": {"source-name": "lvol0"}}""", "3.16", 404, "Service cinder-volume could not be found on cluster c@b.")]
    [InlineData("""{"host": "nobody@b1#p1", "ref": {"source-name": "lvol0"}}""", "3.8", 404, "Service cinder-volume could not be found on host nobody@b1.")]
    [InlineData("""{"host": "h1@b1#p2", "ref": {"source-name": "lvol0"}}""", "3.8", 400, "Invalid input received: h1@b1#p2 is no pool. h1@b1 has: h1@b1#p1.")]
    [InlineData("""{"host": "h1@b1#p1", "volume_type": "none", "ref": {"source-name": "lvol0"}}""", "3.8", 404,
        "Volume type with name none could not be found.")]
    [InlineData("""{"host": "h1@b1#p1", "ref": "lvol0"}""", "3.8", 400, "must contain \"source-name\"")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-id": "1"}}""", "3.8", 400, "must contain \"source-name\"")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": 1}}""", "3.8", 400, "must contain \"source-name\"")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": ""}}""", "3.8", 400, "must be the name of a file in pool h1@b1#p1")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": "../lvol0"}}""", "3.8", 400, "must be the name of a file in pool h1@b1#p1")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": "p1/../lvol0"}}""", "3.8", 400, "must be the name of a file in pool h1@b1#p1")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": ".hidden"}}""", "3.8", 400, "must be the name of a file in pool h1@b1#p1")]
    [InlineData("""{"host": "h1@b1#p1", "ref": {"source-name": "a\u0007b"}}""", "3.8", 400, "must be the name of a file in pool h1@b1#p1")]
    public async Task What_is_asked_wrongly_is_refused_and_changes_nothing(string volume, string version, int status, string why)
    {
        await using var api = await Working();
        api.Shares.Put("p1", "lvol0", new(1, "data"));
        var answer = await api.Post("manageable_volumes", $$"""{"volume": {{volume}} }""", version);
        Assert.Equal(status, answer.Status);
        Assert.Contains(why, answer.Message, StringComparison.Ordinal);
        Assert.Equal(0, await api.Db.Read(tx => tx.Number($"select count(*) from volume")));
        Assert.Equal(0, await InUse(api, QuotaResource.Volumes));
    }

    [Fact]
    public async Task It_is_for_admins_and_for_services_that_work()
    {
        await using var api = await RunningApi.Start(WithTokens);
        await api.Reported();
        const string Admin = $"u:{RunningApi.Project}:admin", Member = $"u:{RunningApi.Project}:member";
        const string Body = """{"volume": {"host": "h1@b1#p1", "ref": {"source-name": "lvol0"}}}""";
        Assert.Equal(403, (await api.Post("manageable_volumes", Body, "3.8", Member)).Status);
        Assert.Equal(403, (await api.Get($"manageable_volumes?host={Pool}", "3.8", Member)).Status);
        Assert.Equal(404, (await api.Post("manageable_volumes", Body, "3.7", Admin)).Status);
        Assert.Equal(404, (await api.Get($"manageable_snapshots/detail?host={Pool}", "3.7", Admin)).Status);
        await api.Db.Commit(tx => tx.Services.Set("h1@b1", "cinder-volume", disabled: true, "a reason"));
        Assert.Equal((400, "Service is unavailable at this time."), Told(await api.Post("manageable_volumes", Body, "3.8", Admin)));
        await api.Db.Commit(tx => tx.Services.Set("h1@b1", "cinder-volume", disabled: false, null));
        api.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal((400, "Service is unavailable at this time."), Told(await api.Get($"os-volume-manage?host={Pool}", null, Admin)));
    }

    [Fact]
    public async Task Of_two_that_ask_for_one_file_only_the_first_gets_it()
    {
        await using var api = await RunningApi.Start();
        await api.Reported();
        api.Shares.Put("p1", "lvol0", new(1, "data"));
        var first = IdOf(await Manage(api, "lvol0"));
        Assert.Equal((400, "Unable to manage existing volume. Volume lvol0 already managed."), Told(await Manage(api, "p1/lvol0")));
        Assert.Contains("status must be available", (await api.Post($"volumes/{first}/action", """{"os-unmanage": null}""")).Message, StringComparison.Ordinal);
        api.Work(all: true);
        Assert.Equal("available", Text(await Settled(api, first), "status"));
        var again = IdOf(await Manage(api, $"volume-{first}"));
        Assert.Equal("error", Text(await Settled(api, again), "status"));
        Assert.Equal("data", api.Shares.Find(first)!.Content);
    }

    [Fact]
    public async Task A_volume_that_is_given_up_leaves_its_file_and_becomes_another()
    {
        await using var api = await Working();
        var id = await api.Made();
        api.Shares.Write(id, "data");
        Assert.Equal(202, (await api.Post($"volumes/{id}/action", """{"os-unmanage": {}}""")).Status);
        Assert.Equal(404, (await api.Get($"volumes/{id}")).Status);
        Assert.Equal((0, 0), (await InUse(api, QuotaResource.Volumes), await InUse(api, QuotaResource.Gigabytes)));
        Assert.Equal("""{"manageable-volumes":[{"reference":{"source-name":"volume-ID"},"size":1,"safe_to_manage":true,"reason_not_safe":null,"cinder_id":null,"extra_info":null}]}""",
            (await Listed(api, path: "manageable_volumes/detail")).Replace(id, "ID", StringComparison.Ordinal));
        // As that is of which a volume has moved away, until it is deleted.
        await api.Db.Commit(tx => tx.Pools.Note(id, Host));
        Assert.Contains("\"safe_to_manage\":false,\"reason_not_safe\":\"a volume has moved away", await Listed(api, path: "manageable_volumes/detail"), StringComparison.Ordinal);
        await api.Db.Commit(tx => tx.Pools.Release(id));
        var other = IdOf(await Manage(api, $"volume-{id}"));
        Assert.Equal("available", Text(await Settled(api, other), "status"));
        Assert.Equal("data", api.Shares.Find(other)!.Content);
        Assert.Null(api.Shares.Find(id));
    }

    [Theory]
    [InlineData("in-use"), InlineData("creating"), InlineData("error_deleting"), InlineData("awaiting-transfer"), InlineData("extending")]
    public async Task A_volume_in_another_status_is_not_given_up(string status)
    {
        await using var api = await Working();
        var id = await api.Made();
        await api.Available(id, status);
        var refused = await api.Post($"volumes/{id}/action", """{"os-unmanage": null}""");
        Assert.Equal(400, refused.Status);
        Assert.StartsWith("Invalid volume: Volume status must be available or error or", refused.Message, StringComparison.Ordinal);
        Assert.Equal(status, await StatusOf(api, id));
    }

    [Fact]
    public async Task A_volume_with_snapshots_or_encrypted_or_of_others_is_not_given_up()
    {
        await using var api = await RunningApi.Start(WithTokens);
        const string Admin = $"u:{RunningApi.Project}:admin", Member = $"u:{RunningApi.Project}:member", Stranger = "s:ffff:member";
        var id = Text((await api.Post("volumes", """{"volume": {"size": 1}}""", token: Admin)).Json.GetProperty("volume"), "id")!;
        await api.Available(id);
        Task<Answered> Unmanage(string token) => api.Post($"volumes/{id}/action", """{"os-unmanage": null}""", token: token);
        Assert.Equal(403, (await Unmanage(Member)).Status);
        Assert.Equal(404, (await api.Send("POST", $"/v3/ffff/volumes/{id}/action", """{"os-unmanage": null}""", token: Stranger)).Status);
        await api.Db.Commit(tx => tx.Execute($"update volume set encryption_key_id = 'k' where id = {id}"));
        Assert.Equal((400, "Unmanaging encrypted volumes is not supported."), Told(await Unmanage(Admin)));
        var message = (await api.Get("messages", "3.3", Admin)).Json.GetProperty("messages").EnumerateArray().Single();
        Assert.Equal(("VOLUME_VOLUME_006_008", id), (Text(message, "event_id"), Text(message, "resource_uuid")));
        await api.Db.Commit(tx => tx.Execute($"update volume set encryption_key_id = null where id = {id}"));
        var taken = await api.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{id}}"} }""", token: Admin);
        await api.SnapshotIs(Text(taken.Json.GetProperty("snapshot"), "id")!);
        Assert.Equal(400, (await Unmanage(Admin)).Status);
        Assert.Equal("available", await StatusOf(api, id));
    }

    [Fact]
    public async Task A_snapshot_is_given_up_and_becomes_one_again()
    {
        await using var api = await Working();
        var volume = await api.Made();
        api.Shares.Write(volume, "old");
        var snapshot = await api.Snapshot(volume);
        await Settled(api, snapshot, "snapshot");
        api.Shares.Write(volume, "new");
        Assert.Contains(
            $$"""{"reference":{"source-name":"snapshot-{{snapshot}}"},"size":1,"safe_to_manage":false,"source_reference":{"source-name":"volume-{{volume}}"},"reason_not_safe":"Volume already managed.","cinder_id":"{{snapshot}}","extra_info":null}""",
            await Listed(api, path: "manageable_snapshots/detail"), StringComparison.Ordinal);
        Assert.Equal(202, (await api.Post($"snapshots/{snapshot}/action", """{"os-unmanage": null}""")).Status);
        Assert.Equal(404, (await api.Get($"snapshots/{snapshot}")).Status);
        Assert.Equal((0, 1), (await InUse(api, QuotaResource.Snapshots), await InUse(api, QuotaResource.Gigabytes)));
        Assert.Equal($$"""{"manageable-snapshots":[{"reference":{"source-name":"snapshot-{{snapshot}}"},"size":1,"safe_to_manage":true,"source_reference":null}]}""",
            await Listed(api, path: "os-snapshot-manage", version: "3.0"));

        var managed = await api.Post("manageable_snapshots",
            $$"""{"snapshot": {"volume_id": "{{volume}}", "ref": {"source-name": "snapshot-{{snapshot}}"}, "name": "n", "metadata": {"a": "b"} } }""", "3.8");
        Assert.Equal(202, managed.Status);
        var row = await Settled(api, IdOf(managed, "snapshot"), "snapshot");
        Assert.Equal(("available", "n", volume), (Text(row, "status"), Text(row, "name"), Text(row, "volume_id")));
        Assert.Equal("old", api.Shares.Find(IdOf(managed, "snapshot"))!.Content);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_snapshot_larger_than_its_volume_is_refused_and_the_file_stays()
    {
        await using var api = await Working();
        var volume = await api.Made();
        api.Shares.Put("p1", "lvol0", new(2, "data"));
        var managed = await api.Post("os-snapshot-manage", $$"""{"snapshot": {"volume_id": "{{volume}}", "ref": {"source-name": "lvol0"} } }""");
        Assert.Equal("error", Text(await Settled(api, IdOf(managed, "snapshot"), "snapshot"), "status"));
        Assert.Contains("lvol0 has 2 GiB, its volume only 1.", (await api.Get("operations")).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("lvol0", (await api.Get("messages", "3.3")).Text, StringComparison.Ordinal);
        Assert.Equal("data", api.Shares.Get("p1", "lvol0")!.Content);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        Assert.Equal(404, (await api.Post("os-snapshot-manage",
            $$"""{"snapshot": {"volume_id": "{{Instance}}", "ref": {"source-name": "lvol0"} } }""")).Status);
        Assert.Equal(400, (await api.Post("os-snapshot-manage", $$"""{"snapshot": {"volume_id": "{{volume}}", "ref": null} }""")).Status);
    }

    [Theory]
    [InlineData("", "d c b a")]
    [InlineData("&sort=reference:asc", "a b c d")]
    [InlineData("&sort=size", "b d a c")]
    [InlineData("&sort=size:asc,reference:desc", "c a d b")]
    [InlineData("&sort_key=size&sort_dir=asc", "c a b d")]
    [InlineData("&sort_dir=asc", "a b c d")]
    [InlineData("&limit=2&sort=reference:asc", "a b")]
    [InlineData("&limit=2&offset=1&sort=reference:asc", "b c")]
    [InlineData("&marker={'source-name':+'b'}&sort=reference:asc", "c d")]
    [InlineData("&marker={%22source-name%22:%22b%22}&sort=reference:asc&limit=1", "c")]
    [InlineData("&limit=0", "")]
    public async Task They_are_listed_in_the_order_and_the_parts_that_are_asked_for(string query, string names)
    {
        await using var api = await Working();
        foreach (var (name, size) in new[] { ("a", 2), ("b", 3), ("c", 1), ("d", 3) }) api.Shares.Put("p1", name, new MemoryFile(size));
        var listed = JsonDocument.Parse(await Listed(api, query)).RootElement.GetProperty("manageable-volumes").EnumerateArray();
        var met = string.Join(' ', listed.Select(f => Text(f.GetProperty("reference"), "source-name")));
        Assert.Equal(names, met);
    }

    [Theory]
    [InlineData("3.8", "", "Invalid input received: Host field is missing.")]
    [InlineData("3.16", "cluster=c", "Invalid input received: Host field is missing.")]
    [InlineData("3.17", "", "Invalid input received: One and only one of cluster and host must be set.")]
    [InlineData("3.17", "cluster=c&host=h1@b1", "Invalid input received: One and only one of cluster and host must be set.")]
    [InlineData("3.8", "host=h1@b1&sort=name", "Invalid sort keys passed: name")]
    [InlineData("3.8", "host=h1@b1&sort=size:up", "Invalid sort dirs passed: up")]
    [InlineData("3.8", "host=h1@b1&limit=x", "limit param must be an integer")]
    [InlineData("3.8", "host=h1@b1&offset=-1", "offset must be >= 0")]
    [InlineData("3.8", "host=h1@b1&marker=b", "Invalid input received: marker b can not be analysed, please use dict like format")]
    [InlineData("3.8", "host=h1@b1&marker={'source-name':'b'}", "Invalid input received: marker not found: b")]
    public async Task A_list_that_is_asked_for_wrongly_is_refused(string version, string query, string why)
    {
        await using var api = await Working();
        Assert.Equal((400, why), Told(await api.Get("manageable_volumes?" + query, version)));
    }

    [Fact]
    public async Task A_backend_that_is_down_says_so()
    {
        await using var api = await RunningApi.Start(new() { BackendTimeout = TimeSpan.FromSeconds(5) });
        await api.Reported();
        api.Shares.Down["p1"] = "the bricks are offline";
        api.Work();
        var asking = api.Get($"manageable_volumes?host={Pool}", "3.8");
        await Passing(api, asking);
        Assert.Equal((503, "Backend p1 is down: the bricks are offline"), Told(await asking));
    }

    [Fact]
    public async Task What_upstream_routes_without_meaning_to_is_refused_in_words()
    {
        await using var api = await RunningApi.Start();
        Assert.Equal((400, "Which host is meant? PUT /os-hosts/{host_name}."), Told(await api.Put("os-hosts", """{"status": "enable"}""")));
        Assert.Equal(404, (await api.Delete($"groups/{Instance}", "3.13")).Status);
        Assert.Equal(404, (await api.Delete($"consistencygroups/{Instance}")).Status);
        var made = await api.Post("consistencygroups", """{"consistencygroup": {"name": "g", "volume_types": "__DEFAULT__"}}""");
        var refused = await api.Delete($"consistencygroups/{Text(made.Json.GetProperty("consistencygroup"), "id")}");
        Assert.Equal(400, refused.Status);
        Assert.StartsWith("What becomes of its volumes?", refused.Message, StringComparison.Ordinal);
    }
}
