using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Clinker.Cli.Cloud;

/// <summary>The Block Storage API v3 at one endpoint, at one microversion.</summary>
internal sealed class BlockStorage : IDisposable
{
    /// <summary>The newest microversion whose answers this program was made for.</summary>
    const int NewestMinor = 71;

    readonly Wire wire;
    readonly Uri root;
    readonly Dictionary<string, string> headers = [];

    BlockStorage(Wire wire, Uri root)
    {
        this.wire = wire;
        this.root = root;
    }

    public void Dispose() => wire.Dispose();

    /// <inheritdoc cref="Wire.Patience"/>
    public TimeSpan Patience { set => wire.Patience = value; }

    /// <summary>Signs in where that is asked for, and agrees on a microversion.</summary>
    /// <exception cref="CliFault">Settings are missing, or nobody answers.</exception>
    /// <exception cref="ApiFault">The identity service refused.</exception>
    public static async Task<BlockStorage> Connect(CloudSettings settings, TextWriter? debug, CancellationToken token)
    {
        var wire = new Wire(settings, debug);
        try
        {
            var (endpoint, name, value) = await SignIn(settings, wire, token);
            var api = new BlockStorage(wire, Root(endpoint));
            if (name is not null) api.headers[name] = value!;
            api.headers["OpenStack-API-Version"] = "volume " + await api.Agree(settings.ApiVersion, token);
            return api;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    static async Task<(string Endpoint, string? Header, string? Value)> SignIn(CloudSettings s, Wire wire, CancellationToken token)
    {
        switch (s.AuthType)
        {
            case "none":
                return (s.Endpoint ?? CloudSettings.EmbeddedEndpoint, null, null);
            case "http_basic":
                if (s["username"] is null || s["password"] is null)
                    throw new CliFault("http_basic needs a name and a password: set OS_USERNAME and OS_PASSWORD, or write them into clouds.yaml.");
                var pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{s["username"]}:{s["password"]}"));
                return (s.Endpoint ?? CloudSettings.EmbeddedEndpoint, "Authorization", "Basic " + pair);
            case "admin_token":
                return (s.Endpoint ?? throw new CliFault("admin_token needs the endpoint: set OS_ENDPOINT or --os-endpoint."), "X-Auth-Token", s["token"] ?? "");
            default:
                var (got, endpoint) = await Keystone.Authenticate(s, wire, token);
                return (endpoint, "X-Auth-Token", got);
        }
    }

    /// <summary>The endpoint with a slash at its end and /v3 in it, whatever the catalog or the operator wrote.</summary>
    internal static Uri Root(string endpoint)
    {
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            throw new CliFault($"{endpoint} is not an http:// or https:// URL.");
        var path = uri.AbsolutePath.TrimEnd('/');
        if (!path.Split('/').Contains("v3")) path += "/v3";
        return new Uri(uri, path + "/");
    }

    /// <summary>The root up to /v3/: where the versions document is, which needs no token.</summary>
    Uri VersionRoot => new(root, root.AbsolutePath[..(root.AbsolutePath.IndexOf("/v3/", StringComparison.Ordinal) + 4)]);

    async Task<string> Agree(string? asked, CancellationToken token)
    {
        // "3" is what openrc files say for "the third API"; a number after it is meant exactly.
        if (asked is not (null or "" or "3" or "3.latest" or "latest"))
            return asked.StartsWith("3.", StringComparison.Ordinal) && int.TryParse(asked.AsSpan(2), out _)
                ? asked
                : throw new CliFault($"Volume API version {asked} is not known: it is 3 or 3.N.", CliFault.Usage);
        try
        {
            var document = (await wire.Send(HttpMethod.Get, VersionRoot, null, null, token)).Body;
            var newest = (document?["versions"] as JsonArray)?.Select(v => v?["version"]?.ToString())
                .FirstOrDefault(v => v?.StartsWith("3.", StringComparison.Ordinal) == true);
            return int.TryParse(newest.AsSpan(newest is null ? 0 : 2), out var minor) ? $"3.{Math.Min(minor, NewestMinor)}" : "3.0";
        }
        catch (ApiFault)
        {
            return "3.0"; // an old or guarded server that does not say: every v3 server knows 3.0
        }
    }

    /// <summary>The microversion in use, for example <c>3.71</c>.</summary>
    public string Microversion => headers["OpenStack-API-Version"]["volume ".Length..];

    public Uri Endpoint => root;

    public async Task<JsonObject> Get(string path, CancellationToken token) =>
        await Send(HttpMethod.Get, path, null, token) as JsonObject ?? [];

    public Task<JsonNode?> Post(string path, JsonNode body, CancellationToken token) => Send(HttpMethod.Post, path, body, token);

    public Task<JsonNode?> Put(string path, JsonNode body, CancellationToken token) => Send(HttpMethod.Put, path, body, token);

    public Task<JsonNode?> Delete(string path, CancellationToken token) => Send(HttpMethod.Delete, path, null, token);

    /// <summary>Sends to a path below the endpoint (<c>volumes/detail</c>), or below the host when it starts with <c>/v3</c>.</summary>
    public async Task<JsonNode?> Send(HttpMethod method, string path, JsonNode? body, CancellationToken token, string? microversion = null)
    {
        var uri = path == "/v3" || path.StartsWith("/v3/", StringComparison.Ordinal)
            ? new Uri(VersionRoot, path[3..].TrimStart('/'))
            : new Uri(root, path.TrimStart('/'));
        var sent = microversion is null
            ? headers
            : new Dictionary<string, string>(headers) { ["OpenStack-API-Version"] = "volume " + microversion };
        return (await wire.Send(method, uri, sent, body, token)).Body;
    }

    /// <summary>Does an action on a resource: <c>{"os-extend": {…}}</c>.</summary>
    public Task Act(string path, string action, JsonNode? arguments, CancellationToken token) =>
        Post(path + "/action", new JsonObject { [action] = arguments }, token);

    /// <summary>A resource by its path; null when there is none.</summary>
    public async Task<JsonObject?> Try(string path, CancellationToken token)
    {
        try
        {
            return await Get(path, token);
        }
        catch (ApiFault e) when (e.Status == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>A whole collection, page by page, or as much of it as <paramref name="limit"/> says.</summary>
    /// <param name="path">For example <c>volumes/detail</c>.</param>
    /// <param name="query">Names and values; those whose value is null are left out.</param>
    /// <param name="name">The member of the answer: <c>volumes</c>.</param>
    public async Task<List<JsonObject>> List(
        string path, IEnumerable<(string Name, string? Value)> query, string name, CancellationToken token, int? limit = null)
    {
        var all = new List<JsonObject>();
        var next = Query(query.Append(("limit", limit?.ToString(System.Globalization.CultureInfo.InvariantCulture))));
        while (true)
        {
            var page = await Get(path + next, token);
            var before = all.Count;
            all.AddRange((page[name] as JsonArray)?.OfType<JsonObject>() ?? []);
            // The link's host may be one that only the server knows (behind a proxy): its query is what counts.
            var link = (page[name + "_links"] as JsonArray)?.FirstOrDefault(l => (string?)l?["rel"] == "next")?["href"]?.ToString();
            if (link is null || all.Count >= limit || all.Count == before) return limit is { } l && all.Count > l ? all[..l] : all;
            next = link.IndexOf('?') is >= 0 and var q ? link[q..] : "";
        }
    }

    public static string Query(IEnumerable<(string Name, string? Value)> query)
    {
        var given = query.Where(q => q.Value is not null).Select(q => $"{q.Name}={Uri.EscapeDataString(q.Value!)}").ToList();
        return given.Count == 0 ? "" : "?" + string.Join('&', given);
    }
}
