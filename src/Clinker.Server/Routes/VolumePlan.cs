using Clinker.Groups;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>
/// What a request for a volume comes to: names have become rows, size, type and zone are settled. Nothing is written. The
/// order of the checks is Cinder's (cinder/api/v3/volumes.py create; cinder/volume/flows/api/create_volume.py).
/// </summary>
/// <param name="Origin">What it is made from; null for an empty one.</param>
/// <param name="Named">Whether the request named the type, so that it may have been deleted meanwhile.</param>
/// <param name="Group">The group that it is to be in.</param>
sealed record VolumePlan(
    VolumeCreate Want, int SizeGb, VolumeType Type, bool Named, string Zone, VolumeOrigin? Origin, Group? Group, VolumeView View)
{
    const string MinSize = "provisioning:min_vol_size";
    const string MaxSize = "provisioning:max_vol_size";
    const string TypeZones = "RESKEY:availability_zones";

    /// <exception cref="FaultException">What the user got wrong.</exception>
    public static async Task<VolumePlan> For(Call call, VolumeCreate want)
    {
        if (want.ImageRef is not { } reference) return await For(call, want, null);
        call.Demand("volume:create_from_image");
        return await For(call, want, await ImageReference.Find(call, reference)); // before the database is asked: Glance may take its time
    }

    static Task<VolumePlan> For(Call call, VolumeCreate want, Image? image) => call.Db.Read(async tx =>
    {
        var named = string.IsNullOrEmpty(want.VolumeType) ? null : await VolumeTypes.Named(tx, call, want.VolumeType);
        var group = await InGroup(tx, call, want);
        var origin = await VolumeOrigin.Find(tx, call, want, image);
        if (want.Multiattach)
            throw Refusal.BadRequest("multiattach parameter has been removed. The default behavior is to use multiattach enabled "
                + "volume types. Contact your administrator to create a multiattach enabled volume type and use it to create "
                + "multiattach volumes.");
        var services = await tx.Services.List();
        if (named is not null && origin is not null) await origin.DemandType(tx, named, services);
        if (group is not null) DemandFit(call, group, named);
        if ((want.Size ?? origin?.SizeGb) is not { } size)
            throw Fault.Invalid.Input("Volume size 'None' must be an integer and greater than 0").Thrown();
        origin?.DemandSize(size);
        var type = named ?? (origin?.TypeId is { } its ? await tx.Types.Find(its) : null)
            ?? (image is null ? null : await OfImage(tx, call, image)) ?? await VolumeTypes.Default(tx, call);
        await DemandPlain(tx, type);
        FitSize(type, size);
        if (VolumeType.IsMultiattach(type.ExtraSpecs)) call.Demand("volume:multiattach");
        var zone = Place(call, type, services, want.AvailabilityZone ?? origin?.Zone);
        origin?.DemandZone(zone);
        return new VolumePlan(want, size, type, named is not null, zone, origin, group,
            VolumeView.Of(call, [type], services) with { ConsistencyGroups = group is { IsConsistencyGroup: true } ? new HashSet<string> { group.Id } : [] });
    });

    /// <exception cref="FaultException">Invalid: volumes of this type would be encrypted.</exception>
    public static async Task DemandPlain(Tx tx, VolumeType type)
    {
        if (await tx.Encryptions.Find(type.Id) is not null)
            throw new Fault.Invalid($"Volume type {type.Name} is encrypted, and no key manager is configured.").Thrown();
    }

    public VolumeSource? Source => Origin?.Source;

    public Volume ToVolume(Call call) => new()
    {
        Id = call.Ids.New(),
        ProjectId = call.ProjectId,
        UserId = call.Caller.UserId,
        Name = Want.Name,
        Description = Want.Description,
        SizeGb = SizeGb,
        Status = VolumeStatus.Creating,
        VolumeTypeId = Type.Id,
        AvailabilityZone = Zone,
        Multiattach = VolumeType.IsMultiattach(Type.ExtraSpecs),
        GroupId = Group?.Id,
        SnapshotId = (Source as VolumeSource.OfSnapshot)?.Id,
        SourceVolumeId = (Source as VolumeSource.OfVolume)?.Id,
        Bootable = Origin?.Bootable ?? false,
        ImageMetadata = Origin?.ImageMetadata ?? Volume.EmptyMetadata,
        Metadata = Want.Metadata ?? Origin?.Metadata ?? Volume.EmptyMetadata,
        CreatedAt = call.Now,
    };

    /// <summary>The type that an image's owner wants for volumes of it, if the caller may use it.</summary>
    static async Task<VolumeType?> OfImage(Tx tx, Call call, Image image)
    {
        if (image.Properties.GetValueOrDefault("cinder_img_volume_type") is not { Length: > 0 } name) return null;
        try { return await VolumeTypes.Named(tx, call, name); }
        catch (FaultException e) when (e.Fault is Fault.NotFound) { return null; } // as Cinder: the default one, then
    }

    static async Task<Group?> InGroup(Tx tx, Call call, VolumeCreate want)
    {
        var older = want.ConsistencyGroupId is { } consistency ? await ConsistencyGroups.Find(tx, call, consistency) : null;
        return want.GroupId is { } group && call.Supports(Behaviour.GroupInCreate) ? await Groups.Visible(tx, call, group) : older;
    }

    /// <summary>Whether a group takes a volume of this type (cinder/volume/api.py, create).</summary>
    static void DemandFit(Call call, Group group, VolumeType? named)
    {
        var kind = group.IsConsistencyGroup ? "consistency group" : "group";
        var why = named is null ? $"volume_type must be provided when creating a volume in a {kind}."
            : !group.VolumeTypes.Contains(named.Id)
                ? $"Invalid volume_type provided: {named.Id} (requested type must be supported by this {kind})."
            : group.ProjectId != call.ProjectId ? $"The volume and {kind} {group.Id} would belong to different projects."
            : null;
        if (why is not null) throw Fault.Invalid.Input(why).Thrown();
    }

    /// <summary>Whether a type lets its volumes be so large.</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public static void FitSize(VolumeType type, int size)
    {
        if (type.ExtraSpecs.TryGetValue(MinSize, out var min) && int.TryParse(min, out var least) && size < least)
            throw Fault.Invalid.Input($"Specified volume size of '{size}' is less than the minimum required size of '{min}' for "
                + $"volume type '{type.Name}'.").Thrown();
        if (type.ExtraSpecs.TryGetValue(MaxSize, out var max) && int.TryParse(max, out var most) && size > most)
            throw Fault.Invalid.Input($"Specified volume size of '{size}' is greater than the maximum allowable size of '{max}' for "
                + $"volume type '{type.Name}'.").Thrown();
    }

    /// <summary>The zone: what is asked for, if the type and the services have it; else the default one.</summary>
    static string Place(Call call, VolumeType type, IReadOnlyList<Service> services, string? asked)
    {
        var known = Zones(call, services);
        if (type.ExtraSpecs.GetValueOrDefault(TypeZones) is { } list)
        {
            var zones = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            known.IntersectWith(zones);
            if (known.Count == 0)
                throw new Fault.Invalid("Volume type is only supported in these availability zones: "
                    + $"[{string.Join(", ", zones.Select(Python.Repr))}]").Thrown();
            asked ??= known.Contains(call.Settings.DefaultZone) ? call.Settings.DefaultZone : known.Order(StringComparer.Ordinal).First();
        }
        return ZoneOf(call, known, asked);
    }

    /// <summary>The zones that there are.</summary>
    public static HashSet<string> Zones(Call call, IReadOnlyList<Service> services) =>
        [.. services.Where(s => s.Binary == ServiceTable.VolumeBinary).Select(s => s.Zone), call.Settings.DefaultZone];

    /// <summary>The zone that is asked for, or the default one.</summary>
    /// <exception cref="FaultException">Invalid: it is none of these.</exception>
    public static string ZoneOf(Call call, HashSet<string> known, string? asked)
    {
        var zone = asked ?? call.Settings.DefaultZone;
        if (known.Contains(zone)) return zone;
        return call.Settings.ZoneFallback
            ? call.Settings.DefaultZone
            : throw new Fault.Invalid($"Availability zone '{zone}' is invalid.").Thrown();
    }
}
