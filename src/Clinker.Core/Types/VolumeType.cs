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
}

/// <summary>How volumes of a type are encrypted.</summary>
/// <param name="Provider">Which of os-brick's encryptors: luks, plain.</param>
/// <param name="ControlLocation">Who does it: front-end (the hypervisor) or back-end.</param>
/// <param name="KeySize">In bits.</param>
public sealed record Encryption(string Provider, string ControlLocation, string? Cipher, int? KeySize);
