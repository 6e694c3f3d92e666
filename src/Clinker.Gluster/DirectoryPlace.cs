using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>
/// A directory is taken for what it was when first seen (device and inode). Another one in its place means that a mount
/// came or went, and what is made there would be lost to those who look: the place is down until it is the same again or the
/// daemon starts anew.
/// </summary>
internal sealed class DirectoryPlace(string name, string path, Lane lane, TimeSpan deadline) : Place(name)
{
    const int ProbedBytes = 4096;

    volatile Tuple<uint, uint, ulong>? seen;
    bool? reflinks;

    public string Path => path;
    public override string? Location => null;
    public override Lane Lane => lane;
    public override bool Reflinks => reflinks ?? false;

    public override Task<Room> Measure(TimeSpan deadline, CancellationToken token) => Lane.Run(_ =>
    {
        using var dir = Open();
        reflinks ??= Probe(dir);
        return Libc.Statvfs(dir);
    }, deadline, token, probe: true);

    // Nameless files: nothing is left of them.
    static bool? Probe(SafeFileHandle dir)
    {
        try
        {
            using var from = Libc.OpenAt(dir, ".", Libc.O_TMPFILE | Libc.O_RDWR, 0x180);
            using var to = Libc.OpenAt(dir, ".", Libc.O_TMPFILE | Libc.O_RDWR, 0x180);
            Libc.Write(from, new byte[ProbedBytes], 0);
            Libc.Reflink(to, from);
            return true;
        }
        catch (ErrnoException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT or Errno.EMFILE) { return null; /* asked again */ }
        catch (ErrnoException) { return false; }
    }

    public override SafeFileHandle Open()
    {
        SafeFileHandle dir;
        try { dir = Libc.Open(path, Libc.O_PATH | Libc.O_DIRECTORY); }
        catch (ErrnoException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw new VanishedException($"the directory {path} is not there ({e.Words})");
        }
        try
        {
            Same(dir);
            return dir;
        }
        catch { dir.Dispose(); throw; }
    }

    public override void Prove(SafeFileHandle dir)
    {
        using var again = Open();
    }

    // Only at first: one that was there and went away was not ours to make again.
    public override async Task Repair(CancellationToken token)
    {
        if (seen is not null) return;
        try
        {
            await Lane.Run(_ => Directory.CreateDirectory(path), deadline, token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VanishedException($"the directory {path} is not there and can't be made ({e.Message})");
        }
    }

    void Same(SafeFileHandle dir)
    {
        var facts = Libc.Facts(dir);
        var now = Tuple.Create(facts.DeviceMajor, facts.DeviceMinor, facts.Inode);
        if ((seen ??= now).Equals(now)) return;
        throw new VanishedException(
            $"{path} is another directory than the one this daemon began with (was something mounted or unmounted there?). Put it back, or restart the daemon.");
    }
}
