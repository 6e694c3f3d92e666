using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>
/// Makes an image of a volume. The image's record is the caller's, made with his token while his request lasts; its id is chosen
/// before that and stands in here, so that none is left behind by a request that ends half-way: accepted with the record still to be
/// made (<see cref="RecordedWithin"/>), it is let go on when that is there (<see cref="OperationTable.Defer"/>) or when time is up,
/// and ends with what it then finds.
/// </summary>
/// <param name="ImageId">Of an image that is nobody's but this operation's until it is active.</param>
/// <param name="DiskFormat">One of <see cref="ImageFormats.Writable"/>.</param>
public sealed record UploadVolume(string VolumeId, string ImageId, string DiskFormat) : Operation
{
    /// <summary>How long the request has for making the image's record.</summary>
    public static readonly TimeSpan RecordedWithin = TimeSpan.FromMinutes(2);

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.UploadVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => Moment.MayBeCancelled(journal);

    /// <summary>Accepts it: the status and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">NotFound; Invalid: its state forbids it.</exception>
    public static async Task<Volume> Accept(
        Tx tx, string volumeId, string imageId, string diskFormat, Rule rule, string operationId, string? requestId)
    {
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        var volume = await tx.Volumes.Move(volumeId, rule);
        if (volume.Host is null || volume.IsMigrating || await tx.Operations.AnyLive(new About("volume", volumeId))) throw rule.Refused(volumeId, now.Status);
        await tx.Operations.Start(operationId, new UploadVolume(volumeId, imageId, diskFormat), PoolName.Parse(volume.Host).Queue,
            volume.ProjectId, requestId, holding: now.Status == InUse ? [new About("snapshot", operationId)] : []);
        await tx.Operations.Defer(operationId, tx.Now + RecordedWithin);
        return volume;
    }

    /// <summary>Takes it back, since there is and will be no record of the image; unless a worker has it, which finds that out.</summary>
    public static async Task Withdraw(Tx tx, string volumeId, string operationId, Fault because)
    {
        if (await tx.Operations.Withdraw(operationId, because)) await tx.Volumes.PutBack(volumeId, Uploading);
    }

    public override async Task Run(Saga saga)
    {
        // Before anything else, so that whatever fails takes the record with it.
        await saga.Step("record",
            async () => { await saga.Images.Images.Get(ImageId, token: null, saga.Work.Token); return true; },
            undo: async tx => await DeleteLeftImage.Start(tx, saga.Row, ImageId, await tx.Volumes.Get(VolumeId)), // it was nobody's before it was active
            begun: true);
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));
        await saga.HandTo(PoolName.Parse(volume.Host!).Queue);
        await FilesTurn.Pass(saga, VolumeId);
        // One that is in use is read as it was at one moment: from a snapshot that is there only meanwhile.
        var moment = volume.PreviousStatus == InUse ? await Moment.Take(saga, volume, saga.Row.Id, "upload volumes in use") : null;

        if (moment is null) await saga.Step("upload", () => Upload(saga, volume, null));
        else await moment.Read(saga, volume, "upload", async () => { await Upload(saga, volume, moment.Snapshot); return true; });

        await saga.Finish(async tx =>
        {
            await tx.Volumes.PutBack(VolumeId, Uploading);
            await Turns.Next(tx, saga.Row, VolumeId);
        });
    }

    async Task Upload(Saga saga, Volume volume, Snapshot? moment)
    {
        saga.Driver.Demand(Abilities.Content, "read volumes");
        var token = saga.Work.Token;
        var images = saga.Images.Images;
        var record = await images.Get(ImageId, token: null, token);
        if (record.Status == Image.Active) return; // by an earlier lease, whole: the image service takes no half of one
        if (moment is null) await Writers.DemandNone(saga, VolumeId, "upload the volume");
        await using (var content = moment is null
            ? await saga.Driver.Read(volume with { AttachStatus = AttachStatus.Detached }, saga.Work)
            : await saga.Driver.Read(volume, moment, saga.Work))
            await saga.Images.Upload(content, ImageId, DiskFormat, record.ContainerFormat == Image.Compressed, saga.Work);
        record = await images.Get(ImageId, token: null, token);
        if (record.Status != Image.Active) throw Image.Unacceptable(ImageId, $"it is {record.Status} after its upload.");
    }

    /// <summary>Nothing was done to the volume.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.PutBack(VolumeId, Uploading);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.CopyVolumeToImage, fault);
        await Turns.Next(tx, row, VolumeId);
    }
}
