using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary>
/// <c>clinker pool rebalance</c>: moves volumes from pool to pool of a backend, one after the other, until all are as full. For admins. A volume
/// that is moved is whole where it was until it is where it goes to: so this may be stopped at any time, and begun again.
/// </summary>
internal static class Rebalance
{
    const int DefaultSpread = 10, BarWidth = 20;
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A pool, and what lies in it. GiB.</summary>
    internal sealed record Pool(string Name, double TotalGb)
    {
        public double AllocatedGb { get; set; }
        public string Backend => Name.Split('#')[0];
        public double Share => AllocatedGb / TotalGb;
    }

    /// <summary>A volume.</summary>
    /// <param name="Movable">Whether it may be moved now: nobody has it or moves it, and it has no snapshots and no group.</param>
    internal sealed record Volume(string Id, string? Name, int SizeGb, string Pool, bool Movable);

    internal sealed record Move(Volume Volume, string From, string To);

    public static Command Make(Session session)
    {
        var command = new Command("rebalance", "Move volumes between the pools of a backend until these are as full as one another. Only volumes that nobody "
            + "uses and that have no snapshots are moved, one at a time. It may be stopped, and begun again, at any time.");
        var plan = Opt.Flag("--plan", "Only tell what would be moved");
        var backend = Opt.Text("--backend", "host", "Only of this backend: host@backend-name (default: all)");
        var spread = Opt.Number("--spread", "percent", $"How far the fullest and the emptiest pool may stay apart, of their sizes (default {DefaultSpread})", least: 1);
        command.With(plan, backend, spread);
        var output = OutputOptions.ForList(command, session.Terminal);
        command.SetAction(async (parse, token) =>
        {
            using var api = await session.Connect(parse, token);
            var pools = await Pools(api, parse.GetValue(backend), token);
            var before = pools.ToDictionary(p => p.Name, p => p.Share);
            var moves = Plan(pools, await Volumes(api, token), (parse.GetValue(spread) ?? DefaultSpread) / 100.0);
            if (output.IsAsked(parse) || moves.Count > 0)
                output.Write(parse, new Listing(["Volume", "Name", "Size", "From", "To"],
                    [.. moves.Select(m => new Cell[] { m.Volume.Id, m.Volume.Name, m.Volume.SizeGb, m.From, m.To })]));
            if (!output.IsAsked(parse)) await session.Terminal.Out.WriteAsync(Picture(pools, before) + (moves.Count == 0 ? "Nothing is to be moved.\n" : ""));
            if (parse.GetValue(plan)) return 0;
            var parts = new Parts(session.Terminal, "rebalance");
            foreach (var (move, n) in moves.Select((m, i) => (m, i + 1)))
                await parts.Do($"move {move.Volume.Name ?? move.Volume.Id}", () => Run(api, session.Terminal, move, $"{n} of {moves.Count}", token));
            parts.End();
            return 0;
        });
        return command;
    }

    /// <summary>What is to be moved, in this order; the pools have it all afterwards.</summary>
    /// <param name="spread">How far shares may be apart.</param>
    internal static List<Move> Plan(IReadOnlyList<Pool> pools, IReadOnlyList<Volume> volumes, double spread)
    {
        var moves = new List<Move>();
        foreach (var of in pools.GroupBy(p => p.Backend, StringComparer.Ordinal))
        {
            var left = volumes.Where(v => v.Movable && of.Any(p => p.Name == v.Pool)).OrderBy(v => v.Id, StringComparer.Ordinal).ToList();
            while (true)
            {
                var (full, empty) = (of.MaxBy(p => p.Share)!, of.MinBy(p => p.Share)!);
                var apart = full.Share - empty.Share;
                if (apart <= spread) break;
                (double Full, double Empty) With(Volume v) => (full.Share - v.SizeGb / full.TotalGb, empty.Share + v.SizeGb / empty.TotalGb);
                double After(Volume v) => With(v) is var (f, e) ? Math.Abs(f - e) : 0;
                // A small pool has a large share of it: it may become emptier than the emptiest, or fuller than the fullest.
                bool IsWithin(Volume v) => With(v) is var (f, e) && f >= empty.Share && e <= full.Share;
                // What would only turn them round is left where it is.
                if (left.Where(v => v.Pool == full.Name && IsWithin(v) && After(v) < apart).MinBy(After) is not { } best) break;
                left.Remove(best);
                full.AllocatedGb -= best.SizeGb;
                empty.AllocatedGb += best.SizeGb;
                moves.Add(new(best, full.Name, empty.Name));
            }
        }
        return moves;
    }

