using System.Text;

namespace Clinker.Cli.Output;

/// <summary>Tables as the OpenStack client draws them (cliff over prettytable): frame, one blank on each side, wrapping.</summary>
internal static class TableText
{
    /// <summary>Columns are not wrapped below this width in a list; the table is wider than asked for instead.</summary>
    const int NarrowestInList = 8;

    /// <summary>The same for the two columns of a single thing, to keep the field names readable.</summary>
    const int NarrowestInDetail = 16;

    public static string Of(Listing listing, int maxWidth, bool printEmpty)
    {
        if (listing.Rows.Count == 0 && !printEmpty) return "\n";
        // As in cliff, the kinds of the first row's values say how a column is aligned.
        var right = listing.Columns.Select((_, i) => listing.Rows.Count > 0 && listing.Rows[0][i].IsNumber).ToArray();
        return Draw(listing.Columns, [.. listing.Rows.Select(r => r.Select(c => c.ForPeople).ToArray())], right, maxWidth, NarrowestInList);
    }

    public static string Of(Detail detail, int maxWidth) => detail.Fields.Count == 0
        ? "\n"
        : Draw(["Field", "Value"], [.. detail.Fields.Select(f => new[] { f.Name, f.Value.ForPeople })], [false, false], maxWidth, NarrowestInDetail);

    static string Draw(IReadOnlyList<string> columns, List<string[]> rows, bool[] right, int maxWidth, int narrowest)
    {
        var cells = rows.ConvertAll(row => Array.ConvertAll(row, Lines));
        var widths = Widths(columns, cells);
        if (maxWidth > 0 && Total(widths) > maxWidth)
        {
            var limits = Shrink(widths, maxWidth, narrowest);
            cells = cells.ConvertAll(row => row.Select((lines, i) => lines.SelectMany(l => Wrapping.Of(l, limits[i])).ToArray()).ToArray());
            // As prettytable: a column that was cut is as wide as it may be, and no header is cut.
            widths = [.. widths.Select((w, i) => Math.Max(DisplayWidth.Of(columns[i]), Math.Min(w, limits[i])))];
        }

        var text = new StringBuilder();
        var frame = "+" + string.Concat(widths.Select(w => new string('-', w + 2) + "+")) + "\n";
        text.Append(frame);
        Row([.. columns.Select(c => new[] { c })]);
        text.Append(frame);
        cells.ForEach(Row);
        return text.Append(frame).ToString();

        void Row(string[][] row)
        {
            for (var line = 0; line < row.Max(c => c.Length); line++)
            {
                text.Append('|');
                for (var i = 0; i < widths.Length; i++)
                    text.Append(' ').Append(DisplayWidth.Pad(line < row[i].Length ? row[i][line] : "", widths[i], right[i])).Append(" |");
                text.Append('\n');
            }
        }
    }

    static string[] Lines(string cell) => cell.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', ' ').Split('\n');

    static int[] Widths(IReadOnlyList<string> columns, List<string[][]> cells) =>
        [.. columns.Select((c, i) => cells.SelectMany(r => r[i]).Append(c).Max(DisplayWidth.Of))];

    static int Total(int[] widths) => widths.Sum() + 3 * widths.Length + 1;

    /// <summary>Columns within an equal share of the room keep their width; the others share what is left.</summary>
    static int[] Shrink(int[] widths, int maxWidth, int narrowest)
    {
        var room = Math.Max(0, maxWidth - 1 - 3 * widths.Length);
        var equal = room / widths.Length;
        var limits = widths.ToArray();
        var wide = Enumerable.Range(0, widths.Length).Where(i => widths[i] > equal).ToArray();
        var left = room - widths.Where(w => w <= equal).Sum();
        var each = left / wide.Length;
        foreach (var i in wide[..^1])
        {
            limits[i] = Math.Max(narrowest, each);
            left -= each;
        }
        limits[wide[^1]] = Math.Max(narrowest, left);
        return limits;
    }
}
