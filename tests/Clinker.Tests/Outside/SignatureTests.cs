using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Configuration;
using Clinker.Server.Outside;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Outside;

/// <summary>
/// Signed images: with keys and certificates that OpenSSL made, as their owners make them, a Barbican that keeps the certificates and a Glance that
/// keeps the images.
/// </summary>
public sealed class SignatureTests : IAsyncDisposable
{
    const string Certificate = "7f0b7a4e-3a2b-4f0e-9a55-1f5ad4a3b6c7";
    static readonly CancellationToken Go = CancellationToken.None;

    readonly string folder = Directory.CreateTempSubdirectory("clinker-signatures-").FullName;
    readonly FakeGlance glances = new();
    readonly FakeBarbican keys = new();
    readonly Glance glance;
    readonly Barbican barbican;
    readonly ImageConversion conversion;
    readonly byte[] data = RandomNumberGenerator.GetBytes((5 << 20) + 17);

    public SignatureTests()
    {
        glance = new(new([glances.Url], Retries: 0, TimeSpan.FromSeconds(5)), (_, _) => new((string?)null));
        barbican = new(new(keys.Url, new Sought("key-manager", "public", null)), null, TimeProvider.System, NullLogger.Instance);
        conversion = new(new(In("scratch"), Disabled: false, TimeSpan.FromSeconds(60), 1L << 30));
        File.WriteAllBytes(In("data"), data);
    }

    string In(string name) => Path.Combine(folder, name);

    static async Task OpenSsl(params string[] arguments)
    {
        var result = await Processes.Run("openssl", arguments, TimeSpan.FromSeconds(60));
        Assert.True(result.ExitCode == 0, $"openssl {string.Join(' ', arguments)}: {result.Error}");
    }

    /// <summary>Makes a key and its certificate, which Barbican gets, and signs a file.</summary>
    async Task<string> Sign(string algorithm, string digest = "sha256", string of = "data", bool der = false, params string[] how)
    {
        if (algorithm == "dsa")
        {
            await OpenSsl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048", "-out", In("parameters"));
            await OpenSsl("genpkey", "-paramfile", In("parameters"), "-out", In("key"));
        }
        else if (algorithm == "rsa") await OpenSsl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", In("key"));
        else await OpenSsl("genpkey", "-algorithm", "EC", "-pkeyopt", $"ec_paramgen_curve:{algorithm}", "-out", In("key"));
        await OpenSsl("req", "-x509", "-key", In("key"), "-subj", "/CN=signer", "-out", In("certificate"), "-outform", der ? "DER" : "PEM", "-days", "10");
        keys.Secrets[Certificate] = (await File.ReadAllBytesAsync(In("certificate")), der ? "application/octet-stream" : "text/plain");
        await OpenSsl(["dgst", $"-{digest}", "-sign", In("key"), .. how, "-out", In("signature"), In(of)]);
        return Convert.ToBase64String(await File.ReadAllBytesAsync(In("signature")));
    }

    static readonly string[] Pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"];

    string Give(string signature, string keyType = "RSA-PSS", string hash = "SHA-256", byte[]? bytes = null, Action<JsonObject>? with = null) =>
        glances.Give(bytes ?? data, with: i =>
        {
            i["img_signature"] = signature;
            i["img_signature_hash_method"] = hash;
            i["img_signature_key_type"] = keyType;
            i["img_signature_certificate_uuid"] = Certificate;
            with?.Invoke(i);
        });

    ImageCopies Copies(bool verifies = true, Certificates? certificates = null) =>
        new(glance, conversion, verifies ? new(certificates ?? barbican, TimeProvider.System) : null);

    async Task<byte[]> Written(string id, ImageCopies? copies = null)
    {
        using var into = new MemoryStream();
        await (copies ?? Copies()).Fill(await glance.Get(id, null, Go), 1)(async (at, piece) =>
        {
            into.Position = at;
            await into.WriteAsync(piece);
        }, Go);
        return into.ToArray();
    }

    async Task<Fault> Refusal(string id, ImageCopies? copies = null) => (await Assert.ThrowsAsync<FaultException>(() => Written(id, copies))).Fault;

    async Task IsBad(string id, string why, ImageCopies? copies = null)
    {
        var fault = Assert.IsType<Fault.BadSignature>(await Refusal(id, copies));
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        Assert.Equal($"The signature of image {id} can't be verified.", fault.ForUsers);
        Assert.False(fault.Transient);
    }

    [Theory, InlineData("sha256", "SHA-256", "max"), InlineData("sha384", "SHA-384", "max"), InlineData("sha512", "SHA-512", "max"), InlineData("sha512", "SHA-512", "digest")]
    public async Task One_by_rsa_is_verified(string digest, string hash, string salt)
    {
        var id = Give(await Sign("rsa", digest, how: ["-sigopt", "rsa_padding_mode:pss", "-sigopt", $"rsa_pss_saltlen:{salt}"]), hash: hash);
        Assert.Equal(data, await Written(id));
        Assert.True(Copies().Verifies(await glance.Get(id, null, Go)));
    }

    [Theory, InlineData("secp384r1", "ECC_SECP384R1"), InlineData("secp521r1", "ECC_SECP521R1"), InlineData("dsa", "DSA")]
    public async Task One_by_another_key_is_verified(string algorithm, string keyType)
    {
        Assert.Equal(data, await Written(Give(await Sign(algorithm, der: true), keyType)));
        await File.WriteAllBytesAsync(In("other"), data[1..]);
        await IsBad(Give(await Sign(algorithm, of: "other"), keyType), "none of these bytes");
    }

