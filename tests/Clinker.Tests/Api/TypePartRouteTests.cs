using Xunit;

namespace Clinker.Tests.Api;

public sealed class QosRouteTests
{
    static async Task<string> Made(RunningApi api, string body)
    {
        var answer = await api.Post("qos-specs", $$"""{"qos_specs": {{body}} }""");
        Assert.Equal(200, answer.Status);
        api.Time.Advance(TimeSpan.FromSeconds(1));
        return answer.Json.GetProperty("qos_specs").GetProperty("id").GetString()!;
    }

    static async Task<string> Type(RunningApi api, string name) =>
        (await api.Post("types", $$"""{"volume_type": {"name": "{{name}}"} }""")).Json.GetProperty("volume_type").GetProperty("id").GetString()!;

    [Fact]
    public async Task A_spec_lives_and_goes()
    {
        await using var api = await RunningApi.Start();
        var id = await Made(api, """{"name": "  slow ", "total_iops_sec": "5", "anything": null}""");
        var shown = await api.Get($"qos-specs/{id}");
        Assert.Equal($$$"""{"id":"{{{id}}}","name":"slow","consumer":"back-end","specs":{"total_iops_sec":"5","anything":""}}""", shown.Json.GetProperty("qos_specs").GetRawText());
        Assert.Equal($"{api.Address}/v3/{RunningApi.Project}/qos-specs/{id}", shown.Json.GetProperty("links")[0].GetProperty("href").GetString());
        Assert.Equal((409, "QoS Specs slow already exists."), await Refused(api.Post("qos-specs", """{"qos_specs": {"name": "slow"}}""")));
        var changed = await api.Put($"qos-specs/{id}", """{"qos_specs": {"total_iops_sec": "7", "consumer": "both", "delay": "1"}}""");
        Assert.Equal("""{"qos_specs":{"total_iops_sec":"7","consumer":"both","delay":"1"}}""", changed.Text);
        Assert.Equal($$$"""[{"id":"{{{id}}}","name":"slow","consumer":"both","specs":{"total_iops_sec":"7","anything":"","delay":"1"}}]""",
            (await api.Get("qos-specs")).Json.GetProperty("qos_specs").GetRawText());
        Assert.Equal((404, $"QoS spec {id} has no spec with key x."), await Refused(api.Put($"qos-specs/{id}/delete_keys", """{"keys": ["delay", "x"]}""")));
        var gone = await api.Put($"qos-specs/{id}/delete_keys", """{"keys": ["delay", "anything"]}""");
        Assert.Equal((202, ""), (gone.Status, gone.Text));
        Assert.Equal("""{"total_iops_sec":"7"}""", (await api.Get($"qos-specs/{id}")).Json.GetProperty("qos_specs").GetProperty("specs").GetRawText());
        Assert.Equal(202, (await api.Delete($"qos-specs/{id}")).Status);
        Assert.Equal((404, $"No such QoS spec {id}."), await Refused(api.Get($"qos-specs/{id}")));
        Assert.Equal(404, (await api.Delete($"qos-specs/{id}")).Status);
    }

