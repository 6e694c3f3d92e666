using System.Text.Json.Serialization;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Drivers;

/// <summary>
/// A backend. What every backend must have is abstract; what can be made of that is virtual, with the generic way as body.
/// Every verb takes records, may be repeated (ensure, never do), throws a <see cref="Operations.FaultException"/> for what a
/// user should know, and leaves trying again to the engine: a fault that may pass is thrown as a transient one at once, never
/// retried in here; <see cref="Operations.FaultException.NothingDone"/> is said with it where it is sure that nothing was
/// made. No verb blocks a thread-pool thread on storage, and each ends when its token does.
/// </summary>
public abstract class Driver : IAsyncDisposable
{
    /// <summary>The backend's section in the configuration; the middle of <c>host@backend#pool</c>.</summary>
    public abstract string Backend { get; }

    /// <summary>What its section in the configuration says that it can, by name; reported with every pool.</summary>
    public IReadOnlyDictionary<string, string> Capabilities { get; init; } = Volume.EmptyMetadata;

    /// <summary>
    /// What this backend is, and how its pools are now. Never throws for a pool that is down: it says so in the report.
    /// Called at start and then regularly; mounts what is to be mounted, so that a dead pool comes back by itself.
    /// </summary>
    public abstract Task<BackendReport> Report(CancellationToken token);

    /// <summary>
    /// Ensures an empty volume of <see cref="Volume.SizeGb"/> in the pool that <see cref="Volume.Host"/> names, durable on
    /// return. Made under a name that carries the work's generation and published by a rename, since storage fences nobody.
    /// A <see cref="Volume.Format"/> is what it is to be, here and wherever else a volume is made.
    /// </summary>
    public abstract Task<VolumeOnDisk> Create(Volume volume, Work work);

    /// <summary>
    /// Ensures that nothing of the volume is left in its pool, durable on return. A volume that was never made is no fault;
    /// one that can't be looked for (share down) is.
    /// </summary>
    /// <param name="source">Of a clone that is given up: what it was being made of, at which nothing of that is left either.</param>
    public abstract Task Delete(Volume volume, Work work, Volume? source = null);

    /// <summary>What it can do beyond that. Operations and the scheduler ask before they call.</summary>
    public virtual Abilities Can => Abilities.None;

    /// <summary>
    /// Ensures that the volume is <paramref name="sizeGb"/> large, durable on return; what is new reads as zeroes. Never makes it
    /// smaller: one that is that large already, or larger, stays.
    /// </summary>
    public virtual Task Extend(Volume volume, int sizeGb, Work work) => throw CanNot("extend volumes");

    /// <summary>
    /// The same of a volume that a virtual machine has open, as far as that can be done beside it. What it has open as an image only its
    /// hypervisor makes larger.
    /// </summary>
    /// <returns>Whether the volume is that large now.</returns>
    public virtual Task<bool> ExtendInUse(Volume volume, int sizeGb, Work work) => throw CanNot("extend volumes in use");

    /// <summary>
    /// Ensures a snapshot: the volume's content at one moment of this call, durable on return. Repeated by another lease while it
    /// is not published, it may be the content of a later moment.
    /// </summary>
    public virtual Task CreateSnapshot(Volume volume, Snapshot snapshot, Work work) => throw CanNot("take snapshots");

    /// <summary>Ensures that nothing of the snapshot is left; volumes made from it keep their content. One that was never made is no fault.</summary>
    /// <param name="quiet">Whether nobody reads or writes the volume meanwhile: what is kept of it may be put together then.</param>
    public virtual Task DeleteSnapshot(Volume volume, Snapshot snapshot, Work work, bool quiet = true) => throw CanNot("delete snapshots");

    /// <summary>
    /// Begins a snapshot of a volume that one virtual machine has open, whose hypervisor keeps to one moment: ensures a file, durable on return, to
    /// which that can go over. Whether it has done so is not known from then on, until <see cref="EndSnapshot"/> or <see cref="DropSnapshot"/>
    /// says it; nobody else may begin to write to the volume meanwhile. Where neither is said, that ends when nobody has the volume any more.
    /// </summary>
    /// <returns>The file's name, in the folder of the one that is open.</returns>
    public virtual Task<string> BeginSnapshot(Volume volume, Snapshot snapshot, Work work) => throw CanNot("take snapshots of volumes in use");

