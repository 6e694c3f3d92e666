using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Snapshots.SnapshotStatus;

namespace Clinker.Snapshots;

/// <summary>Takes a snapshot. Its volume is held meanwhile, so it is neither deleted, nor extended, nor reverted.</summary>
public sealed record CreateSnapshot(string SnapshotId) : Operation
{
    protected internal override About About => new("snapshot", SnapshotId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateSnapshot;

    /// <summary>Not once the compute service may have been asked: what it does is not to be stopped.</summary>
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => !AssistedSnapshot.HasBegun(journal);

    /// <summary>Accepts a new snapshot of a volume: its row, its quota and the operation, in one transaction.</summary>
    /// <param name="asked">Without what it has of its volume: that is taken as it is now.</param>
    /// <param name="rule">Whether of a volume in use too.</param>
    /// <exception cref="FaultException">NotFound; Invalid: the volume's state forbids it; OverQuota.</exception>
    public static async Task<Snapshot> Accept(
        Tx tx, Snapshot asked, Rule rule, QuotaLimits limits, string operationId, string? requestId)
    {
        var (snapshot, volume) = await Insert(tx, asked, rule, limits);
        await tx.Operations.Start(operationId, new CreateSnapshot(snapshot.Id), PoolName.Parse(volume.Host!).Queue, snapshot.ProjectId,
            requestId, holding: new About("volume", volume.Id));
        return snapshot;
    }

    /// <summary>The row and the quota, if its volume allows it; in the transaction that starts what takes it.</summary>
    internal static async Task<(Snapshot Snapshot, Volume Volume)> Insert(Tx tx, Snapshot asked, Rule rule, QuotaLimits limits)
    {
        DemandFit(await tx.Volumes.Get(asked.VolumeId, @lock: true));
        var volume = await tx.Volumes.Move(asked.VolumeId, rule);
        var snapshot = asked with
        {
            SizeGb = volume.SizeGb,
            VolumeTypeId = volume.VolumeTypeId,
            EncryptionKeyId = volume.EncryptionKeyId,
            ImageMetadata = volume.ImageMetadata,
        };
        await tx.Snapshots.Insert(snapshot);
        await tx.Quotas.Take(snapshot, limits);
        return (snapshot, volume);
    }

    /// <summary>What forbids it whatever the request says (Cinder: API._create_snapshot_in_db_validate).</summary>
    static void DemandFit(Volume volume)
    {
        var why = volume switch
        {
            { Host: null } => "The snapshot cannot be created because volume has not been scheduled to any host.",
            { Status: VolumeStatus.Maintenance } => "The snapshot cannot be created when the volume is in maintenance mode.",
            { IsMigrating: true } => "Snapshot cannot be created while volume is migrating.",
            { Status: VolumeStatus.Error } => "The snapshot cannot be created when the volume is in error status.",
            _ => null,
        };
        if (why is not null) throw Fault.Invalid.Volume(why).Thrown();
    }

    public override async Task Run(Saga saga)
    {
        var (snapshot, volume) = await saga.Read(async tx =>
        {
            var s = await tx.Snapshots.Get(SnapshotId);
            return (s, await tx.Volumes.Get(s.VolumeId));
        });
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        var quiet = await FilesTurn.Take(saga, volume.Id);
        var hosts = await InSteps(saga, volume, snapshot, quiet);
        await saga.Finish(async tx =>
        {
            await Connections.Note(tx, volume.Id, hosts);
            await tx.Snapshots.SetProgress(SnapshotId, "100%");
            await tx.Snapshots.Settle(SnapshotId, Creating, Available);
            await Turns.Next(tx, saga.Row, volume.Id);
        });
    }

    /// <summary>Takes it, in steps, for an operation that has the turn at the volume's files; for its end what the hosts are to be told from now on.</summary>
    /// <param name="quiet">Whether nobody reads or writes the volume.</param>
    /// <param name="what">What can't be done without it.</param>
    internal static async Task<IReadOnlyList<Renewed>> InSteps(Saga saga, Volume volume, Snapshot snapshot, bool quiet, string what = AssistedSnapshot.Verb)
    {
        var taken = await saga.Step("snapshot", // not so when the compute service has to help
            async () =>
            {
                if (await AssistedSnapshot.IsNeeded(saga, volume.Id))
                {
                    await AssistedSnapshot.Demand(saga, volume.Id, what);
                    return false;
                }
                await Take(saga, volume, snapshot);
                return true;
            },
            undo: () => saga.Driver.DeleteSnapshot(volume, snapshot, saga.Work, quiet));
        return taken ? [] : await AssistedSnapshot.Take(saga, volume, snapshot, what);
    }

    /// <summary>Of a volume in use only where the backend keeps to one moment then too.</summary>
    /// <param name="evenInUse">Otherwise it is refused while a host has the volume.</param>
    internal static async Task Take(Saga saga, Volume volume, Snapshot snapshot, bool evenInUse = true)
    {
        if (!evenInUse && await Writers.Any(saga, volume.Id))
            throw new Fault.DriverFailed("take snapshots of one moment", $"volume {volume.Id} is in use, and volumes that are written to have no moment in common. Detach it first.") { NamesNothing = true }.Thrown();
        if (await AssistedSnapshot.IsNeeded(saga, volume.Id)) // one of several
            throw new FaultException(new Fault.DriverFailed(AssistedSnapshot.Verb,
                $"the compute service freezes one volume at a time, and volume {volume.Id} is in use. Detach it first, or take a snapshot of each volume.") { NamesNothing = true })
            {
                NothingDone = true,
            };
        await saga.Driver.CreateSnapshot(await Writers.ToCopy(saga, volume.Id, "take snapshots of volumes in use"), snapshot, saga.Work);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Snapshots.Settle(SnapshotId, Creating, Error);
        await tx.Messages.Add(row, "VOLUME_SNAPSHOT", SnapshotId, MessageAction.CreateSnapshot, fault);
        await Turns.Next(tx, row, (await tx.Snapshots.Get(SnapshotId)).VolumeId);
    }
}
