using System.Buffers.Binary;
using System.Net.Sockets;

namespace Clinker.Live.Qemu;

/// <summary>
/// A disk by way of NBD on a socket of this machine (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md): one request at a time.
/// </summary>
sealed class NbdDisk : IDisposable
{
    const ulong Magic = 0x4e42444d41474943, HaveOption = 0x49484156454f5054;
    const uint Request = 0x25609513, Reply = 0x67446698;
    const ushort ReadType = 0, WriteType = 1, FlushType = 3;

    readonly NetworkStream stream;
    ulong handle;

    NbdDisk(NetworkStream stream) => this.stream = stream;

    /// <summary>As it was when this came.</summary>
    public long Bytes { get; private set; }

    /// <exception cref="IOException">Nobody is there.</exception>
    public static async Task<NbdDisk> Come(string socket)
    {
        var to = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try { await to.ConnectAsync(new UnixDomainSocketEndPoint(socket)); }
        catch (SocketException e)
        {
            to.Dispose();
            throw new IOException(e.Message, e);
        }
        var disk = new NbdDisk(new(to, ownsSocket: true));
        var hello = await disk.Read(18);
        if (BinaryPrimitives.ReadUInt64BigEndian(hello) != Magic || BinaryPrimitives.ReadUInt64BigEndian(hello.AsSpan(8)) != HaveOption) throw new IOException("is no NBD");
        var name = "disk"u8.ToArray();
        var asks = new byte[4 + 16 + name.Length];
        BinaryPrimitives.WriteUInt32BigEndian(asks, 3); // fixed newstyle, no zeroes
        BinaryPrimitives.WriteUInt64BigEndian(asks.AsSpan(4), HaveOption);
        BinaryPrimitives.WriteUInt32BigEndian(asks.AsSpan(12), 1); // the export of this name
        BinaryPrimitives.WriteUInt32BigEndian(asks.AsSpan(16), (uint)name.Length);
        name.CopyTo(asks.AsSpan(20));
        await disk.stream.WriteAsync(asks);
        disk.Bytes = BinaryPrimitives.ReadInt64BigEndian(await disk.Read(10));
        return disk;
    }

    public Task Write(long offset, byte[] bytes) => Do(WriteType, offset, bytes.Length, bytes);

    public Task Flush() => Do(FlushType, 0, 0, []);

    public async Task<byte[]> Read(long offset, int length)
    {
        await Do(ReadType, offset, length, []);
        return await Read(length);
    }

    async Task Do(ushort type, long offset, int length, byte[] data)
    {
        var asks = new byte[28 + data.Length];
        BinaryPrimitives.WriteUInt32BigEndian(asks, Request);
        BinaryPrimitives.WriteUInt16BigEndian(asks.AsSpan(6), type);
        BinaryPrimitives.WriteUInt64BigEndian(asks.AsSpan(8), ++handle);
        BinaryPrimitives.WriteInt64BigEndian(asks.AsSpan(16), offset);
        BinaryPrimitives.WriteInt32BigEndian(asks.AsSpan(24), length);
        data.CopyTo(asks.AsSpan(28));
        await stream.WriteAsync(asks);
        var answer = await Read(16);
        if (BinaryPrimitives.ReadUInt32BigEndian(answer) != Reply || BinaryPrimitives.ReadUInt64BigEndian(answer.AsSpan(8)) != handle) throw new InvalidDataException("is no reply");
        if (BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(4)) is var error and not 0)
            // ESHUTDOWN: the server is going
            throw error == 108 ? new IOException("it is going") : new InvalidDataException($"request {type} at {offset} fails with {error}");
    }

    async Task<byte[]> Read(int length)
    {
        var bytes = new byte[length];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    public void Dispose() => stream.Dispose();
}
