using System.Globalization;
using System.Text;

namespace Clinker.Bench;

/// <summary>What a figure is to reach.</summary>
readonly record struct Bar(double Value, bool AtLeast)
{
    public static Bar AtMost(double value) => new(value, false);

    public static Bar Least(double value) => new(value, true);
}

/// <summary>The figures: printed one by one, for people, and kept for the file.</summary>
sealed class Report(string kind)
{
    readonly List<string> rows = ["kind\tfigure\tunit\tmedian\tmin\tmax\trounds\tbar\tof_bar"];

    /// <summary>Lines about the circumstances.</summary>
    public void Say(string line)
    {
        rows.Add("# " + line);
        Console.WriteLine(line);
    }

    public static void Head() => Console.WriteLine(
        $"\n{"",-52} {"median",9} {"of rounds (min – max)",25} {"bar",9}   of the bar");

    /// <summary>A figure of several rounds: the round in the middle is the one that counts.</summary>
    public void Add(string figure, string unit, IReadOnlyList<double> rounds, Bar? bar = null)
    {
        var median = Statistics.Percentile(rounds, 50);
        var (min, max) = (rounds.Min(), rounds.Max());
        var ratio = bar is { } b ? median / b.Value : (double?)null;
        var verdict = bar is null ? "" : $"{ratio * 100:0} %{(bar.Value.AtLeast ? median < bar.Value.Value : median > bar.Value.Value) switch { true => "  MISSED", _ => "" }}";
        var range = rounds.Count == 1 ? "" : $"{rounds.Count} ({Short(min)} – {Short(max)})";
        var limit = bar is { } l ? (l.AtLeast ? "≥ " : "≤ ") + Short(l.Value) : "";
        Console.WriteLine($"{$"{figure}, {unit}",-52} {Short(median),9} {range,25} {limit,9}   {verdict}");
        rows.Add(string.Join('\t', kind, figure, unit, Number(median), Number(min), Number(max), Number(rounds.Count),
            bar is { } value ? Number(value.Value) : "", ratio is { } r ? Number(r) : ""));
    }

    /// <summary>p50 and p99 of each round, in ms.</summary>
    public void Percentiles(string figure, IReadOnlyList<double[]> rounds, Bar? half = null, Bar? most = null)
    {
        Add($"{figure}: p50", "ms", [.. rounds.Select(r => Statistics.Percentile(r, 50))], half);
        Add($"{figure}: p99", "ms", [.. rounds.Select(r => Statistics.Percentile(r, 99))], most);
    }

    public void WriteTo(string path) => File.WriteAllText(path, string.Join('\n', rows) + "\n", new UTF8Encoding(false));

    static string Number(double value) => Math.Round(value, 4).ToString("0.####", CultureInfo.InvariantCulture);

    static string Short(double value) => value.ToString(Math.Abs(value) switch { >= 100 => "0", >= 10 => "0.0", _ => "0.00" }, CultureInfo.InvariantCulture);
}
