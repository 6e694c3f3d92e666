using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Server.Api.Reference;

namespace Clinker.Server.Api;

/// <summary>What a handler gives back; knows how to write itself.</summary>
interface IAnswer
{
    void Write(AnswerWriter to);
}

/// <summary>An answer that tells of which shape it is, for documents and for checks at the start.</summary>
interface IShaped : IAnswer
{
    static abstract Type? Shape { get; }

    /// <summary>What it looks like, for documents.</summary>
    static virtual JsonObject Describe(Schemas of) => new() { ["type"] = "object" };
}

/// <summary>What a route answers with.</summary>
sealed record AnswerKind(Type? Shape, Func<Schemas, JsonObject> Describe)
{
    public static AnswerKind Of<T>() where T : IShaped => new(T.Shape, T.Describe);
}

/// <summary>Something on the wire, written as <c>{"volume": {…}}</c>.</summary>
interface IShape<TSelf> : IShaped where TSelf : IShape<TSelf>
{
    /// <summary>The key around one of them: <c>volume</c>.</summary>
    static abstract string One { get; }

    /// <summary>The key around a list of them: <c>volumes</c>.</summary>
    static abstract string Many { get; }

    static Type? IShaped.Shape => typeof(TSelf);

    static JsonObject IShaped.Describe(Schemas of) => Schemas.Object((TSelf.One, of.Shape(typeof(TSelf))));

    void IAnswer.Write(AnswerWriter to)
    {
        to.Json.WriteStartObject();
        to.Json.WritePropertyName(TSelf.One);
        to.Item((TSelf)this);
        to.Json.WriteEndObject();
    }
}

/// <summary>A page of a list: <c>{"volumes": […], "volumes_links": […], "count": 7}</c>.</summary>
/// <param name="Next">The link to the next page; null when there is none.</param>
/// <param name="Count">All matches, when they were asked for.</param>
/// <param name="LinksKey">When it is not the list's key and <c>_links</c>.</param>
sealed record Page<T>(IEnumerable<T> Items, string? Next = null, long? Count = null, string? LinksKey = null) : IShaped
    where T : IShape<T>
{
    public static Type? Shape => typeof(T);

    public static JsonObject Describe(Schemas of)
    {
        var page = Schemas.Object((T.Many, Schemas.ListOf(of.Shape(typeof(T)))));
        page["properties"]!["count"] = new JsonObject { ["type"] = "integer", ["description"] = "All matches, when with_count asks for it." };
        page["patternProperties"] = new JsonObject { ["_links$"] = Schemas.Of("NextPage") };
        return page;
    }

    public void Write(AnswerWriter to)
    {
        var json = to.Json;
        json.WriteStartObject();
        json.WritePropertyName(T.Many);
        to.Items(Items);
        if (Next is not null)
        {
            json.WriteStartArray(LinksKey ?? T.Many + "_links");
            json.WriteStartObject();
            json.WriteString("rel", "next");
            json.WriteString("href", Next);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        if (Count is { } count) json.WriteNumber("count", count);
        json.WriteEndObject();
    }
}

/// <summary>A shape without a key around it.</summary>
sealed record Bare<T>(T Item) : IShaped
{
    public static Type? Shape => typeof(T);

    public static JsonObject Describe(Schemas of) => of.Shape(typeof(T));

    public void Write(AnswerWriter to) => to.Item(Item);
}

/// <summary>A shape without a key around it, or <c>{}</c> where there is none.</summary>
sealed record MaybeBare<T>(T? Item) : IShaped where T : class
{
    public static Type? Shape => typeof(T);

    public static JsonObject Describe(Schemas of) => new()
    {
        ["anyOf"] = new JsonArray(of.Shape(typeof(T)), new JsonObject { ["type"] = "object", ["maxProperties"] = 0 }),
    };

    public void Write(AnswerWriter to)
    {
        if (Item is not null)
        {
            to.Item(Item);
            return;
        }
        to.Json.WriteStartObject();
        to.Json.WriteEndObject();
    }
}

/// <summary>One member of a shape: <c>{"cipher": "aes"}</c>.</summary>
sealed record OneMember<T>(T Item, string Member) : IShaped
{
    public static Type? Shape => typeof(T);

    public static JsonObject Describe(Schemas of)
    {
        of.Shape(typeof(T));
        return new() { ["type"] = "object", ["description"] = $"One member of {typeof(T).Name}.", ["minProperties"] = 1, ["maxProperties"] = 1 };
    }

    public void Write(AnswerWriter to) => to.Member(Item, Member);
}

/// <summary>A shape under its key, and its links beside that.</summary>
sealed record Linked<T>(T Item, Links Links) : IShaped where T : IShape<T>
{
    public static Type? Shape => typeof(T);

    public static JsonObject Describe(Schemas of) => Schemas.Object((T.One, of.Shape(typeof(T))), ("links", of.Shape(typeof(Links))));

    public void Write(AnswerWriter to)
    {
        to.Json.WriteStartObject();
        to.Json.WritePropertyName(T.One);
        to.Item(Item);
        to.Json.WritePropertyName("links");
        to.Item(Links);
        to.Json.WriteEndObject();
    }
}

/// <summary>JSON as it is, under a key.</summary>
sealed record Verbatim(string Key, string Json) : IShaped
{
    public static Type? Shape => null;

    public static JsonObject Describe(Schemas of) =>
        new() { ["type"] = "object", ["description"] = "What the driver says, under one key.", ["minProperties"] = 1, ["maxProperties"] = 1 };

    public void Write(AnswerWriter to)
    {
        to.Json.WriteStartObject();
        to.Json.WritePropertyName(Key);
        to.Json.WriteRawValue(Json, skipInputValidation: true);
        to.Json.WriteEndObject();
    }
}

/// <summary>Words under a key: <c>{"metadata": {"a": "b"}}</c>; without one, only the object.</summary>
sealed record Entries(string? Key, IReadOnlyDictionary<string, string> Words) : IShaped
{
    public static Type? Shape => null;

    public static JsonObject Describe(Schemas of) => new()
    {
        ["type"] = "object",
        ["description"] = "Words by key: alone, or under the one key of the resource (metadata, meta, extra_specs, …).",
    };

    public void Write(AnswerWriter to) => Write(to.Json);

    public void Write(Utf8JsonWriter json)
    {
        if (Key is not null)
        {
            json.WriteStartObject();
            json.WritePropertyName(Key);
        }
        json.WriteStartObject();
        foreach (var (name, value) in Words) json.WriteString(name, value);
        json.WriteEndObject();
        if (Key is not null) json.WriteEndObject();
    }
}

/// <summary>Writes answers as one version's clients know them.</summary>
sealed class AnswerWriter(Utf8JsonWriter json, Wire wire)
{
    /// <summary>How all answers are written. Names may hold anything; they go to JSON readers, never into HTML.</summary>
    public static readonly JsonWriterOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public Utf8JsonWriter Json => json;

    public void Item<T>(T item) => JsonSerializer.Serialize(json, wire.Changed(item), wire.Of<T>());

    public void Member<T>(T item, string name)
    {
        var whole = JsonSerializer.SerializeToElement(wire.Changed(item), wire.Of<T>());
        json.WriteStartObject();
        json.WritePropertyName(name);
        whole.GetProperty(name).WriteTo(json);
        json.WriteEndObject();
    }

    public void Items<T>(IEnumerable<T> items)
    {
        var type = wire.Of<T>();
        var changes = wire.ChangesOf<T>();
        json.WriteStartArray();
        foreach (var item in items) JsonSerializer.Serialize(json, Wire.Apply(changes, item), type);
        json.WriteEndArray();
    }
}
