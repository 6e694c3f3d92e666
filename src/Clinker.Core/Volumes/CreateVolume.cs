using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Backups;
using Clinker.Drivers;
using Clinker.Groups;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Types;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Makes what is behind a new volume: empty, or with the content of its source.</summary>
/// <param name="Source">Null for an empty one; absent in journals of old.</param>
public sealed record CreateVolume(
    string VolumeId, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] VolumeSource? Source = null) : Operation
{
    /// <summary>The scheduler hints of the request, as they came: JSON.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Hints { get; init; }

    /// <summary>Whether it is to be a copy of its source, as its type said when it was accepted: each attempt has to make the same.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public bool Full { get; init; }

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts a new volume: its row, its quota, the hold on its source and the operation, in one transaction.</summary>
    /// <param name="hints">What is asked of the scheduler: a JSON object.</param>
    /// <exception cref="FaultException">
    /// OverQuota; NotFound when its type or source was removed meanwhile; Invalid when the source is in no state for it, or has
    /// grown larger than the volume.
    /// </exception>
    public static async Task<Volume> Accept(Tx tx, Volume volume, QuotaLimits limits, string operationId, string? requestId,
        VolumeSource? source = null, string? hints = null)
    {
        if (volume.GroupId is { } group) await tx.Groups.Move(group, GroupRules.AddNew);
        await Insert(tx, volume, limits, source);
        About[] held = source?.Held is { } about ? [about] : [];
        var full = source is not null && await IsFull(tx, volume);
        await tx.Operations.Start(
            operationId, new CreateVolume(volume.Id, source) { Hints = hints, Full = full }, Queues.Scheduler, volume.ProjectId, requestId, holding: held);
        return volume;
    }

    /// <summary>Whether volumes of its type are copies.</summary>
    internal static async Task<bool> IsFull(Tx tx, Volume volume) => VolumeType.HasFullClones(await tx.Types.SpecsOf(volume.VolumeTypeId));

    /// <summary>The row and the quota, if its type, its source and its group allow it; in the transaction that starts what makes it.</summary>
    internal static async Task Insert(Tx tx, Volume volume, QuotaLimits limits, VolumeSource? source)
    {
        if (volume.VolumeTypeId is { } type) await tx.Types.Keep(type);
        var size = source switch
        {
            VolumeSource.OfSnapshot of => (await tx.Snapshots.Move(of.Id, SnapshotRules.Clone)).SizeGb,
            VolumeSource.OfVolume of => (await Settled(tx, of.Id)).SizeGb,
            VolumeSource.OfBackup of => (await tx.Backups.Chain(await tx.Backups.Move(of.Id, BackupRules.Clone)))[^1].SizeGb,
            _ => 0,
        };
        if (volume.SizeGb < size) throw Fault.Invalid.Volume("Its source has grown larger meanwhile.").Thrown();
        await tx.Volumes.Insert(volume);
        await tx.Quotas.Take(volume, limits);
    }

    /// <summary>A volume that is to be copied. One that is being moved is two files, and soon the other one.</summary>
    static async Task<Volume> Settled(Tx tx, string id)
    {
        var source = await tx.Volumes.Move(id, VolumeRules.Clone);
        return source.IsMigrating ? throw Fault.Invalid.Volume($"Originating source volume {id} is being migrated.").Thrown() : source;
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));

        var place = await Place(saga, volume, "place");

        await saga.HandTo(PoolName.Parse(place).Queue); // from here on, a worker that reaches this backend

        await FilesTurnOf(saga, [Source]);

        if (Source is VolumeSource.OfImage)
            await saga.Commit("download", async tx => { await tx.Volumes.Settle(VolumeId, Creating, Downloading); return true; });

        var (disk, fault) = await MakeIn(place, "create");
        var failed = new Dictionary<string, string>();
        for (var attempt = 2; fault is not null; attempt++)
        {
            failed[place] = fault.Message;
            var another = await PlaceAnew(saga, volume, failed, fault, attempt);
            if (PoolName.Parse(another).Queue is var queue && queue != PoolName.Parse(place).Queue) await saga.HandTo(queue, attempt);
            (disk, fault) = await MakeIn(place = another, $"create {attempt}");
        }

        await saga.Finish(async tx =>
        {
            await tx.Volumes.SetOnDisk(VolumeId, disk!);
            if (disk!.SignatureVerified is { } verified)
                await tx.Volumes.SetImageMetadata(VolumeId, new Dictionary<string, string>((await tx.Volumes.Get(VolumeId, @lock: true)).ImageMetadata)
                {
                    [ImageSignature.VerifiedKey] = ImageSignature.VerifiedWord(verified),
                });
            await tx.Volumes.Settle(VolumeId, Source is VolumeSource.OfImage ? Downloading : Creating, Available);
            await LetGo(tx, saga.Row);
        });

        Task<(VolumeOnDisk?, Fault?)> MakeIn(string pool, string step)
        {
            var there = volume with { Host = pool };
            return saga.Try(step, () => Make(saga, there), undo: () => Unmake(saga, there), MayGoElsewhere);
        }
    }

    /// <summary>Whether it may do in another pool. What a source is to blame for is so everywhere.</summary>
    bool MayGoElsewhere(Fault fault) => fault is Fault.ShareFull || (fault is Fault.DriverFailed && Source is null);

    /// <summary>Finds another place for it.</summary>
    /// <param name="failed">Where it could not be made, and why.</param>
    /// <param name="last">What is thrown when there is none: as it failed last.</param>
    Task<string> PlaceAnew(Saga saga, Volume volume, IReadOnlyDictionary<string, string> failed, Fault last, int attempt) => saga.Commit($"place {attempt}",
        async tx =>
        {
            await Unplace(tx);
            if (attempt > saga.Means.Scheduling.MaxAttempts) throw last.Thrown();
            var request = await Request(tx, volume) with { Not = failed };
            if (await tx.Pools.TryPlace(VolumeId, request, saga.Means.Scheduling) is not { } chosen) throw last.Thrown();
            await tx.Volumes.SetHost(VolumeId, chosen);
            return chosen;
        },
        undo: Unplace);

    async Task Unplace(Tx tx)
    {
        await tx.Pools.Release(VolumeId);
        await tx.Volumes.SetHost(VolumeId, null);
    }

    /// <summary>Finds a place for it, as a step of that name.</summary>
    internal Task<string> Place(Saga saga, Volume volume, string step) => saga.Commit(step,
        async tx =>
        {
            var chosen = await tx.Pools.Place(VolumeId, await Request(tx, volume), saga.Means.Scheduling);
            await tx.Volumes.SetHost(VolumeId, chosen);
            return chosen;
        },
        undo: Unplace);

    /// <summary>Only on the backend where the source lies can it be read; and the others of its group lie on one, too.</summary>
    async Task<PlaceRequest> Request(Tx tx, Volume volume)
    {
        var near = Source switch
        {
            VolumeSource.OfSnapshot of => (await Origin(tx, of)).Volume.Host,
            VolumeSource.OfVolume of => (await tx.Volumes.Get(of.Id)).Host,
            _ => null,
        };
        var source = near is null ? null : PoolName.Parse(near).Queue;
        var others = volume.GroupId is { } group ? await tx.Groups.BackendOf(group) : null;
        if (source is not null && others is not null && source != others)
            throw new Fault.NoValidBackend($"The source lies on {source}, the group's other volumes on {others}.").Thrown();
        return await tx.Pools.RequestFor(volume, Hints) with { Backend = source ?? others, Near = Full ? null : near };
    }

    /// <summary>A clone freezes the file with which its source begins; what is made of a snapshot only reads.</summary>
    internal static async Task FilesTurnOf(Saga saga, IEnumerable<VolumeSource?> sources)
    {
        var all = sources.ToList();
        if (all.OfType<VolumeSource.OfVolume>().Select(s => s.Id).ToList() is { Count: > 0 } volumes) await FilesTurn.Take(saga, volumes);
        else if (all.OfType<VolumeSource.OfSnapshot>().ToList() is { Count: > 0 } snapshots)
            await FilesTurn.Pass(saga, await saga.Read(async tx =>
            {
                var ids = new List<string>();
                foreach (var of in snapshots)
                    if (await tx.Snapshots.Find(of.Id) is { } snapshot) ids.Add(snapshot.VolumeId); // not when it was let go since
                return ids;
            }));
    }

    internal async Task<VolumeOnDisk> Make(Saga saga, Volume volume)
    {
        volume = volume with { Format = VolumeType.FormatOf(await saga.Read(tx => tx.Types.SpecsOf(volume.VolumeTypeId))) };
        switch (Source)
        {
            case VolumeSource.OfSnapshot of:
                var (snapshot, origin) = await saga.Read(tx => Origin(tx, of));
                return await saga.Driver.CreateFromSnapshot(volume, origin, snapshot, saga.Work, Full);
            case VolumeSource.OfVolume of:
                var source = await Writers.ToCopy(saga, of.Id, "clone volumes in use");
                return await saga.Driver.CreateFromVolume(volume, source, saga.Work, Full);
            case VolumeSource.OfImage of:
                saga.Driver.Demand(Abilities.Content, "write images to volumes");
                var image = await saga.Images.Look(of.Id, saga.Work.Token);
                var fill = saga.Images.Fill(image, volume.SizeGb, saga.Work.Progress);
                var verified = saga.Images.Verifies(image);
                var disk = Full ? await saga.Driver.CreateFilled(volume, fill, saga.Work)
                    : await saga.Driver.CreateOfImage(volume, saga.Images.ContentOf(image), fill, saga.Work);
                return disk with { SignatureVerified = verified };
            case VolumeSource.OfBackup of:
                saga.Driver.Demand(Abilities.Content, "fill volumes");
                return await saga.Driver.CreateFilled(volume, await BackupCopy.Restore(saga, of.Id), saga.Work);
            default:
                return await saga.Driver.Create(volume, saga.Work);
        }
    }

    internal async Task Unmake(Saga saga, Volume volume)
    {
        var (far, source) = await saga.Read(tx => Held(tx, saga.Row, volume));
        if (far && saga.Unwinding) await saga.Early(tx => FreeSource(tx, saga.Row));
        await saga.Driver.Delete(volume, saga.Work, source);
    }

    /// <summary>
    /// Whether its source lies elsewhere than the volume does: then nothing was done to it, and it need not wait for a place that may be lost for
    /// good. Once it was let go, it may be anywhere, and is none any more. With the volume that is beside it.
    /// </summary>
    async Task<(bool Far, Volume? Source)> Held(Tx tx, OperationRow row, Volume volume)
    {
        if (Source?.Held is not { } held || !await tx.Operations.Holds(row.Id, held)) return (false, null);
        return Source switch
        {
            VolumeSource.OfVolume of when await tx.Volumes.Get(of.Id) is var source && source.Host == volume.Host => (false, source),
            VolumeSource.OfSnapshot of => ((await Origin(tx, of)).Volume.Host != volume.Host, null),
            _ => (true, null),
        };
    }

    async Task FreeSource(Tx tx, OperationRow row)
    {
        if (Source?.Held is not { } held) return;
        await tx.Operations.LetGo(row.Id, held);
        if (Source is not VolumeSource.OfVolume of) return;
        await FilesTurn.LetGo(tx, row, of.Id);
        await Turns.Next(tx, row, of.Id);
    }

    static async Task<(Snapshot Snapshot, Volume Volume)> Origin(Tx tx, VolumeSource.OfSnapshot of)
    {
        var snapshot = await tx.Snapshots.Get(of.Id);
        return (snapshot, await tx.Volumes.Get(snapshot.VolumeId));
    }

    /// <summary>Hosts that wait for the source, or for the volume itself, may have it.</summary>
    async Task LetGo(Tx tx, OperationRow row)
    {
        if (Source is VolumeSource.OfVolume of) await Turns.Next(tx, row, of.Id);
        await Turns.Next(tx, row, VolumeId);
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.Settle(VolumeId, (await tx.Volumes.Get(VolumeId)).Status == Downloading ? Downloading : Creating, Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId,
            fault is Fault.NoValidBackend ? MessageAction.ScheduleAllocateVolume
            : Source is VolumeSource.OfImage ? MessageAction.CopyImageToVolume
            : MessageAction.CreateVolumeFromBackend, fault);
        await LetGo(tx, row);
    }
}
