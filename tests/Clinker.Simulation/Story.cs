using Clinker.Attachments;
using Clinker.Backups;
using Clinker.Groups;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What is there when an operation is accepted.</summary>
public sealed record Scene(
    Volume? Volume = null, Snapshot? Snapshot = null, Attachment? Attachment = null, Group? Group = null, GroupSnapshot? GroupSnapshot = null,
    Backup? Backup = null, string? Record = null);

/// <summary>An operation from its being accepted to its end.</summary>
/// <param name="Ends">
/// How all may be then (<see cref="World.Outcome"/>). The first is what comes unless something fails that is not meant to.
/// </param>
sealed partial record Story(string Name, Func<World, Task<Scene>> Before, Func<World, Scene, Task> Accept, params IReadOnlyList<string> Ends)
{
    /// <summary>The act of the driver that always fails.</summary>
    public string? FailsForGood { get; init; }

    /// <summary>It may also end otherwise when nothing fails for good: nobody knows what came of what was asked as a daemon died.</summary>
    public bool MayBeUnknown { get; init; }

    public static Story Of(string name) => All.Single(s => s.Name == name);

    static readonly Story create = new("Create", Nothing, (w, _) => w.Create(), "available 1", "error 1");
    static readonly Story delete = new("Delete", AVolume, (w, s) => w.Delete(s.Volume!), "", "error_deleting 1 old", "error_deleting 1");
    static readonly Story snapshot = new("Snapshot", AVolume, (w, s) => w.Snapshot(s.Volume!),
        "available 1 old; available 1 old", "available 1 old; error 1");
    static readonly Story deleteSnapshot = new("DeleteSnapshot", ASnapshot, (w, s) => w.Delete(s.Snapshot!),
        "available 1 new", "available 1 new; error_deleting 1 old", "available 1 new; error_deleting 1");
    static readonly Story cascade = new("DeleteWithSnapshots", TwoSnapshots, (w, s) => w.DeleteWithSnapshots(s.Volume!), "",
        "error_deleting 1 new; error_deleting 1 old; error_deleting 1 new", "error_deleting 1 new; error_deleting 1 old; error_deleting 1",
        "error_deleting 1 new; error_deleting 1 old", "error_deleting 1 new; error_deleting 1", "error_deleting 1 new", "error_deleting 1");
    static readonly Story clone = new("Clone", AVolume,
        (w, s) => w.Create(sizeGb: 2, source: new VolumeSource.OfVolume(s.Volume!.Id)),
        "available 1 old; available 2 old", "available 1 old; error 2");
    static readonly Story fromSnapshot = new("CreateFromSnapshot", ASnapshot,
        (w, s) => w.Create(sizeGb: 2, source: new VolumeSource.OfSnapshot(s.Snapshot!.Id)),
        "available 1 new; available 2 old; available 1 old", "available 1 new; error 2; available 1 old");
    static readonly Story extend = new("Extend", AVolume, (w, s) => w.Extend(s.Volume!, 3),
        "available 3 old", "error_extending 1 old", "available 1 old");
    static readonly Story revert = new("Revert", ASnapshot, (w, s) => w.Revert(s.Volume!, s.Snapshot!),
        "available 1 old; available 1 old", "error 1 old; available 1 old", "error 1 new; available 1 old", "available 1 new; available 1 old");

    static readonly Story flatten = new("Flatten", AVolume, (w, s) => w.Flatten(s.Volume!), "available 1 old");

    static readonly Story tidy = new("Tidy", AVolume, (w, s) => w.Tidy(s.Volume!), "available 1 old");

    static readonly Story connect = new("Connect", AVolume, (w, s) => w.Connect(s.Volume!), "attaching 1 old", "available 1 old");
    static readonly Story move = new("Move", AUse, (w, s) => w.Connect(s.Volume!, "h2", s.Attachment), "attaching 1 old", "in-use 1 old");
    static readonly Story detach = new("Detach", AUse, (w, s) => w.Detach(s.Attachment!), "available 1 old", "in-use 1 old");

    static readonly Story manage = new("Manage", AFile, (w, _) => w.Manage(File), "available 2 old", "error_managing 0; file lvol0 old");
    static readonly Story manageSeveral = new("ManageSeveral", SeveralFiles, (w, _) => w.Manage(Several), "available 2 old", $"error_managing 0; file {Several} old");
    static readonly Story manageSnapshot = new("ManageSnapshot", AFileBesideAVolume, (w, s) => w.Manage(File, s.Volume!),
        "available 2 new; available 1 old", "available 2 new; error 2; file lvol0 old");

