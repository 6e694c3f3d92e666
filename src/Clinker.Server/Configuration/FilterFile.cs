using System.Text.Json;

namespace Clinker.Server.Configuration;

/// <summary>Reads what lists may be filtered by (etc/cinder/resource_filters.json).</summary>
static class FilterFile
{
    public static readonly Kind<IReadOnlyDictionary<string, IReadOnlyList<string>>> Kind = new("the absolute path of a JSON file",
        (string path, out IReadOnlyDictionary<string, IReadOnlyList<string>> value) =>
        {
            value = new Dictionary<string, IReadOnlyList<string>>();
            if (!Path.IsPathFullyQualified(path)) return "";
            try
            {
                using var json = JsonDocument.Parse(File.ReadAllText(path));
                value = json.RootElement.EnumerateObject().ToDictionary(
                    r => r.Name, r => (IReadOnlyList<string>)[.. r.Value.EnumerateArray().Select(f => f.GetString() ?? throw new JsonException())]);
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return $"it can't be read: {e.Message}"; }
            catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
            {
                return "it holds no JSON object with a list of names for each resource";
            }
        });
}
