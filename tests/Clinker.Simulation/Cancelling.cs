using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// An administrator cancels an operation at each point that its daemon passes. The daemon hears nothing of it: it goes on at once, is killed
/// there, or wakes when others have brought all to an end. Either the operation has ended before, and the cancel is refused, or all of it is undone.
/// </summary>
public sealed class Cancelling(ITestOutputHelper output)
{
    public enum Then { GoesOn, IsKilled, WakesLate }

    /// <summary>All that can be cancelled, with how each may be then; of what replaces a volume's content, how it was comes first.</summary>
    static readonly (string Story, string[] Ends)[] Stories =
    [
        ("Create", ["error 1"]),
        ("Clone", ["available 1 old; error 2"]),
        ("CreateFromSnapshot", ["available 1 new; error 2; available 1 old"]),
        ("Snapshot", ["available 1 old; error 1"]),
        ("Revert", ["available 1 new; available 1 old", "error 1 new; available 1 old", "error 1 old; available 1 old"]),
        ("Flatten", ["available 1 old"]),
        ("Tidy", ["available 1 old"]),
        ("CopyGroup", []),
        ("GroupOfSnapshot", []),
        ("SnapshotGroup", []),
        ("Migrate", ["available 1 old error"]),
        ("MigrateAcross", ["available 1 old error"]),
        ("Retype", ["available 1 old"]),
        ("RetypeAndMove", ["available 1 old", "available 1 old error"]),
        ("CreateFromImage", ["error 1"]),
        ("Upload", ["available 1 old"]),
        ("UploadInUse", ["in-use 1 old"]),
        ("Reimage", ["available 1 old", "error 1 old", "error 1 new"]),
        ("Backup", ["available 1 old; backup error"]),
        ("BackupInUse", ["in-use 1 old; backup error"]),
        ("BackupOfSnapshot", ["available 1 new; available 1 old; backup error"]),
        ("Increment", ["available 1 newer; backup available old; backup error"]),
        ("Restore", ["available 1 newer; backup available old", "error_restoring 1 newer; backup available old", "error_restoring 1 old; backup available old"]),
        ("CreateFromBackup", ["available 1 newer; error 2; backup available old"]),
    ];

    static readonly string[] Replacing = ["Revert", "Reimage", "Restore"];

    /// <summary>What a daemon serves that is held; the others serve all.</summary>
    static readonly string[][] Roles = [[Queues.Scheduler, World.Queue, World.Second], [Queues.Scheduler]];

    public static TheoryData<string, Then> All() =>
        new(from story in Stories from then in Enum.GetValues<Then>() select (story.Story, then));

    [Theory, MemberData(nameof(All))]
    public async Task At_every_point_all_is_taken_back_or_it_came_too_late(string name, Then then)
    {
        var runs = 0;
        foreach (var roles in Roles)
            for (var at = 0; await Tell(name, then, roles, at) is { IsBeyond: false }; at++) runs++;
        Assert.True(runs > 10, $"only {runs} runs");
        output.WriteLine($"{name}, {then}: {runs} runs");
    }

    public static TheoryData<string> AllWithTrouble() => [.. Stories.Select(s => s.Story)];

    [Theory, MemberData(nameof(AllWithTrouble))]
    public async Task Trouble_while_it_is_taken_back_leaves_nothing_over(string name)
    {
        var runs = 0;
        foreach (var trouble in new[] { Trouble.Cut, Trouble.Away, Trouble.Failure })
            for (var at = (int)trouble % 2; await Tell(name, Then.IsKilled, Roles[0], at) is { IsBeyond: false }; at += 2)
                for (var point = at % 3; (await Tell(name, Then.IsKilled, Roles[0], at, (point, trouble))).HadTrouble; point += 3) runs++;
        Assert.True(runs > 30, $"only {runs} runs");
        output.WriteLine($"{name}: {runs} runs with trouble");
    }

