using System.Text.Json;

namespace Clinker.Scheduling;

/// <summary>What a user asks of the scheduler with a new volume: <c>OS-SCH-HNT:scheduler_hints</c>.</summary>
public sealed record Hints
{
    public static readonly Hints None = new();

    /// <summary>Volumes to lie beside; null when they are no volumes' ids.</summary>
    public IReadOnlyList<string>? SameHost { get; init; } = [];

    /// <summary>Volumes to lie away from; null when they are no volumes' ids.</summary>
    public IReadOnlyList<string>? DifferentHost { get; init; } = [];

    /// <summary>The server on whose host it is to lie.</summary>
    public string? LocalToInstance { get; init; }

    /// <summary>A condition in JSON: see <see cref="JsonQuery"/>.</summary>
    public string? Query { get; init; }

    /// <param name="json">The object as it came, or null.</param>
    public static Hints Parse(string? json)
    {
        if (json is null) return None;
        using var document = JsonDocument.Parse(json);
        var all = document.RootElement;
        return new()
        {
            SameHost = Ids(all, "same_host"),
            DifferentHost = Ids(all, "different_host"),
            LocalToInstance = Text(all, "local_to_instance"),
            Query = Text(all, "query"),
        };
    }

    /// <summary>One id or a list of them. A word that is none is no reason to place it anywhere: the wish could not be kept.</summary>
    static IReadOnlyList<string>? Ids(JsonElement all, string name)
    {
        if (!all.TryGetProperty(name, out var value)) return [];
        var ids = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToList() : [value];
        return ids.All(i => i.ValueKind == JsonValueKind.String && Guid.TryParse(i.GetString(), out _))
            ? [.. ids.Select(i => i.GetString()!)]
            : null;
    }

    static string? Text(JsonElement all, string name)
    {
        if (!all.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return text.Length == 0 ? null : text;
    }
}
