using System.Net;
using System.Net.Sockets;

namespace Clinker.Cli.Checks;

/// <summary>Whether a name is known and a port answers, within a few seconds.</summary>
internal static class Reach
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>The addresses of a name.</summary>
    /// <returns>Addresses, or why there are none.</returns>
    public static async Task<(IPAddress[] Addresses, string? Why)> Resolve(string host)
    {
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            var all = await Dns.GetHostAddressesAsync(host, limit.Token);
            return all.Length > 0 ? (all, null) : (all, "has no address");
        }
        catch (SocketException e)
        {
            return ([], e.Message);
        }
        catch (OperationCanceledException)
        {
            return ([], $"the name servers did not answer within {Patience.TotalSeconds} s");
        }
    }

    /// <returns>Why nobody can be talked to at this port; null when somebody can.</returns>
    public static async Task<string?> Connect(string host, int port)
    {
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(host, port, limit.Token);
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused ? "refuses connections: nothing listens there" : e.Message;
        }
        catch (OperationCanceledException)
        {
            return $"does not answer within {Patience.TotalSeconds} s: a firewall drops the packets, or the host is down";
        }
    }

    /// <summary>Whether an address is one of this host's.</summary>
    public static bool IsHere(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
