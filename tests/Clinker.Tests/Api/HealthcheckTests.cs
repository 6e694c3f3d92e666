using Clinker.Server.Seeing;
using Clinker.Services;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary><c>/healthcheck</c> over HTTP, with the daemon's own checks.</summary>
public sealed class HealthcheckTests
{
    static Task<RunningApi> Start() => RunningApi.Start(health: db =>
        [HealthChecks.Database(db), HealthChecks.Backend(db, "gluster1", "h1@gluster1", TimeSpan.FromSeconds(60))]);

    static async Task<(int, string)> Told(RunningApi api, string query = "", string method = "GET")
    {
        var answer = await api.Send(method, "/healthcheck" + query);
        Assert.Equal("text/plain; charset=UTF-8", answer.Header("Content-Type"));
        return (answer.Status, answer.Text);
    }

    [Fact]
    public async Task A_backend_without_a_share_is_a_detail_and_the_api_is_well()
    {
        await using var api = await Start();
        Task Beat(string? down) => api.Db.Commit(tx => tx.Services.Beat("s1", "h1@gluster1", ServiceTable.VolumeBinary, "nova", down));
        Assert.Equal((200, "database: OK\nbackend gluster1: it has not reported yet"), await Told(api, "?detailed"));
        await Beat(null);
        Assert.Equal((200, "database: OK\nbackend gluster1: OK"), await Told(api, "?detailed=True"));
        await Beat("p1: server gluster1.example.org does not answer");
        Assert.Equal((200, "database: OK\nbackend gluster1: no pool of it serves"), await Told(api, "?detailed"));
        api.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal((200, "database: OK\nbackend gluster1: it has not reported for 61 s"), await Told(api, "?detailed"));
        Assert.Equal((200, "OK"), await Told(api));
        Assert.Equal((200, "OK"), await Told(api, "?detailed=false"));
        Assert.Equal(204, (await api.Send("HEAD", "/healthcheck")).Status);
        var json = await api.Send("GET", "/healthcheck?detailed", headers: ("Accept", "application/json"));
        Assert.Equal((200, "application/json"), (json.Status, json.Header("Content-Type")));
        Assert.Equal(["OK", "not OK"], json.Json.GetProperty("reasons").EnumerateArray().Select(r => r.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task Without_its_database_the_api_is_not_well()
    {
        await using var api = await Start();
        await api.Db.DisposeAsync();
        Assert.Equal((503, "the database does not answer"), await Told(api));
        Assert.Equal((503, ""), await Told(api, method: "HEAD"));
        Assert.Equal((503, "database: the database does not answer\nbackend gluster1: backend gluster1 could not be checked"), await Told(api, "?detailed"));
    }

    [Fact]
    public async Task Only_reading_is_known_there()
    {
        await using var api = await Start();
        foreach (var method in (string[])["POST", "PUT", "DELETE"]) Assert.Equal(404, (await api.Send(method, "/healthcheck")).Status);
        Assert.Equal(400, (await api.Get("/healthcheck?detailed=%ff")).Status);
    }
}
