using System.Collections.Concurrent;
using Clinker.Operations;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>What every database means by a commit, a read and a wake-up; the other parts: what every table means.</summary>
public abstract partial class StoreContract : IAsyncLifetime
{
    protected ShiftedClock Clock { get; } = new();

    protected Database Db { get; private protected set; } = null!;

    /// <summary>Opens a new, empty database.</summary>
    protected abstract Task<Database> OpenNew();

    public async ValueTask InitializeAsync() => Db = await OpenNew();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Db is not null) await Db.DisposeAsync();
    }

    /// <summary>Counts something up: any row will do.</summary>
    protected static Task Bump(Tx tx, string what) => tx.Execute($"""
        insert into quota_usage (project_id, resource, in_use) values ({what}, 'bumps', {1})
        on conflict (project_id, resource) do update set in_use = quota_usage.in_use + excluded.in_use
        """);

    protected Task<long> Bumps(string what) => Db.Read(tx => tx.Quotas.InUse(what, "bumps"));

    protected static async Task<Fault> Refused(Func<Task> act) => (await Assert.ThrowsAsync<FaultException>(act)).Fault;

    [Fact]
    public async Task A_commit_gives_its_result_and_readers_see_it()
    {
        var result = await Db.Commit(async tx => { await Bump(tx, "a"); await Bump(tx, "a"); return await tx.Quotas.InUse("a", "bumps"); });
        Assert.Equal(2, result);
        Assert.Equal(2, await Bumps("a"));
        Assert.Equal(0, await Bumps("never"));
    }

    [Fact]
    public async Task What_is_thrown_undoes_all_of_it_and_reaches_the_caller()
    {
        var thrown = new Fault.Conflict("no").Thrown();
        Assert.Same(thrown, await Assert.ThrowsAsync<FaultException>(() => Db.Commit(async tx =>
        {
            await Bump(tx, "a");
            throw thrown;
        })));
        await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Commit(tx => throw new DivideByZeroException()));
        Assert.Equal(0, await Bumps("a"));
    }

    [Fact]
    public async Task A_statement_that_fails_undoes_the_rest_and_the_database_goes_on()
    {
        for (var i = 0; i < 3; i++)
        {
            var e = await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => Db.Commit(async tx =>
            {
                await Bump(tx, "a");
                await tx.Execute($"insert into hold (operation, kind, id) values ('nobody', 'volume', 'v')"); // no such operation
            }));
            Assert.IsNotType<FaultException>(e);
            await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => Db.Commit(tx => tx.Execute($"no sql at all")));
            await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => Db.Read(tx => tx.Number($"select nothing from nowhere")));
        }
        await Db.Commit(tx => Bump(tx, "b"));
        Assert.Equal(0, await Bumps("a"));
        Assert.Equal(1, await Bumps("b"));
    }

    [Fact]
    public async Task A_reader_that_throws_harms_no_other()
    {
        for (var i = 0; i < 50; i++)
            await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Read<int>(async tx =>
            {
                await tx.Query<int>($"select 1 union all select 2", r => throw new DivideByZeroException());
                return 0;
            }));
        await Db.Commit(tx => Bump(tx, "a"));
        Assert.Equal(1, await Bumps("a"));
    }

    [Fact]
    public async Task Waking_is_heard_when_it_is_committed_and_not_otherwise()
    {
        var heard = new ConcurrentQueue<string>();
        var first = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        Db.Woken += queue =>
        {
            if (queue.Length == 0) return; // "look at all": after a connection was made
            heard.Enqueue(queue);
            first.TrySetResult(queue);
        };
        await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Commit(async tx =>
        {
            await Bump(tx, "a");
            tx.Wake("undone");
            throw new DivideByZeroException();
        }));
        await Db.Commit(async tx =>
        {
            await Bump(tx, "a");
            tx.Wake("done");
            Assert.Empty(heard);
        });
        Assert.Equal("done", await first.Task.WaitAsync(TimeSpan.FromSeconds(5)));
        Assert.Equal(1, await Bumps("a"));
        Assert.All(heard, queue => Assert.Equal("done", queue));
    }

    [Fact]
    public async Task Whoever_is_woken_sees_what_was_committed()
    {
        var missed = 0;
        var looks = new ConcurrentBag<Task>();
        Db.Woken += queue =>
        {
            if (!queue.StartsWith("see-", StringComparison.Ordinal)) return;
            looks.Add(Background(async () => { if (await Bumps(queue) == 0) Interlocked.Increment(ref missed); }));
        };
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Db.Commit(async tx =>
        {
            tx.Wake($"see-{i}");
            await Bump(tx, $"see-{i}");
        })));
        await Task.WhenAll(looks);
        Assert.True(looks.Count >= 50);
        Assert.Equal(0, missed);
    }

    [Fact]
    public async Task A_listener_that_throws_harms_nobody()
    {
        Db.Woken += _ => throw new DivideByZeroException();
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Db.Woken += queue => { if (queue == "q") heard.TrySetResult(); };
        await Db.Commit(async tx => { await Bump(tx, "a"); tx.Wake("q"); });
        await heard.Task.WaitAsync(TimeSpan.FromSeconds(5));
        await Db.Commit(tx => Bump(tx, "a"));
        Assert.Equal(2, await Bumps("a"));
    }

    [Fact]
    public async Task Two_hundred_commits_at_once_with_readers_all_count()
    {
        using var done = new CancellationTokenSource();
        using var reading = new SemaphoreSlim(0);
        var readers = Enumerable.Range(0, 12).Select(_ => Background(async () =>
        {
            long last = 0, reads = 0;
            while (!done.IsCancellationRequested)
            {
                var now = await Bumps("a");
                Assert.True(now >= last, $"{now} was read after {last}");
                last = now;
                if (reads++ == 0) reading.Release();
                await Task.Delay(1);
            }
            return reads;
        })).ToList();
        for (var i = 0; i < readers.Count; i++) await reading.WaitAsync();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Background(() => Db.Commit(async tx =>
        {
            await Bump(tx, "a");
            await Bump(tx, $"b{i % 7}");
        }))));
        await done.CancelAsync();
        Assert.All(await Task.WhenAll(readers), reads => Assert.True(reads > 0));
        Assert.Equal(200, await Bumps("a"));
        Assert.Equal(200, await Db.Read(tx => tx.Number($"select sum(in_use) from quota_usage where project_id like 'b%'")));
    }

    [Fact]
    public async Task Commits_that_fail_harm_none_of_those_beside_them()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => Background(async () =>
        {
            try
            {
                await Db.Commit(async tx =>
                {
                    await Bump(tx, "a");
                    await Bump(tx, $"own-{i}");
                    if (i % 3 == 1) throw new DivideByZeroException();
                    if (i % 3 == 2) await tx.Execute($"insert into hold (operation, kind, id) values ('nobody', 'volume', {i})");
                });
                return "done";
            }
            catch (DivideByZeroException) { return "thrown"; }
            catch (System.Data.Common.DbException) { return "refused"; }
        })));
        Assert.Equal(40, outcomes.Count(o => o == "done"));
        Assert.Equal(40, outcomes.Count(o => o == "thrown"));
        Assert.Equal(40, outcomes.Count(o => o == "refused"));
        Assert.Equal(40, await Bumps("a"));
        for (var i = 0; i < 120; i++) Assert.Equal(i % 3 == 0 ? 1 : 0, await Bumps($"own-{i}"));
    }

    [Fact]
    public async Task A_transaction_has_one_time_in_whole_microseconds()
    {
        var before = Clock.GetUtcNow().UtcDateTime;
        var (first, second) = await Db.Commit(async tx => { var at = tx.Now; await Bump(tx, "a"); return (at, tx.Now); });
        Assert.Equal(first, second);
        Assert.Equal(DateTimeKind.Utc, first.Kind);
        Assert.Equal(first, Micros.ToTime(Micros.Of(first)));
        Assert.InRange(first, before.AddSeconds(-0.2), before.AddSeconds(5));
        Clock.Shift += TimeSpan.FromMinutes(3);
        var later = await Db.Commit(tx => Task.FromResult(tx.Now));
        Assert.InRange(later - first, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(3.1));
    }

    [Fact]
    public async Task A_transaction_that_has_ended_can_not_be_used_any_more()
    {
        var kept = await Db.Commit(async tx => { await Bump(tx, "a"); return tx; });
        Tx? failed = null;
        await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Commit(tx => { failed = tx; throw new DivideByZeroException(); }));
        var read = await Db.Read(Task.FromResult);
        foreach (var old in new[] { kept, failed!, read })
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => Bump(old, "a"));
            await Db.Commit(async _ => await Assert.ThrowsAsync<InvalidOperationException>(() => Bump(old, "a")));
        }
        Assert.Equal(1, await Bumps("a"));
    }

    [Fact]
    public async Task A_closed_database_says_so()
    {
        await Db.DisposeAsync();
        await Db.DisposeAsync();
        Assert.IsType<Fault.Unavailable>(await Refused(() => Db.Commit(tx => Bump(tx, "a"))));
        Assert.IsType<Fault.Unavailable>(await Refused(() => Bumps("a")));
    }

    protected static Task Background(Func<Task> work) => Host.Background.Start(work);

    protected static async Task<T> Background<T>(Func<Task<T>> work)
    {
        T result = default!;
        await Host.Background.Start(async () => result = await work());
        return result;
    }
}
