using System.Net;
using Clinker.Server.Api.Network;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>Who is believed of how a request was sent, and what of it.</summary>
public sealed class SentTests
{
    static readonly IPNetwork[] Proxies = [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("fd00::/8")];

    static Sent Of(string peer, params (string Name, string Value)[] headers)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = IPAddress.Parse(peer);
        (http.Request.Scheme, http.Request.Host) = ("http", new HostString("inner:8776"));
        foreach (var (name, value) in headers) http.Request.Headers.Append(name, value);
        return Sent.Of(http, Proxies);
    }

    static Sent Direct(string client) => new("http", "inner:8776", "", IPAddress.Parse(client));

    [Theory]
    [InlineData("192.0.2.9")]
    [InlineData("10.2.0.1")]
    [InlineData("::ffff:192.0.2.9")]
    [InlineData("2001:db8::1")]
    public void Others_than_proxies_may_say_what_they_like(string peer) =>
        Assert.Equal(Direct(peer.Replace("::ffff:", "", StringComparison.Ordinal)), Of(peer, ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example.org"), ("X-Forwarded-Prefix", "/x"), ("Forwarded", "for=198.51.100.1;host=evil.example.org")));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::ffff:10.1.2.3")]
    [InlineData("fd00::1")]
    public void A_proxy_is_believed(string peer) =>
        Assert.Equal(new Sent("https", "cloud.example.org", "/volume", IPAddress.Parse("198.51.100.1")), Of(peer,
            ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "HTTPS"), ("X-Forwarded-Host", "cloud.example.org"), ("X-Forwarded-Prefix", "/volume/")));

    [Theory]
    [InlineData("198.51.100.1", "198.51.100.1")]
    [InlineData("203.0.113.5, 198.51.100.1", "198.51.100.1")] // what the client said before
    [InlineData("203.0.113.5, 198.51.100.1, 10.1.0.7", "198.51.100.1")]
    [InlineData("127.0.0.1, 198.51.100.1,10.1.0.7", "198.51.100.1")]
    [InlineData("10.1.0.8, 10.1.0.7", "10.1.0.8")] // a proxy itself
    [InlineData("198.51.100.1:5123", "198.51.100.1")]
    [InlineData("[2001:db8::7]:5123", "2001:db8::7")]
    [InlineData("2001:db8::7", "2001:db8::7")]
    [InlineData("::ffff:198.51.100.1", "198.51.100.1")]
    [InlineData("198.51.100.1, unknown", "10.1.0.1")] // nobody knows; what stands left of it, nobody vouches for
    [InlineData("198.51.100.1, ", "10.1.0.1")]
    [InlineData("<script>", "10.1.0.1")]
    [InlineData("", "10.1.0.1")]
    public void The_client_is_the_last_that_is_no_proxy(string @for, string client) =>
        Assert.Equal(client, Of("10.1.0.1", ("X-Forwarded-For", @for)).Client!.ToString());

    [Fact]
    public void Lines_of_a_header_are_one_list() =>
        Assert.Equal("198.51.100.2", Of("10.1.0.1", ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.2")).Client!.ToString());

    [Fact]
    public void Of_several_proxies_the_first_says_how_it_was_called()
    {
        var sent = Of("10.1.0.1", ("X-Forwarded-For", "203.0.113.5, 198.51.100.1, 10.1.0.7"), ("X-Forwarded-Proto", "ftp, https, http"),
            ("X-Forwarded-Host", "evil.example.org, cloud.example.org, middle:81"));
        Assert.Equal(("https", "cloud.example.org"), (sent.Scheme, sent.Host));
        // The nearest one alone has written them.
        sent = Of("10.1.0.1", ("X-Forwarded-For", "198.51.100.1, 10.1.0.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "cloud.example.org"));
        Assert.Equal(("https", "cloud.example.org"), (sent.Scheme, sent.Host));
    }

    [Theory]
    [InlineData("for=198.51.100.1;proto=https;host=cloud.example.org", "https", "cloud.example.org", "198.51.100.1")]
    [InlineData("For=\"[2001:db8::7]:4711\"; Proto=https; By=10.1.0.1", "https", "inner:8776", "2001:db8::7")]
    [InlineData("for=203.0.113.5;host=evil.example.org, for=198.51.100.1;host=\"cloud.example.org:8443\", for=10.1.0.7;host=middle", "http", "cloud.example.org:8443", "198.51.100.1")]
    [InlineData("for=203.0.113.5;host=evil.example.org, for=_hidden;host=cloud.example.org", "http", "cloud.example.org", "10.1.0.1")]
    [InlineData("for=\"198.51.100.1, for=203.0.113.5", "http", "inner:8776", "10.1.0.1")]
    [InlineData("for=203.0.113.5, x=\"a,b;c\\\",for=1.1.1.1\";for=198.51.100.1", "http", "inner:8776", "198.51.100.1")]
    [InlineData(";;=,,", "http", "inner:8776", "10.1.0.1")]
    public void The_standard_header_counts_before_the_others(string forwarded, string scheme, string host, string client) =>
        Assert.Equal(new Sent(scheme, host, "", IPAddress.Parse(client)),
            Of("10.1.0.1", ("Forwarded", forwarded), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "other.example.org")));

    [Fact]
    public void A_client_does_not_become_another_by_the_header_that_the_proxy_lets_through()
    {
        Assert.Equal("198.51.100.1", Of("10.1.0.1", ("Forwarded", "for=198.51.100.1"), ("X-Forwarded-For", "198.51.100.1")).Client!.ToString());
        Assert.Equal("10.1.0.1", Of("10.1.0.1", ("Forwarded", "for=203.0.113.5"), ("X-Forwarded-For", "198.51.100.1")).Client!.ToString());
        Assert.Equal("10.1.0.1", Of("10.1.0.1", ("Forwarded", "for=203.0.113.5, for=198.51.100.1"), ("X-Forwarded-For", "203.0.113.5")).Client!.ToString());
    }

    [Theory]
    [InlineData("a\"b")]
    [InlineData("evil.example.org/path")]
    [InlineData("<b>")]
    [InlineData("user@evil.example.org")]
    [InlineData("a b")]
    [InlineData("a:port")]
    [InlineData("[::1")]
    [InlineData("\u00e4.example.org")]
    [InlineData("?x")]
    public void What_is_no_host_is_not_taken(string host) => Assert.Equal("inner:8776", Of("10.1.0.1", ("X-Forwarded-Host", host)).Host);

    [Theory]
    [InlineData("[2001:db8::1]:8443")]
    [InlineData("198.51.100.1")]
    [InlineData("under_score-1.example.org.:1")]
    public void What_is_one_is(string host) => Assert.Equal(host, Of("10.1.0.1", ("X-Forwarded-Host", host)).Host);

    [Theory]
    [InlineData("javascript")]
    [InlineData("https\"")]
    [InlineData("")]
    public void Other_schemes_are_none(string proto) => Assert.Equal("http", Of("10.1.0.1", ("X-Forwarded-Proto", proto)).Scheme);

    [Theory]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/a/b/", "/a/b")]
    [InlineData("/", "")]
    [InlineData("//evil.example.org", "")]
    [InlineData("a", "")]
    [InlineData("/a?b", "")]
    [InlineData("/\"><b>", "")]
    public void A_prefix_is_a_path(string prefix, string taken) => Assert.Equal(taken, Of("10.1.0.1", ("X-Forwarded-Prefix", prefix)).Prefix);

    [Fact]
    public async Task Links_lead_through_the_proxy()
    {
        await using var api = await RunningApi.Start(new() { TrustedProxies = Proxies });
        (string, string)[] through = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "cloud.example.org"), ("X-Forwarded-Prefix", "/volume"), ("X-Forwarded-For", "198.51.100.1")];
        var id = await api.Volume();
        var links = (await api.Send("GET", $"volumes/{id}", headers: through)).Json.GetProperty("volume").GetProperty("links");
        Assert.Equal($"https://cloud.example.org/volume/v3/{RunningApi.Project}/volumes/{id}", links[0].GetProperty("href").GetString());
        await api.Volume();
        var next = (await api.Send("GET", "volumes?limit=1", headers: through)).Json.GetProperty("volumes_links")[0].GetProperty("href").GetString()!;
        Assert.StartsWith("https://cloud.example.org/volume/v3/", next, StringComparison.Ordinal);
        var broken = await api.Send("GET", $"volumes/{id}", headers: [("X-Forwarded-Host", "a\"><script>"), ("X-Forwarded-Proto", "javascript")]);
        Assert.StartsWith(api.Address + "/v3/", broken.Json.GetProperty("volume").GetProperty("links")[0].GetProperty("href").GetString()!, StringComparison.Ordinal);
    }
}
