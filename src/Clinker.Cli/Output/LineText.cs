using System.Text;

namespace Clinker.Cli.Output;

/// <summary>The formats for shells and spreadsheets: value, csv and shell.</summary>
internal static class LineText
{
    public static string Values(Listing listing) =>
        string.Concat(listing.Rows.Select(row => string.Join(' ', row.Select(c => c.ForPrograms)) + "\n"));

    public static string Values(Detail detail) => string.Concat(detail.Fields.Select(f => f.Value.ForPrograms + "\n"));

    public static string Csv(Listing listing, string quote)
    {
        var text = new StringBuilder();
        text.AppendJoin(',', listing.Columns.Select(c => Field(c, number: false))).Append('\n');
        foreach (var row in listing.Rows)
            text.AppendJoin(',', row.Select(c => Field(c.Value is null ? "" : c.ForPrograms, c.IsNumber || IsFlag(c)))).Append('\n');
        return text.ToString();

        string Field(string value, bool number)
        {
            var quoted = quote switch
            {
                "all" => true,
                "nonnumeric" => !number,
                "none" => false,
                _ => value.AsSpan().IndexOfAny("\",\r\n") >= 0,
            };
            if (quoted) return '"' + value.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';
            return quote != "none" ? value : string.Concat(value.Select(c => c is ',' or '"' or '\\' or '\n' or '\r' ? $"\\{c}" : $"{c}"));
        }

        static bool IsFlag(Cell c) => c.Value?.GetValueKind() is System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False;
    }

    public static string Shell(Detail detail, string prefix) => string.Concat(detail.Fields.Select(f =>
        $"{prefix}{Name(f.Name)}=\"{f.Value.ForPrograms.Replace("\"", "\\\"", StringComparison.Ordinal)}\"\n"));

    static string Name(string column) =>
        string.Concat(column.Select(c => c is ' ' or ':' or '-' ? '_' : char.ToLowerInvariant(c)));
}
