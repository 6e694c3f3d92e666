using System.Text.RegularExpressions;

namespace Clinker.Cli.Checks;

/// <summary>What is mounted, by /proc/self/mountinfo (proc(5)).</summary>
internal static partial class Mounts
{
    /// <summary>The uppermost mount at exactly this path; null when there is none.</summary>
    public static (string Type, string Source)? At(string path) =>
        Parse(File.ReadAllText("/proc/self/mountinfo"), path);

    internal static (string Type, string Source)? Parse(string mountinfo, string path)
    {
        (string, string)? found = null;
        foreach (var line in mountinfo.Split('\n'))
        {
            var fields = line.Split(' ');
            var dash = Array.IndexOf(fields, "-");
            if (dash < 5 || fields.Length < dash + 3 || Plain(fields[4]) != path.TrimEnd('/')) continue;
            found = (fields[dash + 1], Plain(fields[dash + 2])); // a later line lies over an earlier one
        }
        return found;
    }

    static string Plain(string field) => Octal().Replace(field, m => ((char)Convert.ToInt32(m.Groups[1].Value, 8)).ToString());

    [GeneratedRegex(@"\\([0-7]{3})")]
    private static partial Regex Octal();
}
