using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Clinker.Conformance.BadInput;

/// <summary>Sends what must be refused, and gathers whatever is not refused as it should be.</summary>
sealed partial class Refusals(Things things)
{
    readonly List<string> wrong = [];
    int sent;

    /// <summary>The names that clients tell faults by (cinder/api/openstack/wsgi.py, Fault).</summary>
    static readonly Dictionary<int, string> Names = new()
    {
        [400] = "badRequest", [401] = "unauthorized", [403] = "forbidden", [404] = "itemNotFound", [405] = "badMethod",
        [406] = "computeFault", [408] = "computeFault", [409] = "conflictingRequest", [413] = "overLimit", [415] = "badMediaType",
    };

    /// <summary>Sends a request; the answer must be one of these, in Cinder's form, and all tables the same as before.</summary>
    /// <param name="statuses">The statuses that are right; none for any from 400 to 499.</param>
    public async Task Refused(string what, Func<Wire, Task<Answer>> request, params int[] statuses)
    {
        var before = await things.Tables.AtRest();
        sent++;
        Answer answer;
        try { answer = await request(things.Wire); }
        catch (Exception e) when (e is IOException or TimeoutException or System.Net.Sockets.SocketException)
        {
            wrong.Add($"{what}: {e.Message}");
            return;
        }
        if (Why(answer, statuses) is { } why) wrong.Add($"{what}: {why}: {answer}");
        await Same(what, before);
    }

    /// <summary>Sends a request that may be answered well or be refused, but not fail or change anything.</summary>
    public async Task Harmless(string what, Func<Wire, Task<Answer>> request)
    {
        var before = await things.Tables.AtRest();
        sent++;
        var answer = await request(things.Wire);
        if (answer.Status >= 500 || (answer.Status >= 400 && Why(answer, []) is not null)) wrong.Add($"{what}: {answer}");
        await Same(what, before);
    }

    public void Check(bool fine, string what)
    {
        sent++;
        if (!fine) wrong.Add(what);
    }

    /// <exception cref="Xunit.Sdk.XunitException">Something was not as it should be.</exception>
    public void End()
    {
        Assert.True(sent > 0, "Nothing was sent.");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {sent}:\n{string.Join("\n", wrong.Take(40).Select(Cut))}");
    }

    async Task Same(string what, List<string> before)
    {
        var after = await things.Tables.AtRest();
        if (ReferenceEquals(before, after)) return;
        foreach (var row in after.Except(before)) wrong.Add($"{what} has left {row}");
        foreach (var row in before.Except(after)) wrong.Add($"{what} has changed or taken {row}");
    }

    /// <summary>Why an answer is no refusal as Cinder's clients know it; null when it is.</summary>
    public static string? Why(Answer answer, int[] statuses)
    {
        if (statuses.Length > 0 ? !statuses.Contains(answer.Status) : answer.Status is < 400 or > 499)
            return $"not {(statuses.Length > 0 ? string.Join(" or ", statuses) : "refused")}";
        if (answer.Header("x-openstack-request-id") is not { } id || !RequestId().IsMatch(id)) return "no request id";
        if (answer.Header("Content-Type") is "text/plain; charset=UTF-8")
            return answer.Status == 404 && answer.Text.StartsWith("404 Not Found", StringComparison.Ordinal) ? null : "plain text is for 404 alone";
        if (answer.Header("Content-Type") is not "application/json") return "no JSON";
        try
        {
            using var json = JsonDocument.Parse(answer.Body);
            var faults = json.RootElement.EnumerateObject().ToList();
            if (faults.Count != 1) return "not one fault";
            if (faults[0].Name != Names.GetValueOrDefault(answer.Status)) return "not the status's fault";
            if (faults[0].Value.GetProperty("code").GetInt32() != answer.Status) return "not the status's code";
            var message = faults[0].Value.GetProperty("message").GetString();
            if (string.IsNullOrWhiteSpace(message)) return "no message";
            return Inner().IsMatch(message) ? "tells of our insides" : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return $"not a fault ({e.Message})";
        }
    }

    static string Cut(string text) => text.Length < 700 ? text : text[..700] + "…";

    [GeneratedRegex("^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    private static partial Regex RequestId();

    [GeneratedRegex(@"Exception|Clinker\.|System\.|SQLite|   at ")]
    private static partial Regex Inner();
}
