using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Clinker.Tests.Outside;

/// <summary>What a Nova and the Keystone in whose catalogue it is do, as far as it matters here, on a port of their own.</summary>
sealed partial class FakeNova : IAsyncDisposable
{
    public const string Password = "sesame-4e21";

    readonly HttpListener listener;
    readonly int port;
    readonly Task serving;
    int signIns;

    public FakeNova()
    {
        (listener, port) = FakeGlance.OnAnyPort();
        serving = Serve();
    }

    public string Url => $"http://127.0.0.1:{port}";

    /// <summary>What it was asked for: the endpoint, and the body, or for a delete what stands for one.</summary>
    public ConcurrentQueue<(string Path, JsonNode Body)> Asked { get; } = new();

    /// <summary>How often somebody signed in.</summary>
    public int SignIns => signIns;

    /// <summary>What it does when it is asked; the status and the body of its answer. Null: it never answers.</summary>
    public Func<JsonNode, Task<(int Status, string Body)?>> Answers { get; set; } = _ => Task.FromResult<(int, string)?>((200, """{"snapshot": {"id": "s", "volumeId": "v"} }"""));

    /// <summary>As <see cref="Answers"/>, when it is to put files together for a snapshot.</summary>
    public Func<string, JsonNode, Task<(int Status, string Body)?>> Merges { get; set; } = (_, _) => Task.FromResult<(int, string)?>((204, ""));

    /// <summary>As <see cref="Answers"/>, when it is told events.</summary>
    public Func<JsonNode, Task<(int Status, string Body)?>> Events { get; set; } = body => Task.FromResult<(int, string)?>((200, Taken(body, 200)));

    /// <summary>What versions of its API it was asked in, where one was named.</summary>
    public ConcurrentQueue<string> Versions { get; } = new();

    /// <summary>Its answer to events: each as it came, with a code.</summary>
    public static string Taken(JsonNode body, int code)
    {
        foreach (var one in body["events"]!.AsArray()) one!["code"] = code;
        return body.ToJsonString();
    }

    /// <summary>The types of services that the catalogue has.</summary>
    public string[] Catalogue { get; set; } = ["volumev3", "compute"];

    /// <summary>Whether tokens that were given before are good no more.</summary>
    public bool Forgets { get; set; }

    /// <summary>What a configuration says of it.</summary>
    /// <param name="more">Further lines.</param>
    public string Section(string more = "") => $"""
        [nova]
        auth_url = {Url}/v3
        auth_type = password
        username = nova-asker
        user_domain_name = Default
        password = {Password}
        project_name = service
        project_domain_id = default
        timeout = 2
        {more}
        """;

    async Task Serve()
    {
        while (true)
        {
            HttpListenerContext context;
            try { context = await listener.GetContextAsync(); }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException) { return; }
            _ = Answer(context);
        }
    }

    async Task Answer(HttpListenerContext context)
    {
        try
        {
            using var reader = new StreamReader(context.Request.InputStream);
            var body = JsonNode.Parse(context.Request.HttpMethod == "DELETE" ? context.Request.QueryString["delete_info"]! : await reader.ReadToEndAsync())!;
            if (await Answer(context.Request, body, context.Response) is not var (status, said)) return;
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(said));
            context.Response.Close();
        }
        catch (Exception e) when (e is IOException or HttpListenerException or ObjectDisposedException) { context.Response.Abort(); }
    }

    async Task<(int, string)?> Answer(HttpListenerRequest request, JsonNode body, HttpListenerResponse response)
    {
        var path = request.Url!.AbsolutePath;
        if (path == "/v3/auth/tokens")
        {
            var user = body["auth"]!["identity"]!["password"]!["user"]!;
            if ((string?)user["name"] != "nova-asker" || (string?)user["password"] != Password) return (401, "{}");
            response.Headers["X-Subject-Token"] = $"token-{Interlocked.Increment(ref signIns)}";
            return (201, Token());
        }
        var good = Forgets ? $"token-{signIns}" == request.Headers["X-Auth-Token"] && signIns > 1 : request.Headers["X-Auth-Token"]?.StartsWith("token-", StringComparison.Ordinal) == true;
        if (!good) return (401, """{"error": {"message": "The request you have made requires authentication.", "code": 401}}""");
        Asked.Enqueue((path, body));
        if (request.Headers["OpenStack-API-Version"] is { } version) Versions.Enqueue(version);
        if (path.EndsWith("/os-server-external-events", StringComparison.Ordinal)) return await Events(body.DeepClone());
        if (request.HttpMethod == "DELETE" && path.Contains("/os-assisted-volume-snapshots/", StringComparison.Ordinal)) return await Merges(path[(path.LastIndexOf('/') + 1)..], body);
        return path.EndsWith("/os-assisted-volume-snapshots", StringComparison.Ordinal) ? await Answers(body) : (404, """{"itemNotFound": {"message": "no", "code": 404}}""");
    }

    string Token()
    {
        JsonNode Endpoint(string of, string region) => new JsonObject
        {
            ["id"] = of + region, ["interface"] = of, ["region"] = region, ["region_id"] = region, ["url"] = $"{Url}/{of}/{region}/v2.1",
        };
        var services = Catalogue.Select(type => (JsonNode)new JsonObject
        {
            ["type"] = type, ["name"] = type,
            ["endpoints"] = new JsonArray(Endpoint("admin", "one"), Endpoint("public", "one"), Endpoint("internal", "one"), Endpoint("public", "two")),
        });
        return new JsonObject
        {
            ["token"] = new JsonObject
            {
                ["user"] = new JsonObject { ["id"] = "asker" }, ["expires_at"] = "2099-01-01T00:00:00.000000Z", ["catalog"] = new JsonArray([.. services]),
            },
        }.ToJsonString();
    }

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
    }
}
