using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Clinker.Server.Configuration;

namespace Clinker.Server.Api.Network;

/// <summary>[ssl]: the files by which the API shows who it is, and knows who may connect.</summary>
/// <param name="Certificate">cert_file: its certificate, and those between that and an authority.</param>
/// <param name="Key">key_file: its private key, without a password.</param>
/// <param name="Authorities">ca_file: only whose certificate is of one of these may connect; null: anybody.</param>
sealed record TlsFiles(string Certificate, string Key, string? Authorities)
{
    /// <summary>Their names.</summary>
    public IReadOnlyList<string> All => Authorities is null ? [Certificate, Key] : [Certificate, Key, Authorities];

    /// <summary>What handshakes need, of what the files hold now.</summary>
    /// <exception cref="IOException">They can't be read, don't hold what they should, or do not belong together; the message names the file.</exception>
    public SslServerAuthenticationOptions Options()
    {
        var text = Text(Certificate);
        var chain = Certificates(Certificate, text);
        var certificate = Own(text, Text(Key));
        return new SslServerAuthenticationOptions
        {
            // Offline: what is sent is what is in the file; nothing is fetched.
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, [.. chain.Skip(1)], offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            ClientCertificateRequired = Authorities is not null,
            CertificateChainPolicy = Authorities is null ? null : CertificateFile.Trusting(Certificates(Authorities, Text(Authorities))),
        };
    }

    X509Certificate2 Own(string certificate, string key)
    {
        try { return X509Certificate2.CreateFromPem(certificate, key); }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new IOException($"{Key}: there is no private key in it that belongs to the certificate in {Certificate} and needs no password", e);
        }
    }

    static X509Certificate2Collection Certificates(string file, string text)
    {
        var certificates = new X509Certificate2Collection();
        try { certificates.ImportFromPem(text); }
        catch (CryptographicException e) { throw new IOException($"{file}: a certificate in it can't be read", e); }
        return certificates.Count > 0 ? certificates : throw new IOException($"{file}: there is no certificate in it");
    }

    static string Text(string file)
    {
        try { return File.ReadAllText(file); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new IOException($"{file} can't be read: {e.Message}", e); }
    }
}
