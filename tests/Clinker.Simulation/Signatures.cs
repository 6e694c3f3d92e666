using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Clinker.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>Volumes of images that are signed, as their owners see them.</summary>
public sealed class Signatures : IDisposable
{
    const string ImageId = "aaaaaaaa-0000-4000-8000-000000000001";

    readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    readonly X509Certificate2 certificate;

    public Signatures() => certificate = new CertificateRequest("CN=signer", key, HashAlgorithmName.SHA256)
        .CreateSelfSigned(new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose()
    {
        certificate.Dispose();
        key.Dispose();
    }

    /// <summary>A world that verifies, and an image in it.</summary>
    /// <param name="signed">Whose signature the image has; null: none.</param>
    async Task<World> Given(string? signed, params (int, Trouble)[] troubles)
    {
        var world = await World.New(separate: false, troubles);
        world.Signer = certificate;
        var image = world.Images.Give(ImageId, "new");
        if (signed is not null)
            world.Images.Records[ImageId] = image with
            {
                Properties = new Dictionary<string, string>
                {
                    ["img_signature"] = Convert.ToBase64String(key.SignData(Encoding.Latin1.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)),
                    ["img_signature_hash_method"] = "SHA-256",
                    ["img_signature_key_type"] = "ECC_SECP384R1",
                    ["img_signature_certificate_uuid"] = "c",
                },
            };
        return world;
    }

    [Theory, InlineData("new", "True"), InlineData(null, "False")]
    public async Task A_volume_says_whether_its_image_was_verified(string? signed, string word)
    {
        await using var world = await Given(signed);
        var volume = await world.Create(source: new VolumeSource.OfImage(ImageId));
        await world.RunUntilQuiet();
        Assert.Equal("available 1 new", await world.Outcome());
        Assert.Equal(word, (await world.Db.Read(tx => tx.Volumes.Get(volume.Id))).ImageMetadata[ImageSignature.VerifiedKey]);
        await world.Reimage(volume, ImageId);
        await world.RunUntilQuiet();
        Assert.Equal(word, (await world.Db.Read(tx => tx.Volumes.Get(volume.Id))).ImageMetadata[ImageSignature.VerifiedKey]);
        await world.Hold("verified");
    }

    [Fact]
    public async Task Where_nothing_is_verified_nothing_is_said()
    {
        await using var world = await Given("old");
        world.Signer = null;
        var volume = await world.Create(source: new VolumeSource.OfImage(ImageId));
        await world.RunUntilQuiet();
        Assert.Equal("available", await world.StatusOf(volume));
        Assert.DoesNotContain(ImageSignature.VerifiedKey, (await world.Db.Read(tx => tx.Volumes.Get(volume.Id))).ImageMetadata.Keys);
    }

    [Fact]
    public async Task One_of_other_bytes_leaves_nothing_and_its_owner_is_told()
    {
        await using var world = await Given("old");
        var volume = await world.Create(source: new VolumeSource.OfImage(ImageId));
        await world.RunUntilQuiet();
        Assert.Equal("error 1", await world.Outcome());
        var message = Assert.Single(await world.Db.Read(async tx => await tx.Messages.List(new() { ProjectId = "p", Limit = 10 })));
        Assert.Equal(("VOLUME_VOLUME_005_011", $"copy image to volume: The signature of image {ImageId} can't be verified."), (message.EventId, message.Text));
        Assert.Contains("none of these bytes", await world.WhyOf(volume), StringComparison.Ordinal);
        await world.Hold("not verified");

        var old = await world.Create(); // what a volume held it holds
        await world.RunUntilQuiet();
        world.Shares.Write(old.Id, "old");
        await world.Reimage(old, ImageId);
        await world.RunUntilQuiet();
        Assert.Equal(("error", "old"), (await world.StatusOf(old), world.Shares.Find(old.Id)!.Content));
        await world.Hold("not re-imaged");
    }

    /// <summary>At every point, and with a key manager that does not answer.</summary>
    [Fact]
    public async Task Whatever_goes_wrong_it_is_verified_or_nothing_is_left()
    {
        var runs = 0;
        foreach (var trouble in new[] { Trouble.Cut, Trouble.Away, Trouble.Failure })
            for (var at = 0; ; at++)
            {
                await using var world = await Given("new", (at, trouble));
                var volume = await world.Create(source: new VolumeSource.OfImage(ImageId));
                await world.RunUntilQuiet();
                await world.Hold($"{trouble} at {at}");
                var row = await world.Db.Read(tx => tx.Volumes.Get(volume.Id));
                if (trouble is not Trouble.Failure) Assert.Equal("available", row.Status);
                Assert.Equal(row.Status == "available" ? "True" : null, row.ImageMetadata.GetValueOrDefault(ImageSignature.VerifiedKey));
                runs++;
                if (!world.HadAllTroubles) break;
            }
        Assert.True(runs > 40, $"only {runs} runs");
    }
}
