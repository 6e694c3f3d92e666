namespace Clinker.Host;

/// <summary>
/// A directory for the files of one piece of work, gone with it. While it is in use its lock is held, which ends with the process: so
/// what a daemon that died has left is known from what another works on.
/// </summary>
public sealed class Scratch : IDisposable
{
    const string Prefix = "clinker-scratch-", LockName = "lock";

    readonly string path;
    readonly FileStream held;

    Scratch(string path, FileStream held) => (this.path, this.held) = (path, held);

    /// <exception cref="IOException">There is no such directory, or no room in it.</exception>
    public static Scratch Make(string under)
    {
        Directory.CreateDirectory(under);
        var path = Path.Combine(Path.GetFullPath(under), Prefix + Path.GetRandomFileName());
#pragma warning disable CA1416 // Linux it is
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
#pragma warning restore CA1416
        return new(path, Hold(path, FileMode.CreateNew));
    }

    /// <summary>An absolute path: no tool can take it for an option, nor for a protocol and what follows it, as QEMU's json: and nbd:.</summary>
    public string File(string name) => Path.Combine(path, name);

    /// <summary>Bytes that there is room for.</summary>
    public long Free => new DriveInfo(path).AvailableFreeSpace;

    /// <summary>Removes what daemons that have ended left there; how many.</summary>
    public static int Sweep(string under)
    {
        var swept = 0;
        if (!Directory.Exists(under)) return swept;
        foreach (var path in Directory.EnumerateDirectories(under, Prefix + "*"))
        {
            try
            {
                // Without a lock's file it is somebody else's, or just being made.
                using (Hold(path, FileMode.Open)) Directory.Delete(path, recursive: true);
                swept++;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* in use, or not ours */ }
        }
        return swept;
    }

    static FileStream Hold(string path, FileMode mode) => new(Path.Combine(path, LockName), mode, FileAccess.ReadWrite, FileShare.None);

    public void Dispose()
    {
        try { Directory.Delete(path, recursive: true); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the next start sweeps it */ }
        held.Dispose();
    }
}
