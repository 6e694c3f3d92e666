using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Clinker.Server.Api.Network;

/// <summary>How many connections there may be, in all and from one address. One too many is closed at once.</summary>
/// <param name="most">In all; 0 for any number.</param>
/// <param name="mostOfOne">From one address (of IPv6: one /64); 0 for any number.</param>
/// <param name="proxies">Trusted ones: the connections of many, which <paramref name="mostOfOne"/> does not bind.</param>
sealed partial class ConnectionLimits(int most, int mostOfOne, IReadOnlyList<IPNetwork> proxies, TimeProvider time, ILogger log)
{
    /// <summary>The log says no more often than this that connections are refused.</summary>
    static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    readonly Lock mutex = new();
    readonly Dictionary<IPAddress, int> ofOne = []; // bounded by the connections that there are
    int all;
    int untold;
    long? told;

    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var address = mostOfOne > 0 && connection.RemoteEndPoint is IPEndPoint { Address: var from } && !Addresses.IsIn(proxies, Addresses.Plain(from))
            ? Addresses.Holder(from) : null;
        if (!Enter(address))
        {
            connection.Abort();
            return;
        }
        try { await next(connection); }
        finally { Leave(address); }
    }

    bool Enter(IPAddress? address)
    {
        lock (mutex)
        {
            var his = address is null ? 0 : ofOne.GetValueOrDefault(address);
            var tooMany = most > 0 && all >= most ? Of("max_connections", most)
                : address is not null && his >= mostOfOne ? $"{Of("max_connections_per_address", mostOfOne)}, {address}"
                : null;
            if (tooMany is not null)
            {
                Tell(tooMany);
                return false;
            }
            all++;
            if (address is not null) ofOne[address] = his + 1;
            return true;
        }
    }

    static string Of(string option, int count) => $"{option} = {count}";

    void Leave(IPAddress? address)
    {
        lock (mutex)
        {
            all--;
            if (address is null) return;
            if (ofOne[address] == 1) ofOne.Remove(address);
            else ofOne[address]--;
        }
    }

    void Tell(string why)
    {
        untold++;
        var now = time.GetTimestamp();
        if (told is { } before && time.GetElapsedTime(before, now) < Pause) return;
        Log.Refused(log, untold, why);
        (told, untold) = (now, 0);
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} connections were refused since this was said last; one of them by {Why}")]
        public static partial void Refused(ILogger log, int count, string why);
    }
}
