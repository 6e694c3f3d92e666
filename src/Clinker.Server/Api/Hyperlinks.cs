using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Clinker.Server.Api;

/// <summary>
/// What links begin with: <c>public_endpoint</c>, else how the request was sent
/// (cinder/api/common.py, ViewBuilder). The project's segment appears only if the request's path had it.
/// </summary>
sealed class Hyperlinks
{
    readonly string root;
    readonly string project;

    public Hyperlinks(Call call)
    {
        root = Root(call);
        project = call.PathProject is { } p ? "/" + Uri.EscapeDataString(p) : "";
    }

    /// <summary>Without a slash at the end.</summary>
    public static string Root(Call call)
    {
        if (call.Settings.PublicEndpoint is { } configured) return configured.TrimEnd('/');
        var sent = call.Sent;
        return $"{sent.Scheme}://{sent.Host}{sent.Prefix}";
    }

    /// <summary>Where the items of a collection are: <c>volumes</c>.</summary>
    public Place Of(string collection) =>
        new($"{root}/v3{project}/{collection}/", $"{root}{project}/{collection}/");

    /// <summary>The next page of a list: the same query with a marker.</summary>
    public string Next(Call call, string collection, string marker) =>
        $"{root}/v3{project}/{collection}?{call.Query.With("marker", marker)}";

    /// <summary>The beginnings of an item's two links, ready to be written a thousand times.</summary>
    public sealed class Place(string self, string bookmark)
    {
        internal readonly byte[] Self = Encoding.UTF8.GetBytes(self);
        internal readonly byte[] Bookmark = Encoding.UTF8.GetBytes(bookmark);
    }
}

/// <summary>An item's links, written without making strings of them.</summary>
[JsonConverter(typeof(LinksConverter))]
readonly record struct Links(Hyperlinks.Place Place, string Id);

sealed class LinksConverter : JsonConverter<Links>
{
    static readonly JsonEncodedText Rel = JsonEncodedText.Encode("rel");
    static readonly JsonEncodedText Href = JsonEncodedText.Encode("href");
    static readonly JsonEncodedText Self = JsonEncodedText.Encode("self");
    static readonly JsonEncodedText Bookmark = JsonEncodedText.Encode("bookmark");

    public override Links Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Links are only written.");

    public override void Write(Utf8JsonWriter writer, Links value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        One(writer, Self, value.Place.Self, value.Id);
        One(writer, Bookmark, value.Place.Bookmark, value.Id);
        writer.WriteEndArray();
    }

    static void One(Utf8JsonWriter writer, JsonEncodedText rel, ReadOnlySpan<byte> prefix, string id)
    {
        Span<byte> small = stackalloc byte[512];
        var most = prefix.Length + Encoding.UTF8.GetMaxByteCount(id.Length);
        var buffer = most <= small.Length ? small : new byte[most];
        prefix.CopyTo(buffer);
        var length = prefix.Length + Encoding.UTF8.GetBytes(id, buffer[prefix.Length..]);
        writer.WriteStartObject();
        writer.WriteString(Rel, rel);
        writer.WriteString(Href, buffer[..length]);
        writer.WriteEndObject();
    }
}
