using Clinker.Drivers;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>A backend whose next create takes until it is let go, as a long step does.</summary>
/// <param name="deaf">It does not listen to its token, as a call that hangs in storage.</param>
sealed class HeldDriver(Driver inner, bool deaf = false) : Driver
{
    readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int creates;

    /// <summary>A create is under way, under this lease.</summary>
    public Task Begun => begun.Task;

    public Work Work { get; private set; }

    public int Creates => creates;

    /// <summary>Of each delete of a snapshot, whether what is kept of its volume might be put together then.</summary>
    public List<bool> Quiet { get; } = [];

    /// <summary>What a create throws whose token ends; null: that it was cancelled.</summary>
    public Exception? WhenCancelled { get; init; }

    public void LetGo() => gate.TrySetResult();

    public override string Backend => inner.Backend;

    public override async Task<VolumeOnDisk> Create(Volume volume, Work work)
    {
        if (Interlocked.Increment(ref creates) == 1)
        {
            Work = work;
            begun.SetResult();
            try { await gate.Task.WaitAsync(deaf ? CancellationToken.None : work.Token); }
            catch (OperationCanceledException) when (WhenCancelled is not null) { throw WhenCancelled; }
        }
        return await inner.Create(volume, work);
    }

    public override Task Delete(Volume volume, Work work, Volume? source = null) => inner.Delete(volume, work, source);

    public override Abilities Can => inner.Can;

    public override Task Extend(Volume volume, int sizeGb, Work work) => inner.Extend(volume, sizeGb, work);

    public override Task CreateSnapshot(Volume volume, Snapshot snapshot, Work work) => inner.CreateSnapshot(volume, snapshot, work);

    public override Task DeleteSnapshot(Volume volume, Snapshot snapshot, Work work, bool quiet = true)
    {
        Quiet.Add(quiet);
        return inner.DeleteSnapshot(volume, snapshot, work, quiet);
    }

    public override Task<VolumeOnDisk> CreateFromSnapshot(Volume volume, Volume origin, Snapshot snapshot, Work work, bool full = false) =>
        inner.CreateFromSnapshot(volume, origin, snapshot, work, full);

    public override Task<VolumeOnDisk> CreateFromVolume(Volume volume, Volume source, Work work, bool full = false) =>
        inner.CreateFromVolume(volume, source, work, full);

    public override Task Tidy(Volume volume, bool flatten, Work work) => inner.Tidy(volume, flatten, work);

    public override Task Flatten(Volume volume, Work work) => inner.Flatten(volume, work);
    public override Task RevertTo(Volume volume, Snapshot snapshot, Work work) => inner.RevertTo(volume, snapshot, work);

    public override Task Abandon(Volume volume, Work work) => inner.Abandon(volume, work);

    public override Task<ConnectionInfo> Connect(Volume volume, Connector connector, Work work) => inner.Connect(volume, connector, work);

    public override Task Disconnect(Volume volume, Connector connector, Work work) => inner.Disconnect(volume, connector, work);

    public override Task<BackendReport> Report(CancellationToken token) => inner.Report(token);

    public override Task<Inventory> List(string pool, CancellationToken token) => inner.List(pool, token);

    public override Task RemoveLitter(string pool, string name, CancellationToken token) => inner.RemoveLitter(pool, name, token);
}
