using System.Text.Json;
using Clinker.Operations;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class VolumeRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";

    [Fact]
    public async Task A_volume_is_accepted_with_its_row_quota_and_operation()
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Post("volumes", """
            {"volume": {"name": " v1 ", "description": "d", "size": "2", "metadata": {"k": "v"}, "availability_zone": null},
             "OS-SCH-HNT:scheduler_hints": {"same_host": "x"}}
            """, "3.65");
        Assert.Equal(202, answer.Status);
        var volume = answer.Json.GetProperty("volume");
        Assert.Equal(("v1", "d", 2, "creating", "nova", "__DEFAULT__", "v"), (
            volume.GetProperty("name").GetString(), volume.GetProperty("description").GetString(), volume.GetProperty("size").GetInt32(),
            volume.GetProperty("status").GetString(), volume.GetProperty("availability_zone").GetString(),
            volume.GetProperty("volume_type").GetString(), volume.GetProperty("metadata").GetProperty("k").GetString()));
        Assert.True(volume.GetProperty("consumes_quota").GetBoolean());
        Assert.False(volume.TryGetProperty("os-vol-tenant-attr:tenant_id", out _));
        var id = volume.GetProperty("id").GetString()!;
        var (inUse, live) = await api.Db.Read(async tx => (
            await tx.Quotas.InUse(RunningApi.Project, "gigabytes"),
            await tx.Operations.AnyLive(new("volume", id))));
        Assert.Equal((2, true), (inUse, live));
    }

    [Theory]
    [InlineData("""{"volume": {"size": 1, "volume_type": "gold"}}""", 404, "Volume type with name gold could not be found.")]
    [InlineData("""{"volume": {"size": 1, "volume_type": "11111111-1111-4111-8111-111111111111"}}""", 404,
        "Volume type 11111111-1111-4111-8111-111111111111 could not be found.")]
    [InlineData("""{"volume": {"snapshot_id": "11111111-1111-4111-8111-111111111111"}}""", 404,
        "Snapshot 11111111-1111-4111-8111-111111111111 could not be found.")]
    [InlineData("""{"volume": {"source_volid": "11111111-1111-4111-8111-111111111111"}}""", 404,
        "Volume 11111111-1111-4111-8111-111111111111 could not be found.")]
    [InlineData("""{"volume": {"size": 1, "backup_id": "11111111-1111-4111-8111-111111111111"}}""", 404,
        "Backup 11111111-1111-4111-8111-111111111111 could not be found.")]
    [InlineData("""{"volume": {"size": 1, "imageRef": "x"}}""", 400,
        "Invalid image identifier or unable to access requested image: no image service is configured.")]
    [InlineData("""{"volume": {"size": 1, "availability_zone": "mars"}}""", 400, "Availability zone 'mars' is invalid.")]
    [InlineData("""{"volume": {"name": "x"}}""", 400, "Invalid input received: Volume size 'None' must be an integer and greater than 0")]
    [InlineData("""{"volume": {"size": 1001}}""", 413,
        "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 1001G, quota is 1000G and 0G has been consumed.")]
    public async Task A_volume_that_can_not_be_is_refused_and_nothing_is_left(string body, int status, string words)
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Post("volumes", body, "3.71");
        Assert.Equal((status, words), (answer.Status, answer.Message));
        Assert.Empty((await api.Get("volumes")).Json.GetProperty("volumes").EnumerateArray());
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_type_bounds_size_and_zone()
    {
        await using var api = await RunningApi.Start();
        await api.Post("types", """
            {"volume_type": {"name": "t", "extra_specs": {"provisioning:min_vol_size": "2", "provisioning:max_vol_size": "4",
              "RESKEY:availability_zones": "nova,mars"}}}
            """);
        Assert.Contains("less than the minimum required size of '2'", (await Make(1)).Message, StringComparison.Ordinal);
        Assert.Contains("greater than the maximum allowable size of '4'", (await Make(5)).Message, StringComparison.Ordinal);
        Assert.Equal("nova", (await Make(3)).Json.GetProperty("volume").GetProperty("availability_zone").GetString());
        Task<Answered> Make(int size) => api.Post("volumes", $$"""{"volume": {"size": {{size}}, "volume_type": "t"} }""");
    }

    [Fact]
    public async Task A_list_goes_page_by_page()
    {
        await using var api = await RunningApi.Start();
        var ids = new List<string>();
        for (var i = 0; i < 5; i++) ids.Insert(0, await api.Volume($"v{i}"));
        var seen = new List<string>();
        var next = $"/v3/{RunningApi.Project}/volumes/detail?limit=2&with_count=true&name~=v";
        var pages = 0;
        while (next is not null)
        {
            var page = await api.Get(next, "3.45");
            Assert.Equal(200, page.Status);
            seen.AddRange(page.Json.GetProperty("volumes").EnumerateArray().Select(v => v.GetProperty("id").GetString()!));
            Assert.Equal(5, page.Json.GetProperty("count").GetInt32());
            next = page.Json.TryGetProperty("volumes_links", out var links)
                ? links[0].GetProperty("href").GetString()![api.Address.Length..]
                : null;
            if (next is not null) Assert.Contains("volumes/detail?limit=2&with_count=true&name~=v&marker=", next, StringComparison.Ordinal);
            pages++;
        }
        Assert.Equal(3, pages);
        Assert.Equal(ids, seen);
    }

    [Fact]
    public async Task A_list_is_sorted_as_asked()
    {
        await using var api = await RunningApi.Start();
        foreach (var (name, size) in ((string, int)[])[("b", 2), ("a", 2), ("c", 1)]) await api.Volume(name, size);
        Assert.Equal("c,a,b", await Names("sort=size:asc,name:asc"));
        Assert.Equal("c,b,a", await Names("sort=name"));
        Assert.Equal("a,b,c", await Names("sort_key=name&sort_dir=asc"));
        Assert.Equal("b", await Names("sort=name:asc&limit=1&offset=1"));
        Assert.Equal("", await Names("limit=0"));
        async Task<string> Names(string query) => Listed(await api.Get("volumes?" + query));
    }

    [Theory]
    [InlineData("limit=x", "limit param must be an integer")]
    [InlineData("limit=-1", "limit param must be positive")]
    [InlineData("offset=-1", "offset must be >= 0")]
    [InlineData("offset=2147483648", "offset must be <= 2147483647")]
    [InlineData("sort=name&sort_dir=asc", "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.")]
    [InlineData("sort=name:up", "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'.")]
    [InlineData("sort=nonsense", "Invalid input received: Invalid sort key")]
    [InlineData("all_tenants=x", "Value 'x' for 'all_tenants' is not a boolean.")]
    [InlineData("bootable=x", "Invalid input received: 'bootable = x'")]
    [InlineData("created_at=around:2020-01-01", "Invalid around operator")]
    [InlineData("created_at=gt:soon", "Invalid soon value")]
    [InlineData("with_count=x", "Value 'x' for 'with_count' is not a boolean.")]
    [InlineData("n%C3%A4me=x", "Filter keys can only contain ASCII characters.")]
    public async Task A_list_that_is_asked_wrongly_is_refused(string query, string words)
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Get("volumes?" + query, "3.60");
        Assert.Equal((400, words), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task An_unknown_marker_is_not_found()
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Get("volumes?marker=" + Missing);
        Assert.Equal((404, $"Volume {Missing} could not be found."), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task A_list_is_filtered()
    {
        await using var api = await RunningApi.Start();
        await api.Volume("a1", 1, ", \"metadata\": {\"k\": \"v\", \"n\": \"1\"}");
        await api.Volume("a2", 2, ", \"metadata\": {\"k\": \"w\"}");
        await api.Volume("'b", 3);
        Assert.Equal("a1", await Names("name=a1"));
        Assert.Equal("'b", await Names("name=%27b"));
        Assert.Equal("'b,a2", await Names("size=[2,3]"));
        Assert.Equal("a2", await Names("size=2"));
        Assert.Equal("", await Names("size=many"));
        Assert.Equal("a1", await Names("metadata={'k':'v','n':1}"));
        Assert.Equal("", await Names("metadata=x"));
        Assert.Equal("'b,a2,a1", await Names("status=creating"));
        Assert.Equal("'b,a2,a1", await Names("status=['creating','error']&bootable=no"));
        Assert.Equal("a2,a1", await Names("name~=a"));
        Assert.Equal("", await Names("name~=_"));
        Assert.Equal("", await Names("nonsense=1"));
        Assert.Equal("'b,a2", await Names("created_at=gt:2026-01-02T03:04:05"));
        Assert.Equal("a2", await Names("created_at=gt:2026-01-02T03:04:05,lt:2026-01-02T03:04:07"));
        Assert.Equal("'b,a2,a1", await Names("consumes_quota=true"));
        Assert.Equal("'b,a2,a1", await Names("migration_status=None"));
        async Task<string> Names(string query)
        {
            var answer = await api.Get("volumes?" + query, "3.71");
            Assert.Equal(200, answer.Status);
            return Listed(answer);
        }
    }

    [Fact]
    public async Task All_projects_are_an_admins_to_see()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        await api.Volume("mine");
        await api.Volume("theirs", path: "/v3/ffff/volumes");
        Assert.Equal("theirs,mine", Listed(await api.Get("volumes?all_tenants=1")));
        Assert.Equal("theirs", Listed(await api.Get("volumes?all_tenants=1&project_id=ffff")));
        Assert.Equal("mine", Listed(await api.Get("volumes?all_tenants=1", token: $"u:{RunningApi.Project}:member")));
        Assert.Equal("mine", Listed(await api.Get("volumes?all_tenants=1", "3.31", $"u:{RunningApi.Project}:member")));
        var refused = await api.Get("volumes?host=x&user_id=y", "3.31", $"u:{RunningApi.Project}:member");
        Assert.Equal((400, "Invalid filters host,user_id are found in query options."), (refused.Status, refused.Message));
        Assert.Equal("mine", Listed(await api.Get("volumes?host=x", "3.30", $"u:{RunningApi.Project}:member"))); // dropped
    }

    [Fact]
    public async Task What_is_not_ours_is_not_there()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        foreach (var (method, path, body) in ((string, string, string?)[])[
            ("GET", "", null), ("PUT", "", """{"volume": {"name": "x"}}"""), ("DELETE", "", null), ("GET", "/metadata", null),
            ("POST", "/metadata", """{"metadata": {}}"""), ("POST", "/action", """{"os-force_delete": {}}""")])
        {
            var answer = await api.Send(method, $"/v3/volumes/{id}{path}", body, token: "stranger:ffff:member");
            Assert.Equal((404, $"Volume {id} could not be found."), (answer.Status, answer.Message));
        }
    }

    [Fact]
    public async Task Readers_may_read_only()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        var reader = $"r:{RunningApi.Project}:reader";
        Assert.Equal(200, (await api.Get($"volumes/{id}", token: reader)).Status);
        var create = await api.Post("volumes", """{"volume": {"size": 1}}""", token: reader);
        Assert.Equal((403, "forbidden", "Policy doesn't allow volume:create to be performed."), (create.Status, create.Fault, create.Message));
        Assert.Equal(403, (await api.Delete($"volumes/{id}", token: reader)).Status);
        Assert.Equal(400, (await api.Post("volumes", "{}", token: reader)).Status); // the body is looked at first
    }

    [Fact]
    public async Task A_volumes_words_change()
    {
        await using var api = await RunningApi.Start();
        var id = await api.Volume("old", more: ", \"description\": \"d\", \"metadata\": {\"a\": \"1\"}");
        var answer = await api.Put($"volumes/{id}", """{"volume": {"name": "new", "metadata": {"b": "2"}}}""");
        Assert.Equal(200, answer.Status);
        var volume = (await api.Get($"volumes/{id}")).Json.GetProperty("volume");
        Assert.Equal(("new", "d", "{\"b\":\"2\"}"), (volume.GetProperty("name").GetString(), volume.GetProperty("description").GetString(),
            volume.GetProperty("metadata").GetRawText()));
        Assert.NotEqual(JsonValueKind.Null, volume.GetProperty("updated_at").ValueKind);
        await api.Put($"volumes/{id}", """{"volume": {"description": null}}""");
        Assert.Equal(JsonValueKind.Null, (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("description").ValueKind);
        await api.Available(id, "maintenance");
        var refused = await api.Put($"volumes/{id}", """{"volume": {"name": "x"}}""");
        Assert.Equal((400, "Invalid volume: The volume cannot be updated during maintenance."), (refused.Status, refused.Message));
    }

    [Fact]
    public async Task Metadata_is_merged_replaced_and_taken_away()
    {
        await using var api = await RunningApi.Start();
        var path = $"volumes/{await api.Volume(more: ", \"metadata\": {\"a\": \"1\"}")}/metadata";
        Assert.Equal("""{"metadata":{"a":"1","b":"2"}}""", (await api.Post(path, """{"metadata": {"b": "2"}}""")).Text);
        Assert.Equal("""{"meta":{"a":"3"}}""", (await api.Put(path + "/a", """{"meta": {"a": "3"}}""")).Text);
        Assert.Equal("""{"meta":{"a":"3"}}""", (await api.Get(path + "/a")).Text);
        Assert.Equal(400, (await api.Put(path + "/a", """{"meta": {"b": "3"}}""")).Status);
        Assert.Equal((200, ""), await Deleted("/a"));
        Assert.Equal(404, (await api.Delete(path + "/a")).Status);
        Assert.Equal("""{"metadata":{"c":"4"}}""", (await api.Put(path, """{"metadata": {"c": "4"}}""")).Text);
        Assert.Equal("""{"metadata":{"c":"4"}}""", (await api.Get(path)).Text);
        async Task<(int, string)> Deleted(string key)
        {
            var answer = await api.Delete(path + key);
            return (answer.Status, answer.Text);
        }
    }

    [Fact]
    public async Task Metadata_may_be_changed_for_one_state_only()
    {
        await using var api = await RunningApi.Start();
        var path = $"volumes/{await api.Volume(more: ", \"metadata\": {\"a\": \"1\"}")}/metadata";
        Assert.Null((await api.Get(path, "3.14")).Header("ETag"));
        var tag = (await api.Get(path, "3.15")).Header("ETag")!;
        var late = await api.Send("PUT", path, """{"metadata": {"a": "2"}}""", "3.15", headers: ("If-Match", "\"0123\""));
        Assert.Equal((412, ""), (late.Status, late.Text));
        Assert.Equal(200, (await api.Send("PUT", path, """{"metadata": {"a": "2"}}""", "3.15", headers: ("If-Match", tag))).Status);
        Assert.Equal(412, (await api.Send("PUT", path, """{"metadata": {"a": "3"}}""", "3.15", headers: ("If-Match", tag))).Status);
    }

    [Fact]
    public async Task Deletes_ask_the_status_unless_forced()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        await api.Available(id, "maintenance");
        var refused = await api.Delete($"volumes/{id}");
        Assert.Equal((400, "badRequest"), (refused.Status, refused.Fault));
        Assert.StartsWith("Invalid volume: Volume status must be available or error or", refused.Message, StringComparison.Ordinal);
        Assert.Equal(400, (await api.Delete($"volumes/{id}?force=true", "3.22")).Status); // not yet known
        Assert.Equal(403, (await api.Delete($"volumes/{id}?force=true", "3.23", $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal("Value 'x' for 'force' is not a boolean.", (await api.Delete($"volumes/{id}?force=x", "3.23")).Message);
        var gone = await api.Delete($"volumes/{id}?force=true&cascade=true", "3.23");
        Assert.Equal((202, ""), (gone.Status, gone.Text));
        Assert.Equal("deleting", (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_status_is_reset_by_admins()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        var busy = await Reset("""{"status": "error"}""");
        Assert.Equal(409, busy.Status); // its operation would settle it
        await api.Available(id);
        Assert.Equal((202, ""), ((await Reset("""{"status": "ERROR"}""")).Status, ""));
        Assert.Equal("error", (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("status").GetString());
        Assert.StartsWith("Volume status: foo is invalid, valid statuses are: ('creating', 'available',", (await Reset("""{"status": "foo"}""")).Message, StringComparison.Ordinal);
        Assert.Equal("Must specify 'status', 'attach_status' or 'migration_status' for update.", (await Reset("{}")).Message);
        Assert.Equal("Cannot reset-state to deleting", (await Reset("""{"status": "deleting"}""")).Message);
        Assert.Equal(403, (await Reset("""{"status": "error"}""", $"u:{RunningApi.Project}:member")).Status);
        Task<Answered> Reset(string to, string? token = null) => api.Post($"volumes/{id}/action", $$"""{"os-reset_status": {{to}} }""", token: token);
    }

    [Fact]
    public async Task The_summary_counts()
    {
        await using var api = await RunningApi.Start();
        await api.Volume(size: 1, more: ", \"metadata\": {\"k\": \"v\"}");
        await api.Volume(size: 2, more: ", \"metadata\": {\"k\": \"w\"}");
        Assert.Equal("""{"volume-summary":{"total_count":2,"total_size":3}}""", (await api.Get("volumes/summary", "3.12")).Text);
        Assert.Equal(["v", "w"], (await api.Get("volumes/summary", "3.36")).Json.GetProperty("volume-summary").GetProperty("metadata")
            .GetProperty("k").EnumerateArray().Select(v => v.GetString()!).Order(StringComparer.Ordinal));
    }

    static string Listed(Answered answer) =>
        string.Join(",", answer.Json.GetProperty("volumes").EnumerateArray().Select(v => v.GetProperty("name").GetString()));
}
