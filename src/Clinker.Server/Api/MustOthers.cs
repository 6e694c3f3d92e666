using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Server.Api;

partial class Must
{
    /// <summary>A name of 1 to 255 characters once it is trimmed, or null.</summary>
    public static readonly Must FilledOrNull = new MustAnyOf(value => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => Python.Length(value.GetString()!.Trim()) is >= 1 and <= 255,
        _ => false,
    }, () => new() { ["type"] = Types("string", "null"), ["pattern"] = "\\S", ["description"] = "1 to 255 characters once it is trimmed." });

    /// <summary>A key, which may also come as the number that it looks like.</summary>
    public static readonly Must TextOrInteger = new MustTextOrInteger();

    /// <summary>A host or null, without the brackets of an address.</summary>
    public static readonly Must HostName = Text(min: 1, orNull: true, format: value =>
        value.All(c => char.IsAsciiLetterOrDigit(c) || "-._#@:/+".Contains(c, StringComparison.Ordinal))
            ? null
            : $"{Python.Repr(value)} does not match '^[a-zA-Z0-9-._#@:/+]*$'", pattern: @"^[a-zA-Z0-9\-._#@:/+]*$");

    /// <summary>The number of a service: digits, at most eleven, or an integer, or null.</summary>
    public static readonly Must ServiceNumber = new MustAnyOf(value => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => value.GetString() is { Length: <= 11 } text && text.All(char.IsAsciiDigit),
        JsonValueKind.Number => value.TryGetInt64(out _),
        _ => false,
    }, () => new() { ["type"] = Types("integer", "string", "null"), ["pattern"] = "^[0-9]*$", ["maxLength"] = 11 });

    sealed class MustAnyOf(Func<JsonElement, bool> fits, Func<JsonObject> schema) : Must
    {
        public override JsonObject Schema(int minor) => schema();

        public override void Check(JsonElement value, Spot at)
        {
            if (!fits(value)) throw at.Refuse(value, $"{Python.Repr(value)} is not valid under any of the given schemas");
        }
    }

    sealed class MustTextOrInteger : Must
    {
        public override JsonObject Schema(int minor) => new() { ["type"] = Types("string", "integer") };

        public override void Check(JsonElement value, Spot at)
        {
            var fits = value.ValueKind == JsonValueKind.String
                || (value.ValueKind == JsonValueKind.Number && value.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0);
            if (!fits) throw WrongType(value, at, "string", "integer");
        }
    }
}