    [Fact]
    public async Task One_of_other_bytes_is_refused_at_the_end_of_them()
    {
        var signature = await Sign("rsa", how: Pss);
        var changed = data.ToArray();
        changed[^1] ^= 1;
        await IsBad(Give(signature, bytes: changed), "none of these bytes");
        var bits = Convert.FromBase64String(signature);
        bits[10] ^= 1;
        await IsBad(Give(Convert.ToBase64String(bits)), "none of these bytes");
        await IsBad(Give(Convert.ToBase64String(bits[1..])), "none of these bytes");
        await IsBad(Give("not base64"), "not base64");
        await IsBad(Give(await Sign("rsa")), "none of these bytes"); // PKCS #1 v1.5
    }

    [Fact]
    public async Task What_is_not_known_is_refused_before_anything_is_read()
    {
        var signature = await Sign("rsa", how: Pss);
        await IsBad(Give(signature, hash: "SHA-224"), "SHA-224 is not known here");
        await IsBad(Give(signature, hash: "MD5"), "MD5 is not known here");
        await IsBad(Give(signature, keyType: "RSA"), "key type RSA is not known");
        await IsBad(Give(signature, keyType: "DSA"), "the certificate's key is none for DSA");
        await IsBad(Give(signature, keyType: "ECC_SECP384R1"), "the certificate's key is none for ECC_SECP384R1");
        await IsBad(Give(signature, with: i => i.Remove("img_signature_key_type")), "it has no property img_signature_key_type");
        Assert.DoesNotContain(glances.Asked, a => a.Path.EndsWith("/file", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_past_its_time_is_none()
    {
        var id = Give(await Sign("rsa", how: Pss));
        using var key = RSA.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(In("key")));
        foreach (var year in (int[])[2020, 2120])
        {
            using var other = new CertificateRequest("CN=signer", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                .CreateSelfSigned(new(year, 1, 1, 0, 0, 0, TimeSpan.Zero), new(year + 1, 1, 1, 0, 0, 0, TimeSpan.Zero));
            keys.Secrets[Certificate] = (Encoding.ASCII.GetBytes(other.ExportCertificatePem()), "text/plain");
            await IsBad(id, $"is good from {year}-01-01 00:00:00Z to {year + 1}-01-01 00:00:00Z");
        }
        keys.Secrets[Certificate] = (Encoding.ASCII.GetBytes("no certificate"), "text/plain");
        await IsBad(Give("AAAA"), "is no certificate that can be read here");
    }

    [Fact]
    public async Task Without_the_certificate_it_is_refused_and_a_key_manager_that_is_away_is_waited_for()
    {
        var id = Give(await Sign("rsa", how: Pss));
        foreach (var status in (int[])[500, 503, 429])
        {
            keys.Fails = status;
            Assert.True(Assert.IsType<Fault.Unavailable>(await Refusal(id)).Transient);
        }
        keys.Fails = 403;
        await IsBad(id, "does not let the daemon's user read");
        keys.Fails = null;
        Assert.Equal(data, await Written(id));
        keys.Secrets.Clear();
        await IsBad(id, $"Certificate {Certificate} could not be found");
        using var nowhere = new Barbican(new(null, new Sought("key-manager", "public", null)), null, TimeProvider.System, NullLogger.Instance);
        await IsBad(id, "does not say where the key manager is", Copies(certificates: nowhere));
        await keys.DisposeAsync();
        Assert.True(Assert.IsType<Fault.Unavailable>(await Refusal(id)).Transient);
    }

    [Fact]
    public async Task It_is_of_the_images_bytes_whatever_the_disk_in_it()
    {
        var result = await Processes.Run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", In("data"), In("image")], TimeSpan.FromSeconds(60));
        Assert.True(result.ExitCode == 0, result.Error);
        var image = await File.ReadAllBytesAsync(In("image"));
        var signature = await Sign("rsa", of: "image", how: Pss);
        Assert.Equal(data, (await Written(Give(signature, bytes: image, with: i => i["disk_format"] = "qcow2")))[..data.Length]);
        await IsBad(Give(await Sign("rsa", how: Pss), bytes: image, with: i => i["disk_format"] = "qcow2"), "none of these bytes");
        Assert.Empty(Directory.EnumerateFileSystemEntries(In("scratch")));
    }

    [Fact]
    public async Task Where_they_are_not_verified_nothing_is_asked_and_what_is_kept_of_it_is_taken_for_another()
    {
        var id = Give("rubbish");
        var image = await glance.Get(id, null, Go);
        Assert.Equal(data, await Written(id, Copies(verifies: false)));
        Assert.Equal((null, 0), (Copies(verifies: false).Verifies(image), keys.Asked));
        ImageContent taken = Copies(verifies: false).ContentOf(image), verified = Copies().ContentOf(image);
        Assert.Equal(taken.ImageId, verified.ImageId);
        Assert.NotEqual(taken.Hash, verified.Hash);
        Assert.NotEqual(verified.Hash, Copies().ContentOf(image with { Properties = new Dictionary<string, string>(image.Properties) { ["img_signature"] = "another" } }).Hash);

        var plain = await glance.Get(glances.Give(data), null, Go); // nobody has signed it
        Assert.Equal(data, await Written(plain.Id));
        Assert.False(Copies().Verifies(plain));
        Assert.Equal(Copies(verifies: false).ContentOf(plain), Copies().ContentOf(plain));
    }

    public async ValueTask DisposeAsync()
    {
        glance.Dispose();
        barbican.Dispose();
        conversion.Dispose();
        await glances.DisposeAsync();
        await keys.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
