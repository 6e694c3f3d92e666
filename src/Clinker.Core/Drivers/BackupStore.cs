using Clinker.Operations;

namespace Clinker.Drivers;

/// <summary>
/// Where backups are kept: objects that are written whole or not at all, each in the folder of the backup that it is of
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

    /// <summary>Reads a piece of an object: as much as there is room for, less only at its end. How many bytes; null: there is no such object.</summary>
    public abstract Task<int?> Read(ObjectName name, long offset, Memory<byte> into, CancellationToken token);

    /// <summary>How the objects in a folder are called, in no order: none where there is no such folder.</summary>
    public abstract Task<List<string>> Names(Folder folder, CancellationToken token);

    /// <summary>
    /// Ensures that nothing which another lease began to put into the backup is published later. What is published stays: whoever goes on
    /// with a backup begins with this.
    /// </summary>
    public abstract Task TakeOver(BackupPlace place, Work work);

    /// <summary>Ensures that of a folder's objects these are gone, durable on return. Whoever has lost the lease removes none.</summary>
    public abstract Task Remove(Folder folder, IReadOnlyCollection<string> names, Work work);

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

/// <summary>Where objects lie together, below the place for backups: names with <c>/</c> between, none of which leads elsewhere.</summary>
public readonly record struct Folder
{
    internal Folder(string path) => Path = path;

    public string Path { get; }

    public override string ToString() => Path;
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
    public Folder Folder => new(ToString());

    /// <summary>One name, never a path: a letter or digit first, then also <c>. _ -</c>; at most 255 characters.</summary>
    public static bool IsContainer(string text) => text.Length is > 0 and <= 255 && char.IsAsciiLetterOrDigit(text[0])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    public override string ToString() => $"{Container}/{BackupId}";
}

/// <summary>
/// Where a backup is that one of Cinder's own drivers wrote: the objects of a container, which is a path, whose names begin with a prefix
/// (cinder/backup/chunkeddriver.py).
/// </summary>
public readonly record struct CinderPlace
{
    const int MostLength = 255;

    /// <exception cref="FaultException">Invalid: a name that could lead elsewhere.</exception>
    public CinderPlace(string container, string prefix)
    {
        if (container.Length > MostLength || !container.Split('/').All(IsName))
            throw Fault.Invalid.Input($"'{container}' is no path of a container: it has to be relative, without '.' and '..'.").Thrown();
        if (!IsName(prefix) || Named(container, prefix, "_sha256file").Name.Length > MostLength)
            throw Fault.Invalid.Input($"'{prefix}' is no prefix of objects' names.").Thrown();
        (Container, Prefix) = (container, prefix);
    }

    public string Container { get; }
    public string Prefix { get; }
    public Folder Folder => new(Container);

    /// <summary>What the backup consists of.</summary>
    public ObjectName Metadata => Named(Container, Prefix, "_metadata");

    /// <summary>The SHA-256 of each block that the volume had. The oldest backups have none.</summary>
    public ObjectName BlockSums => Named(Container, Prefix, "_sha256file");

    /// <summary>Whether data of this backup may be called so: the prefix, then a number.</summary>
    public bool IsData(string name) => name.Length > Prefix.Length + 1 && name.StartsWith(DataPrefix, StringComparison.Ordinal)
        && name.Length <= MostLength && name.AsSpan(DataPrefix.Length).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>How names of data begin.</summary>
    public string DataPrefix => $"{Prefix}-";

    /// <summary>An object that <see cref="IsData"/>.</summary>
    public ObjectName Data(string name) => IsData(name) ? new(Folder, name) : throw new ArgumentException("It is another's.", nameof(name));

    static ObjectName Named(string container, string prefix, string end) => new(new Folder(container), prefix + end);

    // Names that begin with a dot are under work, or lead elsewhere.
    static bool IsName(string text) => text.Length is > 0 and <= MostLength && text[0] != '.' && !text.Contains('/') && !text.Any(char.IsControl);

    public override string ToString() => $"{Container}/{Prefix}";
}

/// <summary>An object: a name in a folder.</summary>
public readonly record struct ObjectName
{
    const int MostLength = 64;

    /// <summary>Of a backup: <c>container/backup id/name</c>.</summary>
    /// <exception cref="FaultException">Invalid: a name that could lead elsewhere.</exception>
    public ObjectName(BackupPlace place, string name)
        : this(place.Folder, name)
    {
        if (name.Length is 0 or > MostLength || !name.All(char.IsAsciiLetterOrDigit))
            throw Fault.Invalid.Input($"'{name}' is not the name of a backup's object.").Thrown();
    }

    internal ObjectName(Folder folder, string name) => (Folder, Name) = (folder, name);

    public Folder Folder { get; }
    public string Name { get; }

    /// <summary>Reads what <see cref="ToString"/> wrote of a backup's object; null when it is no such name.</summary>
    public static ObjectName? Parse(string text)
    {
        if (text.Split('/') is not [var container, var id, var name]) return null;
        try { return new(new BackupPlace(container, id), name); }
        catch (FaultException) { return null; }
    }

    public override string ToString() => $"{Folder}/{Name}";
}
