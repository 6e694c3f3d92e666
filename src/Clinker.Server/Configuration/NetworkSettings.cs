using System.Net;
using Clinker.Server.Api.Network;

namespace Clinker.Server.Configuration;

/// <summary>How the API stands in the network: what is of no matter while it listens on loopback alone.</summary>
sealed record NetworkSettings
{
    /// <summary>Null: plain HTTP.</summary>
    public TlsFiles? Tls { get; init; }
    /// <summary>Whose word on forwarded requests counts; empty where nobody's does.</summary>
    public required IReadOnlyList<IPNetwork> TrustedProxies { get; init; }
    /// <summary>Null: pages of other sites may do nothing.</summary>
    public Cors? Cors { get; init; }
    /// <summary>Requests a second; 0 for any number.</summary>
    public required int AddressRate { get; init; }
    /// <summary>Requests a second; 0 for any number.</summary>
    public required int ProjectRate { get; init; }
    /// <summary>0 for any number.</summary>
    public required int MaxConnections { get; init; }
    /// <summary>0 for any number.</summary>
    public required int MaxConnectionsPerAddress { get; init; }
}
