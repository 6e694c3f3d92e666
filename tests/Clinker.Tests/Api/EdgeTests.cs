using System.Net.Sockets;
using System.Text;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What every request meets, over HTTP.</summary>
public sealed class EdgeTests
{
    [Fact]
    public async Task The_versions_are_told_to_everyone()
    {
        await using var api = await RunningApi.Start();
        var root = await api.Get("/");
        Assert.Equal(300, root.Status);
        var version = root.Json.GetProperty("versions")[0];
        Assert.Equal("v3.0", version.GetProperty("id").GetString());
        Assert.Equal("3.71", version.GetProperty("version").GetString());
        Assert.Equal(api.Address + "/v3/", version.GetProperty("links")[1].GetProperty("href").GetString());
        foreach (var path in (string[])["/v3", "/v3/"])
        {
            var v3 = await api.Get(path);
            Assert.Equal((200, root.Text), (v3.Status, v3.Text));
        }
    }

    [Fact]
    public async Task Every_answer_has_an_id_and_versioned_ones_their_version()
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Get("volumes", "3.50");
        Assert.Matches("^req-[0-9a-f-]{36}$", answer.Header("x-openstack-request-id")!);
        Assert.Equal(answer.Header("x-openstack-request-id"), answer.Header("x-compute-request-id"));
        Assert.Equal(("volume 3.50", "OpenStack-API-Version", "application/json"),
            (answer.Header("OpenStack-API-Version"), answer.Header("Vary"), answer.Header("Content-Type")));
        Assert.Equal("volume 3.71", (await api.Get("volumes", "latest")).Header("OpenStack-API-Version"));
        Assert.Equal("volume 3.0", (await api.Get("volumes/none")).Header("OpenStack-API-Version")); // a 404 after negotiation
    }

    [Fact]
    public async Task Paths_that_are_not_there_are_told_in_plain_text()
    {
        await using var api = await RunningApi.Start();
        foreach (var path in (string[])["/v2/x/volumes", "/nonsense", "/v3/a1", "nonsense", "/v33/volumes"])
        {
            var answer = await api.Get(path);
            Assert.Equal(404, answer.Status);
            Assert.StartsWith("text/plain", answer.Header("Content-Type"), StringComparison.Ordinal);
            Assert.Contains("The resource could not be found.", answer.Text, StringComparison.Ordinal);
            Assert.Null(answer.Header("OpenStack-API-Version"));
            Assert.NotNull(answer.Header("x-openstack-request-id"));
        }
        Assert.Equal(404, (await api.Send("PATCH", "volumes")).Status);
    }

    [Fact]
    public async Task A_route_that_came_later_is_not_there_in_json()
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Get("volumes/summary", "3.11");
        Assert.Equal((404, "itemNotFound"), (answer.Status, answer.Fault));
        Assert.Equal(200, (await api.Get("volumes/summary", "3.12")).Status);
    }

    [Fact]
    public async Task Versions_that_we_do_not_speak_are_refused()
    {
        await using var api = await RunningApi.Start();
        var high = await api.Get("volumes", "3.72");
        Assert.Equal((406, "computeFault", "volume 3.72"), (high.Status, high.Fault, high.Header("OpenStack-API-Version")));
        var wrong = await api.Get("volumes", "abc");
        Assert.Equal((400, "badRequest"), (wrong.Status, wrong.Fault));
        Assert.Null(wrong.Header("OpenStack-API-Version"));
        Assert.Equal(400, (await api.Send("GET", "volumes", headers: ("OpenStack-API-Version", "3.71"))).Status);
    }

    [Fact]
    public async Task The_project_is_named_by_the_path_or_by_the_token()
    {
        await using var api = await RunningApi.Start();
        var mine = await api.Volume("mine");
        Assert.Equal(200, (await api.Get($"/v3/volumes/{mine}", token: $"me:{RunningApi.Project}")).Status);
        Assert.Single((await api.Get("/v3/volumes", token: $"me:{RunningApi.Project}")).Json.GetProperty("volumes").EnumerateArray());
        Assert.Empty((await api.Get("/v3/volumes")).Json.GetProperty("volumes").EnumerateArray());
        var other = await api.Get("volumes", token: "me:another");
        Assert.Equal((400, "Malformed request url"), (other.Status, other.Message));
        Assert.Equal(200, (await api.Get("volumes", token: "justauser")).Status);
    }

    [Fact]
    public async Task Who_asks_for_a_token_gets_one()
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Send("GET", "/v3/volumes", headers: [("X-Auth-User", "u"), ("X-Auth-Project-Id", "p")]);
        Assert.Equal((204, "u:p", api.Address + "/v3"),
            (answer.Status, answer.Header("X-Auth-Token"), answer.Header("X-Server-Management-Url")));
    }

    [Theory]
    [InlineData("{", 400, "Malformed request body")]
    [InlineData("""{"volume": {"size": 1}, "volume": {"size": 1}}""", 400, "Malformed request body")]
    [InlineData("{}", 400, "'volume' is a required property")]
    [InlineData("[1]", 400, "[1] is not of type 'object'")]
    public async Task Bodies_are_looked_at_first(string body, int status, string words)
    {
        await using var api = await RunningApi.Start();
        var answer = await api.Post("volumes", body);
        Assert.Equal((status, "badRequest", words), (answer.Status, answer.Fault, answer.Message));
    }

    [Fact]
    public async Task Bodies_of_another_kind_or_none_are_refused()
    {
        await using var api = await RunningApi.Start();
        var form = await api.Send("POST", "volumes", "a=b", headers: ("Content-Type", "application/x-www-form-urlencoded"));
        Assert.Equal((415, "badMediaType"), (form.Status, form.Fault));
        Assert.Equal(202, (await api.Send("POST", "volumes", """{"volume": {"size": 1}}""",
            headers: ("Content-Type", "application/vnd.openstack.volume+json"))).Status);
        Assert.Equal(400, (await api.Send("POST", "volumes")).Status);
    }

    [Fact]
    public async Task A_body_that_is_too_long_is_refused_and_the_connection_lives_on()
    {
        await using var api = await RunningApi.Start(new() { MaxBodyBytes = 1000 });
        foreach (var chunked in (bool[])[false, true])
        {
            var answer = await api.Send("POST", "volumes", $$"""{"volume": {"size": 1, "name": "{{new string('x', 5_000_000)}}"} }""",
                headers: chunked ? [("Transfer-Encoding", "chunked")] : []);
            Assert.Equal((413, "overLimit", "0"), (answer.Status, answer.Fault, answer.Header("Retry-After")));
            Assert.Equal("0", answer.Json.GetProperty("overLimit").GetProperty("retryAfter").GetString());
        }
        Assert.Equal(200, (await api.Get("volumes")).Status);
    }

    [Fact]
    public async Task Links_lead_where_the_request_came_from()
    {
        await using var api = await RunningApi.Start();
        var id = await api.Volume();
        Assert.Equal([$"{api.Address}/v3/{RunningApi.Project}/volumes/{id}", $"{api.Address}/{RunningApi.Project}/volumes/{id}"],
            Links((await api.Get("volumes")).Json));
        Assert.Equal([$"{api.Address}/v3/volumes/{id}", $"{api.Address}/volumes/{id}"],
            Links((await api.Get("/v3/volumes", token: $"u:{RunningApi.Project}")).Json));
        await using var behind = await RunningApi.Start(new() { PublicEndpoint = "https://cloud.example.org/volume/" });
        id = await behind.Volume();
        Assert.StartsWith("https://cloud.example.org/volume/v3/", Links((await behind.Get("volumes")).Json)[0], StringComparison.Ordinal);
    }

    static string[] Links(System.Text.Json.JsonElement list) =>
        [.. list.GetProperty("volumes")[0].GetProperty("links").EnumerateArray().Select(l => l.GetProperty("href").GetString()!)];

    [Fact]
    public async Task Forwarded_names_count_only_where_a_proxy_is_trusted()
    {
        foreach (var trusted in (bool[])[false, true])
        {
            await using var api = await RunningApi.Start(new() { TrustedProxies = trusted ? [System.Net.IPNetwork.Parse("127.0.0.0/8")] : [] });
            var answer = await api.Send("GET", "/", headers: [("X-Forwarded-Host", "cloud.example.org"), ("X-Forwarded-Proto", "https")]);
            var self = answer.Json.GetProperty("versions")[0].GetProperty("links")[1].GetProperty("href").GetString();
            Assert.Equal(trusted ? "https://cloud.example.org/v3/" : api.Address + "/v3/", self);
        }
    }

    [Fact]
    public async Task Metrics_are_beside_the_api()
    {
        await using var api = await RunningApi.Start(new() { Metrics = () => new("m 1\n") });
        var answer = await api.Get("/metrics");
        Assert.Equal((200, "m 1\n"), (answer.Status, answer.Text));
    }

    [Fact]
    public async Task A_defect_is_told_to_nobody()
    {
        await using var api = await RunningApi.Start(new() { Identity = (_, _) => throw new InvalidOperationException("secret") });
        var answer = await api.Get("volumes");
        Assert.Equal((500, "computeFault"), (answer.Status, answer.Fault));
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_and_statuses_are_told_to_who_counts()
    {
        var seen = new System.Collections.Concurrent.ConcurrentQueue<(string, int)>();
        await using (var api = await RunningApi.Start(new() { Answered = (route, status, _) => seen.Enqueue((route, status)) }))
        {
            await api.Get("volumes");
            await api.Get("volumes/none");
            await api.Get("nonsense");
        }
        Assert.Equal([("volume_list", 200), ("volume_show", 404), ("unrouted", 404)], seen);
    }

    [Fact]
    public async Task Rubbish_on_the_line_ends_nothing()
    {
        await using var api = await RunningApi.Start();
        var address = new Uri(api.Address);
        foreach (var line in (string[])[
            "GET /v3/a/volumes?name=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /v3/a/volumes?name=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /v3/a/volumes/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /v3/a/volumes/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "POST /v3/a/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\"\xff\"",
            "POST /v3/a/volumes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
            "nonsense\r\n\r\n"])
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(address.Host, address.Port);
            await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(line));
            using var reader = new StreamReader(socket.GetStream());
            Assert.StartsWith("HTTP/1.1 4", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(200, (await api.Get("volumes")).Status);
    }

    [Fact]
    public async Task Running_requests_end_before_the_host_does()
    {
        var arrived = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        var api = await RunningApi.Start(new()
        {
            Identity = async (http, project) =>
            {
                arrived.TrySetResult();
                await go.Task;
                return await Identities.None(http, project);
            },
        });
        var answer = api.Get("volumes");
        await arrived.Task;
        var stopping = api.Host.DisposeAsync();
        go.SetResult();
        Assert.Equal(200, (await answer).Status);
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => api.Get("volumes"));
        await api.DisposeAsync();
    }
}
