using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Cli;

/// <summary>What .NET has no words for: owners, locks on a directory and syncing one, and a terminal's width and its echo.</summary>
/// <remarks>Plain imports with blittable arguments, because this project has no unsafe code.</remarks>
internal static class Posix
{
    const int LockExclusive = 2;
    const int ReadOnlyDirectory = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC
    const int WriteAccess = 2;
    const int AtCurrentDirectory = -100;
    const uint BasicStats = 0x7ff;
    const nuint WindowSize = 0x5413; // TIOCGWINSZ
    const nuint GetMode = 0x5401, SetMode = 0x5404; // TCGETS, TCSETSF: what was typed before does not count
    const int LocalFlags = 12; // struct termios: after input, output and control flags
    const byte Echo = 0x8;
    const int ReadWriteTerminal = 0x2 | 0x100 | 0x80000; // O_RDWR | O_NOCTTY | O_CLOEXEC

    /// <summary>A directory held open with an exclusive lock: editors of its files come one after another.</summary>
    public sealed class LockedDirectory : IDisposable
    {
        readonly int descriptor;

        /// <exception cref="CliFault">It is not there or may not be read.</exception>
        public LockedDirectory(string path)
        {
            descriptor = open(Name(path), ReadOnlyDirectory);
            if (descriptor < 0) throw new CliFault($"{path}: {Error()}");
            if (flock(descriptor, LockExclusive) != 0)
            {
                var error = Error();
                _ = close(descriptor);
                throw new CliFault($"{path} can't be locked: {error}");
            }
        }

        /// <summary>Makes renames within it last.</summary>
        public void Sync() => _ = fsync(descriptor); // some file systems have no such thing for directories

        public void Dispose() => _ = close(descriptor); // the lock goes with it
    }

    /// <summary>Owner and group; null when they can't be told.</summary>
    public static (uint User, uint Group)? Owner(string path)
    {
        var stats = new byte[256];
        // struct statx: stx_uid at 20, stx_gid at 24 (linux/stat.h).
        return statx(AtCurrentDirectory, Name(path), 0, BasicStats, stats) == 0
            ? (BitConverter.ToUInt32(stats, 20), BitConverter.ToUInt32(stats, 24))
            : null;
    }

    /// <summary>False when that is not allowed.</summary>
    public static bool Own(string path, (uint User, uint Group) owner) => chown(Name(path), owner.User, owner.Group) == 0;

    public static bool MayWrite(string path) => access(Name(path), WriteAccess) == 0;

    /// <summary>
    /// Columns of the terminal behind standard output; null when it is none. (Console.WindowWidth would tell too, but sets
    /// the terminal's keypad mode on the way.)
    /// </summary>
    public static int? TerminalWidth()
    {
        var size = new byte[8]; // struct winsize: rows, columns, …
        return ioctl(1, WindowSize, size) == 0 && BitConverter.ToUInt16(size, 2) is > 0 and var columns ? columns : null;
    }

    /// <summary>
    /// Asks on the terminal that the process belongs to, whatever its standard streams are, and does not show what is typed; null
    /// when it has none. (getpass would do the same, but can't be interrupted.)
    /// </summary>
    public static string? AskHidden(string prompt)
    {
        var descriptor = open(Name("/dev/tty"), ReadWriteTerminal);
        if (descriptor < 0) return null;
        using var terminal = new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.ReadWrite, bufferSize: 0);
        var mode = new byte[64];
        if (ioctl(descriptor, GetMode, mode) != 0) return null;
        var hidden = (byte[])mode.Clone();
        hidden[LocalFlags] &= unchecked((byte)~Echo);
        void Restore(PosixSignalContext? signal) => _ = ioctl(descriptor, SetMode, mode);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Restore);
        using var end = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Restore);
        try
        {
            _ = ioctl(descriptor, SetMode, hidden);
            terminal.Write(Encoding.UTF8.GetBytes(prompt));
            var typed = new List<byte>();
            for (int next; (next = terminal.ReadByte()) is not (-1 or '\n');) typed.Add((byte)next);
            terminal.Write("\n"u8);
            return Encoding.UTF8.GetString([.. typed]);
        }
        finally
        {
            Restore(null);
        }
    }

    static byte[] Name(string path) => Encoding.UTF8.GetBytes(path + "\0");

    static string Error() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;

#pragma warning disable SYSLIB1054 // LibraryImport writes unsafe code, which this project does not allow
    [DllImport("libc", SetLastError = true)]
    static extern int open(byte[] path, int flags);

    [DllImport("libc")]
    static extern int close(int descriptor);

    [DllImport("libc", SetLastError = true)]
    static extern int flock(int descriptor, int operation);

    [DllImport("libc")]
    static extern int ioctl(int descriptor, nuint request, byte[] argument);

    [DllImport("libc")]
    static extern int fsync(int descriptor);

    [DllImport("libc")]
    static extern int chown(byte[] path, uint user, uint group);

    [DllImport("libc")]
    static extern int access(byte[] path, int mode);

    [DllImport("libc")]
    static extern int statx(int directory, byte[] path, int flags, uint mask, byte[] stats);
#pragma warning restore SYSLIB1054
}
