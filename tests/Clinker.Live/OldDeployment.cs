using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>What Cinder's own driver left on a share comes under the daemon's care by the API alone, is given up, and is taken back.</summary>
public sealed class OldDeployment
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    const int Volumes = 17, SnapshotsThere = 11;

    [Fact]
    public async Task All_volumes_and_snapshots_of_an_old_share_are_listed_managed_given_up_and_deleted()
    {
        await using var site = await Site.Up(more: "quota_volumes = -1\nquota_snapshots = -1");
        await using var daemon = site.Daemon();
        await daemon.Start();
        var first = (await daemon.Create(1))!;
        Assert.Equal("available", await daemon.Settled(first, Patience));
        var pool = (string)(await daemon.Show(first))!["os-vol-host-attr:host"]!;
        await daemon.Delete(first);
        Assert.Equal("gone", await daemon.Settled(first, Patience));
        for (var round = 0; round < 2; round++)
        {
            // The second round finds what the first one has given up.
            if (round == 0)
            {
                var made = await Processes.Run("bash", [Path.Combine(AppContext.BaseDirectory, "old-shares.sh"), site.Mount], TimeSpan.FromMinutes(3));
                Assert.True(made.ExitCode == 0, made.Error);
            }
            var found = await Listed(daemon, "volumes", pool);
            Assert.Equal((Volumes, 0), (found.Count, found.Count(v => !(bool)v["safe_to_manage"]!)));
            var lost = await Listed(daemon, "snapshots", pool);
            Assert.All(lost.Where(s => ((string)s["reference"]!["source-name"]!).Length > "volume-".Length + 36),
                s => Assert.Equal((false, "its volume is not managed: manage that first"), ((bool)s["safe_to_manage"]!, (string?)s["reason_not_safe"])));

            var volumes = new Dictionary<string, string>(); // by the file's name
            foreach (var file in found)
            {
                var name = (string)file["reference"]!["source-name"]!;
                volumes[name] = (string)(await daemon.Post("manageable_volumes",
                    new JsonObject { ["volume"] = new JsonObject { ["host"] = pool, ["ref"] = file["reference"]!.DeepClone() } }.ToJsonString()))["volume"]!["id"]!;
            }
            foreach (var (name, id) in volumes) Assert.Equal((name, "available"), (name, await daemon.Settled(id, Patience)));
            Assert.All(await Listed(daemon, "volumes", pool), v => Assert.Equal("Volume already managed.", (string?)v["reason_not_safe"]));
            Assert.Equal(Volumes - 4 - 1, site.Sql("select count(*) from volume where name_id is not null")); // four are one file, and one beside which another lies

            var snapshots = (await Listed(daemon, "snapshots", pool)).Where(s => s["source_reference"] is not null).ToList();
            Assert.Equal(SnapshotsThere, snapshots.Count);
            if (round == 0)
            {
                // A volume is not moved away from its snapshots as long as nobody knows of those.
                foreach (var format in (string[])["raw", "qcow2"])
                    await daemon.Post("types", $$$"""{"volume_type": {"name": "{{{format}}}", "extra_specs": {"clinker:format": "{{{format}}}"} } }""");
                foreach (var id in snapshots.Select(s => volumes[(string)s["source_reference"]!["source-name"]!]).Distinct())
                    foreach (var format in (string[])["raw", "qcow2"])
                    {
                        await daemon.Post($"volumes/{id}/action", $$$"""{"os-retype": {"new_type": "{{{format}}}", "migration_policy": "on-demand"} }""");
                        await daemon.Becomes($"volumes/{id}", "available", Patience);
                    }
                Assert.NotEqual(0, site.Sql("select count(*) from operation where kind = 'RetypeVolume' and status = 'failed'"));
            }
            var managed = new List<string>();
            foreach (var snapshot in snapshots)
            {
                Assert.True((bool)snapshot["safe_to_manage"]!, snapshot.ToJsonString());
                var of = volumes[(string)snapshot["source_reference"]!["source-name"]!];
                managed.Add((string)(await daemon.Post("manageable_snapshots",
                    new JsonObject { ["snapshot"] = new JsonObject { ["volume_id"] = of, ["ref"] = snapshot["reference"]!.DeepClone() } }.ToJsonString()))["snapshot"]!["id"]!);
            }
            foreach (var id in managed) await daemon.Becomes($"snapshots/{id}", "available", Patience);
            Assert.All((await Listed(daemon, "snapshots", pool)).Where(s => s["source_reference"] is not null),
                s => Assert.Contains((string)s["cinder_id"]!, managed));

            foreach (var id in managed)
                if (round == 0) await Act(daemon, $"snapshots/{id}/action", "os-unmanage");
                else await Delete(daemon, $"snapshots/{id}");
            foreach (var id in managed) await daemon.Becomes($"snapshots/{id}", "gone", Patience);
            foreach (var id in volumes.Values)
                if (round == 0) await Act(daemon, $"volumes/{id}/action", "os-unmanage");
                else await daemon.Delete(id);
            foreach (var id in volumes.Values) Assert.Equal("gone", await daemon.Settled(id, Patience));
            Assert.Equal(0, site.Sql("select count(*) from reservation"));
        }
        Assert.Single(Directory.EnumerateFiles(site.Mount, "volume-*")); // the overlay that nobody knows of
    }

    static async Task<List<JsonNode>> Listed(Daemon daemon, string what, string pool) =>
        [.. (await daemon.Http.GetFromJsonAsync<JsonNode>($"manageable_{what}/detail?limit=1000&host={Uri.EscapeDataString(pool)}"))![$"manageable-{what}"]!.AsArray().Select(n => n!)];

    static Task Act(Daemon daemon, string path, string action) => daemon.Post(path, new JsonObject { [action] = new JsonObject() }.ToJsonString());

    static async Task Delete(Daemon daemon, string path)
    {
        using var answer = await daemon.Http.DeleteAsync(new Uri(path, UriKind.Relative));
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode}");
    }
}
