using System.Text;

namespace Clinker.Conformance.BadInput;

/// <summary>Values that a place in a body must not take, as raw JSON (or what pretends to be).</summary>
static class BadValues
{
    static readonly (string Type, string[] Json)[] ByType =
    [
        ("null", ["null"]),
        ("boolean", ["true", "false"]),
        ("integer", ["7", "-1", "99999999999999999999999999"]),
        ("number", ["1.5", "1e3", "-0.0", "1e999"]),
        ("string", ["\"rubbish\""]),
        ("array", ["[]", "[\"a\"]", "[{\"a\": []}]"]),
        ("object", ["{}", "{\"a\": {\"b\": [\"c\"]}}"]),
    ];

    /// <summary>No text that could be kept, whatever it is for.</summary>
    static readonly (string What, byte[] Json)[] NoText =
    [
        ("a NUL", U("\"a\\u0000b\"")),
        ("half a surrogate", U("\"\\ud800\"")),
        ("the other half", U("\"a\\udc00b\"")),
        ("halves the wrong way round", U("\"\\udc00\\ud800\"")),
        ("a byte that is no UTF-8", [.. U("\"a"), 0xff, .. U("\"")]),
        ("half a character", [.. U("\"a"), 0xe2, 0x82, .. U("\"")]),
        ("an overlong NUL", [.. U("\"a"), 0xc0, 0x80, .. U("\"")]),
        ("a surrogate in UTF-8", [.. U("\"a"), 0xed, 0xa0, 0x80, .. U("\"")]),
        ("a bare NUL", [.. U("\"a"), 0, .. U("\"")]),
        ("a bare control character", [.. U("\"a"), 1, .. U("\"")]),
        ("a bare line feed", U("\"a\nb\"")),
        ("an escape that is none", U("\"a\\qb\"")),
        ("an escape without its end", U("\"a\\u12\"")),
        ("no end", U("\"a")),
    ];

    static readonly string[] Sizes =
    [
        "0", "-1", "2147483648", "4294967297", "9223372036854775808", "99999999999999999999999999", "1.5", "1.0", "1e3", "1E0", "-0", "0.1", "1e999",
        "NaN", "Infinity", "-Infinity", "0x10", "01", "+1", "\"\"", "\" \"", "\"0\"", "\"00\"", "\"-1\"", "\"+1\"", "\"1.5\"", "\"1e3\"", "\"NaN\"",
        "\"2147483648\"", "\"99999999999999999999999999\"", "\" 1\"", "\"1 \"", "\"\u0661\"", "\"\uff11\"", "\"1_000\"", "\"0x10\"", "\"one\"",
    ];

    static readonly string[] NoLimits = ["-2", "2147483648", "99999999999999999999999999", "-99999999999999999999", "1.5", "1e3", "\"\"", "\" \"", "\"many\"", "\"1.5\"", "\"2147483648\""];
    static readonly string[] NoKeySizes = ["-1", "2147483648", "99999999999999999999999999", "1.5", "1e3", "\"\"", "\"many\"", "\" 1\"", "\"-1\"", "\"2147483648\""];
    static readonly string[] NoFlags = ["\"\"", "\"maybe\"", "\"2\"", "\" true\"", "\"tRue\"", "2", "-1", "1.5"];
    static readonly string[] NoUuids = ["\"\"", "\"rubbish\"", $"\"{new string('a', 31)}\"", $"\"{new string('a', 33)}\"", $"\"{new string('g', 32)}\"", "\"..\""];
    static readonly string[] NoHosts = ["\"a b\"", "\"\u00fc\"", "\"a;b\"", "\"a'b\"", "\"<b>\"", "\"a\\nb\""];
    static readonly string[] Unprintable = ["\"a\\u0001b\"", "\"a\\nb\"", "\"a\\u0085b\"", "\"a\\u2028b\"", "\"a\\u2029b\""];

    public static IEnumerable<(string What, byte[] Json)> For(Place place, int minor)
    {
        var hasOwnNumbers = place.Has("size") || place.Has("flag") || place.Has("limit") || place.Has("keysize");
        foreach (var (type, values) in ByType)
        {
            if (place.Takes(type) || (type is "integer" or "number" && hasOwnNumbers)) continue;
            foreach (var json in values) yield return ($"{type} {json}", U(json));
        }
        if (place.Takes("string"))
            foreach (var bad in NoText) yield return bad;
        if (place.Number("max", 255) is { } max)
        {
            yield return ("too long", Quoted('a', max + 1));
            yield return ("far too long", Quoted('a', 60_000));
            yield return ("too long, in two bytes each", Quoted('\u00e9', max + 1));
            yield return ("too long, in pairs", U($"\"{string.Concat(Enumerable.Repeat("\ud83d\ude00", max + 1))}\""));
        }
        if (place.Has("trimmed")) yield return ("too long, also without the blanks", U($"\"  {new string('a', 256)}  \""));
        if (place.Has("min")) yield return ("too short", U("\"\""));
        if (place.Has("word")) yield return ("no such word", U("\"rubbish\""));
        if (place.Has("one") || place.Number("anyof", 0) <= minor) yield return ("empty", U("{}"));
        if (place.Has("one")) yield return ("more than one", U("{\"key\": \"b\", \"other\": \"b\"}"));
        if (place.Has("name") || place.Has("reason")) yield return ("only blanks", U("\"   \""));
        foreach (var (rule, values) in ((string, string[])[])
            [("size", Sizes), ("limit", NoLimits), ("keysize", NoKeySizes), ("flag", NoFlags), ("uuid", NoUuids), ("host", NoHosts), ("printable", Unprintable)])
        {
            if (!place.Has(rule)) continue;
            foreach (var json in values) yield return ($"no {rule}: {json}", U(json));
        }
    }

    /// <summary>Names that the members of this place must not have.</summary>
    public static IEnumerable<(string What, string Key)> Keys(Place place)
    {
        if (!place.Has("keys")) yield break;
        foreach (var key in (string[])["", new('k', 256), "\u043a\u043b\u044e\u0447", "a$b", "a\nb", "a\u0001b", "a\"b", "\ud83d\ude00", "a;b"])
            yield return ($"the key {key[..Math.Min(9, key.Length)]}", key);
        if (place.Rules["keys"] == "plain") yield return ("a key with a blank", "a b");
        if (place.Rules["keys"] != "spaced") yield return ("a key with a slash", "a/b");
    }

    static byte[] Quoted(char c, int count) => U($"\"{new string(c, count)}\"");

    static byte[] U(string text) => Encoding.UTF8.GetBytes(text);
}
