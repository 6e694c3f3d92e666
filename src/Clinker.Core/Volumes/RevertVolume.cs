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

/// <summary>Gives a volume the content of a snapshot of it again: of the newest, or at somebody's word of an earlier one. All snapshots stay what they are.</summary>
public sealed record RevertVolume(string VolumeId, string SnapshotId) : Operation
{
    const string OnStorage = "revert", Latest = "latest ";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.RevertVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: both statuses and the operation, in one transaction.</summary>
    /// <param name="snapshotId">As it was asked for; null for none.</param>
    /// <param name="earlier">Whether it may be another than the newest: Cinder refuses those.</param>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: not the newest snapshot, or of another size; Conflict: a state forbids it, or something is being made
    /// from one of them.
    /// </exception>
    public static async Task Accept(Tx tx, string volumeId, string? snapshotId, bool earlier, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true); // from here on no snapshot of it is begun
        // A former owner may have kept some: what is in them is no business of this one.
        var its = (await tx.Snapshots.Of(volumeId)).FindAll(s => s.ProjectId == now.ProjectId);
        if (its.Count == 0) throw new Fault.Invalid($"Volume {volumeId} doesn't have any snapshots.").Thrown();
        var to = its.Find(s => s.Id == snapshotId);
        if (to is null || (to != its[0] && !earlier))
            throw new Fault.Invalid(
                $"Specified snapshot {snapshotId ?? "None"} is None or not {(earlier ? "one" : "the latest one")} of volume {volumeId}.").Thrown();
        if (now.SizeGb != to.SizeGb)
            throw new Fault.Invalid($"Can't revert volume {volumeId} to its {(to == its[0] ? Latest : "")}snapshot {to.Id}. The volume size must be equal "
                + "to the snapshot size.").Thrown();
        var (rule, ruleOfSnapshot) = (Said(VolumeRules.Revert.With(to.Id)), Said(SnapshotRules.RevertTo.With(volumeId)));
        var volume = await tx.Volumes.Move(volumeId, rule);
        await tx.Snapshots.Move(to.Id, ruleOfSnapshot);
        About about = new("volume", volumeId), aboutSnapshot = new("snapshot", to.Id);
        if (await tx.Operations.Held(about) || await tx.Operations.Held(aboutSnapshot))
            throw new Fault.Conflict($"Volume {volumeId} can't be reverted while something is made from it or its snapshot.").Thrown();
        if (volume.Host is null || await tx.Operations.AnyLive(about)) throw rule.Refused(volumeId, now.Status);
        if (await tx.Operations.AnyLive(aboutSnapshot)) throw ruleOfSnapshot.Refused(to.Id, to.Status);
        await tx.Operations.Start(operationId, new RevertVolume(volumeId, to.Id), PoolName.Parse(volume.Host).Queue,
            volume.ProjectId, requestId, holding: aboutSnapshot);

        Rule Said(Rule rule) => to == its[0] ? rule : rule with { Refusal = rule.Refusal.Replace(Latest, "", StringComparison.Ordinal) };
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
