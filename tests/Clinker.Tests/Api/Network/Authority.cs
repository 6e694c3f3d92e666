using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Clinker.Tests.Api.Network;

/// <summary>An authority of certificates for a test, with one between it and those.</summary>
sealed class Authority : IDisposable
{
    readonly DateTimeOffset now = TimeProvider.System.GetUtcNow();
    readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly ECDsa middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly X509Certificate2 middle;

    public Authority(string name)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        Root = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(2));
        request = new CertificateRequest($"CN={name} below", middleKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        middle = request.Create(Root, now.AddDays(-1), now.AddDays(2), [1]);
    }

    public X509Certificate2 Root { get; }

    /// <summary>The certificate in the middle, as PEM.</summary>
    public string Middle => middle.ExportCertificatePem();

    /// <summary>A certificate from below the middle, without that, and its key, both as PEM.</summary>
    public (string Certificate, string Key) Issue(string name, byte serial = 1, bool rsa = false, string? purpose = null)
    {
        using AsymmetricAlgorithm own = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = own is RSA r ? new CertificateRequest($"CN={name}", r, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)own, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        if (purpose is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        using var issued = request.Create(middle.SubjectName, X509SignatureGenerator.CreateForECDsa(middleKey), now.AddDays(-1), now.AddDays(1), [serial]);
        return (issued.ExportCertificatePem(), own.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        Root.Dispose();
        middle.Dispose();
        key.Dispose();
        middleKey.Dispose();
    }
}
