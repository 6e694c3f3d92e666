using System.Collections.Concurrent;
using System.Data.Common;
using System.Runtime.CompilerServices;
using Clinker.Operations;
using Microsoft.Data.Sqlite;

namespace Clinker.Store;

/// <summary>
/// SQLite in write-ahead mode. One thread writes: what waits while it commits becomes one group commit, each transaction a
/// savepoint in it, so that a hundred requests share one fsync and no lock error exists. Readers have connections of their own.
/// </summary>
public sealed class SqliteDatabase : Database
{
    /// <summary>How many transactions may share one commit.</summary>
    const int MaxGroup = 128;

    /// <summary>Connections for reading; more readers wait.</summary>
    const int MaxReaders = 8;

    static readonly Dialect Words = new(IsPostgres: false);

    readonly TimeProvider time;
    readonly string source;
    readonly SqliteLink writer;
    readonly BlockingCollection<Job> jobs = new(boundedCapacity: 10_000);
    readonly Thread thread;
    readonly ConcurrentBag<SqliteLink> readers = [];
    readonly SemaphoreSlim readerSlots = new(MaxReaders);
    readonly FileStream? lockFile;
    readonly bool shared;
    int closed;

    static SqliteDatabase()
    {
        SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());
        // Each connection is one thread's at a time, so it needs no mutex for each call (sqlite.org/threadsafe.html): a row has many.
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MULTITHREAD);
        // Nobody asks how much memory it has, which it would count under one mutex for all threads (sqlite.org/compile.html, DEFAULT_MEMSTATUS).
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MEMSTATUS, 0);
    }

    SqliteDatabase(string source, TimeProvider time, FileStream? lockFile, bool durable, bool shared)
    {
        this.source = source;
        this.time = time;
        this.lockFile = lockFile;
        this.shared = shared;
        thread = new Thread(WriteLoop) { IsBackground = true, Name = "sqlite-writer" };
        writer = new SqliteLink(source, readOnly: false, durable) { OnlyOn = thread };
        thread.Start();
    }

    /// <summary>Opens (makes) a database file and brings its schema up to date.</summary>
    /// <param name="path">The file. Beside it lie <c>-wal</c>, <c>-shm</c> and <c>.lock</c>.</param>
    /// <param name="durable">False only in tests: a commit then need not survive a power cut.</param>
    /// <exception cref="FaultException">Misconfigured: another daemon has this file, or the folder can't be written.</exception>
    public static async Task<SqliteDatabase> Open(string path, TimeProvider time, bool durable = true)
    {
        FileStream lockFile;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            lockFile = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Fault.Misconfigured(
                $"The database {path} can't be opened: {e.Message} One daemon at a time may use it; for several hosts set " +
                "[database] connection to PostgreSQL.").Thrown(e);
        }
        SqliteDatabase database;
        try
        {
            var source = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString();
            database = new SqliteDatabase(source, time, lockFile, durable, shared: false);
        }
        catch (SqliteException e)
        {
            await lockFile.DisposeAsync();
            throw new Fault.Misconfigured($"The database {path} can't be opened: {e.Message}").Thrown(e);
        }
        // Whoever had leases is dead: the lock was free. Nobody need wait until they have run out.
        return await Migrated(database, tx => tx.Operations.LetGoAll());
    }

    /// <summary>A database in memory, for tests: one connection, reads and writes in turn.</summary>
    public static async Task<SqliteDatabase> InMemory(TimeProvider time)
    {
        var database = new SqliteDatabase("Data Source=:memory:;Pooling=False", time, null, durable: false, shared: true);
        return await Migrated(database);
    }

    static async Task<SqliteDatabase> Migrated(SqliteDatabase database, Func<Tx, Task>? then = null)
    {
        try
        {
            await Migrations.Apply(database);
            if (then is not null) await database.Commit(then);
            return database;
        }
        catch
        {
            await database.DisposeAsync(); // lets go of the lock
            throw;
        }
    }

    public override Dialect Dialect => Words;

    public override Task<T> Commit<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "")
    {
        var job = new Job<T>(work);
        try { jobs.Add(job); }
        catch (InvalidOperationException e) { throw Closed(e); }
        return job.Done.Task;
    }

    public override async Task<T> Read<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "")
    {
        if (shared) return await Commit(work, name);
        try { await readerSlots.WaitAsync(); }
        catch (ObjectDisposedException e) { throw Closed(e); }
        try
        {
            if (closed != 0) throw Closed(null);
            if (!readers.TryTake(out var reader)) reader = new SqliteLink(source, readOnly: true, durable: false);
            var tx = new Tx(reader, Words, Now());
            try { return await work(tx); }
            finally
            {
                tx.End();
                readers.Add(reader);
            }
        }
        finally { readerSlots.Release(); }
    }

    static FaultException Closed(Exception? cause) => new Fault.Unavailable("The database is closed.").Thrown(cause);

    DateTime Now() => Micros.ToTime(Micros.Of(time.GetUtcNow().UtcDateTime));

    void WriteLoop()
    {
        var group = new List<Job>(MaxGroup);
        foreach (var first in jobs.GetConsumingEnumerable())
        {
            group.Clear();
            group.Add(first);
            while (group.Count < MaxGroup && jobs.TryTake(out var next)) group.Add(next);
            Exception? failure = null;
            try
            {
                writer.Run("begin immediate");
                foreach (var job in group) job.Run(writer, Now());
                writer.Run("commit");
            }
            catch (Exception e)
            {
                failure = e;
                try { writer.Run("rollback"); } catch (SqliteException) { /* it had rolled back by itself */ }
            }
            foreach (var job in group)
            {
                if (failure is null) Wake(job.Woken);
                job.Complete(failure);
            }
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref closed, 1) != 0) return;
        jobs.CompleteAdding();
        await Host.Background.Blocking(() => { thread.Join(); return true; }, TimeSpan.FromSeconds(30), "sqlite-close");
        for (var i = 0; i < MaxReaders; i++) await readerSlots.WaitAsync(); // those who read now
        writer.Dispose();
        while (readers.TryTake(out var reader)) reader.Dispose();
        lockFile?.Dispose();
        jobs.Dispose();
        readerSlots.Dispose();
    }

    abstract class Job
    {
        public abstract IEnumerable<string>? Woken { get; }
        public abstract void Run(SqliteLink writer, DateTime now);
        public abstract void Complete(Exception? failure);
    }

    sealed class Job<T>(Func<Tx, Task<T>> work) : Job
    {
        public readonly TaskCompletionSource<T> Done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        T? result;
        Exception? thrown;
        Tx? tx;

        public override IEnumerable<string>? Woken => thrown is null ? tx?.Woken : null;

        public override void Run(SqliteLink writer, DateTime now)
        {
            writer.Run("savepoint job");
            tx = new Tx(writer, Words, now);
            try
            {
                Task<T> task;
                try { task = work(tx); }
                finally { tx.End(); }
                if (!task.IsCompleted) throw SqliteLink.Elsewhere();
                result = task.GetAwaiter().GetResult();
                writer.Run("release job");
            }
            catch (Exception e) when (!SqliteLink.IsBroken(e))
            {
                thrown = e;
                writer.Run("rollback to job");
                writer.Run("release job");
            }
        }

        public override void Complete(Exception? failure)
        {
            if (thrown is not null) Done.TrySetException(thrown);
            else if (failure is SqliteException e)
                Done.TrySetException(new Fault.Unavailable($"The database could not write: {e.Message}").Thrown(e));
            else if (failure is not null) Done.TrySetException(failure);
            else Done.TrySetResult(result!);
        }
    }
}

