using Clinker.Operations;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

/// <summary>Requests about one volume that do not wait for each other, or for their answers.</summary>
public sealed class AttachmentTurnTests
{
    [Fact]
    public async Task Who_goes_away_or_is_not_waited_for_cancels_nothing()
    {
        await using var api = await RunningApi.Start(new() { BackendTimeout = TimeSpan.FromSeconds(5) });
        var (first, second) = (await api.Made(), await api.Made());
        var connector = """, "connector": {"host": "host1"}""";
        var late = Create(api, first, more: connector);
        await Soon.Until(async () => await api.Db.Read(tx => tx.Operations.AnyLive(new("volume", first))));
        await Soon.Until(() => { api.Time.Advance(TimeSpan.FromSeconds(5)); return Task.FromResult(late.IsCompleted); });
        Assert.Equal(503, (await late).Status);
        using (var client = new HttpClient())
        {
            using var gone = new CancellationTokenSource();
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{api.Address}/v3/{RunningApi.Project}/attachments")
            {
                Content = new StringContent(Body(second, Instance, connector), System.Text.Encoding.UTF8, "application/json"),
            };
            request.Headers.Add("OpenStack-API-Version", "volume 3.71");
            var sent = client.SendAsync(request, gone.Token);
            await Soon.Until(async () => await api.Db.Read(tx => tx.Operations.AnyLive(new("volume", second))));
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
        }
        api.Work();
        await Soon.Until(async () => await StatusOf(api, first) == "attaching" && await StatusOf(api, second) == "attaching");
        Assert.Equal(2, api.Shares.Exports.Count);
    }

    [Fact]
    public async Task What_is_deleted_while_it_is_connected_is_gone_in_the_end()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Made();
        var id = Text(await Create(api, volume), "id");
        var connecting = api.Put($"attachments/{id}", Connector("host1"), Newest);
        await Soon.Until(async () => await api.Db.Read(tx => tx.Operations.AnyLive(new("volume", volume))));
        api.Time.Advance(TimeSpan.FromSeconds(1));
        var deleting = api.Delete($"attachments/{id}", Newest);
        await Soon.Until(async () => await StatusOf(api, volume) == "detaching");
        api.Work();
        await Passing(api, deleting);
        Assert.Equal(200, (await deleting).Status);
        Assert.True((await connecting).Status is 200 or 404 or 409);
        Assert.Empty(api.Shares.Exports);
        Assert.Equal("available", await StatusOf(api, volume));
    }

    [Fact]
    public async Task Many_at_once_never_leave_the_status_wrong()
    {
        await using var api = await RunningApi.Start(new() { BackendTimeout = TimeSpan.FromDays(1) });
        api.Work();
        await MultiattachType(api);
        var volume = await api.Made(""", "volume_type": "many" """);
        var kept = await Attached(api, volume, Instance, "host0"); // in use all the time, so that others may come
        var all = Task.WhenAll(Enumerable.Range(1, 12).Select(async i =>
        {
            var seen = new List<int>();
            for (var round = 0; round < 4; round++)
            {
                var server = $"{i:00000000}-0000-4000-8000-{round:000000000000}";
                var connects = i % 4 == 0;
                var made = await Create(api, volume, server, connects ? $$""", "connector": {"host": "host{{i}}"}""" : "");
                seen.Add(made.Status);
                if (made.Status != 200) continue;
                if (i % 2 == 0) seen.Add((await api.Post($"attachments/{Text(made, "id")}/action", """{"os-complete": null}""", Newest)).Status);
                seen.Add((await api.Delete($"attachments/{Text(made, "id")}", Newest)).Status);
            }
            return seen;
        }));
        await Passing(api, all);
        Assert.All((await all).SelectMany(s => s), s => Assert.True(s is 200 or 204, $"{s}"));
        Assert.Equal("in-use", await StatusOf(api, volume));
        Assert.Equal(kept, Text(Assert.Single(Items(await api.Get("attachments", Newest))), "id"));
        Assert.Equal([(volume, "host0")], api.Shares.Exports.Keys);
        await api.Delete($"attachments/{kept}", Newest);
        Assert.Equal("available", await StatusOf(api, volume));
    }
}
