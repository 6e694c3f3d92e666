using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Managing;

/// <summary>Looks what lies in a pool that could be managed, or is: work of the backend, for whose end the request that asks waits.</summary>
/// <param name="Pool"><c>host@backend#pool</c>.</param>
/// <param name="Kind">volume or snapshot: of those that are managed the other kind is left out.</param>
/// <param name="Sort">The first key first; names decide what is left equal.</param>
/// <param name="Marker">The name after which to begin; null: at the beginning.</param>
public sealed record ListManageable(
    string Pool, string Kind, IReadOnlyList<ManageableOrder> Sort, int Limit, int Offset, string? Marker) : Operation
{
    const string Look = "list";

    protected internal override About About => new("pool", Pool);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ListManageable;

    public static Task Accept(Tx tx, ListManageable list, string? projectId, string operationId, string? requestId) =>
        tx.Operations.StartHanded(operationId, list, PoolName.Parse(list.Pool).Queue, projectId, requestId);

    /// <summary>What an operation that has ended well has found.</summary>
    public static async Task<IReadOnlyList<Manageable>> Told(Tx tx, string operationId) =>
        JsonSerializer.Deserialize(
            (await tx.Operations.Journal(operationId)).Find(e => e is { Step: Look, Event: JournalEvent.Done })!.Data!,
            CoreJson.Default.IReadOnlyListManageable)!;

    public override async Task Run(Saga saga)
    {
        var pool = PoolName.Parse(Pool);
        await saga.HandTo(pool.Queue);
        await saga.Step(Look, () => Page(saga, pool.Pool));
        await saga.Finish(tx => { tx.Tell(saga.Row); return Task.CompletedTask; });
    }

    public override Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        tx.Tell(row);
        return Task.CompletedTask;
    }

    async Task<IReadOnlyList<Manageable>> Page(Saga saga, string pool)
    {
        saga.Driver.Demand(Abilities.Manage, "list what could be managed");
        var (volumes, snapshots, others) = await saga.Read(async tx => (await tx.Volumes.ByFile(), await tx.Snapshots.ByFile(), (await tx.Pools.Files(Pool)).ToHashSet()));
        var all = await saga.Driver.ListFiles(pool, saga.Work.Token);
        var names = all.Where(f => f.As is { Kind: "volume" }).DistinctBy(f => f.As).ToDictionary(f => f.As!.Value.Id, f => f.Name);
        var found = all.Where(MayBe).ToList();
        var bySize = Sort.Any(k => k.BySize);
        var sizes = new Dictionary<string, Manageable?>();
        if (bySize)
            foreach (var file in found) sizes[file.Name] = await Seen(file);
        found.Sort(Compare);
        var from = Marker is null ? 0 : found.FindIndex(f => f.Name == Marker) + 1;
        if (Marker is not null && from == 0) throw Fault.Invalid.Input($"marker not found: {Marker}").Thrown();

        var page = new List<Manageable>();
        var skipped = 0;
        foreach (var file in found.Skip(from))
        {
            if (page.Count >= Limit) break;
            if ((bySize ? sizes[file.Name] : await Seen(file)) is { } seen && skipped++ >= Offset) page.Add(seen);
        }
        return page;

        // A further file of a volume's is a snapshot, or nothing; but where the first one is gone, which Cinder's driver did, it is the volume.
        bool MayBe(FoundFile file) => file.PartOf is { } volume
            ? Kind == "snapshot" || !names.ContainsKey(volume)
            : file.As is not { } of || of.Kind == Kind || !(of.Kind == "volume" ? volumes.ContainsKey(of.Id) : snapshots.ContainsKey(of.Id));

        // What is managed may be in use: it is not looked at, but for where its snapshots are.
        async Task<Manageable?> Seen(FoundFile file) =>
            Known(file.Name, file.As) is { } known ? known
                : await saga.Driver.Inspect(pool, file.Name, saga.Work.Token) is not { } seen ? null
                : file.PartOf is not { } volume ? new(file.Name, seen.SizeGb, seen.WhyNot ?? (seen.As is { Kind: "volume" } of && others.Contains(of.Id) ? Moving : null))
                : seen.As?.Kind != Kind ? null
                : Known(file.Name, seen.As) is { } part ? part with { VolumeName = seen.VolumeName }
                : Kind == "volume" ? new(file.Name, seen.SizeGb, seen.WhyNot)
                : new(file.Name, seen.SizeGb, seen.WhyNot ?? (volumes.ContainsKey(volume) ? null : VolumeUnmanaged), VolumeName: seen.VolumeName);

        Manageable? Known(string name, About? what) => what switch
        {
            { Kind: "volume" } of when volumes.TryGetValue(of.Id, out var volume) => new(name, volume.SizeGb, Managed, volume.Id),
            { Kind: "snapshot" } of when snapshots.TryGetValue(of.Id, out var snapshot) =>
                new(name, snapshot.SizeGb, Managed, of.Id, names.GetValueOrDefault(snapshot.VolumeFile)),
            _ => null,
        };

        int Compare(FoundFile a, FoundFile b)
        {
            foreach (var key in Sort)
            {
                var order = key.BySize ? Nullable.Compare(sizes[a.Name]?.SizeGb, sizes[b.Name]?.SizeGb) : string.CompareOrdinal(a.Name, b.Name);
                if (order != 0) return key.Descending ? -order : order;
            }
            return string.CompareOrdinal(a.Name, b.Name);
        }
    }

    // Cinder's words (drivers/remotefs.py, _is_volume_manageable).
    const string Managed = "Volume already managed.";
    const string Moving = "a volume has moved away from it, or is being moved there";
    const string VolumeUnmanaged = "its volume is not managed: manage that first";
}

/// <summary>What a list of manageable things is sorted by: size, or else name.</summary>
public sealed record ManageableOrder(bool BySize, bool Descending);

/// <summary>Something in a pool that could be managed, or is.</summary>
/// <param name="WhyNot">Why it can't be; null when it can.</param>
/// <param name="Id">Of the volume or snapshot that it is already; null for none.</param>
/// <param name="VolumeName">Of a snapshot that is managed: the name of its volume's file.</param>
public sealed record Manageable(string Name, int SizeGb, string? WhyNot, string? Id = null, string? VolumeName = null);
