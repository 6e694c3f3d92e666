using System.Net;
using Clinker.Server.Api.Reference;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>The reference that the daemon shows of itself, to anyone.</summary>
public sealed class DocsTests
{
    [Fact]
    public async Task The_document_is_served()
    {
        await using var api = await RunningApi.Start();
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(api.Address + "/openapi.json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(OpenApi.Bytes(AllRoutes.Table()), await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_page_asks_for_nothing_from_elsewhere()
    {
        await using var api = await RunningApi.Start();
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(api.Address + "/docs"), TestContext.Current.CancellationToken);
        var html = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("openapi.json", html, StringComparison.Ordinal);
        Assert.Contains("connect-src 'self'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.All((string[])["http://", "https://", "src=", "@import", "url("], outside => Assert.DoesNotContain(outside, html, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/openapi.json")]
    [InlineData("/docs")]
    public async Task They_are_only_read(string path)
    {
        await using var api = await RunningApi.Start();
        using var client = new HttpClient();
        using var head = new HttpRequestMessage(HttpMethod.Head, api.Address + path);
        using var headed = await client.SendAsync(head, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, headed.StatusCode);
        Assert.True(headed.Content.Headers.ContentLength > 0);
        using var posted = await client.PostAsync(new Uri(api.Address + path), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, posted.StatusCode);
    }
}
