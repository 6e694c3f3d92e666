using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Managing;

/// <summary>
/// Compares what lies in a pool with what is remembered of it, beside all work that is under way, and repairs what is certain: work of the
/// backend, for whose end the request that asks waits. What it repairs it has for itself: the turn at the files of those volumes.
/// </summary>
/// <param name="Pool"><c>host@backend#pool</c>.</param>
/// <param name="Repair">Whether anything is changed.</param>
public sealed record CheckShare(string Pool, bool Repair) : Operation
{
    /// <summary>So much is told, and repaired, at a time.</summary>
    public const int MostFindings = 1000;
    const string Look = "look", Mend = "repair";

    protected internal override About About => new("pool", Pool);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CheckShare;

    public static Task Accept(Tx tx, CheckShare check, string? projectId, string operationId, string? requestId) =>
        tx.Operations.StartHanded(operationId, check, PoolName.Parse(check.Pool).Queue, projectId, requestId);

    /// <summary>What an operation that has ended well has found.</summary>
    public static async Task<IReadOnlyList<Finding>> Told(Tx tx, string operationId)
    {
        var journal = await tx.Operations.Journal(operationId);
        var last = journal.Find(e => e is { Step: Mend, Event: JournalEvent.Done }) ?? journal.Find(e => e is { Step: Look, Event: JournalEvent.Done });
        return JsonSerializer.Deserialize(last!.Data!, CoreJson.Default.IReadOnlyListFinding)!;
    }

    public override async Task Run(Saga saga)
    {
        var pool = PoolName.Parse(Pool);
        await saga.HandTo(pool.Queue);
        var found = await saga.Step(Look, async () => (IReadOnlyList<Finding>)
            [.. (await saga.Driver.Check(pool.Pool, () => saga.Read(Rows), saga.Work.Token)).Take(MostFindings)]);
        if (Repair)
        {
            var mine = await saga.Commit("turns", tx => Turns(tx, saga.Row, found));
            await saga.Step(Mend, () => Mended(saga, pool.Pool, found, mine));
        }
        await saga.Finish(tx => { tx.Tell(saga.Row); return Task.CompletedTask; });
    }

    public override Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        tx.Tell(row);
        return Task.CompletedTask;
    }

    async Task<PoolRows> Rows(Tx tx)
    {
        var snapshots = (await tx.Snapshots.In(Pool)).ToLookup(s => s.VolumeId);
        var volumes = (await tx.Volumes.In(Pool)).ToDictionary(v => v.FileId, v => new VolumeRow(v, [.. snapshots[v.Id]]));
        var busy = await tx.Operations.AtWork();
        foreach (var (fileId, row) in volumes)
            if (busy.Contains(row.Volume.Id) || row.Snapshots.Any(s => busy.Contains(s.Id))) busy.Add(fileId);
        return new(volumes, (await tx.Pools.Files(Pool)).Where(f => !volumes.ContainsKey(f)).ToHashSet(), busy);
    }

    /// <summary>Takes the turn at all files that are to be repaired; which of them nobody else has.</summary>
    static async Task<IReadOnlyList<string>> Turns(Tx tx, OperationRow row, IReadOnlyList<Finding> found)
    {
        var mine = new List<string>();
        foreach (var fileId in found.Where(IsToBeMended).SelectMany(f => f.Ids).Distinct().Order(StringComparer.Ordinal))
            if (await FilesTurn.TryTake(tx, row, fileId)) mine.Add(fileId);
        return mine;
    }

    static async Task<IReadOnlyList<Finding>> Mended(Saga saga, string pool, IReadOnlyList<Finding> found, IReadOnlyList<string> mine)
    {
        var (free, all) = (mine.ToHashSet(), new List<Finding>());
        foreach (var one in found)
            all.Add(!IsToBeMended(one) ? one : !one.Ids.All(free.Contains) ? one with { State = FlawState.Busy } : await Mended(one));
        return all;

        async Task<Finding> Mended(Finding one)
        {
            try { return await saga.Driver.Mend(pool, one, saga.Work) ? one with { State = FlawState.Repaired } : one; }
            catch (FaultException e) when (e.Fault is Fault.DriverFailed failed) { return one with { CanRepair = false, Fix = $"its repair failed: {failed.Why}" }; } // the others are repaired all the same
        }
    }

    static bool IsToBeMended(Finding found) => found is { CanRepair: true, State: FlawState.Found };
}
