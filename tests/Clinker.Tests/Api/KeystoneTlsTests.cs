using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Clinker.Server.Configuration;
using Clinker.Server.Outside;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Whose certificate Keystone may have.</summary>
public sealed class KeystoneTlsTests : IDisposable
{
    readonly X509Certificate2 certificate;
    readonly string authorities = Path.GetTempFileName();
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    int requests;

    public KeystoneTlsTests()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(authorities, certificate.ExportCertificatePem());
        listener.Start();
        _ = Serve();
    }

    /// <summary>Says to everybody that he may, whatever he asks.</summary>
    async Task Serve()
    {
        while (true)
        {
            TcpClient client;
            try { client = await listener.AcceptTcpClientAsync(); }
            catch (Exception e) when (e is SocketException or ObjectDisposedException) { return; }
            using (client)
            {
                try
                {
                    await using var stream = new SslStream(client.GetStream());
                    await stream.AuthenticateAsServerAsync(certificate);
                    var read = await stream.ReadAsync(new byte[16384]);
                    if (read == 0) continue;
                    requests++;
                    const string body = """{"token": {"user": {"id": "ann"}, "expires_at": "2099-01-01T00:00:00.000000Z"}}""";
                    var status = requests == 1 ? "201 Created" : "200 OK";
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nX-Subject-Token: own\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
                    await stream.ShutdownAsync();
                }
                catch (Exception e) when (e is IOException or AuthenticationException) { /* the other side does not trust us */ }
            }
        }
    }

    Keystone Of(string lines)
    {
        var settings = Configuration.Given.Of($"""
            [DEFAULT]
            enabled_backends = m
            auth_strategy = keystone
            [m]
            volume_driver = memory
            [keystone_authtoken]
            auth_url = https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/v3
            auth_type = v3applicationcredential
            application_credential_id = x
            application_credential_secret = y
            http_connect_timeout = 30
            {lines}

            """).Keystone!;
        return new Keystone(settings, TimeProvider.System, NullLogger.Instance);
    }

    [Fact]
    public async Task Of_an_authority_in_the_file_it_may_be()
    {
        using var keystone = Of($"cafile = {authorities}");
        Assert.Equal("ann", (await keystone.Validate("t", allowExpired: false))!.UserId);
    }

    [Fact]
    public async Task Of_an_unknown_authority_it_may_not_be_and_nothing_is_told_to_it()
    {
        using var keystone = Of("");
        await Assert.ThrowsAsync<KeystoneDown>(() => keystone.Validate("t", allowExpired: false));
        Assert.Equal(0, requests);
    }

    [Fact]
    public async Task Of_anybody_it_may_be_where_that_is_said()
    {
        using var keystone = Of("insecure = true");
        Assert.NotNull(await keystone.Validate("t", allowExpired: false));
    }

    public void Dispose()
    {
        listener.Dispose();
        certificate.Dispose();
        File.Delete(authorities);
    }
}
