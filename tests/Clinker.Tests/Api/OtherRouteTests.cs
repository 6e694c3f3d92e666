using System.Text.Json;
using Clinker.Drivers;
using Clinker.Host;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Services;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class TypeRouteTests
{
    [Fact]
    public async Task A_type_lives_and_goes()
    {
        await using var api = await RunningApi.Start();
        var made = await api.Post("types", """
            {"volume_type": {"name": "gold", "description": "d", "os-volume-type-access:is_public": "no", "extra_specs": {"k": "v"}}}
            """);
        Assert.Equal(200, made.Status);
        var type = made.Json.GetProperty("volume_type");
        var id = type.GetProperty("id").GetString()!;
        Assert.Equal(["description", "extra_specs", "id", "is_public", "name", "os-volume-type-access:is_public"],
            type.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.False(type.GetProperty("is_public").GetBoolean());
        var again = await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        Assert.Equal((409, "conflictingRequest", "Volume Type gold already exists."), (again.Status, again.Fault, again.Message));
        Assert.Equal("silver", (await api.Put($"types/{id}", """{"volume_type": {"name": "silver"}}""")).Json.GetProperty("volume_type").GetProperty("name").GetString());
        Assert.Equal(400, (await api.Put($"types/{id}", """{"volume_type": {}}""")).Status);
        Assert.Equal("d", (await api.Get($"types/{id}")).Json.GetProperty("volume_type").GetProperty("description").GetString());
        Assert.Equal(202, (await api.Delete($"types/{id}")).Status);
        Assert.Equal($"Volume type {id} could not be found.", (await api.Get($"types/{id}")).Message);
    }

    [Fact]
    public async Task The_default_and_what_is_used_stay()
    {
        await using var api = await RunningApi.Start();
        var fallback = (await api.Get("types/default")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        Assert.Contains("is a default volume type and cannot be deleted", (await api.Delete($"types/{fallback}")).Message, StringComparison.Ordinal);
        var gold = (await api.Post("types", """{"volume_type": {"name": "gold"}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        await api.Volume(more: ", \"volume_type\": \"gold\"");
        Assert.Equal("Target volume type is still in use.", (await api.Delete($"types/{gold}")).Message);
        Assert.Equal("Volume Type is currently in use.", (await api.Post($"types/{gold}/extra_specs", """{"extra_specs": {"a": "b"}}""")).Message);
    }

    [Fact]
    public async Task Extra_specs_are_changed_one_by_one_and_together()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var id = (await api.Post("types", """{"volume_type": {"name": "gold"}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        var path = $"types/{id}/extra_specs";
        Assert.Equal("""{"extra_specs":{"a":"1","multiattach":"<is> True"}}""", (await api.Post(path, """{"extra_specs": {"a": "1", "multiattach": "<is> True"}}""")).Text);
        Assert.Equal("""{"a":"2"}""", (await api.Put(path + "/a", """{"a": "2"}""")).Text);
        Assert.Equal("""{"a":"2"}""", (await api.Get(path + "/a")).Text);
        Assert.Equal(400, (await api.Put(path + "/a", """{"a": "2", "b": "3"}""")).Status);
        Assert.Equal(400, (await api.Post(path, """{"extra_specs": {"a b": "1"}}""")).Status);
        Assert.Equal("cacheable cannot be set with multiattach.", (await api.Post(path, """{"extra_specs": {"cacheable": "<is> True"}}""")).Message);
        // Others see only what is meant for them.
        Assert.Equal("""{"extra_specs":{"multiattach":"<is> True"}}""", (await api.Get(path, token: $"u:{RunningApi.Project}:member")).Text);
        Assert.Equal(404, (await api.Get(path + "/a", token: $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal(202, (await api.Delete(path + "/a")).Status);
        Assert.Equal($"Volume Type {id} has no extra specs with key a.", (await api.Delete(path + "/a")).Message);
    }

    [Fact]
    public async Task Private_types_are_for_those_who_were_let_in()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var user = $"u:{RunningApi.Project}:member";
        var id = (await api.Post("types", """{"volume_type": {"name": "p", "os-volume-type-access:is_public": false}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        Assert.Equal(404, (await api.Get($"types/{id}", token: user)).Status);
        Assert.Equal(404, (await api.Post("volumes", """{"volume": {"size": 1, "volume_type": "p"}}""", token: user)).Status);
        Assert.Equal(202, (await Access("addProjectAccess")).Status);
        Assert.Equal(409, (await Access("addProjectAccess")).Status);
        Assert.Equal(200, (await api.Get($"types/{id}", token: user)).Status);
        Assert.Equal("__DEFAULT__,p", Names(await api.Get("types?sort=name:asc", token: user)));
        Assert.Equal($$"""{"volume_type_access":[{"volume_type_id":"{{id}}","project_id":"{{RunningApi.Project}}"}]}""", (await api.Get($"types/{id}/os-volume-type-access")).Text);
        Assert.Equal(202, (await Access("removeProjectAccess")).Status);
        Assert.Equal(404, (await Access("removeProjectAccess")).Status);
        var fallback = (await api.Get("types/default")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        Assert.Equal(404, (await api.Get($"types/{fallback}/os-volume-type-access")).Status);
        Assert.Equal(400, (await api.Post($"types/{fallback}/action", """{"addProjectAccess": {"project": "x"}}""")).Status);
        Task<Answered> Access(string key) => api.Post($"types/{id}/action", $$"""{"{{key}}": {"project": "{{RunningApi.Project}}"} }""");
    }

    [Fact]
    public async Task Types_are_listed_in_pages_and_by_spec()
    {
        await using var api = await RunningApi.Start();
        foreach (var name in (string[])["a", "b", "c"])
        {
            api.Time.Advance(TimeSpan.FromSeconds(1));
            await api.Post("types", $$"""{"volume_type": {"name": "{{name}}", "os-volume-type-access:is_public": {{(name == "b" ? "false" : "true")}}, "extra_specs": {"k": "{{name}}"} } }""");
        }
        Assert.Equal("c,a,__DEFAULT__", Names(await api.Get("types")));
        Assert.Equal("c,b,a,__DEFAULT__", Names(await api.Get("types?is_public=None")));
        Assert.Equal("b", Names(await api.Get("types?is_public=false")));
        Assert.Equal("__DEFAULT__,a,c", Names(await api.Get("types?sort=name:asc")));
        Assert.Equal("a", Names(await api.Get("types?extra_specs={'k':'a'}", "3.52")));
        var page = await api.Get("types?limit=1");
        Assert.Equal("c", Names(page));
        var next = page.Json.GetProperty("volume_type_links")[0].GetProperty("href").GetString()!;
        Assert.Equal("a", Names(await api.Get(next[api.Address.Length..])));
        Assert.Equal(400, (await api.Get("types?is_public=x")).Status);
        Assert.Equal(404, (await api.Get("types?marker=x")).Status);
    }

    static string Names(Answered answer) =>
        string.Join(",", answer.Json.GetProperty("volume_types").EnumerateArray().Select(v => v.GetProperty("name").GetString()));
}

public sealed class OtherRouteTests
{
    [Fact]
    public async Task Services_are_listed_and_switched()
    {
        await using var api = await RunningApi.Start();
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s1", "h1@b1", ServiceTable.VolumeBinary, "nova", "all shares are down");
            await tx.Services.Beat("s2", "h1", ServiceTable.SchedulerBinary, "nova", null);
            await tx.Services.Beat("s3", "h10", ServiceTable.SchedulerBinary, "nova", null);
        });
        var all = (await api.Get("os-services?host=h1", "3.49")).Json.GetProperty("services").EnumerateArray().ToList();
        Assert.Equal(["cinder-scheduler", "cinder-volume"], all.Select(s => s.GetProperty("binary").GetString()));
        Assert.Equal(["binary", "cluster", "disabled_reason", "host", "state", "status", "updated_at", "zone"],
            all[0].EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal("down", all[1].GetProperty("backend_state").GetString());
        Assert.Equal("2026-01-02T03:04:05.000000", all[1].GetProperty("updated_at").GetString());
        Assert.False((await api.Get("os-services", "3.6")).Json.GetProperty("services")[0].TryGetProperty("cluster", out _));

        var off = await api.Put("os-services/disable-log-reason", """{"host": "h1@b1", "binary": "cinder-volume", "disabled_reason": "broken"}""");
        Assert.Equal("""{"host":"h1@b1","service":"","binary":"cinder-volume","status":"disabled","disabled":true,"disabled_reason":"broken"}""", off.Text);
        var listed = (await api.Get("os-services?binary=cinder-volume")).Json.GetProperty("services")[0];
        Assert.Equal(("disabled", "broken"), (listed.GetProperty("status").GetString(), listed.GetProperty("disabled_reason").GetString()));
        await api.Put("os-services/enable", """{"host": "h1@b1", "binary": "cinder-volume"}""");
        listed = (await api.Get("os-services?binary=cinder-volume")).Json.GetProperty("services")[0];
        Assert.Equal(("enabled", JsonValueKind.Null), (listed.GetProperty("status").GetString(), listed.GetProperty("disabled_reason").ValueKind));

        Assert.Equal("Invalid input received: Host field is missing.", (await api.Put("os-services/enable", """{"binary": "cinder-volume"}""")).Message);
        Assert.Equal(400, (await api.Put("os-services/enable", """{"host": "h1"}""")).Status);
        Assert.Equal("Service cinder-volume could not be found on host h9.", (await api.Put("os-services/disable", """{"host": "h9", "binary": "cinder-volume"}""")).Message);
        api.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("down", (await api.Get("os-services")).Json.GetProperty("services")[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task Pools_are_listed_with_what_they_can()
    {
        await using var api = await RunningApi.Start();
        PoolReport Pool(string name, string ssd) => new(name, null, 100, 40, true, 0, 20, new Dictionary<string, string> { ["ssd"] = ssd });
        await api.Db.Commit(tx => tx.Pools.Report("h1@b1", "nova",
            new BackendReport("gluster", "glusterfs", "us", "1", [Pool("p1", "True"), Pool("p2", "False")])));
        await api.Post("types", """{"volume_type": {"name": "fast", "extra_specs": {"ssd": "<is> True"}}}""");
        Assert.Equal("""{"pools":[{"name":"h1@b1#p1"},{"name":"h1@b1#p2"}]}""", (await api.Get("scheduler-stats/get_pools")).Text);
        var capabilities = (await api.Get("scheduler-stats/get_pools?detail=true")).Json.GetProperty("pools")[0].GetProperty("capabilities");
        Assert.Equal((100, "gluster", true), (capabilities.GetProperty("total_capacity_gb").GetInt32(),
            capabilities.GetProperty("volume_backend_name").GetString(), capabilities.GetProperty("thin_provisioning_support").GetBoolean()));
        Assert.Equal("""{"pools":[{"name":"h1@b1#p2"}]}""", (await api.Get("scheduler-stats/get_pools?name=h1@b1%23p2", "3.28")).Text);
        Assert.Equal("""{"pools":[{"name":"h1@b1#p1"}]}""", (await api.Get("scheduler-stats/get_pools?volume_type=fast", "3.35")).Text);
        Assert.Equal(400, (await api.Get("scheduler-stats/get_pools?ssd=True", "3.31")).Status);
    }

    [Fact]
    public async Task Limits_tell_what_is_used()
    {
        await using var api = await RunningApi.Start();
        await api.Volume(size: 7);
        var mine = (await api.Get("limits")).Json.GetProperty("limits").GetProperty("absolute");
        Assert.Equal((10, 1, 1000, 7), (mine.GetProperty("maxTotalVolumes").GetInt32(), mine.GetProperty("totalVolumesUsed").GetInt32(),
            mine.GetProperty("maxTotalVolumeGigabytes").GetInt32(), mine.GetProperty("totalGigabytesUsed").GetInt32()));
        Assert.Equal(7, Used(await api.Get($"/v3/ffff/limits?project_id={RunningApi.Project}", "3.39")));
        Assert.Equal(0, Used(await api.Get($"/v3/ffff/limits?project_id={RunningApi.Project}", "3.38")));
        static int Used(Answered answer) => answer.Json.GetProperty("limits").GetProperty("absolute").GetProperty("totalGigabytesUsed").GetInt32();
    }

    [Fact]
    public async Task Zones_are_those_of_the_volume_services()
    {
        await using var api = await RunningApi.Start();
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s1", "h1@b1", ServiceTable.VolumeBinary, "z1", null);
            await tx.Services.Beat("s2", "h2@b1", ServiceTable.VolumeBinary, "z2", null);
            await tx.Services.Set("h2@b1", ServiceTable.VolumeBinary, true, null);
        });
        Assert.Equal("""{"availabilityZoneInfo":[{"zoneName":"z1","zoneState":{"available":true}},{"zoneName":"z2","zoneState":{"available":false}}]}""",
            (await api.Get("os-availability-zone")).Text);
        Assert.Equal("z2", (await api.Post("volumes", """{"volume": {"size": 1, "availability_zone": "z2"}}""")).Json.GetProperty("volume").GetProperty("availability_zone").GetString());
    }

    [Fact]
    public async Task Extensions_and_filters_are_told()
    {
        await using var api = await RunningApi.Start();
        Assert.Equal(32, (await api.Get("extensions")).Json.GetProperty("extensions").GetArrayLength());
        Assert.Equal("Quotas", (await api.Get("extensions/os-quota-sets")).Json.GetProperty("extension").GetProperty("name").GetString());
        Assert.Equal(404, (await api.Get("extensions/none")).Status);
        Assert.Equal(404, (await api.Get("resource_filters", "3.32")).Status);
        Assert.Equal(9, (await api.Get("resource_filters", "3.33")).Json.GetProperty("resource_filters").GetArrayLength());
        Assert.Equal("""{"resource_filters":[{"resource":"pool","filters":["name","volume_type"]}]}""", (await api.Get("resource_filters?resource=pool", "3.33")).Text);
    }

    [Fact]
    public async Task Messages_are_read_and_thrown_away()
    {
        await using var api = await RunningApi.Start();
        await api.Db.Commit(async tx =>
        {
            foreach (var i in (int[])[1, 2, 3])
            {
                var id = "m" + i;
                await tx.Execute($"""
                    insert into message (id, project_id, request_id, resource_type, resource_id, event_id, level, text, created_at, expires_at)
                    values ({id}, {RunningApi.Project}, 'req-1', 'VOLUME', 'v1', 'VOLUME_VOLUME_001_003', 'ERROR', 'a: b',
                      {new DateTime(2026, 1, i, 0, 0, 0, DateTimeKind.Utc)}, {new DateTime(2026, 2, i, 0, 0, 0, DateTimeKind.Utc)})
                    """);
            }
        });
        Assert.Equal(404, (await api.Get("messages", "3.2")).Status);
        Assert.Equal("m3,m2,m1", Ids(await api.Get("messages?limit=1", "3.4"))); // no pages yet
        var page = await api.Get("messages?limit=1&sort=created_at:asc", "3.5");
        Assert.Equal("m1", Ids(page));
        Assert.Equal("m2", Ids(await api.Get(page.Json.GetProperty("messages_links")[0].GetProperty("href").GetString()![api.Address.Length..], "3.5")));
        Assert.Equal("", Ids(await api.Get("messages?resource_uuid=none", "3.31")));
        var one = (await api.Get("messages/m2", "3.3")).Json.GetProperty("message");
        Assert.Equal(("a: b", "v1", "2026-02-02T00:00:00.000000"), (one.GetProperty("user_message").GetString(),
            one.GetProperty("resource_uuid").GetString(), one.GetProperty("guaranteed_until").GetString()));
        Assert.Equal(204, (await api.Delete("messages/m2", "3.3")).Status);
        Assert.Equal("Message m2 could not be found.", (await api.Get("messages/m2", "3.3")).Message);
        static string Ids(Answered answer) => string.Join(",", answer.Json.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Messages_say_by_a_number_what_went_wrong_and_are_kept_for_thirty_days()
    {
        await using var api = await RunningApi.Start();
        var full = new Fault.ShareFull("s");
        (MessageAction Action, string Resource, Fault Fault, string Event)[] cases =
        [
            (MessageAction.ScheduleAllocateVolume, "VOLUME", new Fault.NoValidBackend("w"), "VOLUME_VOLUME_001_003"),
            (MessageAction.CreateVolumeFromBackend, "VOLUME", new Fault.BackendDown("b", "w"), "VOLUME_VOLUME_008_002"),
            (MessageAction.CreateVolumeFromBackend, "VOLUME", full, "VOLUME_VOLUME_008_012"),
            (MessageAction.CopyImageToVolume, "VOLUME", full, "VOLUME_VOLUME_005_007"),
            (MessageAction.ExtendVolume, "VOLUME", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_007_010"),
            (MessageAction.ExtendVolume, "VOLUME", new Fault.OverQuota("w"), "VOLUME_VOLUME_007_006"),
            (MessageAction.AttachVolume, "VOLUME", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_002_021"),
            (MessageAction.CreateSnapshot, "VOLUME_SNAPSHOT", full, "VOLUME_VOLUME_SNAPSHOT_009_013"),
            (MessageAction.DeleteSnapshot, "VOLUME_SNAPSHOT", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_SNAPSHOT_010_016"),
            (MessageAction.CreateBackup, "VOLUME_BACKUP", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_BACKUP_013_020"),
            (MessageAction.ReimageVolume, "VOLUME", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_016_028"),
            (MessageAction.DeleteVolume, "VOLUME", new Fault.DriverFailed("v", "w"), "VOLUME_VOLUME_017_001"),
            (MessageAction.CreateVolumeFromBackend, "VOLUME", new Fault.HostGone("h"), "VOLUME_VOLUME_008_001"),
        ];
        foreach (var (action, resource, fault, _) in cases)
            await api.Db.Commit(async tx =>
            {
                var id = new Ids().New();
                await tx.Operations.Start(id, new DeleteVolume("v"), "q", RunningApi.Project, "req-1");
                await tx.Messages.Add((await tx.Operations.Get(id))!, resource, "v", action, fault);
            });
        var told = (await api.Get("messages", "3.71")).Json.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("event_id").GetString()!).ToList();
        Assert.Equal(cases.Select(c => c.Event).Order(), told.Order());
        api.Time.Advance(TimeSpan.FromDays(30));
        Assert.Equal(0, await api.Db.Commit(tx => tx.Messages.Expire()));
        api.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(cases.Length, await api.Db.Commit(tx => tx.Messages.Expire()));
    }
}
