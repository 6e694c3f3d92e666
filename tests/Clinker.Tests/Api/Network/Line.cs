using System.Net.Sockets;
using System.Text;

namespace Clinker.Tests.Api.Network;

/// <summary>A connection by hand: what a client library would not send.</summary>
sealed class Line : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly TcpClient socket = new();

    public static async Task<Line> To(string address)
    {
        var line = new Line();
        var uri = new Uri(address);
        try { await line.socket.ConnectAsync(uri.Host, uri.Port); }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset) { /* taken and closed at once */ }
        return line;
    }

    /// <exception cref="IOException">The other side has closed it.</exception>
    public async Task Send(string text)
    {
        if (!socket.Connected) throw new IOException("It is closed.");
        await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));
    }

    /// <summary>The next answer with its body, as it stands there; "" where the connection ends instead.</summary>
    public async Task<string> Answer()
    {
        var text = new StringBuilder();
        while (!Whole(text.ToString()))
        {
            if (await Next() is not { } next) return "";
            text.Append(next);
        }
        return text.ToString();
    }

    static bool Whole(string text)
    {
        var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0) return false;
        if (text.StartsWith("HTTP/1.1 100", StringComparison.Ordinal)) return true;
        var length = text.Split("\r\n").First(l => l.StartsWith("Content-Length: ", StringComparison.Ordinal))[16..];
        return text.Length == head + 4 + int.Parse(length, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>What comes until the other side ends it.</summary>
    public async Task<string> Rest()
    {
        var text = new StringBuilder();
        while (await Next() is { } next) text.Append(next);
        return text.ToString();
    }

    async Task<string?> Next()
    {
        if (!socket.Connected) return null;
        var buffer = new byte[16 * 1024];
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var read = await socket.GetStream().ReadAsync(buffer, limit.Token);
            return read == 0 ? null : Encoding.Latin1.GetString(buffer, 0, read);
        }
        catch (IOException) { return null; }
    }

    public void Dispose() => socket.Dispose();
}
