using System.Collections.Concurrent;

namespace Clinker.Drivers.Memory;

/// <summary>What outlives a daemon: the files of a memory backend, and what is wrong with it. Tests keep it across restarts.</summary>
public sealed class MemoryShares(params IReadOnlyList<string> pools)
{
    readonly ConcurrentDictionary<(string Pool, string File), MemoryFile> files = new();

    public IReadOnlyList<string> Pools => pools;

    /// <summary>Size of each pool.</summary>
    public double TotalGb { get; set; } = 1000;

    /// <summary>Of each pool, kept free.</summary>
    public int ReservedPercentage { get; set; }

    /// <summary>Files of volumes that are published, as (pool, volume id).</summary>
    public IEnumerable<(string Pool, string VolumeId)> Volumes => Published("volume-");

    /// <summary>Files of snapshots that are published, as (pool, snapshot id).</summary>
    public IEnumerable<(string Pool, string SnapshotId)> Snapshots => Published("snapshot-");

    /// <summary>Files under work that were left.</summary>
    public IEnumerable<(string Pool, string File)> Litter => files.Keys.Where(k => IsWork(k.File));

    /// <summary>Pools that do not answer now, with the reason.</summary>
    public ConcurrentDictionary<string, string> Down { get; } = new();

    /// <summary>Which hosts have which volumes.</summary>
    public ConcurrentDictionary<(string VolumeId, string Host), bool> Exports { get; } = new();

    /// <summary>
    /// Whether a copy takes no time. If not, one of a volume that a host has at its beginning or its end is <see cref="MemoryFile.Torn"/>.
    /// </summary>
    public bool SnapshotsAttached { get; set; } = true;

    /// <summary>Volumes that are to be put in order.</summary>
    public ConcurrentDictionary<string, Untidy> Untidy { get; } = new();

    /// <summary>Volumes that stand on what others stand on too, until they are flattened, by the ids in their files' names.</summary>
    public ConcurrentDictionary<string, bool> StandsOnOthers { get; } = new();

    internal const string ComingHead = "coming-";

    /// <summary>A file to which nobody has gone over yet.</summary>
    internal static readonly MemoryFile NotOver = new(0);

    /// <summary>Snapshots for which a virtual machine is to go over to another file, or has.</summary>
    public IEnumerable<string> Coming => files.Keys.Where(k => k.File.StartsWith(ComingHead, StringComparison.Ordinal)).Select(k => k.File[ComingHead.Length..]);

    /// <summary>The ids in the names of the files of the volumes that these are of.</summary>
    public ConcurrentDictionary<string, string> ComingOf { get; } = new();

    /// <summary>The virtual machine goes over: what was written until now is the snapshot. False when the file is not there.</summary>
    public bool GoOver(string volumeId, string snapshotId)
    {
        var key = files.Keys.FirstOrDefault(k => k.File == ComingHead + snapshotId);
        return key != default && files.TryUpdate(key, Find(volumeId)!, NotOver);
    }

    /// <summary>The hypervisor makes the disk of a volume that it has open as large as that.</summary>
    public void Resize(string volumeId, int sizeGb)
    {
        var key = files.Keys.Single(k => k.File == $"volume-{volumeId}");
        files[key] = files[key] with { SizeGb = Math.Max(files[key].SizeGb, sizeGb) };
    }

    internal const string GoingHead = "going-";

    /// <summary>A file of a volume that is still there after it was put together with another one.</summary>
    internal static readonly MemoryFile Merged = new(1);

    /// <summary>The volumes of which a file is to go once the hypervisor has put it into another, or may since it has.</summary>
    public IEnumerable<string> Going => files.Keys.Where(k => k.File.StartsWith(GoingHead, StringComparison.Ordinal)).Select(k => k.File[GoingHead.Length..]);

    /// <summary>The hypervisor puts the file that is to go into another. False when it is not there, or was put there before.</summary>
    public bool PutTogether(string volumeId)
    {
        var key = files.Keys.FirstOrDefault(k => k.File == GoingHead + volumeId);
        return key != default && files.TryUpdate(key, Merged, NotOver);
    }

    internal ConcurrentDictionary<(string Pool, string File), MemoryFile> Files => files;

    internal bool IsWrittenTo(string volumeId) => Exports.Keys.Any(e => e.VolumeId == volumeId);

    /// <summary>Whether a file is one under work.</summary>
    internal static bool IsWork(string file) => file.Contains(".g", StringComparison.Ordinal);

    /// <summary>The published file of a volume or a snapshot; null when there is none.</summary>
    public MemoryFile? Find(string id) =>
        files.FirstOrDefault(f => f.Key.File == $"volume-{id}" || f.Key.File == $"snapshot-{id}").Value;

    /// <summary>Writes to a volume, as a user who has it attached.</summary>
    public void Write(string volumeId, string content)
    {
        var key = files.Keys.Single(k => k.File == $"volume-{volumeId}");
        files[key] = files[key] with { Content = content };
    }

    /// <summary>Leaves what a create leaves that died before it published; the answer is its name.</summary>
    public string LeaveHalfMade(string pool, string volumeId, long generation) => Leave(pool, $"volume-{volumeId}.g{generation}");

    /// <summary>As <see cref="LeaveHalfMade"/>, of a snapshot.</summary>
    public string LeaveHalfTaken(string pool, string snapshotId, long generation) => Leave(pool, $"snapshot-{snapshotId}.g{generation}");

    /// <summary>A file that somebody puts there himself.</summary>
    public void Put(string pool, string name, MemoryFile file) => files[(pool, name)] = file;

    /// <summary>What lies under a name; null when nothing does.</summary>
    public MemoryFile? Get(string pool, string name) => files.GetValueOrDefault((pool, name));

    /// <summary>What somebody has put there himself and nobody has taken over.</summary>
    public IEnumerable<(string Pool, string File)> Others => files.Keys
        .Where(k => files[k].IsSeveral || !((string[])["volume-", "snapshot-", ComingHead, GoingHead]).Any(h => k.File.StartsWith(h, StringComparison.Ordinal)));

    string Leave(string pool, string name)
    {
        files[(pool, name)] = new(0, "half");
        return name;
    }

    IEnumerable<(string, string)> Published(string head) => files.Keys
        .Where(k => k.File.StartsWith(head, StringComparison.Ordinal) && !IsWork(k.File) && !files[k].IsSeveral).Select(k => (k.Pool, k.File[head.Length..]));
}

/// <summary>A file of a memory backend.</summary>
/// <param name="Content">What was written to it, from its beginning, a character a byte; empty: nothing yet.</param>
/// <param name="IsSeveral">It stands for several files of a volume that is not managed, which keep their names when it is.</param>
public sealed record MemoryFile(int SizeGb, string Content = "", bool IsSeveral = false)
{
    /// <summary>The content of a file that somebody may have written to while it was copied, or while it was replaced: no moment's.</summary>
    public const string Torn = "torn";

    /// <summary>How many bytes of what a volume is filled with are kept.</summary>
    public const int MostBytes = 128 * 1024 * 1024;
}