    [Fact]
    public async Task Types_have_one_and_it_stays_while_they_do()
    {
        await using var api = await RunningApi.Start();
        var (slow, fast) = (await Made(api, """{"name": "slow"}"""), await Made(api, """{"name": "fast", "consumer": "front-end"}"""));
        var (gold, tin) = (await Type(api, "gold"), await Type(api, "tin"));
        foreach (var type in (string[])[gold, tin, gold])
            Assert.Equal(202, (await api.Get($"qos-specs/{slow}/associate?vol_type_id={type}")).Status);
        Assert.Equal($$"""{"qos_associations":[{"association_type":"volume_type","name":"gold","id":"{{gold}}"},{"association_type":"volume_type","name":"tin","id":"{{tin}}"}]}""",
            (await api.Get($"qos-specs/{slow}/associations")).Text);
        Assert.Equal(slow, (await api.Get($"types/{gold}")).Json.GetProperty("volume_type").GetProperty("qos_specs_id").GetString());
        Assert.Equal((400, $"Invalid volume type: Type {gold} is already associated with another qos specs: {slow}"),
            await Refused(api.Get($"qos-specs/{fast}/associate?vol_type_id={gold}")));
        Assert.Equal((400, "Volume Type id must not be None."), await Refused(api.Get($"qos-specs/{fast}/associate")));
        Assert.Equal(404, (await api.Get($"qos-specs/{fast}/associate?vol_type_id=x")).Status);
        Assert.Equal(404, (await api.Get($"qos-specs/x/associate?vol_type_id={gold}")).Status);
        Assert.Equal((400, "Qos specs still in use."), await Refused(api.Delete($"qos-specs/{slow}")));
        Assert.Equal(202, (await api.Get($"qos-specs/{slow}/disassociate?vol_type_id={gold}")).Status);
        Assert.Equal(202, (await api.Get($"qos-specs/{fast}/disassociate?vol_type_id={tin}")).Status); // it has another one: that stays
        Assert.Single((await api.Get($"qos-specs/{slow}/associations")).Json.GetProperty("qos_associations").EnumerateArray());
        Assert.Equal(202, (await api.Get($"qos-specs/{slow}/disassociate_all")).Status);
        Assert.Empty((await api.Get($"qos-specs/{slow}/associations")).Json.GetProperty("qos_associations").EnumerateArray());
        await api.Get($"qos-specs/{slow}/associate?vol_type_id={gold}");
        Assert.Equal("Value 'x' for 'force' is not a boolean.", (await api.Delete($"qos-specs/{slow}?force=x")).Message);
        Assert.Equal(202, (await api.Delete($"qos-specs/{slow}?force=True")).Status);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, (await api.Get($"types/{gold}")).Json.GetProperty("volume_type").GetProperty("qos_specs_id").ValueKind);
    }

    [Theory]
    [InlineData("""{"name": "a", "consumer": "nobody"}""", "Invalid qos specs: Valid consumer of QoS specs are: ['back-end', 'front-end', 'both']")]
    [InlineData("""{"name": "  "}""", "An invalid 'name' value was provided. The 'name' can not be empty.")]
    [InlineData("""{"name": "a", "": "b"}""", "Invalid input received: Key \"\" has 0 characters, less than 1.")]
    [InlineData("""{"name": "a", "k": 7}""", "Invalid input received: Value for key \"k\" is not a string or unicode")]
    [InlineData("""{"k": "v"}""", "'name' is a required property")]
    public async Task What_is_no_spec_is_refused(string body, string why)
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Post("qos-specs", $$"""{"qos_specs": {{body}} }""");
        Assert.Equal(400, answer.Status);
        Assert.EndsWith(why, answer.Message, StringComparison.Ordinal);
        Assert.Empty((await api.Get("qos-specs")).Json.GetProperty("qos_specs").EnumerateArray());
    }

    [Fact]
    public async Task They_are_listed_in_pages_and_by_name()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        foreach (var name in (string[])["a", "b", "c"]) await Made(api, $$"""{"name": "{{name}}", "consumer": "{{(name == "b" ? "both" : "back-end")}}"}""");
        Assert.Equal("c,b,a", Names(await api.Get("qos-specs")));
        Assert.Equal("b", Names(await api.Get("qos-specs?consumer=both")));
        var page = await api.Get("qos-specs?limit=2&sort=name:asc");
        Assert.Equal("a,b", Names(page));
        Assert.Equal("c", Names(await api.Get(page.Json.GetProperty("qos_specs_links")[0].GetProperty("href").GetString()![api.Address.Length..])));
        Assert.Equal(403, (await api.Get("qos-specs", token: $"u:{RunningApi.Project}:member")).Status);
        static string Names(Answered answer) => string.Join(",", answer.Json.GetProperty("qos_specs").EnumerateArray().Select(v => v.GetProperty("name").GetString()));
    }

    static async Task<(int, string)> Refused(Task<Answered> answer) => ((await answer).Status, (await answer).Message);
}

public sealed class TypeEncryptionRouteTests
{
    const string Luks = """{"encryption": {"key_size": 256, "provider": "luks", "control_location": "front-end", "cipher": "aes-xts-plain64", "else": [1]}}""";

