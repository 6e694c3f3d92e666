using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Server.Routes;
using Clinker.Server.Shapes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What each microversion changes is checked in. GOLDEN=1 writes it anew.</summary>
public sealed partial class MicroversionsMd
{
    static readonly RouteTable Table = AllRoutes.Table();
    static readonly JsonElement Document = JsonDocument.Parse(OpenApi.Bytes(Table)).RootElement;

    [Fact]
    public void Is_what_the_code_says() => Golden.Compare("microversions.md", Text());

    /// <summary>A line for each thing: which minor, what kind of thing, the thing, and where.</summary>
    static IEnumerable<(int Minor, string Kind, string What, string? Where)> All()
    {
        foreach (var route in Table.Routes.Where(r => r.Since > 0).OrderBy(r => r.Name, StringComparer.Ordinal))
            yield return (route.Since, "Routes", $"`{route.Method} {OpenApi.PathOf(route)}{(route.Key is null ? "" : " " + route.Key)}` ({route.Name})", null);
        foreach (var route in Table.Routes.OrderBy(r => r.Name, StringComparer.Ordinal))
        {
            if (route.Body is { } body)
                foreach (var (minor, what) in OfBody(Parsed(body.Schema(Microversion.Newest)), ""))
                    yield return (minor, "In bodies", what, route.Name);
            foreach (var parameter in QueryParameters.Of(route).Select(Parsed).Where(p => p.TryGetProperty("x-since", out _)))
                yield return (MinorOf(parameter, "x-since"), "In queries", $"`{parameter.GetProperty("name").GetString()}`", route.Name);
        }
        foreach (var shape in Document.GetProperty("components").GetProperty("schemas").EnumerateObject().Where(s => char.IsAsciiLetterUpper(s.Name[0])))
            if (shape.Value.TryGetProperty("properties", out var members))
                foreach (var member in members.EnumerateObject().Where(m => m.Value.TryGetProperty("x-since", out _)))
                    yield return (MinorOf(member.Value, "x-since"), "In answers",
                        $"`{member.Name}`{(member.Value.TryGetProperty("description", out _) ? " for admins" : "")}", shape.Name);
        foreach (var (name, minor) in Constants())
            yield return (minor, "Behaviour", Words[name], null);
        foreach (var change in Changes.All) yield return (change.Before, "Behaviour", change.Says, null);
    }

    static IEnumerable<(int Minor, string What)> OfBody(JsonElement schema, string path)
    {
        var here = path.Length == 0 ? "the body" : $"`{path}`";
        if (schema.TryGetProperty("x-closed-since", out _)) yield return (MinorOf(schema, "x-closed-since"), $"unknown members of {here} are refused");
        if (schema.TryGetProperty("x-any-of-since", out _))
            yield return (MinorOf(schema, "x-any-of-since"), $"{here} must have one of "
                + string.Join(", ", schema.GetProperty("anyOf").EnumerateArray().Select(a => $"`{a.GetProperty("required")[0].GetString()}`")));
        if (!schema.TryGetProperty("properties", out var members)) yield break;
        foreach (var member in members.EnumerateObject())
        {
            var name = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
            if (member.Value.TryGetProperty("x-since", out _)) yield return (MinorOf(member.Value, "x-since"), $"`{name}`");
            foreach (var below in OfBody(member.Value, name)) yield return below;
        }
    }

    static string Text()
    {
        var text = new StringBuilder("""
            # What each microversion changes

            Made from the code (`./dev golden`): routes, forms, shapes, query parameters and the constants of `Behaviour`. Names in brackets
            are routes of [routes.txt](routes.txt) and schemas of [openapi.json](openapi.json).

            """);
        var byMinor = All().ToLookup(a => a.Minor);
        var without = Enumerable.Range(1, Microversion.Newest).Where(m => !byMinor.Contains(m)).Select(m => $"3.{m}");
        text.Append(CultureInfo.InvariantCulture, $"\nNothing that is here changes with {string.Join(", ", without)}.\n");
        for (var minor = 1; minor <= Microversion.Newest; minor++)
        {
            if (!byMinor.Contains(minor)) continue;
            text.Append(CultureInfo.InvariantCulture, $"\n## 3.{minor}\n\n");
            foreach (var kind in byMinor[minor].GroupBy(a => a.Kind))
                foreach (var same in kind.GroupBy(a => a.What)
                    .Select(g => (What: g.Key, Where: string.Join(", ", g.Select(w => w.Where).OfType<string>().Distinct())))
                    .GroupBy(w => w.Where.Length == 0 ? w.What : w.Where))
                {
                    var (what, where) = (string.Join(", ", same.Select(w => w.What)), same.First().Where);
                    text.Append(CultureInfo.InvariantCulture, $"- {kind.Key}: {what}{(where.Length == 0 ? "" : $" ({where})")}\n");
                }
        }
        return text.ToString();
    }

    static IEnumerable<(string Name, int Minor)> Constants() => typeof(Behaviour).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (f.Name, (int)f.GetRawConstantValue()!));

    /// <summary>The constants' comments.</summary>
    static readonly Dictionary<string, string> Words = Constant()
        .Matches(File.ReadAllText(Path.Combine(Golden.Root, "src", "Clinker.Server", "Api", "Microversion.cs")))
        .ToDictionary(m => m.Groups["name"].Value, m => m.Groups["words"].Value);

    [GeneratedRegex("/// <summary>(?<words>[^\n]*)</summary>\n    public const int (?<name>\\w+) = ")]
    private static partial Regex Constant();

    static JsonElement Parsed(System.Text.Json.Nodes.JsonObject schema) => JsonDocument.Parse(schema.ToJsonString()).RootElement;

    static int MinorOf(JsonElement of, string member) => int.Parse(of.GetProperty(member).GetString()!.AsSpan(2), CultureInfo.InvariantCulture);
}
