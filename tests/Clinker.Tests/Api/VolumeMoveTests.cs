using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Services;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Volumes that are sent to another host, or given another type.</summary>
public sealed class VolumeMoveTests
{
    const string Member = $"u:{RunningApi.Project}:member";

    static string NotMovable(string id) => $"Invalid volume: Volume {id} status must be available or in-use, must not be migrating, have "
        + "snapshots, be replicated, be part of a group and destination host/cluster must be different than the current one";

    const string NotRetypable = "Invalid volume: Retype needs volume to be in available or in-use state, not be part of an active migration or "
        + "a consistency group, requested type has to be different that the one from the volume, and for in-use volumes front-end qos specs "
        + "cannot change.";

    [Fact]
    public async Task A_volume_is_sent_to_another_pool()
    {
        await using var api = await WithService();
        var id = await api.Volume();
        await api.Available(id);
        Assert.Equal((400, NotMovable(id)), await Migrate(api, id, "h1@b1#p1")); // it lies there
        Assert.Equal((202, ""), await Migrate(api, id, "h1@b1#p2"));
        var row = await api.Db.Read(tx => tx.Volumes.Get(id));
        Assert.Equal(("available", "starting", "h1@b1#p1"), (row.Status, row.MigrationStatus, row.Host));
        Assert.Equal((400, NotMovable(id)), await Migrate(api, id, "h1@b1#p2"));
        Assert.Equal(400, (await api.Delete($"volumes/{id}")).Status);
        Assert.Equal(400, (await api.Post("snapshots", $$"""{"snapshot": {"volume_id": "{{id}}"} }""")).Status);
    }

    [Fact]
    public async Task A_volume_is_locked_where_that_is_asked_for()
    {
        await using var api = await WithService();
        var id = await api.Volume();
        await api.Available(id);
        Assert.Equal((202, ""), await Migrate(api, id, "h1@b1", ", \"lock_volume\": \"true\", \"force_host_copy\": true"));
        Assert.Equal("maintenance", await Status(api, id));
    }

    [Fact]
    public async Task A_host_must_be_there_and_a_cluster_is_not()
    {
        await using var api = await WithService();
        var id = await api.Volume();
        await api.Available(id);
        Assert.Equal((400, "Invalid host: No available service named 'h2@b1#p1'"), await Migrate(api, id, "h2@b1#p1"));
        Assert.Equal((400, "Invalid host: No available service named 'c'"), await Act(api, id, """{"os-migrate_volume": {"cluster": "c"}}""", "3.16"));
        Assert.Equal((400, "Invalid input received: One and only one of cluster and host must be set."),
            await Act(api, id, """{"os-migrate_volume": {"host": "h1@b1#p2", "cluster": "c"}}""", "3.16"));
        Assert.Equal((400, "Invalid input received: One and only one of cluster and host must be set."),
            await Act(api, id, """{"os-migrate_volume": {"host": null}}""", "3.16"));
        Assert.Equal((400, "Invalid input received: Host field is missing."), await Migrate(api, id, ""));
        Assert.Equal(400, (await Act(api, id, """{"os-migrate_volume": {"host": null}}""", "3.15")).Status);
        Assert.Equal(400, (await Act(api, id, """{"os-migrate_volume": {"cluster": "c"}}""", "3.15")).Status);
        await api.Db.Commit(tx => tx.Services.Set("h1@b1", ServiceTable.VolumeBinary, disabled: true, null));
        Assert.Equal((400, "Invalid host: No available service named 'h1@b1#p2'"), await Migrate(api, id, "h1@b1#p2"));
        Assert.Null((await api.Db.Read(tx => tx.Volumes.Get(id))).MigrationStatus);
    }

    public static TheoryData<string> Unmovable() =>
        ["migration_status = 'migrating'", "replication_status = 'enabled'", "group_id = 'g'", "status = 'error'", "status = 'in-use'", "host = null"];