    static async Task<string> Type(RunningApi api) =>
        (await api.Post("types", """{"volume_type": {"name": "safe"}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString()!;

    [Fact]
    public async Task An_encryption_lives_and_goes()
    {
        await using var api = await RunningApi.Start();
        var id = await Type(api);
        var path = $"types/{id}/encryption";
        Assert.Equal("{}", (await api.Get(path)).Text);
        var made = await api.Post(path, Luks);
        Assert.Equal(200, made.Status);
        var encryption = made.Json.GetProperty("encryption").GetProperty("encryption_id").GetString();
        Assert.Equal($$$"""{"encryption":{"volume_type_id":"{{{id}}}","control_location":"front-end","encryption_id":"{{{encryption}}}","key_size":256,"provider":"luks","cipher":"aes-xts-plain64"}}""", made.Text);
        Assert.Equal($"Volume type encryption for type {id} already exists.", (await api.Post(path, Luks)).Message);
        var shown = (await api.Get(path)).Json;
        Assert.Equal(["cipher", "control_location", "created_at", "deleted", "deleted_at", "encryption_id", "key_size", "provider", "updated_at", "volume_type_id"],
            shown.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal("""{"cipher":"aes-xts-plain64"}""", (await api.Get($"{path}/cipher")).Text);
        Assert.Equal("""{"key_size":256}""", (await api.Get($"{path}/key_size")).Text);
        Assert.Equal(404, (await api.Get($"{path}/{encryption}")).Status);
        var changed = await api.Put($"{path}/{encryption}", """{"encryption": {"key_size": "64", "control_location": "back-end", "cipher": null}}""");
        Assert.Equal("""{"encryption":{"key_size":64,"provider":"luks","control_location":"back-end","cipher":null}}""", changed.Text);
        Assert.Equal("Invalid input received: key_size must be an integer.", (await api.Put($"{path}/{encryption}", """{"encryption": {"key_size": "many"}}""")).Message);
        Assert.Equal(202, (await api.Delete($"{path}/{encryption}")).Status);
        foreach (var answer in (Answered[])[await api.Delete($"{path}/{encryption}"), await api.Get($"{path}/cipher"), await api.Put($"{path}/{encryption}", """{"encryption": {}}""")])
            Assert.Equal((404, $"Volume type encryption for type {id} does not exist."), (answer.Status, answer.Message));
        Assert.Equal("Volume type x could not be found.", (await api.Post("types/x/encryption", Luks)).Message);
    }

    [Fact]
    public async Task It_stays_as_it_is_while_volumes_have_the_type()
    {
        await using var api = await RunningApi.Start();
        var id = await Type(api);
        await api.Volume(more: ", \"volume_type\": \"safe\"");
        Assert.Equal("Cannot create encryption specs. Volume type in use.", (await api.Post($"types/{id}/encryption", Luks)).Message);
        Assert.Equal("Cannot update encryption specs. Volume type in use.", (await api.Put($"types/{id}/encryption/x", Luks)).Message);
        Assert.Equal("Cannot delete encryption specs. Volume type in use.", (await api.Delete($"types/{id}/encryption/x")).Message);
    }

    /// <summary>A volume that should be encrypted and is not would be worse than none.</summary>
    [Fact]
    public async Task Volumes_of_the_type_are_refused_while_there_is_nobody_to_keep_their_keys()
    {
        await using var api = await RunningApi.Start();
        await api.Post($"types/{await Type(api)}/encryption", Luks);
        Assert.Equal((400, "Volume type safe is encrypted, and no key manager is configured."), await Create());
        async Task<(int, string)> Create()
        {
            var answer = await api.Post("volumes", """{"volume": {"size": 1, "volume_type": "safe"}}""");
            return (answer.Status, answer.Message);
        }
    }
}

public sealed class DefaultTypeRouteTests
{
    [Fact]
    public async Task A_projects_volumes_get_its_default_type()
    {
        await using var api = await RunningApi.Start();
        var gold = (await api.Post("types", """{"volume_type": {"name": "gold"}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString()!;
        const string Path = "default-types/" + RunningApi.Project;
        Assert.Equal((404, $"Default type for project {RunningApi.Project} not found."), await Told(api.Get(Path, "3.62")));
        Assert.Equal("""{"default_types":[]}""", (await api.Get("default-types", "3.62")).Text);
        Assert.Equal((400, "Volume type with name lead could not be found."), await Told(api.Put(Path, """{"default_type": {"volume_type": "lead"}}""", "3.62")));
        foreach (var by in (string[])["gold", gold])
            Assert.Equal($$$"""{"default_type":{"project_id":"{{{RunningApi.Project}}}","volume_type_id":"{{{gold}}}"}}""",
                (await api.Put(Path, $$$"""{"default_type": {"volume_type": "{{{by}}}"}}""", "3.62")).Text);
        Assert.Equal($$"""{"default_types":[{"project_id":"{{RunningApi.Project}}","volume_type_id":"{{gold}}"}]}""", (await api.Get("default-types", "3.62")).Text);
        Assert.Equal(gold, (await api.Get(Path, "3.62")).Json.GetProperty("default_type").GetProperty("volume_type_id").GetString());

        Assert.Equal("gold", (await api.Get("types/default")).Json.GetProperty("volume_type").GetProperty("name").GetString());
        Assert.Equal("__DEFAULT__", (await api.Get("/v3/ffff/types/default")).Json.GetProperty("volume_type").GetProperty("name").GetString());
        var made = await api.Post("volumes", """{"volume": {"size": 1}}""");
        Assert.Equal("gold", made.Json.GetProperty("volume").GetProperty("volume_type").GetString());
        Assert.Equal("__DEFAULT__", (await api.Post("/v3/ffff/volumes", """{"volume": {"size": 1}}""")).Json.GetProperty("volume").GetProperty("volume_type").GetString());

        await api.Db.Commit(tx => tx.Volumes.Remove(made.Json.GetProperty("volume").GetProperty("id").GetString()!));
        Assert.Equal((400, $"The volume type {gold} is a default volume type and cannot be deleted."), await Told(api.Delete($"types/{gold}")));
        var unset = await api.Delete(Path, "3.62");
        Assert.Equal((204, ""), (unset.Status, unset.Text));
        Assert.Equal(204, (await api.Delete(Path, "3.62")).Status);
        Assert.Equal(202, (await api.Delete($"types/{gold}")).Status);
        Assert.Equal(404, (await api.Get("default-types", "3.61")).Status);
    }

    static async Task<(int, string)> Told(Task<Answered> answer) => ((await answer).Status, (await answer).Message);
}
