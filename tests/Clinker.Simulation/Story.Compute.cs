using Clinker.Volumes;

namespace Clinker.Simulation;

// Snapshots of a volume that a virtual machine has: "new" is what that writes as soon as it has gone over to the new file. What a snapshot that
// was deleted leaves apart is "a file more" in the end, if it was not put together with another, or nobody has seen it yet.
sealed partial record Story
{
    const string Taken = "in-use 1 new; available 1 old", Unknown = "in-use 1 new; error 1", Untaken = "in-use 1 old; error 1";

    static IEnumerable<Story> OfCompute =>
    [
        Assisted("Assist", Helps.Well, Taken, Unknown, Untaken),
        Assisted("AssistAfterAWhile", Helps.AfterAWhile, Taken, Unknown, Untaken),
        Assisted("AssistUnheard", Helps.Unheard, Taken, Unknown, Untaken),
        Assisted("AssistThatFails", Helps.Badly, Untaken),
        Assisted("AssistRefused", Helps.No, Untaken),
        Assisted("AssistInSilence", Helps.Silently, Taken, Unknown, Untaken),
        Assisted("AssistTooLate", Helps.Late, Unknown, Untaken),
        Assisted("AssistThatIsNotNoted", Helps.Well, Unknown, Untaken) with { FailsForGood = "end snapshot: note" },
        Merged("Merge", Helps.Well, Deleted, Apart),
        Merged("MergeUnheard", Helps.Unheard, Deleted, Apart),
        Merged("MergeThatFails", Helps.Badly, Apart, Deleted),
        Merged("MergeRefused", Helps.No, Deleted, Apart),
        Merged("MergeOfNobodyReached", Helps.AfterAWhile, Deleted, Apart),
        Merged("MergeInSilence", Helps.Silently, Deleted, Apart),
        Merged("MergeTooLate", Helps.Late, Apart, Deleted),
        Merged("MergeThatIsNone", Helps.Falsely, Apart, Deleted),
        Merged("MergeThatIsNotSeen", Helps.Well, Apart, Deleted) with { FailsForGood = "end merge" },
        BackedUp("BackupAssist", Helps.Well),
        BackedUp("BackupAssistUnheard", Helps.Unheard),
        BackedUp("BackupAssistAfterAWhile", Helps.AfterAWhile),
        BackedUp("BackupAssistThatFails", Helps.Badly) with { Ends = ["in-use 1 old; backup error"] },
        BackedUp("BackupAssistRefused", Helps.No) with { Ends = ["in-use 1 old; backup error"] },
        BackedUp("BackupAssistInSilence", Helps.Silently),
        BackedUp("BackupAssistTooLate", Helps.Late) with { Ends = [NoBackup, "in-use 1 old; backup error"] },
        BackedUp("BackupAssistThatIsNotNoted", Helps.Well) with { FailsForGood = "end snapshot: note", Ends = [NoBackup, "in-use 1 old; backup error"] },
        BackedUp("BackupAssistThatIsNotSaved", Helps.Well) with { FailsForGood = "put object: publish", Ends = [NoBackup, "in-use 1 new; backup error; a file more", "in-use 1 old; backup error"] },
        BackedUp("BackupAssistAndMergeThatFails", Helps.Well, then: Helps.Badly),
        BackedUp("BackupAssistAndMergeInSilence", Helps.Well, then: Helps.Silently),
        BackedUp("BackupAssistAndMergeRefused", Helps.Well, then: Helps.No),
        BackedUp("BackupAssistAndDetach", Helps.Well, meanwhile: (w, s) => w.Detach(s.Attachment!)) with
        {
            Ends = ["available 1 new; backup available old", "available 1 new; backup available old; a file more", "available 1 new; backup error", "available 1 new; backup error; a file more", "available 1 old; backup error", "in-use 1 new; backup available old",
                "in-use 1 new; backup error", "in-use 1 old; backup error", "in-use 1 new; backup available old; a file more"],
        },
        BackedUp("BackupAssistInSilenceAndDetach", Helps.Silently) with
        {
            Accept = async (w, s) => { await w.Backup(s.Volume!); await w.Detach(s.Attachment!); },
            Ends = ["available 1 new; backup error", "available 1 old; backup error", "available 1 old; backup available old", "in-use 1 new; backup error", "in-use 1 old; backup error",
                "available 1 new; backup available old", "available 1 new; backup available old; a file more", "available 1 new; backup error; a file more",
                "in-use 1 new; backup available old", "in-use 1 new; backup available old; a file more", "in-use 1 new; backup error; a file more"],
        },
        BackedUp("BackupAssistAndDeleteSnapshot", Helps.Well) with
        {
            Before = async w => await ASnapshotInUse(w, Helps.Well),
            Accept = async (w, s) =>
            {
                w.Meanwhile = ("read", () => w.Delete(s.Snapshot!));
                await w.Backup(s.Volume!);
            },
            Ends = ["in-use 1 new; backup available new", "in-use 1 new; backup available new; a file more", "in-use 1 new; backup error", "in-use 1 new; backup error; a file more",
                "in-use 1 new; error_deleting 1; backup available new", "in-use 1 new; error_deleting 1 old; backup available new",
                "in-use 1 new; error_deleting 1; backup error", "in-use 1 new; error_deleting 1 old; backup error",
                "in-use 1 new; available 1 old; backup available new", "in-use 1 new; available 1 old; backup error", "in-use 1 new; available 1 old; backup available new; a file more",
                "in-use 1 new; error_deleting 1; backup available new; a file more", "in-use 1 new; error_deleting 1 old; backup available new; a file more"],
        },
        Flattened("FlattenInUse", Helps.Well, Flat, NotFlat, Begun),
        Flattened("FlattenInUseUnheard", Helps.Unheard, Flat, NotFlat, Begun),
        Flattened("FlattenInUseAfterAWhile", Helps.AfterAWhile, Flat, NotFlat, Begun),
        Flattened("FlattenInUseThatFails", Helps.Badly, Begun, NotFlat),
        Flattened("FlattenInUseRefused", Helps.No, NotFlat, Begun),
        Flattened("FlattenInUseInSilence", Helps.Silently, Flat, NotFlat, Begun),
        Flattened("FlattenInUseTooLate", Helps.Late, Begun, NotFlat),
        Flattened("FlattenInUseThatIsNone", Helps.Falsely, Begun, NotFlat),
        Flattened("FlattenInUseThatIsNotSeen", Helps.Well, Begun, NotFlat) with { FailsForGood = "end pull" },
        Flattened("FlattenInUseAndDetach", Helps.Late, "available 1 old", "available 1 old; not flat", "available 1 old; a file more; not flat", NotFlat, Begun) with
        {
            Accept = async (w, s) => { await w.Flatten(s.Volume!); await w.Detach(s.Attachment!); },
        },
        Uploaded("UploadAssist", Helps.Well, "in-use 1 new; image active old", "in-use 1 new; a file more; image active old", "in-use 1 new", "in-use 1 new; a file more", "in-use 1 old"),
        Uploaded("UploadAssistThatFails", Helps.Badly, "in-use 1 old"),
        Uploaded("UploadAssistInSilence", Helps.Silently, "in-use 1 new; image active old", "in-use 1 new; a file more; image active old", "in-use 1 new", "in-use 1 new; a file more", "in-use 1 old"),
        Uploaded("UploadAssistThatIsNotStored", Helps.Well, "in-use 1 new", "in-use 1 new; a file more", "in-use 1 old") with { FailsForGood = "image: stored" },
        Extended("ExtendInUse", Helps.Well, "in-use 3 old", "in-use 1 old"),
        Extended("ExtendInUseUnheard", Helps.Unheard, "in-use 3 old", "in-use 1 old"),
        Extended("ExtendInUseAfterAWhile", Helps.AfterAWhile, "in-use 3 old", "in-use 1 old"),
        Extended("ExtendInUseInSilence", Helps.Silently, "in-use 3 old", "in-use 1 old"),
        Extended("ExtendInUseThatFails", Helps.Badly, "in-use 1 old"),
        Extended("ExtendInUseRefused", Helps.No, "in-use 1 old"),
        Extended("ExtendInUseTooLate", Helps.Late, "in-use 1 old"),
        new("ExtendInUseAndDetach", world => AUseWith(world, Helps.Late), async (w, s) => { await w.Extend(s.Volume!, 3, rule: VolumeRules.ExtendEvenInUse); await w.Detach(s.Attachment!); },
            "available 3 old", "available 1 old", "in-use 1 old", "error_extending 1 old", "in-use 3 old") { MayBeUnknown = true },
        new("ReimageReserved", AReserved, (w, s) => w.Reimage(s.Volume!, ImageId, VolumeRules.ReimageEvenReserved),
            "reserved 1 new", "error 1 new", "error 1 old", "reserved 1 old"),
        new("MergeAndDetach", world => ASnapshotInUse(world, Helps.Late), async (w, s) => { await w.Delete(s.Snapshot!); await w.Detach(s.Attachment!); },
            "available 1 new; a file more", "available 1 new", "in-use 1 new", "in-use 1 new; a file more", "available 1 new; error_deleting 1",
            "in-use 1 new; error_deleting 1", "available 1 new; error_deleting 1 old", "in-use 1 new; error_deleting 1 old",
            "available 1 new; error_deleting 1; a file more", "in-use 1 new; error_deleting 1; a file more") { MayBeUnknown = true },
    ];

