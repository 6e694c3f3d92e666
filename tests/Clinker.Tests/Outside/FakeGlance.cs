using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Tests.Outside;

/// <summary>
/// What a Glance without authentication does by its API v2, as far as it matters here, on a port of its own; and, where it is told to,
/// what it should not do. Of data that it is given it keeps the beginning.
/// </summary>
public sealed class FakeGlance : IAsyncDisposable
{
    const int Kept = 16 << 20;

    readonly HttpListener listener;
    readonly Task serving;

    public FakeGlance()
    {
        (listener, var port) = OnAnyPort();
        Url = new($"http://127.0.0.1:{port}/");
        serving = Serve();
    }

    /// <summary>A listener that has begun, on a port that nobody had; somebody may take it between the asking and the listening.</summary>
    internal static (HttpListener Listener, int Port) OnAnyPort()
    {
        for (var attempt = 1; ; attempt++)
        {
            int port;
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                port = ((IPEndPoint)free.LocalEndpoint).Port;
            }
            var listener = new HttpListener();
            listener.Prefixes.Add($"http://127.0.0.1:{port}/");
            try
            {
                listener.Start();
                return (listener, port);
            }
            catch (HttpListenerException) when (attempt < 20) { /* taken: another one */ }
        }
    }

    public Uri Url { get; }

    public ConcurrentDictionary<string, JsonObject> Images { get; } = new();
    public ConcurrentDictionary<string, byte[]> Data { get; } = new();

    /// <summary>Each request: verb, path, token.</summary>
    public ConcurrentQueue<(string Verb, string Path, string? Token)> Asked { get; } = new();

    /// <summary>Whether a token is good; any is, and none too, unless it is told otherwise.</summary>
    public Func<string?, bool> Takes { get; set; } = _ => true;

    /// <summary>A status to answer with instead, by verb and path; null: none.</summary>
    public Func<string, string, int?> Fails { get; set; } = (_, _) => null;

    /// <summary>After how many bytes of data a connection breaks.</summary>
    public int? BreaksAfter { get; set; }

    /// <summary>How often it does.</summary>
    public int Breaks { get; set; } = int.MaxValue;

    /// <summary>Whether data can be had from the middle on.</summary>
    public bool HasRanges { get; set; } = true;

    /// <summary>Whether it says no to who asks for that, as where its store can't.</summary>
    public bool RefusesRanges { get; set; }

    /// <summary>What to say of an image instead of what it is.</summary>
    public byte[]? Says { get; set; }

    /// <summary>Puts an image there; its id.</summary>
    public string Give(byte[] data, string format = "raw", string? id = null, string name = "image", Action<JsonObject>? with = null)
    {
        id ??= new Guid(RandomNumberGenerator.GetBytes(16)).ToString();
        var image = Record(id);
        image["name"] = name;
        image["disk_format"] = format;
        image["container_format"] = "bare";
        Filled(image, data, data.Length);
        with?.Invoke(image);
        Images[id] = image;
        return id;
    }

    static JsonObject Record(string id) => new()
    {
        ["id"] = id, ["status"] = "queued", ["visibility"] = "shared", ["protected"] = false, ["min_disk"] = 0, ["min_ram"] = 0, ["size"] = null,
        ["checksum"] = null, ["os_hash_algo"] = null, ["os_hash_value"] = null, ["os_hidden"] = false, ["tags"] = new JsonArray(), ["owner"] = "p",
        ["self"] = $"/v2/images/{id}", ["file"] = $"/v2/images/{id}/file", ["schema"] = "/v2/schemas/image",
    };

    void Filled(JsonObject image, byte[] data, long length)
    {
        Data[(string)image["id"]!] = data;
        image["status"] = "active";
        image["size"] = length;
        image["os_hash_algo"] = "sha512";
        image["os_hash_value"] = Convert.ToHexStringLower(SHA512.HashData(data));
#pragma warning disable CA5351 // as Glance does
        image["checksum"] = Convert.ToHexStringLower(MD5.HashData(data));
#pragma warning restore CA5351
    }

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
        try { await Answer(context.Request, context.Response); }
        catch (Exception e) when (e is IOException or HttpListenerException or ObjectDisposedException) { context.Response.Abort(); }
    }

    async Task Answer(HttpListenerRequest request, HttpListenerResponse response)
    {
        var (verb, path, token) = (request.HttpMethod, request.Url!.AbsolutePath, request.Headers["X-Auth-Token"]);
        Asked.Enqueue((verb, path, token));
        if (!Takes(token)) { await Refuse(response, 401, "no good token"); return; }
        if (Fails(verb, path) is { } status) { await Refuse(response, status, "it was told to"); return; }
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries)[2..];
        switch (verb, parts)
        {
            case ("GET", []):
                var named = Images.Values.Where(i => (string?)i["name"] == request.QueryString["name"]).Select(i => i.DeepClone()).ToArray();
                await Say(response, 200, Encoding.UTF8.GetBytes(new JsonObject { ["images"] = new JsonArray(named) }.ToJsonString()));
                break;
            case ("POST", []):
                var asked = (await JsonNode.ParseAsync(request.InputStream))!.AsObject();
                var made = Record((string)asked["id"]!);
                foreach (var (key, value) in asked) made[key] = value?.DeepClone();
                if (!Images.TryAdd((string)made["id"]!, made)) { await Refuse(response, 409, "there is one"); break; }
                await Say(response, 201, Encoding.UTF8.GetBytes(made.ToJsonString()));
                break;
            case (_, [var id, ..]) when !Images.ContainsKey(id):
                await Refuse(response, 404, $"No image found with ID {id}");
                break;
            case ("GET", [var id]):
                await Say(response, 200, Says ?? Encoding.UTF8.GetBytes(Images[id].ToJsonString()));
                break;
            case ("DELETE", [var id]):
                if ((bool)Images[id]["protected"]!) { await Refuse(response, 403, "it is protected"); break; }
                Images.TryRemove(id, out _);
                Data.TryRemove(id, out _);
                await Say(response, 204, []);
                break;
            case ("PATCH", [var id]):
                foreach (var change in (await JsonNode.ParseAsync(request.InputStream))!.AsArray())
                    Images[id][((string)change!["path"]!)[1..]] = change["value"]!.DeepClone();
                await Say(response, 200, Encoding.UTF8.GetBytes(Images[id].ToJsonString()));
                break;
            case ("GET", [var id, "file"]):
                await Send(request, response, Data[id]);
                break;
            case ("PUT", [var id, "file"]):
                await Take(request, response, Images[id]);
                break;
            default:
                await Refuse(response, 404, path);
                break;
        }
    }

    async Task Send(HttpListenerRequest request, HttpListenerResponse response, byte[] data)
    {
        var from = 0;
        if (RefusesRanges && request.Headers["Range"] is not null)
        {
            response.StatusCode = 400;
            response.Close();
            return;
        }
        if (HasRanges && request.Headers["Range"] is { } range)
        {
            from = int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
            response.StatusCode = 206;
        }
        response.ContentType = "application/octet-stream";
        response.ContentLength64 = data.Length - from;
        var most = Math.Min(BreaksAfter is { } bytes && Breaks-- > 0 ? bytes : int.MaxValue, data.Length - from);
        // Piece by piece: of 256 MiB at once the first byte came after up to 0.2 s.
        for (int at = 0, n; at < most; at += n) await response.OutputStream.WriteAsync(data.AsMemory(from + at, n = Math.Min(most - at, 1 << 20)));
        if (most < data.Length - from) response.Abort();
        else response.Close();
    }

    async Task Take(HttpListenerRequest request, HttpListenerResponse response, JsonObject image)
    {
        if ((string?)image["status"] != "queued") { await Refuse(response, 409, "it has data"); return; }
        image["status"] = "saving";
        try
        {
            using var kept = new MemoryStream();
            var buffer = new byte[1 << 20];
            long all = 0;
            for (int n; (n = await request.InputStream.ReadAsync(buffer)) > 0; all += n)
                kept.Write(buffer, 0, (int)Math.Min(n, Math.Max(0, Kept - all)));
            if (all != request.ContentLength64) throw new IOException("it broke off");
            Filled(image, kept.ToArray(), all);
        }
        catch
        {
            image["status"] = "queued";
            throw;
        }
        finally { Taken++; }
        await Say(response, 204, []);
    }

    /// <summary>How often data has come for an image, whole or not.</summary>
    public int Taken { get; private set; }

    static async Task Say(HttpListenerResponse response, int status, byte[] body)
    {
        response.StatusCode = status;
        response.ContentType = "application/json";
        if (body.Length > 0)
        {
            response.ContentLength64 = body.Length;
            await response.OutputStream.WriteAsync(body);
        }
        response.Close();
    }

    static Task Refuse(HttpListenerResponse response, int status, string why) =>
        Say(response, status, Encoding.UTF8.GetBytes($"<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{status}</h1>\n  {why}<br /><br />\n </body>\n</html>"));

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
    }
}
