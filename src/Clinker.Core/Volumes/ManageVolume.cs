using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Managing;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>
/// Makes a volume of a file that lies in a pool already. Its size is known only once the backend has looked, so its quota is taken
/// then (Cinder: flows/manager/manage_existing.py). Whatever fails, the file has its old name and content afterwards. A volume that has
/// several files, of Cinder's own driver or one that was given up, keeps their names: it has the id in them from then on.
/// </summary>
/// <param name="Name">The file's, in the pool.</param>
/// <param name="Limits">Those of when it was accepted.</param>
public sealed record ManageVolume(string VolumeId, string Name, QuotaLimits Limits) : Operation
{
    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ManageVolume;

    /// <summary>Accepts it: the row, its quota, the hold on the file and the operation, in one transaction.</summary>
    /// <param name="volume">Of no size yet, in the pool that it is to be in.</param>
    /// <exception cref="FaultException">OverQuota; NotFound: its type was removed meanwhile; Invalid: the file is being managed already.</exception>
    public static async Task<Volume> Accept(Tx tx, Volume volume, string name, QuotaLimits limits, string operationId, string? requestId)
    {
        var file = await ExistingFiles.Claim(tx, volume.Host!, name);
        if (volume.VolumeTypeId is { } type) await tx.Types.Keep(type);
        await tx.Volumes.Insert(volume);
        await tx.Quotas.Take(volume, limits);
        await tx.Pools.Note(volume.Id, volume.Host!);
        await tx.Operations.Start(operationId, new ManageVolume(volume.Id, name, limits), Queues.Scheduler, volume.ProjectId, requestId,
            holding: file);
        return volume;
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)) with { SizeGb = 0, NameId = null };
        var pool = PoolName.Parse(volume.Host!);

        await saga.Commit("fit", async tx =>
        {
            await tx.Pools.DemandFit(volume.Host!, await tx.Pools.RequestFor(volume), saga.Means.Scheduling);
            return true;
        });

        await saga.HandTo(pool.Queue);

        var file = await saga.Step("inspect", () => ExistingFiles.Inspect(saga, pool, Name, "volume"));

        await saga.Commit("size",
            async tx =>
            {
                await ExistingFiles.DemandUnmanaged(tx, file);
                if (file.FileId is { } of)
                {
                    await tx.Operations.Hold(saga.Row.Id, new About("volume", of)); // nobody takes its work files for left over
                    await SetFiles(tx, VolumeId, of);
                }
                await tx.Quotas.TakeGrowth(volume, file.SizeGb, Limits);
                await SetSize(tx, file, file.SizeGb);
                return file.SizeGb;
            },
            undo: async tx =>
            {
                // What fails within the transaction leaves nothing to be undone.
                if ((await tx.Volumes.Get(VolumeId)).SizeGb == 0) return;
                await tx.Quotas.GiveBackGrowth(volume, file.SizeGb);
                await SetSize(tx, file, 0);
                if (file.FileId is { } of) await SetFiles(tx, of, VolumeId);
            });

        var managed = volume with { SizeGb = file.SizeGb, Format = file.Format, NameId = file.FileId };
        var disk = await saga.Step("manage",
            () => saga.Driver.Manage(managed, Name, saga.Work),
            undo: () => saga.Driver.GiveBack(managed, Name, saga.Work));

        await saga.Finish(async tx =>
        {
            await tx.Volumes.SetOnDisk(VolumeId, disk);
            await tx.Volumes.Settle(VolumeId, VolumeStatus.Managing, Available);
            await Turns.Next(tx, saga.Row, VolumeId);
        });
    }

    async Task SetSize(Tx tx, ExistingFile file, int sizeGb)
    {
        await tx.Volumes.SetSize(VolumeId, sizeGb);
        await tx.Pools.Resize(file.FileId ?? VolumeId, sizeGb);
    }

    /// <summary>Which id is in the names of its files.</summary>
    async Task SetFiles(Tx tx, string from, string to)
    {
        await tx.Volumes.SetNameId(VolumeId, to == VolumeId ? null : to);
        await tx.Pools.Rename(from, to);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.Settle(VolumeId, VolumeStatus.Managing, ErrorManaging);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.ManageVolume, fault);
        await Turns.Next(tx, row, VolumeId);
    }

    /// <summary>
    /// Gives a volume up: its rows go, its file stays as it is, under its name, and can be managed again. Nothing on the storage
    /// changes, so nothing is left to be done, also while the backend is down.
    /// </summary>
    /// <exception cref="FaultException">NotFound; Invalid when its state forbids it or something is under way with it.</exception>
    public static async Task Unmanage(Tx tx, string volumeId)
    {
        var volume = await tx.Volumes.Move(volumeId, VolumeRules.Unmanage);
        await DeleteVolume.DemandFree(tx, volumeId, VolumeRules.Unmanage);
        if (await FilesTurn.IsTaken(tx, volumeId)) throw new Fault.Unavailable($"The files of volume {volumeId} are being changed. Try again.").Thrown();
        await DeleteVolume.Forget(tx, volume);
    }
}
