using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using Clinker.Gluster.Native;
using Clinker.Host;

namespace Clinker.Gluster;

/// <summary>
/// A process of this program that has one file of a share open by libgfapi and writes what it is sent over a socket, until that ends (docs/adr/0012).
/// libgfapi has threads and timers of its own that have taken whole processes down with them: this one's end is a write that failed.
/// </summary>
public static class GfapiWriter
{
    /// <summary>The argument with which this program is such a process. What follows is <see cref="GfapiFile.Open"/>'s.</summary>
    public const string Argument = "--gfapi-writer";

    internal enum Word : byte { Write = 1, Sync }

    /// <summary>Before each word's bytes: the word, where they go, and how many they are.</summary>
    internal const int HeadBytes = 1 + sizeof(long) + sizeof(int);

    /// <summary>
    /// One message to a brick each. What is larger has left the processors' caches by the time that the brick copies it, which then takes it several times
    /// as long; what is smaller is more work for each byte.
    /// </summary>
    internal const int MostAtOnce = 256 * 1024;

    /// <summary>Is such a process, until its socket ends.</summary>
    /// <param name="args">Behind <see cref="Argument"/>: the socket's name, the log, the volume, the path in it, the file's inode, and the servers.</param>
    public static int Serve(ReadOnlySpan<string> args)
    {
        Processes.EndWithDaemon();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(GfapiFile.Address(args[0]));
            var file = Gfapi.Open(Gfapi.Connect(args[2], args[5..].ToArray(), args[1]), args[3]);
            if (Gfapi.Inode(file) != ulong.Parse(args[4], CultureInfo.InvariantCulture))
                throw new InvalidDataException("another file has its name there: is the share mounted with enable-ino32?");
            Answer(socket, 0);
            Serve(socket, file);
            Libc.Exit(0); // at once: to end a connection takes up to ten seconds, and what was to be durable is
            return 0;
        }
        catch (Exception e) when (e is ErrnoException or InvalidDataException or DllNotFoundException or EntryPointNotFoundException or SocketException)
        {
            Console.Error.WriteLine(e is DllNotFoundException ? "it is not installed (package libgfapi0)" : e.Message);
            Libc.Exit(1);
            return 1;
        }
    }

    static void Serve(Socket socket, nint file)
    {
        var (head, buffer) = (new byte[HeadBytes], new byte[MostAtOnce]);
        var syncing = Task.CompletedTask;
        try
        {
            while (Receive(socket, head))
            {
                var (offset, length) = (BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(1)), BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(9)));
                if (head[0] == (byte)Word.Sync)
                {
                    var last = syncing;
                    syncing = Background.Blocking(() =>
                    {
                        last.GetAwaiter().GetResult();
                        try { Gfapi.Sync(file); }
                        catch (ErrnoException e) { Fail(e); }
                        Answer(socket, 0);
                        return true;
                    }, Timeout.InfiniteTimeSpan, "sync"); // beside what is written next
                    continue;
                }
                if (!Receive(socket, buffer.AsSpan(0, length))) return;
                Gfapi.Write(file, buffer.AsSpan(0, length), offset);
            }
        }
        catch (ErrnoException e) { Fail(e); }

        void Fail(ErrnoException e)
        {
            Answer(socket, e.Errno);
            Libc.Exit(1); // what came before is not known to be whole
        }
    }

    internal static bool Receive(Socket from, Span<byte> into)
    {
        while (!into.IsEmpty)
        {
            if (from.Receive(into) is not (> 0 and var n)) return false;
            into = into[n..];
        }
        return true;
    }

    static void Answer(Socket to, int errno)
    {
        Span<byte> answer = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(answer, errno);
        to.Send(answer);
    }
}
