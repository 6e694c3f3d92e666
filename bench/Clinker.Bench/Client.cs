using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Clinker.Bench;

/// <summary>
/// One HTTP/1.1 connection that is kept: a blocking socket, requests that are bytes already, and as little parsing as an answer
/// needs. A client of the usual kind would spend more of the two cores than the daemon does.
/// </summary>
sealed class Client : IDisposable
{
    readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    byte[] buffer = new byte[64 * 1024];
    int filled;

    /// <exception cref="SocketException">Nobody listens there.</exception>
    public Client(int port)
    {
        try { socket.Connect(IPAddress.Loopback, port); }
        catch { socket.Dispose(); throw; }
    }

    /// <summary>Sends a request and waits for its answer, which is good until the next one.</summary>
    public Answer Ask(byte[] request)
    {
        Send(request);
        return Receive();
    }

    public void Send(byte[] request)
    {
        for (var sent = 0; sent < request.Length;) sent += socket.Send(request.AsSpan(sent));
    }

    public Answer Receive()
    {
        filled = 0;
        int head;
        while ((head = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0) Fill();
        head += 4;
        if (!Utf8Parser.TryParse(buffer.AsSpan(9, 3), out int status, out _)) throw new InvalidDataException("No HTTP status.");
        var length = Header(head, "content-length: "u8);
        if (length.IsEmpty)
            return status == 204 ? new(status, []) : Header(head, "transfer-encoding: "u8).IsEmpty ? new(status, []) : new(status, Chunks(head));
        if (!Utf8Parser.TryParse(length, out int bytes, out _)) throw new InvalidDataException("No length.");
        while (filled < head + bytes) Fill();
        return new(status, buffer.AsSpan(head, bytes));
    }

    /// <summary>Waits idly; the kernel's clock for that is finer than the runtime's timers.</summary>
    public void Pause(TimeSpan time)
    {
        if (socket.Poll(time, SelectMode.SelectRead)) throw new InvalidDataException("The daemon closed the connection.");
    }

    ReadOnlySpan<byte> Header(int head, ReadOnlySpan<byte> name)
    {
        var rest = buffer.AsSpan(0, head);
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf("\r\n"u8);
            var line = rest[..end];
            if (line.Length >= name.Length && Ascii.EqualsIgnoreCase(line[..name.Length], name)) return line[name.Length..];
            rest = rest[(end + 2)..];
        }
        return [];
    }

    /// <summary>Puts the chunks of a body together, in place.</summary>
    ReadOnlySpan<byte> Chunks(int start)
    {
        var (to, from) = (start, start);
        while (true)
        {
            int end;
            while ((end = buffer.AsSpan(from, filled - from).IndexOf("\r\n"u8)) < 0) Fill();
            if (!Utf8Parser.TryParse(buffer.AsSpan(from, end), out int bytes, out _, 'x')) throw new InvalidDataException("No chunk.");
            from += end + 2;
            while (filled < from + bytes + 2) Fill();
            if (bytes == 0) return buffer.AsSpan(start, to - start);
            buffer.AsSpan(from, bytes).CopyTo(buffer.AsSpan(to));
            to += bytes;
            from += bytes + 2;
        }
    }

    void Fill()
    {
        if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
        var got = socket.Receive(buffer.AsSpan(filled));
        if (got == 0) throw new InvalidDataException("The daemon closed the connection.");
        filled += got;
    }

    public void Dispose() => socket.Dispose();
}

/// <summary>An answer in its connection's buffer.</summary>
readonly ref struct Answer(int status, ReadOnlySpan<byte> body)
{
    public int Status { get; } = status;
    public ReadOnlySpan<byte> Body { get; } = body;

    /// <summary>The first member with this name that is a text: <c>Member("\"id\":"u8)</c>; empty when there is none.</summary>
    public ReadOnlySpan<byte> Member(ReadOnlySpan<byte> quotedName)
    {
        var at = Body.IndexOf(quotedName);
        if (at < 0) return [];
        var rest = Body[(at + quotedName.Length)..].TrimStart((byte)' ');
        return rest.IsEmpty || rest[0] != '"' ? [] : rest[1..][..rest[1..].IndexOf((byte)'"')];
    }

    /// <exception cref="InvalidDataException">Another status: what was measured would not be what is meant.</exception>
    public Answer Must(int status) => Status == status
        ? this
        : throw new InvalidDataException($"HTTP {Status} instead of {status}: {Encoding.UTF8.GetString(Body[..Math.Min(Body.Length, 500)])}");
}

/// <summary>Requests to one daemon, as bytes.</summary>
/// <param name="token">Null: none is shown.</param>
sealed class Requests(int port, string? token = null, string project = "admin")
{
    readonly string project = "/v3/" + project;

    public byte[] Create { get; } = Of(port, token, "POST", $"/v3/{project}/volumes", """{"volume": {"size": 1, "name": "bench", "description": null, "metadata": {}}}""");

    public byte[] Post(string path, string body) => Of(port, token, "POST", project + path, body);

    public byte[] Get(string path) => Of(port, token, "GET", project + path);

    public byte[] Delete(string path) => Of(port, token, "DELETE", project + path);

    static byte[] Of(int port, string? token, string method, string path, string? body = null) => Encoding.UTF8.GetBytes(
        $"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\nOpenStack-API-Version: volume 3.70\r\n"
        + (token is null ? "" : $"X-Auth-Token: {token}\r\n")
        + (body is null ? "\r\n" : $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));
}
