using System.Data.Common;
using System.Runtime.CompilerServices;
using Clinker.Host;
using Clinker.Operations;
using Npgsql;

namespace Clinker.Store;

/// <summary>
/// PostgreSQL for several hosts. Work is announced with NOTIFY and heard with LISTEN, so nobody polls. Time is the server's:
/// each host measures how far its own clock is off, so that leases mean the same everywhere.
/// </summary>
public sealed class PostgresDatabase : Database
{
    const string Channel = "clinker_work";

    /// <summary>Conflicts (40001, 40P01) are tried again this often.</summary>
    const int MaxConflicts = 5;

    static readonly Dialect Words = new(IsPostgres: true);
    static readonly TimeSpan ClockCheck = TimeSpan.FromMinutes(1);
    static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(1);

    readonly NpgsqlDataSource source;
    readonly TimeProvider time;
    readonly CancellationTokenSource closing = new();
    Task listening = Task.CompletedTask;
    long clockOffsetTicks;

    PostgresDatabase(NpgsqlDataSource source, TimeProvider time)
    {
        this.source = source;
        this.time = time;
    }

    /// <summary>Connects and brings the schema up to date; hosts that start at once wait for each other.</summary>
    /// <param name="connectionString">In Npgsql's form: <c>Host=…;Username=…;Database=…</c>.</param>
    /// <exception cref="FaultException">Unavailable: it does not answer. Misconfigured: it answers, but not to this connection
    /// string.</exception>
    public static async Task<PostgresDatabase> Open(string connectionString, TimeProvider time)
    {
        NpgsqlConnectionStringBuilder settings;
        try { settings = new NpgsqlConnectionStringBuilder(connectionString); }
        catch (ArgumentException e) { throw Misconfigured(e.Message, e); }
        settings.MaxAutoPrepare = 200;
        settings.AutoPrepareMinUsages = 2;
        settings.ApplicationName = "clinkerd";
        settings.Timeout = 5;
        settings.CommandTimeout = 30;
        settings.KeepAlive = 10;
        // Not ContainsKey: that is true for every key that Npgsql knows.
        if (!settings.ShouldSerialize("Maximum Pool Size")) settings.MaxPoolSize = 20;
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ToString());
        builder.EnableTransportSecurity();
        var database = new PostgresDatabase(builder.Build(), time);
        try
        {
            await database.SetClock();
            await Migrations.Apply(database);
        }
        catch (Exception e)
        {
            await database.DisposeAsync();
            // 28: who may; 3D: no such database; 42501: may not make tables (postgresql.org/docs/15/errcodes-appendix.html).
            if (e is PostgresException p && (p.SqlState is ['2', '8', ..] or ['3', 'D', ..] or "42501")) throw Misconfigured(p.MessageText, e);
            throw;
        }
        database.listening = Background.Start(database.Listen);
        return database;
    }

    public override Dialect Dialect => Words;

    public override async Task<T> Commit<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "")
    {
        for (var conflict = 0; ; conflict++)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync();
                await using var transaction = await connection.BeginTransactionAsync();
                using var link = new PostgresLink(connection);
                var tx = new Tx(link, Words, Now());
                var result = await Ending(tx, work);
                if (tx.Woken is { } woken)
                    foreach (var queue in woken.Distinct())
                        await link.Execute($"select pg_notify({Channel}, {queue})");
                await transaction.CommitAsync();
                Wake(tx.Woken);
                return result;
            }
            catch (PostgresException e) when (e.SqlState is "40001" or "40P01")
            {
                if (conflict == MaxConflicts) throw Away(e);
                await Task.Delay(TimeSpan.FromMilliseconds(5 << conflict), time);
            }
            catch (Exception e) when (IsAway(e))
            {
                throw Away(e);
            }
        }
    }

    public override async Task<T> Read<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "")
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync();
            using var link = new PostgresLink(connection);
            return await Ending(new Tx(link, Words, Now()), work);
        }
        catch (Exception e) when (IsAway(e))
        {
            throw Away(e);
        }
    }

    static async Task<T> Ending<T>(Tx tx, Func<Tx, Task<T>> work)
    {
        try { return await work(tx); }
        finally { tx.End(); }
    }

    /// <summary>
    /// The server or the way to it is gone, rather than a statement wrong. Class 08: connection; 53: no room; 57: shutdown, or
    /// ended by a time limit; 55P03: the same for a lock; 25006: it is a standby now.
    /// </summary>
    bool IsAway(Exception e) => e switch
    {
        PostgresException p => p.SqlState is ['0', '8', ..] or ['5', '3', ..] or ['5', '7', ..] or "55P03" or "25006",
        NpgsqlOperationInProgressException => false, // two statements at once in one transaction: a defect of ours
        NpgsqlException => true,
        ObjectDisposedException => closing.IsCancellationRequested,
        _ => false,
    };

    static FaultException Misconfigured(string why, Exception e) =>
        new Fault.Misconfigured($"PostgreSQL can't be used: {why}. Look at [database] connection.").Thrown(e);

    static FaultException Away(Exception e) => new Fault.Unavailable("The database does not answer now; try again shortly.").Thrown(e);

    DateTime Now() =>
        Micros.ToTime(Micros.Of(time.GetUtcNow().UtcDateTime.AddTicks(Interlocked.Read(ref clockOffsetTicks))));

    async Task SetClock()
    {
        var offset = await Read(async tx =>
        {
            var before = time.GetUtcNow(); // the connection is made: only the statement's way there and back counts
            var server = await tx.Number($"select (extract(epoch from clock_timestamp()) * 1000000)::bigint");
            var middle = before + (time.GetUtcNow() - before) / 2;
            return Micros.ToTime(server) - middle.UtcDateTime;
        });
        Interlocked.Exchange(ref clockOffsetTicks, offset.Ticks);
    }

    async Task Listen()
    {
        while (!closing.IsCancellationRequested)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(closing.Token);
                connection.Notification += (_, message) => Wake([message.Payload]);
                await using (var listen = new NpgsqlCommand($"listen {Channel}", connection))
                    await listen.ExecuteNonQueryAsync(closing.Token);
                Wake([""]); // what was announced while nobody listened
                while (true)
                {
                    using var check = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
                    check.CancelAfter(ClockCheck);
                    try { await connection.WaitAsync(check.Token); }
                    catch (OperationCanceledException) when (!closing.IsCancellationRequested) { await SetClock(); }
                }
            }
            catch (OperationCanceledException) { return; }
            catch (Exception e) when (e is not OutOfMemoryException) // whatever it was: hosts that do not listen work at a crawl
            {
                try { await Task.Delay(Reconnect, time, closing.Token); }
                catch (OperationCanceledException) { return; }
            }
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (closing.IsCancellationRequested) return;
        await closing.CancelAsync();
        await listening;
        await source.DisposeAsync();
        closing.Dispose();
    }
}

/// <summary>A PostgreSQL connection; Npgsql keeps the prepared statements.</summary>
sealed class PostgresLink(NpgsqlConnection connection) : Connection
{
    protected override DbCommand Command(string text, List<object> values)
    {
        var command = new NpgsqlCommand(text, connection);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    public override void Dispose()
    {
        // The connection belongs to the transaction that opened it.
    }
}
