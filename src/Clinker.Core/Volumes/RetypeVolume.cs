using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Types;

namespace Clinker.Volumes;

/// <summary>
/// Gives a volume another type. It stays where it is if that pool passes the type's specs, and stays the file that it is unless the type asks
/// for one of another format: that is then made in the same pool, as in a move but whatever the migration policy, which is about other places
/// (in Cinder too a driver may change what a volume is where it lies). Otherwise it is moved, if it may be; see <see cref="Moving"/>.
/// </summary>
/// <param name="MayMove">Cinder's migration_policy on-demand.</param>
/// <param name="FileId">The id in the name of the file that it is to be, should it be moved.</param>
public sealed record RetypeVolume(string VolumeId, string TypeId, bool MayMove, string FileId) : Operation
{
    /// <summary>The format that its type asks for; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Format { get; init; }

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.RetypeVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: the status, the quota of the new type and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: its state forbids it, it is of that type, its file would have to be another one and can't, or something is under way
    /// with it; OverQuota.
    /// </exception>
    public static async Task Accept(
        Tx tx, string volumeId, VolumeType type, bool mayMove, QuotaLimits limits, string fileId, string operationId, string? requestId)
    {
        var rule = VolumeRules.Retype;
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        if (now.VolumeTypeId == type.Id) throw rule.Refused(volumeId, now.Status);
        if (now.Status == VolumeStatus.InUse && await FrontEnd(tx, now.VolumeTypeId) != await FrontEnd(tx, type.Id))
            throw rule.Refused(volumeId, now.Status);
        var asked = new RetypeVolume(volumeId, type.Id, mayMove, fileId) { Format = VolumeType.FormatOf(type.ExtraSpecs) };
        if (asked.Converts(now))
        {
            if (now.Status == VolumeStatus.InUse) throw CannotConvert("it is in use: detach it first");
            if ((await tx.Snapshots.Of(volumeId)).Count > 0) throw CannotConvert("it has snapshots: delete those first");
        }
        await tx.Types.Keep(type.Id);
        var volume = await tx.Volumes.Move(volumeId, rule);
        About about = new("volume", volumeId);
        if (volume.Host is null || await tx.Operations.Busy(about))
            throw Fault.Invalid.Volume($"Volume {volumeId} can't be retyped while something is under way with it.").Thrown();
        await tx.Quotas.TakeType(volume, type.Id, limits);
        await tx.Volumes.SetRetyping(volumeId, type.Id);
        await tx.Operations.Start(operationId, asked, Queues.Scheduler, volume.ProjectId, requestId, holding: Moving.Hold(fileId));

        FaultException CannotConvert(string why) => Fault.Invalid.Volume(
            $"Volume {volumeId} can't become the {asked.Format} file that type {type.Name} asks for, since {why}.").Thrown();
    }

    /// <summary>Whether it asks for another file than the volume has.</summary>
    bool Converts(Volume volume) => Format is not null && volume.Host is not null && Format != volume.Format;

    /// <summary>The QoS that hypervisors keep a type's volumes to; null for none.</summary>
    static async Task<string?> FrontEnd(Tx tx, string? typeId) =>
        await tx.QosSpecs.OfType(typeId) is { Consumer: not "back-end" } qos ? qos.Id : null;

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // its type, and where and how it lies, stay so until the end

        var pool = await saga.Commit("place",
            tx => Place(tx, volume, saga.Means.Scheduling),
            undo: tx => Moving.Release(tx, FileId));

        var moved = pool == volume.Host && !Converts(volume) ? null : await Moving.Copy(saga, volume, pool, FileId, Format);

        await saga.Finish(async tx =>
        {
            if (moved is not null) await Moving.Switch(tx, saga.Row, volume, pool, FileId, moved);
            await tx.Quotas.GiveBackType(volume, volume.VolumeTypeId);
            foreach (var its in (await tx.Snapshots.Of(VolumeId)).Where(s => s.ProjectId == volume.ProjectId))
                if (await tx.Snapshots.Find(its.Id, @lock: true) is { } snapshot) await tx.Quotas.MoveType(snapshot, TypeId);
            await tx.Volumes.SetType(VolumeId, TypeId, VolumeType.IsMultiattach(await tx.Types.SpecsOf(TypeId)));
            await LetGo(tx, saga.Row);
        });
    }

    /// <summary>The pool where it is to lie: the one where it does, if that passes (Cinder: HostManager, find_retype_host).</summary>
    async Task<string> Place(Tx tx, Volume volume, SchedulingSettings settings)
    {
        var request = await tx.Pools.RequestFor(volume with { VolumeTypeId = TypeId });
        if (await tx.Pools.WhyNotStay(volume.Host!, request, settings) is not { } why)
            return Converts(volume) ? await Reserve(request with { Asked = volume.Host }) : volume.Host!;
        var fixedThere = !MayMove ? "migration not allowed"
            : volume.PreviousStatus == VolumeStatus.InUse ? "and it is in use: only the compute service could move it"
            : (await tx.Snapshots.Of(VolumeId)).Count > 0 ? "and a volume with snapshots can't be moved"
            : null;
        if (fixedThere is not null)
            throw new Fault.NoValidBackend(
                $"Current host not valid for volume {VolumeId} with type {TypeId}, {fixedThere}. {volume.Host}: {why}.").Thrown();
        return await Reserve(request with { Not = new Dictionary<string, string> { [volume.Host!] = why } });

        async Task<string> Reserve(PlaceRequest where)
        {
            var pool = await tx.Pools.Place(FileId, where, settings);
            await tx.Volumes.SetMigrationStatus(VolumeId, MigrationStatus.Migrating);
            return pool;
        }
    }

    async Task LetGo(Tx tx, OperationRow row)
    {
        await tx.Volumes.PutBack(VolumeId, VolumeStatus.Retyping);
        await Turns.Next(tx, row, VolumeId);
    }

    /// <summary>The volume is as it was.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        var volume = await tx.Volumes.Get(VolumeId, @lock: true);
        await tx.Quotas.GiveBackType(volume, TypeId);
        await tx.Volumes.SetRetyping(VolumeId, null);
        if (volume.IsMigrating) await tx.Volumes.SetMigrationStatus(VolumeId, MigrationStatus.Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.RetypeVolume, fault);
        await LetGo(tx, row);
    }
}
