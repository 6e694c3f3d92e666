using Clinker.Server.Api.Network;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>What browsers are told about pages of other sites.</summary>
public sealed class CorsTests
{
    const string Site = "https://horizon.example.org";

    static Cors Of(params string[] origins) => new(origins, true, ["X-Auth-Token", "OpenStack-API-Version"], 3600,
        ["GET", "POST", "DELETE"], ["X-Auth-Token", "OpenStack-API-Version"]);

    static Task<Answered> Preflight(RunningApi api, string origin, string method = "POST", string wanted = "x-auth-token, content-type") =>
        api.Send("OPTIONS", "volumes", headers: [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", wanted)]);

    static string?[] Told(Answered answer) => [.. ((string[])["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers", "Access-Control-Max-Age", "Access-Control-Expose-Headers"]).Select(answer.Header)];

    [Fact]
    public async Task Without_the_section_nothing_is_said()
    {
        await using var api = await RunningApi.Start();
        var preflight = await Preflight(api, Site);
        Assert.Equal(404, preflight.Status);
        Assert.All(Told(preflight), Assert.Null);
        var answer = await api.Send("GET", "volumes", headers: ("Origin", Site));
        Assert.All(Told(answer), Assert.Null);
        Assert.Equal("OpenStack-API-Version", answer.Header("Vary"));
    }

    [Fact]
    public async Task A_named_site_is_told_before_it_has_a_token()
    {
        await using var api = await RunningApi.Start(new()
        {
            Cors = Of("https://other.example.org", Site),
            Identity = (_, _) => throw Server.Api.Refusal.Unauthorized("http://keystone"),
        });
        var preflight = await Preflight(api, Site);
        Assert.Equal((200, "", "Origin"), (preflight.Status, preflight.Text, preflight.Header("Vary")));
        Assert.Equal([Site, "true", "POST", "x-auth-token,content-type", "3600", null], Told(preflight));
        Assert.NotNull(preflight.Header("x-openstack-request-id"));
        // A refusal is one that the page can read.
        var refused = await api.Send("GET", "volumes", headers: ("Origin", Site));
        Assert.Equal(401, refused.Status);
        Assert.Equal([Site, "true", null, null, null, "X-Auth-Token,OpenStack-API-Version"], Told(refused));
    }

    [Theory]
    [InlineData("https://evil.example.org", "POST", "x-auth-token")]
    [InlineData("http://horizon.example.org", "POST", "x-auth-token")]
    [InlineData("https://horizon.example.org.evil.org", "POST", "x-auth-token")]
    [InlineData("null", "POST", "x-auth-token")]
    [InlineData(Site, "PATCH", "x-auth-token")]
    [InlineData(Site, "POST", "x-other")]
    [InlineData(Site, "POST", "x-auth-token, x-other")]
    public async Task What_may_not_be_is_not_told(string origin, string method, string wanted)
    {
        await using var api = await RunningApi.Start(new() { Cors = Of(Site) });
        var preflight = await Preflight(api, origin, method, wanted);
        Assert.Equal(200, preflight.Status);
        Assert.All(Told(preflight), Assert.Null);
    }

    [Fact]
    public async Task Answers_are_marked_for_caches_too()
    {
        await using var api = await RunningApi.Start(new() { Cors = Of(Site) });
        var answer = await api.Send("GET", "volumes", headers: ("Origin", Site));
        Assert.Equal([Site, "true", null, null, null, "X-Auth-Token,OpenStack-API-Version"], Told(answer));
        Assert.Equal("OpenStack-API-Version,Origin", answer.Header("Vary"));
        var without = await api.Get("volumes");
        Assert.All(Told(without), Assert.Null);
        Assert.Equal("OpenStack-API-Version,Origin", without.Header("Vary"));
        var other = await api.Send("GET", "volumes", headers: ("Origin", "https://evil.example.org"));
        Assert.All(Told(other), Assert.Null);
    }

    [Fact]
    public async Task A_star_never_lets_a_page_use_what_the_browser_knows()
    {
        await using var api = await RunningApi.Start(new() { Cors = Of("*", Site) });
        Assert.Equal(["*", null, "POST", "x-auth-token,content-type", "3600", null], Told(await Preflight(api, "https://any.example.org")));
        Assert.Equal(["*", null, null, null, null, "X-Auth-Token,OpenStack-API-Version"],
            Told(await api.Send("GET", "volumes", headers: ("Origin", "https://any.example.org"))));
        Assert.Equal([Site, "true"], Told(await api.Send("GET", "volumes", headers: ("Origin", Site)))[..2]); // named as well
    }

    [Fact]
    public async Task Other_questions_for_options_are_as_they_were()
    {
        await using var api = await RunningApi.Start(new() { Cors = Of(Site) });
        Assert.Equal(404, (await api.Send("OPTIONS", "volumes")).Status);
        Assert.Equal(404, (await api.Send("OPTIONS", "volumes", headers: ("Origin", Site))).Status);
    }
}
