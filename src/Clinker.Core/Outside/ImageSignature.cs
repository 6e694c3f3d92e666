using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>
/// What an image's owner says of it with his key, in four of its properties (docs.openstack.org/glance/latest/user/signature.html): a signature
/// of its bytes, and where the certificate is that it is to be verified by.
/// </summary>
/// <param name="KeyType">RSA-PSS, DSA or ECC_ and a curve's name: as cursive (signature_utils.py), the key is only asked which of the three it is.</param>
/// <param name="CertificateId">The key manager's.</param>
public sealed record ImageSignature(string Signature, string HashMethod, string KeyType, string CertificateId)
{
    const string Prefix = "img_signature";

    /// <summary>Null: nobody has signed it.</summary>
    /// <exception cref="FaultException">BadSignature: not all of it is there (cinder/image/image_utils.py, verify_glance_image_signature).</exception>
    public static ImageSignature? Of(Image image)
    {
        string[] names = [Prefix, Prefix + "_hash_method", Prefix + "_key_type", Prefix + "_certificate_uuid"];
        if (names.All(n => !image.Properties.ContainsKey(n))) return null;
        if (names.FirstOrDefault(n => !image.Properties.ContainsKey(n)) is { } missing) throw Bad(image.Id, $"it has no property {missing}.");
        return new(image.Properties[names[0]], image.Properties[names[1]], image.Properties[names[2]], image.Properties[names[3]]);
    }

    /// <summary>What is told of a volume with the image (cinder/volume/flows/manager/create_volume.py).</summary>
    public const string VerifiedKey = "signature_verified";

    /// <summary>As Cinder writes it.</summary>
    public static string VerifiedWord(bool verified) => verified ? "True" : "False";

    internal static FaultException Bad(string imageId, string why, Exception? cause = null) => new Fault.BadSignature(imageId, why).Thrown(cause);
}

/// <summary>Where certificates are kept (OpenStack's key manager).</summary>
public abstract class Certificates
{
    /// <summary>A certificate, as PEM or DER, as this service may have it.</summary>
    /// <exception cref="FaultException">Unavailable: it does not answer now; NotFound, Invalid, Misconfigured.</exception>
    public abstract Task<byte[]> Get(string id, CancellationToken stop);
}

/// <summary>A signature of an image, and the key to it. The image's bytes are hashed by <see cref="Algorithm"/> as they pass.</summary>
sealed class ImageVerifier : IDisposable
{
    /// <summary>What a modulus may have at most, in bytes: everybody may keep certificates.</summary>
    const int MaxModulusBytes = 16384 / 8, MaxExponentBytes = 8;

    readonly string imageId;
    readonly byte[] signature;
    readonly X509Certificate2 certificate;
    readonly Func<byte[], bool> isRight;
    readonly AsymmetricAlgorithm key;

    ImageVerifier(string imageId, ImageSignature signed, X509Certificate2 certificate)
    {
        this.imageId = imageId;
        this.certificate = certificate;
        Algorithm = signed.HashMethod switch
        {
            "SHA-256" => HashAlgorithmName.SHA256,
            "SHA-384" => HashAlgorithmName.SHA384,
            "SHA-512" => HashAlgorithmName.SHA512,
            _ => throw ImageSignature.Bad(imageId, $"the hash method {signed.HashMethod} is not known here: SHA-256, SHA-384 and SHA-512 are."),
        };
        try { signature = Convert.FromBase64String(signed.Signature); }
        catch (FormatException e) { throw ImageSignature.Bad(imageId, "it is not base64.", e); }
        switch (signed.KeyType)
        {
            case "RSA-PSS":
                var rsa = certificate.GetRSAPublicKey() ?? throw AnotherKey();
                (key, isRight) = (rsa, d => IsRight(rsa, d));
                break;
            case "DSA":
                var dsa = certificate.GetDSAPublicKey() ?? throw AnotherKey();
                (key, isRight) = (dsa, d => dsa.VerifySignature(d, signature, DSASignatureFormat.Rfc3279DerSequence));
                break;
            case var type when type.StartsWith("ECC_", StringComparison.Ordinal):
                var ec = certificate.GetECDsaPublicKey() ?? throw AnotherKey();
                (key, isRight) = (ec, d => ec.VerifyHash(d, signature, DSASignatureFormat.Rfc3279DerSequence));
                break;
            default:
                throw ImageSignature.Bad(imageId, $"the key type {signed.KeyType} is not known here: RSA-PSS, DSA and ECC_… are.");
        }

        FaultException AnotherKey() => ImageSignature.Bad(imageId, $"the certificate's key is none for {signed.KeyType}.");
    }

