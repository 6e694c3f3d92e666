using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>Lets a host have a volume: work of the backend, for whose end the request that asked for it waits.</summary>
/// <param name="AttachmentId">Where the result goes; null when it is only told (os-initialize_connection).</param>
/// <param name="IsNew">The attachment was made for this, and goes again if it fails.</param>
public sealed record ConnectVolume(string VolumeId, string? AttachmentId, Connector Connector, bool IsNew) : Operation
{
    const string ConnectStep = "connect";

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.ConnectVolume;

    /// <param name="volume">Locked.</param>
    /// <exception cref="FaultException">Invalid: the volume lies nowhere.</exception>
    public static Task Accept(Tx tx, Volume volume, Attachment? attachment, Connector connector, bool isNew, string operationId,
        string? requestId) =>
        Turns.Start(tx, volume, operationId, new ConnectVolume(volume.Id, attachment?.Id, connector, isNew), requestId);

    /// <summary>Whether several hosts at once would have a volume that is not made for it (Cinder: API.attachment_update).</summary>
    /// <exception cref="FaultException">Conflict.</exception>
    public static async Task DemandAlone(Tx tx, Volume volume)
    {
        if (volume.Multiattach) return;
        var all = await tx.Attachments.Of(volume.Id);
        if (all.Count > 1 && all.Exists(a => a.IsConnected))
            throw new Fault.Conflict($"Resource conflict: duplicate connectors detected on volume {volume.Id}").Thrown();
    }

    public override async Task Run(Saga saga)
    {
        var turn = await saga.Commit("turn", tx => Turn(tx, saga.Row, saga.Means));

        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // it may have been moved while this waited
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);

        var info = await saga.Step(ConnectStep,
            () => saga.Driver.Connect(volume, Connector, saga.Work),
            undo: turn.IsShared ? null : () => saga.Driver.Disconnect(volume, Connector, saga.Work));

        if (turn.Left is { } left)
            await saga.Step("leave",
                () => saga.Driver.Disconnect(volume, left, saga.Work),
                undo: () => saga.Driver.Connect(volume, left, saga.Work));

        await saga.Finish(async tx =>
        {
            if (AttachmentId is not null) await Note(tx, info);
            await Turns.End(tx, saga.Row, VolumeId);
        });
    }

    /// <summary>What the volume's other uses are, which stay as they are until this operation has ended.</summary>
    async Task<ConnectTurn> Turn(Tx tx, OperationRow row, Means means)
    {
        await Turns.Demand(tx, row, VolumeId);
        await Writers.DemandQuiet(tx, VolumeId, means);
        await FilesTurn.Take(tx, row, VolumeId);
        var shared = await tx.Attachments.Connected(VolumeId, Connector.Host, otherThan: null);
        if (AttachmentId is null) return new(shared, null);
        var attachment = await tx.Attachments.Get(AttachmentId);
        if (attachment.Status == AttachStatus.Detaching)
            throw new Fault.Conflict($"Attachment {AttachmentId} is being deleted.").Thrown();
        // It moves to another host: the one that it leaves is let go of, unless it is there for another attachment too.
        var leaves = attachment is { IsConnected: true, HostName: { } host } && host != Connector.Host
            && !await tx.Attachments.Connected(VolumeId, host, otherThan: AttachmentId);
        return new(shared, leaves ? new(attachment.HostName!, attachment.Connector!) : null);
    }

    async Task Note(Tx tx, ConnectionInfo info)
    {
        var volume = await tx.Volumes.Get(VolumeId, @lock: true);
        var attachment = await tx.Attachments.Get(AttachmentId!);
        var asked = attachment.Mode ?? Connector.Says("mode");
        attachment = attachment with
        {
            Mode = Attaching.IsReadOnly(volume) || asked == AttachMode.ReadOnly ? AttachMode.ReadOnly : AttachMode.ReadWrite,
            // One that is being taken away stays so: what takes it away waits for its turn.
            Status = attachment.Status == AttachStatus.Detaching ? AttachStatus.Detaching : AttachStatus.Attaching,
            HostName = Connector.Host,
            Device = Connector.Says("mountpoint") ?? attachment.Device,
            Connector = Connector.Properties,
            AttachedAt = tx.Now,
        };
        await tx.Attachments.Set(attachment with
        {
            ConnectionInfo = await Connections.OfAttachment(tx, volume, attachment, Connector, info),
        });
        await tx.Volumes.FollowAttachments(VolumeId);
    }

    /// <summary>What an operation that has ended well told, without an attachment: JSON.</summary>
    public static async Task<string> Told(Tx tx, string operationId, string volumeId, Connector connector)
    {
        var journal = await tx.Operations.Journal(operationId);
        var data = journal.Find(e => e is { Step: ConnectStep, Event: JournalEvent.Done })!.Data!;
        return await Connections.OfVolume(tx, await tx.Volumes.Get(volumeId), connector,
            JsonSerializer.Deserialize(data, CoreJson.Default.ConnectionInfo)!);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        if (IsNew && await tx.Volumes.Find(VolumeId, @lock: true) is { } volume) await Attaching.Remove(tx, volume, AttachmentId!);
        await tx.Messages.Add(row, "VOLUME", VolumeId,
            IsNew || AttachmentId is null ? MessageAction.AttachVolume : MessageAction.UpdateAttachment, fault);
        await Turns.End(tx, row, VolumeId);
    }
}

/// <summary>What <see cref="ConnectVolume"/> found when its turn had come.</summary>
/// <param name="IsShared">The host has the volume already: a failure is not to take it away.</param>
/// <param name="Left">The host that the attachment leaves, where it is to be let go of.</param>
public sealed record ConnectTurn(bool IsShared, Connector? Left);
