using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>A directory that volumes are kept in, with the threads on which it is touched: what a pool of a file driver stands on.</summary>
internal abstract class Place(string name) : IAsyncDisposable
{
    /// <summary>The pool's name.</summary>
    public string Name => name;

    /// <summary>What a volume remembers of where it lies; null where the pool says it all.</summary>
    public abstract string? Location { get; }

    /// <summary>The threads of now: a mount that is replaced gets new ones.</summary>
    public abstract Lane Lane { get; }

    /// <summary>
    /// Opens the directory (O_PATH), having proven that it is the one meant and not what a vanished mount left behind. All that
    /// is done relative to it lands where the proof says, whatever happens to the mount meanwhile. Blocks: lane threads only.
    /// </summary>
    /// <exception cref="VanishedException">It is not there, or another one is.</exception>
    public abstract SafeFileHandle Open();

    /// <summary>Proves once more, before something is published, that the open directory is the one that the path leads to.</summary>
    /// <exception cref="VanishedException">It is not any more.</exception>
    public abstract void Prove(SafeFileHandle dir);

    /// <summary>Does what can be done to have the directory back.</summary>
    /// <exception cref="Operations.FaultException">It could not, or not yet.</exception>
    public abstract Task Repair(CancellationToken token);

    /// <summary>Storage answered as one does whose mount is gone: the next act looks at the mount first.</summary>
    public virtual void Doubt() { }

    /// <summary>How large and how free it is. Does not repair.</summary>
    public virtual Task<Room> Measure(TimeSpan deadline, CancellationToken token) => Lane.Run(_ =>
    {
        using var dir = Open();
        return Libc.Statvfs(dir);
    }, deadline, token, probe: true);

    /// <summary>Whether its files can be made twins that share blocks; known once it was measured. Never on GlusterFS.</summary>
    public virtual bool Reflinks => false;

    /// <summary>Whether there may be a quicker way into a file than the directory's, for what writes much of it.</summary>
    public virtual bool MayBeDirect => false;

    /// <summary>
    /// Opens that way, which takes a while; null: there is none. What is written through it the directory shows once the file was truncated through that.
    /// </summary>
    /// <param name="inode">The file's, in the directory.</param>
    public virtual Task<GfapiFile?> Direct(string name, ulong inode, CancellationToken token) => Task.FromResult<GfapiFile?>(null);

    /// <summary>What was written that way was not well: there is none for a while.</summary>
    public virtual void DirectFailed(string why) { }

    /// <summary>What was measured last.</summary>
    public Room Last { get; set; }

    /// <summary>Whether it is known that so many bytes have no room.</summary>
    public bool LacksRoom(long bytes) => Last is { Total: > 0 } room && bytes > room.Free;

    /// <summary>Why it was down at the last report; null when it served.</summary>
    public string? LastDown { get; set; } = "not looked at yet";

    public virtual ValueTask DisposeAsync()
    {
        Lane.Close();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The directory that was to be touched is not there; nothing was touched.</summary>
internal sealed class VanishedException(string why) : Exception(why);
