using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Clinker.Server.Configuration;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Clinker.Server.Api.Network;

/// <summary>
/// TLS on each connection, before HTTP. (Kestrel's own, UseHttps, wants a container with Kestrel's metrics in it, which there is not
/// without a host.)
/// </summary>
/// <param name="patience">How long a handshake may take.</param>
sealed partial class TlsConnections(Watched<SslServerAuthenticationOptions> source, TimeSpan patience, ILogger log)
{
    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var plain = connection.Transport;
        await using var tls = new SslStream(new DuplexStream(plain), leaveInnerStreamOpen: true);
        try
        {
            using var limit = new CancellationTokenSource(patience);
            await tls.AuthenticateAsServerAsync(source.Current, limit.Token);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException)
        {
            Log.NoHandshake(log, connection.RemoteEndPoint, e.Message); // anybody can make this happen, as often as he likes
            return;
        }
        var encrypted = new Encrypted(tls);
        connection.Features.Set<ITlsConnectionFeature>(encrypted); // by which links say https
        connection.Features.Set<ITlsApplicationProtocolFeature>(encrypted);
        connection.Transport = encrypted;
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = plain;
            await encrypted.End();
        }
    }

    /// <summary>The inside of an encrypted connection.</summary>
    sealed class Encrypted(SslStream tls) : IDuplexPipe, ITlsConnectionFeature, ITlsApplicationProtocolFeature
    {
        public PipeReader Input { get; } = PipeReader.Create(tls, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));
        public PipeWriter Output { get; } = PipeWriter.Create(tls, new StreamPipeWriterOptions(leaveOpen: true));

        public ReadOnlyMemory<byte> ApplicationProtocol => tls.NegotiatedApplicationProtocol.Protocol;

        public X509Certificate2? ClientCertificate { get; set; } = tls.RemoteCertificate as X509Certificate2;

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);

        public async Task End()
        {
            try
            {
                await Input.CompleteAsync();
                await Output.CompleteAsync();
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException) { /* the other side has gone before */ }
        }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Debug, Message = "No TLS with {Peer}: {Why}")]
        public static partial void NoHandshake(ILogger log, EndPoint? peer, string why);
    }
}
