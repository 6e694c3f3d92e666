using System.Text.Json;
using System.Text.Json.Serialization;
using Clinker.Drivers;
using Clinker.Managing;
using Clinker.Server.Api;

namespace Clinker.Server.Shapes;

/// <summary>How a file in a pool is named.</summary>
sealed record FileReference([property: JsonPropertyName("source-name")] string SourceName);

/// <summary>A file that could become a volume, or is one, in a short list (cinder/api/views/manageable_volumes.py).</summary>
sealed record ManageableVolumeBrief(FileReference Reference, int Size, bool SafeToManage) : IShape<ManageableVolumeBrief>
{
    public ManageableVolumeBrief(Manageable of) : this(new(of.Name), of.SizeGb, of.WhyNot is null)
    {
    }

    public static string One => "manageable-volume";
    public static string Many => "manageable-volumes";
}

/// <summary>The same in full.</summary>
sealed record ManageableVolume(
    FileReference Reference, int Size, bool SafeToManage, string? ReasonNotSafe, string? CinderId) : IShape<ManageableVolume>
{
    public ManageableVolume(Manageable of) : this(new(of.Name), of.SizeGb, of.WhyNot is null, of.WhyNot, of.Id)
    {
    }

    public static string One => "manageable-volume";
    public static string Many => "manageable-volumes";

    public string? ExtraInfo { get; }
}

/// <summary>A file that could become a snapshot, or is one, in a short list (cinder/api/views/manageable_snapshots.py).</summary>
/// <param name="SourceReference">Its volume's file; null where that is not known.</param>
sealed record ManageableSnapshotBrief(FileReference Reference, int Size, bool SafeToManage, FileReference? SourceReference)
    : IShape<ManageableSnapshotBrief>
{
    public ManageableSnapshotBrief(Manageable of) : this(new(of.Name), of.SizeGb, of.WhyNot is null, SourceOf(of))
    {
    }

    public static string One => "manageable-snapshot";
    public static string Many => "manageable-snapshots";

    public static FileReference? SourceOf(Manageable of) => of.VolumeName is { } name ? new(name) : null;
}

/// <summary>The same in full.</summary>
sealed record ManageableSnapshot(
    FileReference Reference, int Size, bool SafeToManage, FileReference? SourceReference, string? ReasonNotSafe, string? CinderId)
    : IShape<ManageableSnapshot>
{
    public ManageableSnapshot(Manageable of)
        : this(new(of.Name), of.SizeGb, of.WhyNot is null, ManageableSnapshotBrief.SourceOf(of), of.WhyNot, of.Id)
    {
    }

    public static string One => "manageable-snapshot";
    public static string Many => "manageable-snapshots";

    public string? ExtraInfo { get; }
}

/// <summary>Something in a pool that is not as it should be.</summary>
/// <param name="Level">note, warning, error.</param>
/// <param name="State">found, busy (somebody is at work there, and it may be none), repaired.</param>
/// <param name="Flaw">Its kind: missing, size, format, chain, depth, info, unknown_snapshot, rights, padding, left_work, left_link, unused, kept, hidden, stale_note, stranger.</param>
/// <param name="Finding">What is wrong with the file, as the end of a sentence that begins with its name.</param>
/// <param name="Fix">What a repair does, or else what a person has to do.</param>
sealed record FindingShape(
    string Level, string State, string Flaw, string File, string ResourceType, string ResourceUuid, string Finding, string Fix, bool CanRepair)
    : IShape<FindingShape>
{
    public FindingShape(Finding of) : this(Word(of.Gravity), Word(of.State), Word(of.Flaw), of.File, of.About.Kind, of.About.Id, of.Said, of.Fix, of.CanRepair)
    {
    }

    public static string One => "finding";
    public static string Many => "findings";

    static string Word<T>(T of) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(of.ToString());
}
