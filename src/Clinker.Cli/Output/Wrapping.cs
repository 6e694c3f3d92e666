using System.Text;
using System.Text.RegularExpressions;

namespace Clinker.Cli.Output;

/// <summary>
/// Breaks a line as Python's textwrap does, which cliff uses: at blanks, after hyphens between letters, and within a word
/// that is longer than a line, there after its last hyphen that fits.
/// </summary>
internal static partial class Wrapping
{
    public static IEnumerable<string> Of(string line, int width)
    {
        if (DisplayWidth.Of(line) <= width)
        {
            yield return line;
            yield break;
        }
        var pieces = new Stack<string>(Piece().Matches(line).Select(m => m.Value).Reverse());
        var first = true;
        while (pieces.Count > 0)
        {
            if (!first && string.IsNullOrWhiteSpace(pieces.Peek())) pieces.Pop();
            var current = new StringBuilder();
            var used = 0;
            while (pieces.Count > 0 && used + DisplayWidth.Of(pieces.Peek()) <= width)
            {
                used += DisplayWidth.Of(pieces.Peek());
                current.Append(pieces.Pop());
            }
            if (pieces.Count > 0 && DisplayWidth.Of(pieces.Peek()) > width)
            {
                var word = pieces.Pop();
                var head = Head(word, width - used);
                current.Append(head);
                pieces.Push(word[head.Length..]);
            }
            first = false;
            if (current.Length > 0) yield return current.ToString().TrimEnd(' ');
        }
    }

    /// <summary>As much of a long word as there is room for; at least a character on a line of its own.</summary>
    static string Head(string word, int room)
    {
        var (length, used) = (0, 0);
        foreach (var rune in word.EnumerateRunes())
        {
            if (used + DisplayWidth.Of(rune) > room) break;
            used += DisplayWidth.Of(rune);
            length += rune.Utf16SequenceLength;
        }
        var hyphen = length > 0 ? word.LastIndexOf('-', length - 1) : -1;
        return hyphen > 0 && word[..hyphen].Any(c => c != '-') ? word[..(hyphen + 1)] : word[..length];
    }

    // textwrap.TextWrapper.wordsep_re, without its em-dashes
    [GeneratedRegex(@"\s+|\S+?(?:-(?:(?<=[^\d\W]{2}-)|(?<=[^\d\W]-\w-))(?=[^\d\W]-?[^\d\W])|(?=\s|\z))")]
    private static partial Regex Piece();
}
