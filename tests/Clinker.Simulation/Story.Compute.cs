using Clinker.Volumes;

namespace Clinker.Simulation;

// Snapshots of a volume that a virtual machine has: "new" is what that writes as soon as it has gone over to the new file.
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
    ];

    static Story Assisted(string name, Helps helps, params IReadOnlyList<string> ends) =>
        new(name, world => AUseWith(world, helps), (w, s) => w.Snapshot(s.Volume!, rule: VolumeRules.SnapshotEvenInUse), ends) { MayBeUnknown = true };

    static Task<Scene> AUseWith(World world, Helps helps)
    {
        world.Shares.SnapshotsAttached = false;
        world.Hypervisor.Helps = helps;
        return AUse(world);
    }
}
