using System.Runtime.InteropServices;

namespace Clinker.Gluster.Native;

/// <summary>
/// The part of libgfapi (glusterfs/api/glfs.h, GlusterFS 3.6 and later) by which files are written. The runtime binds each function's newest version;
/// an older library takes no notice of the arguments that it does not know. Each call may block for as long as the servers like.
/// </summary>
internal static unsafe partial class Gfapi
{
    const string gfapi = "libgfapi.so.0";
    const int Port = 24007, LogWarnings = 5;
    /// <summary>struct stat of Linux on x86-64: its size, and where its st_ino is.</summary>
    const int StatBytes = 144, StatInode = 8;

    [LibraryImport(gfapi, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint glfs_new(string volume);

    [LibraryImport(gfapi, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int glfs_set_volfile_server(nint volume, string transport, string host, int port);

    [LibraryImport(gfapi, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int glfs_set_logging(nint volume, string file, int level);

    [LibraryImport(gfapi, SetLastError = true)]
    private static partial int glfs_init(nint volume);

    [LibraryImport(gfapi, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint glfs_open(nint volume, string path, int flags);

    [LibraryImport(gfapi, SetLastError = true)]
    private static partial int glfs_fstat(nint file, byte* into);

    [LibraryImport(gfapi, SetLastError = true)]
    private static partial nint glfs_pwrite(nint file, byte* from, nuint length, long offset, int flags, nint before, nint after);

    [LibraryImport(gfapi, SetLastError = true)]
    private static partial int glfs_fsync(nint file, nint before, nint after);

    /// <summary>
    /// Connects to a volume, for as long as the process lives: to end a connection takes up to ten seconds, and it comes back by itself after its
    /// servers did. Where a server turns it away it takes half a minute to say so.
    /// </summary>
    /// <param name="servers">Who is asked for its description, one after the other.</param>
    /// <exception cref="ErrnoException">It could not.</exception>
    /// <exception cref="DllNotFoundException">There is no libgfapi here.</exception>
    public static nint Connect(string volume, IEnumerable<string> servers, string logFile)
    {
        var connection = glfs_new(volume);
        if (connection == 0) throw Failed("glfs_new");
        foreach (var server in servers)
            if (glfs_set_volfile_server(connection, "tcp", server, Port) != 0) throw Failed("glfs_set_volfile_server");
        if (glfs_set_logging(connection, logFile, LogWarnings) != 0) throw Failed("glfs_set_logging");
        if (glfs_init(connection) != 0) throw Failed("glfs_init");
        return connection;
    }

    /// <summary>Opens a file for writing by its path in the volume.</summary>
    public static nint Open(nint connection, string path)
    {
        var file = glfs_open(connection, path, Libc.O_RDWR);
        return file != 0 ? file : throw Failed($"glfs_open {path}");
    }

    /// <summary>By which it is known whether it is the one that a mount of the volume has.</summary>
    public static ulong Inode(nint file)
    {
        var stat = stackalloc byte[StatBytes];
        return glfs_fstat(file, stat) == 0 ? *(ulong*)(stat + StatInode) : throw Failed("glfs_fstat");
    }

    /// <summary>Writes all of it. What it answers well to may yet fail: <see cref="Sync"/> tells.</summary>
    public static void Write(nint file, ReadOnlySpan<byte> from, long offset)
    {
        while (!from.IsEmpty)
        {
            nint n;
            fixed (byte* p = from) n = glfs_pwrite(file, p, (nuint)from.Length, offset, 0, 0, 0);
            if (n <= 0) throw Failed("glfs_pwrite");
            from = from[(int)n..];
            offset += n;
        }
    }

    /// <summary>What was written through this handle is durable then.</summary>
    public static void Sync(nint file)
    {
        if (glfs_fsync(file, 0, 0) != 0) throw Failed("glfs_fsync");
    }

    static ErrnoException Failed(string call) => new(Marshal.GetLastPInvokeError() is var errno and not 0 ? errno : Errno.EIO, call);
}
