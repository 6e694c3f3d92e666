using Microsoft.Extensions.Primitives;

namespace Clinker.Server.Api;

/// <summary>The minor number of a 3.x request. What each changes is told by <see cref="SinceAttribute"/>, routes and Changes.</summary>
readonly record struct Microversion(int Minor) : IComparable<Microversion>
{
    public const string Header = "OpenStack-API-Version";

    /// <summary>The newest minor that we speak.</summary>
    public const int Newest = 71;

    public static readonly Microversion First = new(0);
    public static readonly Microversion Latest = new(Newest);

    const string BadRequest =
        "The server could not comply with the request since it is either malformed or otherwise incorrect.";

    public override string ToString() => $"3.{Minor}";

    public int CompareTo(Microversion other) => Minor.CompareTo(other.Minor);

    public static bool operator <(Microversion a, Microversion b) => a.Minor < b.Minor;
    public static bool operator >(Microversion a, Microversion b) => a.Minor > b.Minor;
    public static bool operator <=(Microversion a, Microversion b) => a.Minor <= b.Minor;
    public static bool operator >=(Microversion a, Microversion b) => a.Minor >= b.Minor;

    /// <summary>
    /// Reads <c>OpenStack-API-Version: volume X.Y</c>, perhaps beside other services' versions (cinder/api/openstack/wsgi.py,
    /// set_api_version_request).
    /// </summary>
    /// <exception cref="Refusal">406 when we don't speak it, 400 when it is no version.</exception>
    public static Microversion Negotiate(StringValues header)
    {
        if (header.Count == 0) return First;
        foreach (var line in header)
        {
            foreach (var part in (line ?? "").Split(','))
            {
                if (!part.Contains("volume", StringComparison.Ordinal)) continue;
                var words = part.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
                if (words.Length != 2) throw new Refusal(400, BadRequest);
                return Parse(words[1]);
            }
        }
        throw new Refusal(400, BadRequest);
    }

    static Microversion Parse(string text)
    {
        if (text is "latest" or "3.latest") return Latest;
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || !IsNumber(text.AsSpan(0, dot)) || text[0] == '0' || !IsNumber(text.AsSpan(dot + 1)))
            throw new Refusal(400, $"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.");
        if (text.AsSpan(0, dot) is "3" && int.TryParse(text.AsSpan(dot + 1), out var minor) && minor <= Newest) return new(minor);
        // Upstream echoes what was asked for, but not the versions of the APIs that are gone.
        var gone = text.Contains("1.0", StringComparison.Ordinal) || text.Contains("2.0", StringComparison.Ordinal);
        throw new Refusal(406, $"Version {text} is not supported by the API. Minimum is {First} and maximum is {Latest}.")
        {
            VersionEcho = gone ? null : text,
        };
    }

    static bool IsNumber(ReadOnlySpan<char> digits) =>
        digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9') && (digits.Length == 1 || digits[0] != '0');
}

/// <summary>The member is on the wire from this minor version on.</summary>
[AttributeUsage(AttributeTargets.Property)]
sealed class SinceAttribute(int minor) : Attribute
{
    public int Minor => minor;
}

/// <summary>The member is shown to admins only.</summary>
[AttributeUsage(AttributeTargets.Property)]
sealed class AdminAttribute : Attribute;

/// <summary>
/// Minors that change how something behaves, where a handler or a reader of queries asks for them. <c>api/microversions.md</c> takes
/// its words from here.
/// </summary>
static class Behaviour
{
    /// <summary>A volume's upload says who may see the image, and whether it is protected; and so does its answer.</summary>
    public const int UploadVisibility = 1;

    /// <summary>The filter bootable is a boolean in any of its words, and refused when it is none; before, all but false is true.</summary>
    public const int StrictBootable = 2;

    /// <summary>Messages are listed in pages, sorted and filtered.</summary>
    public const int MessagePaging = 5;

    /// <summary>A consistency group's name and description may be changed to nothing.</summary>
    public const int EmptyWordsOfGroup = 6;

    /// <summary>A volume is created in a group.</summary>
    public const int GroupInCreate = 13;

    /// <summary>A list of metadata carries an entity tag, and a PUT of metadata may be meant for that one alone (If-Match).</summary>
    public const int Etags = 15;

    /// <summary>A volume is migrated to a host or to a cluster.</summary>
    public const int MigrateToCluster = 16;

    /// <summary>What is to become a volume may be said to lie in a cluster instead of a host.</summary>
    public const int ManageByCluster = 16;

    /// <summary>What could be managed may be listed of a cluster instead of a host.</summary>
    public const int ManageableOfCluster = 17;

    /// <summary>A DELETE of a volume reads force.</summary>
    public const int DeleteForce = 23;

    /// <summary>A group tells which volumes it has, when list_volume asks for it.</summary>
    public const int VolumesOfGroup = 25;

    /// <summary>Clusters are listed by what they replicate, and a failover may name a cluster.</summary>
    public const int ReplicationOfClusters = 26;

    /// <summary>Pools are filtered by their name and by what they report.</summary>
    public const int PoolFilters = 28;

    /// <summary>Group snapshots are listed in pages, sorted and filtered.</summary>
    public const int GroupSnapshotPaging = 29;

    /// <summary>Which filters others than admins may use is configured; another one is refused instead of ignored.</summary>
    public const int ConfiguredFilters = 31;

    /// <summary>A filter whose name ends in ~ asks for what contains a text.</summary>
    public const int LikeFilters = 34;

    /// <summary>Pools are filtered by a volume type that they fit.</summary>
    public const int PoolTypeFilter = 35;

    /// <summary>The summary of volumes tells of their metadata.</summary>
    public const int SummaryMetadata = 36;

    /// <summary>Admins may ask for another project's limits.</summary>
    public const int LimitsOfProject = 39;

    /// <summary>A volume grows while it is in use.</summary>
    public const int ExtendInUse = 42;

    /// <summary>A backup has metadata.</summary>
    public const int BackupMetadata = 43;

    /// <summary>Lists of volumes, of snapshots and of backups tell how many match, when with_count asks for it.</summary>
    public const int WithCount = 45;

    /// <summary>A volume is created from a backup.</summary>
    public const int BackupAsSource = 47;

    /// <summary>A backup is asked for in an availability zone.</summary>
    public const int BackupZone = 51;

    /// <summary>Volume types are filtered, by their extra specs too, and not by admins alone.</summary>
    public const int TypeFilters = 52;

    /// <summary>An attachment is made with a mode.</summary>
    public const int AttachmentMode = 54;

    /// <summary>A transfer may leave the volume's snapshots out (no_snapshots).</summary>
    public const int TransferOfSnapshots = 55;

    /// <summary>Transfers are listed in pages and sorted.</summary>
    public const int TransferPaging = 59;

    /// <summary>A snapshot of a volume in use needs no force, and force=false is refused.</summary>
    public const int SnapshotInUse = 66;

    /// <summary>An encrypted volume may be transferred.</summary>
    public const int TransferOfEncrypted = 70;
}
