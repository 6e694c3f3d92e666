using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api.Network;

/// <summary>
/// How a request was sent, and by whom: as the connection and the Host header say, or, where it comes from a trusted proxy, as that
/// says in <c>Forwarded</c> (RFC 7239), else in <c>X-Forwarded-For</c>, <c>-Proto</c>, <c>-Host</c>; and <c>-Prefix</c>
/// (oslo_middleware/http_proxy_to_wsgi.py, which believes everybody). Where both are there, they have to name the same client. What is no scheme, host or prefix is as if it were not there.
/// </summary>
/// <param name="Prefix">What the path had in front when the client sent it; empty, or with a slash at its beginning and none at its end.</param>
/// <param name="Client">
/// The last address on the way that is no trusted proxy's, or the first proxy's where it does not say whom it forwards; null for a
/// connection that has none.
/// </param>
sealed partial record Sent(string Scheme, string Host, string Prefix, IPAddress? Client)
{
    const int LongestHost = 261;
    const int LongestPrefix = 512;

    /// <param name="proxies">The trusted ones.</param>
    public static Sent Of(HttpContext http, IReadOnlyList<IPNetwork> proxies)
    {
        var request = http.Request;
        var peer = http.Connection.RemoteIpAddress is { } address ? Addresses.Plain(address) : null;
        var direct = new Sent(request.Scheme, request.Host.Value ?? "", "", peer);
        if (peer is null || !Addresses.IsIn(proxies, peer)) return direct;
        var headers = request.Headers;
        var prefix = headers["X-Forwarded-Prefix"].ToString();
        var (forwarded, @for) = (headers["Forwarded"].ToString(), headers["X-Forwarded-For"].ToString());
        var usual = direct.Behind(
            Hop.Of(@for, headers["X-Forwarded-Proto"].ToString(), headers["X-Forwarded-Host"].ToString()), prefix, proxies);
        if (forwarded.Length == 0) return usual;
        var standard = direct.Behind(Hop.OfForwarded(forwarded), prefix, proxies);
        if (@for.Length == 0 || Equals(standard.Client, usual.Client)) return standard;
        // A proxy writes the one and lets the other through as its client wrote it; which, nobody knows.
        return usual with { Client = peer };
    }

    /// <param name="hops">The nearest first. Each was written by the proxy that the one before it is of; so the first that forwards for no proxy is the last to be believed.</param>
    Sent Behind(IReadOnlyList<Hop> hops, string prefix, IReadOnlyList<IPNetwork> proxies)
    {
        var (client, first) = (Client, default(Hop));
        foreach (var hop in hops)
        {
            first = hop;
            if (hop.Address is not { } address) break;
            client = address;
            if (!Addresses.IsIn(proxies, address)) break;
        }
        return new(
            first.Proto?.ToLowerInvariant() is "http" or "https" ? first.Proto.ToLowerInvariant() : Scheme,
            first.Host is { Length: <= LongestHost } host && HostPattern().IsMatch(host) ? host : Host,
            prefix.Length <= LongestPrefix && PrefixPattern().IsMatch(prefix) ? prefix.TrimEnd('/') : "",
            client);
    }

    [GeneratedRegex(@"\A([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?\z")] private static partial Regex HostPattern();
    [GeneratedRegex(@"\A(/[A-Za-z0-9._~-]+)+/?\z")] private static partial Regex PrefixPattern();
}
