using System.Globalization;
using System.Text;

namespace Clinker.Gluster;

/// <summary>A line of <c>/proc/self/mountinfo</c>.</summary>
/// <param name="Id">Of the mount, as long as it lasts.</param>
/// <param name="Major">Of the device that files on it show as st_dev.</param>
/// <param name="Minor">Likewise.</param>
internal sealed record MountEntry(int Id, uint Major, uint Minor, string Path, string Type, string Source);

/// <summary>What is mounted where, read from the kernel and never from a mount that might not answer.</summary>
internal static class MountTable
{
    public static MountEntry? At(string path) => At(File.ReadAllText("/proc/self/mountinfo"), path);

    /// <summary>The mount that covers exactly this path: of several one over the other, the last.</summary>
    public static MountEntry? At(string mountInfo, string path)
    {
        MountEntry? found = null;
        foreach (var line in mountInfo.AsSpan().EnumerateLines())
            if (Parse(line) is { } entry && entry.Path == path) found = entry;
        return found;
    }

    // proc_pid_mountinfo(5): id parent major:minor root path options [optional fields] - type source super-options
    static MountEntry? Parse(ReadOnlySpan<char> line)
    {
        var words = line.ToString().Split(' ');
        var dash = Array.IndexOf(words, "-", Math.Min(6, words.Length));
        if (dash < 0 || words.Length < dash + 3) return null;
        var device = words[2].Split(':');
        return new(
            int.Parse(words[0], CultureInfo.InvariantCulture), uint.Parse(device[0], CultureInfo.InvariantCulture),
            uint.Parse(device[1], CultureInfo.InvariantCulture), Unescaped(words[4]), words[dash + 1], Unescaped(words[dash + 2]));
    }

    // Space, tab, newline and backslash come as three octal digits.
    static string Unescaped(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal)) return text;
        var plain = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
            if (text[i] == '\\' && i + 3 < text.Length && text.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                plain.Append((char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
                i += 3;
            }
            else plain.Append(text[i]);
        return plain.ToString();
    }
}
