using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Clinker.Cli.Shares;

/// <summary>
/// What a client asks glusterd before it mounts, and nothing more: the volume's client graph (GETSPEC), and the port of each
/// brick (PORTBYBRICK). ONC RPC (RFC 5531) with XDR (RFC 4506) over TCP; program numbers and layouts are those of
/// GlusterFS's rpc/rpc-lib/src/protocol-common.h and rpc/xdr/src/glusterfs3-xdr.x, portmap-xdr.x.
/// </summary>
internal sealed class GlusterRpc : IDisposable
{
    public const int Port = 24007;

    const int HandshakeProgram = 14398633;
    const int HandshakeVersion = 2;
    const int GetSpec = 2;
    const int PortmapProgram = 34123456;
    const int PortmapVersion = 1;
    const int PortByBrick = 1;
    const int LargestAnswer = 16 * 1024 * 1024;

    /// <summary>Said in GETSPEC so that a volume with newer options is not refused; any client that can read its graph may.</summary>
    const int NewestOperatingVersion = 999999;

    readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    int transaction;

    /// <exception cref="SocketException">Nobody listens, or the name is unknown.</exception>
    /// <exception cref="OperationCanceledException">Not within the deadline.</exception>
    public static async Task<GlusterRpc> Connect(string host, CancellationToken token)
    {
        var rpc = new GlusterRpc();
        try
        {
            await rpc.socket.ConnectAsync(host, Port, token);
            return rpc;
        }
        catch
        {
            rpc.Dispose();
            throw;
        }
    }

    public void Dispose() => socket.Dispose();

    /// <summary>The volume's client graph as text; null when glusterd does not know the volume or keeps it from us.</summary>
    public async Task<string?> VolumeFile(string volume, CancellationToken token)
    {
        var request = new Xdr().Int(0).Opaque(Encoding.UTF8.GetBytes(volume))
            .Opaque(Dictionary(("min-op-version", "1"), ("max-op-version", $"{NewestOperatingVersion}")));
        var answer = await Call(HandshakeProgram, HandshakeVersion, GetSpec, request, token);
        var result = answer.ReadInt();
        _ = answer.ReadInt(); // errno
        return result < 0 ? null : Encoding.UTF8.GetString(answer.ReadOpaque()).TrimEnd('\0');
    }

    /// <summary>The port that a brick of this server listens on; null when it does not run.</summary>
    public async Task<int?> BrickPort(string brick, CancellationToken token)
    {
        var answer = await Call(PortmapProgram, PortmapVersion, PortByBrick, new Xdr().Opaque(Encoding.UTF8.GetBytes(brick)), token);
        var result = answer.ReadInt();
        _ = answer.ReadInt(); // errno
        _ = answer.ReadInt(); // status
        var port = answer.ReadInt();
        return result < 0 || port <= 0 ? null : port;
    }

    async Task<Xdr> Call(int program, int version, int procedure, Xdr arguments, CancellationToken token)
    {
        var id = ++transaction;
        // xid, CALL, RPC version 2, program, version, procedure, credentials and verifier AUTH_NONE
        var message = new Xdr().Int(id).Int(0).Int(2).Int(program).Int(version).Int(procedure).Int(0).Int(0).Int(0).Int(0).Append(arguments);
        await socket.SendAsync(new Xdr().Int(unchecked((int)0x80000000) | message.Length).Append(message).ToArray(), token);

        var reply = new Xdr(await Record(token));
        if (reply.ReadInt() != id || reply.ReadInt() != 1) throw new IOException("glusterd answered something else");
        if (reply.ReadInt() != 0) throw new IOException("glusterd denied the call");
        _ = reply.ReadInt();
        _ = reply.ReadOpaque(); // verifier
        return reply.ReadInt() == 0 ? reply : throw new IOException("glusterd does not know the call");
    }

    /// <summary>One record: fragments, each with its length and a bit that marks the last.</summary>
    async Task<byte[]> Record(CancellationToken token)
    {
        using var record = new MemoryStream();
        while (true)
        {
            var header = BinaryPrimitives.ReadInt32BigEndian(await Bytes(4, token));
            var length = header & 0x7fffffff;
            if (record.Length + length > LargestAnswer) throw new IOException("the answer is too long to be glusterd's");
            record.Write(await Bytes(length, token));
            if (header < 0) return record.ToArray();
        }
    }

    async Task<byte[]> Bytes(int count, CancellationToken token)
    {
        var bytes = new byte[count];
        for (var at = 0; at < count;)
        {
            var read = await socket.ReceiveAsync(bytes.AsMemory(at), token);
            if (read == 0) throw new IOException("glusterd closed the connection");
            at += read;
        }
        return bytes;
    }

    /// <summary>GlusterFS's dict_t on the wire: a count, then for each the two lengths, the key and the value, both ended by zero.</summary>
    static byte[] Dictionary(params (string Key, string Value)[] pairs)
    {
        var bytes = new MemoryStream();
        Number(pairs.Length);
        foreach (var (key, value) in pairs)
        {
            Number(key.Length);
            Number(value.Length + 1);
            bytes.Write(Encoding.ASCII.GetBytes(key + "\0" + value + "\0"));
        }
        return bytes.ToArray();

        void Number(int value)
        {
            Span<byte> four = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(four, value);
            bytes.Write(four);
        }
    }

    /// <summary>Four-byte big-endian numbers, and counted bytes padded to four.</summary>
    sealed class Xdr(byte[]? received = null)
    {
        readonly MemoryStream bytes = received is null ? new() : new(received);

        public int Length => (int)bytes.Length;

        public Xdr Int(int value)
        {
            Span<byte> four = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(four, value);
            bytes.Write(four);
            return this;
        }

        public Xdr Opaque(byte[] value)
        {
            Int(value.Length);
            bytes.Write(value);
            bytes.Write(new byte[(4 - value.Length % 4) % 4]);
            return this;
        }

        public Xdr Append(Xdr other)
        {
            bytes.Write(other.ToArray());
            return this;
        }

        public byte[] ToArray() => bytes.ToArray();

        public int ReadInt() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

        public byte[] ReadOpaque()
        {
            var length = ReadInt();
            var value = Take(length).ToArray();
            _ = Take((4 - length % 4) % 4);
            return value;
        }

        ReadOnlySpan<byte> Take(int count)
        {
            if (count < 0 || bytes.Position + count > bytes.Length) throw new IOException("the answer is cut short");
            var taken = new byte[count];
            bytes.ReadExactly(taken);
            return taken;
        }
    }
}
