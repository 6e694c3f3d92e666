using System.CommandLine;

namespace Clinker.Cli.Output;

/// <summary>The options by which every command that shows something is told how (those of cliff).</summary>
internal sealed class OutputOptions
{
    readonly Terminal terminal;
    readonly Option<string?> format;
    readonly Option<string[]> columns = Opt.Many("--column", "column", "show only this column (may be repeated)", "-c");
    readonly Option<int?> maxWidth = Opt.Number("--max-width", "columns", "wrap tables to this width; below 1: never (CLIFF_MAX_TERM_WIDTH)");
    readonly Option<bool> fitWidth = Opt.Flag("--fit-width", "wrap tables to the terminal's width (CLIFF_FIT_WIDTH=1)");
    readonly Option<bool> printEmpty = Opt.Flag("--print-empty", "draw a table even when there is nothing to show");
    readonly Option<bool> noIndent = Opt.Flag("--noindent", "JSON on one line");
    readonly Option<string?> quote = Opt.Text("--quote", "when", "CSV: what to quote: all, minimal, none, nonnumeric");
    readonly Option<string[]> sort = Opt.Many("--sort-column", "column", "sort by this column (may be repeated; the first counts most)");
    readonly Option<bool> ascending = Opt.Flag("--sort-ascending", "smallest first");
    readonly Option<bool> descending = Opt.Flag("--sort-descending", "largest first");
    readonly Option<string?> prefix = Opt.Text("--prefix", "prefix", "shell: put this before each variable's name");

    OutputOptions(Command command, Terminal terminal, bool list)
    {
        this.terminal = terminal;
        string[] formats = list ? ["csv", "json", "table", "value", "yaml"] : ["json", "shell", "table", "value", "yaml"];
        format = Opt.Text("--format", "format", $"how to show the answer: {string.Join(", ", formats)} (default: table)", "-f");
        format.AcceptOnlyFromAmong(formats);
        quote.AcceptOnlyFromAmong("all", "minimal", "none", "nonnumeric");
        command.Add(format);
        command.Add(columns);
        command.Add(maxWidth);
        command.Add(fitWidth);
        command.Add(noIndent);
        command.Add(printEmpty);
        if (!list)
        {
            command.Add(prefix);
            return;
        }
        command.Add(quote);
        command.Add(sort);
        command.Add(ascending);
        command.Add(descending);
        command.Exclusive(ascending, descending);
    }

    public static OutputOptions ForList(Command command, Terminal terminal) => new(command, terminal, list: true);
    public static OutputOptions ForDetail(Command command, Terminal terminal) => new(command, terminal, list: false);

    /// <summary>Whether a format was asked for; else a command may show what it has in its own way.</summary>
    public bool IsAsked(ParseResult parse) => parse.GetValue(format) is not null;

    public bool IsJson(ParseResult parse) => parse.GetValue(format) == "json";

    /// <summary>Writes a list, sorted and cut to the columns asked for.</summary>
    public void Write(ParseResult parse, Listing listing)
    {
        listing = Cut(parse, Sort(parse, listing));
        terminal.Out.Write(parse.GetValue(format) switch
        {
            "json" => JsonText.Of(listing, !parse.GetValue(noIndent)),
            "value" => LineText.Values(listing),
            "csv" => LineText.Csv(listing, parse.GetValue(quote) ?? "nonnumeric"),
            "yaml" => YamlText.Of(listing),
            _ => TableText.Of(listing, Width(parse), parse.GetValue(printEmpty)),
        });
    }

    /// <summary>Writes one thing, cut to the fields asked for.</summary>
    public void Write(ParseResult parse, Detail detail)
    {
        var wanted = Wanted(parse, [.. detail.Fields.Select(f => f.Name)]);
        detail = new Detail([.. detail.Fields.Where(f => wanted(f.Name))]);
        terminal.Out.Write(parse.GetValue(format) switch
        {
            "json" => JsonText.Of(detail, !parse.GetValue(noIndent)),
            "value" => LineText.Values(detail),
            "shell" => LineText.Shell(detail, parse.GetValue(prefix) ?? ""),
            "yaml" => YamlText.Of(detail),
            _ => TableText.Of(detail, Width(parse)),
        });
    }

    Listing Sort(ParseResult parse, Listing listing)
    {
        var down = parse.GetValue(descending);
        IReadOnlyList<IReadOnlyList<Cell>> rows = listing.Rows;
        foreach (var name in (parse.GetValue(sort) ?? []).Reverse())
        {
            var column = listing.Columns.ToList().FindIndex(c => c.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (column < 0) continue; // as cliff: columns that are not there are ignored
            rows = [.. down ? rows.OrderDescending(new ByColumn(column)) : rows.Order(new ByColumn(column))];
        }
        return listing with { Rows = rows };
    }

    Listing Cut(ParseResult parse, Listing listing)
    {
        var wanted = Wanted(parse, listing.Columns);
        var kept = Enumerable.Range(0, listing.Columns.Count).Where(i => wanted(listing.Columns[i])).ToArray();
        return new Listing([.. kept.Select(i => listing.Columns[i])], [.. listing.Rows.Select(r => kept.Select(i => r[i]).ToArray())]);
    }

    Func<string, bool> Wanted(ParseResult parse, IReadOnlyList<string> there)
    {
        var names = parse.GetValue(columns) ?? [];
        if (names.Length == 0) return _ => true;
        if (!there.Any(Named))
            throw new CliFault($"No recognized column names in {string.Join(", ", names)}. Recognized columns are {string.Join(", ", there)}.", CliFault.Usage);
        return Named;

        bool Named(string column) => names.Contains(column, StringComparer.OrdinalIgnoreCase);
    }

    int Width(ParseResult parse)
    {
        var asked = parse.GetValue(maxWidth) ?? (int.TryParse(terminal.Variable("CLIFF_MAX_TERM_WIDTH"), out var set) ? set : 0);
        if (asked > 0) return asked;
        return parse.GetValue(fitWidth) || terminal.Variable("CLIFF_FIT_WIDTH") is not (null or "0") ? terminal.Width() ?? 0 : 0;
    }

    /// <summary>Numbers by size, texts by code point, nothing last.</summary>
    sealed class ByColumn(int column) : IComparer<IReadOnlyList<Cell>>
    {
        public int Compare(IReadOnlyList<Cell>? x, IReadOnlyList<Cell>? y)
        {
            var (a, b) = (x![column], y![column]);
            if (a.Value is null || b.Value is null) return (a.Value is null).CompareTo(b.Value is null);
            return a.IsNumber && b.IsNumber
                ? double.Parse(a.ForPrograms, System.Globalization.CultureInfo.InvariantCulture)
                    .CompareTo(double.Parse(b.ForPrograms, System.Globalization.CultureInfo.InvariantCulture))
                : string.CompareOrdinal(a.ForPrograms, b.ForPrograms);
        }
    }
}
