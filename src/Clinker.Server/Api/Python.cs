using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Clinker.Server.Api;

/// <summary>Values as Python prints them: refusals quote them so, and people search for those words.</summary>
static class Python
{
    /// <summary>The longest quotation in a refusal, in characters.</summary>
    const int MaxQuoted = 1024;

    /// <summary><c>str(value)</c>.</summary>
    public static string Str(JsonElement value) => value.ValueKind == JsonValueKind.String ? Cut(value.GetString()!) : Repr(value);

    /// <summary><c>repr(value)</c>.</summary>
    public static string Repr(JsonElement value)
    {
        var text = new StringBuilder();
        Add(text, value);
        return Cut(text.ToString());
    }

    /// <summary><c>repr(text)</c>.</summary>
    public static string Repr(string text)
    {
        var quoted = new StringBuilder(text.Length + 2);
        Add(quoted, text);
        return Cut(quoted.ToString());
    }

    /// <summary><c>len(text)</c>: characters, not UTF-16 units.</summary>
    public static int Length(string text)
    {
        var length = text.Length;
        foreach (var c in text)
            if (char.IsLowSurrogate(c)) length--;
        return length;
    }

    /// <summary><c>int(text)</c>; what is larger than a long is the largest one. Null when it is no whole number.</summary>
    public static long? Int(string text)
    {
        text = text.Trim();
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)) return value;
        var digits = text.AsSpan(text.Length > 0 && text[0] is '+' or '-' ? 1 : 0);
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9')) return null;
        return text[0] == '-' ? long.MinValue : long.MaxValue;
    }

    /// <summary>A UUID with or without dashes, braces, upper case or <c>urn:uuid:</c> (oslo_utils.uuidutils.is_uuid_like).</summary>
    public static bool IsUuid(string text)
    {
        var digits = text.Replace("urn:", "", StringComparison.Ordinal).Replace("uuid:", "", StringComparison.Ordinal)
            .Trim('{', '}').Replace("-", "", StringComparison.Ordinal);
        return digits.Length == 32 && digits.All(char.IsAsciiHexDigit);
    }

    static string Cut(string text) => text.Length <= MaxQuoted ? text : string.Concat(text.AsSpan(0, MaxQuoted), "…");

    static void Add(StringBuilder to, JsonElement value)
    {
        if (to.Length > MaxQuoted) return;
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                to.Append('{');
                var first = true;
                foreach (var property in value.EnumerateObject())
                {
                    if (!first) to.Append(", ");
                    Add(to, property.Name);
                    to.Append(": ");
                    Add(to, property.Value);
                    first = false;
                }
                to.Append('}');
                break;
            case JsonValueKind.Array:
                to.Append('[').AppendJoin(", ", value.EnumerateArray().Select(Repr)).Append(']');
                break;
            case JsonValueKind.String: Add(to, value.GetString()!); break;
            case JsonValueKind.True: to.Append("True"); break;
            case JsonValueKind.False: to.Append("False"); break;
            case JsonValueKind.Null: to.Append("None"); break;
            default: to.Append(value.GetRawText()); break;
        }
    }

    static void Add(StringBuilder to, string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        to.Append(quote);
        foreach (var c in text)
        {
            switch (c)
            {
                case '\n': to.Append("\\n"); break;
                case '\r': to.Append("\\r"); break;
                case '\t': to.Append("\\t"); break;
                case '\\': to.Append("\\\\"); break;
                default:
                    if (c == quote) to.Append('\\').Append(c);
                    else if (char.IsControl(c)) to.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
                    else to.Append(c);
                    break;
            }
        }
        to.Append(quote);
    }
}
