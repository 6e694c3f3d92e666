using System.Collections.Concurrent;
using Clinker.Operations;

namespace Clinker.Drivers.Memory;

/// <summary>What outlives a daemon: the objects of a <see cref="MemoryBackups"/>, and what is wrong with it.</summary>
public sealed class MemoryObjects
{
    /// <summary>By name; those under work end in the lease that makes them.</summary>
    public ConcurrentDictionary<string, byte[]> All { get; } = new();

    /// <summary>Why it does not answer now; null when it does.</summary>
    public string? Down { get; set; }
}

/// <summary>Backups without storage, for tests: it keeps to the contract of <see cref="BackupStore"/> in every respect.</summary>
/// <param name="touch">Awaited before each act: where a simulation ends, delays or fails it.</param>
public sealed class MemoryBackups(MemoryObjects objects, Func<string, Task>? touch = null) : BackupStore
{
    public override string Service => "memory";

    public override Task<string?> Report(CancellationToken token) => Task.FromResult(objects.Down);

    public override async Task Put(ObjectName name, ReadOnlyMemory<byte> bytes, Work work)
    {
        work.Token.ThrowIfCancellationRequested();
        var mine = $"{name}.{work.Operation}.g{work.Generation}";
        await Touch("put object: make");
        objects.All[mine] = bytes.ToArray();
        try { await work.StillHeld(); }
        catch
        {
            objects.All.TryRemove(mine, out _);
            throw;
        }
        await Touch("put object: publish");
        if (!objects.All.TryRemove(mine, out var made)) throw new Fault.BackendDown(Service, "the object under work is gone").Thrown();
        objects.All[name.ToString()] = made;
    }

    public override async Task<byte[]?> Get(ObjectName name, int most, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        await Touch("get object");
        var bytes = objects.All.GetValueOrDefault(name.ToString());
        return bytes is null || bytes.Length <= most ? bytes : throw new Fault.DriverFailed("read the backup", $"{name} is too long.").Thrown();
    }

    public override async Task Remove(BackupPlace place, Work work)
    {
        work.Token.ThrowIfCancellationRequested();
        await Touch("remove backup: index");
        objects.All.TryRemove(new ObjectName(place, "index").ToString(), out _);
        await Touch("remove backup: objects");
        foreach (var name in objects.All.Keys)
            if (name.StartsWith($"{place}/", StringComparison.Ordinal)) objects.All.TryRemove(name, out _);
    }

    Task Touch(string point)
    {
        if (objects.Down is { } why) throw new Fault.BackendDown(Service, why).Thrown();
        return touch?.Invoke(point) ?? Task.CompletedTask;
    }
}
