using System.Text.Json.Serialization.Metadata;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;

namespace Clinker.Volumes;

/// <summary>
/// Deletes the image that a volume was to become and did not. While the image service is away this waits for it, and nobody waits for this: the
/// volume is as it was.
/// </summary>
/// <param name="ImageId">Of an image that was nobody's but that operation's.</param>
public sealed record DeleteLeftImage(string ImageId) : Operation
{
    static readonly TimeSpan BetweenTries = TimeSpan.FromMinutes(1);

    protected internal override About About => new("image", ImageId);
    protected internal override JsonTypeInfo Json => CoreJson.Default.DeleteLeftImage;

    /// <param name="by">The operation that is taken back.</param>
    /// <param name="of">The volume: images are there for the hosts of backends.</param>
    public static Task Start(Tx tx, OperationRow by, string imageId, Volume of) =>
        tx.Operations.Start(imageId, new DeleteLeftImage(imageId), PoolName.Parse(of.Host!).Queue, projectId: null, by.RequestId);

    // What turns it round is tried again as its own undo, until somebody is called.
    public override Task Run(Saga saga) => saga.Step("delete", () => Delete(saga, waits: true), undo: () => Delete(saga, waits: false));

    async Task Delete(Saga saga, bool waits)
    {
        // Without an image service here there is none that anything could have been given to.
        if (saga.Means.Images is not { } to) return;
        try { await to.Images.Delete(ImageId, saga.Work.Token); }
        catch (FaultException e) when (waits && e.Fault.Transient) { throw new FaultException(e.Fault, e) { Waits = true, Pause = BetweenTries }; }
    }
}
