using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Services;
using Clinker.Store;
using static Clinker.Backups.BackupStatus;

namespace Clinker.Backups;

/// <summary>Removes a backup: its objects first, then its row and its quota together.</summary>
public sealed record DeleteBackup(string BackupId) : Operation
{
    protected internal override About About => new("backup", BackupId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteBackup;

    /// <summary>
    /// Accepts a delete: the status and the operation, in one transaction. A backup of which nothing is kept is gone at once, and so is
    /// one whose objects are another's too.
    /// </summary>
    /// <param name="serviceDownTime">After which silence a service counts as down.</param>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: its state forbids it, others are based on it, or something is under way with it; Missing: nobody would do it.
    /// </exception>
    public static async Task Accept(Tx tx, string backupId, Rule rule, TimeSpan serviceDownTime, string operationId, string? requestId)
    {
        var backup = await tx.Backups.Move(backupId, rule); // from here on nothing is made from it
        if (backup.HasDependents) throw new Fault.Invalid("Invalid backup: Incremental backups exist for this backup.").Thrown();
        var about = new About("backup", backupId);
        if (await tx.Operations.Busy(about)
            || (backup.DataId is { } data && await tx.Operations.Held(new About("backup", data)))) // it is taken in once more
            throw new Fault.Invalid(rule.Refusal).Thrown();
        if (backup.Service is null || (!backup.IsCinders && await tx.Backups.SharesData(backup))) // whoever is the last takes the objects away
        {
            await Forget(tx, backup);
            return;
        }
        await tx.Services.DemandUp(ServiceTable.BackupBinary, serviceDownTime);
        await tx.Operations.Start(operationId, new DeleteBackup(backupId), Queues.Backup, backup.ProjectId, requestId);
    }

    public override async Task Run(Saga saga)
    {
        var backup = await saga.Read(tx => tx.Backups.Get(BackupId));
        await saga.Step("delete", () => backup.IsCinders
            ? CinderBackup.Remove(saga.Backups, backup, saga.Work)
            : saga.Backups.Remove(backup.Place, saga.Work)); // what is gone stays gone: no undo
        await saga.Finish(tx => Forget(tx, backup));
    }

    static async Task Forget(Tx tx, Backup backup)
    {
        await tx.Backups.Remove(backup.Id);
        await tx.Quotas.GiveBack(backup);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Backups.Settle(BackupId, Deleting, ErrorDeleting);
        await tx.Backups.SetFailReason(BackupId, fault.ForUsers);
        await tx.Messages.Add(row, "VOLUME_BACKUP", BackupId, MessageAction.DeleteBackup, fault);
    }
}
