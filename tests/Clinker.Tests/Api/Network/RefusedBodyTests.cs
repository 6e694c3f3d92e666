using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>After a body that is not read to its end, what follows on the connection is never taken for a request.</summary>
public sealed class RefusedBodyTests
{
    const string Hidden = "DELETE /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

    static async Task Refused(RunningApi api, string head, string body, int status, string? path = null)
    {
        using var line = await Line.To(api.Address);
        await line.Send($"POST {path ?? $"/v3/{RunningApi.Project}/volumes"} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n\r\n");
        if (!head.Contains("Expect", StringComparison.Ordinal)) await line.Send(body);
        var first = await line.Answer();
        Assert.StartsWith($"HTTP/1.1 {status}", first, StringComparison.Ordinal);
        // Whoever has been told so sends his next request; or what he had begun.
        try { await line.Send(head.Contains("Expect", StringComparison.Ordinal) ? body : "GET /v3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); }
        catch (IOException) { /* closed: as good */ }
        var rest = await line.Rest();
        Assert.True(rest.Length == 0 || rest.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), rest);
    }

    [Fact]
    public async Task Of_a_body_with_a_length()
    {
        await using var api = await RunningApi.Start(new() { MaxBodyBytes = 1000 });
        var body = string.Concat(Enumerable.Repeat(Hidden, 200));
        await Refused(api, $"Content-Length: {body.Length}", body, 413);
        await Refused(api, $"Content-Length: {body.Length}", body, 404, "/nowhere");
    }

    [Fact]
    public async Task Of_one_in_chunks()
    {
        await using var api = await RunningApi.Start(new() { MaxBodyBytes = 1000 });
        var chunk = string.Concat(Enumerable.Repeat(Hidden, 20));
        var body = string.Concat(Enumerable.Repeat($"{chunk.Length:x}\r\n{chunk}\r\n", 20)) + "0\r\n\r\n";
        await Refused(api, "Transfer-Encoding: chunked", body, 413);
        await Refused(api, "Transfer-Encoding: chunked", body, 404, "/nowhere");
    }

    [Fact]
    public async Task Of_one_that_was_only_announced()
    {
        await using var api = await RunningApi.Start(new() { MaxBodyBytes = 1000 });
        // Refused by its length, the body is not asked for; a client that sends its next request then is not understood as something else.
        await Refused(api, "Content-Length: 5000\r\nExpect: 100-continue", Hidden, 413);
        await Refused(api, "Content-Length: 5000\r\nExpect: 100-continue", Hidden, 404, "/nowhere");
    }

    [Fact]
    public async Task One_that_is_announced_and_short_enough_is_asked_for()
    {
        await using var api = await RunningApi.Start();
        using var line = await Line.To(api.Address);
        const string body = """{"volume": {"size": 1}}""";
        await line.Send($"POST /v3/{RunningApi.Project}/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nExpect: 100-continue\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100", await line.Answer(), StringComparison.Ordinal);
        await line.Send(body);
        Assert.StartsWith("HTTP/1.1 202", await line.Answer(), StringComparison.Ordinal);
    }

    /// <summary>A length and chunks at once: what the one before us took for a body may be a request to us.</summary>
    [Fact]
    public async Task Two_ways_to_end_are_one_too_many()
    {
        await using var api = await RunningApi.Start();
        using var line = await Line.To(api.Address);
        await line.Send($"POST /v3/{RunningApi.Project}/volumes HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Hidden}");
        var all = await line.Rest();
        Assert.DoesNotContain("HTTP/1.1 404", all, StringComparison.Ordinal);
        Assert.Single(all.Split("HTTP/1.1 ")[1..]);
    }
}
