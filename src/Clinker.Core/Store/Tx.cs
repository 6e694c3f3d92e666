using System.Data.Common;

namespace Clinker.Store;

/// <summary>
/// One transaction, or the use of one connection for reading. The nouns hang their tables on it (<c>tx.Volumes</c>).
/// Inside, only the database may be awaited: on SQLite all writers share one thread.
/// </summary>
public sealed class Tx
{
    readonly Connection connection;
    volatile bool ended;

    internal Tx(Connection connection, Dialect dialect, DateTime now)
    {
        this.connection = connection;
        Dialect = dialect;
        Now = now;
    }

    /// <summary>The few words in which the two databases differ.</summary>
    public Dialect Dialect { get; }

    /// <summary>The time of this transaction: the same for all that it writes, in the database's clock, whole microseconds.</summary>
    public DateTime Now { get; }

    internal List<string>? Woken { get; private set; }

    /// <summary>
    /// From here to the end of this transaction nobody else is in the same turn; waits until nobody is. For what reads many rows
    /// to change one: row locks taken one by one would wait for each other in circles.
    /// </summary>
    public async Task InTurn(Turn turn)
    {
        if (Dialect.IsPostgres) await Query($"select pg_advisory_xact_lock({(long)turn})", _ => 0); // SQLite has one writer
    }

    /// <summary>Wakes the workers of a queue once this transaction is committed.</summary>
    public void Wake(string queue) => (Woken ??= []).Add(queue);

    /// <summary>From here on its connection is somebody else's.</summary>
    internal void End() => ended = true;

    Connection Open => ended ? throw new InvalidOperationException("This transaction has ended.") : connection;

    /// <summary>Runs a statement; gives the number of rows that it changed.</summary>
    public Task<int> Execute(Sql sql) => Open.Execute(sql);

    /// <summary>Runs a query and maps each row.</summary>
    public Task<List<T>> Query<T>(Sql sql, Func<DbDataReader, T> map) => Open.Query(sql, map);

    /// <summary>The first row, or the type's default.</summary>
    public async Task<T?> One<T>(Sql sql, Func<DbDataReader, T> map)
    {
        var rows = await Open.Query(sql, map);
        return rows.Count == 0 ? default : rows[0];
    }

    /// <summary>The first column of the first row as a number; 0 when there is none.</summary>
    public async Task<long> Number(Sql sql) =>
        await One(sql, r => r.IsDBNull(0) ? 0L : Convert.ToInt64(r.GetValue(0), System.Globalization.CultureInfo.InvariantCulture));
}

/// <summary>What only one transaction at a time may do. The numbers only have to be the same on all hosts, for good.</summary>
public enum Turn
{
    Migrating = 7305822,
    Placing = 7305823,
    Managing = 7305824,
    Tidying = 7305825,
}

/// <summary>The handful of words that differ. Everything else is one text for both.</summary>
public sealed record Dialect(bool IsPostgres)
{
    /// <summary>Keeps a row that is read to be rewritten. SQLite has one writer: nothing to say.</summary>
    public Sql ForUpdate => Sql.Raw(IsPostgres ? " for update" : "");

    /// <summary>Keeps a row from being removed or changed until the transaction ends; others may keep it too.</summary>
    public Sql ForShare => Sql.Raw(IsPostgres ? " for share" : "");

    /// <summary>Takes rows that nobody else is taking.</summary>
    public Sql ForUpdateSkipLocked => Sql.Raw(IsPostgres ? " for update skip locked" : "");

}

/// <summary>Reading columns that may be null, and times.</summary>
public static class Rows
{
    public static string? Text(this DbDataReader row, int i) => row.IsDBNull(i) ? null : row.GetString(i);

    public static long? NumberOrNull(this DbDataReader row, int i) => row.IsDBNull(i) ? null : row.GetInt64(i);

    public static DateTime Time(this DbDataReader row, int i) => Micros.ToTime(row.GetInt64(i));

    public static DateTime? TimeOrNull(this DbDataReader row, int i) => row.IsDBNull(i) ? null : row.Time(i);
}
