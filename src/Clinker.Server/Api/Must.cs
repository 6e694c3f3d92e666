using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;

namespace Clinker.Server.Api;

/// <summary>What a request's body must be like, and what it becomes.</summary>
/// <param name="Must">Checked before anything else, in Cinder's order and words.</param>
/// <param name="Read">Called with what passed.</param>
sealed record Form<T>(Must Must, Func<JsonElement, T> Read)
{
    /// <exception cref="FaultException">Invalid.</exception>
    public T Of(Body body, Microversion version)
    {
        Must.Check(body.Root, new Spot(null, version.Minor));
        return Read(body.Root);
    }
}

/// <summary>Where in a body a check is.</summary>
/// <param name="Name">The nearest member's name; null at the top.</param>
readonly record struct Spot(string? Name, int Minor)
{
    /// <summary>Cinder's words for a value that is not as it must be (cinder/api/validation/validators.py).</summary>
    public FaultException Refuse(JsonElement value, string why) => new Fault.Invalid(Name is null
        ? why
        : $"Invalid input for field/attribute {Name}. Value: {Python.Str(value)}. {why}").Thrown();
}

/// <summary>A constraint on one value of a body. The words are those of the jsonschema library, which clients know.</summary>
abstract partial class Must
{
    /// <exception cref="FaultException">Invalid.</exception>
    public abstract void Check(JsonElement value, Spot at);

    /// <summary>
    /// The same as JSON Schema, for documents: what it refuses, <see cref="Check"/> refuses; the rest that is checked is said in its
    /// description.
    /// </summary>
    /// <param name="minor">As of this minor version.</param>
    public abstract JsonObject Schema(int minor);

    /// <summary>An object. Unknown members are refused when it is closed: always, from a minor on, or never.</summary>
    public static MustObject Object(params Field[] fields) => new(fields);

    public static Field Required(string name, Must value, int until = int.MaxValue) => new(name, value, IsRequired: true, Since: 0, until);

    public static Field Optional(string name, Must value, int since = 0) => new(name, value, IsRequired: false, since);

    /// <summary>Anything at all.</summary>
    public static readonly Must Anything = new MustAnything();

    /// <summary>A text, by default at most 255 characters.</summary>
    /// <param name="format">Gives the refusal's words, or null.</param>
    /// <param name="pattern">What the format is as a regular expression, for documents.</param>
    /// <param name="says">What it is in words, where it is no regular expression.</param>
    public static Must Text(int min = 0, int max = 255, bool orNull = false, Func<string, string?>? format = null, string? pattern = null,
        string? says = null) => new MustText(min, max, orNull, format, pattern, says);

    public static Must OneOf(params string[] words) => new MustWord(words);

    /// <summary>A name or a description: trimmed, at most 255 characters; said in other words than a plain text.</summary>
    public static Must Trimmed(string what) => new MustTrimmed(what);

    /// <summary>A text of at most 65535 bytes, as upstream's widest column takes.</summary>
    public static readonly Must LongText = Text(max: int.MaxValue, format: value => System.Text.Encoding.UTF8.GetByteCount(value) <= 65535
        ? null
        : $"{Python.Repr(value)} is not a 'mysql_text'", says: "At most 65535 bytes.");

    /// <summary>A text of printable characters.</summary>
    public static readonly Must Description = Text(orNull: true, format: value =>
        value.Any(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Format or UnicodeCategory.PrivateUse)
            ? $"{Python.Repr(value)} does not match '^[printable characters]*$'"
            : null, says: "Printable characters only.");

    /// <summary>A name that must be there: 1 to 255 characters, not only blanks.</summary>
    public static readonly Must Name = new MustName();

    /// <summary>Why a service is switched off: 1 to 255 characters once it is trimmed.</summary>
    public static readonly Must Reason = Text(min: 1, max: int.MaxValue, format: value => value.Trim().Length is >= 1 and <= 255
        ? null
        : $"{Python.Repr(value)} is not a 'disabled_reason'", says: "1 to 255 characters once it is trimmed.");

    /// <inheritdoc cref="Reason"/>
    public static readonly Must ReasonOrNull = Text(max: int.MaxValue, orNull: true, format: value => value.Trim().Length is >= 1 and <= 255
        ? null
        : $"{Python.Repr(value)} is not a 'disabled_reason'", says: "1 to 255 characters once it is trimmed.");

    /// <summary>A UUID in any usual spelling, or null.</summary>
    public static readonly Must UuidOrNull = new MustUuidOrNull();

    /// <summary>A UUID in any usual spelling.</summary>
    public static readonly Must Uuid = Text(max: int.MaxValue, format: value =>
        Python.IsUuid(value) ? null : $"{Python.Repr(value)} is not a 'uuid'", says: "A UUID in any usual spelling.");

