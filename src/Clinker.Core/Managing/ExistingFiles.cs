using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Managing;

/// <summary>Files that are to become volumes or snapshots: one at a time each, and none that is one already.</summary>
static class ExistingFiles
{
    /// <summary>What keeps a file for the operation that holds it.</summary>
    /// <exception cref="FaultException">Invalid: another has it already.</exception>
    public static async Task<About> Claim(Tx tx, string pool, string name)
    {
        await tx.InTurn(Turn.Managing);
        var file = new About("file", $"{pool}/{name}");
        return await tx.Operations.Held(file) ? throw AlreadyManaged(name).Thrown() : file;
    }

    /// <summary>Looks at it for the first time.</summary>
    /// <param name="kind">What it is to be: volume or snapshot.</param>
    /// <param name="of">The id in the names of the files of the volume that it is to be a snapshot of.</param>
    /// <exception cref="FaultException">DriverFailed: there is none, or it can't be managed.</exception>
    public static async Task<ExistingFile> Inspect(Saga saga, PoolName pool, string name, string kind, string? of = null)
    {
        saga.Driver.Demand(Abilities.Manage, "manage what exists already");
        var verb = $"manage the {kind}";
        var file = await saga.Driver.Inspect(pool.Pool, name, saga.Work.Token, of)
            ?? throw new Fault.DriverFailed(verb, $"there is no file {name} in pool {pool}.").Thrown();
        var why = file.WhyNot
            ?? (file.FileId is null ? null
                : file.As!.Value.Kind != kind ? $"it is a {file.As.Value.Kind}"
                : of is not null && file.FileId != of ? "it is a snapshot of another volume"
                : null);
        return why is null ? file : throw new Fault.DriverFailed(verb, $"{name}: {why}.").Thrown();
    }

    /// <exception cref="FaultException">Invalid: it is a volume's or a snapshot's that there is, or that somebody is at work on.</exception>
    public static async Task DemandUnmanaged(Tx tx, ExistingFile file)
    {
        await tx.InTurn(Turn.Managing);
        var managed = file.As switch
        {
            { Kind: "volume" } of => await tx.Volumes.Owns(of.Id),
            { Kind: "snapshot" } of => await tx.Snapshots.Find(of.Id) is not null || await tx.Operations.Held(of),
            _ => false,
        };
        if (managed) throw AlreadyManaged(file.Name).Thrown();
    }

    // Cinder: exception.ManageExistingAlreadyManaged.
    static Fault.Invalid AlreadyManaged(string name) => new($"Unable to manage existing volume. Volume {name} already managed.");
}
