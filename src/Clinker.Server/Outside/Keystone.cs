using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json;
using Clinker.Server.Configuration;

namespace Clinker.Server.Outside;

/// <summary>Keystone does not answer, or not as it should. The words are for the log.</summary>
sealed class KeystoneDown(string why, Exception? cause = null) : Exception(why, cause);

/// <summary>
/// The identity service, asked as the daemon's own user (Identity API v3; keystonemiddleware/auth_token/_identity.py). The daemon's own
/// token is renewed before it ends, and once when Keystone refuses it. Every question has a deadline.
/// </summary>
sealed partial class Keystone : IDisposable
{
    /// <summary>The daemon's token is not used for what may arrive when it has ended.</summary>
    static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    /// <summary>After Keystone has refused the daemon's password, it is not told it again at once: that locks users out.</summary>
    static readonly TimeSpan RefusedPause = TimeSpan.FromSeconds(10);

    /// <summary>How long others wait for the one question that finds out whether Keystone is back.</summary>
    static readonly TimeSpan TrialPatience = TimeSpan.FromSeconds(1);

    const int MaxConnections = 32;

    readonly KeystoneSettings settings;
    readonly TimeProvider time;
    readonly ILogger log;
    readonly HttpClient http;
    readonly Lock gate = new();
    Task<OwnToken>? own;
    Uri? api;
    TaskCompletionSource? trial;
    int down;

    public Keystone(KeystoneSettings settings, TimeProvider time, ILogger log)
    {
        this.settings = settings;
        this.time = time;
        this.log = log;
        http = Connections.Client(MaxConnections, handler => Connections.Trust(handler, settings));
    }

    /// <summary>What a token says, or null when it is none that is good.</summary>
    /// <param name="allowExpired">A service asks for somebody whose token has ended meanwhile.</param>
    /// <exception cref="KeystoneDown"/>
    public async Task<Bearer?> Validate(string token, bool allowExpired)
    {
        using var answer = await Asked(allowExpired ? "auth/tokens?nocatalog&allow_expired=1" : "auth/tokens?nocatalog", request =>
        {
            request.Headers.TryAddWithoutValidation("X-Subject-Token", token);
            // Without it Keystone keeps tokens with access rules to itself.
            request.Headers.Add("OpenStack-Identity-Access-Rules", "1");
        });
        return answer.StatusCode == HttpStatusCode.NotFound ? null : Bearer.Of(await Read(answer));
    }

    /// <summary>Whether there is such a project.</summary>
    /// <exception cref="KeystoneDown"/>
    public async Task<bool> HasProject(string id)
    {
        using var answer = await Asked("projects/" + Uri.EscapeDataString(id), _ => { });
        return answer.StatusCode != HttpStatusCode.NotFound;
    }

    /// <summary>
    /// Asks, and tells the log when Keystone goes away and comes back: once, not for each who is turned away. While it is away one
    /// question at a time has all of the deadline; whoever comes meanwhile is told soon.
    /// </summary>
    async Task<HttpResponseMessage> Asked(string path, Action<HttpRequestMessage> with)
    {
        var mine = Volatile.Read(ref down) != 0 ? await Trial() : null;
        try
        {
            var answer = await Ask(path, with);
            if (Interlocked.Exchange(ref down, 0) != 0) Log.Answers(log);
            return answer;
        }
        catch (KeystoneDown e)
        {
            if (Interlocked.Exchange(ref down, 1) == 0) Log.DoesNotAnswer(log, e.Message);
            throw;
        }
        finally
        {
            if (mine is not null)
            {
                lock (gate) trial = null;
                mine.SetResult();
            }
        }
    }

    /// <summary>What is to be ended by whoever finds out whether Keystone is back; null for who has waited for that, and it is.</summary>
    /// <exception cref="KeystoneDown">It is not, or not yet.</exception>
    async Task<TaskCompletionSource?> Trial()
    {
        Task others;
        lock (gate)
        {
            if (trial is null) return trial = new(TaskCreationOptions.RunContinuationsAsynchronously);
            others = trial.Task;
        }
        try
        {
            await others.WaitAsync(TrialPatience, time);
        }
        catch (TimeoutException e)
        {
            throw new KeystoneDown("Keystone still does not answer", e);
        }
        return Volatile.Read(ref down) == 0 ? null : throw new KeystoneDown("Keystone still does not answer");
    }

