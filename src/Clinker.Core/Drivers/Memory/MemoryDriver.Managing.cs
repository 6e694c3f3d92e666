using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Drivers.Memory;

// As on a real file system: two names may lead to one file, which is the same object here.
public sealed partial class MemoryDriver
{
    public override Task<IReadOnlyList<FoundFile>> ListFiles(string pool, CancellationToken token)
    {
        Reach(pool);
        return Task.FromResult<IReadOnlyList<FoundFile>>(
            [.. Files.Keys.Where(k => k.Pool == pool && !MemoryShares.IsWork(k.File)).Select(k => new FoundFile(k.File, As(k.File)))]);
    }

    public override async Task<ExistingFile?> Inspect(string pool, string name, CancellationToken token, string? of = null)
    {
        Reach(pool);
        token.ThrowIfCancellationRequested();
        await Touch("inspect");
        return Look(pool, name);
    }

    public override async Task<VolumeOnDisk> Manage(Volume volume, string name, Work work)
    {
        const string verb = "manage";
        if (volume.NameId is null) await Take(Reach(volume), VolumeFile(volume), name, volume.SizeGb, work, verb);
        else
        {
            await work.StillHeld();
            await Touch($"{verb}: take up");
            Demand(Reach(volume), name, volume.SizeGb, verb);
            Files[(Reach(volume), name)] = Files[(Reach(volume), name)] with { IsSeveral = false };
        }
        return new(volume.Pool, "raw");
    }

    public override async Task GiveBack(Volume volume, string name, Work work)
    {
        if (volume.NameId is null) await GiveBack(Reach(volume), VolumeFile(volume), name, work, "give back");
        else if (Files.TryGetValue((Reach(volume), name), out var file)) Files[(Reach(volume), name)] = file with { IsSeveral = true };
    }

    public override Task ManageSnapshot(Volume volume, Snapshot snapshot, string name, Work work) =>
        Take(Reach(volume), SnapshotFile(snapshot), name, snapshot.SizeGb, work, "manage snapshot");

    public override Task GiveBackSnapshot(Volume volume, Snapshot snapshot, string name, Work work) =>
        GiveBack(Reach(volume), SnapshotFile(snapshot), name, work, "give back snapshot");

    ExistingFile? Look(string pool, string name)
    {
        if (MemoryShares.IsWork(name) || Files.GetValueOrDefault((pool, name)) is not { } file) return null;
        var names = Files.Count(f => f.Key.Pool == pool && ReferenceEquals(f.Value, file));
        return new(name, file.SizeGb, "raw", file.SizeGb == 0 ? "it is empty" : names > 1 ? "it has several names" : null, As(name),
            FileId: file.IsSeveral ? As(name)?.Id : null);
    }

    void Demand(string pool, string name, int sizeGb, string verb)
    {
        var found = Look(pool, name) ?? throw new Fault.DriverFailed(verb, $"{name} is not in pool {pool}.").Thrown();
        if (found.WhyNot is { } why) throw new Fault.DriverFailed(verb, $"{name}: {why}.").Thrown();
        if (found.SizeGb != sizeGb) throw new Fault.DriverFailed(verb, $"{name} has changed meanwhile.").Thrown();
    }

    async Task Take(string pool, string file, string name, int sizeGb, Work work, string verb)
    {
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch($"{verb}: name");
        if (!Files.ContainsKey((pool, file)))
        {
            Demand(pool, name, sizeGb, verb);
            Files.TryAdd((pool, file), Files[(pool, name)]);
        }
        await work.StillHeld();
        await Touch($"{verb}: old name");
        if (Same(pool, file, name)) Files.TryRemove((pool, name), out _);
    }

    async Task GiveBack(string pool, string file, string name, Work work, string verb)
    {
        work.Token.ThrowIfCancellationRequested();
        await work.StillHeld();
        await Touch($"{verb}: old name");
        if (!Files.TryGetValue((pool, file), out var taken)) return;
        if (!Files.TryAdd((pool, name), taken) && !Same(pool, file, name))
            throw new Fault.DriverFailed(verb, $"there is another {name} by now.").Thrown();
        await Touch($"{verb}: name");
        Files.TryRemove((pool, file), out _);
    }

    bool Same(string pool, string file, string name) =>
        Files.TryGetValue((pool, name), out var old) && ReferenceEquals(old, Files.GetValueOrDefault((pool, file)));

    static About? As(string file) => (file.StartsWith("volume-", StringComparison.Ordinal) || file.StartsWith("snapshot-", StringComparison.Ordinal))
        && Guid.TryParseExact(file[(file.IndexOf('-', StringComparison.Ordinal) + 1)..], "D", out var id)
            ? new(file[..file.IndexOf('-', StringComparison.Ordinal)], id.ToString()) : null;
}
