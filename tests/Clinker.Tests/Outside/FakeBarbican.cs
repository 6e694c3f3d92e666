using System.Collections.Concurrent;
using System.Net;

namespace Clinker.Tests.Outside;

/// <summary>What a Barbican does that is asked for the payload of a secret, on a port of its own.</summary>
public sealed class FakeBarbican : IAsyncDisposable
{
    readonly HttpListener listener;
    readonly Task serving;

    public FakeBarbican()
    {
        (listener, var port) = FakeGlance.OnAnyPort();
        Url = new($"http://127.0.0.1:{port}/");
        serving = Serve();
    }

    public Uri Url { get; }

    /// <summary>By id, and the only type as which they can be had.</summary>
    public ConcurrentDictionary<string, (byte[] Payload, string Type)> Secrets { get; } = new();

    /// <summary>A status to answer with instead.</summary>
    public int? Fails { get; set; }

    public int Asked { get; private set; }

    async Task Serve()
    {
        while (listener.IsListening)
        {
            HttpListenerContext http;
            try { http = await listener.GetContextAsync(); }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException) { return; }
            Asked++;
            var parts = http.Request.Url!.AbsolutePath.Split('/');
            var (status, payload) = Fails is { } other ? (other, [])
                : parts is not ["", "v1", "secrets", var id, "payload"] || !Secrets.TryGetValue(id, out var kept) ? (404, [])
                : http.Request.Headers["Accept"] != kept.Type ? (406, [])
                : (200, kept.Payload);
            http.Response.StatusCode = status;
            http.Response.ContentLength64 = payload.Length;
            await http.Response.OutputStream.WriteAsync(payload);
            http.Response.Close();
        }
    }

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
    }
}
