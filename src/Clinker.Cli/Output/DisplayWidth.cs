using System.Globalization;
using System.Text;

namespace Clinker.Cli.Output;

/// <summary>How many columns of a terminal a text takes: East Asian wide characters take two, combining marks none.</summary>
internal static class DisplayWidth
{
    // Unicode's EastAsianWidth.txt, W and F, as ranges wide enough to be right for what people name volumes.
    static readonly (int From, int To)[] Wide =
    [
        (0x1100, 0x115f), (0x2e80, 0x303e), (0x3041, 0x33ff), (0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xa000, 0xa4cf),
        (0xa960, 0xa97f), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfe30, 0xfe6f), (0xff00, 0xff60), (0xffe0, 0xffe6),
        (0x1f300, 0x1f64f), (0x1f900, 0x1f9ff), (0x20000, 0x3fffd),
    ];

    public static int Of(string text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes()) width += Of(rune);
        return width;
    }

    public static int Of(Rune rune)
    {
        if (rune.IsAscii) return 1;
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format)
            return 0;
        return Wide.Any(r => rune.Value >= r.From && rune.Value <= r.To) ? 2 : 1;
    }

    /// <summary>The text with blanks up to a width; longer text stays as it is.</summary>
    public static string Pad(string text, int width, bool right)
    {
        var blanks = new string(' ', Math.Max(0, width - Of(text)));
        return right ? blanks + text : text + blanks;
    }
}
