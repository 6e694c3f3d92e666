using Clinker.Operations;
using Clinker.Outside;
using Clinker.Snapshots;

namespace Clinker.Simulation;

/// <summary>What the compute service makes of what it is asked.</summary>
enum Helps
{
    /// <summary>It goes over to the new file, and says so.</summary>
    Well,
    /// <summary>It can't, and says so.</summary>
    Badly,
    /// <summary>It says no at once.</summary>
    No,
    /// <summary>As <see cref="Well"/>, but whoever asked is told that it does not answer.</summary>
    Unheard,
    /// <summary>It goes over, and never says so.</summary>
    Silently,
    /// <summary>It says nothing, and goes over when nobody waits for it any more.</summary>
    Late,
    /// <summary>It can't be reached at first, and was not asked then.</summary>
    AfterAWhile,
}

/// <summary>The compute service of a world, which outlives daemons: the virtual machine that has a volume goes over when its turn comes.</summary>
sealed class Hypervisor(World world)
{
    readonly List<(string Volume, string Snapshot)> asked = [];
    readonly Queue<(string Volume, string Snapshot)> turns = [];
    int unreachable = 3;

    public Helps Helps { get; set; }

    /// <summary>What must never be: asked twice, or a file away that it goes over to.</summary>
    public string? Wrong { get; private set; }

    /// <summary>That of a daemon.</summary>
    public Compute For(Func<string, Task> touch) => new Asked(this, touch);

    /// <summary>Whether the virtual machine writes "new" as soon as it has gone over.</summary>
    public bool Writes { get; set; } = true;

    /// <summary>Does what it was asked, and says so.</summary>
    public async Task Work()
    {
        while (Helps != Helps.Late && turns.TryDequeue(out var turn))
        {
            var well = Helps != Helps.Badly && await GoOver(turn);
            if (Helps != Helps.Silently) await world.Db.Commit(tx => AssistedSnapshot.Tell(tx, turn.Snapshot, well));
        }
    }

    /// <summary>When nothing else is under way any more.</summary>
    public async Task WorkLate()
    {
        while (turns.TryDequeue(out var turn)) await GoOver(turn);
    }

    /// <summary>False when the virtual machine has not got the volume any more.</summary>
    async Task<bool> GoOver((string Volume, string Snapshot) turn)
    {
        var file = await world.Db.Read(async tx => await tx.Attachments.Any(turn.Volume) ? (await tx.Volumes.Find(turn.Volume))?.FileId : null);
        if (file is null) return false;
        if (!world.Shares.GoOver(file, turn.Snapshot)) Wrong ??= $"the virtual machine goes over to the file of snapshot {turn.Snapshot}, and it is away";
        else if (Writes) world.Shares.Write(file, "new");
        return true;
    }

    sealed class Asked(Hypervisor its, Func<string, Task> touch) : Compute
    {
        public override async Task TakeSnapshot(string volumeId, string snapshotId, string newFile, CancellationToken stop)
        {
            if (its.Helps == Helps.AfterAWhile && its.unreachable-- > 0)
                throw new FaultException(new Fault.Unavailable("simulated: nobody listens there")) { NothingDone = true };
            await touch("nova: ask");
            if (its.Helps == Helps.No) throw new FaultException(new Fault.DriverFailed("help", "simulated: no")) { NothingDone = true };
            if (its.asked.Contains((volumeId, snapshotId))) its.Wrong ??= $"asked twice for snapshot {snapshotId}";
            its.asked.Add((volumeId, snapshotId));
            its.turns.Enqueue((volumeId, snapshotId));
            await touch("nova: answer");
            if (its.Helps == Helps.Unheard) throw new Fault.Unavailable("simulated: it does not answer").Thrown();
        }
    }
}
