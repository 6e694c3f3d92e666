using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>The stories of images.</summary>
sealed partial record Story
{
    const string ImageId = "aaaaaaaa-0000-4000-8000-000000000001";

    static IEnumerable<Story> OfImages
    {
        get
        {
            var create = new Story("CreateFromImage", AnImage, (w, _) => w.Create(source: new VolumeSource.OfImage(ImageId)), "available 1 new", "error 1");
            var upload = new Story("Upload", AVolume, (w, s) => w.Upload(s.Volume!), "available 1 old; image active old", "available 1 old");
            var reimage = new Story("Reimage", AVolumeAndAnImage, (w, s) => w.Reimage(s.Volume!, ImageId),
                "available 1 new", "error 1 new", "error 1 old", "available 1 old");
            return
            [
                create,
                ThatFails(create, "create filled: publish", "error 1"),
                new("CreateFromOtherImage", AnImageThatIsAnother, (w, _) => w.Create(source: new VolumeSource.OfImage(ImageId)), "error 1"),
                new("CreateFromNoImage", Nothing, (w, _) => w.Create(source: new VolumeSource.OfImage(ImageId)), "error 1"),
                upload,
                ThatFails(upload, "image: stored", "available 1 old"),
                new("UploadWithoutRecord", AVolume, (w, s) => w.Upload(s.Volume!, recorded: false), "available 1 old"),
                new("UploadInUse", AUse, (w, s) => w.Upload(s.Volume!), "in-use 1 old; image active old", "in-use 1 old"),
                reimage,
                ThatFails(reimage, "refill: publish", "error 1 old", "available 1 old"),
            ];
        }
    }

    static Task<Scene> AnImage(World world)
    {
        world.Images.Give(ImageId, "new");
        return Nothing(world);
    }

    /// <summary>One whose bytes are others than those that were promised.</summary>
    static Task<Scene> AnImageThatIsAnother(World world)
    {
        world.Images.Give(ImageId, "new", promised: "old");
        return Nothing(world);
    }

    static Task<Scene> AVolumeAndAnImage(World world)
    {
        world.Images.Give(ImageId, "new");
        return AVolume(world);
    }
}
