using Clinker.Host;
using Clinker.Server.Api.Network;
using Clinker.Server.Routes;
using Clinker.Store;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Clinker.Server.Api;

/// <summary>
/// The API on its addresses: Kestrel with one application on it. No host, no container and no middleware, so that a daemon
/// starts in milliseconds and stays small.
/// </summary>
sealed class ApiHost : IAsyncDisposable
{
    /// <summary>How long running requests have to end when the daemon stops.</summary>
    static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    readonly KestrelServer kestrel;
    readonly bool tls;
    bool stopped;

    ApiHost(KestrelServer kestrel, bool tls) => (this.kestrel, this.tls) = (kestrel, tls);

    /// <summary>Starts to listen.</summary>
    /// <exception cref="IOException">An address is taken or not ours; the message names it.</exception>
    public static Task<ApiHost> Start(Database db, Ids ids, TimeProvider time, ILoggerFactory logs, ApiSettings settings) =>
        Start(new Edge(AllRoutes.Table(), db, settings, time, ids, logs), time, logs);

    static async Task<ApiHost> Start(Edge edge, TimeProvider time, ILoggerFactory logs)
    {
        var settings = edge.Settings;
        var options = new KestrelServerOptions { AddServerHeader = false };
        // The edge reads bodies itself and answers those that are too long in Cinder's form.
        options.Limits.MaxRequestBodySize = null;
        options.Limits.RequestHeadersTimeout = settings.HeadersTimeout;
        var limits = new ConnectionLimits(settings.MaxConnections, settings.MaxConnectionsPerAddress, settings.TrustedProxies, time,
            logs.CreateLogger(typeof(ConnectionLimits).FullName!));
        var tls = settings.Tls is { } source
            ? new TlsConnections(source, settings.HandshakeTimeout, logs.CreateLogger(typeof(TlsConnections).FullName!)) : null;
        foreach (var address in settings.Listen)
            options.Listen(address, listen =>
            {
                listen.Use(next => connection => limits.Serve(connection, next));
                if (tls is not null) listen.Use(next => connection => tls.Serve(connection, next));
            });
        var sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), logs);
        var kestrel = new KestrelServer(Options.Create(options), sockets, logs);
        try
        {
            await kestrel.StartAsync(new Application(edge), CancellationToken.None);
        }
        catch
        {
            kestrel.Dispose();
            throw;
        }
        return new ApiHost(kestrel, tls is not null);
    }

    /// <summary>Where it listens first, e.g. <c>https://127.0.0.1:8776</c>; with port 0, with the port that it got.</summary>
    public string Address
    {
        get
        {
            var plain = kestrel.Features.Get<IServerAddressesFeature>()!.Addresses.First(); // it does not know of our TLS
            return tls ? "https" + plain[plain.IndexOf(':', StringComparison.Ordinal)..] : plain;
        }
    }

    /// <summary>Takes no new connection and waits for running requests; those still running when the token ends are broken off.</summary>
    public async Task Stop(CancellationToken token)
    {
        stopped = true;
        await kestrel.StopAsync(token);
    }

    public async ValueTask DisposeAsync()
    {
        if (!stopped)
        {
            using var grace = new CancellationTokenSource(Grace);
            await Stop(grace.Token);
        }
        kestrel.Dispose();
    }

    sealed class Application(Edge edge) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => edge.Handle(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
            // Nothing is kept beyond the request.
        }
    }
}
