namespace Clinker.Scheduling;

/// <summary>A pool as the scheduler sees it. Sizes in GiB.</summary>
/// <param name="Name"><c>host@backend#pool</c>.</param>
/// <param name="Down">Null when it serves; otherwise why not.</param>
/// <param name="Zone">Its availability zone.</param>
/// <param name="AllocatedGb">The sum of the sizes of all volumes placed in it.</param>
/// <param name="ReservedSinceGb">The part of that which was placed after <paramref name="FreeGb"/> was measured.</param>
/// <param name="ServiceDown">Null when its service is up and enabled; otherwise why not.</param>
public sealed record Pool(
    string Name, string? Down, string Zone, double TotalGb, double FreeGb, bool Thin, int ReservedPercentage,
    double MaxOverSubscriptionRatio, IReadOnlyDictionary<string, string> Capabilities, long AllocatedGb, long Volumes, long Version,
    DateTime ReportedAt, long ReservedSinceGb = 0, string? ServiceDown = null)
{
    /// <summary>Of a pool: <c>thin</c> where a clone of what lies there is there at once, <c>full</c> where it is a copy.</summary>
    public const string CloneMode = "clone_mode";

    public bool HasThinClones => Capabilities.GetValueOrDefault(CloneMode) == "thin";
}

/// <summary>What is to be placed.</summary>
/// <param name="Specs">The volume type's extra specs.</param>
public sealed record PlaceRequest(int SizeGb, string? Zone, IReadOnlyDictionary<string, string> Specs)
{
    /// <summary>For what is left to chance: the same volume always draws the same lot.</summary>
    public string VolumeId { get; init; } = "";

    public Hints Hints { get; init; } = Hints.None;

    /// <summary>The pools of those volumes that the hints name, as far as they are the project's own and lie somewhere.</summary>
    public IReadOnlyDictionary<string, string> Neighbours { get; init; } = Volumes.Volume.EmptyMetadata;

    /// <summary>The specs of the type's QoS.</summary>
    public IReadOnlyDictionary<string, string> Qos { get; init; } = Volumes.Volume.EmptyMetadata;

    /// <summary>What functions may ask of the volume itself.</summary>
    public IReadOnlyDictionary<string, string> Volume { get; init; } = Volumes.Volume.EmptyMetadata;

    /// <summary>The only backend that will do (<c>host@backend</c>): where the source lies. Null for any.</summary>
    public string? Backend { get; init; }

    /// <summary>The pool where the source lies, which is taken before any that weighs more if clones are thin there. Null for none.</summary>
    public string? Near { get; init; }

    /// <summary>The only pool, or the only backend, that will do: an admin's word. Null for any.</summary>
    public string? Asked { get; init; }

    /// <summary>Pools that are not to be chosen (again), and why.</summary>
    public IReadOnlyDictionary<string, string> Not { get; init; } = Volumes.Volume.EmptyMetadata;
}

/// <summary>What was chosen, and what is against the others.</summary>
public sealed record Placement(Pool? Chosen, IReadOnlyList<(string Pool, string Why)> Against);