    [Theory, MemberData(nameof(Unmovable))]
    public async Task What_can_not_be_moved_is_refused(string so)
    {
        await using var api = await WithService();
        var id = await api.Volume();
        await api.Available(id);
        await api.Db.Commit(tx => tx.Execute(Clinker.Store.Sql.Raw($"update volume set {so}")));
        var (status, why) = await Migrate(api, id, "h1@b1#p2");
        Assert.Equal(400, status);
        Assert.Equal(so == "status = 'in-use'"
            ? $"Invalid volume: Volume {id} is in use: only the compute service could move it, and none is configured. Detach it first."
            : NotMovable(id), why);
        Assert.Equal(0, await api.Db.Read(tx => tx.Number($"select count(*) from operation")));
    }

    [Fact]
    public async Task Snapshots_keep_a_volume_where_it_is()
    {
        await using var api = await WithService();
        var (id, _) = await api.WithSnapshots();
        Assert.Equal((400, NotMovable(id)), await Migrate(api, id, "h1@b1#p2"));
    }

    [Fact]
    public async Task Only_admins_move_and_strangers_see_nothing()
    {
        await using var api = await WithService(new() { Identity = RunningApi.ByToken });
        var id = await api.Volume();
        await api.Available(id);
        const string body = """{"os-migrate_volume": {"host": "h1@b1#p2"}}""";
        Assert.Equal(403, (await api.Post($"volumes/{id}/action", body, token: Member)).Status);
        Assert.Equal(404, (await api.Post($"/v3/other/volumes/{id}/action", body, token: "u:other:member")).Status);
        Assert.Equal(404, (await api.Post($"/v3/other/volumes/{id}/action", """{"os-retype": {"new_type": "t"}}""", token: "u:other:member")).Status);
    }

    [Fact]
    public async Task A_completion_is_only_for_those_that_migrate_or_are_swapped()
    {
        await using var api = await WithService();
        var (from, to) = (await api.Volume(), await api.Volume());
        await api.Available(from);
        await api.Available(to);
        Assert.Equal(404, (await Complete(from, "0f8d0a3f-5df9-4d72-9d7f-0b7a3f1f5a5b")).Status);
        await Is(from, "migrating");
        Assert.Equal((400, "Invalid volume: Destination volume not mid-migration."), await Complete(from, to));
        await Is(to, "migrating");
        Assert.Equal((400, $"Invalid volume: Destination has migration_status migrating, expected target:{from}."), await Complete(from, to));
        await Is(from, "none");
        Assert.Equal((400, "Invalid volume: Source volume not mid-migration."), await Complete(from, to));
        await Is(to, "none");
        await api.Post($"volumes/{from}/action", """{"os-attach": {"instance_uuid": "31c79baf-b59e-469c-979f-1df4ecb6eea7", "mountpoint": "/dev/vdb"}}""");
        Assert.Equal("in-use", await Status(api, from));
        Assert.Equal((200, $$"""{"save_volume_id":"{{to}}"}"""), await Complete(from, to, ", \"error\": true"));
        Assert.Equal(("in-use", "available"), (await Status(api, from), await Status(api, to)));
        Assert.Equal((200, $$"""{"save_volume_id":"{{to}}"}"""), await Complete(from, to));
        Assert.Equal(("available", "in-use"), (await Status(api, from), await Status(api, to)));

        Task Is(string id, string migration) => api.Db.Commit(tx => tx.Volumes.Reset(id, null, null, migration));
        async Task<(int Status, string Said)> Complete(string id, string other, string more = "") =>
            await Act(api, id, $$"""{"os-migrate_volume_completion": {"new_volume": "{{other}}"{{more}}} }""");
    }

    [Fact]
    public async Task A_volume_gets_another_type_with_its_quota()
    {
        await using var api = await WithService(new() { Quotas = new QuotaLimits() });
        var gold = await Type(api, "gold");
        var id = await api.Volume(size: 2);
        await api.Available(id);
        await api.Db.Commit(tx => tx.Quotas.SetOwn(RunningApi.Project, new Dictionary<string, long> { [$"gigabytes:{gold}"] = 1 }, r => r));
        Assert.Equal((413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes_gold quota. "
            + "Requested 2G, quota is 1G and 0G has been consumed."), await Retype(api, id, "gold"));
        Assert.Equal("available", await Status(api, id));
        await api.Db.Commit(tx => tx.Quotas.RemoveOwn(RunningApi.Project));
        Assert.Equal((202, ""), await Retype(api, id, "gold", ", \"migration_policy\": \"on-demand\""));
        Assert.Equal("retyping", await Status(api, id));
        Assert.Equal(2, await api.Db.Read(tx => tx.Quotas.InUse(RunningApi.Project, $"gigabytes:{gold}")));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        Assert.Equal(400, (await api.Delete($"types/{gold}")).Status); // somebody is to have it
    }

