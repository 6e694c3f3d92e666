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

/// <summary>Minors that change how something behaves, where a handler or a reader of queries asks for them.</summary>
static class Behaviour
{
    public const int StrictBootable = 2;
    public const int MessagePaging = 5;
    public const int EmptyWordsOfGroup = 6;
    public const int Etags = 15;
    public const int DeleteForce = 23;
    public const int VolumesOfGroup = 25;
    public const int PoolFilters = 28;
    public const int GroupSnapshotPaging = 29;
    public const int ConfiguredFilters = 31;
    public const int LikeFilters = 34;
    public const int PoolTypeFilter = 35;
    public const int SummaryMetadata = 36;
    public const int ExtendInUse = 42;
    public const int LimitsOfProject = 39;
    public const int WithCount = 45;
    public const int TypeFilters = 52;
    public const int AttachmentMode = 54;
    public const int GroupInCreate = 13;
    public const int BackupAsSource = 47;
    public const int ReplicationOfClusters = 26;
    public const int TransferOfSnapshots = 55;
    public const int TransferPaging = 59;
    public const int TransferOfEncrypted = 70;
    public const int SnapshotInUse = 66;
}
