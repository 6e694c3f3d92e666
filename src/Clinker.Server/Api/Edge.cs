using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Clinker.Host;
using Clinker.Server.Api.Network;
using Clinker.Server.Api.Reference;
using Clinker.Server.Routes;
using Clinker.Server.Seeing;
using Clinker.Store;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Clinker.Server.Api;

/// <summary>
/// From a request to its answer, in this order (Cinder's): a request id; whether its address asks too often; the route by path and
/// verb; who is calling, and whether his project asks too often; which microversion, and whether it has the route; the body, whether it
/// is as it must be; the policy rule; the handler; the answer in that version's shape. Whatever is thrown on the way becomes a fault.
/// </summary>
sealed partial class Edge
{
    [ThreadStatic] static Utf8JsonWriter? writer;

    readonly RouteTable table;
    readonly Wire.Cache wires;
    readonly ApiMeans means;
    readonly ILogger log;
    readonly Lazy<byte[]> openApi;

    public Edge(RouteTable table, Database db, ApiSettings settings, TimeProvider time, Ids ids, ILoggerFactory logs)
    {
        this.table = table;
        wires = new Wire.Cache(table.Shapes);
        means = new ApiMeans(db, settings, time, ids);
        log = logs.CreateLogger(typeof(Edge).FullName!);
        openApi = new(() => OpenApi.Bytes(table));
    }

    public ApiSettings Settings => means.Settings;

    public async Task Handle(HttpContext http)
    {
        var started = Stopwatch.GetTimestamp();
        var requestId = "req-" + means.Ids.New();
        var incoming = http.Request.Headers["X-Openstack-Request-Id"].ToString();
        var call = new Call(http, requestId, means) { GlobalId = IsRequestId(incoming) ? incoming : null };
        http.Response.Headers["x-openstack-request-id"] = requestId;
        using var answer = new AnswerBuffer();
        try
        {
            await Answer(call, answer);
        }
        catch (Exception e) when (IsGone(http, e))
        {
            if (call.Endpoint is not null) means.Settings.Audit?.Invoke(call, null);
            http.Abort();
            return; // nobody is there to be answered
        }
        catch (Exception e)
        {
            answer.Clear();
            var status = FaultResponses.Write(http, e, answer, toAdmin: call.Caller is { IsAdmin: true });
            if (status >= 500 && e is not Refusal) // whoever refuses with such a status tells the log once, not for each request
            {
                using var who = log.BeginScope(Who(call));
                Log.Failed(log, call.Route?.Name ?? http.Request.Path.Value ?? "", e);
            }
        }
        finally
        {
            call.Body.Dispose();
        }
        if (call.Negotiated is { } version)
        {
            http.Response.Headers[Microversion.Header] = $"volume {version}";
            http.Response.Headers.Vary = Microversion.Header;
        }
        if (means.Settings.Cors is { } cors && !Cors.IsPreflight(http.Request)) cors.Mark(http);
        if (call.Endpoint is not null) means.Settings.Audit?.Invoke(call, answer);
        await Send(http, answer);
        var took = Stopwatch.GetElapsedTime(started);
        means.Settings.Answered?.Invoke(call.Route?.Name ?? "unrouted", http.Response.StatusCode, took);
        Tell(call, took);
    }

    async Task Answer(Call call, AnswerBuffer answer)
    {
        var http = call.Http;
        if (means.AddressRate is { } ofAddress && call.ClientAddress is { } address)
            Count(ofAddress, Addresses.Holder(address), "from one address");
        if (means.Settings.Cors is { } cors && Cors.IsPreflight(http.Request))
        {
            cors.AnswerPreflight(http);
            return;
        }
        // By now the server has resolved dot segments: what they were meant for is lost, and what lies above must not be taken for it.
        if (Matcher.HasDots(http.Features.Get<IHttpRequestFeature>()!.RawTarget)) throw Refusal.Unrouted();
        var path = http.Request.Path.Value ?? "/";
        if (!path.StartsWith("/v3", StringComparison.Ordinal) || (path.Length > 3 && path[3] != '/'))
        {
            await Outside(call, path, answer);
            return;
        }
        if (path.Length <= 4)
        {
            if (!HttpMethods.IsGet(http.Request.Method)) throw Refusal.Unrouted();
            Negotiate(call);
            Write(call, Versions.Document(call), 200, answer);
            return;
        }
        if (table.Find(http.Request.Method, path.AsSpan(3)) is not { } match) throw Refusal.Unrouted();
        call.Endpoint = match.Endpoint;
        call.PathProject = match.Project;
        call.Arg0 = match.Arg0 ?? "";
        call.Arg1 = match.Arg1 ?? "";
        if (await means.Settings.Identity(http, match.Project) is not { } caller) return;
        call.Caller = caller;
        if (means.ProjectRate is { } ofProject) Count(ofProject, caller.ProjectId, "by one project");
        http.Response.Headers["x-compute-request-id"] = call.RequestId;
        Negotiate(call);
        var endpoint = call.Endpoint;
        if (!endpoint.HasActions) call.Route = endpoint.For(call.Version);
        call.Body = await Body.Read(http, means.Settings.MaxBodyBytes);
        call.Route ??= endpoint.For(call.Version, call.Body.ActionKey());
        call.Route.Body?.Check(call.Body.Root, new Spot(null, call.Version.Minor));
        if (call.Route.Rule is { Name: { } rule, OfRow: false }) call.Demand(rule);
        var result = await call.Route.Run(call);
        Write(call, result, call.Status ?? call.Route.Success, answer);
    }

