using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Attachments;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Clinker.Types;

namespace Clinker.Volumes;

/// <summary>Moves a volume into another pool, at an admin's word; see <see cref="Moving"/>.</summary>
/// <param name="To">The pool, or the backend, one of whose pools is chosen.</param>
/// <param name="FileId">The id in the name of the file that it is to be.</param>
/// <param name="Locks">Whether it is in maintenance meanwhile.</param>
public sealed record MigrateVolume(string VolumeId, string To, string FileId, bool Locks) : Operation
{
    /// <summary>The format that its type asks for; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Format { get; init; }

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.MigrateVolume;
    protected internal override bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => true;

    /// <summary>Accepts it: the statuses and the operation, in one transaction.</summary>
    /// <exception cref="FaultException">
    /// NotFound; Invalid: its state forbids it, it lies there already, or something is under way with it.
    /// </exception>
    public static async Task Accept(Tx tx, string volumeId, string to, bool locks, string fileId, string operationId, string? requestId)
    {
        var rule = locks ? VolumeRules.MigrateLocked : VolumeRules.Migrate;
        var now = await tx.Volumes.Get(volumeId, @lock: true);
        if (now.Status == VolumeStatus.InUse)
            throw Fault.Invalid.Volume(
                $"Volume {volumeId} is in use: only the compute service could move it, and none is configured. Detach it first.").Thrown();
        if (now.Host is null || now.Host == to) throw rule.Refused(volumeId, now.Status);
        await tx.Volumes.Move(volumeId, rule);
        About about = new("volume", volumeId);
        if (await tx.Operations.Busy(about))
            throw Fault.Invalid.Volume($"Volume {volumeId} can't be migrated while something is under way with it.").Thrown();
        await tx.Volumes.SetMigrationStatus(volumeId, MigrationStatus.Starting);
        var format = VolumeType.FormatOf(await tx.Types.SpecsOf(now.VolumeTypeId));
        await tx.Operations.Start(operationId, new MigrateVolume(volumeId, to, fileId, locks) { Format = format }, Queues.Scheduler, now.ProjectId,
            requestId, holding: Moving.Hold(fileId));
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId)); // where and how it lies stays so until the end

        var pool = await saga.Commit("place",
            tx => Place(tx, volume, saga.Means.Scheduling),
            undo: tx => Moving.Release(tx, FileId));

        var disk = await Moving.Copy(saga, volume, pool, FileId, Format);

        await saga.Finish(async tx =>
        {
            await Moving.Switch(tx, saga.Row, volume, pool, FileId, disk);
            await LetGo(tx, saga.Row);
        });
    }

    async Task<string> Place(Tx tx, Volume volume, SchedulingSettings settings)
    {
        var request = (await tx.Pools.RequestFor(volume)) with
        {
            Asked = To,
            Not = new Dictionary<string, string> { [volume.Host!] = "the volume lies there" },
        };
        var pool = await tx.Pools.Place(FileId, request, settings);
        await tx.Volumes.SetMigrationStatus(VolumeId, MigrationStatus.Migrating);
        return pool;
    }

    async Task LetGo(Tx tx, OperationRow row)
    {
        if (Locks) await tx.Volumes.PutBack(VolumeId, VolumeStatus.Maintenance);
        await Turns.Next(tx, row, VolumeId);
    }

    /// <summary>The volume is where it was.</summary>
    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.SetMigrationStatus(VolumeId, MigrationStatus.Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId, MessageAction.MigrateVolume, fault);
        await LetGo(tx, row);
    }
}
