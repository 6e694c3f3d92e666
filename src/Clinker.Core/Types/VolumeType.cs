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

    const string CloneMode = "clinker:clone_mode", FileFormat = "clinker:format";

    /// <summary>
    /// Whether what is made of a volume, a snapshot or an image is a copy, where a backend would have it stand on that: a raw file stands on
    /// nothing.
    /// </summary>
    public static bool HasFullClones(IReadOnlyDictionary<string, string> specs) => specs.GetValueOrDefault(CloneMode) == "full" || FormatOf(specs) == "raw";

    /// <summary>What the files of volumes of a type with these specs are to be, raw or qcow2; null: whatever the backend makes.</summary>
    public static string? FormatOf(IReadOnlyDictionary<string, string> specs) => specs.GetValueOrDefault(FileFormat);

    /// <summary>What is wrong with specs that are ours; null: nothing.</summary>
    public static string? WhyNot(IReadOnlyDictionary<string, string> specs) =>
        specs.TryGetValue(CloneMode, out var mode) && mode is not ("full" or "thin") ? $"{CloneMode} must be full or thin, not '{mode}'."
        : specs.TryGetValue(FileFormat, out var format) && format is not ("raw" or "qcow2") ? $"{FileFormat} must be raw or qcow2, not '{format}'."
        : null;

    /// <summary>Whether volumes of a type with these specs may be used by several servers at once.</summary>
    public static bool IsMultiattach(IReadOnlyDictionary<string, string> specs) => specs.GetValueOrDefault("multiattach") == "<is> True";
}
