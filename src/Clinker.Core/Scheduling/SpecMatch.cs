using System.Globalization;

namespace Clinker.Scheduling;

/// <summary>Whether a capability is what an extra spec asks for (Cinder: cinder/scheduler/filters/extra_specs_ops.py).</summary>
public static class SpecMatch
{
    public static bool Matches(string has, string wanted)
    {
        var words = wanted.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0) return has.Length == 0;
        var rest = string.Join(' ', words.Skip(1));
        switch (words[0])
        {
            case "<is>":
                return IsTrue(rest) == IsTrue(has);
            case "<in>":
                return Alternatives(wanted, "<in>").All(part => has.Contains(part, StringComparison.Ordinal));
            case "<all-in>":
                return Alternatives(wanted, "<all-in>").All(part => has.Contains(part, StringComparison.Ordinal));
            case "<or>":
                return Alternatives(wanted, "<or>").Any(part => part == has);
            case "s==": return has == rest;
            case "s!=": return has != rest;
            case "s<": return string.CompareOrdinal(has, rest) < 0;
            case "s<=": return string.CompareOrdinal(has, rest) <= 0;
            case "s>": return string.CompareOrdinal(has, rest) > 0;
            case "s>=": return string.CompareOrdinal(has, rest) >= 0;
            case "=" or ">=": return Compare(has, rest) is >= 0;
            case "<=": return Compare(has, rest) is <= 0;
            case "==": return Compare(has, rest) is 0;
            case "!=": return Compare(has, rest) is not (null or 0);
            case ">": return Compare(has, rest) is > 0;
            case "<": return Compare(has, rest) is < 0;
            default: return has == wanted || (bool.TryParse(has, out var a) && bool.TryParse(wanted, out var b) && a == b);
        }
    }

    static string[] Alternatives(string wanted, string word) =>
        wanted.Split(word, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    static bool IsTrue(string text) => text.ToUpperInvariant() is "TRUE" or "T" or "YES" or "Y" or "ON" or "1";

    static int? Compare(string has, string wanted) =>
        double.TryParse(has, CultureInfo.InvariantCulture, out var a) && double.TryParse(wanted, CultureInfo.InvariantCulture, out var b)
            ? a.CompareTo(b)
            : null;
}
