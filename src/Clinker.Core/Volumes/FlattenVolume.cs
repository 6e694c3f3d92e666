using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>Makes a volume depend on nothing that others have: what it stands on is copied into it. It is what it was before and after.</summary>
public sealed record FlattenVolume(string VolumeId) : Operation
{
    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.FlattenVolume;

    /// <summary>Not once the compute service may have been asked: what it does is not to be stopped.</summary>
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => !AssistedMerge.HasBegun(journal);

    /// <exception cref="FaultException">NotFound; Invalid: its state forbids it, or something is under way with it.</exception>
    public static async Task Accept(Tx tx, string volumeId, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        var volume = await tx.Volumes.Move(volumeId, VolumeRules.Flatten);
        if (volume.Host is null || await tx.Operations.Busy(new("volume", volumeId))) throw VolumeRules.Flatten.Refused(volumeId, now.Status);
        await tx.Operations.Start(operationId, new FlattenVolume(volumeId), PoolName.Parse(volume.Host).Queue, volume.ProjectId, requestId);
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // no host comes or goes until the end
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Keep(saga, VolumeId);
        var isFlat = await saga.Step("flatten", // not so when the compute service has to help
            async () =>
            {
                if (await AssistedFlatten.IsNeeded(saga, volume)) return false;
                await saga.Driver.Flatten(volume, saga.Work);
                return true;
            },
            undo: () => saga.Driver.Abandon(volume, saga.Work));
        if (!isFlat) await AssistedFlatten.Run(saga, volume);
        await saga.Finish(tx => Turns.Next(tx, saga.Row, VolumeId));
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.FlattenVolume, fault);
        await Turns.Next(tx, row, VolumeId);
    }
}
