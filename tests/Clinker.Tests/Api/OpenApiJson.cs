using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Api.Reference;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>The API's document is checked in, and says what the routes do. GOLDEN=1 writes it anew.</summary>
public sealed class OpenApiJson
{
    static readonly RouteTable Table = AllRoutes.Table();
    static readonly JsonElement Document = JsonDocument.Parse(OpenApi.Bytes(Table)).RootElement;
    static readonly SchemaCheck Check = new(Document);

    [Fact]
    public void Is_what_the_table_says() => Golden.Compare("openapi.json", Encoding.UTF8.GetString(OpenApi.Bytes(AllRoutes.Table())));

    [Fact]
    public void Has_every_route() => Assert.All(Table.Routes, route =>
    {
        var operation = Document.GetProperty("paths").GetProperty(OpenApi.PathOf(route)).GetProperty(route.Method.ToLowerInvariant());
        var told = operation;
        if (route.Key is { } key)
        {
            told = Document.GetProperty("components").GetProperty("schemas").GetProperty(route.Name);
            Assert.Equal(key, Assert.Single(told.GetProperty("properties").EnumerateObject()).Name);
            Assert.Contains(operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema")
                .GetProperty("oneOf").EnumerateArray(), one => one.GetProperty("$ref").GetString() == "#/components/schemas/" + route.Name);
        }
        else Assert.Equal(route.Name, told.GetProperty("operationId").GetString());
        Assert.Equal($"3.{route.Since}", told.GetProperty("x-since").GetString());
        Assert.Equal(route.Rule.Name, told.TryGetProperty("x-policy-rule", out var rule) ? rule.GetString() : null);
        Assert.True(operation.GetProperty("responses").TryGetProperty(route.Success.ToString(CultureInfo.InvariantCulture), out var success));
        Assert.Equal(route.Answer is not null, route.Key is null ? success.TryGetProperty("content", out _) : told.TryGetProperty("x-answer", out _));
        Assert.Equal(route.Body is not null || route.Key is not null, operation.TryGetProperty("requestBody", out _));
    });

    [Fact]
    public void Has_nothing_that_is_twice_or_leads_nowhere()
    {
        Assert.Equal("3.1.0", Document.GetProperty("openapi").GetString());
        var operations = Document.GetProperty("paths").EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Where(m => m.Name != "parameters")
                .Select(m => (Path: p.Name, Item: p.Value, Operation: m.Value))).ToList();
        Assert.All(operations.GroupBy(o => o.Operation.GetProperty("operationId").GetString()), same => Assert.Single(same));
        Assert.All(operations, o =>
        {
            var variables = o.Path.Split('/').Where(s => s.StartsWith('{')).Select(s => s.Trim('{', '}'));
            var said = o.Item.TryGetProperty("parameters", out var parameters)
                ? parameters.EnumerateArray().Select(p => p.GetProperty("name").GetString()!)
                : [];
            Assert.Equal(variables, said);
            Assert.All(o.Operation.GetProperty("parameters").EnumerateArray().Where(p => p.TryGetProperty("name", out _))
                .GroupBy(p => p.GetProperty("name").GetString()), same => Assert.Single(same));
            Assert.Contains(o.Operation.GetProperty("tags")[0].GetString(),
                Document.GetProperty("tags").EnumerateArray().Select(t => t.GetProperty("name").GetString()));
        });
        // Paths that differ in nothing but the names of their variables would be one path.
        Assert.All(Document.GetProperty("paths").EnumerateObject().GroupBy(p =>
            string.Join('/', p.Name.Split('/').Select(s => s.StartsWith('{') ? "{}" : s))), same => Assert.Single(same));
        var references = References(Document).ToList();
        Assert.NotEmpty(references);
        Assert.All(references, r => Assert.NotEqual(JsonValueKind.Undefined, Check.Find(r).ValueKind));
        var used = references.ToHashSet();
        Assert.All(Document.GetProperty("components").EnumerateObject().Where(c => c.Name != "securitySchemes"), kind =>
            Assert.All(kind.Value.EnumerateObject(), one => Assert.Contains($"#/components/{kind.Name}/{one.Name}", used)));
    }

    public static TheoryData<string> Samples => [.. SampleRequests.All.Select(s => s.ToString()).Distinct()];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Takes_the_sample_requests(string which)
    {
        var (route, minor, body) = SampleRequests.All.First(s => s.ToString() == which);
        var schema = JsonDocument.Parse(route.Body!.Schema(minor).ToJsonString()).RootElement;
        Assert.Null(Check.WhyNot(body, schema));
    }

    /// <summary>What a schema refuses is refused: a document that is too strict would keep clients from what they may do.</summary>
    [Fact]
    public void Refuses_no_body_that_a_route_takes()
    {
        var (taken, refused, missed) = (0, 0, new SortedSet<string>(StringComparer.Ordinal));
        foreach (var sample in SampleRequests.All)
        {
            var schema = JsonDocument.Parse(sample.Route.Body!.Schema(Microversion.Newest).ToJsonString()).RootElement;
            foreach (var body in Bodies.Near(sample.Body))
            {
                var why = Check.WhyNot(body, schema);
                var says = Refusal(sample.Route, body);
                if (says is null) Assert.True(why is null, $"{sample}: {body.GetRawText()}: {why}");
                if (says is null) taken++;
                else if (why is not null) refused++;
                else missed.Add($"{sample.Route.Name}: {says}");
            }
        }
        Assert.True(taken > 500 && refused > 500, $"{taken} taken, {refused} refused");
        // Texts that are too long when they are trimmed, and what is said of several members together: no schema says it.
        Assert.True(missed.Count * 10 < refused, $"{refused} refused, and not by the schema: {string.Join('\n', missed)}");
    }

    static string? Refusal(Route route, JsonElement body)
    {
        try
        {
            route.Body!.Check(body, new Spot(null, Microversion.Newest));
            return null;
        }
        catch (FaultException e)
        {
            return e.Message;
        }
        catch (Refusal e)
        {
            return e.Message;
        }
    }

    static IEnumerable<string> References(JsonElement of) => of.ValueKind switch
    {
        JsonValueKind.Object => of.EnumerateObject().SelectMany(m =>
            m.Name == "$ref" && m.Value.ValueKind == JsonValueKind.String ? [m.Value.GetString()!] : References(m.Value)),
        JsonValueKind.Array => of.EnumerateArray().SelectMany(References),
        _ => [],
    };
}

