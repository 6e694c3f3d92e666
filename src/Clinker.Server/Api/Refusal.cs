namespace Clinker.Server.Api;

/// <summary>
/// A request refused for its form, before anything of the domain is asked: version, path, media type, body. What the domain
/// refuses is a <see cref="Operations.Fault"/>.
/// </summary>
/// <param name="status">The HTTP status.</param>
/// <param name="text">What the user is told.</param>
sealed class Refusal(int status, string text) : Exception(text)
{
    public int Status => status;

    /// <summary>The version to name in the answer although it is not one of ours.</summary>
    public string? VersionEcho { get; init; }

    /// <summary>Answer with the bare words instead of a fault in JSON: nothing is routed there.</summary>
    public bool Plain { get; init; }

    /// <summary>Answer with no body at all.</summary>
    public bool Empty { get; init; }

    /// <summary>What is asked for, as the header WWW-Authenticate says it: the answer is that of keystonemiddleware.</summary>
    public string? Challenge { get; init; }

    /// <summary>Which limit was met, where one of requests was.</summary>
    public string? Details { get; init; }

    /// <summary>After how many seconds to ask again, where that is known.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>One request too many (cinder/api/openstack/wsgi.py, OverLimitFault; 429 instead of 413, which is for quotas).</summary>
    /// <param name="whose">Whose limit it is: "by one project".</param>
    /// <param name="perSecond">The limit.</param>
    /// <param name="wait">After how long the next request may come.</param>
    public static Refusal TooMany(string whose, int perSecond, TimeSpan wait) => new(429, "This request was rate-limited.")
    {
        Details = $"Only {perSecond} request(s) can be made {whose} every second.",
        RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)),
    };

    /// <summary>Nothing shown that says who is calling, or nothing that is good.</summary>
    public static Refusal Unauthorized(string challenge, string text = "The request you have made requires authentication.") =>
        new(401, text) { Challenge = challenge };

    /// <summary>No such path or verb.</summary>
    public static Refusal Unrouted() => new(404, "The resource could not be found.") { Plain = true };

    /// <summary>A route or action that the asked version does not have yet.</summary>
    public static Refusal TooOld() => new(404, "The resource could not be found.");

    public static Refusal BadRequest(string text) => new(400, text);

    public static Refusal MalformedBody() => new(400, "Malformed request body");
}
