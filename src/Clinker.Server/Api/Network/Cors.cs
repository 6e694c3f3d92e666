using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api.Network;

/// <summary>
/// [cors]: which pages of other sites a browser lets use the API (oslo_middleware/cors.py). With <c>*</c> all of them may, but without what the
/// browser itself knows of the user (cookies, client certificates): no origin that is not named is ever told that it may use that.
/// </summary>
/// <param name="Origins">As browsers write them: <c>https://horizon.example.org</c>; or <c>*</c>.</param>
/// <param name="MaxAge">For how long a browser may remember what it was told, in seconds; 0 to say nothing of it.</param>
sealed record Cors(IReadOnlyList<string> Origins, bool Credentials, IReadOnlyList<string> Expose, int MaxAge,
    IReadOnlyList<string> Methods, IReadOnlyList<string> Headers)
{
    static readonly string[] Simple =
        ["Accept", "Accept-Language", "Content-Type", "Cache-Control", "Content-Language", "Expires", "Last-Modified", "Pragma"];

    readonly string exposed = string.Join(',', Expose);

    /// <summary>Whether a browser asks what it may send, before it does.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.ContainsKey("Origin") && request.Headers.ContainsKey("Access-Control-Request-Method");

    /// <summary>Answers it. One that may not is told nothing.</summary>
    public void AnswerPreflight(HttpContext http)
    {
        var headers = http.Request.Headers;
        http.Response.StatusCode = 200;
        var method = headers["Access-Control-Request-Method"].ToString();
        var wanted = headers["Access-Control-Request-Headers"].ToString()
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (!Methods.Contains(method) || wanted.Any(w => !May(w)) || !Allow(http)) return;
        var answer = http.Response.Headers;
        if (MaxAge > 0) answer.AccessControlMaxAge = MaxAge.ToString(CultureInfo.InvariantCulture);
        answer.AccessControlAllowMethods = method;
        if (wanted.Length > 0) answer.AccessControlAllowHeaders = string.Join(',', wanted);
    }

    /// <summary>Marks any other answer, a refusal too, as one that the page may read.</summary>
    public void Mark(HttpContext http)
    {
        if (Allow(http) && exposed.Length > 0) http.Response.Headers.AccessControlExposeHeaders = exposed;
    }

    /// <returns>Whether the page may.</returns>
    bool Allow(HttpContext http)
    {
        var answer = http.Response.Headers;
        // Also where none is named: a cache is not to give that answer to another.
        answer.Append("Vary", "Origin");
        var origin = http.Request.Headers.Origin.ToString();
        if (origin.Length == 0) return false;
        if (Origins.Contains(origin))
        {
            answer.AccessControlAllowOrigin = origin;
            if (Credentials) answer.AccessControlAllowCredentials = "true";
            return true;
        }
        if (!Origins.Contains("*")) return false;
        answer.AccessControlAllowOrigin = "*";
        return true;
    }

    bool May(string header) =>
        Headers.Contains(header, StringComparer.OrdinalIgnoreCase) || Simple.Contains(header, StringComparer.OrdinalIgnoreCase);
}