    /// <summary>Plays it.</summary>
    /// <returns>Whether the point lies beyond the story's end, and whether the trouble came.</returns>
    static async Task<(bool IsBeyond, bool HadTrouble)> Tell(string name, Then then, string[] roles, int at, params (int At, Trouble What)[] troubles)
    {
        var story = Story.Of(name);
        var what = $"{name}, cancelled at {at} of {string.Join('+', roles)}, {then}, {string.Join(", ", troubles)}";
        await using var world = await World.New(separate: false, troubles);
        var scene = await story.Before(world);
        await story.Accept(world, scene);
        var asked = (await world.Db.Read(tx => tx.Operations.List(new() { Limit = 100 }))).Single(o => o.Status == OperationStatus.Queued);
        var content = Content();
        using var first = new Daemon(world, "first", roles) { Spared = true, HoldAt = at };
        if (asked.RunAfter > world.Now) world.Time.Advance(asked.RunAfter - world.Now);
        await first.Step();
        var beyond = !first.IsHeld;
        // As long as not even the file is there that is to take its place, it is sure that the volume is what it was.
        var isSure = Replacing.Contains(name) && Content() == content && !world.Shares.Litter.Any(l => l.File.Contains(scene.Volume!.Id, StringComparison.Ordinal));
        var cancelled = await Cancel(world, asked.Id);

        if (then is Then.IsKilled) await first.Kill();
        if (then is Then.GoesOn) while (first.IsHeld) await first.Step();
        await world.RunUntilQuiet();
        while (first.IsHeld) await first.Step();
        await world.RunUntilQuiet();
        await world.Hold(what);

        var end = (await world.Db.Read(tx => tx.Operations.Get(asked.Id)))!;
        var outcome = await world.Outcome();
        var ends = Stories.Single(s => s.Story == name).Ends is { Length: > 0 } known ? known : [.. story.Ends.Skip(1)];
        Assert.True(end.Status == (cancelled ? OperationStatus.Failed : OperationStatus.Done), $"{what}: {end.Status} {end.Fault}");
        if (cancelled)
        {
            if (troubles.Length == 0) Assert.True(Fault.WordsOf(end.Fault) == new Fault.Cancelled().Message, $"{what}: {end.Fault}");
            if (!ends.Contains(outcome) || (isSure && outcome != ends[0])) Assert.Fail($"{what}: ended as {outcome}");
        }
        else Assert.True(outcome == story.Ends[0], $"{what}: too late to be cancelled, but ended as {outcome}");
        return (beyond, world.HadAllTroubles);

        string? Content() => scene.Volume is { } volume ? world.Shares.Find(volume.Id)?.Content : null;
    }

