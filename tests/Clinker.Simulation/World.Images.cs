using System.Security.Cryptography.X509Certificates;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What users ask of images, accepted as the API accepts it.</summary>
sealed partial class World
{
    public ImageShelf Images { get; } = new();

    /// <summary>By which images are verified; null: they are not.</summary>
    public X509Certificate2? Signer { get; set; }

    /// <summary>What daemons work with, without trouble.</summary>
    public ImageCopies CopiesOfImages(Func<string, Task> touch) =>
        new(new MemoryImages(Images, touch), new(new(Path.GetTempPath(), Disabled: true, TimeSpan.FromMinutes(1), 1L << 30)),
            Signer is null ? null : new(new MemoryCertificates(Signer, touch), Time));

    sealed class MemoryCertificates(X509Certificate2 only, Func<string, Task> touch) : Certificates
    {
        public override async Task<byte[]> Get(string id, CancellationToken stop)
        {
            await touch("certificate");
            return only.RawData;
        }
    }

    /// <param name="recorded">Whether the request comes to making the image's record.</param>
    public async Task Upload(Volume volume, bool recorded = true)
    {
        Later();
        var (image, operation) = (ids.New(), ids.New());
        await Db.Commit(tx => UploadVolume.Accept(tx, volume.Id, image, "raw", VolumeRules.UploadEvenInUse, operation, "req-8"));
        if (recorded) await Record(image, operation);
    }

    /// <summary>The request has made the record of the image of an upload.</summary>
    public async Task Record(string image, string operation)
    {
        await new MemoryImages(Images, _ => Task.CompletedTask).Create(
            new(image, "made", "raw", "bare", null, null, Volume.EmptyMetadata), null, CancellationToken.None);
        await Db.Commit(tx => tx.Operations.Defer(operation, tx.Now));
    }

    public Task Reimage(Volume volume, string image, Rule? rule = null)
    {
        Later();
        return Db.Commit(tx => ReimageVolume.Accept(tx, volume.Id, image, rule ?? VolumeRules.Reimage, ids.New(), "req-9"));
    }

    /// <summary>Those that were made of volumes.</summary>
    IEnumerable<string> ImagesMade() => Images.Records.Values.Where(i => !Images.Given.Contains(i.Id))
        .Select(i => $"image {i.Status} {Images.Contents.GetValueOrDefault(i.Id)}".TrimEnd());
}