    const string NoBackup = "in-use 1 new; backup error";

    /// <param name="then">How the compute service helps once the moment is there.</param>
    /// <param name="meanwhile">What somebody does when it is being read.</param>
    static Story BackedUp(string name, Helps helps, Helps? then = null, Func<World, Scene, Task>? meanwhile = null) => new(name, world => AUseWith(world, helps), async (w, s) =>
    {
        if (then is { } from) w.Meanwhile = ("read", () => { w.Hypervisor.Helps = from; return Task.CompletedTask; });
        if (meanwhile is not null) w.Meanwhile = ("read", () => meanwhile(w, s));
        await w.Backup(s.Volume!);
    }, then is null ? "in-use 1 new; backup available old" : "in-use 1 new; backup available old; a file more", "in-use 1 new; backup available old",
        "in-use 1 new; backup available old; a file more", NoBackup, "in-use 1 new; backup error; a file more", "in-use 1 old; backup error") { MayBeUnknown = true };

    const string Flat = "in-use 1 old", NotFlat = "in-use 1 old; not flat", Begun = "in-use 1 old; a file more; not flat";

    static Story Flattened(string name, Helps helps, params IReadOnlyList<string> ends) => new(name, async world =>
    {
        var scene = await AUseWith(world, helps);
        world.Shares.StandsOnOthers[scene.Volume!.Id] = true;
        return scene;
    }, (w, s) => w.Flatten(s.Volume!), ends) { MayBeUnknown = true };

