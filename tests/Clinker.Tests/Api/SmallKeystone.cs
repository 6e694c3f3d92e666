using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>
/// A small Keystone on a port of its own, and the identity of an API that asks it: for what a real one does rarely, or not when a test
/// wants it. What a real one does is in Clinker.Live.
/// </summary>
sealed class SmallKeystone : IAsyncDisposable
{
    public const string Password = "sesame-9f1c";

    readonly HttpListener listener;
    readonly ConcurrentDictionary<string, JsonObject> tokens = new();
    readonly ConcurrentBag<string> own = [];
    readonly CancellationTokenSource stop = new();
    readonly LogLines lines = new();
    Task serving = Task.CompletedTask;
    int validations, signIns;

    public SmallKeystone()
    {
        (listener, Port) = Outside.FakeGlance.OnAnyPort();
        serving = Serve();
    }

    public int Port { get; }
    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    /// <summary>How often it was asked about a token, and by a password for one.</summary>
    public int Validations => validations;
    public int SignIns => signIns;

    public string Log => string.Join('\n', lines.All);

    /// <summary>Whether the daemon's password is right.</summary>
    public bool Knows { get; set; } = true;

    /// <summary>Until it is done, no question about a token is answered.</summary>
    public TaskCompletionSource? Held { get; set; }

    /// <summary>What is answered to every question about a token instead of the truth.</summary>
    public (int Status, string Body)? Instead { get; set; }

    /// <summary>What the root answers.</summary>
    public (int Status, string Body) Root { get; set; } = (404, "");

    /// <summary>Below which path it is the third API; elsewhere there is nothing.</summary>
    public string Api { get; set; } = "/v3/";

    public HashSet<string> Projects { get; } = [];

    /// <summary>Those of a daemon that asks here.</summary>
    public KeystoneSettings Settings() => Assert.IsType<KeystoneSettings>(Configuration.Given.Of($"""
        [DEFAULT]
        enabled_backends = m
        auth_strategy = keystone
        [m]
        volume_driver = memory
        [keystone_authtoken]
        auth_url = http://127.0.0.1:{Port}
        www_authenticate_uri = https://identity.example.org
        username = cinder
        user_domain_name = Default
        password = {Password}
        project_name = service
        project_domain_id = default
        """).Keystone);

    /// <summary>The identity of an API that asks here.</summary>
    public KeystoneIdentity Identity(Func<KeystoneSettings, KeystoneSettings>? but = null, Watched<Policy>? policy = null) =>
        new(but?.Invoke(Settings()) ?? Settings(), policy ?? new(Policy.Default), Time, lines);

    /// <summary>Gives a token that is good for an hour.</summary>
    public string Give(string roles, string? project = RunningApi.Project, string? name = null, TimeSpan? life = null, Action<JsonObject>? but = null)
    {
        name ??= $"token-{tokens.Count}";
        var token = new JsonObject
        {
            ["methods"] = new JsonArray("password"),
            ["user"] = new JsonObject { ["id"] = "ann", ["name"] = "Ann" },
            ["expires_at"] = (Time.GetUtcNow() + (life ?? TimeSpan.FromHours(1))).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture),
            ["roles"] = new JsonArray([.. roles.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(r => (JsonNode)new JsonObject { ["id"] = r, ["name"] = r })]),
        };
        if (project is not null) token["project"] = new JsonObject { ["id"] = project };
        but?.Invoke(token);
        tokens[name] = token;
        return name;
    }

    /// <summary>Gives one of no project: of the system, of a domain, or of nothing.</summary>
    /// <param name="scope">A JSON object: what it says instead.</param>
    public string GiveOf(string scope, string roles) => Give(roles, project: null, but: t =>
    {
        foreach (var (key, value) in JsonNode.Parse(scope)!.AsObject()) t[key] = value!.DeepClone();
    });

    public void Revoke(string token) => tokens.Remove(token, out _);

    /// <summary>Forgets what it gave to the daemon.</summary>
    public void RevokeOwn() => own.Clear();

    public async Task Up()
    {
        await Soon.Until(Started); // a connection of somebody else may have its port for a moment
        serving = Serve();

        bool Started()
        {
            try { listener.Start(); return true; }
            catch (HttpListenerException) { return false; }
        }
    }

    /// <summary>Nobody listens on its port any more.</summary>
    public async Task Down()
    {
        listener.Stop();
        await serving;
    }

    async Task Serve()
    {
        var answers = new List<Task>();
        try
        {
            while (true) answers.Add(Answer(await listener.GetContextAsync()));
        }
        // Between two questions a stopped listener says that it was never started.
        catch (Exception e) when (e is HttpListenerException or InvalidOperationException) { /* stopped */ }
        await Task.WhenAll(answers);
    }

    async Task Answer(HttpListenerContext context)
    {
        var request = context.Request;
        var path = request.Url!.AbsolutePath;
        var (status, body) = path == "/" ? Root
            : !path.StartsWith(Api, StringComparison.Ordinal) ? (404, "")
            : request.HttpMethod == "POST" ? await SignIn(context) : await Asked(request);
        try
        {
            context.Response.StatusCode = status;
            context.Response.Close(Encoding.UTF8.GetBytes(body), willBlock: false);
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException) { /* whoever asked is gone, or we are */ }
    }

    async Task<(int, string)> SignIn(HttpListenerContext context)
    {
        var body = await JsonNode.ParseAsync(context.Request.InputStream);
        Interlocked.Increment(ref signIns);
        if (!Knows || (string?)body!["auth"]!["identity"]!["password"]!["user"]!["password"] != Password) return (401, "{}");
        var token = $"own-{signIns}";
        own.Add(token);
        context.Response.Headers["X-Subject-Token"] = token;
        return (201, $$"""{"token": {"user": {"id": "cinder"}, "expires_at": "{{Time.GetUtcNow().AddHours(1):yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}}"} }""");
    }

    async Task<(int, string)> Asked(HttpListenerRequest request)
    {
        if (!own.Contains(request.Headers["X-Auth-Token"] ?? "")) return (401, "{}");
        if (request.Url!.AbsolutePath.StartsWith(Api + "projects/", StringComparison.Ordinal))
            return (Projects.Contains(request.Url.Segments[^1]) ? 200 : 404, "{}");
        Interlocked.Increment(ref validations);
        if (Held is { } held) await held.Task.WaitAsync(stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        if (Instead is { } instead) return instead;
        if (!tokens.TryGetValue(request.Headers["X-Subject-Token"] ?? "", out var token)) return (404, "{}");
        if (token["application_credential"] is not null && request.Headers["OpenStack-Identity-Access-Rules"] != "1") return (404, "{}");
        var expired = DateTimeOffset.Parse((string)token["expires_at"]!, System.Globalization.CultureInfo.InvariantCulture) <= Time.GetUtcNow();
        return expired && request.QueryString["allow_expired"] is null ? (404, "{}") : (200, new JsonObject { ["token"] = token.DeepClone() }.ToJsonString());
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        // One that was stopped has nothing left to close, and Close would take its port once more, which somebody else may have by now.
        if (listener.IsListening) listener.Close();
        await serving;
        stop.Dispose();
    }
}
