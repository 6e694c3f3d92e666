using System.Security.Cryptography.X509Certificates;

namespace Clinker.Server.Configuration;

/// <summary>[keystone_authtoken]: where the identity service is, who this daemon is there, and what it makes of tokens.</summary>
sealed record KeystoneSettings
{
    /// <summary>Where the document is that leads to the third API, with a slash at its end; null where auth_url names that API itself.</summary>
    public Uri? Discovery { get; init; }
    /// <summary>Where the third API is, unless that document says otherwise: with <c>/v3/</c> at its end.</summary>
    public required Uri AuthUrl { get; init; }
    /// <summary>Where those are sent who have no valid token, as it is written.</summary>
    public required string WwwAuthenticateUri { get; init; }
    /// <summary>The body of the daemon's own <c>POST /v3/auth/tokens</c>. It holds a password: bytes, so that nothing prints it.</summary>
    public required byte[] SignIn { get; init; }
    /// <summary>Whose certificates are trusted; null for those that the system trusts.</summary>
    public X509Certificate2Collection? Authorities { get; init; }
    /// <summary>Any certificate will do.</summary>
    public bool Insecure { get; init; }
    /// <summary>How long a request waits for Keystone.</summary>
    public required TimeSpan Deadline { get; init; }
    /// <summary>How long what Keystone said of a token is believed; zero: each request asks.</summary>
    public required TimeSpan CacheTime { get; init; }
    /// <summary>A service token has one of these roles; in lower case.</summary>
    public required IReadOnlyList<string> ServiceRoles { get; init; }
    /// <summary>Whether a request with a service token that has none of them is refused.</summary>
    public bool ServiceRolesRequired { get; init; }
    /// <summary>By which types access rules of application credentials name this service.</summary>
    public required IReadOnlyList<string> ServiceTypes { get; init; }
}
