using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>A daemon with <c>auth_strategy = keystone</c> and a real Keystone: its tokens, its people, and its absence.</summary>
public sealed partial class WithKeystone(KeystoneSite site) : IClassFixture<KeystoneSite>
{
    /// <summary>As many connections as there are requests.</summary>
    static readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(60) };

    static async Task<(int Status, JsonNode? Body)> Ask(Daemon daemon, string method, string path, string? token, JsonObject? body = null, string? service = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"http://127.0.0.1:{daemon.Port}/v3/{path}");
        request.Headers.Add("OpenStack-API-Version", "volume 3.70");
        if (token is not null) request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
        if (service is not null) request.Headers.Add("X-Service-Token", service);
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null);
    }

    async Task<int> Status(string method, string path, string? token, JsonObject? body = null, string? service = null) =>
        (await Ask(site.Daemon, method, path, token, body, service)).Status;

    static JsonObject Volume(string name = "v") => new() { ["volume"] = new JsonObject { ["size"] = 1, ["name"] = name } };

    [Fact]
    public async Task Clients_sign_in_by_password_token_and_application_credential()
    {
        site.Need();
        async Task<string> Good(string openrc, string line)
        {
            var (text, good) = await site.Client(openrc, line);
            Assert.True(good, $"{line}: {text}\n{site.Daemon.Log}");
            return text;
        }
        await Good("openrc-demo", "cinder create 1 --name by-password");
        Assert.Contains("by-password", await Good("openrc-demo", "cinder list"), StringComparison.Ordinal);
        Assert.DoesNotContain("by-password", await Good("openrc-other", "openstack volume list"), StringComparison.Ordinal);
        Assert.Contains("by-password", await Good("openrc", "openstack volume list --all-projects"), StringComparison.Ordinal);
        Assert.Contains("by-password", await Good("openrc-demo", """
            t=$(openstack token issue -f value -c id) && unset OS_USERNAME OS_PASSWORD OS_USER_DOMAIN_NAME &&
            OS_AUTH_TYPE=v3token OS_TOKEN=$t openstack volume list
            """), StringComparison.Ordinal);

        const string withCredential = """
            openstack application credential create --secret s3cret {0} -f value -c id >/tmp/$$.id && id=$(cat /tmp/$$.id) && rm /tmp/$$.id &&
            unset OS_USERNAME OS_PASSWORD OS_USER_DOMAIN_NAME OS_PROJECT_NAME OS_PROJECT_DOMAIN_NAME &&
            export OS_AUTH_TYPE=v3applicationcredential OS_APPLICATION_CREDENTIAL_ID=$id OS_APPLICATION_CREDENTIAL_SECRET=s3cret && {1}
            """;
        string With(string credential, string line) => withCredential.Replace("{0}", credential, StringComparison.Ordinal).Replace("{1}", line, StringComparison.Ordinal);
        await Good("openrc-demo", With("free", "openstack volume set --property by=credential by-password"));
        // One that may list and nothing else.
        const string rules = """ruled --access-rules '[{"service": "volumev3", "method": "GET", "path": "/v3/{project_id}/volumes/**"}]'""";
        Assert.Contains("by='credential'", await Good("openrc-demo", With(rules, "openstack volume list --long")), StringComparison.Ordinal);
        var (text, good) = await site.Client("openrc-demo", With(rules.Replace("ruled", "ruled2", StringComparison.Ordinal), "openstack volume set --property never=1 by-password"));
        Assert.False(good);
        Assert.Contains("401", text, StringComparison.Ordinal);
        Assert.DoesNotContain("never", await Good("openrc-demo", "openstack volume list --long"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roles_decide_who_may_what()
    {
        site.Need();
        var (admin, office) = await site.Token("admin", "admin");
        var (member, demo) = await site.Token("demo", "demo");
        var (reader, _) = await site.Token("reader", "demo");
        var (stranger, other) = await site.Token("other", "other");
        var (made, body) = await Ask(site.Daemon, "POST", $"{demo}/volumes", member, Volume());
        Assert.Equal(202, made);
        var id = (string)body!["volume"]!["id"]!;

        Assert.Equal(403, await Status("POST", $"{demo}/volumes", reader, Volume()));
        Assert.Equal(200, await Status("GET", $"{demo}/volumes/{id}", reader));
        Assert.Equal(200, await Status("GET", $"volumes/{id}", reader));
        Assert.Equal(403, await Status("DELETE", $"{demo}/volumes/{id}", reader));
        Assert.Equal(403, await Status("PUT", $"{demo}/volumes/{id}", reader, new() { ["volume"] = new JsonObject { ["name"] = "x" } }));
        Assert.Equal(404, await Status("GET", $"{other}/volumes/{id}", stranger));
        Assert.Equal(404, await Status("DELETE", $"{other}/volumes/{id}", stranger));
        Assert.Equal(400, await Status("GET", $"{demo}/volumes/{id}", stranger)); // not his project
        Assert.Equal(400, await Status("GET", $"{demo}/volumes", admin));
        Assert.Equal(200, await Status("GET", $"{office}/volumes/{id}", admin));
        foreach (var (who, may) in (IEnumerable<(string, int)>)[(reader, 403), (member, 403), (admin, 200)])
        {
            var project = who == admin ? office : demo;
            Assert.Equal(may, await Status("GET", $"{project}/os-services", who));
            Assert.Equal(may, await Status("POST", $"{project}/types", who, new() { ["volume_type"] = new JsonObject { ["name"] = $"t{may}" } }));
            Assert.Equal(may, await Status("PUT", $"{project}/os-quota-sets/{demo}", who, new() { ["quota_set"] = new JsonObject { ["volumes"] = 50 } }));
            Assert.Equal(may, await Status("PUT", $"default-types/{demo}", who, new() { ["default_type"] = new JsonObject { ["volume_type"] = "__DEFAULT__" } }));
        }
        Assert.Equal(404, await Status("PUT", "default-types/8b2f1c9e000000000000000000000000", admin, new() { ["default_type"] = new JsonObject { ["volume_type"] = "__DEFAULT__" } }));
        Assert.Equal(202, await Status("DELETE", $"{demo}/volumes/{id}", member));
    }

    [Fact]
    public async Task A_token_that_is_not_good_is_refused()
    {
        site.Need();
        var (good, demo) = await site.Token("demo", "demo");
        Assert.Equal(200, await Status("GET", $"{demo}/volumes", good));
        foreach (var token in (string?[])[null, "rubbish", good[..^4], good + "x", new string('A', 4000), "a b", "'"])
            Assert.Equal(401, await Status("GET", $"{demo}/volumes", token));

        var (unscoped, _) = await site.Token("demo", null);
        Assert.Equal(400, await Status("GET", $"{demo}/volumes", unscoped));
        Assert.Equal(403, await Status("GET", "volumes", unscoped));
        var (system, _) = await site.Token("admin", "system");
        Assert.Equal(400, await Status("GET", $"{demo}/volumes", system));
        Assert.Equal(403, await Status("GET", "os-services", system));

        // Revoked: good for as long as what Keystone said is believed, no longer.
        await site.Ask("DELETE", "auth/tokens", subject: good);
        await Task.Delay(TimeSpan.FromSeconds(2.1));
        Assert.Equal(401, await Status("GET", $"{demo}/volumes", good));

        var id = (string)(await site.Ask("POST", "users", new()
        {
            ["user"] = new JsonObject { ["name"] = "passing", ["domain_id"] = "default", ["password"] = KeystoneSite.Password },
        }))!["user"]!["id"]!;
        var role = (string)(await site.Ask("GET", "roles?name=member"))!["roles"]![0]!["id"]!;
        await site.Ask("PUT", $"projects/{demo}/users/{id}/roles/{role}");
        var (passing, _) = await site.Token("passing", "demo");
        Assert.Equal(200, await Status("GET", $"{demo}/volumes", passing));
        await site.Ask("PATCH", $"users/{id}", new() { ["user"] = new JsonObject { ["enabled"] = false } });
        await Task.Delay(TimeSpan.FromSeconds(2.1));
        Assert.Equal(401, await Status("GET", $"{demo}/volumes", passing));
    }

    [Fact]
    public async Task A_token_whose_time_is_over_is_good_for_a_service_alone()
    {
        site.Need();
        await site.Down();
        await site.Up(tokenSeconds: 15);
        var (ending, demo) = await site.Token("demo", "demo");
        Assert.Equal(200, await Status("GET", $"{demo}/volumes", ending));
        await site.Down();
        await site.Up();
        for (var waited = Stopwatch.StartNew(); await Status("GET", $"{demo}/volumes", ending) != 401; await Task.Delay(500))
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20));
        var (service, _) = await site.Token("cinder", "service");
        Assert.Equal(200, await Status("GET", $"{demo}/volumes", ending, service: service));
        var (member, _) = await site.Token("demo", "demo");
        Assert.Equal(401, await Status("GET", $"{demo}/volumes", ending, service: member));
        Assert.Equal(401, await Status("GET", $"{demo}/volumes", member, service: member)); // service_token_roles_required
    }

    [Fact]
    public async Task While_Keystone_is_away_known_tokens_go_on_and_others_are_told_within_seconds()
    {
        site.Need();
        await using var daemon = site.Another("load", cacheSeconds: 300, patience: 5);
        await daemon.Start();
        var (known, demo) = await site.Token("demo", "demo");
        var (unknown, _) = await site.Token("reader", "demo");
        Assert.Equal(200, (await Ask(daemon, "GET", $"{demo}/volumes", known)).Status);

        var statuses = new ConcurrentDictionary<int, int>();
        using var over = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(i => Background.Start(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                var (status, _) = i == 0 ? await Ask(daemon, "POST", $"{demo}/volumes", known, Volume("load")) : await Ask(daemon, "GET", $"{demo}/volumes/detail", known);
                statuses.AddOrUpdate(status, 1, (_, n) => n + 1);
                await Task.Delay(5, CancellationToken.None);
            }
        })).ToList();

        async Task Others(TimeSpan within)
        {
            var began = Stopwatch.StartNew();
            // Unknown tokens of all kinds at once: a good one and many that never were.
            var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Ask(daemon, "GET", $"{demo}/volumes", i == 0 ? unknown : $"never{i}")));
            Assert.All(answers, a => Assert.Equal(503, a.Status));
            Assert.Equal("The Keystone service is temporarily unavailable.", (string)answers[0].Body!["serviceUnavailable"]!["message"]!);
            Assert.True(began.Elapsed < within, $"it took {began.Elapsed}");
        }

        await site.Signal("STOP"); // it hangs
        await Others(within: TimeSpan.FromSeconds(12));
        await site.Signal("CONT");
        await site.Down(); // nobody listens
        await Others(within: TimeSpan.FromSeconds(8));
        Assert.Equal(200, (await Ask(daemon, "GET", $"{demo}/volumes", known)).Status);
        await site.Up();
        for (var waited = Stopwatch.StartNew(); (await Ask(daemon, "GET", $"{demo}/volumes", unknown)).Status != 200; await Task.Delay(100))
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30));
        await over.CancelAsync();
        await Task.WhenAll(load);
        // 413: the project's ten volumes are there.
        Assert.True(statuses.Keys.All(s => s is 200 or 202 or 413), string.Join(", ", statuses));
        Assert.True(statuses[200] > 100, string.Join(", ", statuses));

        Assert.Contains("Keystone can't be asked", daemon.Log, StringComparison.Ordinal);
        Assert.Contains("Keystone answers again", daemon.Log, StringComparison.Ordinal);
        foreach (var secret in (string[])[KeystoneSite.Password, known, unknown, "gAAAA", "never1"])
            Assert.DoesNotContain(secret, daemon.Log, StringComparison.Ordinal);
    }
}
