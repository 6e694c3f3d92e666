using System.Collections.Concurrent;
using Clinker.Server.Api;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Every route with rubbish, as an admin, as a stranger and as nobody: refused in Cinder's form, never a 500, nothing changed.</summary>
public sealed class RubbishTests
{
    static readonly string Long = new('x', 300);

    static readonly string[] Values =
    [
        "null", "true", "0", "-1", "2147483648", "1e999", "1.5", "\"\"", "\" \"", "\"é\"", $"\"{Long}\"", "[]", "[1]", "{}", "{\"a\": 1}",
        "{\"\": \"\"}", "\"\\u0000\"", "\"\\ud800\"", "\"11111111-1111-4111-8111-111111111111\"",
    ];

    static readonly string[] Wholes =
    [
        "", "{", "[]", "null", "1", "\"x\"", "{}", "{\"a\": 1, \"b\": 2}", "{\"volume\": {}, \"volume\": {}}", "{\"a\": NaN}",
        new string('[', 1000), $"{{\"{Long}\": {{}}}}",
    ];

    static readonly string[] Queries =
    [
        "limit=x", "limit=-1", "limit=99999999999999999999", "offset=-1", "marker=x", $"marker={Long}", "sort=:", "sort=x:y", "sort_key=",
        "sort_dir=up", "name=%ff", "name=%00", "name=[", "metadata={'a':{'b':1}}", "size=1e999", "size=['a',{}]", "created_at=gt:", "created_at=:",
        "status=None", "bootable=[]", "all_tenants=maybe", "is_public=maybe", "extra_specs=[]", "detail=maybe", "with_count=maybe", "force=maybe",
        "cascade=maybe", "%ff=1", "é=1", "=&&=", "project_id=%00", "name~=%25", "~=x", "resource=x", "id={'a':'b'}", "host=%27%3B--",
    ];

    static readonly string[] Ids = ["x", Long, "%2e%2e", "%ff", "11111111-1111-4111-8111-111111111111", "'; drop table volume; --", "é"];

    [Theory]
    [InlineData(null)]
    [InlineData("stranger:ffff:member")]
    [InlineData("nobody:ffff:none")]
    public async Task Every_route_refuses_rubbish(string? token)
    {
        var seen = new ConcurrentBag<string>();
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        var volume = await api.Volume("kept");
        var before = (await api.Get($"volumes/{volume}")).Text;
        var types = (await api.Get("types")).Text;
        foreach (var route in AllRoutes.Table().Routes)
            foreach (var (path, body) in Requests(route, volume))
            {
                var answer = await api.Send(route.Method, "/v3" + path, body, "3.71", token);
                if (answer.Status >= 500) seen.Add($"{route.Method} {path} {body} → {answer.Status} {answer.Text}");
                if (answer.Status >= 400 && answer.Text.StartsWith('{'))
                    Assert.Equal(answer.Status, answer.Json.GetProperty(answer.Fault).GetProperty("code").GetInt32());
            }
        Assert.Empty(seen);
        Assert.Equal(before, (await api.Get($"volumes/{volume}")).Text);
        Assert.Equal(types, (await api.Get("types")).Text);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    static IEnumerable<(string Path, string? Body)> Requests(Route route, string volume)
    {
        var path = route.Path + (route.Key is null ? "" : "/action");
        string Of(string id) => path.Replace("{id}", Uri.EscapeDataString(id), StringComparison.Ordinal)
            .Replace("{key}", Uri.EscapeDataString(id), StringComparison.Ordinal).Replace("{alias}", Uri.EscapeDataString(id), StringComparison.Ordinal);
        if (route.Method == "GET")
        {
            foreach (var query in Queries) yield return ($"{Of(volume)}?{query}", null);
            foreach (var id in Ids) yield return (Of(id), null);
            yield break;
        }
        if (route.Method == "DELETE")
        {
            foreach (var id in Ids) yield return (Of(id), null);
            yield return (Of(volume) + "?force=maybe", null);
            yield return (Of(volume) + "?cascade=maybe", null);
            yield break;
        }
        foreach (var whole in Wholes) yield return (Of(volume), whole);
        foreach (var value in Values)
        {
            if (route.Key is { } key)
            {
                if (key == "os-force_delete") continue; // takes anything
                yield return (Of("x"), $"{{\"{key}\": {value}}}");
                foreach (var member in (string[])["status", "project"]) yield return (Of("x"), $"{{\"{key}\": {{\"{member}\": {value}}}}}");
                continue;
            }
            foreach (var outer in (string[])["volume", "volume_type", "metadata", "meta", "extra_specs"])
            {
                yield return (Of("x"), $"{{\"{outer}\": {value}}}");
                foreach (var member in (string[])["size", "name", "metadata", "description", "volume_type", "snapshot_id", "imageRef", "is_public", "extra_specs", "x"])
                {
                    // What would be a proper request is no rubbish.
                    if (outer == "volume_type" && member == "name" && value is "\"é\"" or "\"11111111-1111-4111-8111-111111111111\"") continue;
                    yield return (Of("x"), $"{{\"{outer}\": {{\"{member}\": {value}}}}}");
                }
            }
            foreach (var member in (string[])["host", "binary", "disabled_reason"])
                yield return (Of("x"), $"{{\"host\": \"h\", \"binary\": \"b\", \"{member}x\": 1, \"service\": {value}}}");
        }
    }
}