    /// <summary>
    /// Whether somebody has written to the file that <see cref="BeginSnapshot"/> made, and so has gone over for certain; false where that can't be told.
    /// </summary>
    public virtual Task<bool> HasGoneOver(Volume volume, Snapshot snapshot, Work work) => Task.FromResult(false);

    /// <summary>Ends what <see cref="BeginSnapshot"/> began: whoever has the volume has gone over. What was written before is the snapshot.</summary>
    public virtual Task EndSnapshot(Volume volume, Snapshot snapshot, Work work) => throw CanNot("take snapshots of volumes in use");

    /// <summary>
    /// Takes back what <see cref="BeginSnapshot"/> began: nobody has gone over, and nobody will. A file that was written to all the same stays,
    /// as if this had not been said. What was never begun is no fault.
    /// </summary>
    public virtual Task DropSnapshot(Volume volume, Snapshot snapshot, Work work) => Task.CompletedTask;

    /// <summary>
    /// Begins to put two files of a volume together that one virtual machine has open: says which, where nobody needs them apart any more, and
    /// notes, durable on return, that one of them goes then. Its hypervisor does that now, later or never, and the volume holds the same all the
    /// time. Nobody may read the volume or its snapshots meanwhile.
    /// </summary>
    /// <returns>Null: there is nothing to put together.</returns>
    public virtual Task<Merge?> BeginMerge(Volume volume, Work work) => Task.FromResult<Merge?>(null);

    /// <summary>Sees what came of <see cref="BeginMerge"/>: the file that was to go is removed if the volume does not stand on it any more, and only then.</summary>
    /// <param name="mayCome">Whether the hypervisor may still do it: then it stays noted, and whoever deletes a snapshot or the volume later sees to it.</param>
    public virtual Task EndMerge(Volume volume, bool mayCome, Work work) => Task.CompletedTask;

    /// <summary>
    /// Ensures a volume with the content of a snapshot of <paramref name="origin"/>, grown to its own size. Otherwise as
    /// <see cref="Create"/>. It may lie in another pool of the backend than its origin.
    /// </summary>
    /// <param name="full">Whether it is to be a copy, also where it could stand on the snapshot.</param>
    public virtual Task<VolumeOnDisk> CreateFromSnapshot(Volume volume, Volume origin, Snapshot snapshot, Work work, bool full = false) =>
        throw CanNot("make volumes from snapshots");

    /// <summary>Ensures a volume with the content of another one at one moment of this call, grown to its own size. Otherwise as <see cref="Create"/>.</summary>
    /// <param name="full">As of a snapshot.</param>
    public virtual Task<VolumeOnDisk> CreateFromVolume(Volume volume, Volume source, Work work, bool full = false) => throw CanNot("clone volumes");

    /// <summary>
    /// Ensures that the volume has its snapshot's content again, durable on return. Cut anywhere, the volume holds either what it
    /// held or what the snapshot holds.
    /// </summary>
    public virtual Task RevertTo(Volume volume, Snapshot snapshot, Work work) => throw CanNot("revert volumes to snapshots");

    /// <summary>
    /// Ensures that the volume stands on nothing that others stand on too: what is in it stays what it is, and so it is with its snapshots. Its
    /// undo is <see cref="Abandon"/>. A backend whose volumes never stand on others has nothing to do.
    /// </summary>
    public virtual Task Flatten(Volume volume, Work work) => Task.CompletedTask;

    /// <summary>
    /// Whether a volume that one virtual machine has open can be flattened by its hypervisor alone, and that is certain to do nothing else: it
    /// writes to the file that would have to be replaced, and there are no snapshots.
    /// </summary>
    public virtual Task<bool> MayPull(Volume volume, Work work) => Task.FromResult(false);

    /// <summary>
    /// Begins that: notes, durable on return, that the hypervisor takes up all that the file which is open stands on into it, now, later or never. The
    /// volume holds the same all the time, and no snapshot of it is begun until it is known what came of that, or nobody has the volume any more.
    /// </summary>
    public virtual Task BeginPull(Volume volume, Work work) => throw CanNot("flatten volumes in use");

