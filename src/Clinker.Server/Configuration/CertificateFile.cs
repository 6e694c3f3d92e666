using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Clinker.Server.Configuration;

/// <summary>Certificates of authorities: a file of them, and what it is to trust them.</summary>
static class CertificateFile
{
    public static readonly Kind<X509Certificate2Collection> Kind = new("the absolute path of a PEM file",
        (string path, out X509Certificate2Collection value) =>
        {
            value = [];
            if (!Path.IsPathFullyQualified(path)) return "";
            try
            {
                value.ImportFromPemFile(path);
                return value.Count == 0 ? "there is no certificate in it" : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return $"it can't be read: {e.Message}"; }
            catch (CryptographicException) { return "a certificate in it can't be read"; }
        });

    /// <summary>Only these are trusted, and nothing is fetched to find out more.</summary>
    public static X509ChainPolicy Trusting(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }
}
