using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Clinker.Cli.Cloud;

/// <summary>The API said no: its own words, the status and the request id to look for in its log.</summary>
internal sealed class ApiFault(HttpStatusCode status, string message, string? requestId)
    : Exception($"{message} (HTTP {(int)status})" + (requestId is null ? "" : $" (Request-ID: {requestId})"))
{
    public HttpStatusCode Status => status;

    /// <summary>Reads the answer's message: <c>{"itemNotFound": {"code": 404, "message": "…"}}</c>, or Keystone's <c>{"error": {…}}</c>.</summary>
    public static ApiFault Of(HttpResponseMessage response, string body)
    {
        string? said = null;
        try
        {
            said = JsonNode.Parse(body) is JsonObject { Count: > 0 } o && o.First().Value is JsonObject inner
                ? inner["message"]?.ToString()
                : null;
        }
        catch (JsonException)
        {
            // Something in between answered (a proxy); its page would not help at a terminal.
        }
        return new ApiFault(response.StatusCode, string.IsNullOrWhiteSpace(said) ? response.ReasonPhrase ?? "The request failed." : said,
            Header(response, "x-openstack-request-id") ?? Header(response, "x-compute-request-id"));
    }

    static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