    /// <summary>Sees what came of <see cref="BeginPull"/>: what the volume does not stand on any more is given up, as <see cref="Flatten"/> does, and only then.</summary>
    /// <param name="mayCome">Whether the hypervisor may still do it.</param>
    /// <returns>Whether the volume stands on nothing that others stand on.</returns>
    /// <exception cref="FaultException">Unavailable, which waits: it is done, and not all of it is written down.</exception>
    public virtual Task<bool> EndPull(Volume volume, bool mayCome, Work work) => throw CanNot("flatten volumes in use");

    /// <summary>Which of these volumes of a pool, which nobody has, <see cref="Tidy"/> is to put in order.</summary>
    public virtual Task<IReadOnlyList<Untidy>> FindUntidy(string pool, IReadOnlyList<Volume> volumes, CancellationToken token) =>
        Task.FromResult<IReadOnlyList<Untidy>>([]);

    /// <summary>
    /// Ensures that a volume that nobody has lies in no more pieces than need be. Nobody has asked for it: it may be held back so that others have
    /// more of the storage, and may be ended at any moment by its token, which leaves the volume with every byte that it has. Its undo is
    /// <see cref="Abandon"/>.
    /// </summary>
    /// <param name="flatten">Whether it is to stand on nothing of others either, as after <see cref="Flatten"/>.</param>
    public virtual Task Tidy(Volume volume, bool flatten, Work work) => Task.CompletedTask;

    /// <summary>
    /// Ensures that no act on the volume that another lease began, or this one, is published from now on: takes away what is under
    /// work. The undo of <see cref="RevertTo"/>, <see cref="Refill"/>, <see cref="Flatten"/> and <see cref="Tidy"/>, each of which puts one file in another's place: a late worker of one that was given
    /// up must not do that to what was written since. Nor must one that was to make a file which nobody wants any more. What is published stays as it is.
    /// </summary>
    public virtual Task Abandon(Volume volume, Work work) => Task.CompletedTask;

    /// <summary>The content of a volume that nobody writes to, to be read: what is in it stays as it was written down, whatever its format.</summary>
    public virtual Task<Content> Read(Volume volume, Work work) => throw CanNot("read volumes");

    /// <summary>The content of a snapshot of <paramref name="origin"/>, to be read.</summary>
    public virtual Task<Content> Read(Volume origin, Snapshot snapshot, Work work) => throw CanNot("read snapshots");

    /// <summary>Ensures a volume that holds what <paramref name="fill"/> writes. Otherwise as <see cref="Create"/>: it is published whole or not at all.</summary>
    public virtual Task<VolumeOnDisk> CreateFilled(Volume volume, Fill fill, Work work) => throw CanNot("fill volumes");

    /// <summary>
    /// Ensures a volume with an image in it. Otherwise as <see cref="CreateFilled"/>. A driver may keep what was filled, and make further
    /// volumes with the same image of that.
    /// </summary>
    /// <param name="content">Whose bytes these are, for ever: another content has another name.</param>
    public virtual Task<VolumeOnDisk> CreateOfImage(Volume volume, ImageContent content, Fill fill, Work work) => CreateFilled(volume, fill, work);

    /// <summary>
    /// Ensures that a volume that there is holds what <paramref name="fill"/> writes, durable on return. Cut anywhere, it holds either
    /// what it held or all of the new. Its undo is <see cref="Abandon"/>.
    /// </summary>
    public virtual Task Refill(Volume volume, Fill fill, Work work) => throw CanNot("fill volumes anew");

    /// <summary>
    /// What a host needs to use the volume, as os-brick's connectors read it. Whatever has to be exported for it is exported on
    /// return; repeating it gives the same answer.
    /// </summary>
    public virtual Task<ConnectionInfo> Connect(Volume volume, Connector connector, Work work) => throw CanNot("attach volumes");

    /// <summary>Takes back what <see cref="Connect"/> exported for that host. What was never exported is no fault.</summary>
    public virtual Task Disconnect(Volume volume, Connector connector, Work work) => Task.CompletedTask;

    /// <summary>
    /// The names of what lies in a pool and could be a volume's or snapshot's: whole files of ours and of others, none under work.
    /// In no order.
    /// </summary>
    public virtual Task<IReadOnlyList<FoundFile>> ListFiles(string pool, CancellationToken token) => throw CanNot("list existing files");

