using System.Runtime.CompilerServices;

namespace Clinker.Store;

/// <summary>
/// Queue, lock, journal and truth. What belongs together is one <see cref="Commit{T}"/>; readers read rows.
/// Implementations: <see cref="SqliteDatabase"/> (embedded) and <see cref="PostgresDatabase"/> (several hosts).
/// </summary>
public abstract class Database : IAsyncDisposable
{
    public abstract Dialect Dialect { get; }

    /// <summary>
    /// Runs <paramref name="work"/> as one transaction. It may be run again from its start after a conflict with another
    /// transaction, so it must change nothing but the database. What it throws undoes all of it and reaches the caller.
    /// </summary>
    /// <exception cref="Operations.FaultException">Unavailable: the database does not answer; whether a commit that was under
    /// way took effect is then unknown.</exception>
    public abstract Task<T> Commit<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "");

    /// <inheritdoc cref="Commit{T}"/>
    public Task Commit(Func<Tx, Task> work, [CallerMemberName] string name = "") =>
        Commit(async tx => { await work(tx); return true; }, name);

    /// <summary>Reads; each statement sees what was committed before it.</summary>
    public abstract Task<T> Read<T>(Func<Tx, Task<T>> work, [CallerMemberName] string name = "");

    /// <summary>Told the name of a queue that has new work: committed here or, on PostgreSQL, by any host.</summary>
    public event Action<string>? Woken;

    protected void Wake(IEnumerable<string>? queues)
    {
        if (queues is null || Woken is not { } woken) return;
        foreach (var queue in queues)
            foreach (var listener in Delegate.EnumerateInvocationList(woken))
            {
                // What is committed stays so, and the others are to hear of it, whatever one of them does.
                try { listener(queue); }
                catch (Exception e) when (e is not OutOfMemoryException) { }
            }
    }

    public abstract ValueTask DisposeAsync();
}
