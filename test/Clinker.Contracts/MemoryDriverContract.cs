using Clinker.Drivers;
using Clinker.Drivers.Memory;

namespace Clinker.Contracts;

/// <summary>The contract on memory: what simulations learn on it is only worth something while it holds.</summary>
public sealed class MemoryDriverContract : DriverContract
{
    readonly MemoryShares shares = new("a", "b");

    protected override ValueTask<Driver> Open() => ValueTask.FromResult<Driver>(new MemoryDriver("memory", shares));

    protected override ValueTask<string> HalfMake(string pool, string volumeId, long generation) =>
        ValueTask.FromResult(shares.LeaveHalfMade(pool, volumeId, generation));
}
