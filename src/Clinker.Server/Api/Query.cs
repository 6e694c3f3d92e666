using System.Globalization;
using System.Text;

namespace Clinker.Server.Api;

/// <summary>The parameters of a request's query, in order. Of several with one name the last counts, as upstream.</summary>
sealed class Query
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly List<(string Key, string Value)> all = [];

    /// <param name="text">With or without the question mark.</param>
    /// <exception cref="Refusal">400: not UTF-8.</exception>
    public Query(string? text)
    {
        if (string.IsNullOrEmpty(text)) return;
        var rest = text.AsSpan(text[0] == '?' ? 1 : 0);
        foreach (var range in rest.Split('&'))
        {
            var pair = rest[range];
            if (pair.IsEmpty) continue;
            var equals = pair.IndexOf('=');
            all.Add(equals < 0 ? (Decode(pair), "") : (Decode(pair[..equals]), Decode(pair[(equals + 1)..])));
        }
    }

    public IReadOnlyList<(string Key, string Value)> All => all;

    public string? this[string key]
    {
        get
        {
            for (var i = all.Count - 1; i >= 0; i--)
                if (all[i].Key == key) return all[i].Value;
            return null;
        }
    }

    public bool Has(string key) => this[key] is not null;

    /// <summary>A boolean parameter, spelled as oslo.utils spells them.</summary>
    /// <exception cref="Operations.FaultException">Invalid: it is none.</exception>
    public bool Flag(string key, bool otherwise = false) => this[key] is { } text ? ParseFlag(key, text) : otherwise;

    /// <exception cref="Operations.FaultException">Invalid.</exception>
    public static bool ParseFlag(string key, string text) =>
        Booleans.Parse(text) ?? throw new Operations.Fault.Invalid($"Value '{text}' for '{key}' is not a boolean.").Thrown();

    /// <summary>All parameters but one, that one last: the query of a link to the next page.</summary>
    public string With(string key, string value)
    {
        var text = new StringBuilder();
        foreach (var (k, v) in all)
            if (k != key) Add(text, k, v);
        Add(text, key, value);
        return text.ToString();
    }

    static void Add(StringBuilder text, string key, string value) =>
        text.Append(text.Length == 0 ? "" : "&").Append(Uri.EscapeDataString(key)).Append('=').Append(Uri.EscapeDataString(value));

    static string Decode(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAny('%', '+') < 0 && Ascii.IsValid(text)) return text.ToString();
        var bytes = new List<byte>(text.Length);
        Span<byte> one = stackalloc byte[4];
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length
                && byte.TryParse(text.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                i += 2;
            }
            else if (text[i] == '+') bytes.Add((byte)' ');
            else if (Rune.DecodeFromUtf16(text[i..], out var rune, out var used) == System.Buffers.OperationStatus.Done)
            {
                bytes.AddRange(one[..rune.EncodeToUtf8(one)]);
                i += used - 1;
            }
            else throw NotText();
        }
        try
        {
            var decoded = Strict.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
            return decoded.Contains('\0', StringComparison.Ordinal) ? throw NotText() : decoded;
        }
        catch (DecoderFallbackException)
        {
            throw NotText();
        }
    }

    static Refusal NotText() => Refusal.BadRequest(
        "Error decoding your request. Either the URL or the request body contained characters that could not be decoded.");
}

/// <summary>oslo.utils' words for true and false.</summary>
static class Booleans
{
    public static bool? Parse(string text) => text.Trim().ToLowerInvariant() switch
    {
        "1" or "t" or "true" or "on" or "y" or "yes" => true,
        "0" or "f" or "false" or "off" or "n" or "no" => false,
        _ => null,
    };
}
