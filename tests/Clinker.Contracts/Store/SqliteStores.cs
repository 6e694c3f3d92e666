using System.Runtime.CompilerServices;
using Clinker.Operations;
using Clinker.Store;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>The embedded database in memory, as simulations use it.</summary>
public sealed class SqliteMemoryStore : StoreContract
{
    protected override async Task<Database> OpenNew() => await SqliteDatabase.InMemory(Clock);

    [Fact]
    public Task Awaiting_something_else_in_a_transaction_is_refused() => SqliteFacts.Awaiting_something_else_is_refused(Db);
}

/// <summary>The embedded database as a file.</summary>
public sealed class SqliteFileStore : DurableStoreContract
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-store-").FullName;

    string File => Path.Combine(folder, "state", "clinker.db");

    protected override Task<Database> OpenNew() => OpenAgain();

    protected override async Task<Database> OpenAgain() => await SqliteDatabase.Open(File, Clock);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public Task Awaiting_something_else_in_a_transaction_is_refused() => SqliteFacts.Awaiting_something_else_is_refused(Db);

    [Fact]
    public async Task A_second_daemon_is_refused_until_the_first_has_ended()
    {
        var fault = Assert.IsType<Fault.Misconfigured>(await Refused(OpenAgain));
        Assert.Contains(File, fault.Message, StringComparison.Ordinal);
        Assert.Contains("One daemon at a time may use it; for several hosts set [database] connection to PostgreSQL.", fault.Message,
            StringComparison.Ordinal);
        await Db.Commit(tx => Bump(tx, "a")); // the first has noticed nothing
        await Db.DisposeAsync();
        Db = await OpenAgain();
        Assert.Equal(1, await Bumps("a"));
    }

    /// <summary>The file is one process's at a time: who had leases when it is opened again is dead.</summary>
    [Fact]
    public async Task What_the_last_daemon_had_begun_goes_on_at_once_and_as_somebody_elses()
    {
        await Started();
        var before = Assert.Single(await Claim("dead"));
        await Db.DisposeAsync();
        Db = await OpenAgain();
        Assert.Equal(OperationStatus.Queued, (await Db.Read(tx => tx.Operations.Get(before.Id)))!.Status);
        var after = Assert.Single(await Claim("next"));
        Assert.Equal((before.Id, before.Generation + 1), (after.Id, after.Generation));
        Assert.False(await Db.Commit(tx => tx.Operations.Fence(before.Id, before.Generation, Lease)));
    }

    [Fact]
    public async Task What_is_no_database_is_named()
    {
        var other = Path.Combine(folder, "other.db");
        await System.IO.File.WriteAllTextAsync(other, new string('#', 5000));
        for (var i = 0; i < 2; i++)
            Assert.Contains(other, Assert.IsType<Fault.Misconfigured>(await Refused(() => SqliteDatabase.Open(other, Clock))).Message,
                StringComparison.Ordinal);
        var below = Path.Combine(other, "x.db"); // its folder can't be made
        Assert.Contains(below, Assert.IsType<Fault.Misconfigured>(await Refused(() => SqliteDatabase.Open(below, Clock))).Message,
            StringComparison.Ordinal);
    }

    /// <summary>All that wait while the writer is busy share its next commit.</summary>
    [Fact]
    public async Task A_group_shares_its_commit_but_not_its_failures()
    {
        using var go = new ManualResetEventSlim();
        var busy = Db.Commit(tx => { go.Wait(); return Task.CompletedTask; });
        var jobs = Enumerable.Range(0, 100).Select(i => Db.Commit(async tx =>
        {
            await Bump(tx, "a");
            if (i == 50) throw new DivideByZeroException();
            if (i == 60) await tx.Execute($"no sql");
            return tx.Now;
        })).ToList();
        go.Set();
        await busy;
        await Assert.ThrowsAsync<DivideByZeroException>(() => jobs[50]);
        await Assert.ThrowsAsync<SqliteException>(() => jobs[60]);
        jobs.RemoveAt(60);
        jobs.RemoveAt(50);
        await Task.WhenAll(jobs);
        Assert.Equal(98, await Bumps("a"));
    }

    /// <summary>A full disk undoes the whole group; whoever was in it is told to come again, and may.</summary>
    [Fact]
    public async Task A_full_disk_is_a_fault_that_passes()
    {
        var pages = await Db.Read(tx => tx.Number($"pragma page_count"));
        await Db.Commit(tx => tx.Number($"pragma max_page_count = {Sql.Raw($"{pages + 2}")}"));
        // The writer is kept in a group of its own until the others wait: they are one group then.
        using ManualResetEventSlim begun = new(), go = new();
        var busy = Db.Commit(tx => { begun.Set(); go.Wait(); return Task.CompletedTask; });
        begun.Wait(TestContext.Current.CancellationToken);
        var small = Db.Commit(tx => Bump(tx, "a"));
        var big = Db.Commit(tx => tx.Volumes.Insert(Some.Volume() with { Description = new string('x', 200_000) }));
        go.Set();
        var fault = Assert.IsType<Fault.Unavailable>(await Refused(() => big));
        Assert.Contains("full", fault.Message, StringComparison.Ordinal);
        Assert.IsType<Fault.Unavailable>(await Refused(() => small));
        await busy;
        Assert.Equal(0, await Bumps("a"));

        await Db.Commit(tx => Bump(tx, "a"));
        await Db.Commit(tx => tx.Number($"pragma max_page_count = 100000"));
        await Db.Commit(tx => tx.Volumes.Insert(Some.Volume() with { Description = new string('x', 200_000) }));
        Assert.Equal(1, await Bumps("a"));
    }

    /// <summary>An administrator's sqlite3 may hold the file for a moment.</summary>
    [Fact]
    public async Task Another_process_that_writes_is_waited_for()
    {
        await using var other = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = File, Pooling = false }.ToString());
        await other.OpenAsync();
        await using var command = other.CreateCommand();
        command.CommandText = "begin immediate";
        await command.ExecuteNonQueryAsync();
        var waiting = Db.Commit(tx => Bump(tx, "a"));
        await Task.Delay(200);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, await Bumps("a")); // readers don't wait
        command.CommandText = "rollback";
        await command.ExecuteNonQueryAsync();
        await waiting;
        Assert.Equal(1, await Bumps("a"));
    }

    [Fact]
    public async Task Closing_waits_for_what_was_begun()
    {
        var jobs = Enumerable.Range(0, 50).Select(_ => Db.Commit(tx => Bump(tx, "a"))).ToList();
        var reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var read = Db.Read(async tx => { await reading.Task; return await tx.Quotas.InUse("a", "bumps"); });
        var closing = Db.DisposeAsync();
        await Task.WhenAll(jobs);
        Assert.False(closing.IsCompleted);
        reading.SetResult();
        Assert.Equal(50, await read);
        await closing;
    }
}

