using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Clinker.Conformance;

/// <summary>An answer as it came over the wire.</summary>
sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonNode Json => JsonNode.Parse(Body)!;

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public override string ToString() => $"{Status} {Text}";
}

/// <summary>
/// HTTP written by hand, a connection for each request: a client library would put right, or refuse, just what is to be sent.
/// </summary>
sealed class Wire(int port)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>What is sent as X-Auth-Token; null for nothing.</summary>
    public string? Token { get; init; }

    public Task<Answer> Get(string target, string? version = null) => Send("GET", target, (byte[]?)null, version);

    public Task<Answer> Send(string method, string target, string? body, string? version = null, params string[] headers) =>
        Send(method, target, body is null ? null : Encoding.UTF8.GetBytes(body), version, headers);

    /// <param name="target">As it stands in the request line.</param>
    /// <param name="version">Of the API, <c>3.70</c>; null for none.</param>
    /// <param name="headers">Whole lines. One that names the content type or the version takes the usual one's place.</param>
    public async Task<Answer> Send(string method, string target, byte[]? body, string? version = null, params string[] headers)
    {
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
        foreach (var line in headers) head.Append(line).Append("\r\n");
        if (Token is not null) head.Append(CultureInfo.InvariantCulture, $"X-Auth-Token: {Token}\r\n");
        if (version is not null) head.Append(CultureInfo.InvariantCulture, $"OpenStack-API-Version: volume {version}\r\n");
        if (body is not null)
        {
            if (!Names(headers, "Content-Type")) head.Append("Content-Type: application/json\r\n");
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n");
        }
        else if (method is "POST" or "PUT" && !Names(headers, "Transfer-Encoding") && !Names(headers, "Content-Length")) head.Append("Content-Length: 0\r\n");
        head.Append("\r\n");
        return await Exchange([.. Encoding.Latin1.GetBytes(head.ToString()), .. body ?? []], method);
    }

    /// <summary>Sends bytes and reads one answer to its end.</summary>
    public async Task<Answer> Exchange(byte[] request, string method = "GET")
    {
        using var socket = await Connect();
        try { await socket.SendAsync(request); }
        catch (SocketException) { /* it has heard enough: the answer is there to be read */ }
        return await Read(socket, method);
    }

    public async Task<Socket> Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    /// <summary>Reads an answer until it is whole.</summary>
    public static async Task<Answer> Read(Socket socket, string method)
    {
        using var limit = new CancellationTokenSource(Patience);
        var bytes = new List<byte>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            if (Whole(bytes, method) is { } answer) return answer;
            int read;
            try { read = await socket.ReceiveAsync(buffer, limit.Token); }
            catch (SocketException) { read = 0; }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No whole answer within {Patience.TotalSeconds} s; so far: {Encoding.UTF8.GetString([.. bytes])}");
            }
            if (read == 0) throw new IOException($"The answer broke off: {Encoding.UTF8.GetString([.. bytes])}");
            bytes.AddRange(buffer.AsSpan(0, read));
        }
    }

    static Answer? Whole(List<byte> bytes, string method)
    {
        var all = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes);
        var end = all.IndexOf("\r\n\r\n"u8);
        if (end < 0) return null;
        var lines = Encoding.Latin1.GetString(all[..end]).Split("\r\n");
        var status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
        if (status == 100)
        {
            bytes.RemoveRange(0, end + 4);
            return Whole(bytes, method);
        }
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
        var length = method == "HEAD" || status == 204 || !headers.TryGetValue("Content-Length", out var text)
            ? 0
            : int.Parse(text, CultureInfo.InvariantCulture);
        if (headers.ContainsKey("Transfer-Encoding")) throw new IOException("An answer in chunks: its length should have been known.");
        return bytes.Count - end - 4 < length ? null : new(status, headers, all.Slice(end + 4, length).ToArray());
    }

    static bool Names(string[] headers, string name) => headers.Any(h => h.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase));
}
