using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Makes a volume larger: its quota when it is accepted, then its room in the pool, then its storage, then its size.</summary>
/// <param name="ToGb">Larger than the row's size until it has ended well.</param>
public sealed record ExtendVolume(string VolumeId, int ToGb) : Operation
{
    const string OnStorage = "extend";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ExtendVolume;

    /// <summary>Accepts it: the status, the quota of what it grows by, and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: it is no larger than now, its state forbids it, or something is being made from it; OverQuota.
    /// </exception>
    public static async Task Accept(
        Tx tx, string volumeId, int toGb, Rule rule, QuotaLimits limits, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        if (toGb <= now.SizeGb)
            throw Fault.Invalid.Input(
                $"New size for extend must be greater than current size. (current: {now.SizeGb}, extended: {toGb}).").Thrown();
        var volume = await tx.Volumes.Move(volumeId, rule);
        var about = new About("volume", volumeId);
        if (await tx.Operations.Held(about))
            throw Fault.Invalid.Volume($"Volume {volumeId} can't be extended while something is made from it.").Thrown();
        if (volume.Host is null || await tx.Operations.AnyLive(about)) throw rule.Refused(volumeId, now.Status);
        await tx.Quotas.TakeGrowth(volume, toGb, limits);
        await tx.Volumes.SetGrowing(volumeId, toGb);
        await tx.Operations.Start(
            operationId, new ExtendVolume(volumeId, toGb), PoolName.Parse(volume.Host).Queue, volume.ProjectId, requestId);
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        var before = volume.SizeGb; // it may be said to be larger before it is
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, VolumeId);

        await saga.Commit("room",
            async tx =>
            {
                await tx.Pools.Grow(volume.FileId, ToGb, await tx.Types.SpecsOf(volume.VolumeTypeId), saga.Means.Scheduling);
                return ToGb;
            },
            undo: tx => tx.Pools.GiveBackGrowth(volume.FileId, before));

        var done = await saga.Step(OnStorage, async () => // not so when the compute service has to help
        {
            if ((volume.PreviousStatus == InUse || await Writers.Any(saga, VolumeId)) && !saga.Driver.Can.HasFlag(Abilities.ExtendAttached))
            {
                await AssistedExtend.Demand(saga, VolumeId);
                return false;
            }
            await saga.Driver.Extend(volume, ToGb, saga.Work);
            return true;
        });
        if (!done) await AssistedExtend.Run(saga, volume, ToGb, said: size => before = size);

        await saga.Finish(async tx =>
        {
            await tx.Volumes.SetSize(VolumeId, ToGb);
            await tx.Volumes.PutBack(VolumeId, Extending);
            await Turns.Next(tx, saga.Row, VolumeId);
        });
    }

    /// <summary>Nothing was done without room for it, nor when the storage was never reached: then it is as it was.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        var volume = await tx.Volumes.Get(VolumeId);
        await tx.Quotas.GiveBackGrowth(volume, ToGb);
        await tx.Volumes.SetGrowing(VolumeId, null);
        var isAsBefore = fault is Fault.NoValidBackend;
        foreach (var step in (string[])[OnStorage, .. AssistedExtend.Steps]) isAsBefore |= await tx.Operations.WasUntouched(row.Id, step);
        if (isAsBefore) await tx.Volumes.PutBack(VolumeId, Extending);
        else await tx.Volumes.Settle(VolumeId, Extending, ErrorExtending);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.ExtendVolume, fault);
        await Turns.Next(tx, row, VolumeId);
    }
}
