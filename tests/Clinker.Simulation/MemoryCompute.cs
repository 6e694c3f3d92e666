using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What the compute service makes of what it is asked: to have a virtual machine go over to a new file, or put two files together.</summary>
enum Helps
{
    /// <summary>It does so, and says so.</summary>
    Well,
    /// <summary>It can't, and says so.</summary>
    Badly,
    /// <summary>It says no at once.</summary>
    No,
    /// <summary>As <see cref="Well"/>, but whoever asked is told that it does not answer.</summary>
    Unheard,
    /// <summary>It does so, and never says so.</summary>
    Silently,
    /// <summary>It says nothing, and does so when nobody waits for it any more.</summary>
    Late,
    /// <summary>It can't be reached at first, and was not asked then.</summary>
    AfterAWhile,
    /// <summary>It says that it has, and has not.</summary>
    Falsely,
}

/// <summary>The compute service of a world, which outlives daemons: what it is asked it does when its turn comes.</summary>
sealed class Hypervisor(World world)
{
    readonly List<(string Volume, string Snapshot)> asked = [];
    readonly HashSet<string> merged = [];
    readonly Queue<Turn> turns = [];
    readonly List<(ServerEvent What, bool Well)> told = [];
    int unreachable = 3;

    enum Act { GoOver, Merge, Extend }

    readonly record struct Turn(string Volume, string Snapshot, Act Act);

    /// <summary>What servers were told of volumes.</summary>
    public IReadOnlyList<(ServerEvent What, bool Well)> Told => told;

    public Helps Helps { get; set; }

    /// <summary>What must never be: asked twice, or a file away that it goes over to, or stands on.</summary>
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
            var well = Helps == Helps.Falsely || (Helps != Helps.Badly && await Do(turn));
            if (Helps == Helps.Silently) continue;
            await world.Db.Commit(tx => turn.Act switch
            {
                Act.GoOver => AssistedSnapshot.Tell(tx, turn.Snapshot, well),
                Act.Merge => AssistedMerge.Tell(tx, turn.Snapshot, well),
                _ => AssistedExtend.Tell(tx, turn.Volume, well),
            });
        }
    }

    /// <summary>It has put the files of a volume together before: asked again it says no.</summary>
    public void HasMerged(string fileId) => merged.Add(fileId);

    /// <summary>When nothing else is under way any more.</summary>
    public async Task WorkLate()
    {
        while (turns.TryDequeue(out var turn)) await Do(turn);
    }

    /// <summary>False when it can't: when the virtual machine has not got the volume any more, or what is to be put together is so.</summary>
    async Task<bool> Do(Turn turn)
    {
        var volume = await world.Db.Read(async tx => await tx.Attachments.Any(turn.Volume) ? await tx.Volumes.Find(turn.Volume) : null);
        if (volume?.FileId is not { } file) return false;
        if (turn.Act == Act.Extend)
        {
            world.Shares.Resize(file, volume.SizeGb); // as large as it is said to be now
            return true;
        }
        if (turn.Act == Act.Merge)
        {
            if (world.Shares.PutTogether(file)) return merged.Add(file) || true;
            if (!merged.Contains(file) && !world.Shares.Going.Contains(file)) Wrong ??= $"volume {turn.Volume} stands on a file that is away";
            return false;
        }
        if (!world.Shares.GoOver(file, turn.Snapshot)) Wrong ??= $"the virtual machine goes over to the file of snapshot {turn.Snapshot}, and it is away";
        else if (Writes) world.Shares.Write(file, "new");
        return true;
    }

    sealed class Asked(Hypervisor its, Func<string, Task> touch) : Compute
    {
        public override Task TakeSnapshot(string volumeId, string snapshotId, string newFile, CancellationToken stop) => Ask(() =>
        {
            if (its.asked.Contains((volumeId, snapshotId))) its.Wrong ??= $"asked twice for snapshot {snapshotId}";
            its.asked.Add((volumeId, snapshotId));
            its.turns.Enqueue(new(volumeId, snapshotId, Act.GoOver));
        });

        public override Task Merge(string volumeId, string snapshotId, Merge what, CancellationToken stop) =>
            Ask(() => its.turns.Enqueue(new(volumeId, snapshotId, Act.Merge)));

        public override Task Pull(string volumeId, string id, CancellationToken stop) =>
            Ask(() => its.turns.Enqueue(new(volumeId, id, Act.Merge))); // to files of no content it is the same

        public override Task Tell(ServerEvent what, string volumeId, IReadOnlyList<string> servers, bool well, CancellationToken stop) => Ask(() =>
        {
            its.told.Add((what, well));
            if (what == ServerEvent.VolumeExtended) its.turns.Enqueue(new(volumeId, "", Act.Extend));
        });

        async Task Ask(Action hear)
        {
            if (its.Helps == Helps.AfterAWhile && its.unreachable-- > 0)
                throw new FaultException(new Fault.Unavailable("simulated: nobody listens there")) { NothingDone = true };
            await touch("nova: ask");
            if (its.Helps == Helps.No) throw new FaultException(new Fault.DriverFailed("help", "simulated: no")) { NothingDone = true };
            hear();
            await touch("nova: answer");
            if (its.Helps == Helps.Unheard) throw new Fault.Unavailable("simulated: it does not answer").Thrown();
        }
    }
}
