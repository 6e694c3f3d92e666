using System.Text;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.BadInput;

/// <summary>Verbs, paths, versions and headers that are not as they must be, on every route.</summary>
[Collection(OneDaemon.Name)]
public sealed class RequestTests(Things things)
{
    public static TheoryData<string> Routes => RouteCases.Names(_ => true);
    public static TheoryData<string> WithVariables => RouteCases.Names(r => r.Path.Contains('{', StringComparison.Ordinal));

    static readonly string[] NobodysIds =
    [
        "x", "0", "-1", "null", "None", "11111111-1111-4111-8111-111111111111", "11111111111141118111111111111111", "%20", "%27%3B%20drop%20table%20volume%3B--",
        "%22", "%25", "%2f", "%2F..%2F..%2Fetc%2Fpasswd", "..%2f..%2fetc", "%5c..%5c", "%ff", "%c3%28", "%ed%a0%80", "%c0%ae%c0%ae", "%zz", "%", "%1",
        "%0d%0aX-Hostile:%201", "%0a", "%7f", "%01", "%f0%9f%98%80", "%e2%80%ae", "a;b", "a=b", "*", "~", "$(id)", "{id}", "<b>", "'", "%25%32%65", "%u002e",
    ];

    /// <summary>
    /// An HTTP server takes them away with the segment before (RFC 3986, section 5.2.4): what is meant for one of a volume's keys
    /// would then be done to the volume.
    /// </summary>
    static readonly string[] Dots = [".", "..", "%2e", "%2e%2e", "%2E.", ".%2e", "%2e%2e/..", "../../.."];

    static readonly string[] NoVersions =
    [
        "", "volume", "volume ", "3.5", "3", "volume 3", "volume 3.", "volume .5", "volume 3.x", "volume 3.-1", "volume 3.+1", "volume 03.1", "volume 3.01",
        "volume 3.1.2", "volume 3,1", "volume three", "volume 3.5 6", "volume 3.5x", "volume 0.0", "volume -3.5", "volume 3.0x10", "volume 3.1e1", "compute 2.1",
        "latest", "volume=3.5", "volume:3.5", "Volume 3.5", "volume LATEST", "volume None", ",", "compute 2.1,", "volume " + "9999999999",
        "volume 3.5;", "'volume 3.5'", "volume \"3.5\"",
    ];

    static readonly string[] OthersVersions =
        ["3.72", "3.100", "3.99999999999999999999999999", "2.0", "1.0", "2.1", "4.0", "33.0", "99999999999999999999999999.0", "1.latest"];

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Versions_that_are_none(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var text in NoVersions)
            await refusals.Refused($"«{text}»", w => Send(w, route, headers: $"OpenStack-API-Version: {text}"), 400);
        foreach (var text in OthersVersions)
            await refusals.Refused($"«{text}»", w => Send(w, route, headers: $"OpenStack-API-Version: volume {text}"), 406, 400);
        foreach (var text in (string[])["3.72", "2.0", "4.0"])
            await refusals.Refused(text, w => Send(w, route, headers: $"OpenStack-API-Version: volume {text}"), 406);
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Versions_before_its_own(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        for (var minor = 0; minor < route.Since; minor++)
        {
            var version = minor == 0 ? null : $"3.{minor}";
            await refusals.Refused($"3.{minor}", async w =>
            {
                var answer = await Send(w, route, version: version);
                refusals.Check(answer.Header("Content-Type") == "application/json", "The path is known: a fault in JSON.");
                return answer;
            }, 404);
        }
        if (route.Since > 0) refusals.End();
        // And with its own it is there.
        if (route.Method != "GET" || route.Success != 200) return;
        var there = await Send(things.Wire, route, version: $"3.{route.Since}");
        // There are no clusters, and no pool is named.
        Assert.Equal(route.Name == "cluster_show" ? 404 : QueryTests.OfPools.Contains(route.Name) ? 400 : route.Success, there.Status);
        Assert.Equal($"volume 3.{route.Since}", there.Header("OpenStack-API-Version"));
        Assert.Equal("OpenStack-API-Version", there.Header("Vary"));
        Assert.Equal("application/json", there.Header("Content-Type"));
        Assert.Equal(there.Header("x-openstack-request-id"), there.Header("x-compute-request-id"));
    }