    /// <summary>Anything of these JSON types.</summary>
    public static Must Kind(params string[] types) => new MustKind(types);

    /// <summary>A boolean or one of the words for it.</summary>
    public static readonly Must Flag = new MustFlag(orNull: false);

    public static readonly Must FlagOrNull = new MustFlag(orNull: true);

    /// <summary>A size in GiB, 1 to 2147483647, also as a text of digits.</summary>
    public static readonly Must Size = new MustSize(orNull: false);

    public static readonly Must SizeOrNull = new MustSize(orNull: true);

    /// <summary>A limit: -1 (none) to 2147483647, also as a text of digits.</summary>
    public static readonly Must Limit = new MustSize(orNull: false, min: -1);

    /// <summary>A key's size in bits, 0 to 2147483647, also as a text; or null.</summary>
    public static readonly Must KeySizeOrNull = new MustKeySize();

    /// <summary>A name that may have blanks around it: 1 to 255 characters without them.</summary>
    public static readonly Must PaddedName = new MustPaddedName();

    /// <summary>Values by key, where the keys are of a kind.</summary>
    public static MustObject ByKey(KeyPattern keys, Must values) => new([], keys, values);

    /// <summary>A list in which nothing is twice.</summary>
    public static Must Distinct(Must item) => new MustDistinct(item);

    /// <summary>Texts by key: letters, digits and <c>-_:. /</c>.</summary>
    /// <param name="values">What the texts must be, where that is not at most 255 characters.</param>
    public static MustObject Words(
        bool orNull = false, bool nullValues = false, bool spaces = true, bool slashes = true, Must? values = null) =>
        new([], Keys: !spaces ? KeyPattern.Plain : slashes ? KeyPattern.Spaced : KeyPattern.Unslashed,
            Values: values ?? Text(orNull: nullValues), OrNull: orNull);

    /// <summary>A host as Cinder writes it.</summary>
    public static readonly Must Host = Text(min: 1, orNull: true, format: value =>
        value.All(c => char.IsAsciiLetterOrDigit(c) || "-._#@:/+[]".Contains(c, StringComparison.Ordinal))
            ? null
            : $"{Python.Repr(value)} does not match '^[a-zA-Z0-9-._#@:/+\\\\[\\\\]]*$'", pattern: @"^[a-zA-Z0-9\-._#@:/+\[\]]*$");

    /// <summary>Refuses with <c>is not of type</c>.</summary>
    protected static FaultException WrongType(JsonElement value, Spot at, params string[] types) =>
        at.Refuse(value, $"{Python.Repr(value)} is not of type {string.Join(", ", types.Select(t => $"'{t}'"))}");
}

/// <summary>A member of an object.</summary>
/// <param name="Since">Unknown to requests of older minors.</param>
/// <param name="Until">Unknown to requests of this minor and newer ones, which may have another member of that name.</param>
sealed record Field(string Name, Must Value, bool IsRequired, int Since, int Until = int.MaxValue)
{
    public bool IsKnown(int minor) => Since <= minor && minor < Until;
}

/// <summary>Which keys an object of words may have.</summary>
sealed record KeyPattern(string Text, string More, int Most = 255)
{
    public static readonly KeyPattern Spaced = new("^[a-zA-Z0-9-_:. /]{1,255}$", "-_:. /");
    public static readonly KeyPattern Unslashed = new("^[a-zA-Z0-9-_:. ]{1,255}$", "-_:. ");
    public static readonly KeyPattern Plain = new("^[a-zA-Z0-9-_:.]{1,255}$", "-_:.");

    public static readonly KeyPattern Resource = new("^[a-zA-Z0-9-_:. ]{1,300}$", "-_:. ", 300);

    public bool Matches(string key) => key.Length >= 1 && key.Length <= Most
        && key.All(c => char.IsAsciiLetterOrDigit(c) || More.Contains(c, StringComparison.Ordinal));
}

/// <param name="ClosedSince">From which minor on unknown members are refused; null for never.</param>
/// <param name="AnyOf">One of these must be there.</param>
/// <param name="AnyOfSince">From which minor on.</param>
/// <param name="Also">A last look at the whole; gives the refusal's words.</param>
sealed record MustObjectRules(int? ClosedSince = 0, string[]? AnyOf = null, int AnyOfSince = 0, int? MinCount = null,
    int? MaxCount = null, Func<JsonElement, string?>? Also = null);

