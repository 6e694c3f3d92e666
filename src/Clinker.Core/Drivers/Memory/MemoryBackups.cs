using System.Collections.Concurrent;
using Clinker.Operations;

namespace Clinker.Drivers.Memory;

/// <summary>What outlives a daemon: the objects of a <see cref="MemoryBackups"/>, and what is wrong with it.</summary>
public sealed class MemoryObjects
{
    /// <summary>By name; those under work begin with a dot and end in the lease that makes them.</summary>
    public ConcurrentDictionary<string, byte[]> All { get; } = new();

    /// <summary>How often each was published.</summary>
    public ConcurrentDictionary<string, int> Published { get; } = new();

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
        var mine = $"{name.Folder}/.{name.Name}.{work.Operation}.g{work.Generation}";
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
        objects.Published.AddOrUpdate(name.ToString(), 1, (_, times) => times + 1);
    }

    public override async Task<byte[]?> Get(ObjectName name, int most, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        await Touch("get object");
        var bytes = objects.All.GetValueOrDefault(name.ToString());
        return bytes is null || bytes.Length <= most ? bytes : throw new Fault.DriverFailed("read the backup", $"{name} is too long.").Thrown();
    }

    public override async Task<int?> Read(ObjectName name, long offset, Memory<byte> into, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        await Touch("read object");
        if (objects.All.GetValueOrDefault(name.ToString()) is not { } bytes) return null;
        var piece = bytes.AsMemory((int)Math.Min(offset, bytes.Length));
        piece = piece[..Math.Min(piece.Length, into.Length)];
        piece.CopyTo(into);
        return piece.Length;
    }

    public override async Task<List<string>> Names(Folder folder, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        await Touch("list objects");
        return [.. In(folder).Where(n => !n.StartsWith('.'))];
    }

    public override async Task TakeOver(BackupPlace place, Work work)
    {
        work.Token.ThrowIfCancellationRequested();
        await Touch("take over objects");
        foreach (var name in In(place.Folder))
            if (name.StartsWith('.')) objects.All.TryRemove($"{place}/{name}", out _);
    }

    public override async Task Remove(Folder folder, IReadOnlyCollection<string> names, Work work)
    {
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch("remove objects");
        foreach (var name in names) objects.All.TryRemove($"{folder}/{name}", out _);
    }

    IEnumerable<string> In(Folder folder) => objects.All.Keys
        .Where(k => k.StartsWith($"{folder}/", StringComparison.Ordinal)).Select(k => k[(folder.Path.Length + 1)..]).Where(n => !n.Contains('/'));

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
