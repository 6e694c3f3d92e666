using System.Net.Http.Headers;
using Clinker.Server.Configuration;

namespace Clinker.Server.Outside;

/// <summary>How other services are connected to.</summary>
static class Connections
{
    /// <summary>How much of an answer that is read as a whole is taken.</summary>
    public const int MaxAnswerBytes = 1 << 20;

    /// <summary>A client whose users see to deadlines, and that follows no answer elsewhere: tokens go nowhere else.</summary>
    /// <param name="most">Connections to one server.</param>
    public static HttpClient Client(int most, Action<SocketsHttpHandler>? with = null)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = most,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // a name may come to mean another address
        };
        with?.Invoke(handler);
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("clinkerd", null));
        return client;
    }

    /// <summary>Trusts what [keystone_authtoken] or [nova] says.</summary>
    public static void Trust(SocketsHttpHandler handler, KeystoneSettings settings)
    {
        if (settings.Insecure)
        {
#pragma warning disable CA5359 // that is what the option says
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (settings.Authorities is { } authorities) handler.SslOptions.CertificateChainPolicy = CertificateFile.Trusting(authorities);
    }
}