    [Fact]
    public async Task What_can_not_be_retyped_is_refused()
    {
        await using var api = await WithService();
        await Type(api, "gold");
        await Type(api, "many", "\"multiattach\": \"<is> True\"");
        await Type(api, "large", "\"provisioning:min_vol_size\": \"5\"");
        await Type(api, "secret");
        await api.Post($"types/{(await api.Db.Read(tx => tx.Types.FindByName("secret")))!.Id}/encryption",
            """{"encryption": {"provider": "luks", "control_location": "front-end"}}""");
        await Type(api, "fast");
        await api.Db.Commit(async tx =>
        {
            await tx.QosSpecs.Insert(new() { Id = "q", Name = "q", Consumer = "front-end", CreatedAt = tx.Now });
            await tx.QosSpecs.Associate("q", (await tx.Types.FindByName("fast"))!.Id);
        });
        var id = await api.Volume(more: ", \"volume_type\": \"gold\"");
        await api.Available(id);
        Assert.Equal((400, NotRetypable), await Retype(api, id, "gold"));
        Assert.Equal(404, (await Retype(api, id, "nothing")).Status);
        Assert.Equal((400, "Volume type secret is encrypted, and no key manager is configured."), await Retype(api, id, "secret"));
        Assert.Contains("less than the minimum required size of '5'", (await Retype(api, id, "large")).Said, StringComparison.Ordinal);
        await api.Available(id, "in-use");
        Assert.Equal((400, NotRetypable), await Retype(api, id, "fast"));
        Assert.Equal((400, "Invalid input received: Invalid volume_type passed, retypes affecting multiattach are only allowed on available volumes, "
            + "the specified volume however currently has a status of: in-use."), await Retype(api, id, "many"));
        await api.Available(id, "error");
        Assert.Equal((400, NotRetypable), await Retype(api, id, "fast"));
        await api.Available(id);
        await api.Db.Commit(tx => tx.Volumes.Reset(id, null, null, "migrating"));
        Assert.Equal((400, NotRetypable), await Retype(api, id, "fast"));
        Assert.Equal(0, await api.Db.Read(tx => tx.Number($"select count(*) from operation where kind = 'RetypeVolume'")));
    }

    static async Task<RunningApi> WithService(Clinker.Server.Api.ApiSettings? settings = null)
    {
        var api = await RunningApi.Start(settings);
        await api.Db.Commit(tx => tx.Services.Beat("s1", "h1@b1", ServiceTable.VolumeBinary, "nova", null));
        return api;
    }

    static async Task<string> Type(RunningApi api, string name, string specs = "") =>
        (await api.Post("types", $$"""{"volume_type": {"name": "{{name}}", "extra_specs": { {{specs}} } } }"""))
            .Json.GetProperty("volume_type").GetProperty("id").GetString()!;

    static async Task<string> Status(RunningApi api, string id) => (await api.Db.Read(tx => tx.Volumes.Get(id))).Status;

    static Task<(int Status, string Said)> Migrate(RunningApi api, string id, string host, string more = "") =>
        Act(api, id, $$"""{"os-migrate_volume": {"host": "{{host}}"{{more}}} }""");

    static Task<(int Status, string Said)> Retype(RunningApi api, string id, string type, string more = "") =>
        Act(api, id, $$"""{"os-retype": {"new_type": "{{type}}"{{more}}} }""");

    static async Task<(int Status, string Said)> Act(RunningApi api, string id, string body, string? version = null)
    {
        var answer = await api.Post($"volumes/{id}/action", body, version);
        return (answer.Status, answer.Status < 300 ? answer.Text : answer.Message);
    }
}
