using System.Text.Json.Serialization;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;

namespace Clinker.Drivers;

/// <summary>What rows say of a pool at one moment, for whoever compares it with what lies there.</summary>
/// <param name="Volumes">Those that lie in it, by the ids in the names of their files.</param>
/// <param name="Coming">Such ids of files that have a place there and are no volume's: one is being moved there, or has moved away.</param>
/// <param name="Busy">Ids of volumes, of files' names and of snapshots on which somebody may be at work.</param>
public sealed record PoolRows(IReadOnlyDictionary<string, VolumeRow> Volumes, IReadOnlySet<string> Coming, IReadOnlySet<string> Busy);

/// <summary>A volume with its snapshots, as they are remembered.</summary>
public sealed record VolumeRow(Volume Volume, IReadOnlyList<Snapshot> Snapshots)
{
    static readonly string[] WithoutFile =
    [
        VolumeStatus.Creating, VolumeStatus.Downloading, VolumeStatus.Managing, VolumeStatus.Unmanaging, VolumeStatus.Deleting,
        VolumeStatus.Error, VolumeStatus.ErrorDeleting, VolumeStatus.ErrorManaging, VolumeStatus.ErrorUnmanaging,
    ];

    /// <summary>Whether its files are sure to be there: by its status it was made, and is not being taken away.</summary>
    public bool IsThere => !WithoutFile.Contains(Volume.Status);

    /// <inheritdoc cref="IsThere"/>
    public static bool HasSnapshot(Snapshot snapshot) => snapshot.Status is SnapshotStatus.Available or SnapshotStatus.BackingUp
        or SnapshotStatus.Restoring or SnapshotStatus.Updating;
}

/// <summary>What can be wrong in a pool.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Flaw>))]
public enum Flaw
{
    /// <summary>A volume or a snapshot has no file.</summary>
    Missing,
    /// <summary>A volume is not as large as is remembered.</summary>
    Size,
    /// <summary>A file is no image though it should be one, or the other way round.</summary>
    Format,
    /// <summary>A file stands on what is not there, is none of ours, or is itself.</summary>
    Chain,
    /// <summary>A chain has more files than is allowed now.</summary>
    Depth,
    /// <summary>What notes which files a volume has can't be read, or says what can't be.</summary>
    Info,
    /// <summary>It names a snapshot that nobody remembers.</summary>
    UnknownSnapshot,
    /// <summary>A file can be read and written by others than it should be.</summary>
    Rights,
    /// <summary>An image does not end with a whole cluster.</summary>
    Padding,
    /// <summary>A file is under work of nobody.</summary>
    LeftWork,
    /// <summary>A file still has the name that a clone gave it, and the clone is none.</summary>
    LeftLink,
    /// <summary>A file of a volume's on which nothing stands.</summary>
    Unused,
    /// <summary>A file of a volume that was deleted stays, since others stand on it.</summary>
    Kept,
    /// <summary>Files of a volume that was deleted are needed, and nothing says so.</summary>
    Hidden,
    /// <summary>It is noted that a file is kept, and there is none.</summary>
    StaleNote,
    /// <summary>Files of a volume or a snapshot that is not remembered to lie there.</summary>
    Stranger,
}

/// <summary>How bad a flaw is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Gravity>))]
public enum Gravity
{
    /// <summary>All is well so; to be known.</summary>
    Note,
    /// <summary>No data is in danger.</summary>
    Warning,
    /// <summary>A volume or a snapshot can't be used, or not as a whole.</summary>
    Error,
}

/// <summary>What has become of a flaw.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FlawState>))]
public enum FlawState
{
    Found,
    /// <summary>Somebody is at work there: it may be none.</summary>
    Busy,
    Repaired,
}

/// <summary>One thing in a pool that is not as it should be.</summary>
/// <param name="File">The name in the pool of what is meant, or of what is not there.</param>
/// <param name="About">The volume or the snapshot that it concerns.</param>
/// <param name="Said">What is wrong with the file, as the end of a sentence that begins with its name.</param>
/// <param name="Fix">What a repair does, or else what a person has to do.</param>
/// <param name="CanRepair">Whether <see cref="Driver.Mend"/> does that: it is certain, and no content is touched.</param>
/// <param name="Ids">In the names of the files that it concerns: while somebody is at work on one of them it is in doubt.</param>
public sealed record Finding(Flaw Flaw, Gravity Gravity, string File, About About, string Said, string Fix, bool CanRepair, IReadOnlyList<string> Ids)
{
    /// <summary>Another name of the file.</summary>
    public string? Other { get; init; }

    public FlawState State { get; init; }

    /// <summary>By what it is known again when it is seen twice.</summary>
    [JsonIgnore] public (Flaw, string, About) Key => (Flaw, File, About);
}
