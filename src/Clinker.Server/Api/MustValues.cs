using System.Globalization;
using System.Text.Json;
using Clinker.Operations;

namespace Clinker.Server.Api;

partial class Must
{
    sealed class MustAnything : Must
    {
        public override void Check(JsonElement value, Spot at)
        {
            // Whatever it is, it fits.
        }
    }

    sealed class MustKind(string[] types) : Must
    {
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

    sealed class MustText(int min, int max, bool orNull, Func<string, string?>? format) : Must
    {
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
        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.String && words.Contains(value.GetString())) return;
            throw at.Refuse(value, $"{Python.Repr(value)} is not one of [{string.Join(", ", words.Select(Python.Repr))}]");
        }
    }

    sealed class MustTrimmed(string what) : Must
    {
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
        static readonly Must Plain = Text(min: 1);

        public override void Check(JsonElement value, Spot at)
        {
            Plain.Check(value, at);
            if (string.IsNullOrWhiteSpace(value.GetString()))
                throw new Fault.Invalid("An invalid 'name' value was provided. The 'name' can not be empty.").Thrown();
        }
    }

    sealed class MustUuidOrNull : Must
    {
        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind == JsonValueKind.Null) return;
            if (value.ValueKind == JsonValueKind.String && Python.IsUuid(value.GetString()!)) return;
            throw at.Refuse(value, $"{Python.Repr(value)} is not valid under any of the given schemas");
        }
    }

    sealed class MustFlag(bool orNull) : Must
    {
        static readonly HashSet<string> Spellings =
        [
            "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
            "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f",
        ];

        public override void Check(JsonElement value, Spot at)
        {
            var fits = value.ValueKind switch
            {
                JsonValueKind.True or JsonValueKind.False => true,
                JsonValueKind.Null => orNull,
                JsonValueKind.Number => value.GetRawText() is "0" or "1",
                JsonValueKind.String => Spellings.Contains(value.GetString()!),
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
        public override void Check(JsonElement value, Spot at)
        {
            if (value.ValueKind != JsonValueKind.Array) throw WrongType(value, at, "array");
            foreach (var one in value.EnumerateArray()) item.Check(one, at);
            var texts = value.EnumerateArray().Select(Python.Repr).ToList();
            if (texts.Distinct().Count() < texts.Count) throw at.Refuse(value, $"{Python.Repr(value)} has non-unique elements");
        }
    }
}
