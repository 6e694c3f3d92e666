using System.Collections.Concurrent;
using System.Diagnostics;
using Clinker.Contracts.Postgres;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>The database for several hosts; and what only several hosts can show.</summary>
public sealed class PostgresStore(SharedPostgres shared) : DurableStoreContract
{
    string connection = "";

    protected override async Task<Database> OpenNew()
    {
        connection = await shared.EmptyDatabase();
        return await OpenAgain();
    }

    protected override async Task<Database> OpenAgain() => await PostgresDatabase.Open(connection, Clock);

    async Task<long> Number(string sql) =>
        Convert.ToInt64(await (await shared.StartOrSkip()).Execute(sql, connection), System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Hosts_that_start_at_once_on_an_empty_database_apply_each_migration_once()
    {
        connection = await (await shared.StartOrSkip()).NewDatabase();
        var hosts = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Background(OpenAgain)));
        try
        {
            Assert.Equal(await Number("select max(number) from schema_version"), await Number("select count(*) from schema_version"));
            foreach (var host in hosts) await host.Commit(tx => Bump(tx, "a"));
            Assert.Equal(6, await hosts[0].Read(tx => tx.Quotas.InUse("a", "bumps")));
        }
        finally
        {
            foreach (var host in hosts) await host.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_wake_up_reaches_every_host_within_a_second()
    {
        await using var other = await OpenAgain();
        var heard = new ConcurrentQueue<string>();
        using var come = new SemaphoreSlim(0);
        other.Woken += queue => { heard.Enqueue(queue); come.Release(); };
        await Listening(2);
        await Assert.ThrowsAsync<DivideByZeroException>(() => Db.Commit(tx => { tx.Wake("undone"); throw new DivideByZeroException(); }));
        while (heard.TryDequeue(out _)) { }
        var watch = Stopwatch.StartNew();
        await Db.Commit(tx => { for (var i = 0; i < 9; i++) tx.Wake("host@ü#1"); tx.Wake("q2"); return Task.CompletedTask; });
        while (heard.Count(q => q.Length > 0) < 2) Assert.True(await come.WaitAsync(TimeSpan.FromSeconds(1)), "nothing was heard");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        await Task.Delay(50);
        Assert.Equal(["host@ü#1", "q2"], heard.Where(q => q.Length > 0)); // each once, in order, and nothing that was undone
    }

    [Fact]
    public async Task A_deadlock_is_tried_again_and_nobody_hears_of_it()
    {
        await Db.Commit(async tx => { await Bump(tx, "a"); await Bump(tx, "b"); });
        var met = new[] { new TaskCompletionSource(), new TaskCompletionSource() };
        var runs = 0;
        await Task.WhenAll(Enumerable.Range(0, 2).Select(i => Background(() => Db.Commit(async tx =>
        {
            Interlocked.Increment(ref runs);
            await Bump(tx, i == 0 ? "a" : "b");
            met[i].TrySetResult();
            await met[1 - i].Task;
            await Bump(tx, i == 0 ? "b" : "a");
        }))));
        Assert.Equal(3, runs);
        Assert.Equal((3, 3), (await Bumps("a"), await Bumps("b")));
    }

    [Fact]
    public async Task Two_statements_at_once_in_a_transaction_are_a_defect_not_an_outage() =>
        await Assert.ThrowsAsync<NpgsqlOperationInProgressException>(() => Db.Commit(async tx =>
        {
            var first = tx.Number($"select 1 from pg_sleep(0.2)");
            try { await tx.Number($"select 2"); }
            finally { await first; }
        }));

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    public async Task Conflicts_without_end_end(string state)
    {
        var runs = 0;
        var fault = await Refused(() => Db.Commit(async tx =>
        {
            runs++;
            await Bump(tx, "a");
            await tx.Execute($"do $$ begin raise exception 'again' using errcode = '{Sql.Raw(state)}'; end $$");
        }));
        Assert.IsType<Fault.Unavailable>(fault);
        Assert.Equal(6, runs);
        Assert.Equal(0, await Bumps("a"));
    }

    [Theory]
    [InlineData("set local statement_timeout = 20", "select pg_sleep(5)")]
    [InlineData("set local transaction_read_only = on", "delete from volume")]
    [InlineData("set local lock_timeout = 20", "lock table quota_usage")]
    public async Task A_server_that_can_not_now_is_an_outage(string setting, string statement)
    {
        await using var stranger = new NpgsqlConnection(connection);
        await stranger.OpenAsync();
        await using var transaction = await stranger.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("lock table quota_usage", stranger, transaction)) await command.ExecuteNonQueryAsync();
        Assert.IsType<Fault.Unavailable>(await Refused(() => Db.Commit(async tx =>
        {
            await tx.Execute(Sql.Raw(setting));
            await tx.Query(Sql.Raw(statement), _ => 0);
        })));
        await transaction.RollbackAsync();
        await Db.Commit(tx => Bump(tx, "a"));
    }