/// <summary>The requests of <c>api/samples</c> whose route is there, by <c>Exchanges.tsv</c>.</summary>
static class SampleRequests
{
    public sealed record Sample(Route Route, int Minor, JsonElement Body)
    {
        public required string File { get; init; }

        public override string ToString() => $"{Route.Name} {File}";
    }

    public static readonly IReadOnlyList<Sample> All = [.. Read()];

    static IEnumerable<Sample> Read()
    {
        var table = AllRoutes.Table();
        var exchanges = Path.Combine(Golden.Root, "tests", "Clinker.Conformance", "Samples", "Exchanges.tsv");
        foreach (var line in File.ReadLines(exchanges).Where(l => l.Length > 0 && l[0] != '#')
            .Select(l => l.Split('\t')).DistinctBy(c => (c[0], c[1])))
        {
            if (line[1] == "-") continue;
            var said = line[0].Split(' ');
            var path = said[1].Split('?')[0].Split('/');
            var minor = int.Parse(line[1].AsSpan(2, line[1].IndexOf('/', StringComparison.Ordinal) - 2), CultureInfo.InvariantCulture);
            var route = table.Routes.Where(r => r.Method == said[0] && r.Key == said.ElementAtOrDefault(2) && Fits(r.Path.Split('/'), path))
                .MinBy(r => r.Path.Count(c => c == '{'));
            if (route?.Body is null) continue;
            var text = File.ReadAllText(Path.Combine(Golden.Root, "api", "samples", line[1]));
            yield return new(route, Math.Max(minor, route.Since), JsonDocument.Parse(text).RootElement) { File = line[1] };
        }
    }

    static bool Fits(string[] route, string[] path) =>
        route.Length == path.Length && route.Zip(path).All(p => p.First.StartsWith('{') || p.First == p.Second);
}

/// <summary>Bodies that differ from one in one place.</summary>
static class Bodies
{
    static readonly string[] Values =
    [
        "null", "true", "false", "0", "1", "-1", "1.5", "2147483648", "\"\"", "\" \"", "\"a\"", "\"1\"", "\"-1\"", "\"true\"", "\"maybe\"", "[]", "{}",
        "[\"a\"]", "[\"a\",\"a\"]", "{\"a\":\"b\"}", "{\"a\":null}", "{\"ä\":\"b\"}", $"\"{new string('x', 256)}\"", "\"\\u2028\"", "\"!\"",
        "\"6a28a2c4-1b0c-4d9b-9a6b-0d5c8ee7d2f3\"",
    ];

    public static IEnumerable<JsonElement> Near(JsonElement body)
    {
        yield return body;
        foreach (var path in Paths(body, []).ToList())
        {
            foreach (var value in Values) yield return With(body, path, JsonNode.Parse(value));
            yield return With(body, path, null, remove: true);
        }
        foreach (var path in Paths(body, []).Append([]).ToList())
            if (At(body, path).ValueKind == JsonValueKind.Object) yield return With(body, [.. path, "unheard_of"], JsonValue.Create("x"));
    }

    static IEnumerable<string[]> Paths(JsonElement of, string[] here) => of.ValueKind != JsonValueKind.Object ? [] :
        of.EnumerateObject().SelectMany(m => Paths(m.Value, [.. here, m.Name]).Prepend([.. here, m.Name]));

    static JsonElement At(JsonElement body, string[] path) => path.Aggregate(body, (at, name) => at.GetProperty(name));

    static JsonElement With(JsonElement body, string[] path, JsonNode? value, bool remove = false)
    {
        var whole = JsonNode.Parse(body.GetRawText())!;
        var parent = path[..^1].Aggregate(whole, (at, name) => at[name]!).AsObject();
        if (remove) parent.Remove(path[^1]);
        else parent[path[^1]] = value;
        return JsonDocument.Parse(whole.ToJsonString()).RootElement;
    }
}
