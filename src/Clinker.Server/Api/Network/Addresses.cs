using System.Net;
using System.Net.Sockets;

namespace Clinker.Server.Api.Network;

/// <summary>Addresses of those who call.</summary>
static class Addresses
{
    /// <summary>An IPv4 address in IPv6's clothes as what it is: a socket that listens on <c>::</c> shows all of them so.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>
    /// Whom limits count as one: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address of a /64 has them all
    /// (RFC 6177).
    /// </summary>
    public static IPAddress Holder(IPAddress address)
    {
        address = Plain(address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    /// <param name="address">A plain one.</param>
    public static bool IsIn(IReadOnlyList<IPNetwork> networks, IPAddress address)
    {
        foreach (var network in networks)
            if (network.Contains(address)) return true;
        return false;
    }
}
