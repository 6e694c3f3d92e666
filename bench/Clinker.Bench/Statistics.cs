namespace Clinker.Bench;

static class Statistics
{
    /// <summary>The smallest value that so many percent of all do not pass (nearest rank): one that was really seen.</summary>
    public static double Percentile(IEnumerable<double> values, double percent)
    {
        var sorted = values.Order().ToArray();
        return sorted[Math.Max(0, (int)Math.Ceiling(percent / 100 * sorted.Length) - 1)];
    }
}
