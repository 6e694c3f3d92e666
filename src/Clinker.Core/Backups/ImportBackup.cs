using System.Text.Json.Serialization.Metadata;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Services;
using Clinker.Store;
using static Clinker.Backups.BackupStatus;

namespace Clinker.Backups;

/// <summary>
/// Takes in a backup that another database made, Cinder's too, by its record. What the record says is believed only as far as the index
/// (the metadata) that lies among the objects says the same; a backup that is refused keeps its objects.
/// </summary>
public sealed record ImportBackup(string BackupId) : Operation
{
    protected internal override About About => new("backup", BackupId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ImportBackup;

    /// <summary>Accepts it: the row, its quota and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">Invalid: there is one of that id; OverQuota; NoBackupService.</exception>
    public static async Task<Backup> Accept(
        Tx tx, Backup backup, QuotaLimits limits, TimeSpan serviceDownTime, string operationId, string? requestId)
    {
        if (await tx.Services.FindUp(ServiceTable.BackupBinary, serviceDownTime) is null) throw new Fault.NoBackupService().Thrown();
        if (await tx.Backups.Find(backup.Id) is not null) throw new Fault.Invalid("Invalid backup: Backup already exists in database.").Thrown();
        var data = new About("backup", backup.DataId ?? backup.Id);
        if (backup.DataId is { } of && await tx.Backups.Find(of, @lock: true) is not null && await tx.Operations.AnyLive(data))
            throw new Fault.Invalid($"Invalid backup: Backup {of}, whose data it has, is being changed.").Thrown();
        await tx.Backups.DemandParent(backup);
        await tx.Backups.Insert(backup);
        await tx.Quotas.Take(backup, limits);
        await tx.Operations.Start(operationId, new ImportBackup(backup.Id), Queues.Backup, backup.ProjectId, requestId, holding: data);
        return backup;
    }

    public override async Task Run(Saga saga)
    {
        var backup = await saga.Read(tx => tx.Backups.Get(BackupId));
        FoundBackup? found = null;
        if (backup.IsCinders) found = await saga.Step("read", () => CinderBackup.Look(saga.Backups, backup, saga.Work.Token));
        else await saga.Step("look", () => Look(saga, backup));
        await saga.Finish(async tx =>
        {
            var zone = await tx.Services.FindUp(ServiceTable.BackupBinary, saga.Means.Scheduling.ServiceDownTime);
            await tx.Backups.SetPlace(BackupId, found is null ? saga.Backups.Service : CinderBackup.Service, backup.Container!,
                zone?.Zone ?? backup.AvailabilityZone ?? "");
            if (found is not null) await tx.Backups.SetFound(BackupId, found);
            await tx.Backups.Settle(BackupId, Creating, Available);
        });
    }

    /// <summary>Looks at the index; gives the container, which old journals hold.</summary>
    static async Task<string> Look(Saga saga, Backup backup)
    {
        await BackupIndex.Read(saga.Backups, backup, saga.Work.Token);
        return backup.Place.Container;
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Backups.Settle(BackupId, Creating, Error);
        await tx.Backups.SetFailed(BackupId, fault.ForUsers);
    }
}
