using System.Collections.Concurrent;
using Clinker.Operations;
using Clinker.Store;
using Xunit;
using static Clinker.Operations.OperationStatus;

namespace Clinker.Contracts.Store;

/// <summary>Operations: who gets them, for how long, and what a worker that comes late can still do.</summary>
public abstract partial class StoreContract
{
    private protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private protected static readonly Fault Broken = new Fault.DriverFailed("create", "it broke");

    private protected Task<List<OperationRow>> Claim(string owner, int most = 100, params string[] queues) =>
        Db.Commit(tx => tx.Operations.Claim(queues.Length == 0 ? ["q"] : queues, owner, Lease, most));

    private protected async Task<OperationRow> Started(string queue = "q", params About[] holding)
    {
        var id = Some.Id();
        await Db.Commit(tx => tx.Operations.Start(id, queue, holding));
        return (await Operation(id))!;
    }

    async Task<OperationRow> Claimed(params About[] holding)
    {
        var id = (await Started("q", holding)).Id;
        return (await Claim("me")).Single(r => r.Id == id);
    }

    Task<OperationRow?> Operation(string id) => Db.Read(tx => tx.Operations.Get(id));

    Task<bool> Fence(OperationRow row) => Db.Commit(tx => tx.Operations.Fence(row.Id, row.Generation, Lease));

    /// <summary>It may have looked for the word just before that came, and be about to wait for long.</summary>
    [Theory, InlineData("told"), InlineData("nudged"), InlineData("left alone")]
    public async Task What_is_said_to_one_at_work_has_it_look_again(string how)
    {
        var held = new About("files", Some.Id());
        var row = await Claimed(held);
        await Db.Commit(tx => tx.Operations.Journal(row.Id, "ask", JournalEvent.Done, null));
        if (how == "told") Assert.True(await Db.Commit(tx => tx.Operations.TellOne(row.Id, "ask", "word", "went")));
        if (how == "nudged") await Db.Commit(tx => tx.Operations.Nudge(held));
        Assert.True(await Db.Commit(tx => tx.Operations.PutBack(row, tx.Now + TimeSpan.FromMinutes(10), 0, null)));
        Assert.Equal(how != "left alone", (await Claim("me")).Exists(r => r.Id == row.Id));
    }

    [Fact]
    public async Task An_operation_is_remembered_as_it_was_started()
    {
        var row = await Started();
        Assert.Equal((Queued, 0, null, 0, "q", "p", "req-1"),
            (row.Status, row.Generation, row.Owner, row.Attempts, row.Queue, row.ProjectId, row.RequestId));
        Assert.Equal(("CreateVolume", new About("volume", "v-" + row.Id)), (row.Kind, row.About));
        Assert.Equal($$"""{"VolumeId":"v-{{row.Id}}"}""", row.Arguments);
        Assert.Equal(row.CreatedAt, row.RunAfter);
        Assert.Null(row.HandedAt);
        Assert.Null(await Operation("nobody"));
    }

    [Fact]
    public async Task What_is_held_may_be_let_go_of_before_the_end()
    {
        About files = new("files", Some.Id()), other = new("files", Some.Id());
        var (mine, another) = (await Started("q", files, other), await Started("q", files));
        await Db.Commit(tx => tx.Operations.LetGo(mine.Id, files));
        foreach (var (id, about, holds) in ((string, About, bool)[])[(mine.Id, files, false), (mine.Id, other, true), (another.Id, files, true)])
            Assert.Equal(holds, await Db.Read(tx => tx.Operations.Holds(id, about)));
    }

    [Fact]
    public async Task A_word_to_one_operation_is_taken_while_it_waits_for_that_and_the_first_one_stands()
    {
        var (one, another) = (await Started(), await Started());
        Task<bool> Tell(string word) => Db.Commit(tx => tx.Operations.TellOne(one.Id, "file", "word", word));
        Assert.False(await Tell("early"));
        foreach (var row in new[] { one, another }) await Db.Commit(tx => tx.Operations.Journal(row.Id, "file", JournalEvent.Done, null));
        await Db.Commit(tx => tx.Operations.Defer(one.Id, tx.Now + TimeSpan.FromMinutes(1)));
        Assert.True(await Tell("went"));
        Assert.True(await Tell("failed"));
        Assert.Equal("went", (await Db.Read(tx => tx.Operations.Journal(one.Id))).Single(e => e.Event == JournalEvent.Told).Data);
        Assert.DoesNotContain(await Db.Read(tx => tx.Operations.Journal(another.Id)), e => e.Event == JournalEvent.Told);
        Assert.Contains(await Claim("me"), r => r.Id == one.Id); // it is woken
        await Db.Commit(tx => tx.Operations.Journal(one.Id, "word", JournalEvent.Done, null));
        Assert.False(await Tell("late"));
    }

