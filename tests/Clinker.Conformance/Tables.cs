using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Clinker.Conformance;

/// <summary>What a daemon's database holds, looked at from beside.</summary>
sealed class Tables : IDisposable
{
    /// <summary>What the daemon writes by the clock, whoever asks or not.</summary>
    static readonly HashSet<string> Ticking =
        ["service.updated_at", "pool.reported_at", "pool.version", "pool.free_gb", "pool.total_gb"];

    readonly SqliteConnection connection;
    readonly List<string> names;
    long version = -1;
    List<string> rows = [];

    static Tables() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());

    public Tables(string path)
    {
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        connection.Open();
        names = [.. Select("select name from sqlite_master where type = 'table' order by name").Select(r => r.Split('=')[1])];
    }

    /// <summary>All rows, each as one text, when no operation is under way.</summary>
    public async Task<List<string>> AtRest()
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(5))
        {
            // Changes when somebody else has committed (sqlite.org/pragma.html#pragma_data_version).
            var now = (long)Number("pragma data_version");
            if (now == version) return rows;
            if (Number("select count(*) from operation where status in ('queued', 'running', 'unwinding')") == 0)
            {
                rows = [.. names.SelectMany(n => Select($"select * from {n}", n)).Order(StringComparer.Ordinal)];
                version = now;
                return rows;
            }
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), "An operation does not end.");
        }
    }

    /// <summary>The tables that have a row with nothing in that column, which is not the same as null.</summary>
    public IEnumerable<string> WithEmpty(string column) => names.Where(n =>
        Number($"select count(*) from pragma_table_info('{n}') where name = '{column}'") > 0 && Number($"select count(*) from {n} where {column} = ''") > 0);

    long Number(string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    List<string> Select(string text, string table = "")
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        using var reader = command.ExecuteReader();
        var found = new List<string>();
        while (reader.Read())
        {
            found.Add(table + string.Concat(Enumerable.Range(0, reader.FieldCount)
                .Where(i => !Ticking.Contains($"{table}.{reader.GetName(i)}"))
                .Select(i => $" {reader.GetName(i)}={reader.GetValue(i)}")));
        }
        return found;
    }

    public void Dispose() => connection.Dispose();
}
