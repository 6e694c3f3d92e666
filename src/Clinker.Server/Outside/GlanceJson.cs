using System.Buffers;
using System.Text;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Outside;

namespace Clinker.Server.Outside;

/// <summary>
/// Images as Glance writes them: what is common to all and what their owners add lie side by side in one object
/// (https://docs.openstack.org/api-ref/image/v2/, GET /v2/schemas/image).
/// </summary>
static class GlanceJson
{
    const int MostKeyChars = 255;
    const int MostValueBytes = 65535;

    /// <summary>What is no property of its owner's.</summary>
    static readonly HashSet<string> Common =
    [
        "id", "name", "status", "visibility", "protected", "tags", "checksum", "size", "virtual_size", "created_at", "updated_at", "file",
        "self", "schema", "first", "owner", "min_ram", "min_disk", "disk_format", "container_format", "os_hidden", "os_hash_algo",
        "os_hash_value", "direct_url", "locations", "stores", "members_url",
    ];

    /// <exception cref="FaultException">Unavailable: it is no image.</exception>
    public static Image Image(byte[] answer)
    {
        using var json = Parse(answer);
        return Read(json.RootElement);
    }

    /// <inheritdoc cref="Image"/>
    public static List<Image> Images(byte[] answer)
    {
        using var json = Parse(answer);
        return json.RootElement.TryGetProperty("images", out var images) && images.ValueKind == JsonValueKind.Array
            ? [.. images.EnumerateArray().Select(Read)]
            : throw Glance.Strange("its answer has no images");
    }

    public static byte[] Create(NewImage image)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", image.Id);
            json.WriteString("name", image.Name);
            json.WriteString("disk_format", image.DiskFormat);
            json.WriteString("container_format", image.ContainerFormat);
            if (image.Visibility is { } visibility) json.WriteString("visibility", visibility);
            if (image.Protected is { } isProtected) json.WriteBoolean("protected", isProtected);
            foreach (var (key, value) in image.Properties)
                if (!Common.Contains(key)) json.WriteString(key, value);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    static Image Read(JsonElement image)
    {
        if (image.ValueKind != JsonValueKind.Object || Text(image, "id") is not { } id || Text(image, "status") is not { } status)
            throw Glance.Strange("its answer is no image");
        var properties = new Dictionary<string, string>();
        foreach (var member in image.EnumerateObject())
        {
            if (Common.Contains(member.Name) || member.Value.ValueKind != JsonValueKind.String || member.Name.Length is 0 or > MostKeyChars) continue;
            var value = Kept(member.Value);
            if (value is not null && Encoding.UTF8.GetByteCount(value) <= MostValueBytes) properties[member.Name] = value;
        }
        return new()
        {
            Id = id,
            Name = Text(image, "name"),
            Status = status,
            SizeBytes = image.TryGetProperty("size", out var size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var bytes) ? bytes : null,
            DiskFormat = Text(image, "disk_format"),
            ContainerFormat = Text(image, "container_format"),
            MinDiskGb = Number(image, "min_disk"),
            MinRamMb = Number(image, "min_ram"),
            Checksum = Text(image, "checksum"),
            HashAlgorithm = Text(image, "os_hash_algo"),
            Hash = Text(image, "os_hash_value"),
            Visibility = Text(image, "visibility"),
            Protected = image.TryGetProperty("protected", out var p) ? p.ValueKind == JsonValueKind.True : null,
            Properties = properties,
        };
    }

    static JsonDocument Parse(byte[] answer)
    {
        try { return JsonDocument.Parse(answer); }
        catch (JsonException) { throw Glance.Strange("its answer is no JSON"); }
    }

    static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? Kept(value) : null;

    static int Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;

    /// <summary>A text that a database keeps; null for another.</summary>
    static string? Kept(JsonElement text)
    {
        try { return text.GetString() is { } value && !value.Contains('\0', StringComparison.Ordinal) ? value : null; }
        catch (InvalidOperationException) { return null; } // half a surrogate pair
    }
}