/// <summary>A SQLite connection with its statements kept ready.</summary>
sealed class SqliteLink : Connection
{
    /// <summary>Texts are few (each query has one); filters make some more.</summary>
    const int MaxKept = 300;

    readonly SqliteConnection connection;
    readonly Dictionary<string, SqliteCommand> kept = [];

    /// <summary>The one thread that may use it; null for any, one at a time.</summary>
    public Thread? OnlyOn { get; init; }

    public SqliteLink(string source, bool readOnly, bool durable)
    {
        connection = new SqliteConnection(source);
        connection.Open();
        // FULL: an accepted request survives a power cut, not only the end of the process (sqlite.org/pragma.html#pragma_synchronous).
        Run($"pragma journal_mode = wal; pragma synchronous = {(durable ? "full" : "off")}; pragma busy_timeout = 5000; "
            + "pragma foreign_keys = on; pragma temp_store = memory; pragma cache_size = -8000;"
            + (readOnly ? " pragma query_only = on;" : " pragma wal_autocheckpoint = 4000;"));
    }

    public void Run(string text)
    {
        if (!kept.TryGetValue(text, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = text;
            kept[text] = command;
        }
        command.ExecuteNonQuery();
    }

    /// <summary>Full disk, I/O error, corruption: the group's transaction is lost, not only one job.</summary>
    public static bool IsBroken(Exception e) =>
        e is SqliteException { SqliteErrorCode: 10 or 11 or 13 or 26 };

    /// <summary>What went on after awaiting something else would write into the transaction of another.</summary>
    public static InvalidOperationException Elsewhere() => new("A transaction may await nothing but its database.");

    protected override DbCommand Command(string text, List<object> values)
    {
        if (OnlyOn is not null && OnlyOn != Thread.CurrentThread) throw Elsewhere();
        if (kept.Count > MaxKept)
        {
            foreach (var old in kept.Values) old.Dispose();
            kept.Clear();
        }
        if (!kept.TryGetValue(text, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = text;
            for (var i = 1; i <= values.Count; i++) command.Parameters.Add(new SqliteParameter { ParameterName = "$" + i });
            kept[text] = command;
        }
        for (var i = 0; i < values.Count; i++) command.Parameters[i].Value = values[i];
        return command;
    }

    protected override void Done(DbCommand command)
    {
        // Kept: its reader is closed, so the statement is reset.
    }

    public override void Dispose()
    {
        foreach (var command in kept.Values) command.Dispose();
        connection.Dispose();
    }
}
