namespace Clinker.Types;

/// <summary>A volume type: a name for what the scheduler and the drivers are to observe.</summary>
public sealed record VolumeType
{
    /// <summary>The type that volumes get when nobody names one.</summary>
    public const string DefaultName = "__DEFAULT__";

    public required string Id { get; init; }
    public required string Name { get; init; }
    public string? Description { get; init; }
    public bool IsPublic { get; init; } = true;
    public IReadOnlyDictionary<string, string> ExtraSpecs { get; init; } = Volumes.Volume.EmptyMetadata;
    public string? QosSpecId { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }

    /// <summary>Whether what is made of a volume, a snapshot or an image is a copy, where a backend would have it stand on that.</summary>
    public static bool HasFullClones(IReadOnlyDictionary<string, string> specs) => specs.GetValueOrDefault("clinker:clone_mode") == "full";

    /// <summary>Whether volumes of a type with these specs may be used by several servers at once.</summary>
    public static bool IsMultiattach(IReadOnlyDictionary<string, string> specs) => specs.GetValueOrDefault("multiattach") == "<is> True";
}
