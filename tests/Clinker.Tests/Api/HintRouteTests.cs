using Xunit;

namespace Clinker.Tests.Api;

public sealed class HintRouteTests
{
    [Theory]
    [InlineData("3.0", """{"volume": {"size": 1}, "OS-SCH-HNT:scheduler_hints": {"same_host": "x", "any": [1]}}""", 202, """{"same_host": "x", "any": [1]}""")]
    [InlineData("3.71", """{"volume": {"size": 1}, "OS-SCH-HNT:scheduler_hints": {"query": "[]"}}""", 202, """{"query": "[]"}""")]
    [InlineData("3.52", """{"volume": {"size": 1, "scheduler_hints": {"query": "[]"}}}""", 202, """{"query": "[]"}""")]
    [InlineData("3.53", """{"volume": {"size": 1, "scheduler_hints": {"query": "[]"}}}""", 400, null)]
    [InlineData("3.0", """{"volume": {"size": 1}, "OS-SCH-HNT:scheduler_hints": null}""", 202, null)]
    [InlineData("3.0", """{"volume": {"size": 1}, "OS-SCH-HNT:scheduler_hints": []}""", 400, null)]
    public async Task Hints_go_along_with_the_work(string version, string body, int status, string? hints)
    {
        await using var api = await RunningApi.Start();
        Assert.Equal(status, (await api.Post("volumes", body, version)).Status);
        var arguments = await api.Db.Read(tx => tx.One($"select arguments from operation", r => r.GetString(0)));
        var kept = arguments is not null && System.Text.Json.JsonDocument.Parse(arguments).RootElement.TryGetProperty("Hints", out var value) ? value.GetString() : null;
        Assert.Equal(hints, kept);
    }
}
