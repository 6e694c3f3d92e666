using System.Text.Json;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class QuotaRouteTests
{
    const string Sets = "os-quota-sets/" + RunningApi.Project;

    static JsonElement Set(Answered answer) => answer.Json.EnumerateObject().Single().Value;

    [Fact]
    public async Task A_quota_set_has_every_resource_and_those_of_every_type()
    {
        await using var api = await RunningApi.Start();
        await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        var expected = new Dictionary<string, long>
        {
            ["backup_gigabytes"] = 1000, ["backups"] = 10, ["gigabytes"] = 1000, ["groups"] = 10, ["per_volume_gigabytes"] = -1, ["snapshots"] = 10, ["volumes"] = 10,
            ["gigabytes___DEFAULT__"] = -1, ["snapshots___DEFAULT__"] = -1, ["volumes___DEFAULT__"] = -1, ["gigabytes_gold"] = -1, ["snapshots_gold"] = -1, ["volumes_gold"] = -1,
        };
        foreach (var path in (string[])[Sets, $"{Sets}/defaults"])
        {
            var set = Set(await api.Get(path));
            Assert.Equal(RunningApi.Project, set.GetProperty("id").GetString());
            Assert.Equal(expected.OrderBy(e => e.Key), set.EnumerateObject().Where(p => p.Name != "id").ToDictionary(p => p.Name, p => p.Value.GetInt64()).OrderBy(e => e.Key));
        }
        var shown = Set(await api.Get("os-quota-class-sets/other"));
        Assert.Equal("other", shown.GetProperty("id").GetString());
        Assert.Equal(expected.Count + 1, shown.EnumerateObject().Count());
    }

    [Fact]
    public async Task Limits_are_set_hold_and_are_taken_away()
    {
        await using var api = await RunningApi.Start();
        var set = Set(await api.Put(Sets, """{"quota_set": {"volumes": 2, "gigabytes": "5", "tenant_id": "x", "id": "y"}}"""));
        Assert.Equal((2, 5, 10), (set.GetProperty("volumes").GetInt32(), set.GetProperty("gigabytes").GetInt32(), set.GetProperty("snapshots").GetInt32()));
        Assert.False(set.TryGetProperty("id", out _));
        await api.Volume(size: 3);
        var refused = await api.Post("volumes", """{"volume": {"size": 3}}""");
        Assert.Equal((413, "overLimit", "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            + "Requested 3G, quota is 5G and 3G has been consumed."), (refused.Status, refused.Fault, refused.Message));
        var absolute = (await api.Get("limits")).Json.GetProperty("limits").GetProperty("absolute");
        Assert.Equal((2, 5, 1, 3), (absolute.GetProperty("maxTotalVolumes").GetInt32(), absolute.GetProperty("maxTotalVolumeGigabytes").GetInt32(),
            absolute.GetProperty("totalVolumesUsed").GetInt32(), absolute.GetProperty("totalGigabytesUsed").GetInt32()));
        Assert.Equal(10, (await api.Get("/v3/ffff/limits")).Json.GetProperty("limits").GetProperty("absolute").GetProperty("maxTotalVolumes").GetInt32());
        Assert.Equal("""{"limit":5,"in_use":3,"reserved":0}""", Set(await api.Get($"{Sets}?usage=true")).GetProperty("gigabytes").GetRawText());
        Assert.Equal("""{"limit":-1,"in_use":1,"reserved":0}""", Set(await api.Get($"{Sets}?usage=1")).GetProperty("volumes___DEFAULT__").GetRawText());
        Assert.Equal("""{"limit":-1,"in_use":0,"reserved":0}""", Set(await api.Get($"{Sets}?usage=1")).GetProperty("per_volume_gigabytes").GetRawText());
        Assert.Equal("Value 'maybe' for 'usage' is not a boolean.", (await api.Get($"{Sets}?usage=maybe")).Message);
        var gone = await api.Delete(Sets);
        Assert.Equal((200, ""), (gone.Status, gone.Text));
        Assert.Equal(1000, Set(await api.Get(Sets)).GetProperty("gigabytes").GetInt32());
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Theory]
    [InlineData("""{"apples": 1, "volumes": 1, "pears": 2}""", "Invalid input received: Bad key(s) in quota set: apples, pears")]
    [InlineData("""{"skip_validation": true}""", "Invalid input received: Bad key(s) in quota set: skip_validation")]
    [InlineData("""{"volumes_nothing": 1}""", "Invalid input received: Bad key(s) in quota set: volumes_nothing")]
    [InlineData("""{"volumes": -2}""", "volumes must be >= -1")]
    [InlineData("""{"volumes": 2147483648}""", "volumes must be <= 2147483647")]
    [InlineData("""{"volumes": 99999999999999999999}""", "volumes must be <= 2147483647")]
    [InlineData("""{"volumes": "many"}""", "volumes must be an integer")]
    [InlineData("""{"volumes": 1.5}""", "volumes must be an integer")]
    [InlineData("""{"volumes": null}""", "volumes must be an integer")]
    [InlineData("""{"volumes": true}""", "volumes must be an integer")]
    [InlineData("""{"volumes": 1}""", "Quota volumes limit must be equal or greater than existing resources. Current usage is 2 and the requested limit is 1.")]
    [InlineData("""{"gigabytes___DEFAULT__": 1}""", "Quota gigabytes___DEFAULT__ limit must be equal or greater than existing resources. Current usage is 2 and the requested limit is 1.")]
    [InlineData("{}", "Invalid input for field/attribute quota_set. Value: {}. {} does not have enough properties")]
    public async Task What_is_no_limit_is_refused_and_nothing_is_set(string set, string why)
    {
        await using var api = await RunningApi.Start();
        await api.Volume();
        await api.Volume();
        var answer = await api.Put(Sets, $$"""{"quota_set": {{set}} }""");
        Assert.Equal((400, why), (answer.Status, answer.Message));
        Assert.Equal(10, Set(await api.Get(Sets)).GetProperty("volumes").GetInt32());
    }

    [Fact]
    public async Task Any_size_may_be_the_largest_whatever_there_is()
    {
        await using var api = await RunningApi.Start();
        await api.Volume(size: 4);
        Assert.Equal(200, (await api.Put(Sets, """{"quota_set": {"per_volume_gigabytes": 2, "snapshots": 0}}""")).Status);
        Assert.Equal("VolumeSizeExceedsLimit: Requested volume size 3G is larger than maximum allowed limit 2G.",
            (await api.Post("volumes", """{"volume": {"size": 3}}""")).Message);
    }

    [Fact]
    public async Task A_types_limits_go_by_its_name_and_stay_when_that_changes()
    {
        await using var api = await RunningApi.Start();
        var id = (await api.Post("types", """{"volume_type": {"name": "gold"}}""")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        await api.Put(Sets, """{"quota_set": {"volumes_gold": 1}}""");
        await api.Volume(more: ", \"volume_type\": \"gold\"");
        await api.Put($"types/{id}", """{"volume_type": {"name": "silver"}}""");
        Assert.Equal("VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes_silver'.",
            (await api.Post("volumes", """{"volume": {"size": 1, "volume_type": "silver"}}""")).Message);
        Assert.Equal("""{"limit":1,"in_use":1,"reserved":0}""", Set(await api.Get($"{Sets}?usage=true")).GetProperty("volumes_silver").GetRawText());
        Assert.False(Set(await api.Get(Sets)).TryGetProperty("volumes_gold", out _));
    }

    [Fact]
    public async Task A_class_is_remembered_and_the_default_one_is_everybodys()
    {
        await using var api = await RunningApi.Start();
        var set = Set(await api.Put("os-quota-class-sets/default", """{"quota_class_set": {"volumes": 1, "gigabytes___DEFAULT__": "7"}}"""));
        Assert.Equal((1, 7, 10), (set.GetProperty("volumes").GetInt32(), set.GetProperty("gigabytes___DEFAULT__").GetInt32(), set.GetProperty("backups").GetInt32()));
        Assert.False(set.TryGetProperty("id", out _));
        await api.Volume();
        Assert.Equal(413, (await api.Post("volumes", """{"volume": {"size": 1}}""")).Status);
        Assert.Equal(1, Set(await api.Get($"{Sets}/defaults")).GetProperty("volumes").GetInt32());
        Assert.Equal(200, (await api.Put(Sets, """{"quota_set": {"volumes": 2}}""")).Status);
        await api.Volume();
        Assert.Equal(1, Set(await api.Get("os-quota-class-sets/other")).GetProperty("volumes").GetInt32());
        foreach (var (body, why) in (IEnumerable<(string, string)>)
                 [
                     ("""{"apples": 1}""", "Invalid input received: Bad key(s) in quota class set: apples"),
                     ("""{"volumes": -2}""", "Invalid input for field/attribute volumes. Value: -2. -2 is less than the minimum of -1"),
                     ("""{"volumes": "-1"}""", "Invalid input for field/attribute volumes. Value: -1. '-1' does not match '^[0-9]*$'"),
                     ("""{"volumes": null}""", "Invalid input for field/attribute volumes. Value: None. None is not of type 'integer', 'string'"),
                 ])
            Assert.Equal(why, (await api.Put("os-quota-class-sets/default", $$"""{"quota_class_set": {{body}} }""")).Message);
        Assert.Equal(200, (await api.Put("os-quota-class-sets/default", """{"quota_class_set": {"volumes": -1}}""")).Status);
    }

    [Fact]
    public async Task Others_quotas_are_nobodys_business_and_nobody_raises_his_own()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var user = $"u:{RunningApi.Project}:member";
        Assert.Equal(200, (await api.Get(Sets, token: user)).Status);
        Assert.Equal(200, (await api.Get($"{Sets}/defaults", token: user)).Status);
        foreach (var path in (string[])["os-quota-sets/ffff", "os-quota-sets/ffff/defaults", "os-quota-class-sets/default"])
            Assert.Equal(403, (await api.Get(path, token: user)).Status);
        Assert.Equal(403, (await api.Put(Sets, """{"quota_set": {"volumes": 100}}""", token: user)).Status);
        Assert.Equal(403, (await api.Delete(Sets, token: user)).Status);
        Assert.Equal(403, (await api.Put("os-quota-class-sets/default", """{"quota_class_set": {"volumes": 100}}""", token: user)).Status);
    }
}
