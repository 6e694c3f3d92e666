using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Backups.BackupStatus;

namespace Clinker.Backups;

/// <summary>Copies what is in a volume or a snapshot to where backups are kept. It runs where that can be read.</summary>
/// <param name="TemporarySnapshotId">Of a volume in use: the snapshot that is taken for it and goes with its end (<see cref="Moment"/>); else null.</param>
public sealed record CreateBackup(
    string BackupId, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? TemporarySnapshotId = null) : Operation
{
    protected internal override About About => new("backup", BackupId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateBackup;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => Moment.MayBeCancelled(journal);

    /// <summary>Accepts a new backup: its row, its quota, the status of what it is of and the operation, in one transaction.</summary>
    /// <param name="asked">Without what it has of its volume and its parent: that is taken as it is now.</param>
    /// <param name="force">Whether of a volume in use too.</param>
    /// <param name="temporaryId">The id for a snapshot, should one be needed.</param>
    /// <exception cref="FaultException">NotFound; Invalid: a state forbids it, or there is nothing to be an increment of; OverQuota.</exception>
    public static async Task<Backup> Accept(Tx tx, Backup asked, bool incremental, bool force, QuotaLimits limits, string temporaryId,
        string operationId, string? requestId)
    {
        var volume = await tx.Volumes.Get(asked.VolumeId, @lock: true);
        var snapshot = asked.SnapshotId is { } of ? await Take(tx, volume, of) : null;
        if (snapshot is null) await Take(tx, volume, force);
        if (volume.Host is not { } host) throw Fault.Invalid.Volume($"Volume {volume.Id} lies on no backend.").Thrown();
        string? parent = null;
        if (incremental)
        {
            parent = await tx.Backups.NewestOf(volume.Id, asked.ProjectId, before: snapshot?.CreatedAt)
                ?? throw new Fault.Invalid(BackupRules.Base.Refusal).Thrown();
            await tx.Backups.Move(parent, BackupRules.Base); // it can't be deleted from here on
        }
        var backup = await tx.Backups.Insert(asked with
        {
            ParentId = parent,
            SizeGb = snapshot?.SizeGb ?? volume.SizeGb,
            EncryptionKeyId = volume.EncryptionKeyId,
            Bootable = volume.Bootable,
            ImageMetadata = snapshot?.ImageMetadata ?? volume.ImageMetadata,
            VolumeMetadata = volume.Metadata,
            DataTimestamp = snapshot?.CreatedAt ?? asked.CreatedAt,
        });
        await tx.Quotas.Take(backup, limits);
        var temporary = snapshot is null && volume.Status == VolumeStatus.InUse ? temporaryId : null;
        About source = snapshot is null ? new("volume", volume.Id) : new("snapshot", snapshot.Id);
        About[] held = temporary is null ? [source] : [source, new("snapshot", temporary)];
        await tx.Operations.Start(operationId, new CreateBackup(backup.Id, temporary), PoolName.Parse(host).Queue, backup.ProjectId,
            requestId, holding: held);
        return backup;
    }

    static async Task Take(Tx tx, Volume volume, bool force)
    {
        if (volume.Status == VolumeStatus.InUse && !force)
            throw Fault.Invalid.Volume("Backing up an in-use volume must use the force flag.").Thrown();
        await tx.Volumes.Move(volume.Id, VolumeRules.Backup);
    }

    static async Task<Snapshot> Take(Tx tx, Volume volume, string snapshotId)
    {
        var snapshot = await tx.Snapshots.Get(snapshotId);
        if (snapshot.VolumeId != volume.Id)
            throw Fault.Invalid.Volume($"Volume {volume.Id} does not match with snapshot.volume_id {snapshot.VolumeId}.").Thrown();
        return await tx.Snapshots.Move(snapshotId, SnapshotRules.Backup);
    }

    public override async Task Run(Saga saga)
    {
        var (backup, volume, snapshot) = await saga.Read(async tx =>
        {
            var b = await tx.Backups.Get(BackupId);
            return (b, await tx.Volumes.Get(b.VolumeId), b.SnapshotId is { } of ? await tx.Snapshots.Get(of) : null);
        });
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, volume.Id);

        var container = await saga.Commit("begin", tx => Begin(tx, saga, backup));
        var place = new BackupPlace(container, BackupId);

        var moment = TemporarySnapshotId is { } temporary ? await Moment.Take(saga, volume, temporary, "back up volumes in use") : null;
        Task<Saved> Saving() => Save(saga, backup, place, volume, moment?.Snapshot ?? snapshot);
        Task Undo() => saga.Backups.Remove(place, saga.Work);
        var saved = moment is not null ? await moment.Read(saga, volume, "save", Saving, Undo) : await saga.Step("save", Saving, Undo);

        await saga.Finish(async tx =>
        {
            await tx.Backups.SetIndex(BackupId, saved.Objects, saved.Sha256);
            await tx.Backups.Settle(BackupId, Creating, Available);
            await PutBack(tx, saga.Row);
        });
    }

    /// <summary>Finds out where it goes, and writes it down before anything of it is there.</summary>
    static async Task<string> Begin(Tx tx, Saga saga, Backup backup)
    {
        var service = await tx.Services.FindUp(ServiceTable.BackupBinary, saga.Means.Scheduling.ServiceDownTime, backup.AvailabilityZone)
            ?? throw new Fault.NoBackupService().Thrown();
        var container = backup.Container ?? saga.Backups.Container;
        await tx.Backups.SetPlace(backup.Id, saga.Backups.Service, container, service.Zone);
        return container;
    }

    static async Task<Saved> Save(Saga saga, Backup backup, BackupPlace place, Volume volume, Snapshot? snapshot)
    {
        saga.Driver.Demand(Abilities.Content, "read volumes");
        var store = saga.Backups;
        var parent = backup.ParentId is { } id
            ? await BackupIndex.Read(store, await saga.Read(tx => tx.Backups.Get(id)), saga.Work.Token)
            : null;
        await using var content = snapshot is not null
            ? await saga.Driver.Read(volume, snapshot, saga.Work)
            : await saga.Driver.Read(await Writers.ToCopy(saga, volume.Id, "back up volumes in use"), saga.Work);
        return await BackupCopy.Save(store, backup, place, content, parent,
            count => saga.Means.Db.Commit(tx => tx.Backups.SetObjectCount(backup.Id, count)), saga.Work);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Backups.Settle(BackupId, Creating, Error);
        await tx.Backups.SetFailed(BackupId, fault.ForUsers);
        await tx.Messages.Add(row, "VOLUME_BACKUP", BackupId, MessageAction.CreateBackup, fault);
        await PutBack(tx, row);
    }

    /// <summary>What it is of is as it was, and hosts that wait for it may have it.</summary>
    async Task PutBack(Tx tx, OperationRow row)
    {
        var backup = await tx.Backups.Get(BackupId);
        if (backup.SnapshotId is { } snapshot) await tx.Snapshots.Settle(snapshot, SnapshotStatus.BackingUp, SnapshotStatus.Available);
        else await tx.Volumes.PutBack(backup.VolumeId, VolumeStatus.BackingUp);
        await Turns.Next(tx, row, backup.VolumeId);
    }
}