    static Story Uploaded(string name, Helps helps, params IReadOnlyList<string> ends) =>
        new(name, world => AUseWith(world, helps), (w, s) => w.Upload(s.Volume!), ends) { MayBeUnknown = true };

    static Story Extended(string name, Helps helps, params IReadOnlyList<string> ends) =>
        new(name, world => AUseWith(world, helps), (w, s) => w.Extend(s.Volume!, 3, rule: VolumeRules.ExtendEvenInUse), [.. ends, "error_extending 1 old"]) { MayBeUnknown = true };

    static async Task<Scene> AReserved(World world)
    {
        world.Images.Give(ImageId, "new");
        var scene = await AVolume(world);
        await world.Reserve(scene.Volume!);
        return scene;
    }

    const string Deleted = "in-use 1 new", Apart = "in-use 1 new; a file more";

    static Story Merged(string name, Helps helps, params IReadOnlyList<string> ends) =>
        new(name, world => ASnapshotInUse(world, helps), (w, s) => w.Delete(s.Snapshot!),
            [.. ends, "in-use 1 new; error_deleting 1", "in-use 1 new; error_deleting 1 old", "in-use 1 new; error_deleting 1; a file more"]) { MayBeUnknown = true };

    static async Task<Scene> ASnapshotInUse(World world, Helps helps)
    {
        var scene = await AUseWith(world, Helps.Well);
        var snapshot = await world.Snapshot(scene.Volume!, rule: VolumeRules.SnapshotEvenInUse);
        await world.RunUntroubled();
        world.Hypervisor.Helps = helps;
        return scene with { Snapshot = snapshot };
    }

    static Story Assisted(string name, Helps helps, params IReadOnlyList<string> ends) =>
        new(name, world => AUseWith(world, helps), (w, s) => w.Snapshot(s.Volume!, rule: VolumeRules.SnapshotEvenInUse), ends) { MayBeUnknown = true };

    static Task<Scene> AUseWith(World world, Helps helps)
    {
        world.Shares.SnapshotsAttached = false;
        world.Hypervisor.Helps = helps;
        return AUse(world);
    }
}
