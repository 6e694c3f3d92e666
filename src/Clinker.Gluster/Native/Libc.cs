using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster.Native;

/// <summary>
/// The few system calls that .NET has no exact word for: those relative to an open directory, so that what was proven of
/// the directory holds for the act, and those whose errno decides. Constants and structures are those of Linux on x86-64.
/// Each may block for as long as a dead mount likes: only ever called on a <see cref="Lane"/>'s threads.
/// </summary>
internal static unsafe partial class Libc
{
    const string libc = "libc.so.6"; // its full name: "libc" costs fifty looks at files that are not there
    public const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x40, O_EXCL = 0x80, O_NONBLOCK = 0x800,
        O_APPEND = 0x400, O_DIRECTORY = 0x10000, O_NOFOLLOW = 0x20000, O_CLOEXEC = 0x80000, O_PATH = 0x200000, O_TMPFILE = 0x400000 | O_DIRECTORY;
    const int AT_FDCWD = -100, AT_REMOVEDIR = 0x200, AT_EMPTY_PATH = 0x1000, AT_STATX_DONT_SYNC = 0x4000, AT_STATX_FORCE_SYNC = 0x2000, POSIX_FADV_WILLNEED = 3, POSIX_FADV_DONTNEED = 4;
    const int F_DUPFD_CLOEXEC = 1030;
    const nuint FICLONE = 0x40049409;
    const uint STATX_BASIC_STATS = 0x7ff;
    const int MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int openat(int dir, string path, int flags, uint mode);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int openat(SafeFileHandle dir, string path, int flags, uint mode);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int ftruncate(SafeFileHandle file, long size);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int ioctl(SafeFileHandle file, nuint request, nint from);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fchmod(SafeFileHandle file, uint mode);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fchown(SafeFileHandle file, uint user, uint group);

    [LibraryImport(libc, SetLastError = true)]
    private static partial long lseek(SafeFileHandle file, long offset, int whence);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fsync(SafeFileHandle file);

