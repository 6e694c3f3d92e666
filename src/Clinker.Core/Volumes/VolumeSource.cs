using System.Text.Json.Serialization;
using Clinker.Operations;

namespace Clinker.Volumes;

/// <summary>What a volume is made from, where it is not made empty. A closed set; part of the journal's format.</summary>
[JsonDerivedType(typeof(OfSnapshot), "snapshot")]
[JsonDerivedType(typeof(OfVolume), "volume")]
[JsonDerivedType(typeof(OfImage), "image")]
[JsonDerivedType(typeof(OfBackup), "backup")]
public abstract record VolumeSource
{
    /// <summary>What must not be deleted meanwhile; null for nothing of ours.</summary>
    [JsonIgnore] public abstract About? Held { get; }

    /// <summary>A snapshot.</summary>
    public sealed record OfSnapshot(string Id) : VolumeSource
    {
        public override About? Held => new("snapshot", Id);
    }

    /// <summary>Another volume: a clone.</summary>
    public sealed record OfVolume(string Id) : VolumeSource
    {
        public override About? Held => new("volume", Id);
    }

    /// <summary>An image of the image service, which keeps it or does not.</summary>
    public sealed record OfImage(string Id) : VolumeSource
    {
        public override About? Held => null;
    }

    /// <summary>A backup.</summary>
    public sealed record OfBackup(string Id) : VolumeSource
    {
        public override About? Held => new("backup", Id);
    }
}