    /// <summary>False when it has ended.</summary>
    static async Task<bool> Cancel(World world, string id)
    {
        try
        {
            await world.Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));
            return true;
        }
        catch (FaultException e) when (e.Fault is Fault.Conflict)
        {
            Assert.Contains("is done", e.Message, StringComparison.Ordinal);
            return false;
        }
    }

    [Fact]
    public async Task An_act_that_is_under_way_stops_at_once()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a");
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        await world.Db.Commit(async tx => await tx.Operations.Cancel((await tx.Operations.List(new() { Limit = 1 })).Single().Id, CoreJson.Kinds));
        await Patience.Until("the volume is in error", async () => await world.StatusOf(volume) == "error"); // the clock stands: no lease runs out
        Assert.True(a.Held.Work.Token.IsCancellationRequested);
        Assert.Equal("create volume from backend storage: It was cancelled by an administrator.", Assert.Single(await world.Messages()));
        await world.Hold("cancelled");
    }

    /// <summary>The request makes the image's record after that, as it does not know of it.</summary>
    [Fact]
    public async Task An_upload_that_is_cancelled_before_there_is_a_record_leaves_none()
    {
        await using var world = await World.New(separate: false);
        var volume = (await Story.Of("Upload").Before(world)).Volume!;
        await world.Upload(volume, recorded: false);
        var asked = await world.OperationOf(volume);
        await Cancel(world, asked.Id);
        await world.RunUntilQuiet(atMost: TimeSpan.Zero);
        Assert.Equal("uploading", await world.StatusOf(volume)); // the request may still be at it
        await world.Record(((UploadVolume)CoreJson.Kinds.Read(asked)!).ImageId, asked.Id);
        await world.RunUntilQuiet(atMost: TimeSpan.Zero);
        Assert.Equal("available 1 old", await world.Outcome());
        await world.Hold("upload");
    }

    /// <summary>What never was at the storage needs no storage to be taken back.</summary>
    [Fact]
    public async Task What_waits_for_a_backend_that_is_down_ends_at_once()
    {
        await using var world = await World.New(separate: false);
        var volume = await world.Create();
        await world.RunOnly(Queues.Scheduler);
        world.Break();
        await world.RunOnly(World.Queue);
        Assert.Equal("queued", (await world.OperationOf(volume)).Status);
        await Cancel(world, (await world.OperationOf(volume)).Id);
        await world.RunUntilQuiet(atMost: TimeSpan.Zero);
        Assert.Equal(("failed", "error"), ((await world.OperationOf(volume)).Status, await world.StatusOf(volume)));
        world.Mend();
        await world.Hold("cancelled while down");
    }

    [Theory, InlineData("Restore"), InlineData("Reimage"), InlineData("Revert")]
    public async Task What_has_not_begun_to_replace_a_volumes_content_leaves_it_available(string name)
    {
        var story = Story.Of(name);
        await using var world = await World.New(separate: false);
        var scene = await story.Before(world);
        await story.Accept(world, scene);
        await Cancel(world, (await world.OperationOf(scene.Volume!)).Id);
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(scene.Volume!));
        await world.Hold(name);
    }

    [Theory, InlineData("Delete"), InlineData("DeleteSnapshot"), InlineData("Detach"), InlineData("Connect"), InlineData("Extend"), InlineData("DeleteBackup")]
    public async Task What_can_not_be_taken_back_is_refused_and_goes_on(string name)
    {
        var story = Story.Of(name);
        await using var world = await World.New(separate: false);
        var scene = await story.Before(world);
        await story.Accept(world, scene);
        var asked = (await world.Db.Read(tx => tx.Operations.List(new() { Limit = 100 }))).Single(o => o.Status == OperationStatus.Queued);
        var e = await Assert.ThrowsAsync<FaultException>(() => world.Db.Commit(tx => tx.Operations.Cancel(asked.Id, CoreJson.Kinds)));
        Assert.Equal($"Operation {asked.Id} can't be cancelled: a {asked.Kind} that has come so far can't be taken back. Wait for its end.",
            Assert.IsType<Fault.Conflict>(e.Fault).Message);
        await world.RunUntilQuiet();
        Assert.Equal(story.Ends[0], await world.Outcome());
    }

    [Fact]
    public async Task A_snapshot_that_the_compute_service_was_asked_for_is_not_cancelled()
    {
        var story = Story.Of("Assist");
        await using var world = await World.New(separate: false);
        var scene = await story.Before(world);
        await story.Accept(world, scene);
        await world.RunOnly(World.Queue);
        var asked = (await world.Db.Read(tx => tx.Operations.List(new() { Limit = 100 }))).First(o => o.Kind == "CreateSnapshot");
        Assert.Equal("queued", asked.Status); // it waits for the word
        await Assert.ThrowsAsync<FaultException>(() => world.Db.Commit(tx => tx.Operations.Cancel(asked.Id, CoreJson.Kinds)));
        await world.RunUntilQuiet();
        Assert.Equal(story.Ends[0], await world.Outcome());
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_backup_of_a_volume_in_use_is_cancelled_once_the_compute_service_has_done_its_part(bool hasDone)
    {
        var story = Story.Of("BackupAssist");
        await using var world = await World.New(separate: false);
        var scene = await story.Before(world);
        await story.Accept(world, scene);
        var asked = (await world.Db.Read(tx => tx.Operations.List(new() { Limit = 100 }))).Single(o => o.Status == OperationStatus.Queued);
        if (hasDone) world.Meanwhile = ("read", () => Cancel(world, asked.Id));
        else
        {
            await world.RunOnly(World.Queue);
            await Assert.ThrowsAsync<FaultException>(() => world.Db.Commit(tx => tx.Operations.Cancel(asked.Id, CoreJson.Kinds)));
        }
        await world.RunUntilQuiet();
        Assert.Equal(hasDone ? "in-use 1 new; backup error" : story.Ends[0], await world.Outcome());
        await world.Hold("cancelled");
    }

    [Fact]
    public async Task How_far_it_is_is_written_down_once_a_second_and_not_after_the_lease()
    {
        await using var world = await World.NewThreaded();
        await using var a = Working.StartHeld(world, "a");
        var volume = await world.Create();
        await a.Held!.Begun.WaitAsync(Patience.Limit);
        var progress = a.Held.Work.Progress!;
        progress.Begin(1000);
        progress.Did(100);
        Assert.Null((await world.OperationOf(volume)).BytesTotal); // not even a second is over
        world.Time.Advance(TimeSpan.FromSeconds(1));
        progress.Did(10);
        await Patience.Until("it is told", async () => (await world.OperationOf(volume)).BytesDone == 110);
        progress.Did(10);
        a.Held.LetGo(); // the rest goes with the journal
        await Patience.Until("the volume is available", async () => await world.StatusOf(volume) == "available");
        var row = await world.OperationOf(volume);
        Assert.Equal((120, 1000), (row.BytesDone, row.BytesTotal));
        world.Time.Advance(TimeSpan.FromSeconds(2));
        progress.Did(500);
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal(120, (await world.OperationOf(volume)).BytesDone);
    }

    [Fact]
    public async Task What_moves_data_says_how_far_it_is_and_that_stays()
    {
        await using var world = await World.New(separate: false);
        var scene = await Story.Of("Migrate").Before(world);
        await world.Migrate(scene.Volume!, await world.PoolBeside(scene.Volume!));
        await world.RunUntilQuiet();
        var rows = await world.Db.Read(tx => tx.Operations.List(new() { Limit = 100 }));
        var moved = rows.Single(o => o.Kind == "MigrateVolume");
        Assert.Equal((moved.BytesTotal, true), (moved.BytesDone, moved.BytesTotal > 0));
        Assert.All(rows.Where(o => o.Kind == "CreateVolume"), o => Assert.Null(o.BytesTotal));
    }
}