    /// <summary>Asks as the daemon's user; the answer is 200 or 404.</summary>
    async Task<HttpResponseMessage> Ask(string path, Action<HttpRequestMessage> with)
    {
        using var deadline = new CancellationTokenSource(settings.Deadline, time);
        for (string? refused = null; ;)
        {
            var token = await Own(refused, deadline.Token);
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(api!, path)); // whoever has a token has found it
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
            with(request);
            var answer = await Send(request, deadline.Token);
            if (answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.NotFound) return answer;
            var status = (int)answer.StatusCode;
            answer.Dispose();
            if (status != 401) throw new KeystoneDown(status == 403
                ? $"Keystone does not let the daemon's user ask for {path.Split('?')[0]}: give it the role service or admin"
                : $"Keystone answered {status} to GET {path.Split('?')[0]}");
            if (refused is not null) throw new KeystoneDown("Keystone refuses the token that it has just given to the daemon");
            refused = token;
        }
    }

    /// <summary>The daemon's token; another one when this one was refused. Whoever needs one waits for the same sign-in.</summary>
    public async Task<string> Own(string? refused, CancellationToken deadline) => (await Signed(refused, deadline)).Text!;

    /// <summary>As <see cref="Own"/>, with where the service is that the settings seek: null when the catalogue does not have it.</summary>
    public async Task<(string Token, Uri? Endpoint)> OwnAndEndpoint(string? refused, CancellationToken deadline)
    {
        var token = await Signed(refused, deadline);
        return (token.Text!, token.Endpoint);
    }

    async Task<OwnToken> Signed(string? refused, CancellationToken deadline)
    {
        Task<OwnToken> signIn;
        lock (gate) signIn = own is { } last && MayServe(last, refused) ? last : own = SignIn();
        OwnToken token;
        try
        {
            token = await signIn.WaitAsync(deadline);
        }
        catch (OperationCanceledException e)
        {
            throw Slow(e);
        }
        return token.Text is not null ? token : throw new KeystoneDown("Keystone does not know the daemon's user by this password");
    }

    /// <summary>Whether a sign-in is under way, or gave a token that is still good and is not the refused one.</summary>
    bool MayServe(Task<OwnToken> signIn, string? refused)
    {
        if (!signIn.IsCompletedSuccessfully) return !signIn.IsCompleted;
        var token = signIn.GetAwaiter().GetResult(); // it is there
        return token.Until > time.GetUtcNow() && (refused is null || token.Text != refused);
    }

    async Task<OwnToken> SignIn()
    {
        using var deadline = new CancellationTokenSource(settings.Deadline, time);
        api ??= await Discover(deadline.Token);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api, settings.Seeks is null ? "auth/tokens?nocatalog" : "auth/tokens"));
        request.Content = new ByteArrayContent(settings.SignIn) { Headers = { ContentType = new("application/json") } };
        using var answer = await Send(request, deadline.Token);
        if (answer.StatusCode == HttpStatusCode.Unauthorized) return new(null, time.GetUtcNow() + RefusedPause, null);
        if (answer.StatusCode != HttpStatusCode.Created) throw new KeystoneDown($"Keystone answered {(int)answer.StatusCode} when the daemon signed in");
        var token = await Read(answer);
        return answer.Headers.TryGetValues("X-Subject-Token", out var values)
            ? new(values.First(), token.ExpiresAt - Margin, settings.Seeks?.In(token.Catalog))
            : throw new KeystoneDown("Keystone answered the daemon's sign-in without a token");
    }

    /// <summary>
    /// Where the third API is: auth_url's document says by which path, or there is none and it is below auth_url. As with keystoneauth1
    /// (discover.py, _combine_relative_url), a link to another server (public_endpoint, for others than us) is not followed.
    /// </summary>
    async Task<Uri> Discover(CancellationToken deadline)
    {
        if (settings.Discovery is not { } at) return settings.AuthUrl;
        using var request = new HttpRequestMessage(HttpMethod.Get, at);
        using var answer = await Send(request, deadline);
        if ((int)answer.StatusCode >= 500) throw new KeystoneDown($"Keystone answered {(int)answer.StatusCode} to GET auth_url");
        if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.MultipleChoices)) return settings.AuthUrl;
        try
        {
            var said = JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(deadline), KeystoneJsonContext.Default.Discovery);
            var third = (said?.Versions?.Values ?? [said?.Version!]).FirstOrDefault(v => v?.Id?.StartsWith("v3", StringComparison.Ordinal) == true);
            return Uri.TryCreate(at, third?.Links?.FirstOrDefault(l => l?.Rel == "self")?.Href ?? "v3", out var link) && link.Authority == at.Authority
                ? new UriBuilder(at) { Path = link.AbsolutePath.TrimEnd('/') + "/" }.Uri
                : settings.AuthUrl;
        }
        catch (JsonException)
        {
            return settings.AuthUrl;
        }
    }

    async Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken deadline)
    {
        try
        {
            return await http.SendAsync(request, deadline);
        }
        catch (OperationCanceledException e)
        {
            throw Slow(e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new KeystoneDown(e.InnerException is { } inner ? $"{e.Message}: {inner.Message}" : e.Message, e);
        }
    }

    KeystoneDown Slow(Exception e) => new($"Keystone did not answer within {settings.Deadline.TotalSeconds:0.#} s", e);

    static async Task<KeystoneJson.Token> Read(HttpResponseMessage answer)
    {
        try
        {
            // The whole of it is there by now.
            var body = await answer.Content.ReadAsByteArrayAsync();
            var token = JsonSerializer.Deserialize(body, KeystoneJsonContext.Default.Answer)?.Token;
            return token?.User?.Id is not null && token.ExpiresAt != default ? token : throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new KeystoneDown("Keystone answered with something that is no token", e);
        }
    }

    public void Dispose() => http.Dispose();

    /// <param name="Text">Null: the password was refused.</param>
    /// <param name="Until">When it is to be asked for anew.</param>
    /// <param name="Endpoint">Of the service that is sought.</param>
    readonly record struct OwnToken(string? Text, DateTimeOffset Until, Uri? Endpoint);

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Error, Message = "Keystone can't be asked: {Why}. Requests with tokens that are not known yet are answered with 503")]
        public static partial void DoesNotAnswer(ILogger log, string why);

        [LoggerMessage(Level = LogLevel.Information, Message = "Keystone answers again")]
        public static partial void Answers(ILogger log);
    }
}