    [Theory]
    [MemberData(nameof(WithVariables))]
    public async Task Paths_that_lead_nowhere(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var right = things.Variables(route);
        foreach (var id in (string[])[.. NobodysIds, .. Dots, new string('a', 300), new string('a', 6000), string.Concat(Enumerable.Repeat("%e2%82%ac", 600))])
            for (var i = 0; i < right.Length; i++)
                if (!Things.TakesAnything(route, i) || Dots.Contains(id))
                    await refusals.Refused($"{{{i}}} = {id}", w => Send(w, route, Things.Path(route, [.. right[..i], id, .. right[(i + 1)..]])), 404, 400);
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Paths_around_it(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var path = things.Path(route);
        var below = path["/v3/admin".Length..];
        var endsFreely = route.Path.EndsWith('}') && Things.TakesAnything(route, things.Variables(route).Length - 1);
        foreach (var other in endsFreely ? [] : (string[])[path + ".xml", path + "%20", path + ";a=b"])
            await refusals.Refused(other, w => Send(w, route, other), 404, 400);
        foreach (var other in (string[])[path + "//", path + "/.x", path + "/x/y/z", path + "%00", "/v3/admin//" + below, "//v3/admin" + below,
            "/v3%2fadmin" + below, "/V3/admin" + below, "/v2/admin" + below, "/v1/admin" + below, "/v4/admin" + below, "/v33" + below, below, "/v3/admin/admin" + below,
            "/v3/a%20b" + below, "/v3/%ff" + below, "/v3/%27%3B--" + below, "/v3/" + new string('a', 256) + below, "/v3/%2e%2e" + below, "/v3/..%2f" + below, "/v3/%" + below])
            await refusals.Refused(other, async w =>
            {
                var answer = await Send(w, route, other);
                return other.Contains("%00", StringComparison.Ordinal) ? BeforeRouting(answer) : answer;
            }, 404, 400);
        await refusals.Refused("another project than the token's",
            w => Send(w, route, "/v3/ffff" + below, headers: "X-Auth-Token: somebody:admin"), 400);
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Verbs_that_it_has_not(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var path = things.Path(route);
        var known = RouteCases.All.Where(r => things.Path(r) == path || IsOneOf(r, path)).Select(r => r.Method).ToHashSet();
        foreach (var verb in (string[])["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "PROPFIND", "get", "Delete", "GETT", "G"])
        {
            if (known.Contains(verb)) continue;
            var allowed = verb == "HEAD" ? await Head(path, refusals) : null;
            if (allowed is null)
                await refusals.Refused(verb, w => w.Send(verb, path, BodyOf(route), "3.71"), 404);
        }
        refusals.End();
    }

    /// <summary>An answer to HEAD has no body to be looked at.</summary>
    async Task<Answer?> Head(string path, Refusals refusals)
    {
        var answer = await things.Wire.Send("HEAD", path, (byte[]?)null, "3.71");
        refusals.Check(answer.Status == 404 && answer.Body.Length == 0, $"HEAD: {answer}");
        return answer;
    }

    /// <summary>Whether a path with a literal segment is also one with a variable: <c>/volumes/detail</c> is a volume's to those who delete it.</summary>
    static bool IsOneOf(Route route, string path)
    {
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries)[2..];
        var own = (route.Path + (route.Key is null ? "" : "/action")).Split('/', StringSplitOptions.RemoveEmptyEntries);
        return own.Length == segments.Length && own.Zip(segments).All(p => p.First[0] == '{' || p.First == p.Second)
            && own[^1][0] == '{' && own.Length == 2;
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Headers_that_are_none(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var nowhere = Things.Path(route, ["11111111-1111-4111-8111-111111111111", "key"]);
        var path = nowhere == things.Path(route) || Things.TakesAnything(route, 0) ? nowhere + "/nowhere/at/all" : nowhere;
        foreach (var header in (string[])["X-Openstack-Request-Id: req-x", "X-Openstack-Request-Id: " + new string('r', 5000), "X-Openstack-Request-Id: req-'; drop table volume; --",
            "X-Auth-Token: " + new string('t', 5000), "X-Auth-Token: :::", "X-Forwarded-Host: \"", "X-Forwarded-Proto: javascript", "Accept: text/html", "Accept-Encoding: *",
            "If-Match: *", "If-Match: \"", "Range: bytes=0-1", "Expect: nothing", "Cookie: a=b", "Authorization: Basic !!!", "Origin: null"])
            await refusals.Refused(header, w => Send(w, route, path, headers: header), 400, 404, 417);
        foreach (var (what, lines) in ((string, string)[])[("a line that is none", "nonsense"), ("no name", ": x"), ("a blank in a name", "a b: c"), ("a NUL", "X: a\0b"),
            ("two lengths", "Content-Length: 1\r\nContent-Length: 2"), ("a length below zero", "Content-Length: -1"), ("no length", "Content-Length: x"),
            ("a huge length", "Content-Length: 99999999999999999999"), ("a byte that is no UTF-8", "X: \u00fc"),
            ("chunks of another kind", "Transfer-Encoding: nonsense"), ("two hosts", "Host: a"), ("a long line", "X: " + new string('x', 40_000)),
            ("many lines", string.Join("\r\n", Enumerable.Range(0, 200).Select(i => $"X-{i}: {i}")))])
            await refusals.Refused(what, async w => BeforeRouting(await w.Exchange(
                Encoding.Latin1.GetBytes($"{route.Method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n\r\n"), route.Method)));
        foreach (var (what, line) in ((string, string)[])[("no version of HTTP", $"{route.Method} {path}"), ("another version of HTTP", $"{route.Method} {path} HTTP/9.9"),
            ("a long path", $"{route.Method} {path}/{new string('a', 100_000)} HTTP/1.1"), ("a long query", $"{route.Method} {path}?{new string('a', 100_000)} HTTP/1.1"),
            ("no path", $"{route.Method}  HTTP/1.1"), ("a path without its slash", $"{route.Method} v3 HTTP/1.1"), ("a bare NUL", $"{route.Method} {path}\0 HTTP/1.1"),
            ("bytes of no alphabet", $"{route.Method} {path}\u00ff HTTP/1.1"), ("a blank in the path", $"{route.Method} {path} x HTTP/1.1"), ("no verb", $" {path} HTTP/1.1"),
            ("a NUL in percent", $"{route.Method} {path}%00 HTTP/1.1")])
            await refusals.Refused(what, async w => BeforeRouting(await w.Exchange(Encoding.Latin1.GetBytes($"{line}\r\nHost: h\r\nConnection: close\r\n\r\n"), route.Method)));
        refusals.End();
    }

    /// <summary>What is no HTTP never becomes a request: the server ends it with a bare status (RFC 9112, section 3), which is well.</summary>
    static Answer BeforeRouting(Answer answer) => answer.Status is 400 or 405 or 411 or 414 or 431 or 501 or 505 && answer.Body.Length == 0
        ? new(404, new Dictionary<string, string>
        {
            ["x-openstack-request-id"] = "req-00000000-0000-0000-0000-000000000000",
            ["Content-Type"] = "text/plain; charset=UTF-8",
        }, "404 Not Found"u8.ToArray())
        : answer;

    /// <summary>A request that is right but for what is asked to be wrong.</summary>
    Task<Answer> Send(Wire wire, Route route, string? path = null, string? version = null, params string[] headers) =>
        wire.Send(route.Method, path ?? things.Path(route), BodyOf(route),
            version ?? (headers.Any(h => h.StartsWith("OpenStack-API-Version", StringComparison.Ordinal)) ? null : path is null ? null : "3.71"), headers);

    static byte[]? BodyOf(Route route) => RouteCases.TakesBody(route) ? Encoding.UTF8.GetBytes(BodySchema.All[route.Name].Sample) : null;
}
