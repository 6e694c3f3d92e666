using System.Buffers.Binary;
using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using Clinker.Gluster.Native;
using Clinker.Host;

namespace Clinker.Gluster;

/// <summary>A file that a <see cref="GfapiWriter"/> writes: the daemon's end of it.</summary>
internal sealed class GfapiFile : IDisposable
{
    /// <summary>unix(7)</summary>
    const int SOL_SOCKET = 1, SO_PEERCRED = 17, UcredBytes = 12, UcredUser = 4;

    readonly Socket socket;
    readonly CancellationTokenSource ending;
    readonly Lock sending = new(), receiving = new();

    GfapiFile(Socket socket, CancellationTokenSource ending) => (this.socket, this.ending) = (socket, ending);

    /// <summary>An abstract one (unix(7)): it leaves no file behind.</summary>
    public static UnixDomainSocketEndPoint Address(string name) => new($"\0{name}");

    /// <summary>Starts a process that opens a file.</summary>
    /// <param name="writer">The program that is a <see cref="GfapiWriter"/>.</param>
    /// <param name="path">Of the file, in the volume.</param>
    /// <param name="inode">As the mount tells it (unless with <c>enable-ino32</c>): both make it of the file's identity on the bricks.</param>
    /// <param name="servers">Who is asked for the volume's description, one after the other.</param>
    /// <exception cref="IOException">It could not; why, it says.</exception>
    public static async Task<GfapiFile> Open(string writer, string logFile, string volume, string path, ulong inode, IEnumerable<string> servers, CancellationToken token)
    {
        var name = $"clinker-writer-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(Address(name));
        listener.Listen(1);
        var ending = new CancellationTokenSource();
        var ended = Ended();
        Socket? socket = null;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
            var accepting = listener.AcceptAsync(limit.Token).AsTask();
            if (await Task.WhenAny(accepting, ended) == ended)
            {
                await limit.CancelAsync();
                await ((Task)accepting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw new IOException(await ended);
            }
            socket = await accepting;
            if (UserOf(socket) != Libc.EffectiveUser) throw new IOException("another user's process answered");
            if (await socket.ReceiveAsync(new byte[sizeof(int)], token) == 0) throw new IOException(await ended.WaitAsync(token));
            return new(socket, ending);
        }
        catch (Exception e)
        {
            socket?.Dispose();
            await ending.CancelAsync();
            await ended;
            ending.Dispose();
            if (e is SocketException) throw new IOException(e.Message, e);
            throw;
        }

        async Task<string> Ended()
        {
            string[] arguments = [GfapiWriter.Argument, name, logFile, volume, path, inode.ToString(CultureInfo.InvariantCulture), .. servers];
            try
            {
                var result = await Processes.Run(writer, arguments, Timeout.InfiniteTimeSpan, token: ending.Token);
                return result.Error.Trim() is { Length: > 0 } said ? said : $"its process ended ({result.ExitCode})";
            }
            catch (Exception e) when (e is Win32Exception or IOException or OperationCanceledException) { return e.Message; }
        }
    }

    static uint UserOf(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[UcredBytes];
        socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credentials);
        return BinaryPrimitives.ReadUInt32LittleEndian(credentials[UcredUser..]);
    }

    /// <summary>Sends it to be written. What is not written well may not be told before <see cref="Sync"/>. Blocks.</summary>
    /// <exception cref="ErrnoException">It failed, or one before.</exception>
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        lock (sending)
            while (!bytes.IsEmpty)
            {
                var piece = bytes[..Math.Min(bytes.Length, GfapiWriter.MostAtOnce)];
                Say(GfapiWriter.Word.Write, offset, piece);
                bytes = bytes[piece.Length..];
                offset += piece.Length;
            }
    }

    /// <summary>What was sent before is durable then. Blocks.</summary>
    /// <exception cref="ErrnoException">It is not.</exception>
    public void Sync()
    {
        lock (sending) Say(GfapiWriter.Word.Sync, 0, []);
        if (Answer() is var errno and not 0) throw Failed(errno);
    }

    void Say(GfapiWriter.Word word, long offset, ReadOnlySpan<byte> bytes)
    {
        Span<byte> head = stackalloc byte[GfapiWriter.HeadBytes];
        head[0] = (byte)word;
        BinaryPrimitives.WriteInt64LittleEndian(head[1..], offset);
        BinaryPrimitives.WriteInt32LittleEndian(head[9..], bytes.Length);
        try
        {
            Send(head);
            Send(bytes);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException) { throw Failed(Answer()); }
    }

    void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
    }

    /// <summary>An error number; that of an input or output error where it has ended without one.</summary>
    int Answer()
    {
        Span<byte> answer = stackalloc byte[sizeof(int)];
        try
        {
            lock (receiving)
                if (GfapiWriter.Receive(socket, answer)) return BinaryPrimitives.ReadInt32LittleEndian(answer);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException) { /* as below */ }
        return Errno.EIO;
    }

    static ErrnoException Failed(int errno) => new(errno == 0 ? Errno.EIO : errno, "write by libgfapi");

    /// <summary>Who waits for it is let go. What was not made durable may be lost.</summary>
    public void Dispose()
    {
        try { socket.Shutdown(SocketShutdown.Both); }
        catch (SocketException) { /* it has ended */ }
        socket.Dispose();
        ending.Cancel();
        ending.Dispose();
    }
}