    public static readonly IReadOnlyList<Story> All =
    [
        create,
        new("CreateWithoutRoom", Nothing, (w, _) => w.Create(sizeGb: 1_000_000), "error 1000000"),
        ThatFails(create, "create: publish", "error 1"),
        delete,
        ThatFails(delete, "delete: file", "error_deleting 1 old"),
        snapshot,
        ThatFails(snapshot, "snapshot: publish", "available 1 old; error 1"),
        deleteSnapshot,
        ThatFails(deleteSnapshot, "delete snapshot: file", "available 1 new; error_deleting 1 old"),
        cascade,
        ThatFails(cascade, "delete: file", "error_deleting 1 new", "error_deleting 1 new; error_deleting 1 old",
            "error_deleting 1 new; error_deleting 1", "error_deleting 1 new; error_deleting 1 old; error_deleting 1 new",
            "error_deleting 1 new; error_deleting 1 old; error_deleting 1"),
        clone,
        ThatFails(clone, "create from volume: publish", "available 1 old; error 2"),
        fromSnapshot,
        ThatFails(fromSnapshot, "create from snapshot: publish", "available 1 new; error 2; available 1 old"),
        extend,
        ThatFails(extend, "extend: grow", "error_extending 1 old", "available 1 old"),
        new("ExtendWithoutRoom", AVolume, (w, s) => w.Extend(s.Volume!, 1_000_000), "available 1 old", "error_extending 1 old"),
        connect,
        ThatFails(connect, "connect: answer", "available 1 old"),
        move,
        ThatFails(move, "connect: answer", "in-use 1 old"),
        detach,
        ThatFails(detach, "disconnect", "in-use 1 old"),
        new("DetachWhileConnecting", AVolume, async (w, s) => await w.Detach(await w.Connect(s.Volume!)),
            "available 1 old", "attaching 1 old", "reserved 1 old"),
        new("ConnectWhileSnapshot", AVolumeThatTakesTime, async (w, s) => { await w.Snapshot(s.Volume!); await w.Connect(s.Volume!); },
            "attaching 1 old; available 1 old", "attaching 1 old; error 1", "available 1 old; available 1 old", "available 1 old; error 1"),
        revert,
        ThatFails(revert, "revert: publish", "error 1 new; available 1 old", "available 1 new; available 1 old"),
        flatten,
        ThatFails(flatten, "flatten: copy", "available 1 old"),
        tidy,
        ThatFails(tidy, "tidy: copy", "available 1 old"),
        InTheWay("Delete", (w, s) => w.Delete(s.Volume!), "", "error_deleting 1 old", "error_deleting 1"),
        InTheWay("Connect", (w, s) => w.Connect(s.Volume!), "attaching 1 old", "available 1 old"),
        InTheWay("Snapshot", (w, s) => w.Snapshot(s.Volume!), "available 1 old; available 1 old", "available 1 old; error 1"),
        manage,
        ThatFails(manage, "manage: old name", "error_managing 0; file lvol0 old"),
        new("ManageOverQuota", AFile, (w, _) => w.Manage(File, new QuotaLimits(Gigabytes: 1)), "error_managing 0; file lvol0 old"),
        manageSeveral,
        ThatFails(manageSeveral, "manage: take up", $"error_managing 0; file {Several} old"),
        manageSnapshot,
        ThatFails(manageSnapshot, "manage snapshot: old name", "available 2 new; error 2; file lvol0 old"),
        new("ListManageable", AFileBesideAVolume, (w, _) => w.ListManageable(), "available 2 new; file lvol0 old"),
        new("CheckShare", AVolume, (w, _) => w.CheckShare(), "available 1 old"),
        .. OfCompute,
        .. OfGroups,
        .. OfMoves,
        .. OfImages,
        .. OfBackups,
    ];

    /// <summary>Somebody wants a volume while it is put in order, and gets what he wants.</summary>
    static Story InTheWay(string name, Func<World, Scene, Task> of, params IReadOnlyList<string> ends) => new($"{name}WhileTidy", AVolume, async (w, s) =>
    {
        w.Meanwhile = ("tidy: copy", () => of(w, s));
        await w.Tidy(s.Volume!);
    }, [.. ends, "available 1 old"]);

    static Story ThatFails(Story story, string act, params IReadOnlyList<string> ends) =>
        story with { Name = story.Name + "ThatFails", FailsForGood = act, Ends = ends };

    static Task<Scene> Nothing(World world) => Task.FromResult(new Scene());

    static async Task<Scene> AVolume(World world)
    {
        var volume = await world.Create();
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, "old");
        return new(volume);
    }

    /// <summary>One whose copying takes time.</summary>
    static Task<Scene> AVolumeThatTakesTime(World world)
    {
        world.Shares.SnapshotsAttached = false;
        return AVolume(world);
    }

    /// <summary>A volume that was written to since its snapshot.</summary>
    static async Task<Scene> ASnapshot(World world)
    {
        var volume = (await AVolume(world)).Volume!;
        var snapshot = await world.Snapshot(volume);
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, "new");
        return new(volume, snapshot);
    }

    /// <summary>A volume that a server has.</summary>
    static async Task<Scene> AUse(World world)
    {
        var volume = (await AVolume(world)).Volume!;
        var attachment = await world.Connect(volume);
        await world.RunUntroubled();
        await world.Complete(attachment);
        return new(volume, Attachment: attachment);
    }

    const string File = "lvol0";
    const string Several = "volume-4b51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7";

    static Task<Scene> AFile(World world)
    {
        world.Shares.Put(world.Shares.Pools[0], File, new(2, "old"));
        return Nothing(world);
    }

    /// <summary>Those of a volume that was given up, or was Cinder's: they keep their names.</summary>
    static Task<Scene> SeveralFiles(World world)
    {
        world.Shares.Put(world.Shares.Pools[0], Several, new(2, "old", IsSeveral: true));
        return Nothing(world);
    }

    /// <summary>A volume that has grown since the file was made.</summary>
    static async Task<Scene> AFileBesideAVolume(World world)
    {
        var volume = await world.Create(sizeGb: 2);
        await world.RunUntroubled();
        world.Shares.Write(volume.Id, "new");
        world.Shares.Put((await world.Db.Read(tx => tx.Volumes.Get(volume.Id))).Pool!, File, new(1, "old"));
        return new(volume);
    }

    static async Task<Scene> TwoSnapshots(World world)
    {
        var scene = await ASnapshot(world);
        await world.Snapshot(scene.Volume!);
        await world.RunUntroubled();
        return scene;
    }

    public override string ToString() => Name;
}
