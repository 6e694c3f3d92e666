using Xunit;

namespace Clinker.Tests.Api;

public sealed class GroupTypeRouteTests
{
    static async Task<string> Made(RunningApi api, string name, string more = "")
    {
        api.Time.Advance(TimeSpan.FromSeconds(1)); // so that they have an order
        var answer = await api.Post("group_types", $$"""{"group_type": {"name": "{{name}}"{{more}}} }""", "3.11");
        Assert.Equal(202, answer.Status);
        return answer.Json.GetProperty("group_type").GetProperty("id").GetString()!;
    }

    [Fact]
    public async Task A_group_type_lives_and_goes()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api, "g", """, "description": "d", "is_public": "no", "group_specs": {"a b": "c"}""");
        Assert.Equal($$$$"""{"group_type":{"id":"{{{{id}}}}","name":"g","description":"d","is_public":false,"group_specs":{"a b":"c"}}}""", (await api.Get($"group_types/{id}", "3.11")).Text);
        var again = await api.Post("group_types", """{"group_type": {"name": "g"}}""", "3.11");
        Assert.Equal((409, "Group Type g already exists."), (again.Status, again.Message));
        var changed = await api.Put($"group_types/{id}", """{"group_type": {"name": "h", "is_public": true}}""", "3.11");
        Assert.Equal((200, "h", "d", true), (changed.Status, Of(changed, "name").GetString(), Of(changed, "description").GetString(), Of(changed, "is_public").GetBoolean()));
        Assert.Equal("Group type name can not be empty.", (await api.Put($"group_types/{id}", """{"group_type": {"name": " "}}""", "3.11")).Message);
        Assert.Equal("Specify group type name, description or a combination thereof.", (await api.Put($"group_types/{id}", """{"group_type": {}}""", "3.11")).Message);
        await Made(api, "g");
        Assert.Equal(409, (await api.Put($"group_types/{id}", """{"group_type": {"name": "g"}}""", "3.11")).Status);
        Assert.Equal(404, (await api.Get($"group_types/{id}", "3.10")).Status);

        await api.Db.Commit(tx => tx.Execute($"""
            insert into volume_group (id, project_id, user_id, status, group_type_id, volume_types, created_at)
            values ('g1', 'p', 'u', 'available', {id}, '[]', 0)
            """));
        Assert.Equal("Target group type is still in use.", (await api.Delete($"group_types/{id}", "3.11")).Message);
        await api.Db.Commit(tx => tx.Execute($"delete from volume_group"));
        Assert.Equal(202, (await api.Delete($"group_types/{id}", "3.11")).Status);
        Assert.Equal($"Group type {id} could not be found.", (await api.Get($"group_types/{id}", "3.11")).Message);
        static System.Text.Json.JsonElement Of(Answered answer, string name) => answer.Json.GetProperty("group_type").GetProperty(name);
    }

    [Fact]
    public async Task The_reserved_type_is_there_and_stays()
    {
        await using var api = await RunningApi.Start();
        var reserved = Assert.Single((await api.Get("group_types", "3.11")).Json.GetProperty("group_types").EnumerateArray());
        Assert.Equal("default_cgsnapshot_type", reserved.GetProperty("name").GetString());
        var path = $"group_types/{reserved.GetProperty("id").GetString()}";
        const string Why = "Group type default_cgsnapshot_type is reserved for consistency groups.";
        Assert.Equal(Why, (await api.Delete(path, "3.11")).Message);
        Assert.Equal(Why, (await api.Put(path, """{"group_type": {"name": "x"}}""", "3.11")).Message);
        Assert.Equal(200, (await api.Put(path, """{"group_type": {"description": "x"}}""", "3.11")).Status);
    }

    [Fact]
    public async Task The_default_one_is_the_configured_one()
    {
        await using (var api = await RunningApi.Start())
            Assert.Equal("Default group type can not be found.", (await api.Get("group_types/default", "3.11")).Message);
        await using (var api = await RunningApi.Start(new() { DefaultGroupType = "g" }))
        {
            Assert.Equal(404, (await api.Get("group_types/default", "3.11")).Status);
            var id = await Made(api, "g");
            Assert.Equal(id, (await api.Get("group_types/default", "3.11")).Json.GetProperty("group_type").GetProperty("id").GetString());
        }
    }

    [Fact]
    public async Task Specs_are_changed_one_by_one_and_together()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api, "g");
        var path = $"group_types/{id}/group_specs";
        var made = await api.Post(path, """{"group_specs": {"k1": "v1", "k2": null}}""", "3.11");
        Assert.Equal((202, """{"group_specs":{"k1":"v1","k2":""}}"""), (made.Status, made.Text));
        Assert.Equal("""{"k1":"v9"}""", (await api.Put($"{path}/k1", """{"k1": "v9"}""", "3.11")).Text);
        Assert.Equal("Request body and URI mismatch", (await api.Put($"{path}/k1", """{"k2": "v9"}""", "3.11")).Message);
        Assert.Equal("""{"group_specs":{"k1":"v9","k2":""}}""", (await api.Get(path, "3.11")).Text);
        Assert.Equal("""{"k1":"v9"}""", (await api.Get($"{path}/k1", "3.11")).Text);
        Assert.Equal(202, (await api.Delete($"{path}/k1", "3.11")).Status);
        Assert.Equal($"Group Type {id} has no specs with key k1.", (await api.Delete($"{path}/k1", "3.11")).Message);
        Assert.Equal($"Group Type {id} has no extra spec with key k1.", (await api.Get($"{path}/k1", "3.11")).Message);
        Assert.Equal(404, (await api.Get("group_types/x/group_specs", "3.11")).Status);
    }

    [Fact]
    public async Task Others_see_public_ones_without_their_specs()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var user = $"u:{RunningApi.Project}:member";
        var (open, hidden) = (await Made(api, "open"), await Made(api, "hidden", ", \"is_public\": false"));
        Assert.Equal("open,default_cgsnapshot_type", Names(await api.Get("group_types", "3.11", user)));
        Assert.Equal("open,default_cgsnapshot_type", Names(await api.Get("group_types", "3.11")));
        Assert.Equal("hidden", Names(await api.Get("group_types?is_public=false", "3.11")));
        Assert.Equal("hidden,open,default_cgsnapshot_type", Names(await api.Get("group_types?is_public=None", "3.11")));
        var page = await api.Get("group_types?limit=1&sort=name:desc", "3.11");
        Assert.Equal("open", Names(page));
        Assert.Equal("default_cgsnapshot_type", Names(await api.Send("GET", page.Json.GetProperty("group_type_links")[0].GetProperty("href").GetString()![api.Address.Length..], version: "3.11")));
        Assert.Equal($$$"""{"group_type":{"id":"{{{open}}}","name":"open","description":null,"is_public":true}}""", (await api.Get($"group_types/{open}", "3.11", user)).Text);
        Assert.Equal(404, (await api.Get($"group_types/{hidden}", "3.11", user)).Status);
        Assert.Equal(403, (await api.Get($"group_types/{open}/group_specs", "3.11", user)).Status);
        Assert.Equal(403, (await api.Post("group_types", """{"group_type": {"name": "x"}}""", "3.11", user)).Status);
        static string Names(Answered answer) => string.Join(",", answer.Json.GetProperty("group_types").EnumerateArray().Select(v => v.GetProperty("name").GetString()));
    }
}
