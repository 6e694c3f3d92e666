using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Store;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Volumes;

/// <summary>Makes the file behind a new, empty volume.</summary>
public sealed record CreateVolume(string VolumeId) : Operation
{
    /// <summary>The scheduler hints of the request, as they came: JSON.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Hints { get; init; }

    protected internal override About About => new("volume", VolumeId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.CreateVolume;

    /// <summary>Accepts a new volume: its row, its quota and the operation, in one transaction.</summary>
    /// <param name="hints">What is asked of the scheduler: a JSON object.</param>
    /// <exception cref="FaultException">OverQuota; NotFound when its type was removed meanwhile.</exception>
    public static async Task<Volume> Accept(Tx tx, Volume volume, QuotaLimits limits, string operationId, string? requestId,
        string? hints = null)
    {
        if (volume.VolumeTypeId is { } type) await tx.Types.Keep(type);
        await tx.Volumes.Insert(volume);
        await tx.Quotas.Take(volume, limits);
        await tx.Operations.Start(operationId, new CreateVolume(volume.Id) { Hints = hints }, Queues.Scheduler, volume.ProjectId, requestId);
        return volume;
    }

    public override async Task Run(Saga saga)
    {
        var volume = await saga.Read(tx => tx.Volumes.Get(VolumeId));

        var place = await saga.Commit("place",
            async tx =>
            {
                var chosen = await tx.Pools.Place(VolumeId, await tx.Pools.RequestFor(volume, Hints), saga.Means.Scheduling);
                await tx.Volumes.SetHost(VolumeId, chosen);
                return chosen;
            },
            undo: async tx =>
            {
                await tx.Pools.Release(VolumeId);
                await tx.Volumes.SetHost(VolumeId, null);
            });
        volume = volume with { Host = place };

        await saga.HandTo(PoolName.Parse(place).Queue); // from here on, a worker that reaches this backend

        var disk = await saga.Step("create",
            () => saga.Driver.Create(volume, saga.Work),
            undo: () => saga.Driver.Delete(volume, saga.Work));

        await saga.Finish(async tx =>
        {
            await tx.Volumes.SetOnDisk(VolumeId, disk);
            await tx.Volumes.Settle(VolumeId, Creating, Available);
        });
    }

    public override async Task Failed(Tx tx, Fault fault, OperationRow row)
    {
        await tx.Volumes.Settle(VolumeId, Creating, Error);
        await tx.Messages.Add(row, "VOLUME", VolumeId,
            fault is Fault.NoValidBackend ? MessageAction.ScheduleAllocateVolume : MessageAction.CreateVolumeFromBackend, fault);
    }
}
