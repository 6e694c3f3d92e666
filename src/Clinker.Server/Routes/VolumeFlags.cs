using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What is noted of a volume: bootable, readonly, and what is known of its image.</summary>
static class VolumeFlags
{
    const string SetImageRule = "volume_extension:volume_image_metadata:set";
    const string RemoveImageRule = "volume_extension:volume_image_metadata:remove";

    static readonly Form<bool> Bootable = new(
        Must.Object(Must.Required("bootable", Must.Flag)), body => body.Flag("bootable")!.Value);

    static readonly Form<bool> Readonly = new(
        Must.Object(Must.Required("readonly", Must.Flag)), body => body.Flag("readonly")!.Value);

    static readonly Form<IReadOnlyDictionary<string, string>> ImageWords = new(
        Must.Object(Must.Required("metadata", Must.Words(values: Must.LongText))), body => body.GetProperty("metadata").Words());

    static readonly Form<string> ImageKey = new(Must.Object(Must.Required("key", Must.Text(min: 1))), body => body.Text("key")!);

    static readonly Form<bool> Nothing = new(Must.Anything, _ => true);

    public static void Map(RouteTable api)
    {
        api.Action("volume_set_bootable", "/volumes/{id}", "os-set_bootable", Bootable, SetBootable, rule: Row("volume:update"), success: 200);
        api.Action("volume_set_readonly", "/volumes/{id}", "os-update_readonly_flag", Readonly, SetReadonly,
            rule: Row("volume:update_readonly_flag"));
        api.Action("volume_image_metadata_show", "/volumes/{id}", "os-show_image_metadata", Nothing, ShowImage,
            rule: Row("volume:get_volume_metadata"));
        api.Action("volume_image_metadata_set", "/volumes/{id}", "os-set_image_metadata", ImageWords, SetImage, rule: Row(SetImageRule));
        api.Action("volume_image_metadata_unset", "/volumes/{id}", "os-unset_image_metadata", ImageKey, UnsetImage,
            rule: Row(RemoveImageRule), success: 200);
    }

    static Task SetBootable(Call call, string id, bool bootable) => call.Db.Commit(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        call.Demand("volume:update", volume.ProjectId, volume.UserId);
        Volumes.DemandUpdatable(volume);
        await tx.Volumes.SetBootable(id, bootable);
    });

    static Task SetReadonly(Call call, string id, bool readOnly) => call.Db.Commit(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        call.Demand("volume:update_readonly_flag", volume.ProjectId, volume.UserId);
        await tx.Volumes.Move(id, VolumeRules.SetReadonly);
        await tx.Volumes.SetAdminMetadata(
            id, new Dictionary<string, string>(volume.AdminMetadata) { ["readonly"] = readOnly ? "True" : "False" });
    });

    static Task<Entries> ShowImage(Call call, string id, bool _) => call.Db.Read(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id);
        call.Demand("volume:get_volume_metadata", volume.ProjectId, volume.UserId);
        return new Entries("metadata", volume.ImageMetadata);
    });

    static Task<Entries> SetImage(Call call, string id, IReadOnlyDictionary<string, string> more) => call.Db.Commit(async tx =>
    {
        var volume = await Changeable(tx, call, id, "Updating", SetImageRule, "volume:update_volume_metadata");
        var words = new Dictionary<string, string>(volume.ImageMetadata);
        foreach (var (key, value) in more) words[key] = value;
        await tx.Volumes.SetImageMetadata(id, words);
        return new Entries("metadata", words);
    });

    static Task UnsetImage(Call call, string id, string key) => call.Db.Commit(async tx =>
    {
        var volume = await Changeable(
            tx, call, id, "Deleting", RemoveImageRule, "volume:get_volume_metadata", "volume:delete_volume_metadata");
        if (!volume.ImageMetadata.ContainsKey(key))
            throw new Fault.Missing($"Glance metadata for volume/snapshot {id} cannot be found.").Thrown();
        await tx.Volumes.SetImageMetadata(id, volume.ImageMetadata.Where(w => w.Key != key).ToDictionary());
    });

    static async Task<Volume> Changeable(Tx tx, Call call, string id, string gerund, params string[] rules)
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        foreach (var rule in rules) call.Demand(rule, volume.ProjectId, volume.UserId);
        Volumes.DemandMetadataChangeable(volume, gerund);
        return volume;
    }
}
