using System.Globalization;
using System.Text;

namespace Clinker.Server.Api;

/// <summary>
/// Filter values may be Python literals (<c>['a','b']</c>, <c>{'k':'v'}</c>); what is none is a text
/// (cinder/volume/api.py, check_volume_filters).
/// </summary>
static class Literal
{
    /// <summary>What <c>None</c> is.</summary>
    public static readonly object None = new();

    const int MaxDepth = 16;

    /// <summary>A string, a long, a double, a bool, <see cref="None"/>, a list of those, or a dictionary by text.</summary>
    public static object Of(string text)
    {
        var reader = new Reader(text);
        return reader.Value(0) is { } value && reader.AtEnd ? value : text;
    }

    /// <summary>A value as a text again, the way Python's <c>str</c> gives it.</summary>
    public static string Text(object value) => value switch
    {
        string text => text,
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        _ => "None",
    };

    ref struct Reader(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan().Trim();

        public bool AtEnd => rest.TrimStart().IsEmpty;

        /// <summary>Null when there is no literal here.</summary>
        public object? Value(int depth)
        {
            rest = rest.TrimStart();
            if (rest.IsEmpty || depth > MaxDepth) return null;
            return rest[0] switch
            {
                '\'' or '"' => Quoted(),
                '[' => Items(']', depth),
                '(' => Items(')', depth),
                '{' => Pairs(depth),
                _ => Word(),
            };
        }

        string? Quoted()
        {
            var quote = rest[0];
            var value = new StringBuilder();
            for (var i = 1; i < rest.Length; i++)
            {
                if (rest[i] == quote)
                {
                    rest = rest[(i + 1)..];
                    return value.ToString();
                }
                if (rest[i] == '\\' && i + 1 < rest.Length)
                {
                    i++;
                    value.Append(rest[i] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var c => c });
                }
                else value.Append(rest[i]);
            }
            return null;
        }

        List<object>? Items(char close, int depth)
        {
            rest = rest[1..];
            var items = new List<object>();
            while (true)
            {
                if (Take(close)) return items;
                if (Value(depth + 1) is not { } item) return null;
                items.Add(item);
                if (Take(close)) return items;
                if (!Take(',')) return null;
            }
        }

        object? Pairs(int depth)
        {
            rest = rest[1..];
            var pairs = new Dictionary<string, object>();
            while (true)
            {
                if (Take('}')) return pairs;
                if (Value(depth + 1) is not { } key || key is List<object> or Dictionary<string, object> || !Take(':')) return null;
                if (Value(depth + 1) is not { } value) return null;
                pairs[Text(key)] = value;
                if (Take('}')) return pairs;
                if (!Take(',')) return null;
            }
        }

        object? Word()
        {
            var length = 0;
            while (length < rest.Length && (char.IsAsciiLetterOrDigit(rest[length]) || rest[length] is '.' or '+' or '-' or '_')) length++;
            var word = rest[..length];
            rest = rest[length..];
            if (word is "True") return true;
            if (word is "False") return false;
            if (word is "None") return None;
            // A leading zero is no Python number: an id that begins with one stays a text.
            if (word.Length > 1 && word[0] == '0' && char.IsAsciiDigit(word[1])) return null;
            if (long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
            return word.Length > 0 && char.IsAsciiDigit(word[^1])
                && double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real : null;
        }

        bool Take(char wanted)
        {
            rest = rest.TrimStart();
            if (rest.IsEmpty || rest[0] != wanted) return false;
            rest = rest[1..];
            return true;
        }
    }
}
