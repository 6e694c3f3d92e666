using System.Data.Common;

namespace Clinker.Store;

/// <summary>An open connection that keeps its prepared statements.</summary>
abstract class Connection : IDisposable
{
    protected abstract DbCommand Command(string text, List<object> values);

    public async Task<int> Execute(Sql sql)
    {
        var (text, values) = sql.Build();
        var command = Command(text, values);
        try { return await command.ExecuteNonQueryAsync(); }
        finally { Done(command); }
    }

    public async Task<List<T>> Query<T>(Sql sql, Func<DbDataReader, T> map)
    {
        var (text, values) = sql.Build();
        var command = Command(text, values);
        try
        {
            using var reader = await command.ExecuteReaderAsync();
            var rows = new List<T>();
            while (await reader.ReadAsync()) rows.Add(map(reader));
            return rows;
        }
        finally { Done(command); }
    }

    /// <summary>The command is not needed any more, now.</summary>
    protected virtual void Done(DbCommand command) => command.Dispose();

    public abstract void Dispose();
}