    [Fact]
    public async Task What_is_started_in_a_transaction_that_fails_was_never_there()
    {
        await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Commit(async tx =>
        {
            await tx.Operations.Start("x", "q", new About("image", "i"));
            throw new DivideByZeroException();
        }));
        Assert.Empty(await Claim("me"));
        Assert.False(await Db.Read(tx => tx.Operations.Held(new About("image", "i"))));
    }

    [Fact]
    public async Task A_claim_leases_what_is_due_in_its_queues_only()
    {
        var mine = await Started("q");
        var other = await Started("other");
        Assert.Empty(await Claim("me", 100, "nothing"));
        Assert.Empty(await Db.Commit(tx => tx.Operations.Claim([], "me", Lease, 10)));

        var got = Assert.Single(await Claim("me"));
        Assert.Equal((mine.Id, Running, 1, "me"), (got.Id, got.Status, got.Generation, got.Owner));
        Assert.Equal(Lease, got.LeaseUntil - got.UpdatedAt);
        Assert.Equal(got, await Operation(mine.Id));
        Assert.Empty(await Claim("another"));
        Assert.Equal(other.Id, Assert.Single(await Claim("another", 100, "q", "other")).Id);
    }

    [Fact]
    public async Task A_claim_takes_no_more_than_it_asks_for_the_longest_due_first()
    {
        var ids = new List<string>();
        for (var i = 0; i < 9; i++)
        {
            ids.Add((await Started()).Id);
            Clock.Shift += TimeSpan.FromSeconds(1);
        }
        for (var i = 0; i < 9; i += 3)
            Assert.Equal(ids[i..(i + 3)].Order(), (await Claim("me", 3)).Select(r => r.Id).Order());
        Assert.Empty(await Claim("me", 3));
    }

    [Fact]
    public async Task Of_many_claimers_no_two_get_the_same_and_none_is_left()
    {
        const int count = 500, most = 7;
        await Db.Commit(async tx => { for (var i = 0; i < count; i++) await tx.Operations.Start($"op-{i}", i % 2 == 0 ? "even" : "odd"); });
        var claims = await Task.WhenAll(Enumerable.Range(0, 8).Select(c => Background(async () =>
        {
            var mine = new List<OperationRow>();
            while (await Claim($"c{c}", most, "even", "odd") is { Count: > 0 } rows)
            {
                Assert.InRange(rows.Count, 1, most);
                Assert.All(rows, r => Assert.Equal(($"c{c}", 1), (r.Owner, r.Generation)));
                mine.AddRange(rows);
            }
            return mine;
        })));
        var ids = claims.SelectMany(c => c).Select(r => r.Id).ToList();
        Assert.Equal(count, ids.Distinct().Count());
        Assert.Equal(count, ids.Count);
        Assert.Equal([(Running, count)], await Db.Read(tx => tx.Operations.Counts()));
    }

    [Fact]
    public async Task A_lease_that_ran_out_is_taken_with_a_higher_generation_and_fences_the_late_one()
    {
        var late = await Claimed();
        Clock.Shift += Lease - TimeSpan.FromSeconds(2);
        Assert.Empty(await Claim("next"));
        Assert.True(await Fence(late)); // renews, too
        Clock.Shift += Lease - TimeSpan.FromSeconds(2);
        Assert.Empty(await Claim("next"));
        Clock.Shift += TimeSpan.FromSeconds(4);
        var next = Assert.Single(await Claim("next"));
        Assert.Equal((late.Id, 2, "next", Running), (next.Id, next.Generation, next.Owner, next.Status));

        Assert.False(await Fence(late));
        Assert.False(await Db.Commit(tx => tx.Operations.PutBack(late, tx.Now, 1, Broken)));
        Assert.False(await Db.Commit(tx => tx.Operations.End(late.Id, late.Generation, Done, null)));
        Assert.Empty(await Db.Commit(tx => tx.Operations.Renew("me", [(late.Id, late.Generation)], Lease)));
        Assert.Equal(next, await Operation(late.Id)); // the late one changed nothing
        Assert.True(await Fence(next));
    }

    [Fact]
    public async Task Whoever_waits_for_an_end_waits_longer_while_somebody_is_at_it_and_has_met_no_fault()
    {
        var (row, queued) = (await Claimed(), await Started());
        Task End(OperationRow of) => Waiting.ForEnd(Db, of.Id, TimeSpan.FromMilliseconds(100), TimeProvider.System, atWork: TimeSpan.FromHours(1));
        var ends = End(row);
        Assert.IsType<Fault.Unavailable>((await Assert.ThrowsAsync<FaultException>(() => End(queued))).Fault);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        Assert.False(ends.IsCompleted, "it is not waited for any more");
        await Db.Commit(tx => tx.Operations.PutBack(row, tx.Now, 1, Broken));
        Assert.Equal(Broken, (await Assert.ThrowsAsync<FaultException>(() => ends.WaitAsync(TimeSpan.FromSeconds(20)))).Fault);
    }

    [Fact]
    public async Task Renewing_keeps_ones_own_leases_only()
    {
        var (a, b, c) = (await Claimed(), await Claimed(), await Claimed());
        Assert.Empty(await Db.Commit(tx => tx.Operations.Renew("me", [], Lease)));
        Assert.Empty(await Db.Commit(tx => tx.Operations.Renew("you", [(a.Id, a.Generation)], Lease)));
        Assert.Empty(await Db.Commit(tx => tx.Operations.Renew("me", [(a.Id, a.Generation + 1)], Lease)));
        Clock.Shift += Lease / 2;
        var kept = await Db.Commit(tx => tx.Operations.Renew("me", [(a.Id, a.Generation), (b.Id, b.Generation)], Lease));
        Assert.Equal(new[] { a.Id, b.Id }.Order(), kept.Order());
        Clock.Shift += Lease / 2 + TimeSpan.FromSeconds(1);
        Assert.Equal(c.Id, Assert.Single(await Claim("next")).Id);
    }

    [Fact]
    public async Task What_is_put_back_waits_until_its_time_and_wakes_its_queue()
    {
        var woken = new ConcurrentQueue<string>();
        var row = await Claimed();
        Db.Woken += woken.Enqueue;
        Assert.True(await Db.Commit(tx => tx.Operations.PutBack(row, tx.Now.AddSeconds(10), 3, Broken)));
        Assert.Contains("q", woken);
        var back = (await Operation(row.Id))!;
        Assert.Equal((Queued, null, 3), (back.Status, back.Owner, back.Attempts));
        Assert.Contains("it broke", back.Fault, StringComparison.Ordinal);
        Assert.Empty(await Claim("next"));
        Assert.Equal(back.RunAfter, await Db.Read(tx => tx.Operations.NextDue(["q"])));
        Clock.Shift += TimeSpan.FromSeconds(9);
        Assert.Empty(await Claim("next"));
        Clock.Shift += TimeSpan.FromSeconds(2);
        var again = Assert.Single(await Claim("next"));
        Assert.Equal((row.Id, 2, 3), (again.Id, again.Generation, again.Attempts));
        Assert.True(await Fence(again)); // progress
        Assert.Equal(0, (await Operation(row.Id))!.Attempts);
    }

    [Fact]
    public async Task The_next_due_is_the_end_of_a_wait_or_of_a_lease()
    {
        Task<DateTime?> Next(params string[] queues) => Db.Read(tx => tx.Operations.NextDue(queues));
        Assert.Null(await Next("q"));
        var row = await Started();
        Assert.Equal(row.RunAfter, await Next("q"));
        Assert.Null(await Next("other"));
        Assert.Null(await Next());
        row = Assert.Single(await Claim("me"));
        Assert.Equal(row.LeaseUntil, await Next("q", "other"));
        await Db.Commit(tx => tx.Operations.End(row.Id, row.Generation, Done, null));
        Assert.Null(await Next("q"));
    }

    [Fact]
    public async Task Handing_over_lets_the_lease_go_unless_it_is_kept()
    {
        var (kept, given) = (await Claimed(), await Claimed());
        await Db.Commit(tx => tx.Operations.Hand(kept.Id, "host@b", keep: true));
        Assert.Equal(kept with { Queue = "host@b" }, await Operation(kept.Id));
        Assert.True(await Fence(kept));

        await Db.Commit(tx => tx.Operations.Hand(given.Id, "host@b", keep: false));
        var waiting = (await Operation(given.Id))!;
        Assert.Equal((Queued, "host@b", null), (waiting.Status, waiting.Queue, waiting.Owner));
        Assert.NotNull(waiting.HandedAt);
        Assert.False(await Fence(given));
        Assert.Empty(await Claim("me"));
        var taken = Assert.Single(await Claim("you", 100, "host@b"));
        Assert.Equal((given.Id, 2L, null), (taken.Id, taken.Generation, taken.HandedAt));
    }

    [Fact]
    public async Task What_was_handed_to_a_dead_queue_is_taken_back_to_unwind()
    {
        var (handed, taken) = (await Claimed(), await Claimed());
        await Db.Commit(tx => tx.Operations.Hand(handed.Id, "dead@b", keep: false));
        await Db.Commit(tx => tx.Operations.Hand(taken.Id, "alive@b", keep: false));
        Assert.Single(await Claim("you", 100, "alive@b"));
        foreach (var (step, @event) in new[] { ("place", "done"), ("→dead@b", "done"), ("→alive@b", "done") })
            await Db.Commit(tx => tx.Operations.Journal(handed.Id, step, @event, "true"));
        await Db.Commit(tx => tx.Operations.Journal(taken.Id, "→dead@b", "done", "true"));
        Task<int> TakeBack(string queue, TimeSpan after) =>
            Db.Commit(tx => tx.Operations.TakeBack(queue, tx.Now - after, "scheduler", new Fault.HostGone("dead")));
        Task<List<string>> Waiting() => Db.Read(tx => tx.Operations.WaitingSince(tx.Now.AddMinutes(-5)));

        Assert.Equal(0, await TakeBack("dead@b", TimeSpan.FromMinutes(5)));
        Assert.Empty(await Waiting());
        Clock.Shift += TimeSpan.FromMinutes(6);
        Assert.Equal(["dead@b"], await Waiting());
        Assert.Equal(0, await TakeBack("alive@b", TimeSpan.FromMinutes(5)));
        Assert.Equal(1, await TakeBack("dead@b", TimeSpan.FromMinutes(5)));
        Assert.Equal(0, await TakeBack("dead@b", TimeSpan.FromMinutes(5)));
        var row = Assert.Single(await Claim("me", 100, "scheduler"));
        Assert.Equal((handed.Id, Unwinding), (row.Id, row.Status));
        Assert.Contains("host-gone", row.Fault, StringComparison.Ordinal);
        Assert.Empty(await Waiting());
        // It turns round where it was handed over: nobody began what comes after.
        Assert.Equal([("", "fault"), ("place", "done"), ("→alive@b", "done")],
            (await Db.Read(tx => tx.Operations.Journal(row.Id))).Select(e => (e.Step, e.Event)).Order());
        Assert.Single(await Db.Read(tx => tx.Operations.Journal(taken.Id)));
    }

    Task<bool> Stuck(OperationRow row, DateTime? tryAgain = null) =>
        Db.Commit(tx => tx.Operations.Stick(row.Id, row.Generation, Broken, tryAgain));

    Task<bool> Resume(string id) => Db.Commit(tx => tx.Operations.Resume(id));

    [Fact]
    public async Task Cancelling_takes_the_lease_and_turns_round_what_may_be_taken_back()
    {
        var woken = new ConcurrentQueue<string>();
        Db.Woken += woken.Enqueue;
        Task Cancel(string id) => Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));
        async Task<string> Refused(string id) => Assert.IsType<Fault.Conflict>((await Assert.ThrowsAsync<FaultException>(() => Cancel(id))).Fault).Message;

        var held = await Claimed();
        await Db.Commit(tx => tx.Operations.NoteMoved(held.Id, held.Generation, (5, 10)));
        await Cancel(held.Id);
        Assert.False(await Fence(held));
        Assert.False(await Db.Commit(tx => tx.Operations.ComesToReplace(held.Id, held.Generation)));
        Assert.False(await Db.Read(tx => tx.Operations.Holds(held.Id, held.Generation)));
        await Db.Commit(tx => tx.Operations.NoteMoved(held.Id, held.Generation, (6, 10)));
        for (var wait = 0; wait < 1000 && !woken.Contains($"lease {held.Generation} of {held.Id}"); wait++) await Task.Delay(5);
        Assert.Contains($"lease {held.Generation} of {held.Id}", woken);
        var row = (await Operation(held.Id))!;
        Assert.Equal((Unwinding, null, 5L, 10L), (row.Status, row.Owner, row.BytesDone, row.BytesTotal));
        Assert.Contains($"Operation {held.Id} is unwinding", await Refused(held.Id), StringComparison.Ordinal);
        var again = Assert.Single(await Claim("another"));
        Assert.Equal((held.Id, Unwinding, held.Generation + 2), (again.Id, again.Status, again.Generation));
        Assert.True(await Db.Commit(tx => tx.Operations.End(again.Id, again.Generation, Failed, new Fault.Cancelled())));
        Assert.Contains($"Operation {held.Id} is failed", await Refused(held.Id), StringComparison.Ordinal);

        // Of one that nobody has had, all that a first lease knows stays so.
        var waiting = await Started();
        await Cancel(waiting.Id);
        Assert.Equal((waiting.Id, 1L), (await Claim("me")) is [var first] ? (first.Id, first.Generation) : default);

        // What comes first wins: the other changes nothing.
        var racing = new List<OperationRow>();
        for (var i = 0; i < 20; i++) racing.Add(await Claimed());
        foreach (var each in racing)
        {
            var end = Db.Commit(async tx => await tx.Operations.Fence(each.Id, each.Generation, Lease) && await tx.Operations.End(each.Id, each.Generation, Done, null));
            var cancel = Cancel(each.Id).ContinueWith(t => t.IsCompletedSuccessfully, TaskScheduler.Default);
            Assert.NotEqual(await end, await cancel);
            Assert.Equal(await end ? Done : Unwinding, (await Operation(each.Id))!.Status);
        }
    }

    [Fact]
    public async Task Unwinding_goes_on_after_every_interruption_until_it_ends()
    {
        var row = await Claimed();
        await Db.Commit(tx => tx.Operations.Unwind(row.Id, Broken));
        Assert.True(await Db.Commit(tx => tx.Operations.PutBack(row, tx.Now, 1, null)));
        var again = Assert.Single(await Claim("me"));
        Assert.Equal((Unwinding, 2, 1), (again.Status, again.Generation, again.Attempts));
        Assert.Contains("it broke", again.Fault, StringComparison.Ordinal); // putting back without a cause keeps the one that is there
        Clock.Shift += Lease + TimeSpan.FromSeconds(1);
        again = Assert.Single(await Claim("me"));
        Assert.Equal((Unwinding, 3), (again.Status, again.Generation));
        Assert.True(await Db.Commit(tx => tx.Operations.End(row.Id, again.Generation, Failed, Broken)));
        Assert.False(await Db.Read(tx => tx.Operations.AnyLive(row.About)));
        Assert.Empty(await Claim("me"));
        Assert.False(await Resume(row.Id));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_stuck_waits_for_a_person_and_goes_on_where_it_stood(bool turnedRound)
    {
        var row = await Claimed();
        if (turnedRound)
        {
            await Db.Commit(tx => tx.Operations.Journal(row.Id, "", "fault", "{}"));
            await Db.Commit(tx => tx.Operations.Unwind(row.Id, Broken));
        }
        Assert.False(await Resume(row.Id));
        Assert.False(await Db.Commit(tx => tx.Operations.Stick(row.Id, row.Generation + 1, Broken, null)));
        Assert.True(await Stuck(row));
        Clock.Shift += TimeSpan.FromDays(1000);
        Assert.Empty(await Claim("me"));
        Assert.Null(await Db.Read(tx => tx.Operations.NextDue(["q"])));
        Assert.Equal(0, await Db.Commit(tx => tx.Operations.ResumeStuck("q", 10)));
        Assert.True(await Db.Read(tx => tx.Operations.AnyLive(row.About)));
        Assert.False(await Fence(row));

        Assert.False(await Resume("nobody"));
        Assert.True(await Resume(row.Id));
        Assert.False(await Resume(row.Id));
        var again = Assert.Single(await Claim("me"));
        Assert.Equal((turnedRound ? Unwinding : Running, 2, 0), (again.Status, again.Generation, again.Attempts));
    }

    [Fact]
    public async Task A_backend_that_serves_tries_what_is_stuck_again_a_few_at_a_time()
    {
        var rows = new List<OperationRow>();
        for (var i = 0; i < 4; i++) rows.Add(await Claimed());
        var now = await Db.Read(tx => Task.FromResult(tx.Now));
        for (var i = 0; i < 4; i++) Assert.True(await Stuck(rows[i], now.AddMinutes(i == 3 ? 60 : 5 - i)));
        Task<int> ResumeStuck(string queue, int most) => Db.Commit(tx => tx.Operations.ResumeStuck(queue, most));
        Assert.Equal(0, await ResumeStuck("q", 10));
        Clock.Shift += TimeSpan.FromMinutes(6);
        Assert.Equal(0, await ResumeStuck("other", 10));
        Assert.Equal(2, await ResumeStuck("q", 2));
        Assert.Equal(new[] { rows[1].Id, rows[2].Id }.Order(), (await Claim("me")).Select(r => r.Id).Order()); // those first that waited longest
        Assert.Equal(1, await ResumeStuck("q", 2));
        Assert.Equal(0, await ResumeStuck("q", 2));
    }

    [Fact]
    public async Task Sources_are_held_until_the_operation_has_ended()
    {
        About image = new("image", "i"), volume = new("volume", "s");
        var (a, b) = (await Claimed(image, volume), await Claimed(image));
        Task<bool> Held(About about) => Db.Read(tx => tx.Operations.Held(about));
        Assert.True(await Held(image));
        Assert.True(await Held(volume));
        Assert.False(await Held(new("volume", "i")));
        await Db.Commit(tx => tx.Operations.End(a.Id, a.Generation, Done, null));
        Assert.False(await Held(volume));
        Assert.True(await Held(image));
        await Stuck(b);
        Assert.True(await Held(image)); // a person may still resume it
        await Resume(b.Id);
        b = Assert.Single(await Claim("me"));
        await Db.Commit(tx => tx.Operations.End(b.Id, b.Generation, Failed, Broken));
        Assert.False(await Held(image));
    }

    [Fact]
    public async Task What_was_not_touched_is_noted_by_the_newest_lease()
    {
        var row = await Claimed();
        foreach (var generation in new[] { 1L, 4L, 12_345_678_901L })
            await Db.Commit(tx => tx.Operations.JournalUntouched(row.Id, "create", generation));
        var entry = Assert.Single(await Db.Read(tx => tx.Operations.Journal(row.Id)));
        Assert.Equal(("create", "untouched", "12345678901"), (entry.Step, entry.Event, entry.Data));
    }

    [Fact]
    public async Task Who_holds_a_lease_is_seen_without_changing_it()
    {
        var row = await Claimed();
        Task<bool> Holds(long generation) => Db.Read(tx => tx.Operations.Holds(row.Id, generation));
        Assert.True(await Holds(1));
        Assert.False(await Holds(0));
        Assert.Equal(row, await Operation(row.Id));
        await Db.Commit(tx => tx.Operations.PutBack(row with { Generation = 1 }, tx.Now, 0, null));
        Assert.False(await Holds(1));
    }

    /// <summary>The claim is what every worker asks all the time: it must not read what has ended.</summary>
    [Fact]
    public async Task A_claim_uses_its_index()
    {
        await Db.Commit(async tx =>
        {
            for (var i = 0; i < 1000; i++) await tx.Operations.Start($"op-{i}", "q");
            await tx.Execute($"update operation set status = 'done' where id <> 'op-7' and id <> 'op-8'");
        });
        await Db.Commit(tx => tx.Execute($"analyze operation"));
        Sql explain = Sql.Raw(Db.Dialect.IsPostgres ? "explain " : "explain query plan ");
        var plan = await Db.Read(tx => tx.Query($"{explain}{tx.Operations.Due(["q", "r"], 64)}", r => r.GetString(Db.Dialect.IsPostgres ? 0 : 3)));
        Assert.Contains("operation_due", string.Join('\n', plan), StringComparison.Ordinal);
        Assert.Equal(["op-7", "op-8"], (await Claim("me", 64, "q", "r")).Select(r => r.Id).Order());
    }
}
