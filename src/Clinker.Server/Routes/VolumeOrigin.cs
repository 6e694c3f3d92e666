using Clinker.Backups;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Api;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>What a new volume is made from, and what it has from there unless the request says otherwise.</summary>
/// <param name="SizeGb">It can't be smaller, and has this size unless another is asked for; null for an image, of which a volume has no size.</param>
/// <param name="Zone">Where the source lies: the volume can't lie elsewhere; null for anywhere.</param>
/// <param name="Words">Cinder's words about this kind of source.</param>
sealed record VolumeOrigin(
    VolumeSource Source, int? SizeGb, string? TypeId, string? Zone, bool Bootable, IReadOnlyDictionary<string, string> ImageMetadata,
    OriginWords Words)
{
    /// <summary>The source, where it is one.</summary>
    Image? Image { get; init; }

    /// <summary>What the volume's is unless it is asked for; null for none.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    static readonly OriginWords OfSnapshot = new("snapshot", "recommend omitting the type argument", (size, least) =>
        $"Volume size '{size}'GB cannot be smaller than the snapshot size {least}GB. They must be >= original snapshot size.");

    static readonly OriginWords OfVolume = new("source volume", "either match source volume, or omit type argument", (size, least) =>
        $"Volume size '{size}'GB cannot be smaller than original volume size  {least}GB. They must be >= original volume size.");

    static readonly OriginWords OfBackup = new("backup", "", (size, least) =>
        $"Volume size {size}GB cannot be smaller than the backup size {least}GB. It must be >= backup size.");

    static readonly OriginWords OfImage = new("image", "", (_, _) => "");

    /// <summary>The source that the request names, if it names one of those that are there to be found; null for an empty volume.</summary>
    /// <param name="image">The image that it names.</param>
    /// <exception cref="FaultException">NotFound; Invalid: several, or it is in no state for it.</exception>
    /// <exception cref="Refusal">400.</exception>
    public static async Task<VolumeOrigin?> Find(Tx tx, Call call, VolumeCreate want, Image? image)
    {
        var snapshot = want.SnapshotId is { } id ? await Snapshots.Visible(tx, call, id) : null;
        var volume = want.SourceVolumeId is { } source ? await Volumes.Visible(tx, call, source) : null;
        var backup = want.BackupId is { } kept ? await Backups.Visible(tx, call, kept) : null;
        if (new object?[] { snapshot, volume, image, backup }.Count(s => s is not null) > 1)
            throw Fault.Invalid.Input("May specify only one of backup, imageRef, snapshot, source volume").Thrown();
        if (snapshot is not null) return Of(snapshot, await tx.Volumes.Get(snapshot.VolumeId));
        if (image is not null) return new(new VolumeSource.OfImage(image.Id), null, null, null, Bootable: true, image.Words(), OfImage) { Image = image };
        if (backup is not null) return Of(backup);
        return volume is null ? null : Of(volume);
    }

    static VolumeOrigin Of(Snapshot snapshot, Volume taken)
    {
        if (!SnapshotRules.Clone.Allows(snapshot.Status)) throw SnapshotRules.Clone.Refused(snapshot.Id, snapshot.Status);
        return new(new VolumeSource.OfSnapshot(snapshot.Id), snapshot.SizeGb, snapshot.VolumeTypeId, taken.AvailabilityZone,
            taken.Bootable, snapshot.ImageMetadata, OfSnapshot);
    }

    static VolumeOrigin Of(Volume volume)
    {
        if (!VolumeRules.Clone.Allows(volume.Status)) throw VolumeRules.Clone.Refused(volume.Id, volume.Status);
        return new(new VolumeSource.OfVolume(volume.Id), volume.SizeGb, volume.VolumeTypeId, volume.AvailabilityZone, volume.Bootable,
            volume.ImageMetadata, OfVolume);
    }

    static VolumeOrigin Of(Backup backup)
    {
        if (!BackupRules.Clone.Allows(backup.Status)) throw BackupRules.Clone.Refused(backup.Id, backup.Status);
        return new(new VolumeSource.OfBackup(backup.Id), backup.SizeGb, null, null, backup.Bootable, backup.ImageMetadata, OfBackup)
        {
            Metadata = backup.VolumeMetadata,
        };
    }

    /// <summary>Whether a volume of another type can have this content (cinder/volume/api.py, _retype_is_possible).</summary>
    /// <exception cref="FaultException">Invalid.</exception>
    public async Task DemandType(Tx tx, VolumeType type, IReadOnlyList<Service> services)
    {
        if (type.Id == TypeId || Image is not null || Source is VolumeSource.OfBackup) return; // what a backup holds fits everywhere
        var own = TypeId is { } id ? await tx.Types.Find(id) : null;
        var alike = own is null || How(await tx.Encryptions.Find(own.Id)) == How(await tx.Encryptions.Find(type.Id));
        const string backend = "volume_backend_name";
        var near = services.Count(s => s.Binary == ServiceTable.VolumeBinary) == 1
            || (type.ExtraSpecs.TryGetValue(backend, out var name) && name == own?.ExtraSpecs.GetValueOrDefault(backend));
        if (alike && near) return;
        throw Fault.Invalid.Input(
            $"Invalid volume_type provided: {type.Id} (requested type is not compatible; {Words.OtherType}).").Thrown();
    }

    static (string, string, string?, int?)? How(TypeEncryption? e) => e is null ? null : (e.Provider, e.ControlLocation, e.Cipher, e.KeySize);

    /// <exception cref="FaultException">Invalid.</exception>
    public void DemandSize(int size)
    {
        if (SizeGb is { } least && size < least) throw Fault.Invalid.Input(Words.TooSmall(size, least)).Thrown();
        Image?.Demand(size);
    }

    /// <exception cref="FaultException">Invalid.</exception>
    public void DemandZone(string zone)
    {
        if (Zone is not null && zone != Zone) throw Fault.Invalid.Input($"Volume must be in the same availability zone as the {Words.Kind}").Thrown();
    }
}

/// <summary>How Cinder speaks of a kind of source.</summary>
/// <param name="OtherType">What to do about a type that does not fit.</param>
/// <param name="TooSmall">Told the wanted and the least size.</param>
sealed record OriginWords(string Kind, string OtherType, Func<int, int, string> TooSmall);
