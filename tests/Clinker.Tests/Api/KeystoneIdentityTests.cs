using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Callers by tokens of Keystone: who is let in, who is sent away and how, and what happens when Keystone does not do its part.</summary>
public sealed class KeystoneIdentityTests : IAsyncLifetime
{
    readonly SmallKeystone keystone = new();
    KeystoneIdentity identity = null!;
    RunningApi api = null!;

    public async ValueTask InitializeAsync()
    {
        identity = keystone.Identity();
        api = await On(identity);
    }

    static Task<RunningApi> On(KeystoneIdentity identity) =>
        RunningApi.Start(new() { Identity = identity.Of, HasProject = identity.HasProject });

    public async ValueTask DisposeAsync()
    {
        await api.DisposeAsync();
        identity.Dispose();
        await keystone.DisposeAsync();
    }

    async Task<int> Status(string? token, string path = "volumes", params (string, string)[] headers) =>
        (await api.Send("GET", path, version: "3.71", token: token, headers: headers)).Status;

    Task<Answered> Create(string token) => api.Post("volumes", """{"volume": {"size": 1}}""", token: token);

    [Fact]
    public async Task Roles_are_those_of_the_token_whatever_their_case()
    {
        var reader = keystone.Give("Reader");
        var member = keystone.Give("MEMBER");
        var admin = keystone.Give("Admin,member,reader", project: "office");
        var nobody = keystone.Give("cook");
        Assert.Equal(202, (await Create(member)).Status);
        Assert.Equal(403, (await Create(reader)).Status);
        Assert.Equal(200, await Status(reader));
        Assert.Equal(403, await Status(nobody));
        Assert.Equal(403, await Status(member, "os-services"));
        Assert.Equal(200, await Status(admin, "/v3/office/os-services"));
        var all = (await api.Get("/v3/office/volumes/detail?all_tenants=1", "3.71", admin)).Json.GetProperty("volumes")[0];
        Assert.Equal((RunningApi.Project, "ann"), (all.GetProperty("os-vol-tenant-attr:tenant_id").GetString(), all.GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task Without_a_good_token_one_is_told_where_to_get_one()
    {
        foreach (var token in (string?[])[null, "never-given", "with blank"])
        {
            (string, string)[] headers = token is null ? [] : [("X-Auth-Token", token)];
            var answer = await api.Send("GET", "volumes", headers: headers);
            Assert.Equal((401, "Keystone uri=\"https://identity.example.org\""), (answer.Status, answer.Header("WWW-Authenticate")));
            Assert.Equal("""{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}""", answer.Text);
        }
        Assert.Equal(200, await Status(null, "/healthcheck"));
        Assert.Equal(1, keystone.Validations); // what can be no token is not asked about
    }

    [Fact]
    public async Task A_token_is_asked_about_once_in_its_time()
    {
        var token = keystone.Give("reader");
        for (var i = 0; i < 3; i++) Assert.Equal(200, await Status(token));
        Assert.Equal((1, 1), (keystone.Validations, keystone.SignIns));
        keystone.Revoke(token);
        keystone.Time.Advance(TimeSpan.FromSeconds(299));
        Assert.Equal(200, await Status(token));
        keystone.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(401, await Status(token));
        Assert.Equal(401, await Status(token));
        Assert.Equal(2, keystone.Validations);
        keystone.Give("reader", name: token);
        keystone.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(200, await Status(token));
    }

    [Fact]
    public async Task A_token_is_never_good_beyond_its_end()
    {
        var token = keystone.Give("reader", life: TimeSpan.FromSeconds(60));
        Assert.Equal(200, await Status(token));
        keystone.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(401, await Status(token));
    }

    [Fact]
    public async Task With_no_time_for_it_nothing_is_remembered()
    {
        using var forgetful = keystone.Identity(s => s with { CacheTime = TimeSpan.Zero });
        await using var other = await On(forgetful);
        var token = keystone.Give("reader");
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await other.Get("volumes", token: token)).Status);
        Assert.Equal(3, keystone.Validations);
        keystone.Revoke(token);
        Assert.Equal(401, (await other.Get("volumes", token: token)).Status);
    }

    [Fact]
    public async Task Who_brings_the_same_token_at_once_waits_for_one_answer()
    {
        keystone.Held = new();
        var token = keystone.Give("reader");
        var all = Enumerable.Range(0, 20).Select(_ => Status(token)).ToList();
        await SmallKeystone.Until(() => keystone.Validations == 1);
        keystone.Held.SetResult();
        Assert.All(await Task.WhenAll(all), s => Assert.Equal(200, s));
        Assert.Equal(1, keystone.Validations);
    }

    [Fact]
    public async Task The_path_s_project_has_to_be_the_token_s()
    {
        var admin = keystone.Give("admin");
        var answer = await api.Get("/v3/other/volumes", token: admin);
        Assert.Equal((400, "Malformed request url"), (answer.Status, answer.Message));
        Assert.Equal(200, await Status(admin, "/v3/volumes"));
    }

    [Theory]
    [InlineData("""{"system": {"all": true}}""")]
    [InlineData("""{"domain": {"id": "default", "name": "Default"}}""")]
    [InlineData("{}")]
    public async Task A_token_of_no_project_does_nothing_here(string scope)
    {
        var token = keystone.Give("admin", project: null, but: t =>
        {
            foreach (var (key, value) in JsonNode.Parse(scope)!.AsObject()) t[key] = value!.DeepClone();
        });
        Assert.Equal(400, await Status(token));
        Assert.Equal(403, await Status(token, "/v3/volumes"));
        Assert.Equal(403, await Status(token, "/v3/os-services"));
        Assert.Equal(403, (await api.Post("/v3/volumes", """{"volume": {"size": 1}}""", "3.71", token)).Status);
    }

    [Fact]
    public async Task An_admin_is_one_in_the_admin_project_where_there_is_one()
    {
        var elsewhere = keystone.Give("admin,member", but: t => t["is_admin_project"] = false);
        var there = keystone.Give("admin,member", but: t => t["is_admin_project"] = true);
        Assert.Equal(403, await Status(elsewhere, "os-services"));
        Assert.Equal(200, await Status(elsewhere));
        Assert.Equal(200, await Status(there, "os-services"));
    }

    [Fact]
    public async Task A_service_may_act_for_somebody_whose_time_is_over()
    {
        var ended = keystone.Give("reader", life: TimeSpan.FromSeconds(-10));
        var nova = keystone.Give("Service", project: "service");
        var other = keystone.Give("member", project: "other");
        Assert.Equal(401, await Status(ended));
        Assert.Equal(200, await Status(ended, headers: ("X-Service-Token", nova)));
        Assert.Equal(401, await Status(ended)); // what was allowed for the service is for it alone
        Assert.Equal(401, await Status(ended, headers: ("X-Service-Token", other)));
        var good = keystone.Give("reader");
        Assert.Equal(200, await Status(good, headers: ("X-Service-Token", other)));
        Assert.Equal(401, await Status(good, headers: ("X-Service-Token", "none")));
        Assert.Equal(401, await Status(null, headers: ("X-Service-Token", nova)));

        using var strict = keystone.Identity(s => s with { ServiceRolesRequired = true });
        await using var api2 = await On(strict);
        Assert.Equal(401, (await api2.Send("GET", "volumes", token: good, headers: ("X-Service-Token", other))).Status);
        Assert.Equal(200, (await api2.Send("GET", "volumes", token: good, headers: ("X-Service-Token", nova))).Status);
    }

    [Fact]
    public async Task Access_rules_of_application_credentials_are_kept()
    {
        var token = keystone.Give("admin,member,reader", but: t => t["application_credential"] = JsonNode.Parse("""
            {"id": "x", "access_rules": [
                {"service": "volumev3", "method": "GET", "path": "/v3/{project_id}/volumes"},
                {"service": "block-storage", "method": "GET", "path": "/v3/*/snapshots/**"},
                {"service": "compute", "method": "POST", "path": "/v3/*/volumes"}]}
            """));
        Assert.Equal(200, await Status(token));
        Assert.Equal(404, await Status(token, "snapshots/none"));
        Assert.Equal(401, await Status(token, "volumes/detail"));
        Assert.Equal(401, (await Create(token)).Status);
        Assert.Equal(202, (await api.Send("POST", "volumes", """{"volume": {"size": 1}}""", token: token, headers: ("X-Service-Token", keystone.Give("service", project: "service")))).Status);
        // Somebody's own token beside it does not free it.
        Assert.Equal(401, (await api.Send("POST", "volumes", """{"volume": {"size": 1}}""", token: token, headers: ("X-Service-Token", keystone.Give("member")))).Status);
        var none = keystone.Give("member", but: t => t["application_credential"] = JsonNode.Parse("""{"id": "y", "access_rules": []}"""));
        Assert.Equal(401, await Status(none));
        var free = keystone.Give("member", but: t => t["application_credential"] = JsonNode.Parse("""{"id": "z"}"""));
        Assert.Equal(200, await Status(free));
    }

    [Theory]
    [InlineData("/v3/{project_id}/volumes", "/v3/a/volumes", true)]
    [InlineData("/v3/{project_id}/volumes", "/v3/a/b/volumes", false)]
    [InlineData("/v3/{project_id}/volumes", "/v3//volumes", false)]
    [InlineData("/v3/*/volumes/*", "/v3/a/volumes/b", true)]
    [InlineData("/v3/*/volumes/*", "/v3/a/volumes/", false)]
    [InlineData("/v3/*/volumes/*", "/v3/a/volumes/b/action", false)]
    [InlineData("/v3/**", "/v3/a/volumes/b/action", true)]
    [InlineData("/v3/**", "/v3/", true)]
    [InlineData("/v3/**", "/v2/a", false)]
    [InlineData("**", "", true)]
    [InlineData("/v3/**/action", "/v3/a/volumes/b/action", true)]
    [InlineData("/v3/**/action", "/v3/a/volumes/b/actions", false)]
    [InlineData("/v3/vol*", "/v3/volumes", true)]
    [InlineData("/v3/vol.mes", "/v3/volumes", false)]
    [InlineData("/v3/volumes", "/v3/volumes", true)]
    [InlineData("/v3/volumes", "/v3/volumes/detail", false)]
    [InlineData("", "/", false)]
    public void Paths_of_access_rules(string pattern, string path, bool matches) => Assert.Equal(matches, AccessRules.Matches(pattern, path));

    [Fact]
    public async Task The_daemon_s_own_token_is_renewed_before_its_end_and_when_it_is_refused()
    {
        Assert.Equal(200, await Status(keystone.Give("reader")));
        keystone.RevokeOwn();
        Assert.Equal(200, await Status(keystone.Give("reader")));
        Assert.Equal(2, keystone.SignIns);
        keystone.Time.Advance(TimeSpan.FromSeconds(3600 - 29));
        Assert.Equal(200, await Status(keystone.Give("reader")));
        Assert.Equal(3, keystone.SignIns);
    }

    [Fact]
    public async Task A_daemon_whom_Keystone_does_not_know_lets_nobody_in_and_does_not_hammer()
    {
        keystone.Knows = false;
        var tokens = Enumerable.Range(0, 5).Select(_ => keystone.Give("admin")).ToList();
        foreach (var token in tokens) Assert.Equal(503, await Status(token));
        Assert.Equal(1, keystone.SignIns);
        keystone.Knows = true;
        keystone.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(200, await Status(tokens[0]));
        Assert.Contains("Keystone does not know the daemon's user", keystone.Log, StringComparison.Ordinal);
        Assert.Equal(2, keystone.Log.Split('\n').Length); // that it is gone, and that it is back
        Assert.DoesNotContain(SmallKeystone.Password, keystone.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "{}")]
    [InlineData(403, "{}")]
    [InlineData(500, "{}")]
    [InlineData(302, "")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"token": {"roles": [{"name": "admin"}]}}""")]
    [InlineData(200, """{"token": {"user": {"id": "ann"}, "project": {"id": "a1b2c3"}, "roles": [{"name": "admin"}]}}""")]
    [InlineData(200, """{"token": {"user": {"id": "ann"}, "project": "a1b2c3", "expires_at": "2036-01-01T00:00:00.000000Z", "roles": "admin"}}""")]
    public async Task Whatever_else_Keystone_says_lets_nobody_in(int status, string body)
    {
        var known = keystone.Give("reader");
        Assert.Equal(200, await Status(known));
        keystone.Instead = (status, body);
        var token = keystone.Give("admin", name: "secret-token");
        var answer = await api.Get("volumes", token: token);
        Assert.Equal((503, "serviceUnavailable"), (answer.Status, answer.Fault));
        Assert.DoesNotContain("secret-token", answer.Text + keystone.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("own-", answer.Text + keystone.Log, StringComparison.Ordinal);
        Assert.Equal(200, await Status(known));
        keystone.Instead = null;
        Assert.Equal(200, await Status(token));
    }

    [Fact]
    public async Task A_Keystone_that_is_gone_stops_only_those_it_has_not_vouched_for()
    {
        var known = keystone.Give("reader");
        Assert.Equal(200, await Status(known));
        await keystone.Down();
        var other = keystone.Give("reader");
        Assert.Equal(200, await Status(known));
        for (var i = 0; i < 3; i++) Assert.Equal(503, await Status(other));
        Assert.Single(keystone.Log.Split('\n'));
        keystone.Up();
        Assert.Equal(200, await Status(other));
    }

    [Fact]
    public async Task A_Keystone_that_hangs_is_waited_for_a_few_seconds_and_by_a_bounded_number()
    {
        var known = keystone.Give("reader");
        Assert.Equal(200, await Status(known));
        keystone.Held = new();
        var waiting = Enumerable.Range(0, 128).Select(_ => Status(keystone.Give("reader"))).ToList();
        // At most 32 connections: the rest of the 128 wait here.
        await SmallKeystone.Until(() => keystone.Validations >= 1 + 32);
        await SmallKeystone.Until(() => waiting.Count(t => !t.IsCompleted) == 128);
        // One more is turned away, once all of them have come so far; before that it would wait with them.
        for (var one = 0; one != 503;)
        {
            var asked = Status(keystone.Give("reader"));
            one = await Task.WhenAny(asked, Task.Delay(2000)) == asked ? await asked : 0;
        }
        Assert.Equal(200, await Status(known));
        keystone.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.All(await Task.WhenAll(waiting), s => Assert.Equal(503, s));
        keystone.Held.SetResult();
        keystone.Held = null;
        Assert.Equal(200, await Status(keystone.Give("reader")));
    }

    [Fact]
    public async Task The_default_type_of_a_project_that_is_not_there_can_only_be_unset()
    {
        keystone.Projects.Add("there");
        var admin = keystone.Give("admin");
        var body = """{"default_type": {"volume_type": "__DEFAULT__"}}""";
        Assert.Equal(200, (await api.Put("default-types/there", body, "3.62", admin)).Status);
        Assert.Equal(200, (await api.Get("default-types/there", "3.62", admin)).Status);
        var gone = await api.Put("default-types/gone", body, "3.62", admin);
        Assert.Equal((404, "Project with id gone not found."), (gone.Status, gone.Message));
        Assert.Equal(404, (await api.Get("default-types/gone", "3.62", admin)).Status);
        Assert.Equal(204, (await api.Delete("default-types/gone", "3.62", admin)).Status);
        await keystone.Down();
        Assert.Equal(503, (await api.Put("default-types/there", body, "3.62", admin)).Status);
    }
}
