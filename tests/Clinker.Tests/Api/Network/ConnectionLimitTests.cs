using System.Net;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>Connections beyond the limits, and those that do not say what they want.</summary>
public sealed class ConnectionLimitTests
{
    const string Request = "GET /v3 HTTP/1.1\r\nHost: x\r\n\r\n";

    static async Task Works(Line line)
    {
        await line.Send(Request);
        Assert.StartsWith("HTTP/1.1 200", await line.Answer(), StringComparison.Ordinal);
    }

    static async Task Closed(Line line)
    {
        try { await line.Send(Request); }
        catch (IOException) { return; }
        Assert.Equal("", await line.Answer());
    }

    [Fact]
    public async Task One_too_many_is_closed_and_told_once_a_minute()
    {
        using var lines = new LogLines();
        await using var api = await RunningApi.Start(new() { MaxConnections = 3 }, logs: lines);
        var open = new List<Line>();
        for (var i = 0; i < 3; i++)
        {
            open.Add(await Line.To(api.Address));
            await Works(open[^1]);
        }
        for (var i = 0; i < 5; i++)
        {
            using var refused = await Line.To(api.Address);
            await Closed(refused);
        }
        Assert.Equal("Warning 1 connections were refused since this was said last; one of them by max_connections = 3", Assert.Single(lines.All));
        api.Time.Advance(TimeSpan.FromMinutes(1));
        using (var refused = await Line.To(api.Address)) await Closed(refused);
        Assert.Equal("Warning 5 connections were refused since this was said last; one of them by max_connections = 3", lines.All.Last());
        foreach (var line in open) await Works(line);
        open[0].Dispose();
        await Free(api);
        foreach (var line in open) line.Dispose();
    }

    /// <summary>There is room for one more, soon.</summary>
    static async Task Free(RunningApi api)
    {
        for (var i = 0; ; i++)
        {
            using var next = await Line.To(api.Address);
            try
            {
                await next.Send(Request);
                if ((await next.Answer()).StartsWith("HTTP/1.1 200", StringComparison.Ordinal)) return;
            }
            catch (IOException) { /* not yet */ }
            Assert.True(i < 200);
            await Task.Delay(10);
        }
    }

    [Fact]
    public async Task One_address_has_no_more_than_its_part_unless_it_is_a_proxy()
    {
        foreach (var trusted in (bool[])[false, true])
        {
            await using var api = await RunningApi.Start(new() { MaxConnectionsPerAddress = 2, TrustedProxies = trusted ? [IPNetwork.Parse("127.0.0.1/32")] : [] });
            using var first = await Line.To(api.Address);
            await Works(first); // before the next one: two at once are counted in no order
            using var second = await Line.To(api.Address);
            await Works(second);
            using var third = await Line.To(api.Address);
            if (trusted) await Works(third);
            else await Closed(third);
            first.Dispose();
            await Free(api);
            await Works(second);
        }
    }

    [Fact]
    public async Task Headers_that_do_not_come_to_an_end_are_not_waited_for()
    {
        await using var api = await RunningApi.Start(new() { HeadersTimeout = TimeSpan.FromSeconds(1) });
        using var line = await Line.To(api.Address);
        await line.Send("GET /v3 HTTP/1.1\r\nHost: x\r\n");
        var drip = Drip(line, "X: y\r\n");
        Assert.StartsWith("HTTP/1.1 408", await line.Rest(), StringComparison.Ordinal);
        await drip;
        Assert.Equal(200, (await api.Get("volumes")).Status);
    }

    [Fact]
    public async Task A_body_that_drips_is_not_waited_for()
    {
        await using var api = await RunningApi.Start();
        using var line = await Line.To(api.Address);
        await line.Send($"POST /v3/{RunningApi.Project}/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{");
        var drip = Drip(line, " ");
        var answer = await line.Rest();
        Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal);
        Assert.Contains("The request's body did not arrive in time.", answer, StringComparison.Ordinal);
        await drip;
        Assert.Empty((await api.Get("volumes")).Json.GetProperty("volumes").EnumerateArray());
    }

    /// <summary>A little now and then, until nobody listens.</summary>
    static async Task Drip(Line line, string drop)
    {
        try
        {
            for (var i = 0; i < 300; i++)
            {
                await line.Send(drop);
                await Task.Delay(100);
            }
        }
        catch (IOException) { return; }
        Assert.Fail("It was listened to for half a minute.");
    }
}