    [LibraryImport(libc)]
    private static partial int posix_fadvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport(libc)]
    private static partial uint geteuid();

    [LibraryImport(libc)]
    private static partial void _exit(int status);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command, int word);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int close(int file);

    [LibraryImport(libc, SetLastError = true)]
    private static partial nint pread(SafeFileHandle file, byte* into, nuint length, long offset);

    [LibraryImport(libc, SetLastError = true)]
    private static partial nint pwrite(SafeFileHandle file, byte* from, nuint length, long offset);

    [LibraryImport(libc, SetLastError = true)]
    private static partial nint getdents64(SafeFileHandle dir, byte* into, nuint length);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlinkat(SafeFileHandle dir, string name, int flags);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdirat(SafeFileHandle dir, string name, uint mode);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int linkat(SafeFileHandle fromDir, string from, SafeFileHandle toDir, string to, int flags);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat(SafeFileHandle fromDir, string from, SafeFileHandle toDir, string to);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(SafeFileHandle dir, string path, int flags, uint mask, StatxBuffer* into);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fstatvfs(SafeFileHandle file, StatvfsBuffer* into);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int fstatfs(SafeFileHandle file, StatfsBuffer* into);

    [LibraryImport(libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport(libc, SetLastError = true)]
    private static partial int kill(int process, int signal);

    [LibraryImport(libc)]
    private static partial uint getegid();

    /// <summary>struct statx (linux/stat.h), the part that is read.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    struct StatxBuffer
    {
        public uint Mask, BlockSize;
        public ulong Attributes;
        public uint Links, User, Group;
        public ushort Mode, Spare;
        public ulong Inode, Size, Blocks, AttributesMask;
        public fixed byte Times[4 * 16];
        public uint SpecialMajor, SpecialMinor, DeviceMajor, DeviceMinor;
    }

    /// <summary>struct statvfs (bits/statvfs.h); the rest is not read.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    struct StatvfsBuffer
    {
        public ulong BlockSize, FragmentSize, Blocks, BlocksFree, BlocksAvailable;
    }

    /// <summary>struct statfs (bits/statfs.h); the rest is not read.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    struct StatfsBuffer
    {
        public ulong Type;
    }

    /// <summary>Opens a path. Follows links on the way: only for paths of our own making.</summary>
    public static SafeFileHandle Open(string path, int flags) => Retried(() => openat(AT_FDCWD, path, flags | O_CLOEXEC, 0), "open", path);

    /// <summary>Opens a name in a directory, never through a symbolic link.</summary>
    public static SafeFileHandle OpenAt(SafeFileHandle dir, string name, int flags, uint mode = 0) =>
        Retried(() => openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, mode), "open", name);

    public static void Truncate(SafeFileHandle file, long size) => Done(() => ftruncate(file, size), "ftruncate");

    /// <summary>Gives the file its size with all room taken. Mode 0 only: over FUSE, ZERO_RANGE answers 0 and zeroes nothing.</summary>
    public static void Allocate(SafeFileHandle file, long size) => Done(() => fallocate(file, 0, 0, size), "fallocate");

    /// <summary>
    /// Sees to it that the file is no smaller, in one call that can't make it so, however late it comes: ftruncate would cut off
    /// what others have added meanwhile. What is there is not touched.
    /// </summary>
    /// <param name="allocate">Whether all the room is taken, or only that of the last byte.</param>
    public static void Grow(SafeFileHandle file, long size, bool allocate)
    {
        var from = allocate ? 0 : size - 1;
        Done(() => fallocate(file, 0, from, size - from), "fallocate");
    }

    /// <summary>Makes an empty file another's twin at one moment, sharing its blocks until either is written to (XFS, btrfs).</summary>
    public static void Reflink(SafeFileHandle file, SafeFileHandle from) => Done(() => ioctl(file, FICLONE, from.DangerousGetHandle()), "reflink");

    public static void ChangeMode(SafeFileHandle file, uint mode) => Done(() => fchmod(file, mode), "fchmod");

    public static void ChangeGroup(SafeFileHandle file, uint group) => Done(() => fchown(file, uint.MaxValue, group), "fchown");

    public static void Sync(SafeFileHandle file) => Done(() => fsync(file), "fsync");

    /// <summary>
    /// Hears what became of all that was written through a handle. GlusterFS takes what it has no room for, and says so once: to an fsync or a close
    /// of that handle. A handle of .NET's keeps it to itself as it closes, and an fsync of another one then knows of nothing.
    /// </summary>
    public static void Flush(SafeFileHandle file)
    {
        int twin;
        while ((twin = fcntl(file, F_DUPFD_CLOEXEC, 0)) < 0) Interrupted("dup", "");
        if (close(twin) != 0) throw new ErrnoException(Marshal.GetLastPInvokeError(), "close"); // also when it was interrupted: it is closed
    }

    public static void Unlink(SafeFileHandle dir, string name) => Done(() => unlinkat(dir, name, 0), "unlink", name);

    /// <summary>Makes a directory; false when there is one of that name.</summary>
    public static bool MakeDirectory(SafeFileHandle dir, string name, uint mode)
    {
        try { Done(() => mkdirat(dir, name, mode), "mkdir", name); return true; }
        catch (ErrnoException e) when (e.Errno == Errno.EEXIST) { return false; }
    }

    public static void RemoveDirectory(SafeFileHandle dir, string name) => Done(() => unlinkat(dir, name, AT_REMOVEDIR), "rmdir", name);

    public static void Link(SafeFileHandle dir, string from, string to) => Done(() => linkat(dir, from, dir, to, 0), "link", to);

    public static void Rename(SafeFileHandle dir, string from, string to) => Done(() => renameat(dir, from, dir, to), "rename", to);

    public static int Read(SafeFileHandle file, Span<byte> into, long offset)
    {
        while (true)
        {
            fixed (byte* p = into)
            {
                var n = pread(file, p, (nuint)into.Length, offset);
                if (n >= 0) return (int)n;
            }
            Interrupted("read", "");
        }
    }

    /// <summary>Reads until the buffer is full or the file at its end; how many bytes.</summary>
    public static int ReadAll(SafeFileHandle file, Span<byte> into, long offset)
    {
        var read = 0;
        while (read < into.Length && Read(file, into[read..], offset + read) is > 0 and var n) read += n;
        return read;
    }

    /// <summary>
    /// Has the kernel read what is read soon: all of it is asked for at once, where a read(2) has only as much on its way as the kernel's
    /// read-ahead. It is a hint: what fails tells the read.
    /// </summary>
    public static void ReadAhead(SafeFileHandle file, long offset, long length)
    {
        // A call is good for one read-ahead and no more (mm/readahead.c: force_page_cache_ra), which FUSE has of 128 KiB at most.
        const int AtOnce = 128 * 1024;
        for (var end = offset + length; offset < end; offset += AtOnce) _ = posix_fadvise(file, offset, Math.Min(AtOnce, end - offset), POSIX_FADV_WILLNEED);
    }

    /// <summary>Writes all of it, however many calls that takes.</summary>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> from, long offset)
    {
        while (!from.IsEmpty)
        {
            nint n;
            fixed (byte* p = from) n = pwrite(file, p, (nuint)from.Length, offset);
            if (n < 0) { Interrupted("write", ""); continue; }
            from = from[(int)n..];
            offset += n;
        }
    }

    /// <summary>Where the next data of a file begins at or behind an offset; -1 when there is none.</summary>
    public static long NextData(SafeFileHandle file, long offset)
    {
        var at = lseek(file, offset, 3 /* SEEK_DATA */);
        return at >= 0 ? at : Marshal.GetLastPInvokeError() == Errno.ENXIO ? -1 : throw new ErrnoException(Marshal.GetLastPInvokeError(), "lseek");
    }

    /// <summary>Where the data at an offset ends, at the latest the file's end.</summary>
    public static long NextHole(SafeFileHandle file, long offset)
    {
        var at = lseek(file, offset, 4 /* SEEK_HOLE */);
        return at >= 0 ? at : throw new ErrnoException(Marshal.GetLastPInvokeError(), "lseek");
    }

    /// <summary>What a name in a directory is; the directory itself for an empty name. Never follows a link.</summary>
    public static FileFacts Facts(SafeFileHandle dir, string name = "", bool fromCache = false) => Facts(dir, name, fromCache ? AT_STATX_DONT_SYNC : 0);

    /// <summary>
    /// What an open file is now, whatever other hosts have made of it; and what is read of it from now on, by whoever on this host, is what is in it now.
    /// Otherwise both may be a second old: for so long FUSE believes what it knows of a file, and has what was read of it before, although it is opened
    /// anew; a change that it learns of in between does not always make it forget that. GlusterFS below it goes by what it knows for as long; the answer
    /// to fsync tells it what the brick does.
    /// </summary>
    public static FileFacts Fresh(SafeFileHandle file)
    {
        if (IsLocal(file)) return Facts(file);
        Sync(file);
        if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) is var error and not 0) throw new ErrnoException(error, "posix_fadvise");
        return Facts(file, "", AT_STATX_FORCE_SYNC);
    }

    /// <summary>Whether it lies on a file system of this host, where all see the same at once (linux/magic.h). Of those that are not known here it is not believed.</summary>
    static bool IsLocal(SafeFileHandle file)
    {
        StatfsBuffer s;
        while (fstatfs(file, &s) != 0) Interrupted("statfs", "");
        return s.Type is 0xEF53 /* ext4 */ or 0x58465342 /* XFS */ or 0x9123683E /* Btrfs */ or 0x2FC12FC1 /* ZFS */ or 0x01021994 /* tmpfs */ or 0x794C7630 /* overlay */;
    }

    static FileFacts Facts(SafeFileHandle dir, string name, int sync)
    {
        StatxBuffer s;
        var flags = 0x100 /* AT_SYMLINK_NOFOLLOW */ | (name.Length == 0 ? AT_EMPTY_PATH : 0) | sync;
        while (statx(dir, name, flags, STATX_BASIC_STATS, &s) != 0) Interrupted("stat", name);
        // Times: four of 16 bytes, seconds and nanoseconds; the third is when anything of it changed, the last when it was written to.
        var written = *(long*)(s.Times + 48) * 1_000_000_000 + *(uint*)(s.Times + 56);
        var changed = *(long*)(s.Times + 32) * 1_000_000_000 + *(uint*)(s.Times + 40);
        return new(s.Mode, s.Links, s.Group, s.Inode, (long)s.Size, (long)s.Blocks * 512, s.DeviceMajor, s.DeviceMinor, written, changed);
    }

    public static Room Statvfs(SafeFileHandle file)
    {
        StatvfsBuffer s;
        while (fstatvfs(file, &s) != 0) Interrupted("statvfs", "");
        return new((double)s.Blocks * s.FragmentSize, (double)s.BlocksAvailable * s.FragmentSize);
    }

    /// <summary>The names in a directory, without <c>.</c> and <c>..</c>, in no order.</summary>
    public static List<string> Names(SafeFileHandle dir)
    {
        using var open = OpenAt(dir, ".", O_RDONLY | O_DIRECTORY);
        var names = new List<string>();
        var buffer = new byte[64 * 1024];
        fixed (byte* p = buffer)
        {
            while (true)
            {
                var n = getdents64(open, p, (nuint)buffer.Length);
                if (n == 0) return names;
                if (n < 0) { Interrupted("readdir", ""); continue; }
                // struct linux_dirent64 (getdents(2)): ino 8, off 8, reclen 2, type 1, name.
                for (var at = 0; at < n; at += BitConverter.ToUInt16(buffer, at + 16))
                {
                    var name = buffer.AsSpan(at + 19);
                    var text = Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
                    if (text is not ("." or "..")) names.Add(text);
                }
            }
        }
    }

    /// <summary>Takes a mount out of the tree at once (umount -l); whoever has files open on it keeps them.</summary>
    public static void Detach(string mountPoint) => Done(() => umount2(mountPoint, MNT_DETACH | UMOUNT_NOFOLLOW), "umount", mountPoint);

    /// <summary>Takes a mount away unless somebody uses it (EBUSY).</summary>
    public static void Unmount(string mountPoint) => Done(() => umount2(mountPoint, UMOUNT_NOFOLLOW), "umount", mountPoint);

    public static void Kill(int process) => Done(() => kill(process, 9), "kill");

    /// <summary>The group that new files get.</summary>
    public static uint EffectiveGroup => getegid();

    public static uint EffectiveUser => geteuid();

    /// <summary>The process ends here and now, whatever threads libraries have.</summary>
    public static void Exit(int status) => _exit(status);

    static SafeFileHandle Retried(Func<int> call, string name, string path)
    {
        int fd;
        while ((fd = call()) < 0) Interrupted(name, path);
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    static void Done(Func<int> call, string name, string path = "")
    {
        while (call() != 0) Interrupted(name, path);
    }

    static void Interrupted(string call, string path)
    {
        var errno = Marshal.GetLastPInvokeError();
        if (errno != Errno.EINTR) throw new ErrnoException(errno, path.Length == 0 ? call : $"{call} {path}");
    }
}

/// <summary>What stat says of a file.</summary>
/// <param name="Links">How many names it has.</param>
/// <param name="Written">When its content changed last, in nanoseconds since 1970.</param>
/// <param name="Changed">The same, of its names and rights too.</param>
internal readonly record struct FileFacts(
    uint Mode, uint Links, uint Group, ulong Inode, long Size, long AllocatedBytes, uint DeviceMajor, uint DeviceMinor, long Written, long Changed)
{
    public bool IsRegular => (Mode & 0xf000) == 0x8000;
}

/// <summary>A file system's size and what a user may still take of it, in bytes.</summary>
internal readonly record struct Room(double Total, double Free);