    static void Count<T>(RateLimit<T> limit, T key, string whose) where T : notnull
    {
        if (limit.Take(key) is var wait && wait > TimeSpan.Zero) throw Refusal.TooMany(whose, limit.PerSecond, wait);
    }

    static void Negotiate(Call call) => call.Negotiated = Microversion.Negotiate(call.Http.Request.Headers[Microversion.Header]);

    /// <summary>What lies beside <c>/v3</c>: the versions, and what operators and readers look at.</summary>
    async Task Outside(Call call, string path, AnswerBuffer answer)
    {
        var http = call.Http;
        var isHead = HttpMethods.IsHead(http.Request.Method);
        if (!isHead && !HttpMethods.IsGet(http.Request.Method)) throw Refusal.Unrouted();
        switch (path)
        {
            case "/" when !isHead:
                Negotiate(call);
                Write(call, Versions.Document(call), 300, answer);
                return;
            case "/healthcheck":
                var detailed = call.Query["detailed"] is { } asked && (Booleans.Parse(asked) ?? true);
                var health = await Health.Answer(
                    means.Settings.Health, http.Request.Method, http.Request.Headers.Accept, detailed, means.Time, http.RequestAborted);
                http.Response.StatusCode = health.Status;
                http.Response.ContentType = health.ContentType;
                answer.Write(health.Body);
                return;
            case "/metrics" when means.Settings.Metrics is { } metrics && !isHead:
                http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
                FaultResponses.Plain(answer, await metrics());
                return;
            case "/openapi.json":
                http.Response.ContentType = "application/json";
                answer.Write(openApi.Value);
                return;
            case "/docs":
                http.Response.ContentType = "text/html; charset=utf-8";
                http.Response.Headers.ContentSecurityPolicy = DocsPage.Policy;
                answer.Write(DocsPage.Html.Value);
                return;
            default:
                throw Refusal.Unrouted();
        }
    }

    void Write(Call call, IAnswer? result, int status, AnswerBuffer answer)
    {
        var response = call.Http.Response;
        response.StatusCode = status;
        if (status != 204) response.ContentType = "application/json";
        if (result is null) return;
        var json = writer ?? new Utf8JsonWriter(answer, AnswerWriter.Relaxed);
        writer = null;
        json.Reset(answer);
        result.Write(new AnswerWriter(json, wires.For(call.Version, call.Route is not null && call.IsAdmin)));
        json.Flush();
        writer = json;
        if (call.WithEtag) response.Headers.ETag = answer.Md5();
    }

    static async Task Send(HttpContext http, AnswerBuffer answer)
    {
        if (http.Response.StatusCode != 204) http.Response.ContentLength = answer.Length;
        if (answer.Length == 0) return;
        await http.Response.StartAsync();
        answer.CopyTo(http.Response.BodyWriter);
    }

    /// <summary>The connection broke; a request that was no proper one (an IOException too) is answered.</summary>
    static bool IsGone(HttpContext http, Exception e) =>
        e is IOException and not BadHttpRequestException || (e is OperationCanceledException && http.RequestAborted.IsCancellationRequested);

    static bool IsRequestId(string text) => text.Length == 40 && text.StartsWith("req-", StringComparison.Ordinal) && Guid.TryParse(text.AsSpan(4), out _);

    void Tell(Call call, TimeSpan took)
    {
        var request = call.Http.Request;
        // What is refused for being too much is not to fill the log.
        var level = HttpMethods.IsGet(request.Method) || call.Http.Response.StatusCode == 429 ? LogLevel.Debug : LogLevel.Information;
        if (!log.IsEnabled(level)) return;
        using var who = log.BeginScope(Who(call));
        Log.Answered(log, level, request.Method, request.Path.Value ?? "", call.Http.Response.StatusCode, took.TotalMilliseconds,
            call.Route?.Name ?? "-");
    }

    /// <summary>What each record says of the request that it comes from.</summary>
    static List<KeyValuePair<string, object?>> Who(Call call)
    {
        var who = new List<KeyValuePair<string, object?>> { new("request_id", call.RequestId) };
        if (call.GlobalId is { } global) who.Add(new("global_request_id", global));
        if (call.Caller is { } caller)
        {
            who.Add(new("user", caller.UserId));
            if (caller.HasProject) who.Add(new("project", caller.ProjectId));
        }
        return who;
    }

    static partial class Log
    {
        [LoggerMessage(Message = "{Method} {Path} {Status} {Milliseconds:0.0} ms {Route}")]
        public static partial void Answered(ILogger log, LogLevel level, string method, string path, int status, double milliseconds,
            string route);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Route} failed")]
        public static partial void Failed(ILogger log, string route, Exception e);
    }
}
