using Clinker.Operations;
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
sealed record VolumePlan(VolumeCreate Want, int SizeGb, VolumeType Type, bool Named, string Zone, VolumeOrigin? Origin, VolumeView View)
{
    const string MinSize = "provisioning:min_vol_size";
    const string MaxSize = "provisioning:max_vol_size";
    const string TypeZones = "RESKEY:availability_zones";

    /// <exception cref="FaultException">What the user got wrong.</exception>
    public static Task<VolumePlan> For(Call call, VolumeCreate want) => call.Db.Read(async tx =>
    {
        var named = string.IsNullOrEmpty(want.VolumeType) ? null : await VolumeTypes.Named(tx, call, want.VolumeType);
        var origin = await VolumeOrigin.Find(tx, call, want);
        if (want.Multiattach)
            throw Refusal.BadRequest("multiattach parameter has been removed. The default behavior is to use multiattach enabled "
                + "volume types. Contact your administrator to create a multiattach enabled volume type and use it to create "
                + "multiattach volumes.");
        var services = await tx.Services.List();
        if (named is not null && origin is not null) await origin.DemandType(tx, named, services);
        if ((want.Size ?? origin?.SizeGb) is not { } size)
            throw Fault.Invalid.Input("Volume size 'None' must be an integer and greater than 0").Thrown();
        origin?.DemandSize(size);
        var type = named ?? (origin?.TypeId is { } its ? await tx.Types.Find(its) : null) ?? await VolumeTypes.Default(tx, call);
        if (await tx.Encryptions.Find(type.Id) is not null)
            throw new Fault.Invalid($"Volume type {type.Name} is encrypted, and no key manager is configured.").Thrown();
        FitSize(type, size);
        if (IsMultiattach(type)) call.Demand("volume:multiattach");
        var zone = Place(call, type, services, want.AvailabilityZone ?? origin?.Zone);
        origin?.DemandZone(zone);
        return new VolumePlan(want, size, type, named is not null, zone, origin,
            VolumeView.Of(call, [type], services));
    });

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
        Multiattach = IsMultiattach(Type),
        SnapshotId = (Source as VolumeSource.OfSnapshot)?.Id,
        SourceVolumeId = (Source as VolumeSource.OfVolume)?.Id,
        Bootable = Origin?.Bootable ?? false,
        ImageMetadata = Origin?.ImageMetadata ?? Volume.EmptyMetadata,
        Metadata = Want.Metadata ?? Volume.EmptyMetadata,
        CreatedAt = call.Now,
    };

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

    static bool IsMultiattach(VolumeType type) => type.ExtraSpecs.GetValueOrDefault("multiattach") == "<is> True";

    /// <summary>The zone: what is asked for, if the type and the services have it; else the default one.</summary>
    static string Place(Call call, VolumeType type, IReadOnlyList<Service> services, string? asked)
    {
        var known = services.Where(s => s.Binary == ServiceTable.VolumeBinary).Select(s => s.Zone)
            .Append(call.Settings.DefaultZone).ToHashSet();
        if (type.ExtraSpecs.GetValueOrDefault(TypeZones) is { } list)
        {
            var zones = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            known.IntersectWith(zones);
            if (known.Count == 0)
                throw new Fault.Invalid("Volume type is only supported in these availability zones: "
                    + $"[{string.Join(", ", zones.Select(Python.Repr))}]").Thrown();
            asked ??= known.Contains(call.Settings.DefaultZone) ? call.Settings.DefaultZone : known.Order(StringComparer.Ordinal).First();
        }
        var zone = asked ?? call.Settings.DefaultZone;
        if (known.Contains(zone)) return zone;
        return call.Settings.ZoneFallback
            ? call.Settings.DefaultZone
            : throw new Fault.Invalid($"Availability zone '{zone}' is invalid.").Thrown();
    }
}
