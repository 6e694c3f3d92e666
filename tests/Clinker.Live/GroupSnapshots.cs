using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Live;

/// <summary>Snapshots of two volumes at one moment, on GlusterFS: of both or of none, whenever the daemon is killed.</summary>
public sealed class GroupSnapshots(ITestOutputHelper output)
{
    const int Rounds = 8, Blocks = 64;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Of_a_group_all_volumes_have_a_snapshot_or_none()
    {
        await using var site = await Site.Up(more: "quota_snapshots = -1");
        await using var daemon = site.Daemon();
        await daemon.Start();
        var share = new SharedDisk(site.Mount, site.Folder);
        var kind = (string)(await daemon.Post("group_types", """{"group_type": {"name": "together"}}"""))["group_type"]!["id"]!;
        await daemon.Post($"group_types/{kind}/group_specs", """{"group_specs": {"consistent_group_snapshot_enabled": "<is> True"}}""");
        var type = (string)(await daemon.Http.GetFromJsonAsync<JsonNode>("types/default"))!["volume_type"]!["id"]!;
        var group = (string)(await daemon.Post("groups", $$$"""{"group": {"group_type": "{{{kind}}}", "volume_types": ["{{{type}}}"]}}"""))["group"]!["id"]!;
        await daemon.Becomes($"groups/{group}", "available", Patience);
        var volumes = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            var asked = $$$"""{"volume": {"size": 1, "volume_type": "{{{type}}}", "group_id": "{{{group}}}"}}""";
            volumes.Add((string)(await daemon.Post("volumes", asked))["volume"]!["id"]!);
            Assert.Equal("available", await daemon.Settled(volumes[i], Patience));
            await Write(volumes[i], (byte)(i + 1));
        }

        string? last = null;
        var (random, ends) = (new Random(7), new Dictionary<string, int>());
        for (var round = 0; round < Rounds; round++)
        {
            var whole = (string)(await daemon.Post("group_snapshots", $$$"""{"group_snapshot": {"group_id": "{{{group}}}"}}"""))["group_snapshot"]!["id"]!;
            await Task.Delay(random.Next(0, 120));
            await daemon.Kill();
            await daemon.Start();
            var end = await Ended($"group_snapshots/{whole}");
            ends[end] = ends.GetValueOrDefault(end) + 1;
            var parts = (await daemon.Http.GetFromJsonAsync<JsonNode>("snapshots/detail"))!["snapshots"]!.AsArray()
                .Where(s => (string?)s!["group_snapshot_id"] == whole).ToDictionary(s => (string)s!["volume_id"]!, s => (string)s!["id"]!);
            foreach (var (volume, snapshot) in parts)
                Assert.Equal((end == "available", end == "available"), (share.Noted(volume).Contains(snapshot), share.Names().Contains($"volume-{volume}.{snapshot}")));
            if (end != "available") continue;
            Assert.Equal(volumes.Order(), parts.Keys.Order());
            last = whole;
        }
        if (last is null)
        {
            last = (string)(await daemon.Post("group_snapshots", $$$"""{"group_snapshot": {"group_id": "{{{group}}}"}}"""))["group_snapshot"]!["id"]!;
            Assert.Equal("available", await Ended($"group_snapshots/{last}"));
        }

        foreach (var (volume, i) in volumes.Zip(new byte[] { 5, 6 })) await Write(volume, i);
        var copy = (string)(await daemon.Post("groups/action", $$$"""{"create-from-src": {"group_snapshot_id": "{{{last}}}"}}"""))["group"]!["id"]!;
        await daemon.Becomes($"groups/{copy}", "available", Patience);
        var copied = (await daemon.Http.GetFromJsonAsync<JsonNode>("volumes/detail"))!["volumes"]!.AsArray().Where(v => (string?)v!["group_id"] == copy);
        var was = new List<byte>();
        foreach (var volume in copied) was.Add(await Read((string)volume!["id"]!));
        Assert.Equal("1 2", string.Join(' ', was.Order()));
        Assert.Equal((5, 6), (await Read(volumes[0]), await Read(volumes[1])));
        output.WriteLine(string.Join(", ", ends.Select(e => $"{e.Value} {e.Key}")));

        Task Write(string volume, byte value) => share.Write(share.OfVolume(volume)[0], [(0, Blocks, value)]);

        async Task<byte> Read(string volume)
        {
            var found = await share.Read(share.OfVolume(volume)[0]);
            Assert.Equal(Enumerable.Range(0, Blocks), found.Keys.Order());
            return Assert.Single(found.Values.Distinct());
        }

        async Task<string> Ended(string path)
        {
            for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
            {
                using var answer = await daemon.Http.GetAsync(new Uri(path, UriKind.Relative));
                Assert.NotEqual(HttpStatusCode.NotFound, answer.StatusCode);
                var now = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["group_snapshot"]!["status"]!;
                if (now != "creating") return now;
                Assert.True(waited.Elapsed < Patience, $"{path} is {now}:\n{daemon.Log}");
            }
        }
    }
}
