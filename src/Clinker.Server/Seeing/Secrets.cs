using System.Text.RegularExpressions;

namespace Clinker.Server.Seeing;

/// <summary>Keeps passwords out of logs: a second fence, behind not logging them in the first place.</summary>
static partial class Secrets
{
    /// <summary>Puts *** in place of passwords in URLs, in connection strings, in JSON and in headers.</summary>
    public static string Mask(string text)
    {
        if (text.Contains("://", StringComparison.Ordinal) && text.Contains('@', StringComparison.Ordinal)) text = InUrl().Replace(text, "$1***");
        return Named().Replace(text, "$1***");
    }

    // Up to the last @ before a blank or a slash: an unescaped password may hold an @ itself.
    [GeneratedRegex(@"(://[^\s/:@]*:)[^\s/]+(?=@)")]
    private static partial Regex InUrl();

    [GeneratedRegex(
        """((?:password|passwd|pwd|admin_?pass|secret|private_key|(?:x-)?(?:auth|subject|service|access)[-_]token)["']?\s*[=:]\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&}"']+)""",
        RegexOptions.IgnoreCase)]
    private static partial Regex Named();
}
