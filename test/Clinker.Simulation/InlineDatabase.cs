using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Clinker.Store;

namespace Clinker.Simulation;

/// <summary>
/// The same SQL on the same SQLite as <see cref="SqliteDatabase"/>, but each transaction runs at once on the caller's thread:
/// what a simulation does then depends on nothing but its plan, and a run costs half a millisecond. Schemas and prepared
/// statements outlive a world; rows do not.
/// </summary>
sealed class InlineDatabase : Database
{
    static readonly ConcurrentBag<InlineDatabase> Idle = [];

    readonly SqliteLink link;
    List<string> wipes = [];
    TimeProvider time = TimeProvider.System;

    static InlineDatabase() => RuntimeHelpers.RunClassConstructor(typeof(SqliteDatabase).TypeHandle); // it names the provider

    InlineDatabase() => link = new("Data Source=:memory:;Pooling=False", readOnly: false, durable: false);

    public static async Task<InlineDatabase> New(TimeProvider time)
    {
        if (!Idle.TryTake(out var database))
        {
            database = new();
            await Migrations.Apply(database);
            database.wipes = await database.Read(tx => tx.Query(
                $"select 'delete from ' || name from sqlite_master where type = 'table' and name <> 'schema_version'", r => r.GetString(0)));
        }
        database.time = time;
        return database;
    }

    public override Dialect Dialect { get; } = new(IsPostgres: false);

    public override Task<T> Commit<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "")
    {
        IEnumerable<string>? woken;
        Task<T> task;
        lock (link)
        {
            link.Run("begin");
            try
            {
                var tx = new Tx(link, Dialect, Micros.ToTime(Micros.Of(time.GetUtcNow().UtcDateTime)));
                task = work(tx);
                if (!task.IsCompleted) throw new InvalidOperationException("A transaction may await nothing but its database.");
                if (!task.IsCompletedSuccessfully)
                {
                    link.Run("rollback");
                    return task;
                }
                woken = tx.Woken;
                link.Run("commit");
            }
            catch (Exception e)
            {
                link.Run("rollback");
                return Task.FromException<T>(e);
            }
        }
        Wake(woken);
        return task;
    }

    public override Task<T> Read<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "") => Commit(work, name);

    public override ValueTask DisposeAsync()
    {
        lock (link)
        {
            link.Run("begin");
            foreach (var wipe in wipes) link.Run(wipe);
            link.Run("commit");
        }
        Idle.Add(this);
        return ValueTask.CompletedTask;
    }
}
