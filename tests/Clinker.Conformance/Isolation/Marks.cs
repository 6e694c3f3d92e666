using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Clinker.Conformance.Isolation;

/// <summary>Words that can be found again wherever they turn up, and values that nothing has.</summary>
static partial class Marks
{
    /// <summary>A word that nobody has.</summary>
    public static string New() => "zq" + RandomNumberGenerator.GetHexString(14, lowercase: true);

    public static Guid Id() => new(RandomNumberGenerator.GetBytes(16));

    /// <summary>Another value of the same form and length, which nothing has.</summary>
    public static string AbsentLike(string value) =>
        Guid.TryParseExact(value, "D", out _) ? Id().ToString()
        : Guid.TryParseExact(value, "N", out _) ? Id().ToString("n")
        : New().PadRight(value.Length, 'x')[..value.Length];

    /// <summary>What may be a mark or an id in a text.</summary>
    public static IEnumerable<string> In(string text) => Found().Matches(text).Select(m => m.Value);

    /// <summary>An answer without what differs from one to the next: ids, times, keys, and what was sent, be it in a link.</summary>
    public static string Plain(string text, string sent) => Time().Replace(Key().Replace(
        Found().Replace(text.Replace(sent, "(sent)", StringComparison.Ordinal).Replace(Uri.EscapeDataString(sent), "(sent)", StringComparison.Ordinal), "(id)"), "\"auth_key\":\"\""), "(time)");

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|zq[0-9a-f]{14}")]
    private static partial Regex Found();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.+:Z]*")]
    private static partial Regex Time();

    [GeneratedRegex("\"auth_key\": ?\"[0-9a-f]{16}\"")]
    private static partial Regex Key();
}
