using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;

namespace Clinker.Server.Api;

partial class Must
{
    protected static JsonNode Types(params string[] types) =>
        types.Length == 1 ? types[0] : new JsonArray([.. types.Select(t => (JsonNode)t)]);

    /// <summary>What <see cref="Flag"/> lets through.</summary>
    public static JsonObject Spellings(bool orNull) => MustFlag.Spelled(orNull);

    sealed class MustAnything : Must
    {
        public override JsonObject Schema(int minor) => [];

        public override void Check(JsonElement value, Spot at)
        {
            // Whatever it is, it fits.
        }
    }

    sealed class MustKind(string[] types) : Must
    {
        public override JsonObject Schema(int minor) => new() { ["type"] = Types(types) };

        public override void Check(JsonElement value, Spot at)
        {
            var type = value.ValueKind switch
            {
                JsonValueKind.Object => "object",
                JsonValueKind.String => "string",
                JsonValueKind.Null => "null",
                JsonValueKind.Array => "array",
                JsonValueKind.Number => "number",
                _ => "boolean",
            };
            if (!types.Contains(type)) throw WrongType(value, at, types);
        }
    }

    sealed class MustText(int min, int max, bool orNull, Func<string, string?>? format, string? pattern, string? says) : Must
    {
        public override JsonObject Schema(int minor)
        {
            var schema = new JsonObject { ["type"] = orNull ? Types("string", "null") : "string" };
            if (min > 0) schema["minLength"] = min;
            if (max < int.MaxValue) schema["maxLength"] = max;
            if (pattern is not null) schema["pattern"] = pattern;
            if (says is not null) schema["description"] = says;
            return schema;
        }

        public override void Check(JsonElement value, Spot at)
        {
            if (orNull && value.ValueKind == JsonValueKind.Null) return;
            if (value.ValueKind != JsonValueKind.String)
                throw orNull ? WrongType(value, at, "string", "null") : WrongType(value, at, "string");
            var text = value.GetString()!;
            var length = Python.Length(text);
            if (length < min) throw at.Refuse(value, $"{Python.Repr(text)} is too short");
            if (length > max) throw at.Refuse(value, $"{Python.Repr(text)} is too long");
            if (format?.Invoke(text) is { } why) throw at.Refuse(value, why);
        }
    }

