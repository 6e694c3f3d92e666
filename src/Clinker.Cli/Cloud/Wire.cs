using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Cli.Cloud;

/// <summary>An answer: status, headers, and the body as JSON (null when there was none).</summary>
internal sealed record Answer(HttpStatusCode Status, HttpResponseHeaders Headers, JsonNode? Body);

/// <summary>Sends requests, tells faults from answers, and with <c>--debug</c> prints both with what is secret masked.</summary>
internal sealed class Wire : IDisposable
{
    readonly HttpClient client;
    readonly TextWriter? debug;

    /// <param name="settings">For TLS: <c>cacert</c>, <c>insecure</c> or <c>verify</c>, <c>cert</c> and <c>key</c>.</param>
    /// <param name="debug">Where to print requests and answers; null: nowhere.</param>
    public Wire(CloudSettings settings, TextWriter? debug)
    {
        this.debug = debug;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.GZip };
#pragma warning disable CA5359 // asked for by name: --insecure
        if (!settings.Verify) handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        else if (settings["cacert"] is { } authority) handler.SslOptions.CertificateChainPolicy = Trusting(authority);
        if (settings["cert"] is { } certificate)
            handler.SslOptions.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, settings["key"])];
        client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("clinker", CommandLine.Version));
        client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
    }

    public void Dispose() => client.Dispose();

    /// <summary>How long an answer may take.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>Sends one request. Headers and body may be null.</summary>
    /// <exception cref="ApiFault">The answer's status was 400 or above.</exception>
    /// <exception cref="CliFault">Nobody answered.</exception>
    public async Task<Answer> Send(HttpMethod method, Uri uri, IReadOnlyDictionary<string, string>? headers, JsonNode? body, CancellationToken token)
    {
        using var request = new HttpRequestMessage(method, uri);
        foreach (var (name, value) in headers ?? new Dictionary<string, string>()) request.Headers.TryAddWithoutValidation(name, value);
        var sent = body?.ToJsonString();
        if (sent is not null) request.Content = new StringContent(sent, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        var (response, text) = await Exchange(request, sent, token);
        using (response)
        {
            // 300 is how the versions document answers.
            if ((int)response.StatusCode >= 400) throw ApiFault.Of(response, text);
            return new Answer(response.StatusCode, response.Headers, Parse(uri, text));
        }
    }

    /// <summary>Asks for a page that need not be JSON.</summary>
    /// <exception cref="CliFault">Nobody answered.</exception>
    public async Task<(int Status, string Body)> Probe(Uri uri, CancellationToken token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        var (response, text) = await Exchange(request, null, token);
        using (response) return ((int)response.StatusCode, text);
    }

    async Task<(HttpResponseMessage Response, string Body)> Exchange(HttpRequestMessage request, string? sent, CancellationToken token)
    {
        var uri = request.RequestUri!;
        Show(request, sent);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Patience);
        try
        {
            var response = await client.SendAsync(request, limit.Token);
            var text = await response.Content.ReadAsStringAsync(limit.Token);
            Show(response, text, secret: uri.AbsolutePath.EndsWith("/auth/tokens", StringComparison.Ordinal));
            return (response, text);
        }
        catch (HttpRequestException e)
        {
            throw new CliFault($"{uri.GetLeftPart(UriPartial.Authority)} can't be reached: {Cause(e)}"
                + (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused } && uri.IsLoopback
                    ? "\nStart clinkerd, or name another endpoint with --os-endpoint or OS_ENDPOINT." : ""));
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            throw new CliFault($"{uri.GetLeftPart(UriPartial.Authority)} did not answer within {Patience.TotalSeconds} s.");
        }
    }

    static string Cause(HttpRequestException e) => e.InnerException switch
    {
        SocketException s => s.Message + ".",
        System.Security.Authentication.AuthenticationException a => $"{a.Message} (--os-cacert names your authority's certificate, --insecure does without)",
        { } inner => inner.Message,
        null => e.Message,
    };

    static JsonNode? Parse(Uri uri, string text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            throw new CliFault($"{uri} did not answer with JSON: is it the Block Storage endpoint? It said: {(text.Length > 200 ? text[..200] + "…" : text)}");
        }
    }

    static X509ChainPolicy Trusting(string path)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(path);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            throw new CliFault($"The CA certificates can't be read: {e.Message}");
        }
        return policy;
    }

    void Show(HttpRequestMessage request, string? body)
    {
        if (debug is null) return;
        var line = new StringBuilder($"REQ: curl -g -i -X {request.Method} '{request.RequestUri}'");
        foreach (var (name, values) in request.Headers)
            foreach (var value in values) line.Append($" -H '{name}: {Mask(name, value)}'");
        // What is sent to get a token is all secret.
        if (body is not null)
            line.Append(request.RequestUri!.AbsolutePath.EndsWith("/auth/tokens", StringComparison.Ordinal) ? " -d '{…}'" : $" -d '{body}'");
        debug.WriteLine(line);
    }

    void Show(HttpResponseMessage response, string body, bool secret)
    {
        if (debug is null) return;
        debug.WriteLine($"RESP: [{(int)response.StatusCode}] " + string.Join(' ', response.Headers.Concat(response.Content.Headers)
            .Select(h => $"{h.Key}: {string.Join(", ", h.Value.Select(v => Mask(h.Key, v)))}")));
        debug.WriteLine($"RESP BODY: {(secret ? "{…}" : body)}");
    }

    /// <summary>Enough to see that two requests carried the same token (as keystoneauth prints it), not enough to use it.</summary>
    static string Mask(string header, string value) => header.ToLowerInvariant() switch
    {
        "x-auth-token" or "x-subject-token" => "{SHA256}" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value))),
        "authorization" => "***",
        _ => value,
    };
}
