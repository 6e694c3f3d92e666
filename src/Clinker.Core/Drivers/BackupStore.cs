using Clinker.Operations;

namespace Clinker.Drivers;

/// <summary>
/// Where backups are kept: objects that are written whole or not at all, each below the backup that it is of
/// (docs/backup-format.md). Every verb may be repeated, throws a <see cref="FaultException"/> for what a user should know, a transient
/// one for what may pass, and ends when its token does.
/// </summary>
public abstract class BackupStore : IAsyncDisposable
{
    /// <summary>How backups remember what keeps them.</summary>
    public abstract string Service { get; }

    /// <summary>Where a backup goes that names no container.</summary>
    public string Container { get; init; } = "backups";

    /// <summary>How objects are compressed where that makes them smaller.</summary>
    public BackupCompression Compression { get; init; } = BackupCompression.Zlib;

    /// <summary>How much of a volume is in an object: the least that an increment holds anew.</summary>
    public int ChunkBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Null when it serves, otherwise why not. Makes what has to be there before the first object.</summary>
    public abstract Task<string?> Report(CancellationToken token);

    /// <summary>Ensures an object with these bytes, durable on return; another content of that name is replaced.</summary>
    public abstract Task Put(ObjectName name, ReadOnlyMemory<byte> bytes, Work work);

    /// <summary>The object, or null when there is none.</summary>
    /// <param name="most">A longer one is a fault.</param>
    public abstract Task<byte[]?> Get(ObjectName name, int most, CancellationToken token);

    /// <summary>
    /// Ensures that nothing of the backup is left, its index gone first: durable on return, and nothing that another lease began to put
    /// there is published later. A backup that was never made is no fault.
    /// </summary>
    public abstract Task Remove(BackupPlace place, Work work);

    /// <summary>Does what costs time without waiting for anything: where a store's objects take time as well, beside them.</summary>
    public virtual Task<T> Compute<T>(Func<T> work) => Task.FromResult(work());

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}

/// <summary>By which algorithm objects are compressed.</summary>
public enum BackupCompression
{
    None,
    /// <summary>RFC 1950.</summary>
    Zlib,
    /// <summary>RFC 8878.</summary>
    Zstd,
}

/// <summary>Where the objects of one backup are.</summary>
public readonly record struct BackupPlace
{
    /// <exception cref="FaultException">Invalid: a name that could lead elsewhere.</exception>
    public BackupPlace(string container, string backupId)
    {
        if (!IsContainer(container)) throw Fault.Invalid.Input($"'{container}' is no name for a container of backups.").Thrown();
        if (!Guid.TryParseExact(backupId, "D", out var id) || id.ToString() != backupId)
            throw Fault.Invalid.Input($"'{backupId}' is not the id of a backup.").Thrown();
        (Container, BackupId) = (container, backupId);
    }

    public string Container { get; }
    public string BackupId { get; }

    /// <summary>One name, never a path: a letter or digit first, then also <c>. _ -</c>; at most 255 characters.</summary>
    public static bool IsContainer(string text) => text.Length is > 0 and <= 255 && char.IsAsciiLetterOrDigit(text[0])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    public override string ToString() => $"{Container}/{BackupId}";
}

/// <summary>An object of a backup: <c>container/backup id/name</c>.</summary>
public readonly record struct ObjectName
{
    const int MostLength = 64;

    /// <exception cref="FaultException">Invalid: a name that could lead elsewhere.</exception>
    public ObjectName(BackupPlace place, string name)
    {
        if (name.Length is 0 or > MostLength || !name.All(char.IsAsciiLetterOrDigit))
            throw Fault.Invalid.Input($"'{name}' is not the name of a backup's object.").Thrown();
        (Place, Name) = (place, name);
    }

    public BackupPlace Place { get; }
    public string Name { get; }

    /// <summary>Reads what <see cref="ToString"/> wrote; null when it is no such name.</summary>
    public static ObjectName? Parse(string text)
    {
        if (text.Split('/') is not [var container, var id, var name]) return null;
        try { return new(new BackupPlace(container, id), name); }
        catch (FaultException) { return null; }
    }

    public override string ToString() => $"{Place}/{Name}";
}
