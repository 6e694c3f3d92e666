using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.BadInput;

/// <summary>A hundred megabytes, on every route: refused at once, not read to the end, and nothing is kept of them.</summary>
[Collection(OneDaemon.Name)]
public sealed class LargeBodyTests(Things things)
{
    const int Size = 100 * 1024 * 1024;

    static readonly byte[] Chunk = [.. "8000\r\n"u8, .. Enumerable.Repeat((byte)' ', 0x8000), .. "\r\n"u8];

    public static TheoryData<string> Routes => RouteCases.Names(_ => true);

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_length_that_is_too_much(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var size in (long[])[114_689, Size, int.MaxValue, 1L << 40])
            await refusals.Refused($"{size} bytes", async wire =>
            {
                using var socket = await wire.Connect();
                await socket.SendAsync(Head(route, $"Content-Length: {size}"));
                var began = Stopwatch.GetTimestamp();
                var answer = await Wire.Read(socket, route.Method);
                refusals.Check(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(3), "Nothing had to be waited for.");
                return answer;
            }, 413);
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Chunks_without_end(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        await refusals.Refused("chunks", async wire =>
        {
            using var socket = await wire.Connect();
            await socket.SendAsync(Head(route, "Transfer-Encoding: chunked"));
            // A little more than the limit: nothing that follows is waited for.
            for (var i = 0; i < 4; i++) await socket.SendAsync(Chunk);
            var began = Stopwatch.GetTimestamp();
            var answer = await Wire.Read(socket, route.Method);
            refusals.Check(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(3), "Nothing had to be waited for.");
            return answer;
        }, 413);
        refusals.End();
    }

    [Fact]
    public async Task Many_at_once_cost_no_memory()
    {
        var route = RouteCases.All.First(r => r.Name == "volume_create");
        for (var round = 0; round < 10; round++)
        {
            foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Flood(things.Wire, route)))) Assert.Equal(413, answer.Status);
            Assert.True(things.Resident() < 300L * 1024 * 1024, $"{things.Resident() >> 20} MiB after {round + 1} rounds of up to 2 GB.");
        }
    }

    /// <summary>What comes too slowly is not waited for.</summary>
    [Fact]
    public async Task A_body_that_never_comes()
    {
        var route = RouteCases.All.First(r => r.Name == "volume_create");
        var refusals = new Refusals(things);
        await refusals.Refused("no body", async wire =>
        {
            using var socket = await wire.Connect();
            await socket.SendAsync(Head(route, "Content-Length: 100"));
            return await Wire.Read(socket, route.Method);
        }, 408);
        refusals.End();
    }

    /// <summary>As long as it may be, and a byte more.</summary>
    [Fact]
    public async Task The_limit_is_where_it_is()
    {
        var refusals = new Refusals(things);
        foreach (var (size, status) in ((int, int)[])[(114_688, 400), (114_689, 413)])
            await refusals.Refused($"{size} bytes", w => w.Send("POST", "/v3/admin/volumes", new string(' ', size - 2) + "[]", "3.71"), status);
        refusals.End();
    }

    /// <summary>Sends chunks until there is an answer.</summary>
    async Task<Answer> Flood(Wire wire, Route route)
    {
        using var socket = await wire.Connect();
        await socket.SendAsync(Head(route, "Transfer-Encoding: chunked"));
        var reading = Wire.Read(socket, route.Method);
        long sent = 0;
        try
        {
            while (sent < Size && !reading.IsCompleted) sent += await socket.SendAsync(Chunk);
        }
        catch (SocketException) { /* it hears no more */ }
        return await reading;
    }

    byte[] Head(Route route, string length) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"{route.Method} {things.Path(route)} HTTP/1.1\r\nHost: h\r\nOpenStack-API-Version: volume 3.71\r\nContent-Type: application/json\r\n{length}\r\n\r\n"));
}