    sealed class MustWord(string[] words) : Must
    {
        public override JsonObject Schema(int minor) => new() { ["type"] = "string", ["enum"] = new JsonArray([.. words.Select(w => (JsonNode)w)]) };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.String && words.Contains(value.GetString())) return;
            throw at.Refuse(value, $"{Python.Repr(value)} is not one of [{string.Join(", ", words.Select(Python.Repr))}]");
        }
    }

    sealed class MustTrimmed(string what) : Must
    {
        public override JsonObject Schema(int minor) =>
            new() { ["type"] = Types("string", "null"), ["description"] = "At most 255 characters once it is trimmed." };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.Null) return;
            if (value.ValueKind != JsonValueKind.String) throw WrongType(value, at, "string", "null");
            var length = Python.Length(value.GetString()!.Trim());
            if (length > 255) throw Fault.Invalid.Input($"{what} has {length} characters, more than 255.").Thrown();
        }
    }

    sealed class MustName : Must
    {
        static readonly Must Plain = Text(min: 1, pattern: "\\S");

        public override JsonObject Schema(int minor) => Plain.Schema(minor);

        public override void Check(JsonElement value, Spot at)
        {
            Plain.Check(value, at);
            if (string.IsNullOrWhiteSpace(value.GetString()))
                throw new Fault.Invalid("An invalid 'name' value was provided. The 'name' can not be empty.").Thrown();
        }
    }

    sealed class MustUuidOrNull : Must
    {
        public override JsonObject Schema(int minor) =>
            new() { ["type"] = Types("string", "null"), ["description"] = "A UUID in any usual spelling." };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.Null) return;
            if (value.ValueKind == JsonValueKind.String && Python.IsUuid(value.GetString()!)) return;
            throw at.Refuse(value, $"{Python.Repr(value)} is not valid under any of the given schemas");
        }
    }

    sealed class MustFlag(bool orNull) : Must
    {
        static readonly string[] Spelling =
        [
            "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
            "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f",
        ];

        public override JsonObject Schema(int minor) => Reference.Schemas.Of(orNull ? "FlagOrNull" : "Flag");

        public static JsonObject Spelled(bool orNull) => new()
        {
            ["enum"] = new JsonArray([true, false, 1, 0, .. Spelling.Select(s => (JsonNode)s), .. orNull ? [null] : Array.Empty<JsonNode?>()]),
            ["description"] = "A boolean, or a word for it.",
        };

        public override void Check(JsonElement value, Spot at)
        {
            var fits = value.ValueKind switch
            {
                JsonValueKind.True or JsonValueKind.False => true,
                JsonValueKind.Null => orNull,
                JsonValueKind.Number => value.GetRawText() is "0" or "1",
                JsonValueKind.String => Spelling.Contains(value.GetString()!),
                _ => false,
            };
            if (fits) return;
            if (orNull) throw at.Refuse(value, $"{Python.Repr(value)} is not valid under any of the given schemas");
            if (value.ValueKind != JsonValueKind.String) throw WrongType(value, at, "boolean", "string");
            throw at.Refuse(value, $"{Python.Repr(value)} is not one of [True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', "
                + "'Yes', 'yes', 'y', 't', False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', 'n', 'f']");
        }
    }

    sealed class MustSize(bool orNull, int min = 1) : Must
    {
        public override JsonObject Schema(int minor) => new()
        {
            ["type"] = orNull ? Types("integer", "string", "null") : Types("integer", "string"),
            ["minimum"] = min,
            ["maximum"] = int.MaxValue,
            ["pattern"] = "^[0-9]+$",
        };

        public override void Check(JsonElement value, Spot at)
        {
            if (orNull && value.ValueKind == JsonValueKind.Null) return;
            var text = value.ValueKind switch
            {
                JsonValueKind.String => value.GetString()!,
                JsonValueKind.Number => value.GetRawText(),
                _ => null,
            };
            if (text is null || (value.ValueKind == JsonValueKind.Number && text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0))
                throw orNull ? WrongType(value, at, "integer", "string", "null") : WrongType(value, at, "integer", "string");
            if (value.ValueKind == JsonValueKind.String && (text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9')))
                throw at.Refuse(value, $"{Python.Repr(text)} does not match '^[0-9]{(min < 0 ? '*' : '+')}$'");
            var number = double.Parse(text, CultureInfo.InvariantCulture);
            var shown = value.ValueKind == JsonValueKind.String && text.TrimStart('0') is { Length: > 0 } digits ? digits : text;
            if (number < min) throw at.Refuse(value, $"{(number == 0 ? "0" : shown)} is less than the minimum of {min}");
            if (number > int.MaxValue) throw at.Refuse(value, $"{shown} is greater than the maximum of 2147483647");
        }
    }

    sealed class MustKeySize : Must
    {
        public override JsonObject Schema(int minor) => new()
        {
            ["type"] = Types("integer", "string", "null"),
            ["minimum"] = 0,
            ["maximum"] = int.MaxValue,
            ["pattern"] = @"^[+\-]?[0-9_]+$",
        };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.Null) return;
            if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number)) throw WrongType(value, at, "string", "integer", "null");
            var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
            if (value.ValueKind == JsonValueKind.Number && text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
                throw WrongType(value, at, "string", "integer", "null");
            if (Python.Int(text) is not { } number || text != text.Trim()) throw Fault.Invalid.Input("key_size must be an integer.").Thrown();
            if (number < 0) throw at.Refuse(value, $"{text} is less than the minimum of 0");
            if (number > int.MaxValue) throw at.Refuse(value, $"{text} is greater than the maximum of 2147483647");
        }
    }

    sealed class MustPaddedName : Must
    {
        public override JsonObject Schema(int minor) =>
            new() { ["type"] = "string", ["pattern"] = "\\S", ["description"] = "1 to 255 characters once it is trimmed." };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind != JsonValueKind.String) throw WrongType(value, at, "string");
            var name = value.GetString()!;
            var why = name.Length == 0 ? "None." : name.Trim().Length == 0 ? "empty."
                : Python.Length(name.Trim()) > 255 ? "greater than 255 characters." : null;
            if (why is not null) throw new Fault.Invalid($"An invalid 'name' value was provided. The 'name' can not be {why}").Thrown();
        }
    }

    sealed class MustDistinct(Must item) : Must
    {
        public override JsonObject Schema(int minor) =>
            new() { ["type"] = "array", ["items"] = item.Schema(minor), ["uniqueItems"] = true };

        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind != JsonValueKind.Array) throw WrongType(value, at, "array");
            foreach (var one in value.EnumerateArray()) item.Check(one, at);
            var texts = value.EnumerateArray().Select(Python.Repr).ToList();
            if (texts.Distinct().Count() < texts.Count) throw at.Refuse(value, $"{Python.Repr(value)} has non-unique elements");
        }
    }
}
