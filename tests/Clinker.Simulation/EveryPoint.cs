using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// Each operation is cut, failed and refused at each point where it touches the database or the storage, and again at each
/// point of what follows: recovery, replay, undoing. A class a story, so that stories run side by side.
/// </summary>
/// <param name="inFull">
/// Whether second troubles are of every kind, too, and at every point. For the stories that show what the engine does; of the others some
/// of the second troubles are tried, evenly chosen, unless the variable EVERY_SECOND is set.
/// </param>
/// <param name="twice">Whether second troubles are tried at all: not where what is new in a story is only how long it waits.</param>
public abstract class EveryPoint(string name, ITestOutputHelper output, bool inFull = false, bool twice = true)
{
    static readonly Trouble[] Kinds = [Trouble.Cut, Trouble.Away, Trouble.Failure, Trouble.Bug];
    static readonly Trouble[] FewKinds = [Trouble.Cut, Trouble.Failure];

    /// <summary>So many pairs of points are tried for each pair of kinds, about.</summary>
    const int SecondsOfStories = 40;

    /// <summary>A story that is longer waits for something: of the middle, where it asks again and again, not each point is tried.</summary>
    const int First = 80, Last = 60, Between = 7;

    readonly Story story = Story.Of(name);

    [Theory, InlineData(false), InlineData(true)]
    public async Task One_trouble_anywhere_leaves_nothing_over(bool separate)
    {
        var runs = 0;
        var points = await Tell(separate);
        foreach (var trouble in Kinds)
            for (var at = 0; at < points; at += at < First || at >= points - Last ? 1 : Between)
            {
                await Tell(separate, (at, trouble));
                runs++;
            }
        Assert.True(runs > 40, $"only {runs} runs: the points are not counted");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs");
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_second_trouble_during_recovery_leaves_nothing_over(bool separate)
    {
        if (!twice) return;
        var every = inFull || Environment.GetEnvironmentVariable("EVERY_SECOND") is not null;
        var (runs, points, kinds) = (0, await Tell(separate), inFull ? Kinds : FewKinds);
        foreach (var first in kinds)
        {
            var pairs = new List<(int At, int Then)>();
            for (var at = 0; at < points; at++)
                for (var (then, all) = (at + 1, await Tell(separate, (at, first))); then < all; then++) pairs.Add((at, then));
            var step = every ? 1 : Math.Max(1, pairs.Count / SecondsOfStories);
            foreach (var second in kinds)
                for (var i = (int)second % step; i < pairs.Count; i += step)
                {
                    await Tell(separate, (pairs[i].At, first), (pairs[i].Then, second));
                    runs++;
                }
        }
        Assert.True(runs > (inFull ? 1000 : 100), $"only {runs} runs");
        output.WriteLine($"{story}, {(separate ? "two daemons" : "one daemon")}: {runs} runs with two troubles");
    }

    /// <summary>Plays the story.</summary>
    /// <returns>How many points it passed.</returns>
    async Task<int> Tell(bool separate, params (int At, Trouble What)[] troubles)
    {
        await using var world = await World.New(separate, troubles);
        var what = $"{story} {string.Join(", ", troubles)}";
        var scene = await story.Before(world);
        world.FailsForGood = story.FailsForGood;
        await story.Accept(world, scene);
        await world.RunUntilQuiet();
        var points = world.Points;
        await world.Hold(what);
        var outcome = await world.Outcome();
        if (!world.HadAllTroubles) Assert.Fail($"{what}: a trouble did not come");
        if (!story.Ends.Contains(outcome)) Assert.Fail($"{what}: ended as {outcome}");
        // Only what a user is told may differ: without a lasting failure the outcome is the one that was asked for.
        if (!story.MayBeUnknown
            && Array.TrueForAll(troubles, t => t.What is Trouble.Cut or Trouble.Away) && outcome != story.Ends[0])
            Assert.Fail($"{what}: ended as {outcome} although nothing failed for good");
        return points;
    }
}

public sealed class CreateAtEveryPoint(ITestOutputHelper output) : EveryPoint("Create", output, inFull: true);

public sealed class CreateWithoutRoomAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateWithoutRoom", output);

public sealed class CreateThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateThatFails", output);

public sealed class DeleteAtEveryPoint(ITestOutputHelper output) : EveryPoint("Delete", output, inFull: true);

public sealed class DeleteThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteThatFails", output);

public sealed class ConnectAtEveryPoint(ITestOutputHelper output) : EveryPoint("Connect", output);

public sealed class ConnectThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ConnectThatFails", output);

public sealed class MoveAtEveryPoint(ITestOutputHelper output) : EveryPoint("Move", output);

public sealed class MoveThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("MoveThatFails", output);

public sealed class DetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("Detach", output);

public sealed class DetachThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DetachThatFails", output);

public sealed class DetachWhileConnectingAtEveryPoint(ITestOutputHelper output) : EveryPoint("DetachWhileConnecting", output);

public sealed class ConnectWhileSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("ConnectWhileSnapshot", output);

public sealed class SnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("Snapshot", output);

public sealed class SnapshotThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("SnapshotThatFails", output);

public sealed class AssistAtEveryPoint(ITestOutputHelper output) : EveryPoint("Assist", output);

public sealed class AssistAfterAWhileAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistAfterAWhile", output);

public sealed class AssistUnheardAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistUnheard", output, twice: false);

public sealed class AssistThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistThatFails", output);

public sealed class AssistRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistRefused", output, twice: false);

public sealed class AssistInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistInSilence", output, twice: false);

public sealed class AssistTooLateAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistTooLate", output, twice: false);

public sealed class AssistThatIsNotNotedAtEveryPoint(ITestOutputHelper output) : EveryPoint("AssistThatIsNotNoted", output);

public sealed class MergeAtEveryPoint(ITestOutputHelper output) : EveryPoint("Merge", output);

public sealed class MergeUnheardAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeUnheard", output, twice: false);

public sealed class MergeThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeThatFails", output, twice: false);

public sealed class MergeRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeRefused", output, twice: false);

public sealed class MergeOfNobodyReachedAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeOfNobodyReached", output, twice: false);

public sealed class MergeInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeInSilence", output, twice: false);

public sealed class MergeTooLateAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeTooLate", output, twice: false);

public sealed class MergeThatIsNoneAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeThatIsNone", output, twice: false);

public sealed class MergeThatIsNotSeenAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeThatIsNotSeen", output, twice: false);

public sealed class MergeAndDetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("MergeAndDetach", output, twice: false);

public sealed class ExtendInUseAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUse", output);

public sealed class ExtendInUseUnheardAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseUnheard", output, twice: false);

public sealed class ExtendInUseAfterAWhileAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseAfterAWhile", output, twice: false);

public sealed class ExtendInUseInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseInSilence", output, twice: false);

public sealed class ExtendInUseThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseThatFails", output, twice: false);

public sealed class ExtendInUseRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseRefused", output, twice: false);

public sealed class ExtendInUseTooLateAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseTooLate", output, twice: false);

public sealed class ExtendInUseAndDetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendInUseAndDetach", output, twice: false);

public sealed class ReimageReservedAtEveryPoint(ITestOutputHelper output) : EveryPoint("ReimageReserved", output, twice: false);

public sealed class DeleteSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteSnapshot", output);

public sealed class DeleteSnapshotThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteSnapshotThatFails", output);

public sealed class DeleteWithSnapshotsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteWithSnapshots", output);

public sealed class DeleteWithSnapshotsThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteWithSnapshotsThatFails", output);

public sealed class CloneAtEveryPoint(ITestOutputHelper output) : EveryPoint("Clone", output);

public sealed class CloneThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CloneThatFails", output);

public sealed class CreateFromSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromSnapshot", output);

public sealed class CreateFromSnapshotThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromSnapshotThatFails", output);

public sealed class ExtendAtEveryPoint(ITestOutputHelper output) : EveryPoint("Extend", output);

public sealed class ExtendThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendThatFails", output);

public sealed class ExtendWithoutRoomAtEveryPoint(ITestOutputHelper output) : EveryPoint("ExtendWithoutRoom", output);

public sealed class RevertAtEveryPoint(ITestOutputHelper output) : EveryPoint("Revert", output);

public sealed class RevertThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("RevertThatFails", output);

public sealed class FlattenAtEveryPoint(ITestOutputHelper output) : EveryPoint("Flatten", output);

public sealed class TidyAtEveryPoint(ITestOutputHelper output) : EveryPoint("Tidy", output);

public sealed class TidyThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("TidyThatFails", output);

public sealed class DeleteWhileTidyAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteWhileTidy", output);

public sealed class ConnectWhileTidyAtEveryPoint(ITestOutputHelper output) : EveryPoint("ConnectWhileTidy", output);

public sealed class SnapshotWhileTidyAtEveryPoint(ITestOutputHelper output) : EveryPoint("SnapshotWhileTidy", output);

public sealed class FlattenThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenThatFails", output);

public sealed class ManageAtEveryPoint(ITestOutputHelper output) : EveryPoint("Manage", output);

public sealed class ManageThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageThatFails", output);

public sealed class ManageOverQuotaAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageOverQuota", output);

public sealed class ManageSeveralAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageSeveral", output);

public sealed class ManageSeveralThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageSeveralThatFails", output);

public sealed class ManageSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageSnapshot", output);

public sealed class ManageSnapshotThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ManageSnapshotThatFails", output);

public sealed class ListManageableAtEveryPoint(ITestOutputHelper output) : EveryPoint("ListManageable", output);

public sealed class CheckShareAtEveryPoint(ITestOutputHelper output) : EveryPoint("CheckShare", output);

public sealed class CopyGroupAtEveryPoint(ITestOutputHelper output) : EveryPoint("CopyGroup", output);

public sealed class CopyGroupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CopyGroupThatFails", output);

public sealed class GroupOfSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("GroupOfSnapshot", output);

public sealed class DeleteGroupAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteGroup", output);

public sealed class DeleteGroupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteGroupThatFails", output);

public sealed class SnapshotGroupAtEveryPoint(ITestOutputHelper output) : EveryPoint("SnapshotGroup", output);

public sealed class SnapshotGroupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("SnapshotGroupThatFails", output);

public sealed class DeleteGroupSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteGroupSnapshot", output);

public sealed class DeleteGroupSnapshotThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteGroupSnapshotThatFails", output);

public sealed class MigrateAtEveryPoint(ITestOutputHelper output) : EveryPoint("Migrate", output);

public sealed class MigrateAcrossAtEveryPoint(ITestOutputHelper output) : EveryPoint("MigrateAcross", output);

public sealed class MigrateThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("MigrateThatFails", output);

public sealed class MigrateToNowhereAtEveryPoint(ITestOutputHelper output) : EveryPoint("MigrateToNowhere", output);

public sealed class MigrateWhileConnectingAtEveryPoint(ITestOutputHelper output) : EveryPoint("MigrateWhileConnecting", output);

public sealed class RetypeAndDeleteSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("RetypeAndDeleteSnapshot", output);

public sealed class RetypeAndMoveAtEveryPoint(ITestOutputHelper output) : EveryPoint("RetypeAndMove", output);

public sealed class RetypeAndConvertAtEveryPoint(ITestOutputHelper output) : EveryPoint("RetypeAndConvert", output);

public sealed class RetypeAndConvertThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("RetypeAndConvertThatFails", output);

public sealed class RetypeThatMayNotMoveAtEveryPoint(ITestOutputHelper output) : EveryPoint("RetypeThatMayNotMove", output);

public sealed class CreateFromImageAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromImage", output);

public sealed class CreateFromImageThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromImageThatFails", output);

public sealed class CreateFromOtherImageAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromOtherImage", output);

public sealed class CreateFromNoImageAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromNoImage", output);

public sealed class UploadAtEveryPoint(ITestOutputHelper output) : EveryPoint("Upload", output);

public sealed class UploadThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadThatFails", output);

public sealed class UploadWithoutRecordAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadWithoutRecord", output);

public sealed class UploadInUseAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadInUse", output);

public sealed class ReimageAtEveryPoint(ITestOutputHelper output) : EveryPoint("Reimage", output);

public sealed class ReimageThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("ReimageThatFails", output);

public sealed class BackupAtEveryPoint(ITestOutputHelper output) : EveryPoint("Backup", output);

public sealed class BackupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupThatFails", output);

public sealed class BackupInUseAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupInUse", output);

public sealed class BackupInUseThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupInUseThatFails", output);

public sealed class BackupOfSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupOfSnapshot", output);

public sealed class IncrementAtEveryPoint(ITestOutputHelper output) : EveryPoint("Increment", output);

public sealed class RestoreAtEveryPoint(ITestOutputHelper output) : EveryPoint("Restore", output);

public sealed class RestoreThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("RestoreThatFails", output);

public sealed class CreateFromBackupAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromBackup", output);

public sealed class CreateFromBackupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("CreateFromBackupThatFails", output);

public sealed class DeleteBackupAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteBackup", output);

public sealed class DeleteBackupThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteBackupThatFails", output);

public sealed class ImportBackupAtEveryPoint(ITestOutputHelper output) : EveryPoint("ImportBackup", output);

public sealed class ImportCindersAtEveryPoint(ITestOutputHelper output) : EveryPoint("ImportCinders", output);

public sealed class RestoreCindersAtEveryPoint(ITestOutputHelper output) : EveryPoint("RestoreCinders", output);

public sealed class DeleteCindersAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteCinders", output);

public sealed class DeleteCindersThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("DeleteCindersThatFails", output);

public sealed class BackupAssistAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssist", output);

public sealed class BackupAssistUnheardAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistUnheard", output, twice: false);

public sealed class BackupAssistAfterAWhileAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAfterAWhile", output, twice: false);

public sealed class BackupAssistThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistThatFails", output, twice: false);

public sealed class BackupAssistRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistRefused", output, twice: false);

public sealed class BackupAssistInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistInSilence", output, twice: false);

public sealed class BackupAssistTooLateAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistTooLate", output, twice: false);

public sealed class BackupAssistThatIsNotNotedAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistThatIsNotNoted", output, twice: false);

public sealed class BackupAssistThatIsNotSavedAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistThatIsNotSaved", output);

public sealed class BackupAssistAndMergeThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAndMergeThatFails", output);

public sealed class BackupAssistAndMergeInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAndMergeInSilence", output, twice: false);

public sealed class BackupAssistAndMergeRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAndMergeRefused", output, twice: false);

public sealed class BackupAssistAndDetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAndDetach", output, twice: false);

public sealed class BackupAssistAndDeleteSnapshotAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistAndDeleteSnapshot", output, twice: false);

public sealed class UploadAssistAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadAssist", output);

public sealed class UploadAssistThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadAssistThatFails", output, twice: false);

public sealed class UploadAssistInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadAssistInSilence", output, twice: false);

public sealed class UploadAssistThatIsNotStoredAtEveryPoint(ITestOutputHelper output) : EveryPoint("UploadAssistThatIsNotStored", output, twice: false);

public sealed class FlattenInUseAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUse", output);

public sealed class FlattenInUseUnheardAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseUnheard", output, twice: false);

public sealed class FlattenInUseAfterAWhileAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseAfterAWhile", output, twice: false);

public sealed class FlattenInUseThatFailsAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseThatFails", output);

public sealed class FlattenInUseRefusedAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseRefused", output, twice: false);

public sealed class FlattenInUseInSilenceAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseInSilence", output, twice: false);

public sealed class FlattenInUseTooLateAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseTooLate", output, twice: false);

public sealed class FlattenInUseThatIsNoneAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseThatIsNone", output, twice: false);

public sealed class FlattenInUseThatIsNotSeenAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseThatIsNotSeen", output, twice: false);

public sealed class FlattenInUseAndDetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("FlattenInUseAndDetach", output);

public sealed class BackupAssistInSilenceAndDetachAtEveryPoint(ITestOutputHelper output) : EveryPoint("BackupAssistInSilenceAndDetach", output, twice: false);
