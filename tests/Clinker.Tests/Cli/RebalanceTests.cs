using System.Text.Json.Nodes;
using Clinker.Cli.Commands;
using Clinker.Tests.Api;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary><c>clinker pool rebalance</c>: what it plans, and that it does it.</summary>
public sealed class RebalanceTests
{
    /// <summary>Each volume moves at most once, to another pool of its backend, and nothing that may not; all are as near to one another as they were, or nearer.</summary>
    [Fact]
    public void A_plan_moves_what_may_be_moved_and_brings_pools_nearer() => Gen.Select(
        Gen.Int[1, 2000].Array[1, 6],
        Gen.Select(Gen.Int[1, 300], Gen.Int[0, 5], Gen.Bool).Array[0, 40],
        Gen.Double[0.01, 0.5]).Sample((sizes, contents, spread) =>
        {
            var pools = sizes.Select((s, i) => new Rebalance.Pool($"h@b{i % 2}#p{i}", s)).ToList();
            var volumes = contents.Select((c, i) => new Rebalance.Volume($"v{i:00}", null, c.Item1, pools[c.Item2 % pools.Count].Name, c.Item3)).ToList();
            foreach (var v in volumes) pools.Find(p => p.Name == v.Pool)!.AllocatedGb += v.SizeGb;
            var before = Apart(pools);
            var moves = Rebalance.Plan(pools, volumes, spread);
            var lie = volumes.ToDictionary(v => v.Id, v => v.Pool);
            foreach (var (volume, from, to) in moves)
            {
                Assert.True(volume.Movable && from != to && lie[volume.Id] == volume.Pool && from == volume.Pool);
                Assert.Equal(from.Split('#')[0], to.Split('#')[0]);
                lie[volume.Id] = to;
            }
            Assert.Equal(moves.Count, moves.Select(m => m.Volume.Id).Distinct().Count());
            foreach (var pool in pools) Assert.Equal(volumes.Where(v => lie[v.Id] == pool.Name).Sum(v => v.SizeGb), pool.AllocatedGb);
            foreach (var (backend, apart) in Apart(pools)) Assert.True(apart <= before[backend] + 1e-9);
        });

    [Fact]
    public void A_small_pool_gives_away_nothing_that_would_leave_it_emptier_than_any()
    {
        var pools = new[] { ("small", 100, 60), ("large", 1000, 100), ("full", 1000, 580) }
            .Select(p => new Rebalance.Pool($"h@b#{p.Item1}", p.Item2) { AllocatedGb = p.Item3 }).ToList();
        Assert.Empty(Rebalance.Plan(pools, [new("v", null, 60, "h@b#small", true)], 0.1));
        Assert.Equal("h@b#large", Assert.Single(Rebalance.Plan(pools, [new("v", null, 20, "h@b#small", true)], 0.1)).To);
    }

    static Dictionary<string, double> Apart(List<Rebalance.Pool> pools) =>
        pools.GroupBy(p => p.Backend).ToDictionary(g => g.Key, g => g.Max(p => p.Share) - g.Min(p => p.Share));

    [Fact]
    public async Task A_full_pool_gives_to_an_empty_one_and_what_has_snapshots_stays()
    {
        await using var api = await RunningApi.Start(pools: ["p1", "p2"]);
        api.Shares.TotalGb = 100;
        await api.Reported();
        api.Work(all: true);
        var volumes = new List<string>();
        for (var n = 0; n < 6; n++)
        {
            volumes.Add(await api.Volume($"v{n}", 10));
            Assert.Equal("available", await api.Settled($"volumes/{volumes[n]}"));
        }
        var pool = await PoolOf(volumes[0]);
        foreach (var id in volumes.ToList())
            if (await PoolOf(id) != pool)
            {
                volumes.Remove(id);
                await api.Delete($"volumes/{id}");
                Assert.Equal("gone", await api.Settled($"volumes/{id}"));
            }
        Assert.Equal(3, volumes.Count);
        var kept = await api.Snapshot(volumes[0]);
        Assert.Equal("available", await api.Settled($"snapshots/{kept}"));

        using var run = new Run(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", $"{api.Address}/v3/{RunningApi.Project}"));
        Assert.Equal(0, await run.Clinker("pool", "rebalance", "--plan", "-f", "json"));
        var planned = Assert.Single(JsonNode.Parse(run.Out)!.AsArray())!;
        Assert.Contains((string)planned["Volume"]!, volumes.Skip(1));
        Assert.Equal(pool, await PoolOf((string)planned["Volume"]!)); // it was only told

        Assert.True(await run.Clinker("pool", "rebalance") == 0, run.Error);
        Assert.Contains(" 30 % → 20 %\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("  0 % → 10 %\n", run.Out, StringComparison.Ordinal);
        Assert.NotEqual(pool, await PoolOf((string)planned["Volume"]!));
        Assert.Equal(pool, await PoolOf(volumes[0]));

        Assert.Equal(0, await run.Clinker("pool", "rebalance", "--spread", "10"));
        Assert.EndsWith("Nothing is to be moved.\n", run.Out, StringComparison.Ordinal);

        async Task<string> PoolOf(string id) => (await api.Get($"volumes/{id}")).Json.GetProperty("volume").GetProperty("os-vol-host-attr:host").GetString()!;
    }
}
