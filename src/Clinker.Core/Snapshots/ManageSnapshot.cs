using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Managing;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Snapshots.SnapshotStatus;

namespace Clinker.Snapshots;

/// <summary>
/// Makes a snapshot of a file that lies in its volume's pool already, or of one that the volume's files hold and nobody remembers; the volume
/// is held meanwhile.
/// </summary>
/// <param name="Name">The file's, in the pool, or <c>snapshot-ID</c> of one without a file of its own.</param>
public sealed record ManageSnapshot(string SnapshotId, string Name) : Operation
{
    protected internal override About About => new("snapshot", SnapshotId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ManageSnapshot;

    /// <summary>Accepts it: the row, its quota, the holds on its volume and the file, and the operation, in one transaction.</summary>
    /// <param name="asked">Without what it has of its volume: that is taken as it is now, its size until the file's is known.</param>
    /// <exception cref="FaultException">NotFound; Invalid: the volume's state forbids it, or the file is being managed already; OverQuota.</exception>
    public static async Task<Snapshot> Accept(Tx tx, Snapshot asked, string name, QuotaLimits limits, string operationId, string? requestId)
    {
        var (snapshot, volume) = await CreateSnapshot.Insert(tx, asked, VolumeRules.SnapshotEvenInUse, limits);
        var file = await ExistingFiles.Claim(tx, volume.Host!, name);
        await tx.Operations.Start(operationId, new ManageSnapshot(snapshot.Id, name), PoolName.Parse(volume.Host!).Queue, snapshot.ProjectId,
            requestId, holding: [new About("volume", volume.Id), file]);
        return snapshot;
    }

    public override async Task Run(Saga saga)
    {
        var (snapshot, volume) = await saga.Read(async tx =>
        {
            var s = await tx.Snapshots.Get(SnapshotId);
            return (s, await tx.Volumes.Get(s.VolumeId));
        });
        var pool = PoolName.Parse(volume.Host!);
        await saga.HandTo(pool.Queue);
        await FilesTurn.Take(saga, volume.Id);

        var file = await saga.Step("inspect", () => Inspect(saga, pool, volume));

        await saga.Commit("unmanaged", async tx =>
        {
            await ExistingFiles.DemandUnmanaged(tx, file);
            return true;
        });

        var managed = snapshot with { SizeGb = file.SizeGb };
        await saga.Step("manage",
            () => saga.Driver.ManageSnapshot(volume, managed, file.Name, saga.Work),
            undo: () => saga.Driver.GiveBackSnapshot(volume, managed, file.Name, saga.Work));

        await saga.Finish(async tx =>
        {
            await tx.Quotas.GiveBackShrinking(snapshot, file.SizeGb); // its volume may have grown since
            await tx.Snapshots.SetSize(SnapshotId, file.SizeGb);
            await tx.Snapshots.SetProgress(SnapshotId, "100%");
            await tx.Snapshots.Settle(SnapshotId, Creating, Available);
            await Turns.Next(tx, saga.Row, volume.Id);
        });
    }

    async Task<ExistingFile> Inspect(Saga saga, PoolName pool, Volume volume)
    {
        var file = await ExistingFiles.Inspect(saga, pool, Name, "snapshot", of: volume.FileId);
        var why = file.SizeGb > volume.SizeGb ? $"has {file.SizeGb} GiB, its volume only {volume.SizeGb}"
            : volume.Format is not null && file.FileId is null && file.Format != volume.Format ? $"is {file.Format}, its volume {volume.Format}"
            : null;
        return why is null ? file : throw new Fault.DriverFailed("manage the snapshot", $"{Name} {why}.").Thrown();
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Snapshots.Settle(SnapshotId, Creating, Error);
        await tx.Messages.Add(row, "VOLUME_SNAPSHOT", SnapshotId, MessageAction.CreateSnapshot, fault);
        await Turns.Next(tx, row, (await tx.Snapshots.Get(SnapshotId)).VolumeId);
    }

    /// <summary>Gives a snapshot up, as <see cref="ManageVolume.Unmanage"/> does a volume.</summary>
    /// <exception cref="FaultException">NotFound; Invalid when its state forbids it, something is under way with it, or a volume is being made from it.</exception>
    public static async Task Unmanage(Tx tx, string snapshotId)
    {
        var snapshot = await tx.Snapshots.Move(snapshotId, SnapshotRules.Unmanage);
        await DeleteSnapshot.DemandFree(tx, snapshotId, SnapshotRules.Unmanage);
        await DeleteSnapshot.Forget(tx, snapshot);
    }
}
