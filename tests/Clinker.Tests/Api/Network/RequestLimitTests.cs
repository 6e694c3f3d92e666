using System.Net;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>Requests beyond the limits of an address and of a project, over HTTP.</summary>
public sealed class RequestLimitTests
{
    static readonly IPNetwork[] Loopback = [IPNetwork.Parse("127.0.0.0/8")];

    static void Limited(Answered answer, string whose)
    {
        Assert.Equal((429, "overLimit", "This request was rate-limited.", "1"), (answer.Status, answer.Fault, answer.Message, answer.Header("Retry-After")));
        var fault = answer.Json.GetProperty("overLimit");
        Assert.Equal((429, "1"), (fault.GetProperty("code").GetInt32(), fault.GetProperty("retryAfter").GetString()));
        Assert.Equal($"Only 3 request(s) can be made {whose} every second.", fault.GetProperty("details").GetString());
        Assert.NotNull(answer.Header("x-openstack-request-id"));
    }

    [Fact]
    public async Task An_address_that_asks_too_often_is_refused_before_anybody_is_asked_who_it_is()
    {
        var asked = 0;
        await using var api = await RunningApi.Start(new()
        {
            AddressRate = 3,
            Identity = (http, project) =>
            {
                asked++;
                return Identities.None(http, project);
            },
        });
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await api.Get("volumes")).Status);
        Limited(await api.Get("volumes"), "from one address");
        Limited(await api.Post("volumes", """{"volume": {"size": 1}}"""), "from one address");
        Limited(await api.Get("/healthcheck"), "from one address");
        Assert.Equal(3, asked);
        api.Time.Advance(TimeSpan.FromSeconds(1));
        var after = await api.Get("volumes");
        Assert.Equal(200, after.Status);
        Assert.Empty(after.Json.GetProperty("volumes").EnumerateArray()); // what was refused has made nothing
    }

    [Fact]
    public async Task Behind_a_proxy_each_client_has_his_own_limit()
    {
        await using var api = await RunningApi.Start(new() { AddressRate = 3, TrustedProxies = Loopback });
        Task<Answered> By(string client) => api.Send("GET", "volumes", headers: ("X-Forwarded-For", client));
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await By("198.51.100.1")).Status);
        Limited(await By("198.51.100.1"), "from one address");
        Limited(await By($"203.0.113.99, 198.51.100.1"), "from one address"); // he says that he is another
        Assert.Equal(200, (await By("198.51.100.2")).Status);
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await By($"2001:db8::{i}")).Status);
        Limited(await By("2001:db8::ffff:1"), "from one address"); // the same /64
        Assert.Equal(200, (await By("2001:db8:0:1::1")).Status);
    }

    [Fact]
    public async Task Without_a_trusted_proxy_nobody_changes_his_address()
    {
        await using var api = await RunningApi.Start(new() { AddressRate = 3 });
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await api.Send("GET", "volumes", headers: ("X-Forwarded-For", $"198.51.100.{i}"))).Status);
        Limited(await api.Send("GET", "volumes", headers: ("X-Forwarded-For", "198.51.100.77")), "from one address");
    }

    [Fact]
    public async Task A_project_has_its_limit_and_another_has_not_less_for_it()
    {
        await using var api = await RunningApi.Start(new() { ProjectRate = 3, Identity = RunningApi.ByToken });
        for (var i = 0; i < 3; i++) Assert.Equal(200, (await api.Get("/v3/volumes", token: $"user{i}:one:member")).Status);
        Limited(await api.Get("/v3/volumes", token: "user9:one:member"), "by one project");
        Assert.Equal(200, (await api.Get("/v3/volumes", token: "user9:two:member")).Status);
        Assert.Equal(300, (await api.Get("/")).Status);
        api.Time.Advance(TimeSpan.FromSeconds(1.0 / 3));
        Assert.Equal(200, (await api.Get("/v3/volumes", token: "user9:one:member")).Status);
        Limited(await api.Get("/v3/volumes", token: "user9:one:member"), "by one project");
    }

    [Fact]
    public async Task The_limits_route_tells_it()
    {
        await using var none = await RunningApi.Start();
        Assert.Empty((await none.Get("limits")).Json.GetProperty("limits").GetProperty("rate").EnumerateArray());
        await using var api = await RunningApi.Start(new() { ProjectRate = 2, Identity = RunningApi.ByToken });
        Assert.Equal(
            """[{"uri":"*","regex":".*","limit":[{"verb":"*","value":2,"remaining":1,"unit":"SECOND","next-available":"2026-01-02T03:04:05Z"}]}]""",
            await Rate());
        Assert.Equal(
            """[{"uri":"*","regex":".*","limit":[{"verb":"*","value":2,"remaining":0,"unit":"SECOND","next-available":"2026-01-02T03:04:06Z"}]}]""",
            await Rate());

        async Task<string> Rate() => (await api.Get("/v3/limits", token: "user:one:member")).Json.GetProperty("limits").GetProperty("rate").GetRawText();
    }

    [Fact]
    public async Task A_flood_is_not_written_into_the_log()
    {
        using var lines = new LogLines();
        await using var api = await RunningApi.Start(new() { AddressRate = 3 }, logs: lines);
        for (var i = 0; i < 20; i++) await api.Post("volumes", """{"volume": {"size": 1}}""");
        Assert.Equal(3, lines.All.Count(l => l.Contains("POST", StringComparison.Ordinal)));
    }
}
