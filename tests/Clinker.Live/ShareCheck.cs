using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Live;

/// <summary>What lies on a real share is compared with what is remembered, by the published daemon.</summary>
[SupportedOSPlatform("linux")]
public sealed class ShareCheck
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task What_was_broken_by_hand_is_found_and_what_is_certain_put_right()
    {
        await using var site = await Site.Up();
        await using var daemon = site.Daemon();
        await daemon.Start();
        var volume = (await daemon.Create(1))!;
        Assert.Equal("available", await daemon.Settled(volume, Patience));
        var clone = (string)(await daemon.Post("volumes", $$"""{"volume": {"size": 1, "source_volid": "{{volume}}"} }"""))["volume"]!["id"]!;
        Assert.Equal("available", await daemon.Settled(clone, Patience));
        Assert.Empty(await Check(daemon));

        File.SetUnixFileMode(Path.Combine(site.Mount, $"volume-{clone}"), UnixFileMode.UserRead);
        var (link, away) = (Path.Combine(site.Mount, $"volume-{clone}.{volume}"), Path.Combine(site.Mount, ".away"));
        File.Move(link, away);
        Assert.Equal([$"chain found {clone}", $"rights found {clone}"], await Check(daemon));
        Assert.Equal([$"chain found {clone}", $"rights repaired {clone}"], await Check(daemon, repair: true));
        File.Move(away, link);
        Assert.Empty(await Check(daemon));
    }

    static async Task<IEnumerable<string>> Check(Daemon daemon, bool repair = false)
    {
        var pool = (string)(await daemon.Http.GetFromJsonAsync<JsonNode>("scheduler-stats/get_pools"))!["pools"]![0]!["name"]!;
        var answer = await daemon.Post("shares/check", new JsonObject { ["check"] = new JsonObject { ["pool"] = pool, ["repair"] = repair } }.ToJsonString());
        return answer["findings"]!.AsArray().Select(f => $"{f!["flaw"]} {f["state"]} {f["resource_uuid"]}");
    }
}
