using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Snapshots;

namespace Clinker.Contracts;

/// <summary>The contract on memory: what simulations learn on it is only worth something while it holds.</summary>
public sealed class MemoryDriverContract : DriverContract
{
    readonly MemoryShares shares = new("a", "b");

    protected override ValueTask<Driver> Open() => ValueTask.FromResult<Driver>(new MemoryDriver("memory", shares));

    protected override ValueTask<string> HalfMake(string pool, string volumeId, long generation) =>
        ValueTask.FromResult(shares.LeaveHalfMade(pool, volumeId, generation));

    protected override ValueTask<string> HalfTake(string pool, Snapshot snapshot, long generation) =>
        ValueTask.FromResult(shares.LeaveHalfTaken(pool, snapshot.Id, generation));

    protected override ValueTask<long?> SizeOf(string pool, string volumeId) =>
        ValueTask.FromResult<long?>(shares.Find(volumeId)!.SizeGb * (1L << 30));

    protected override ValueTask Write(string pool, string volumeId, string content)
    {
        shares.Write(volumeId, content);
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<string> Read(string pool, string id) => ValueTask.FromResult(shares.Find(id)!.Content);

    protected override ValueTask Put(string pool, string name, int sizeGb, string content)
    {
        shares.Put(pool, name, new(sizeGb, content));
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<string?> Found(string pool, string name) => ValueTask.FromResult(shares.Get(pool, name)?.Content);
}