    [Fact]
    public async Task A_wrong_connection_string_is_told_at_the_start()
    {
        async Task<Fault> Why(Action<NpgsqlConnectionStringBuilder> change)
        {
            var settings = new NpgsqlConnectionStringBuilder(connection);
            change(settings);
            return await Refused(() => PostgresDatabase.Open(settings.ToString(), Clock));
        }
        Assert.Contains("password authentication failed", Assert.IsType<Fault.Misconfigured>(await Why(s => s.Password = "wrong")).Message,
            StringComparison.Ordinal);
        Assert.Contains("\"missing\" does not exist", Assert.IsType<Fault.Misconfigured>(await Why(s => s.Database = "missing")).Message,
            StringComparison.Ordinal);
        Assert.IsType<Fault.Misconfigured>(await Refused(() => PostgresDatabase.Open("Hsot=localhost", Clock)));
        Assert.IsType<Fault.Unavailable>(await Why(s => s.Port = 1));
        Assert.IsType<Fault.Unavailable>(await Why(s => s.Host = "no-such-host.invalid"));
    }

    /// <summary>A host's own clock decides nothing: all go by the server's.</summary>
    [Theory]
    [InlineData(60)]
    [InlineData(-60)]
    public async Task A_host_with_a_wrong_clock_leases_like_the_others(int minutes)
    {
        await using var wrong = await PostgresDatabase.Open(connection, new ShiftedClock(TimeSpan.FromMinutes(minutes)));
        var lease = TimeSpan.FromSeconds(30);
        var (here, there) = (await Db.Commit(tx => Task.FromResult(tx.Now)), await wrong.Commit(tx => Task.FromResult(tx.Now)));
        Assert.InRange(there - here, TimeSpan.FromMilliseconds(-50), TimeSpan.FromSeconds(2));

        await Db.Commit(tx => tx.Operations.Start("op", "q"));
        var mine = Assert.Single(await Db.Commit(tx => tx.Operations.Claim(["q"], "here", lease, 9)));
        Assert.Empty(await wrong.Commit(tx => tx.Operations.Claim(["q"], "there", lease, 9)));
        await Db.Commit(tx => tx.Operations.PutBack(mine, tx.Now, 0, null));
        await Task.Delay(100); // more than the two offsets may differ
        var theirs = Assert.Single(await wrong.Commit(tx => tx.Operations.Claim(["q"], "there", lease, 9)));
        Assert.InRange(theirs.LeaseUntil - mine.LeaseUntil, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Empty(await Db.Commit(tx => tx.Operations.Claim(["q"], "here", lease, 9)));
        Clock.Shift += lease + TimeSpan.FromSeconds(3);
        Assert.Single(await Db.Commit(tx => tx.Operations.Claim(["q"], "here", lease, 9)));
    }

    /// <summary>Idle hosts ask nothing: work is announced to them, and they know when more is due, however wrong their clocks are.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    public async Task Idle_hosts_leave_the_database_alone(int minutes)
    {
        await (await shared.StartOrSkip()).Execute("create extension if not exists pg_stat_statements", connection);
        const string calls = "select coalesce(sum(calls), 0) from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())";
        await Started();
        var waiting = Assert.Single(await Claim("me"));
        await Db.Commit(tx => tx.Operations.PutBack(waiting, tx.Now.AddMinutes(10), 1, Broken));
        var clock = new ShiftedClock(TimeSpan.FromMinutes(minutes));
        await using var other = await PostgresDatabase.Open(connection, clock);
        await using var third = await OpenAgain();
        using var worker = new Worker(new Means(other, new Dictionary<string, Driver>(), SchedulingSettings.Default, Lease), CoreJson.Kinds, ["q"],
            "idle", clock, NullLogger<Worker>.Instance);
        using var stop = new CancellationTokenSource();
        var working = worker.Work(TimeSpan.Zero, stop.Token);
        try
        {
            await Listening(3);
            await Task.Delay(500);
            var before = await Number(calls);
            await Task.Delay(2000);
            Assert.InRange(await Number(calls) - before, 0, 2); // one of them is the question before
        }
        finally
        {
            await stop.CancelAsync();
            await working;
        }
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData(4, 4)]
    public async Task Connections_are_bounded_and_the_rest_wait(int? asked, int most)
    {
        if (asked is { } size) connection = new NpgsqlConnectionStringBuilder(connection) { MaxPoolSize = size }.ToString();
        await using var host = await OpenAgain();
        var before = await Number("select count(*) from pg_stat_activity where datname = current_database() and application_name = 'clinkerd'");
        var jobs = Task.WhenAll(Enumerable.Range(0, 60).Select(_ => Background(() => host.Read(tx => tx.Number($"select 1 from pg_sleep(0.05)")))));
        long seen = 0;
        while (!jobs.IsCompleted)
            seen = Math.Max(seen, await Number("select count(*) from pg_stat_activity where datname = current_database() and application_name = 'clinkerd'"));
        await jobs;
        Assert.InRange(seen, most, before + most);
    }

    async Task Listening(int hosts)
    {
        for (var i = 0; i < 100; i++)
        {
            if (await Number("select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'") >= hosts) return;
            await Task.Delay(20);
        }
        Assert.Fail("the hosts do not listen");
    }
}
