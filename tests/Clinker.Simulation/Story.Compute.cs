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
        Assisted("AssistInSilence", Helps.Silently, Unknown, Untaken),
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
