using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Clinker.Server.Policies;
using Clinker.Tests.Policies;
using Microsoft.Extensions.Logging.Abstractions;
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
        await Soon.Until(() => keystone.Validations == 1);
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

    const string OfSystem = """{"system": {"all": true}}""", OfDomain = """{"domain": {"id": "hall", "name": "Hall"}}""", OfNothing = "{}";

    [Fact]
    public async Task An_admin_of_the_system_sees_to_everybody_s_things_and_makes_none_of_his_own()
    {
        var made = await Create(keystone.Give("member"));
        var id = made.Json.GetProperty("volume").GetProperty("id").GetString()!;
        var system = keystone.GiveOf(OfSystem, "admin,member,reader");
        Assert.Equal(200, await Status(system, "/v3/os-services"));
        var all = (await api.Get("/v3/volumes/detail?all_tenants=1", "3.71", system)).Json.GetProperty("volumes")[0];
        Assert.Equal(RunningApi.Project, all.GetProperty("os-vol-tenant-attr:tenant_id").GetString());
        Assert.Equal(0, (await api.Get("/v3/volumes", "3.71", system)).Json.GetProperty("volumes").GetArrayLength());
        Assert.Equal(200, await Status(system, $"/v3/volumes/{id}"));
        Assert.Equal(200, (await api.Put($"/v3/volumes/{id}", """{"volume": {"name": "new"}}""", "3.71", system)).Status);
        Assert.Equal(200, await Status(system, "/v3/types"));
        Assert.Equal(200, (await api.Post("/v3/types", """{"volume_type": {"name": "t"}}""", "3.71", system)).Status);
        Assert.Equal(200, (await api.Put($"/v3/os-quota-sets/{RunningApi.Project}", """{"quota_set": {"volumes": 3}}""", "3.71", system)).Status);
        var none = await api.Post("/v3/volumes", """{"volume": {"size": 1}}""", "3.71", system);
        Assert.Equal((403, "A token of a project is needed."), (none.Status, none.Message));
        Assert.Equal(400, await Status(system)); // the path names a project, which is not the token's
        Assert.Equal(1, (await api.Get("/v3/volumes?all_tenants=1", "3.71", system)).Json.GetProperty("volumes").GetArrayLength());
    }

    [Fact]
    public async Task Readers_and_members_of_the_system_and_admins_of_a_domain_may_what_belongs_to_no_project()
    {
        var made = await Create(keystone.Give("member"));
        var id = made.Json.GetProperty("volume").GetProperty("id").GetString()!;
        foreach (var token in (string[])[keystone.GiveOf(OfSystem, "member,reader"), keystone.GiveOf(OfDomain, "admin,member,reader")])
        {
            Assert.Equal(200, await Status(token, "/v3/extensions"));
            foreach (var path in (string[])["volumes", "volumes?all_tenants=1", "snapshots/detail", "limits", "os-services", "types", $"os-quota-sets/{RunningApi.Project}"])
                Assert.Equal(403, await Status(token, "/v3/" + path));
            Assert.Equal(404, await Status(token, $"/v3/volumes/{id}"));
            Assert.Equal(403, (await api.Post("/v3/volumes", """{"volume": {"size": 1}}""", "3.71", token)).Status);
            Assert.Equal(404, (await api.Delete($"/v3/volumes/{id}", "3.71", token)).Status);
            Assert.Equal(400, await Status(token));
        }
    }

    [Fact]
    public async Task A_token_of_nothing_does_nothing()
    {
        var token = keystone.GiveOf(OfNothing, "admin");
        Assert.Equal(400, await Status(token));
        Assert.Equal(403, await Status(token, "/v3/volumes"));
        Assert.Equal(403, await Status(token, "/v3/extensions"));
    }

    [Fact]
    public async Task A_deployment_s_rules_may_speak_of_the_system_and_of_domains()
    {
        await using var other = await RunningApi.Start(new()
        {
            Identity = identity.Of,
            Policy = PolicyRouteTests.Only(
                ("volume_extension:services:index", "role:admin and domain_id:hall"), ("volume_extension:hosts", "role:reader and system_scope:all"),
                ("volume:create", "user_domain_id:hall and project_domain_id:hall")),
        });
        var domain = keystone.GiveOf(OfDomain, "admin");
        var reader = keystone.GiveOf(OfSystem, "reader");
        var at = keystone.Give("cook", but: t =>
        {
            foreach (var of in (string[])["user", "project"]) t[of]!["domain"] = new JsonObject { ["id"] = "hall" };
        });
        async Task<int> Of(string token, string path) => (await other.Get(path, "3.71", token)).Status;
        Assert.Equal((200, 403), (await Of(domain, "/v3/os-services"), await Of(domain, "/v3/os-hosts")));
        Assert.Equal((403, 200), (await Of(reader, "/v3/os-services"), await Of(reader, "/v3/os-hosts")));
        foreach (var (token, status) in new[] { (domain, 403), (keystone.GiveOf(OfSystem, "admin"), 403), (keystone.Give("admin"), 403), (at, 202) })
            Assert.Equal(status, (await other.Post("/v3/volumes", """{"volume": {"size": 1}}""", "3.71", token)).Status);
    }

    [Fact]
    public async Task A_deployment_may_say_who_is_an_admin()
    {
        var rules = PolicyRouteTests.Only(("context_is_admin", "role:cloud_admin or (role:auditor and system_scope:all)"));
        using var own = keystone.Identity(policy: rules);
        await using var other = await RunningApi.Start(new() { Identity = own.Of, Policy = rules });
        async Task<int> Services(string token) => (await other.Get("/v3/os-services", "3.71", token)).Status;
        Assert.Equal(200, await Services(keystone.Give("Cloud_Admin")));
        Assert.Equal(200, await Services(keystone.GiveOf(OfSystem, "auditor")));
        Assert.Equal(403, await Services(keystone.Give("admin,member,reader")));
        Assert.Equal(403, await Services(keystone.Give("auditor")));
        Assert.Equal(403, await Services(keystone.GiveOf(OfDomain, "cloud_admin")));
        Assert.Equal(403, await Services(keystone.Give("cloud_admin", but: t => t["is_admin_project"] = false)));
        // What is seen of others goes by it too.
        await other.Post("/v3/volumes", """{"volume": {"size": 1}}""", "3.71", keystone.Give("cloud_admin"));
        async Task<int> All(string token) => (await other.Get("/v3/volumes?all_tenants=1", "3.71", token)).Json.GetProperty("volumes").GetArrayLength();
        Assert.Equal((1, 0), (await All(keystone.Give("cloud_admin", "theirs")), await All(keystone.Give("admin,member", "theirs"))));
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

    static string Versions(string href) =>
        $$$"""{"versions": {"values": [{"id": "v2.0", "links": [{"rel": "self", "href": "/v2.0/"}]}, {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": "{{{href}}}"}]}]}}""";

    [Theory]
    [InlineData(300, "http://127.0.0.1:{0}/identity/v3/", "/identity/v3/")]
    [InlineData(300, "https://127.0.0.1:{0}/identity/v3", "/identity/v3/")] // a proxy ends TLS before it, and it knows nothing of that here
    [InlineData(300, "/there/v3", "/there/v3/")]
    [InlineData(300, "http://identity.example.org/elsewhere/v3/", "/v3/")] // another server is not believed
    [InlineData(300, "//127.0.0.2:1/elsewhere/v3/", "/v3/")]
    [InlineData(300, "http://", "/v3/")]
    [InlineData(404, "/there/v3", "/v3/")]
    [InlineData(302, "/there/v3", "/v3/")]
    public async Task The_third_API_is_where_the_list_of_versions_says_on_the_same_server(int status, string href, string api)
    {
        keystone.Root = (status, Versions(href.Replace("{0}", keystone.Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)));
        keystone.Api = api;
        Assert.Equal(200, await Status(keystone.Give("reader")));
    }

    [Theory]
    [InlineData("""{"version": {"id": "v3.14", "links": [{"rel": "self", "href": "/one/v3/"}]}}""", "/one/v3/")]
    [InlineData("""{"version": {"id": "v2.0", "links": [{"rel": "self", "href": "/two/v2.0/"}]}}""", "/v3/")]
    [InlineData("""{"versions": {"values": [null, {"id": "v3", "links": [null, {"rel": "self"}]}]}}""", "/v3/")]
    [InlineData("""{"versions": []}""", "/v3/")]
    [InlineData("<html>", "/v3/")]
    [InlineData("null", "/v3/")]
    public async Task Whatever_else_is_there_leads_to_v3(string document, string api)
    {
        keystone.Root = (200, document);
        keystone.Api = api;
        Assert.Equal(200, await Status(keystone.Give("reader")));
    }

    [Fact]
    public async Task A_list_of_versions_that_is_not_there_yet_is_asked_for_again()
    {
        keystone.Api = "/late/v3/";
        keystone.Root = (503, "");
        var token = keystone.Give("reader");
        Assert.Equal(503, await Status(token));
        keystone.Root = (300, Versions("/late/v3/"));
        Assert.Equal(200, await Status(token));
    }

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
        await keystone.Up();
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
        await Soon.Until(() => keystone.Validations >= 1 + 32);
        await Soon.Until(() => waiting.Count(t => !t.IsCompleted) == 128);
        // One more is turned away, once all of them have come so far; before that it would wait with them.
        for (var one = 0; one != 503;)
        {
            var asked = Status(keystone.Give("reader"));
            one = await Task.WhenAny(asked, Task.Delay(2000)) == asked ? await asked : 0;
        }
        Assert.Equal(200, await Status(known));
        keystone.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.All(await Task.WhenAll(waiting), s => Assert.Equal(503, s));

        // It is known to be away now: one question finds out whether it still is, and whoever comes meanwhile is told after a second.
        var before = keystone.Validations;
        var trial = Status(keystone.Give("reader"));
        await Soon.Until(() => keystone.Validations == before + 1);
        var others = Enumerable.Range(0, 20).Select(_ => Status(keystone.Give("reader"))).ToList();
        while (!others.TrueForAll(o => o.IsCompleted))
        {
            keystone.Time.Advance(TimeSpan.FromMilliseconds(40)); // slowly, so that all of them have come long before the trial's time is over
            await Task.Delay(40);
        }
        Assert.All(await Task.WhenAll(others), s => Assert.Equal(503, s));
        Assert.Equal(before + 1, keystone.Validations);
        Assert.False(trial.IsCompleted);

        // Those who wait for it when it comes back are let in by it.
        others = [.. Enumerable.Range(0, 20).Select(_ => Status(keystone.Give("reader")))];
        keystone.Held.SetResult();
        keystone.Held = null;
        Assert.Equal(200, await trial);
        Assert.All(await Task.WhenAll(others), s => Assert.Equal(200, s));
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
