using System.Text;
using System.Text.Json;
using Clinker.Server.Seeing;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Seeing;

public sealed class HealthTests
{
    static readonly HealthCheck Well = new("database", _ => Task.FromResult<string?>(null));
    static readonly HealthCheck Ill = new("gluster1", _ => Task.FromResult<string?>("all shares are down"));
    static readonly HealthCheck Detail = Ill with { Name = "detail", IsDetail = true };
    static readonly HealthCheck Broken = new("worker", _ => throw new InvalidOperationException("sesame"));

    static async Task<(int Status, string Type, string Body)> Ask(HealthCheck[] checks, string? accept = null, bool detailed = false, string method = "GET")
    {
        var answer = await Health.Answer(checks, method, accept, detailed, TimeProvider.System);
        return (answer.Status, answer.ContentType, Encoding.UTF8.GetString(answer.Body));
    }

    [Fact]
    public async Task Well_is_200_and_OK()
    {
        Assert.Equal((200, "text/plain; charset=UTF-8", "OK"), await Ask([Well]));
        Assert.Equal((200, "text/plain; charset=UTF-8", "OK"), await Ask([]));
        Assert.Equal((204, "text/plain; charset=UTF-8", ""), await Ask([Well], method: "HEAD"));
        Assert.Equal((503, "text/plain; charset=UTF-8", ""), await Ask([Well, Ill], method: "HEAD"));
    }

    [Fact]
    public async Task Ill_is_503_and_says_why_but_not_what_broke_a_check() =>
        Assert.Equal((503, "text/plain; charset=UTF-8", "all shares are down\nworker could not be checked"), await Ask([Well, Ill, Broken]));

    [Fact]
    public async Task Detailed_names_every_check()
    {
        Assert.Equal("database: OK\ngluster1: all shares are down", (await Ask([Well, Ill], detailed: true)).Body);
        using var json = JsonDocument.Parse((await Ask([Well, Ill], "application/json", detailed: true)).Body);
        Assert.True(json.RootElement.GetProperty("detailed").GetBoolean());
        Assert.Equal(["database/OK/", "gluster1/not OK/all shares are down"], json.RootElement.GetProperty("reasons").EnumerateArray()
            .Select(r => $"{r.GetProperty("class").GetString()}/{r.GetProperty("reason").GetString()}/{r.GetProperty("details").GetString()}"));
    }

    [Fact]
    public async Task A_detail_that_is_not_well_is_told_to_who_asks_and_harms_nobody()
    {
        Assert.Equal((200, "text/plain; charset=UTF-8", "OK"), await Ask([Well, Detail]));
        Assert.Equal((204, "text/plain; charset=UTF-8", ""), await Ask([Well, Detail], method: "HEAD"));
        Assert.Equal((200, "text/plain; charset=UTF-8", "database: OK\ndetail: all shares are down"), await Ask([Well, Detail], detailed: true));
        Assert.Equal((503, "text/plain; charset=UTF-8", "gluster1: all shares are down\ndetail: all shares are down"), await Ask([Ill, Detail], detailed: true));
    }

    [Fact]
    public async Task Json_looks_as_oslo_middleware_s() =>
        Assert.Equal((200, "application/json", "{\n    \"detailed\": false,\n    \"reasons\": [\n        \"OK\"\n    ]\n}"), await Ask([Well], "application/json"));

    [Theory]
    [InlineData("application/json", true)]
    [InlineData("text/html, application/json;q=0.9, */*;q=0.8", true)]
    [InlineData("*/*", false)]
    [InlineData("text/plain, application/json", false)]
    [InlineData("text/plain;q=0.5, application/*", true)]
    [InlineData("application/json;q=0", false)]
    [InlineData("text/html", false)]
    [InlineData("rubbish;;q=x,,", false)]
    public async Task Json_comes_where_it_is_preferred(string accept, bool json) =>
        Assert.Equal(json, (await Ask([Well], accept)).Type == "application/json");

    [Fact]
    public async Task A_check_that_hangs_has_failed()
    {
        var time = new FakeTimeProvider();
        var never = new TaskCompletionSource<string?>();
        var answer = Health.Answer([Well, new("gluster1", _ => never.Task)], "GET", null, false, time);
        time.Advance(Health.Deadline);
        Assert.Equal("gluster1 did not answer within 2 s", Encoding.UTF8.GetString((await answer).Body));
    }
}
