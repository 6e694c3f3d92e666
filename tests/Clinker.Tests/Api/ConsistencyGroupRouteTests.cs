using Xunit;

namespace Clinker.Tests.Api;

public sealed class ConsistencyGroupRouteTests
{
    static (int, string) Of(Answered answer) => (answer.Status, answer.Message);

    static async Task<string> Made(RunningApi api)
    {
        var made = await api.Post("consistencygroups", """{"consistencygroup": {"name": "g", "volume_types": "__DEFAULT__,"}}""");
        Assert.Equal(202, made.Status);
        return made.Json.GetProperty("consistencygroup").GetProperty("id").GetString()!;
    }

    [Fact]
    public async Task The_older_form_has_its_own_groups()
    {
        await using var api = await RunningApi.Start();
        var (old, young) = (await Made(api), await api.Group());
        var shown = (await api.Get($"consistencygroups/{old}")).Json.GetProperty("consistencygroup");
        Assert.Equal(("g", "available", 1), (shown.GetProperty("name").GetString(), shown.GetProperty("status").GetString(), shown.GetProperty("volume_types").GetArrayLength()));
        Assert.Equal(404, (await api.Get($"consistencygroups/{young}")).Status);
        Assert.EndsWith("is reserved for migrating CGs to groups. Migrated group can only be operated by CG APIs.",
            (await api.Get($"groups/{old}", "3.13")).Message, StringComparison.Ordinal);
        Assert.Equal(old, (await api.Get("consistencygroups")).Json.GetProperty("consistencygroups").EnumerateArray().Single().GetProperty("id").GetString());
        Assert.Equal(young, (await api.Get("groups", "3.13")).Json.GetProperty("groups").EnumerateArray().Single().GetProperty("id").GetString());
    }

    [Fact]
    public async Task Empty_words_count_from_3_6_on()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api);
        const string Empty = """{"consistencygroup": {"name": ""}}""";
        Assert.Equal((400, "Name, description, add_volumes, and remove_volumes can not be all empty in the request body."),
            Of(await api.Put($"consistencygroups/{id}/update", Empty, "3.5")));
        Assert.Equal((400, "Must specify one or more of the following keys to update: name, description, add_volumes, remove_volumes."),
            Of(await api.Put($"consistencygroups/{id}/update", """{"consistencygroup": {}}""", "3.6")));
        Assert.Equal(202, (await api.Put($"consistencygroups/{id}/update", Empty, "3.6")).Status);
        Assert.Equal("", (await api.Get($"consistencygroups/{id}")).Json.GetProperty("consistencygroup").GetProperty("name").GetString());
    }

    [Fact]
    public async Task What_cinderclient_sends_is_taken()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api);
        var volume = await api.Made();
        Assert.Equal(202, (await api.Put($"consistencygroups/{id}", $$"""{"consistencygroup": {"name": "h", "add_volumes": "{{volume}}"} }""")).Status);
        Assert.Equal("h", (await api.Get($"consistencygroups/{id}")).Json.GetProperty("consistencygroup").GetProperty("name").GetString());
        Assert.Equal(id, (await api.Get($"volumes/{volume}")).Json.GetProperty("volume").GetProperty("consistencygroup_id").GetString());
        var taken = await api.Post("cgsnapshots", $$"""{"cgsnapshot": {"consistencygroup_id": "{{id}}", "name": null, "description": null, "user_id": null} }""");
        Assert.Equal(202, taken.Status);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, taken.Json.GetProperty("cgsnapshot").GetProperty("name").ValueKind);
        api.Work();
        var snapshot = taken.Json.GetProperty("cgsnapshot").GetProperty("id").GetString()!;
        Assert.Equal("available", await api.Settled($"cgsnapshots/{snapshot}"));
        Assert.Equal(202, (await api.Post("consistencygroups/create_from_src",
            $$"""{"consistencygroup-from-src": {"name": null, "description": null, "cgsnapshot_id": "{{snapshot}}", "source_cgid": null} }""")).Status);
    }

    [Fact]
    public async Task It_is_snapshotted_copied_and_deleted()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api);
        var volume = await api.Made();
        Assert.Equal(202, (await api.Put($"consistencygroups/{id}/update", $$"""{"consistencygroup": {"add_volumes": "{{volume}}"} }""")).Status);
        Assert.Equal(id, (await api.Get($"volumes/{volume}")).Json.GetProperty("volume").GetProperty("consistencygroup_id").GetString());
        // The type promises snapshots of one moment: of volumes in use there are none.
        await api.Db.Commit(tx => tx.Volumes.Reset(volume, "in-use", "attached", null));
        Assert.Equal((400, $"Invalid volume: Volume {volume} status must be available, but current status is: in-use."), Of(await Take()));
        await api.Db.Commit(tx => tx.Volumes.Reset(volume, "available", "detached", null));
        var taken = await Take();
        Assert.Equal(202, taken.Status);
        var snapshot = taken.Json.GetProperty("cgsnapshot").GetProperty("id").GetString()!;
        api.Work();
        Assert.Equal("available", await api.Settled($"cgsnapshots/{snapshot}"));
        Assert.Equal(400, (await api.Get($"group_snapshots/{snapshot}", "3.14")).Status);
        Assert.Equal((400, "Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group c from source."),
            Of(await api.Post("consistencygroups/create_from_src", """{"consistencygroup-from-src": {"name": "c"}}""")));
        Assert.Equal(202, (await api.Delete($"cgsnapshots/{snapshot}")).Status);
        await api.Gone($"cgsnapshots/{snapshot}");
        var copied = await api.Post("consistencygroups/create_from_src", $$"""{"consistencygroup-from-src": {"source_cgid": "{{id}}"} }""");
        Assert.Equal((202, "creating"), (copied.Status, copied.Json.GetProperty("consistencygroup").GetProperty("status").GetString()));
        Assert.Equal(400, (await Delete("false")).Status);
        await api.Ended();
        Assert.Equal(202, (await Delete("true")).Status);
        await api.Gone($"consistencygroups/{id}");
        Task<Answered> Take() => api.Post("cgsnapshots", $$"""{"cgsnapshot": {"consistencygroup_id": "{{id}}", "status": "creating"} }""");
        Task<Answered> Delete(string force) => api.Post($"consistencygroups/{id}/delete", $$"""{"consistencygroup": {"force": {{force}}} }""");
    }
}