    static async Task<List<Pool>> Pools(BlockStorage api, string? backend, CancellationToken token) =>
        [.. ((await api.Get("scheduler-stats/get_pools?detail=True", token))["pools"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(p => (Name: (string)p["name"]!, Capabilities: p["capabilities"] as JsonObject ?? []))
            .Where(p => (string?)p.Capabilities["backend_state"] != "down" && (backend is null || p.Name.Split('#')[0] == backend))
            .Select(p => new Pool(p.Name, Number(p.Capabilities["total_capacity_gb"])) { AllocatedGb = Number(p.Capabilities["allocated_capacity_gb"]) })
            .Where(p => p.TotalGb > 0)];

    static double Number(JsonNode? number) => number?.GetValueKind() == System.Text.Json.JsonValueKind.Number ? (double)number : 0;

    static async Task<List<Volume>> Volumes(BlockStorage api, CancellationToken token)
    {
        var frozen = (await api.List("snapshots/detail", [("all_tenants", "1")], "snapshots", token)).Select(s => (string?)s["volume_id"]).ToHashSet();
        return [.. (await api.List("volumes/detail", [("all_tenants", "1")], "volumes", token)).Select(v => new Volume(
            (string)v["id"]!, (string?)v["name"], (int)v["size"]!, (string?)v["os-vol-host-attr:host"] ?? "",
            (string?)v["status"] == "available" && (string?)v["migration_status"] is null or "success" or "error" && v["attachments"] is not JsonArray { Count: > 0 } && (string?)v["group_id"] is null && !frozen.Contains((string?)v["id"])))];
    }

    static async Task Run(BlockStorage api, Terminal terminal, Move move, string which, CancellationToken token)
    {
        var (path, began) = ($"volumes/{move.Volume.Id}", terminal.Clock.GetTimestamp());
        await api.Act(path, "os-migrate_volume", new JsonObject { ["host"] = move.To, ["lock_volume"] = true }, token);
        while (true)
        {
            var status = (string?)((await api.Get(path, token))["volume"] as JsonObject)?["migration_status"];
            if (status == "success") break;
            if (status == "error") throw new CliFault($"Volume {move.Volume.Id} was not moved to {move.To}, and is where it was: clinker operation list tells why.");
            await Task.Delay(Pause, terminal.Clock, token);
        }
        await terminal.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{which}: {move.Volume.Name ?? move.Volume.Id}, {move.Volume.SizeGb} GiB, is in {move.To} ({terminal.Clock.GetElapsedTime(began).TotalSeconds:0.0} s)"));
    }

    /// <summary>How full each pool is, and will be.</summary>
    static string Picture(List<Pool> pools, Dictionary<string, double> before)
    {
        var width = pools.Count == 0 ? 0 : pools.Max(p => p.Name.Length);
        return string.Concat(pools.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p =>
        {
            var (was, now) = (before[p.Name], p.Share);
            var filled = (int)Math.Round(Math.Clamp(now, 0, 1) * BarWidth);
            return string.Create(CultureInfo.InvariantCulture,
                $"{p.Name.PadRight(width)}  {new string('█', filled)}{new string('░', BarWidth - filled)}  {was * 100,3:0} % → {now * 100:0} %\n");
        }));
    }
}
