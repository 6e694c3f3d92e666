using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Clinker.Server.Api;

/// <summary>A request's body, read and parsed. What is in it is text that can be kept: UTF-8, no half surrogates, no NUL.</summary>
sealed class Body : IDisposable
{
    /// <summary>How deep arrays and objects may lie in one another.</summary>
    const int MaxDepth = 32;

    static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>There was none.</summary>
    public static readonly Body None = new(null, []);

    readonly JsonDocument? document;
    readonly byte[] rented;

    Body(JsonDocument? document, byte[] rented)
    {
        this.document = document;
        this.rented = rented;
    }

    public bool IsThere => document is not null;

    /// <exception cref="Refusal">400: there is none.</exception>
    public JsonElement Root => document?.RootElement ?? throw Refusal.MalformedBody();

    /// <summary>The one key of an action's body.</summary>
    /// <exception cref="Refusal">400: it is no object of one key.</exception>
    public string ActionKey()
    {
        if (document is null || document.RootElement.ValueKind != JsonValueKind.Object || document.RootElement.GetPropertyCount() != 1)
            throw Refusal.MalformedBody();
        foreach (var property in document.RootElement.EnumerateObject()) return property.Name;
        throw Refusal.MalformedBody();
    }

    /// <summary>Reads the body of a request, to the limit.</summary>
    /// <exception cref="Refusal">413, 415 or 400.</exception>
    public static async ValueTask<Body> Read(HttpContext http, int maxBytes)
    {
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false }) return None;
        if (http.Request.ContentLength > maxBytes) throw TooLarge();
        var reader = http.Request.BodyReader;
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(http.Request.ContentLength ?? 4096, maxBytes) + 1);
        var length = 0;
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync();
                if (length + read.Buffer.Length > maxBytes)
                {
                    reader.AdvanceTo(read.Buffer.End); // so that the server can read on to the end, and the client hears the answer
                    throw TooLarge();
                }
                if (length + read.Buffer.Length > buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(maxBytes, Math.Max(length + (int)read.Buffer.Length, buffer.Length * 2)));
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                read.Buffer.CopyTo(buffer.AsSpan(length));
                length += (int)read.Buffer.Length;
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) break;
            }
            if (length == 0)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                return None;
            }
            DemandJson(http.Request.ContentType);
            return Parse(buffer, length);
        }
        catch (Exception e) when (e is Refusal or BadHttpRequestException or OperationCanceledException or IOException)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    /// <summary>Parses a text: for tests.</summary>
    public static Body Parse(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        return Parse(bytes, bytes.Length);
    }

    static Body Parse(byte[] buffer, int length)
    {
        var text = buffer.AsMemory(0, length);
        if (!Utf8.IsValid(text.Span)) throw Refusal.MalformedBody();
        JsonDocument document;
        try { document = JsonDocument.Parse(text, Strict); }
        catch (JsonException) { throw Refusal.MalformedBody(); }
        catch (InvalidOperationException) { throw Refusal.MalformedBody(); } // half a surrogate in a name, when names are compared
        // Only an escape can hide half a surrogate or a NUL: without one there is nothing to look for.
        if (text.Span.IndexOf("\\u"u8) >= 0 && !IsKeepable(document.RootElement))
        {
            document.Dispose();
            throw Refusal.MalformedBody();
        }
        return new Body(document, buffer);
    }

    static bool IsKeepable(JsonElement value)
    {
        try
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.String: return !value.GetString()!.Contains('\0', StringComparison.Ordinal);
                case JsonValueKind.Array:
                    foreach (var item in value.EnumerateArray())
                        if (!IsKeepable(item)) return false;
                    return true;
                case JsonValueKind.Object:
                    foreach (var property in value.EnumerateObject())
                        if (property.Name.Contains('\0', StringComparison.Ordinal) || !IsKeepable(property.Value)) return false;
                    return true;
                default: return true;
            }
        }
        catch (InvalidOperationException)
        {
            return false; // half a surrogate (JsonElement.GetString)
        }
    }

    static void DemandJson(string? contentType)
    {
        if (contentType is null or "application/json") return;
        if (MediaTypeHeaderValue.TryParse(contentType, out var type)
            && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                || type.MediaType.Equals("application/vnd.openstack.volume+json", StringComparison.OrdinalIgnoreCase)))
            return;
        throw new Refusal(415, "The request media type is not supported by this server.");
    }

    static Refusal TooLarge() => new(413, "Request is too large.");

    public void Dispose()
    {
        if (document is null) return;
        document.Dispose();
        ArrayPool<byte>.Shared.Return(rented);
    }
}

/// <summary>Reading members of an object that was checked before.</summary>
static class Members
{
    /// <summary>Null when it is absent, null or no text.</summary>
    public static string? Text(this JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A whole number, also written as a text. Null when it is absent or null.</summary>
    public static int? Number(this JsonElement of, string name)
    {
        if (!of.TryGetProperty(name, out var value)) return null;
        return value.ValueKind switch
        {
            JsonValueKind.Number => value.GetInt32(),
            JsonValueKind.String => int.Parse(value.GetString()!, System.Globalization.CultureInfo.InvariantCulture),
            _ => null,
        };
    }

    /// <summary>A boolean in one of the spellings that <see cref="Must.Flag"/> lets through. Null when it is absent or null.</summary>
    public static bool? Flag(this JsonElement of, string name)
    {
        if (!of.TryGetProperty(name, out var value)) return null;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number => value.GetRawText() != "0",
            JsonValueKind.String => Booleans.Parse(value.GetString()!),
            _ => null,
        };
    }

    /// <summary>An object of texts; null values are the empty text. Null when it is absent or null.</summary>
    public static IReadOnlyDictionary<string, string>? Words(this JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value.Words() : null;

    public static IReadOnlyDictionary<string, string> Words(this JsonElement of)
    {
        var words = new Dictionary<string, string>();
        foreach (var property in of.EnumerateObject()) words[property.Name] = property.Value.GetString() ?? "";
        return words;
    }

    public static bool Has(this JsonElement of, string name) => of.TryGetProperty(name, out _);
}
