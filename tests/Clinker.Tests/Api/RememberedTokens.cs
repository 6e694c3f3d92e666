using System.Text.Json.Nodes;
using Clinker.Server.Outside;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What tokens weigh that are remembered. Alone: memory is counted.</summary>
[CollectionDefinition(nameof(RememberedTokens), DisableParallelization = true)]
[Collection(nameof(RememberedTokens))]
public sealed class RememberedTokens
{
    const int Many = 10_000;

    [Fact]
    public async Task Ten_thousand_take_less_than_20_MB()
    {
        await using var small = new SmallKeystone();
        using var keystone = new Keystone(small.Settings(), small.Time, NullLogger.Instance);
        var tokens = new Tokens(keystone, TimeSpan.FromMinutes(5), small.Time);
        // As long as those of Fernet, and saying what a real one does.
        var all = Enumerable.Range(0, Many).Select(i => small.Give(
            "admin,member,reader", project: $"{i:x32}", name: $"gAAAAA{i:d5}".PadRight(183, 'x'), but: t =>
            {
                t["user"] = JsonNode.Parse($$"""{"id": "{{i:d32}}", "name": "user-{{i}}", "domain": {"id": "default", "name": "Default"}, "password_expires_at": null}""");
                t["project"]!["name"] = $"project-{i}";
                t["project"]!["domain"] = JsonNode.Parse("""{"id": "default", "name": "Default"}""");
                t["audit_ids"] = new JsonArray($"{i:x22}");
                t["issued_at"] = "2026-01-02T03:04:05.000000Z";
            })).ToList();
        await tokens.Find(all[0], allowExpired: false, default); // what is set up once is
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await Parallel.ForEachAsync(all, TestContext.Current.CancellationToken, async (token, stop) =>
            Assert.NotNull(await tokens.Find(token, allowExpired: false, stop)));
        var took = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(Many, small.Validations);
        TestContext.Current.TestOutputHelper?.WriteLine($"{took / Many} bytes each");
        Assert.InRange(took, Many * 100, 20_000_000);
        GC.KeepAlive(tokens);
    }
}