    /// <summary>Looks at one of them; null when there is none of that name.</summary>
    /// <param name="of">
    /// The id in the names of the files of a volume that it is to be a snapshot of: one that lies in these files is found as
    /// <c>snapshot-ID</c> too. Null: of any.
    /// </param>
    public virtual Task<ExistingFile?> Inspect(string pool, string name, CancellationToken token, string? of = null) => throw CanNot("look at existing files");

    /// <summary>
    /// Ensures that what lay under a name in the volume's pool is the volume, durable on return: from then on it is called as the
    /// volume's own are. What is there must be what <see cref="Inspect"/> told, of the volume's size and format. Nothing of its
    /// content is touched, and nothing is put in another's place. One that has the names of those files already keeps them.
    /// </summary>
    public virtual Task<VolumeOnDisk> Manage(Volume volume, string name, Work work) => throw CanNot("manage existing volumes");

    /// <summary>The undo of <see cref="Manage"/>: ensures that it has its old name again.</summary>
    public virtual Task GiveBack(Volume volume, string name, Work work) => Task.CompletedTask;

    /// <summary>The ids of the snapshots that a volume's files hold by their own account, whoever remembers them.</summary>
    public virtual Task<IReadOnlyList<string>> SnapshotsIn(Volume volume, Work work) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>As <see cref="Manage"/>: what lay under a name in the pool of its volume is the snapshot.</summary>
    public virtual Task ManageSnapshot(Volume volume, Snapshot snapshot, string name, Work work) => throw CanNot("manage existing snapshots");

    /// <summary>The undo of <see cref="ManageSnapshot"/>.</summary>
    public virtual Task GiveBackSnapshot(Volume volume, Snapshot snapshot, string name, Work work) => Task.CompletedTask;

    /// <summary>Refuses what this backend does not promise, before it is tried.</summary>
    /// <exception cref="FaultException">DriverFailed; nothing was done.</exception>
    public void Demand(Abilities needed, string what)
    {
        if (!Can.HasFlag(needed)) throw CanNot(what);
    }

    /// <summary>The fault for what <see cref="Can"/> did not promise.</summary>
    protected FaultException CanNot(string what) => new(new Fault.DriverFailed(what, $"backend {Backend} can't."))
    {
        NothingDone = true,
    };

    /// <summary>The ids of all volumes and snapshots that have a file in the pool, and the work files left behind.</summary>
    public abstract Task<Inventory> List(string pool, CancellationToken token);

    /// <summary>
    /// What in a pool is not as rows say, or as it should be whatever they say; beside all work that is under way. It changes nothing. The
    /// rows are read before and after each look: what is not seen twice is not told, and what somebody may be at work on is told as busy.
    /// </summary>
    public virtual async Task<IReadOnlyList<Finding>> Check(string pool, Func<Task<PoolRows>> rows, CancellationToken token)
    {
        var found = await Look();
        if (found.Count == 0) return found;
        return [.. (await Look()).IntersectBy(found.Select(f => f.Key), f => f.Key)];

        async Task<IReadOnlyList<Finding>> Look()
        {
            var (known, there) = (await rows(), await List(pool, token));
            var missing = known.Volumes.Values.Where(r => r.IsThere && !there.VolumeIds.Contains(r.Volume.FileId)).Select(r => Lost("volume", r.Volume.Id, r.Volume.FileId))
                .Concat(known.Volumes.Values.SelectMany(r => r.Snapshots.Where(s => VolumeRow.HasSnapshot(s) && !there.SnapshotIds.Contains(s.Id))
                    .Select(s => Lost("snapshot", s.Id, r.Volume.FileId))));
            var left = there.Litter.Where(l => !known.Coming.Contains(l.About.Id)).Select(l => new Finding(
                Flaw.LeftWork, Gravity.Warning, l.Name, l.About, "was left under work", "a repair removes it", CanRepair: true, [l.About.Id]));
            return [.. missing.Concat(left).Select(f => f.Ids.Any(known.Busy.Contains) ? f with { State = FlawState.Busy } : f)];
        }

        static Finding Lost(string kind, string id, string fileId) =>
            new(Flaw.Missing, Gravity.Error, id, new(kind, id), "is not there", $"restore the {kind} from a backup, or delete it", CanRepair: false, [fileId]);
    }

