using Microsoft.Extensions.Logging.Abstractions;

namespace Clinker.Server.Configuration;

/// <summary>What files say, read anew when one comes, goes or is written; wrong ones are told of, and what was in force before stays so.</summary>
sealed class Watched<T>
{
    readonly string what;
    readonly Func<IReadOnlyList<string>> files;
    readonly Func<IReadOnlyList<string>, T> read;
    readonly ILogger log;
    string seen;

    /// <param name="what">For the log: The users, The rules.</param>
    /// <param name="files">Where they are now.</param>
    /// <param name="read">Throws <see cref="FormatException"/> or <see cref="IOException"/>, in words for whoever wrote them, when they are wrong.</param>
    /// <exception cref="FormatException">They are wrong now.</exception>
    /// <exception cref="IOException">Likewise.</exception>
    public Watched(string what, Func<IReadOnlyList<string>> files, Func<IReadOnlyList<string>, T> read, ILogger log)
    {
        (this.what, this.files, this.read, this.log) = (what, files, read, log);
        var found = files();
        seen = Stamp(found);
        Current = read(found);
    }

    /// <summary>Something that is in force for good.</summary>
    public Watched(T value) : this("", () => [], _ => value, NullLogger.Instance)
    {
    }

    public T Current { get; private set; }

    /// <summary>Looks whether the files have changed. Called now and then.</summary>
    public void Look()
    {
        var found = files();
        var now = Stamp(found);
        if (now == seen) return;
        seen = now;
        try
        {
            Current = read(found);
            WatchedLog.Read(log, what, found.Count == 0 ? "none" : string.Join(", ", found));
        }
        catch (Exception e) when (e is FormatException or IOException) { WatchedLog.Wrong(log, e.Message.TrimEnd('.'), what); }
    }

    static string Stamp(IReadOnlyList<string> files) => string.Concat(files.Select(Stamp));

    // Of the file that is opened: a link's own time would not tell that another one lies behind it, nor would that one's if both are as old.
    static string Stamp(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            var opened = new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget;
            return $"{path} {opened} {File.GetLastWriteTimeUtc(file).Ticks} {RandomAccess.GetLength(file)}\n";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} {e.GetType().Name}\n";
        }
    }
}

static partial class WatchedLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{What} are read anew: {Files}")]
    public static partial void Read(ILogger log, string what, string files);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Why}. {What} of before stay in force")]
    public static partial void Wrong(ILogger log, string why, string what);
}
