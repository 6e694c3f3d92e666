using System.Security.Cryptography.X509Certificates;
using Clinker.Server.Outside;

namespace Clinker.Server.Configuration;

/// <summary>[keystone_authtoken] or [nova]: where the identity service is, who this daemon is there, and what it makes of tokens.</summary>
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
    /// <summary>The service that the catalogue is read for; null: it is not asked for.</summary>
    public Sought? Seeks { get; init; }
}

/// <summary>A service, as Keystone's catalogue names it.</summary>
/// <param name="Interface">public, internal or admin.</param>
/// <param name="Region">Null: any.</param>
sealed record Sought(string Type, string Interface, string? Region)
{
    /// <summary>Where it is, with a slash at its end; null when it is not there.</summary>
    public Uri? In(KeystoneJson.Service[]? catalogue) =>
        (catalogue ?? []).Where(s => s?.Type == Type).SelectMany(s => s.Endpoints ?? [])
            .Where(e => e?.Interface == Interface && (Region is null || Region == (e.RegionId ?? e.Region)))
            .Select(e => Uri.TryCreate(e.Url?.TrimEnd('/') + "/", UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null)
            .FirstOrDefault(u => u is not null);
}