    /// <summary>
    /// Repairs what <see cref="Check"/> has found, if it still is so; false when not. The caller sees to it that nobody is at work on any of
    /// its files. No content of a volume or snapshot is touched.
    /// </summary>
    public virtual async Task<bool> Mend(string pool, Finding flaw, Work work)
    {
        await work.StillHeld();
        await RemoveLitter(pool, flaw.File, work.Token);
        return true;
    }

    /// <summary>Removes a work file that <see cref="List"/> named. The caller is sure that nobody works on it.</summary>
    public abstract Task RemoveLitter(string pool, string name, CancellationToken token);

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Under whose lease a verb runs.</summary>
/// <param name="Generation">The lease's generation: part of the names of files under work.</param>
/// <param name="Token">Ends when the lease is lost, the operation is cancelled or the daemon stops. Nothing may be published after that.</param>
/// <param name="Confirm">Asks the database whether the lease is still ours; throws when it is not.</param>
/// <param name="Operation">The operation's id: part of the names of work files that may be published over a file. Generations count
/// within an operation, and a volume may see many that revert it.</param>
/// <param name="Progress">Told by verbs that move data; null: nobody wants to know.</param>
/// <param name="Replaces">As <paramref name="Confirm"/>, and writes down that a volume's content may be another from here on; null: nobody wants to know.</param>
public readonly record struct Work(
    long Generation, CancellationToken Token, Func<Task>? Confirm = null, string? Operation = null, Progress? Progress = null,
    Func<Task>? Replaces = null)
{
    /// <summary>
    /// To be awaited between making a file under work and publishing it. A process that stood still (SIGSTOP, a virtual machine
    /// that was moved) can't know by its own clock that another has taken over; the database can. Whoever takes over removes the
    /// work files of others before anything else, and publishing needs the work file: so a file that was made before this
    /// returned is gone or rightly ours, however long the way from here to the publishing takes.
    /// </summary>
    public async Task StillHeld()
    {
        Token.ThrowIfCancellationRequested();
        if (Confirm is not null) await Confirm();
    }

    /// <summary>
    /// As <see cref="StillHeld"/>, before a file is published in the place of a volume's. Whatever else is done to its files before that, it reads as
    /// it did until this is called, and goes on so if this was never called.
    /// </summary>
    public Task MayReplace() => (this with { Confirm = Replaces ?? Confirm }).StillHeld();
}

/// <summary>What a backend can do beyond making and deleting empty volumes.</summary>
[Flags]
public enum Abilities
{
    None = 0,
    Extend = 1,
    /// <summary>Also while the volume is attached.</summary>
    ExtendAttached = 2,
    Snapshots = 4,
    /// <summary>Also while the volume is attached, with its content at one moment.</summary>
    SnapshotsAttached = 8,
    Clones = 16,
    Revert = 32,
    Connect = 64,
    /// <summary>Several hosts at once.</summary>
    Multiattach = 128,
    /// <summary>What is in volumes and snapshots can be read, and volumes be filled with what comes from elsewhere.</summary>
    Content = 256,
    /// <summary>What lies in its pools already can become volumes and snapshots.</summary>
    Manage = 512,
    /// <summary>Also while a virtual machine has the volume, if the compute service helps.</summary>
    SnapshotsAssisted = 1024,
    /// <summary>A volume grows also while a virtual machine has it, if the compute service helps.</summary>
    ExtendAssisted = 2048,
}

/// <summary>What a host says of itself when it wants to use a volume (os-brick: get_connector_properties).</summary>
/// <param name="Host">Its name.</param>
/// <param name="Properties">The whole, as it came: JSON.</param>
public sealed record Connector(string Host, string Properties);

/// <summary>What a host needs to use a volume.</summary>
/// <param name="Type">Which of os-brick's connectors: glusterfs, local, iscsi. On the wire: driver_volume_type.</param>
/// <param name="Data">For that connector: a JSON object. On the wire: data.</param>
/// <param name="MountPointBase">On the wire mount_point_base, beside data; null: not there.</param>
public sealed record ConnectionInfo(string Type, string Data, string? MountPointBase = null);

/// <summary>Where and how a volume came to lie.</summary>
/// <param name="ProviderLocation">The share, exactly as the shares file writes it; null where a backend has none.</param>
/// <param name="Format">raw or qcow2: recorded, never guessed from the file later.</param>
public sealed record VolumeOnDisk(string? ProviderLocation, string Format)
{
    /// <summary>Of one with an image: whether its signature was verified; null: that is not done, or there is no image.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public bool? SignatureVerified { get; init; }
}

/// <summary>Two files of a volume that are to be one: what is in the one is written into the other, on which it stands.</summary>
public sealed record Merge(string File, string Into);

/// <summary>A volume that can lie in fewer pieces.</summary>
/// <param name="Files">How many files it consists of, those of others that it stands on counted.</param>
/// <param name="Flattens">Whether it is to stand on nothing of others any more; otherwise only its own files are put together.</param>
/// <param name="Bytes">What may be written for that.</param>
public sealed record Untidy(string VolumeId, int Files, bool Flattens, long Bytes);

/// <summary>The bytes of an image, by name.</summary>
/// <param name="ImageId">A UUID.</param>
/// <param name="Hash">Of whatever tells contents of that image apart.</param>
public readonly record struct ImageContent(string ImageId, string Hash);

/// <summary>What lies in a pool.</summary>
/// <param name="VolumeIds">One for each volume that has a published file.</param>
/// <param name="SnapshotIds">One for each snapshot that is there, as a file or as what a volume stands on.</param>
/// <param name="Litter">Files under work.</param>
public sealed record Inventory(IReadOnlyList<string> VolumeIds, IReadOnlyList<string> SnapshotIds, IReadOnlyList<Litter> Litter);

/// <summary>A name in a pool.</summary>
/// <param name="As">The volume or snapshot whose file would be called so, whether there is such a one or not; null for other names.</param>
/// <param name="PartOf">The id in the names of the volume's files that this is a further one of; null: it is no such file.</param>
public readonly record struct FoundFile(string Name, About? As, string? PartOf = null);

/// <summary>A file in a pool that could become a volume or a snapshot.</summary>
/// <param name="SizeGb">The size of the disk in it, rounded up.</param>
/// <param name="Format">raw or qcow2.</param>
/// <param name="WhyNot">Why it can't become one; null when it can.</param>
/// <param name="As">As in <see cref="FoundFile"/>, or what it is whatever its name.</param>
/// <param name="FileId">
/// The id in the names of the files that make the volume, or of which one makes the snapshot: they keep their names. Null: it is whole by
/// itself, and gets another name.
/// </param>
/// <param name="VolumeName">Of a snapshot that lies in its volume's files: the one by which the volume is managed.</param>
public sealed record ExistingFile(
    string Name, int SizeGb, string Format, string? WhyNot = null, About? As = null, string? FileId = null, string? VolumeName = null);

/// <summary>A file under work.</summary>
/// <param name="Name">Its name in the pool (<c>….g&lt;generation&gt;</c>).</param>
/// <param name="About">What it was to become a part of: while nothing is under way with that, nobody works on the file.</param>
public sealed record Litter(string Name, About About);

/// <summary>What a backend says of itself; read by the scheduler, by services and by <c>get_pools</c>.</summary>
/// <param name="StorageProtocol">As in Cinder: "glusterfs", "file".</param>
public sealed record BackendReport(
    string VolumeBackendName, string StorageProtocol, string VendorName, string DriverVersion, IReadOnlyList<PoolReport> Pools);

/// <summary>One pool now. Sizes in GiB.</summary>
/// <param name="Name">The part behind the <c>#</c>.</param>
/// <param name="Down">Null when it serves; otherwise why not, in words that help to mend it.</param>
/// <param name="Thin">Whether volumes take room only as they are written.</param>
/// <param name="ReservedPercentage">Kept free, of the total.</param>
/// <param name="MaxOverSubscriptionRatio">How far the sum of thin sizes may pass the room.</param>
/// <param name="Capabilities">More that extra specs may ask for.</param>
public sealed record PoolReport(
    string Name, string? Down, double TotalGb, double FreeGb, bool Thin, int ReservedPercentage, double MaxOverSubscriptionRatio,
    IReadOnlyDictionary<string, string> Capabilities);