sealed partial class MustObject(
    Field[] fields, KeyPattern? Keys = null, Must? Values = null, bool OrNull = false, MustObjectRules? rules = null) : Must
{
    readonly MustObjectRules rules = rules ?? new();

    public IReadOnlyList<Field> Fields => fields;

    public MustObject Open() => With(rules with { ClosedSince = null });

    public MustObject ClosedFrom(int minor) => With(rules with { ClosedSince = minor });

    public MustObject WithAnyOf(int since, params string[] names) => With(rules with { AnyOf = names, AnyOfSince = since });

    public MustObject WithCount(int min, int max) => With(rules with { MinCount = min, MaxCount = max });

    /// <summary>May be null too.</summary>
    public MustObject NullToo() => new(fields, Keys, Values, true, rules);

    /// <summary>A last look at the whole; gives the whole of the refusal's words, or null.</summary>
    public MustObject AndAlso(Func<JsonElement, string?> also) => With(rules with { Also = also });

    MustObject With(MustObjectRules changed) => new(fields, Keys, Values, OrNull, changed);

    public override void Check(JsonElement value, Spot at)
    {
        if (OrNull && value.ValueKind == JsonValueKind.Null) return;
        if (value.ValueKind != JsonValueKind.Object) throw OrNull ? WrongType(value, at, "object", "null") : WrongType(value, at, "object");
        foreach (var field in fields)
            if (field.IsKnown(at.Minor) && value.TryGetProperty(field.Name, out var member)) field.Value.Check(member, at with { Name = field.Name });
        if (Keys is not null)
            foreach (var property in value.EnumerateObject())
                if (Keys.Matches(property.Name)) Values!.Check(property.Value, at with { Name = property.Name });
        foreach (var field in fields)
            if (field.IsRequired && field.IsKnown(at.Minor) && !value.TryGetProperty(field.Name, out _)) throw at.Refuse(value, $"'{field.Name}' is a required property");
        if (rules.ClosedSince <= at.Minor) RefuseUnknown(value, at);
        var count = value.GetPropertyCount();
        if (count < rules.MinCount) throw at.Refuse(value, $"{Python.Repr(value)} does not have enough properties");
        if (count > rules.MaxCount) throw at.Refuse(value, $"{Python.Repr(value)} has too many properties");
        if (rules.AnyOf is { } names && at.Minor >= rules.AnyOfSince && !names.Any(n => value.TryGetProperty(n, out _)))
            throw at.Refuse(value, $"{Python.Repr(value)} is not valid under any of the given schemas");
        if (rules.Also?.Invoke(value) is { } why) throw new Fault.Invalid(why).Thrown();
    }

    public override JsonObject Schema(int minor)
    {
        var schema = new JsonObject { ["type"] = OrNull ? Types("object", "null") : "object" };
        var known = fields.Where(f => f.IsKnown(minor)).ToList();
        if (known.Count > 0)
        {
            var properties = new JsonObject();
            foreach (var field in known)
            {
                var one = properties[field.Name] = field.Value.Schema(minor);
                if (field.Since > 0) one["x-since"] = $"3.{field.Since}";
            }
            schema["properties"] = properties;
        }
        if (known.Where(f => f.IsRequired).ToList() is { Count: > 0 } required) schema["required"] = Names(required.Select(f => f.Name));
        if (Keys is not null) schema["patternProperties"] = new JsonObject { [Keys.Text] = Values!.Schema(minor) };
        if (rules.ClosedSince <= minor) schema["additionalProperties"] = false;
        if (rules.ClosedSince is > 0 and var closed && closed <= minor) schema["x-closed-since"] = $"3.{closed}";
        if (rules.MinCount is { } min) schema["minProperties"] = min;
        if (rules.MaxCount is < int.MaxValue and var max) schema["maxProperties"] = max;
        if (rules.AnyOf is { } any && minor >= rules.AnyOfSince)
        {
            schema["anyOf"] = new JsonArray([.. any.Select(n => (JsonNode)new JsonObject { ["required"] = Names([n]) })]);
            if (rules.AnyOfSince > 0) schema["x-any-of-since"] = $"3.{rules.AnyOfSince}";
        }
        return schema;
    }

    static JsonArray Names(IEnumerable<string> names) => new([.. names.Select(n => (JsonNode)n)]);

    void RefuseUnknown(JsonElement value, Spot at)
    {
        List<string>? unknown = null;
        foreach (var property in value.EnumerateObject())
            if (!(Keys?.Matches(property.Name) ?? false) && !fields.Any(f => f.IsKnown(at.Minor) && f.Name == property.Name))
                (unknown ??= []).Add(property.Name);
        if (unknown is null) return;
        unknown.Sort(StringComparer.Ordinal);
        var list = string.Join(", ", unknown.Select(Python.Repr));
        throw at.Refuse(value, Keys is null
            ? $"Additional properties are not allowed ({list} {(unknown.Count == 1 ? "was" : "were")} unexpected)"
            : $"{list} {(unknown.Count == 1 ? "does" : "do")} not match any of the regexes: '{Keys.Text}'");
    }
}
