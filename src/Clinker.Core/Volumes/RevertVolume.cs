using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Gives a volume the content of its newest snapshot again.</summary>
public sealed record RevertVolume(string VolumeId, string SnapshotId) : Operation
{
    const string OnStorage = "revert";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.RevertVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: both statuses and the operation, in one transaction.</summary>
    /// <param name="snapshotId">As it was asked for; null for none.</param>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: not the newest snapshot, or of another size; Conflict: a state forbids it, or something is being made
    /// from one of them.
    /// </exception>
    public static async Task Accept(Tx tx, string volumeId, string? snapshotId, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true); // from here on no snapshot of it is begun
        // A former owner may have kept some: what is in them is no business of this one.
        var newest = (await tx.Snapshots.Of(volumeId)).Find(s => s.ProjectId == now.ProjectId)
            ?? throw new Fault.Invalid($"Volume {volumeId} doesn't have any snapshots.").Thrown();
        if (snapshotId != newest.Id)
            throw new Fault.Invalid(
                $"Specified snapshot {snapshotId ?? "None"} is None or not the latest one of volume {volumeId}.").Thrown();
        if (now.SizeGb != newest.SizeGb)
            throw new Fault.Invalid($"Can't revert volume {volumeId} to its latest snapshot {newest.Id}. The volume size must be equal "
                + "to the snapshot size.").Thrown();
        var (rule, ruleOfSnapshot) = (VolumeRules.Revert.With(newest.Id), SnapshotRules.RevertTo.With(volumeId));
        var volume = await tx.Volumes.Move(volumeId, rule);
        await tx.Snapshots.Move(newest.Id, ruleOfSnapshot);
        About about = new("volume", volumeId), aboutSnapshot = new("snapshot", newest.Id);
        if (await tx.Operations.Held(about) || await tx.Operations.Held(aboutSnapshot))
            throw new Fault.Conflict($"Volume {volumeId} can't be reverted while something is made from it or its snapshot.").Thrown();
        if (volume.Host is null || await tx.Operations.AnyLive(about)) throw rule.Refused(volumeId, now.Status);
        if (await tx.Operations.AnyLive(aboutSnapshot)) throw ruleOfSnapshot.Refused(newest.Id, newest.Status);
        await tx.Operations.Start(operationId, new RevertVolume(volumeId, newest.Id), PoolName.Parse(volume.Host).Queue,
            volume.ProjectId, requestId, holding: aboutSnapshot);
    }

    public override async Task Run(Saga saga)
    {
        var (volume, snapshot) = await saga.Read(async tx => (await tx.Volumes.Get(VolumeId), await tx.Snapshots.Get(SnapshotId)));
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, VolumeId);
        await saga.Step(OnStorage,
            async () =>
            {
                saga.Driver.Demand(Abilities.Revert, "revert volumes to snapshots");
                await Writers.DemandNone(saga, VolumeId, "revert the volume");
                await saga.Driver.RevertTo(volume, snapshot, saga.Replacing);
            },
            undo: () => saga.Driver.Abandon(volume, saga.Work));
        await saga.Finish(tx => Settle(tx, saga.Row, Available));
    }

    /// <summary>What is in the volume then, the one content or the other, is for its owner to find out; unless it was left alone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await Settle(tx, row, await tx.Operations.LeftAlone(row.Id, OnStorage, fault) ? Available : Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.RevertVolume, fault);
    }

    async Task Settle(Tx tx, OperationRow row, string to)
    {
        await tx.Volumes.Settle(VolumeId, Reverting, to);
        await tx.Snapshots.Settle(SnapshotId, SnapshotStatus.Restoring, SnapshotStatus.Available);
        await Turns.Next(tx, row, VolumeId);
    }
}
