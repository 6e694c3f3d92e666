using System.Text.Json.Serialization.Metadata;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Deletes a file that its volume has moved away from, or that it was to move into and did not, then gives its room back. While that
/// fails, the reservation says which file it is, and the sweep starts this anew.
/// </summary>
/// <param name="FileId">The id in its name.</param>
/// <param name="Host">The pool where it lies.</param>
public sealed record DeleteLeftFile(string FileId, string Host, int SizeGb) : Operation
{
    protected internal override About About => AboutFile(FileId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteLeftFile;

    static About AboutFile(string fileId) => new("file", fileId);

    public static Task Start(Tx tx, string fileId, string host, int sizeGb, string operationId, string? requestId) =>
        tx.Operations.Start(operationId, new DeleteLeftFile(fileId, host, sizeGb), PoolName.Parse(host).Queue, projectId: null, requestId);

    /// <summary>Starts it for a file that is still there although nothing is under way with it; false when that is not so.</summary>
    public static async Task<bool> StartAnew(Tx tx, string fileId, string host, int sizeGb, string operationId)
    {
        if (await tx.Operations.AnyLive(AboutFile(fileId))) return false;
        await Start(tx, fileId, host, sizeGb, operationId, requestId: null);
        return true;
    }

    public override async Task Run(Saga saga)
    {
        await saga.HandTo(PoolName.Parse(Host).Queue);
        await saga.Step("delete", async () =>
        {
            if (await saga.Read(tx => tx.Volumes.OfFile(FileId)) is { } volume)
                throw new InvalidOperationException($"File {FileId} is to be deleted, but volume {volume.Id} has it.");
            await saga.Driver.Abandon(File, saga.Work); // whoever was to fill it, and comes late, has nothing then that he could publish
            await saga.Driver.Delete(File, saga.Work);
        });
        await saga.Finish(tx => tx.Pools.Release(FileId));
    }

    /// <summary>As much of a volume as the driver has to know.</summary>
    Volume File => new()
    {
        Id = FileId, ProjectId = "", UserId = "", SizeGb = SizeGb, Status = VolumeStatus.Deleting, AvailabilityZone = "", Host = Host,
        CreatedAt = default,
    };
}
