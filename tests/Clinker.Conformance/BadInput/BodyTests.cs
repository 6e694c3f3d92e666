using System.Text;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.BadInput;

/// <summary>Bodies that are not as they must be, on every route that takes one.</summary>
[Collection(OneDaemon.Name)]
public sealed class BodyTests(Things things)
{
    const string Nobody = "11111111-1111-4111-8111-111111111111";

    /// <summary>For what may be about any project: others must not find something of nobody's after it.</summary>
    const string Somebody = "22222222-2222-4222-8222-222222222222";

    public static TheoryData<string> WithBody => RouteCases.Names(RouteCases.TakesBody);

    [Fact]
    public void Every_body_is_told_of()
    {
        Assert.Equal(RouteCases.All.Where(RouteCases.TakesBody).Select(r => r.Name).Distinct().Order(), BodySchema.All.Keys.Order());
    }

    /// <summary>What is bent in the other tests is right by itself: refused only because nothing is there that it is about.</summary>
    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task The_sample_is_as_it_must_be(string name)
    {
        var route = RouteCases.Of(name);
        var sample = BodySchema.All[route.Name].Sample;
        var aboutNothing = (route.Path.Contains('{', StringComparison.Ordinal) && !Things.TakesAnything(route, 0))
            || sample.Contains(Nobody, StringComparison.Ordinal);
        var status = BodySchema.All[route.Name].Answer ?? (aboutNothing ? 404 : route.Success);
        var path = Things.Path(route, [Things.TakesAnything(route, 0) ? Somebody : Nobody, "key"]);
        foreach (var minor in BodySchema.All[route.Name].Minors(route.Since))
        {
            var text = sample.Replace("\"sample\"", $"\"sample {minor}\"", StringComparison.Ordinal);
            var answer = await things.Wire.Send(route.Method, path, text, $"3.{minor}");
            Assert.True(answer.Status == status, $"3.{minor}: {answer}");
        }
    }

    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task Members_that_are_not_as_they_must_be(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var schema = BodySchema.All[route.Name];
        foreach (var minor in schema.Minors(route.Since))
            foreach (var (what, body) in schema.Wrong(minor))
                await refusals.Refused($"3.{minor} {what}", w => w.Send(route.Method, things.Path(route), body, $"3.{minor}"), 400);
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(WithBody))]
    public async Task Bodies_that_are_none(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        var sample = BodySchema.All[route.Name].Sample;
        foreach (var (what, body) in Malformed(sample).Where(m => m.What != "{}" || !BodySchema.All[route.Name].TakesNothing))
            await refusals.Refused(what, w => w.Send(route.Method, things.Path(route), body, "3.71"), 400);
        await refusals.Refused("no body", w => w.Send(route.Method, things.Path(route), (byte[]?)null, "3.71"), 400);
        foreach (var type in (string[])["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "nonsense",
            "application/jsonx", "application/json-patch+json", "application/", "/", "text/plain, application/json", ";;;"])
            await refusals.Refused($"Content-Type: {type}",
                w => w.Send(route.Method, things.Path(route), Encoding.UTF8.GetBytes(sample), "3.71", $"Content-Type: {type}"), 415);
        refusals.End();
    }

    static IEnumerable<(string What, byte[] Body)> Malformed(string sample)
    {
        var right = Encoding.UTF8.GetBytes(sample);
        foreach (var text in (string[])["[]", "null", "1", "1.5", "true", "\"text\"", "{}", "{", "}", "nonsense", "NaN", "{\"a\":}", "{\"a\": NaN}", "{'a': 1}",
            "{a: 1}", "{\"a\": 1,}", " ", "\n", "//", "/**/", "<a/>", "a=b", $"[{sample}]", $"\"{sample}\"", sample + sample, sample + "x", sample + ",", sample[..^1],
            sample[1..], $"/* */ {sample}", "{\"\\u0000\": 1}", "{\"\\ud800\": 1}", "{\"nobody_knows\": {\"a\": 1}}", "{\"a\": 1, \"b\": 2}"])
            yield return (text, Encoding.UTF8.GetBytes(text));
        yield return ("twice the same member", Encoding.UTF8.GetBytes(sample[..^1] + "," + sample[1..]));
        var colon = sample.IndexOf(": {", StringComparison.Ordinal);
        if (colon > 0)
        {
            var inner = sample[(colon + 3)..^2];
            yield return ("twice the same member, further in", Encoding.UTF8.GetBytes($"{sample[..colon]}: {{{inner},{inner}}}}}"));
        }
        yield return ("a byte order mark", [0xef, 0xbb, 0xbf, .. right]);
        yield return ("UTF-16", Encoding.Unicode.GetBytes(sample));
        yield return ("UTF-32", Encoding.UTF32.GetBytes(sample));
        yield return ("Latin 1", Encoding.Latin1.GetBytes("{\"\u00fc\": 1}"));
        yield return ("a NUL behind", [.. right, 0]);
        yield return ("only NULs", new byte[100]);
        yield return ("bytes of all kinds", [.. Enumerable.Range(0, 256).Select(i => (byte)i)]);
        yield return ("gzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0]);
        foreach (var depth in (int[])[100, 10_000])
        {
            yield return ($"{depth} arrays deep", Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth)));
            yield return ($"{depth} arrays, never closed", Encoding.UTF8.GetBytes(new string('[', depth)));
            yield return ($"{depth} objects deep", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth)));
            yield return ($"a member {depth} deep", Encoding.UTF8.GetBytes(sample[..^1] + ",\"a\":" + new string('[', depth) + new string(']', depth) + "}"));
        }
    }
}
