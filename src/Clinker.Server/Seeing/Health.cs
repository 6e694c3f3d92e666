using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Clinker.Server.Seeing;

/// <summary>Something that must be well for the daemon to be.</summary>
/// <param name="WhyNot">Null when it is well; otherwise why not, in words that may be told to anybody.</param>
/// <param name="IsDetail">The daemon is well without it: only told, and only with <c>?detailed</c>.</param>
sealed record HealthCheck(string Name, Func<CancellationToken, Task<string?>> WhyNot, bool IsDetail = false);

/// <summary>What /healthcheck answers.</summary>
sealed record HealthAnswer(int Status, string ContentType, byte[] Body);

/// <summary>
/// <c>/healthcheck</c> as oslo.middleware's: 200 and <c>OK</c>, or 503 and the reasons; text, or JSON where Accept prefers it.
/// </summary>
static class Health
{
    /// <summary>A check that takes longer has failed.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <param name="method">HEAD gets no body, and 204 when all is well.</param>
    /// <param name="accept">The header, where there is one.</param>
    /// <param name="detailed">With <c>?detailed</c>: every check by its name, those that are well and the details too.</param>
    public static async Task<HealthAnswer> Answer(
        IReadOnlyList<HealthCheck> checks, string method, string? accept, bool detailed, TimeProvider time, CancellationToken token = default)
    {
        if (!detailed) checks = [.. checks.Where(c => !c.IsDetail)];
        var results = await Task.WhenAll(checks.Select(c => Ask(c, time, token)));
        var well = checks.Zip(results).All(c => c.Second is null || c.First.IsDetail);
        if (method == "HEAD") return new(well ? 204 : 503, "text/plain; charset=UTF-8", []);
        var status = well ? 200 : 503;
        return PrefersJson(accept)
            ? new(status, "application/json", Json(checks, results, detailed, time))
            : new(status, "text/plain; charset=UTF-8", Encoding.UTF8.GetBytes(Text(checks, results, well, detailed)));
    }

    static async Task<string?> Ask(HealthCheck check, TimeProvider time, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        try
        {
            return await check.WhyNot(limit.Token).WaitAsync(Deadline, time, token);
        }
        catch (TimeoutException)
        {
            return $"{check.Name} did not answer within {Deadline.TotalSeconds:0} s";
        }
        catch (Exception) when (!token.IsCancellationRequested)
        {
            // What went wrong in it may hold what nobody outside should read.
            return $"{check.Name} could not be checked";
        }
        finally
        {
            await limit.CancelAsync();
        }
    }

    static string Text(IReadOnlyList<HealthCheck> checks, string?[] results, bool well, bool detailed) => detailed
        ? string.Join('\n', checks.Select((c, i) => $"{c.Name}: {results[i] ?? "OK"}"))
        : well ? "OK" : string.Join('\n', results.Where(r => r is not null));

    static byte[] Json(IReadOnlyList<HealthCheck> checks, string?[] results, bool detailed, TimeProvider time)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body, new() { Indented = true, IndentSize = 4, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            // Keys in their order, as there.
            json.WriteStartObject();
            json.WriteBoolean("detailed", detailed);
            if (detailed)
            {
                json.WriteString("now", time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture));
                json.WriteString("platform", RuntimeInformation.OSDescription);
            }
            json.WriteStartArray("reasons");
            if (detailed)
                for (var i = 0; i < results.Length; i++)
                {
                    json.WriteStartObject();
                    json.WriteString("class", checks[i].Name);
                    json.WriteString("details", results[i] ?? "");
                    json.WriteString("reason", results[i] is null ? "OK" : "not OK");
                    json.WriteEndObject();
                }
            else if (results.All(r => r is null)) json.WriteStringValue("OK");
            else
                foreach (var result in results)
                    if (result is not null) json.WriteStringValue(result);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return body.WrittenSpan.ToArray();
    }

    // Text wins a draw, as it is first there; so */* gets text.
    static bool PrefersJson(string? accept) => accept is not null && Quality(accept, "application/json", "application/*") > Quality(accept, "text/plain", "text/*");

    static double Quality(string accept, string type, string range)
    {
        var (best, quality) = (-1, 0.0);
        foreach (var part in accept.Split(',', StringSplitOptions.TrimEntries))
        {
            var words = part.Split(';', StringSplitOptions.TrimEntries);
            var fits = words[0].Equals(type, StringComparison.OrdinalIgnoreCase) ? 2 : words[0].Equals(range, StringComparison.OrdinalIgnoreCase) ? 1 : words[0] == "*/*" ? 0 : -1;
            if (fits <= best) continue;
            best = fits;
            var q = words.FirstOrDefault(w => w.StartsWith("q=", StringComparison.OrdinalIgnoreCase));
            quality = q is null ? 1 : double.TryParse(q[2..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var given) ? given : 0;
        }
        return quality;
    }
}
