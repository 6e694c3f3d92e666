using System.Text;

namespace Clinker.Cli.Output;

/// <summary>Breaks a line at blanks, after hyphens within words, and, where nothing else helps, within a word.</summary>
internal static class Wrapping
{
    public static IEnumerable<string> Of(string line, int width)
    {
        if (DisplayWidth.Of(line) <= width)
        {
            yield return line;
            yield break;
        }
        var current = new StringBuilder();
        var used = 0;
        foreach (var piece in Pieces(line))
        {
            var rest = piece;
            if (used > 0 && used + DisplayWidth.Of(rest.TrimEnd(' ')) > width)
            {
                yield return current.ToString().TrimEnd(' ');
                current.Clear();
                used = 0;
                rest = rest.TrimStart(' ');
            }
            while (DisplayWidth.Of(rest.TrimEnd(' ')) > width)
            {
                var head = Head(rest, width - used);
                yield return current + head;
                current.Clear();
                used = 0;
                rest = rest[head.Length..];
            }
            current.Append(rest);
            used += DisplayWidth.Of(rest);
        }
        if (current.Length > 0) yield return current.ToString().TrimEnd(' ');
    }

    /// <summary>Runs of blanks, and words cut after a hyphen that stands between letters (so not within a UUID's digits).</summary>
    static IEnumerable<string> Pieces(string line)
    {
        var start = 0;
        for (var i = 1; i < line.Length; i++)
        {
            var edge = (line[i] == ' ') != (line[i - 1] == ' ');
            var hyphen = line[i - 1] == '-' && i >= 3 && char.IsLetter(line[i - 2]) && char.IsLetter(line[i - 3]) && char.IsLetter(line[i]);
            if (!edge && !hyphen) continue;
            yield return line[start..i];
            start = i;
        }
        yield return line[start..];
    }

    static string Head(string text, int width)
    {
        var length = 0;
        var used = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (length > 0 && used + DisplayWidth.Of(rune) > width) break;
            used += DisplayWidth.Of(rune);
            length += rune.Utf16SequenceLength;
        }
        return text[..length];
    }
}
