using System.Buffers;

namespace Clinker.Server.Seeing;

/// <summary>
/// Where the bytes of records go: standard error, or a file that is opened again when it was moved away (logrotate). Used by one
/// thread. Never throws once it is open: what could not be written is counted, and told when writing works again.
/// </summary>
sealed class LogFile : IDisposable
{
    /// <summary>How often it is looked whether the file is still where it was.</summary>
    static readonly TimeSpan Watch = TimeSpan.FromSeconds(1);

    readonly Stream? stream;
    readonly TimeProvider time;
    readonly ArrayBufferWriter<byte> pending = new(16 * 1024);
    FileStream? file;
    string? where;
    long looked;
    long lost;
    string? trouble;
    string why = "";

    public LogFile(Stream stream, TimeProvider time) => (this.stream, this.time) = (stream, time);

    /// <exception cref="IOException">It can't be opened; says which and why.</exception>
    /// <param name="option">The one that says where it is.</param>
    public LogFile(string path, TimeProvider time, string option = "log_dir")
    {
        (Path, this.time) = (path, time);
        try
        {
            Open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The log {path} can't be opened: {e.Message} Make its directory writable for {Environment.UserName}, or name another with {option}.", e);
        }
    }

    /// <summary>Empty for standard error.</summary>
    public string Path { get; } = "";

    /// <summary>What was formatted for it and is to be written by <see cref="Flush"/>.</summary>
    public IBufferWriter<byte> Pending => pending;

    /// <summary>How many bytes were given up since that was last asked, and why; null when none.</summary>
    public (long Bytes, string Why)? TakeLost()
    {
        if (lost == 0 || trouble is not null) return null;
        var told = (lost, why);
        lost = 0;
        return told;
    }

    /// <summary>Writes what is pending, with one call.</summary>
    /// <param name="reopen">Whether the file is to be opened anew, moved away or not.</param>
    /// <returns>Why it could not be written; null when it is.</returns>
    public string? Flush(bool reopen)
    {
        if (stream is null && (reopen || pending.WrittenCount > 0)) Look(reopen);
        if (pending.WrittenCount == 0) return null;
        try
        {
            if (stream is not null)
            {
                stream.Write(pending.WrittenSpan);
                stream.Flush();
            }
            else
            {
                if (file is null) Open();
                // At the end as it is now: another program may have cut the file (copytruncate).
                RandomAccess.Write(file!.SafeFileHandle, pending.WrittenSpan, RandomAccess.GetLength(file.SafeFileHandle));
            }
            trouble = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            lost += pending.WrittenCount;
            why = trouble = e.Message;
            Close();
        }
        pending.ResetWrittenCount();
        return trouble;
    }

    void Look(bool reopen)
    {
        var now = time.GetTimestamp();
        if (!reopen && file is not null && time.GetElapsedTime(looked, now) < Watch) return;
        looked = now;
        if (!reopen && file is not null && where == Where(file)) return;
        Close();
    }

    void Open()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        file = new FileStream(Path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            // No lock: logrotate and tail are to go on.
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
#pragma warning disable CA1416 // the daemon is built for Linux alone
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
#pragma warning restore CA1416
        });
        where = Where(file);
        looked = time.GetTimestamp();
    }

    // The kernel's word for where an open file is now: another path once it was renamed, "… (deleted)" once it is gone.
    static string? Where(FileStream file) =>
        new FileInfo($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}").LinkTarget;

    void Close()
    {
        file?.Dispose();
        file = null;
    }

    public void Dispose() => Close();
}
