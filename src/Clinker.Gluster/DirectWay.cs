using Clinker.Gluster.Native;
using Clinker.Host;
using Microsoft.Extensions.Logging;

namespace Clinker.Gluster;

/// <summary>
/// A share's second way in, beside its mount: by libgfapi, without the kernel between. Files are filled through it, which takes half the time and a third
/// of the work (docs/adr/0012); everything else, and these too where it can't be gone, goes through the mount. Connected at its first use.
/// </summary>
internal sealed partial class DirectWay(string share, string logFile, TimeProvider time, ILogger log)
{
    /// <summary>So long a connection may take, and a file's opening. What takes longer has the mount meanwhile.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>After something went wrong.</summary>
    static readonly TimeSpan Rest = TimeSpan.FromMinutes(10);

    readonly Lock gate = new();
    Task<nint>? connection;
    long? failed;

    /// <summary>False for a while after something went wrong.</summary>
    public bool MayServe { get { lock (gate) return failed is not { } since || time.GetElapsedTime(since) >= Rest; } }

    /// <summary>Opens a file that is open through the mount already; null: it is to be written through that.</summary>
    /// <param name="file">What the mount says of it.</param>
    public async Task<GfapiFile?> Open(Share to, string name, FileFacts file)
    {
        Task<nint> connecting;
        lock (gate)
        {
            if (!MayServe) return null;
            if (connection is { IsCompletedSuccessfully: false, IsCompleted: true }) connection = null;
            failed = null;
            connecting = connection ??= Background.Blocking(() => Connect(to), Timeout.InfiniteTimeSpan, "gfapi");
        }
        var late = false;
        try
        {
            var volume = await connecting.WaitAsync(Patience);
            var opened = await Background.Blocking(() =>
            {
                var opened = Same(Gfapi.Open(volume, $"{Path(to)}/{name}"), file);
                lock (gate)
                    if (!late) return opened;
                opened?.Dispose(); // here, since it may hang
                return null;
            }, Patience, "gfapi");
            if (opened is null) Failed($"{name} is another file there: is the share mounted with enable-ino32?");
            return opened;
        }
        catch (Exception e) when (e is ErrnoException or TimeoutException or IOException or UnauthorizedAccessException or TypeLoadException)
        {
            lock (gate) late = true;
            Failed(e is DllNotFoundException ? "it is not installed (package libgfapi0)" : e.Message);
            return null;
        }
    }

    /// <summary>It did not serve: the mount does for a while.</summary>
    public void Failed(string why)
    {
        lock (gate) failed = time.GetTimestamp();
        Log.NotDirect(log, share, why);
    }

    nint Connect(Share to)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(logFile)!);
        return Gfapi.Connect(to.Volume.Split('/')[0], to.AllServers, logFile);
    }

    static string Path(Share to) => to.Volume.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash ? to.Volume[slash..] : "";

    static GfapiFile? Same(GfapiFile opened, FileFacts file)
    {
        if (Gfapi.Inode(opened) == file.Inode) return opened;
        opened.Dispose();
        return null;
    }

    static partial class Log
    {
        [LoggerMessage(28, LogLevel.Information, "Share {Share}: files are filled through its mount for now, and not by libgfapi: {Why}")]
        public static partial void NotDirect(ILogger log, string share, string why);
    }
}
