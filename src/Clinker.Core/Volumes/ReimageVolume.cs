using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Scheduling;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>
/// Puts an image in the place of what a volume holds. The server for which it is reserved, since it is being rebuilt, waits for that (docs/adr/0010):
/// it is told how it ended, well or not. What it can't be told it finds out when its own time is over.
/// </summary>
public sealed record ReimageVolume(string VolumeId, string ImageId) : Operation
{
    const string OnStorage = "fill";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ReimageVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: the status and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">
    /// NotFound; Conflict: several servers have it; Invalid: its state forbids it, or something is being made from it.
    /// </exception>
    public static async Task Accept(Tx tx, string volumeId, string imageId, Rule rule, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        if ((await tx.Attachments.Of(volumeId)).Count > 1)
            throw new Fault.Conflict("Cannot re-image a volume which is attached to more than one server.").Thrown();
        var volume = await tx.Volumes.Move(volumeId, rule);
        var about = new About("volume", volumeId);
        if (await tx.Operations.Held(about))
            throw Fault.Invalid.Volume($"Volume {volumeId} can't be re-imaged while something is made from it.").Thrown();
        // One that was never made has nothing that could be replaced.
        if (volume.Host is null || volume.IsMigrating || await tx.Operations.AnyLive(about)) throw rule.Refused(volumeId, now.Status);
        await tx.Operations.Start(
            operationId, new ReimageVolume(volumeId, imageId), PoolName.Parse(volume.Host).Queue, volume.ProjectId, requestId);
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, VolumeId);
        var isReserved = volume.PreviousStatus == Reserved;
        if (isReserved) await saga.LaterUndo("tells", () => Tell(saga, well: false));
        var words = await saga.Step(OnStorage,
            async () =>
            {
                saga.Driver.Demand(Abilities.Content, "write images to volumes");
                await Writers.DemandNone(saga, VolumeId, "re-image the volume");
                var image = await saga.Images.Look(ImageId, saga.Work.Token);
                var verified = saga.Images.Verifies(image);
                await saga.Driver.Refill(volume, saga.Images.Fill(image, volume.SizeGb, saga.Work.Progress), saga.Replacing);
                var words = image.Words();
                if (verified is { } so) words[ImageSignature.VerifiedKey] = ImageSignature.VerifiedWord(so);
                return words;
            },
            undo: () => saga.Driver.Abandon(volume, saga.Work));
        if (isReserved) await saga.Step("tell", () => Tell(saga, well: true)); // what it asks for then waits for this operation's end
        await saga.Finish(async tx =>
        {
            await tx.Volumes.SetImageMetadata(VolumeId, words);
            await tx.Volumes.SetBootable(VolumeId, true);
            await tx.Volumes.Settle(VolumeId, Downloading, Available);
            await Turns.Next(tx, saga.Row, VolumeId);
        });
    }

    async Task Tell(Saga saga, bool well)
    {
        var servers = await saga.Read(tx => tx.Attachments.ServersOf(VolumeId));
        if (servers.Count == 0 || saga.Means.Compute is not { } compute) return;
        try { await compute.Tell(ServerEvent.VolumeReimaged, VolumeId, servers, well, saga.Work.Token); }
        catch (FaultException) when (!saga.Work.Token.IsCancellationRequested) { /* the log has it */ }
    }

    /// <summary>It holds what it held, or all of the image, and which is for its owner to find out; unless it was left alone.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        if (await tx.Operations.LeftAlone(row.Id, OnStorage, fault)) await tx.Volumes.PutBack(VolumeId, Downloading);
        else await tx.Volumes.Settle(VolumeId, Downloading, Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.ReimageVolume, fault);
        await Turns.Next(tx, row, VolumeId);
    }
}
