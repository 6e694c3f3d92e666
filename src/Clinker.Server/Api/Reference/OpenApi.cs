using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Server.Api.Reference;

/// <summary>
/// The API as an OpenAPI 3.1 document, for the newest microversion: made from the table of routes, the forms and the shapes, so that
/// it says what they do. Members that are not OpenAPI's begin with <c>x-</c>.
/// </summary>
static class OpenApi
{
    const string Description =
        "Block storage on GlusterFS in the words of OpenStack's Block Storage API v3. The document is for the newest microversion; "
        + "x-since says which brought a route, a member or a parameter, x-policy-rule who may. Paths may name the project or not. "
        + "Actions share a path and are told apart by the one key of their body. Filters are texts; from 3.34 on, name~ asks for what "
        + "contains a text. Which filters others than admins may use is configured (/resource_filters).";

    static readonly int[] Faults = [400, 401, 403, 404, 405, 409, 413, 415, 500, 501, 503];

    /// <summary>The text of <c>api/openapi.json</c>, in UTF-8.</summary>
    public static byte[] Bytes(RouteTable table)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var format = new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = AnswerWriter.Relaxed.Encoder };
        using (var json = new Utf8JsonWriter(buffer, format)) Of(table).WriteTo(json);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    public static JsonObject Of(RouteTable table)
    {
        var schemas = new Schemas();
        schemas.Add("Flag", Must.Spellings(orNull: false));
        schemas.Add("FlagOrNull", Must.Spellings(orNull: true));
        schemas.Add("Fault", Fault());
        schemas.Add("NextPage", Schemas.OfLinks("next"));
        schemas.Add(nameof(Links), Schemas.OfLinks("self", "bookmark"));
        var tags = new SortedSet<string>(StringComparer.Ordinal);
        var paths = new JsonObject();
        foreach (var path in table.Routes.GroupBy(PathOf).OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            var item = new JsonObject();
            if (Variables(path.Key) is { Count: > 0 } variables) item["parameters"] = variables;
            tags.Add(TagOf(path.Key));
            foreach (var method in path.GroupBy(r => r.Method).OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                item[method.Key.ToLowerInvariant()] = method.First().Key is null
                    ? Operation(method.MaxBy(r => r.Since)!, schemas)
                    : Actions(path.Key, [.. method.OrderBy(r => r.Name, StringComparer.Ordinal)], schemas);
            }
            paths[path.Key] = item;
        }
        return new()
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Clinker block storage",
                ["description"] = Description,
                ["version"] = Microversion.Latest.ToString(),
                ["license"] = new JsonObject { ["name"] = "Apache-2.0", ["identifier"] = "Apache-2.0" },
            },
            ["servers"] = Servers(),
            ["security"] = new JsonArray(new JsonObject { ["token"] = new JsonArray() }),
            ["tags"] = new JsonArray([.. tags.Select(t => (JsonNode)new JsonObject { ["name"] = t })]),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas.ToJson(),
                ["parameters"] = new JsonObject { ["Microversion"] = MicroversionHeader() },
                ["responses"] = new JsonObject { ["Fault"] = Response("What went wrong.", Schemas.Of("Fault")) },
                ["headers"] = new JsonObject { ["RequestId"] = RequestId(), ["Microversion"] = AnsweredVersion() },
                ["securitySchemes"] = new JsonObject
                {
                    ["token"] = new JsonObject { ["type"] = "apiKey", ["in"] = "header", ["name"] = "X-Auth-Token" },
                },
            },
        };
    }

    /// <summary>Where a route is in the document.</summary>
    public static string PathOf(Route route) => route.Key is null ? route.Path : route.Path + "/action";

    static string TagOf(string path) => path.Split('/')[1];

    static string Said(string name)
    {
        var words = name.Replace('_', ' ');
        return char.ToUpperInvariant(words[0]) + words[1..];
    }

    static JsonObject Operation(Route route, Schemas schemas)
    {
        var operation = Head(route.Name, PathOf(route));
        Mark(operation, route);
        foreach (var parameter in QueryParameters.Of(route)) operation["parameters"]!.AsArray().Add((JsonNode)parameter);
        if (route.Body is { } body)
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Json(body.Schema(Microversion.Newest)) };
        operation["responses"] = Responses([(route.Success, route.Answer?.Describe(schemas))]);
        return operation;
    }

    /// <summary>The actions on a path: one operation, whose body is one of theirs.</summary>
    static JsonObject Actions(string path, IReadOnlyList<Route> routes, Schemas schemas)
    {
        var collection = path.Split('/')[1];
        var operation = Head((path.Contains('{', StringComparison.Ordinal) ? collection.TrimEnd('s') : collection) + "_action", path);
        foreach (var route in routes)
        {
            var body = route.Body?.Schema(Microversion.Newest) ?? AnyBehind(route.Key!);
            body["title"] = Said(route.Name);
            Mark(body, route);
            body["x-success"] = route.Success;
            if (route.Answer is { } answer) body["x-answer"] = answer.Describe(schemas);
            schemas.Add(route.Name, body);
        }
        operation["requestBody"] = new JsonObject
        {
            ["required"] = true,
            ["content"] = Json(new() { ["oneOf"] = new JsonArray([.. routes.Select(r => (JsonNode)Schemas.Of(r.Name))]) }),
        };
        operation["responses"] = Responses([.. routes.Select(r => (r.Success, r.Answer?.Describe(schemas)))]);
        return operation;
    }

    static JsonObject AnyBehind(string key)
    {
        var body = Schemas.Object((key, []));
        body["additionalProperties"] = false;
        return body;
    }

    static JsonObject Head(string name, string path) => new()
    {
        ["operationId"] = name,
        ["summary"] = Said(name),
        ["tags"] = new JsonArray(TagOf(path)),
        ["parameters"] = new JsonArray(new JsonObject { ["$ref"] = "#/components/parameters/Microversion" }),
    };

    static void Mark(JsonObject what, Route route)
    {
        what["x-since"] = $"3.{route.Since}";
        if (route.Rule.Name is { } rule) what["x-policy-rule"] = rule;
    }

    static JsonObject Responses(IReadOnlyList<(int Status, JsonObject? Answer)> answers)
    {
        var responses = new JsonObject();
        foreach (var status in answers.GroupBy(a => a.Status).OrderBy(s => s.Key))
        {
            var bodies = status.Select(a => a.Answer).OfType<JsonObject>().DistinctBy(b => b.ToJsonString()).ToList();
            responses[status.Key.ToString(CultureInfo.InvariantCulture)] = Response(status.Key switch
            {
                200 => "Done.",
                202 => "Accepted: done now, or by an operation that the answer does not wait for.",
                _ => "Done; there is nothing to tell.",
            }, bodies.Count switch
            {
                0 => null,
                1 => bodies[0],
                _ => new() { ["anyOf"] = new JsonArray([.. bodies]) },
            });
        }
        responses["default"] = new JsonObject { ["$ref"] = "#/components/responses/Fault" };
        return responses;
    }

    static JsonObject Response(string description, JsonObject? body)
    {
        var response = new JsonObject
        {
            ["description"] = description,
            ["headers"] = new JsonObject
            {
                ["x-openstack-request-id"] = new JsonObject { ["$ref"] = "#/components/headers/RequestId" },
                [Microversion.Header] = new JsonObject { ["$ref"] = "#/components/headers/Microversion" },
            },
        };
        if (body is not null) response["content"] = Json(body);
        return response;
    }

    static JsonObject Json(JsonObject schema) => new() { ["application/json"] = new JsonObject { ["schema"] = schema } };

    static JsonArray Variables(string path) => new([.. path.Split('/').Where(s => s.StartsWith('{')).Select(s => (JsonNode)new JsonObject
    {
        ["name"] = s.Trim('{', '}'),
        ["in"] = "path",
        ["required"] = true,
        ["schema"] = new JsonObject { ["type"] = "string" },
    })]);

    static JsonObject Fault()
    {
        var told = Schemas.Object(("code", new() { ["type"] = "integer" }), ("message", new() { ["type"] = "string" }));
        told["properties"]!["retryAfter"] = new JsonObject { ["type"] = "string" };
        var byName = new JsonObject();
        foreach (var status in Faults)
        {
            var one = told.DeepClone();
            one["description"] = $"Status {status}.";
            byName[FaultResponses.NameOf(status)] = one;
        }
        return new()
        {
            ["type"] = "object",
            ["description"] = "One member, whose name says what kind of fault it is.",
            ["properties"] = byName,
            ["minProperties"] = 1,
            ["maxProperties"] = 1,
        };
    }

    static JsonArray Servers() => new(
        new JsonObject { ["url"] = "/v3" },
        new JsonObject
        {
            ["url"] = "/v3/{project_id}",
            ["variables"] = new JsonObject
            {
                ["project_id"] = new JsonObject { ["default"] = "project", ["description"] = "The caller's project." },
            },
        });

    static JsonObject MicroversionHeader() => new()
    {
        ["name"] = Microversion.Header,
        ["in"] = "header",
        ["description"] = $"volume {Microversion.First} to volume {Microversion.Latest}, or volume latest; without it, {Microversion.First}.",
        ["schema"] = new JsonObject { ["type"] = "string" },
        ["example"] = $"volume {Microversion.Latest}",
    };

    static JsonObject AnsweredVersion() => new()
    {
        ["description"] = "The microversion that the answer is in.",
        ["schema"] = new JsonObject { ["type"] = "string" },
    };

    static JsonObject RequestId() => new()
    {
        ["description"] = "The id of the request, which log lines and messages name.",
        ["schema"] = new JsonObject { ["type"] = "string" },
    };
}