    public HashAlgorithmName Algorithm { get; }

    /// <summary>Gets the certificate, before anything of the image is read.</summary>
    /// <exception cref="FaultException">BadSignature; Unavailable: the key manager does not answer now.</exception>
    public static async Task<ImageVerifier> For(string imageId, ImageSignature signed, Certificates? certificates, DateTimeOffset now, CancellationToken stop)
    {
        if (certificates is null) throw ImageSignature.Bad(imageId, "no key manager is known here that keeps its certificate.");
        byte[] kept;
        try { kept = await certificates.Get(signed.CertificateId, stop); }
        catch (FaultException e) when (!e.Fault.Transient) { throw ImageSignature.Bad(imageId, $"its certificate can't be had. {e.Message}", e); }
        X509Certificate2? certificate = null;
        try
        {
            certificate = X509CertificateLoader.LoadCertificate(kept);
            if (now < certificate.NotBefore.ToUniversalTime() || now > certificate.NotAfter.ToUniversalTime())
                throw ImageSignature.Bad(imageId, $"its certificate {signed.CertificateId} is good from {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}.");
            return new(imageId, signed, certificate);
        }
        catch (CryptographicException e)
        {
            certificate?.Dispose();
            throw ImageSignature.Bad(imageId, $"{signed.CertificateId} is no certificate that can be read here.", e);
        }
        catch
        {
            certificate?.Dispose();
            throw;
        }
    }

    /// <exception cref="FaultException">BadSignature: it is none of these bytes.</exception>
    public void Demand(byte[] digest)
    {
        bool right;
        try { right = isRight(digest); }
        catch (CryptographicException e) { throw ImageSignature.Bad(imageId, "it can't be read.", e); }
        if (!right) throw ImageSignature.Bad(imageId, "it is none of these bytes by that key.");
    }

    /// <summary>
    /// EMSA-PSS-VERIFY (RFC 8017, 8.1.2 and 9.1.2) with any length of salt: signers of images take the longest there is, which .NET does not verify.
    /// Nothing of it is secret.
    /// </summary>
    bool IsRight(RSA rsa, byte[] digest)
    {
        var (n, e) = rsa.ExportParameters(false) is { Modulus: { Length: <= MaxModulusBytes } modulus, Exponent: { Length: <= MaxExponentBytes } exponent }
            ? (Number(modulus), Number(exponent)) : throw new CryptographicException("The key is too large.");
        var s = Number(signature);
        var bits = (int)(n.GetBitLength() - 1);
        var (length, hash) = ((bits + 7) / 8, digest.Length);
        if (signature.Length != (bits + 8) / 8 || s >= n || length < hash + 2) return false;
        var encoded = BigInteger.ModPow(s, e, n).ToByteArray(isUnsigned: true, isBigEndian: true);
        if (encoded.Length > length) return false;
        var message = new byte[length];
        encoded.CopyTo(message, length - encoded.Length);
        var masked = message.AsSpan(0, length - hash - 1);
        var seed = message.AsSpan(length - hash - 1, hash);
        var unused = (8 * length) - bits;
        if (message[^1] != 0xbc || masked[0] >> (8 - unused) != 0) return false;
        for (var (i, at) = (0, 0); at < masked.Length; i++)
        {
            byte[] block = [.. seed, (byte)(i >> 24), (byte)(i >> 16), (byte)(i >> 8), (byte)i];
            foreach (var b in CryptographicOperations.HashData(Algorithm, block))
                if (at < masked.Length) masked[at++] ^= b;
        }
        masked[0] &= (byte)(0xff >> unused);
        var salt = masked.IndexOfAnyExcept((byte)0);
        if (salt < 0 || masked[salt] != 1) return false;
        byte[] all = [.. new byte[8], .. digest, .. masked[(salt + 1)..]];
        return seed.SequenceEqual(CryptographicOperations.HashData(Algorithm, all));

        static BigInteger Number(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);
    }

    public void Dispose()
    {
        key.Dispose();
        certificate.Dispose();
    }
}
