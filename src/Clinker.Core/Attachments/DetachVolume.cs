using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>Takes a volume away from a host: from the backend first, then the attachment. If that fails, both are as before.</summary>
/// <param name="AttachmentId">Null when only the host is let go of (os-terminate_connection).</param>
/// <param name="WasAttached">What it goes back to if that fails.</param>
/// <param name="Connector">The host, where no attachment says which.</param>
public sealed record DetachVolume(string VolumeId, string? AttachmentId, bool WasAttached, Connector? Connector) : Operation
{
    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DetachVolume;

    /// <summary>
    /// Takes an attachment away; true when that is done already, since no host has it and none is about to.
    /// </summary>
    /// <param name="volume">Locked.</param>
    /// <param name="connector">The host, where the attachment does not say which.</param>
    public static async Task<bool> Accept(
        Tx tx, Volume volume, Attachment attachment, Connector? connector, string operationId, string? requestId)
    {
        if (!attachment.IsConnected && connector is null && !await Turns.Any(tx, volume.Id))
        {
            await Attaching.Remove(tx, volume, attachment.Id);
            return true;
        }
        var was = attachment.Status == AttachStatus.Attached;
        await tx.Attachments.Set(attachment with { Status = AttachStatus.Detaching });
        await tx.Volumes.FollowAttachments(volume.Id);
        await Turns.Start(tx, volume, operationId, new DetachVolume(volume.Id, attachment.Id, was, connector), requestId);
        return false;
    }

    /// <summary>Lets go of a host that has the volume without an attachment.</summary>
    /// <param name="volume">Locked.</param>
    public static Task Accept(Tx tx, Volume volume, Connector connector, string operationId, string? requestId) =>
        Turns.Start(tx, volume, operationId, new DetachVolume(volume.Id, null, false, connector), requestId);

    public override async Task Run(Saga saga)
    {
        var host = await saga.Commit("turn", tx => Turn(tx, saga.Row));

        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // it may have been moved while this waited
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        if (host is not null)
            await saga.Step("disconnect",
                () => saga.Driver.Disconnect(volume, host, saga.Work),
                undo: () => saga.Driver.Connect(volume, host, saga.Work)); // an attachment that stays has what it says

        await saga.Finish(async tx =>
        {
            if (AttachmentId is not null) await Attaching.Remove(tx, await tx.Volumes.Get(VolumeId, @lock: true), AttachmentId);
            await FilesTurn.Nudge(tx, VolumeId);
            await Turns.End(tx, saga.Row, VolumeId);
        });
    }

    /// <summary>The host that is to be let go of; null when there is none, or it has the volume for another attachment too.</summary>
    async Task<Connector?> Turn(Tx tx, OperationRow row)
    {
        await Turns.Demand(tx, row, VolumeId);
        var attachment = AttachmentId is null ? null : await tx.Attachments.Find(AttachmentId);
        var host = attachment is { IsConnected: true } ? new(attachment.HostName!, attachment.Connector!) : Connector;
        return host is null || await tx.Attachments.Connected(VolumeId, host.Host, otherThan: AttachmentId) ? null : host;
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.Find(VolumeId, @lock: true);
        if (AttachmentId is not null && await tx.Attachments.Find(AttachmentId) is { Status: AttachStatus.Detaching } attachment)
        {
            var status = WasAttached ? AttachStatus.Attached : attachment.IsConnected ? AttachStatus.Attaching : AttachStatus.Reserved;
            await tx.Attachments.Set(attachment with { Status = status });
            await tx.Volumes.FollowAttachments(VolumeId);
        }
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.DetachVolume, fault);
        await Turns.End(tx, row, VolumeId);
    }
}
