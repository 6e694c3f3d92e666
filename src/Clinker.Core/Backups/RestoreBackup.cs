using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Backups;

/// <summary>Gives a volume the content of a backup; what is in it is gone then, and not before.</summary>
public sealed record RestoreBackup(string BackupId, string VolumeId) : Operation
{
    const string OnStorage = "restore";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.RestoreBackup;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: both statuses and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">NotFound; Invalid: a state forbids it, or the volume is smaller.</exception>
    public static async Task<Volume> Accept(Tx tx, string backupId, string volumeId, string operationId, string? requestId)
    {
        var backup = await tx.Backups.Move(backupId, BackupRules.Restore);
        await tx.Backups.Chain(backup);
        var volume = await tx.Volumes.Move(volumeId, VolumeRules.RestoreBackup);
        if (backup.SizeGb > volume.SizeGb)
            throw Fault.Invalid.Volume($"volume size {volume.SizeGb} is too small to restore backup of size {backup.SizeGb}.").Thrown();
        var about = new About("volume", volumeId);
        if (volume.Host is null || await tx.Operations.Busy(about))
            throw new Fault.Invalid(VolumeRules.RestoreBackup.Refusal).Thrown();
        await tx.Operations.Start(operationId, new RestoreBackup(backupId, volumeId), PoolName.Parse(volume.Host).Queue, volume.ProjectId,
            requestId, holding: new About("backup", backupId));
        return volume;
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, VolumeId);
        await saga.Step(OnStorage,
            async () =>
            {
                saga.Driver.Demand(Abilities.Content, "fill volumes anew");
                await Writers.DemandNone(saga, VolumeId, "restore the backup");
                await saga.Driver.Refill(volume, await BackupCopy.Restore(saga, BackupId), saga.Replacing);
            },
            undo: () => saga.Driver.Abandon(volume, saga.Work));
        await saga.Finish(tx => Settle(tx, saga.Row, VolumeStatus.Available));
    }

    /// <summary>The volume holds what it held, or all of the backup: which of them is for its owner to find out, unless it was left alone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await Settle(tx, row, await tx.Operations.LeftAlone(row.Id, OnStorage, fault) ? VolumeStatus.Available : VolumeStatus.ErrorRestoring);
        await tx.Messages.Add(row, "VOLUME_BACKUP", BackupId, MessageAction.RestoreBackup, fault);
    }

    async Task Settle(Tx tx, OperationRow row, string to)
    {
        await tx.Volumes.Settle(VolumeId, VolumeStatus.RestoringBackup, to);
        await tx.Backups.Settle(BackupId, BackupStatus.Restoring, BackupStatus.Available);
        await Turns.Next(tx, row, VolumeId);
    }
}