static class SqliteFacts
{
    const string Words = "A transaction may await nothing but its database.";

    static Task Bump(Tx tx, string what) => tx.Execute($"""
        insert into quota_usage (project_id, resource, in_use) values ({what}, 'bumps', {1})
        on conflict (project_id, resource) do update set in_use = quota_usage.in_use + excluded.in_use
        """);

    static Task<long> Bumps(Database db, string what) => db.Read(tx => tx.Quotas.InUse(what, "bumps"));

    /// <summary>All writers share a thread: whoever waits in it would stop them all. And what goes on later finds the door shut.</summary>
    public static async Task Awaiting_something_else_is_refused(Database db)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var late = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => db.Commit(async tx =>
        {
            await Bump(tx, "refused");
            await gate.Task;
            late.SetResult(await Record.ExceptionAsync(() => Bump(tx, "refused")));
        }));
        Assert.Equal(Words, refusal.Message);
        gate.SetResult();
        Assert.IsType<InvalidOperationException>(await late.Task);

        // And before the writer has seen that somebody waits.
        refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => db.Commit(async tx =>
        {
            await new AnotherThread();
            await Bump(tx, "refused");
        }));
        Assert.Equal(Words, refusal.Message);

        await db.Commit(tx => Bump(tx, "others"));
        Assert.Equal(0, await Bumps(db, "refused"));
        Assert.Equal(1, await Bumps(db, "others"));
    }

    /// <summary>What awaits it goes on in another thread, while the one that awaited still stands in the await.</summary>
    sealed class AnotherThread : INotifyCompletion
    {
        public bool IsCompleted => false;

        public AnotherThread GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation)
        {
            var thread = new Thread(() => continuation());
            thread.Start();
            thread.Join();
        }
    }
}
