using System.Text.Json;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Types;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Images of volumes, and volumes anew from images.</summary>
static class VolumeImages
{
    const string UploadRule = "volume_extension:volume_actions:upload_image";
    const string PublicRule = "volume_extension:volume_actions:upload_public";

    public static void Map(RouteTable api)
    {
        api.Action("volume_upload_image", "/volumes/{id}", "os-volume_upload_image", ImageOfVolume.Form, Upload, rule: Row(UploadRule), success: 202);
        api.Action("volume_reimage", "/volumes/{id}", "os-reimage", Reimaging.Form, Reimage, rule: Row("volume:reimage"), since: 68);
    }

    /// <summary>
    /// The work is accepted first, with the image's id, and waits until the image's record is there: what happens in between leaves
    /// no record without its work, nor a volume without either.
    /// </summary>
    static async Task<UploadShape> Upload(Call call, string id, ImageOfVolume want)
    {
        var (imageId, operation) = (call.Ids.New(), call.Ids.New());
        var (volume, type) = await call.Db.Commit(async tx =>
        {
            var now = await Volumes.Visible(tx, call, id, @lock: true);
            call.Demand(UploadRule, now.ProjectId, now.UserId);
            if (want.Visibility == "public") call.Demand(PublicRule, now.ProjectId, now.UserId);
            _ = ImageReference.Service(call);
            if (want.ContainerFormat == Image.Compressed && !call.Settings.CompressedUpload)
                throw new Fault.Invalid("Images are not compressed here (allow_compression_on_image_upload): container_format must be bare.").Thrown();
            var rule = want.Force && call.Settings.ForceUpload ? VolumeRules.UploadEvenInUse : VolumeRules.Upload;
            var moved = await UploadVolume.Accept(tx, id, imageId, want.DiskFormat, rule, operation, call.RequestId);
            return (moved, moved.VolumeTypeId is { } its ? await tx.Types.Find(its) : null);
        });
        var image = await Record(call, ImageReference.Service(call), volume, want, imageId, operation);
        await call.Db.Commit(tx => tx.Operations.Defer(operation, tx.Now));
        return new UploadShape(volume, type, image, withVisibility: call.Supports(Behaviour.UploadVisibility));
    }

    static async Task<Image> Record(Call call, Images images, Volume volume, ImageOfVolume want, string imageId, string operation)
    {
        using var limit = call.Limit();
        try
        {
            return await images.Create(
                new(imageId, want.Name, want.DiskFormat, want.ContainerFormat, want.Visibility, want.Protected, PassedOn(call, volume)),
                call.Caller.Token, limit.Token);
        }
        catch (FaultException e) when (e.NothingDone)
        {
            await call.Db.Commit(tx => UploadVolume.Withdraw(tx, volume.Id, operation, e.Fault));
            throw e.Fault is Fault.NotFound ? new Fault.Invalid(e.Message).Thrown() : e;
        }
        catch (FaultException)
        {
            await call.Db.Commit(tx => tx.Operations.Defer(operation, tx.Now)); // whether there is one after all it finds out
            throw;
        }
    }

    /// <summary>
    /// What is known of the volume's image beyond what each image has by itself; not what was signed, since that is another, nor what the image service
    /// keeps for itself: an image that was imported has such words, and who gives them is refused (cinder.image.glance, GLANCE_RESERVED_NAMESPACES).
    /// </summary>
    static Dictionary<string, string> PassedOn(Call call, Volume volume) => volume.ImageMetadata
        .Where(w => !call.Settings.ImageCoreProperties.Contains(w.Key) && !w.Key.StartsWith("img_signature", StringComparison.Ordinal)
            && !w.Key.StartsWith("os_glance", StringComparison.Ordinal) && w.Key != ImageSignature.VerifiedKey).ToDictionary();

    static async Task Reimage(Call call, string id, Reimaging want)
    {
        var rule = want.Reserved ? VolumeRules.ReimageEvenReserved : VolumeRules.Reimage;
        var volume = await call.Db.Read(tx => Volumes.Visible(tx, call, id));
        Demand(volume);
        if (!rule.Allows(volume.Status)) throw rule.Refused(id, volume.Status);
        var image = await ImageReference.Get(call, want.ImageId);
        image.Demand(volume.SizeGb);
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            Demand(await Volumes.Visible(tx, call, id, @lock: true));
            await ReimageVolume.Accept(tx, id, image.Id, rule, operation, call.RequestId);
        });

        void Demand(Volume now) => call.Demand(now.Status == VolumeStatus.Reserved ? "volume:reimage_reserved" : "volume:reimage", now.ProjectId, now.UserId);
    }

    /// <param name="Visibility">Null for what the image service takes then.</param>
    sealed record ImageOfVolume(string Name, bool Force, string DiskFormat, string ContainerFormat, string? Visibility, bool? Protected)
    {
        public static readonly Form<ImageOfVolume> Form = new(
            Must.Object(
                Must.Required("image_name", Must.Text(min: 1)),
                Must.Optional("force", Must.Flag),
                Must.Optional("disk_format", Must.OneOf("raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop")),
                Must.Optional("container_format", Must.Description),
                Must.Optional("visibility", Must.OneOf("community", "public", "private", "shared"), since: Behaviour.UploadVisibility),
                Must.Optional("protected", Must.Flag, since: Behaviour.UploadVisibility)).AndAlso(Container),
            Read);

        static ImageOfVolume Read(JsonElement body) => new(
            body.Text("image_name")!, body.Flag("force") ?? false, body.Text("disk_format") ?? ImageFormats.Raw, body.Text("container_format") ?? Image.Bare,
            body.Text("visibility"), body.Flag("protected"));

        static string? Container(JsonElement body) => body.Text("container_format") is null or Image.Bare or Image.Compressed
            ? null
            : "Volumes are uploaded as they are or compressed by gzip: container_format must be bare or compressed.";
    }

    sealed record Reimaging(string ImageId, bool Reserved)
    {
        public static readonly Form<Reimaging> Form = new(
            Must.Object(Must.Required("image_id", Must.Uuid), Must.Optional("reimage_reserved", Must.Flag)),
            body => new(body.Text("image_id")!, body.Flag("reimage_reserved") ?? false));
    }
}
