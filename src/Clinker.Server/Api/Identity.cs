using System.Text;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>Who is calling.</summary>
/// <param name="ProjectId">Whose resources are meant; empty when he calls for the system or for a domain, and nobody's then.</param>
/// <param name="Roles">As the identity service names them.</param>
/// <param name="IsAdmin">May see and do what belongs to others.</param>
sealed record Caller(string ProjectId, string UserId, IReadOnlyList<string> Roles, bool IsAdmin)
{
    public bool HasProject => ProjectId.Length > 0;

    /// <summary>Whether he calls for the whole system.</summary>
    public bool OfSystem { get; init; }

    /// <summary>The domain that he calls for; null when he calls for a project or the system.</summary>
    public string? DomainId { get; init; }

    public string? UserDomainId { get; init; }
    public string? ProjectDomainId { get; init; }

    /// <summary>Whether an admin would be one here: not in a domain, nor in another project than Keystone's admin project.</summary>
    public bool IsAdminProject { get; init; } = true;

    /// <summary>Whether a service of the cloud (Nova) asks on the user's behalf: the request has its token too (service_token_roles).</summary>
    public bool FromService { get; init; }

    /// <summary>What he showed, for what other services are asked in his name while the request lasts; null without an identity service.</summary>
    public string? Token { get; init; }

    /// <summary>Without the token.</summary>
    public override string ToString() => $"{UserId} of {(HasProject ? ProjectId : DomainId ?? "the system")}";
}

/// <summary>
/// Finds out who is calling. <paramref name="project"/> is what the path names, if it does. Null when it has given the whole
/// answer itself.
/// </summary>
/// <exception cref="Refusal">401, or 400 when the path is another project's.</exception>
delegate ValueTask<Caller?> Identity(HttpContext http, string? project);

/// <summary>The ways to find out.</summary>
static class Identities
{
    /// <summary>Who has neither token nor project in the path.</summary>
    const string Somebody = "admin";

    static readonly IReadOnlyList<string> AdminRoles = ["admin", "member", "reader"];
    static readonly ValueTask<Caller?> Answered = new((Caller?)null);

    /// <summary>
    /// Everyone is an admin of the project that the path names, or that the token names as <c>user:project</c>
    /// (cinder/api/middleware/auth.py, NoAuthMiddlewareBase). A client that asks for a token gets one.
    /// </summary>
    public static ValueTask<Caller?> None(HttpContext http, string? project)
    {
        var token = http.Request.Headers["X-Auth-Token"].ToString();
        if (token.Length == 0)
        {
            if (http.Request.Headers.ContainsKey("X-Auth-User") && HttpMethods.IsGet(http.Request.Method))
            {
                GiveToken(http);
                return Answered;
            }
            return Admin(project ?? Somebody, Somebody);
        }
        var colon = token.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return Admin(project ?? token, token);
        var ours = token[(colon + 1)..] is { Length: > 0 } named ? named : colon > 0 ? token[..colon] : Somebody;
        if (project is not null && project != ours) throw Refusal.BadRequest("Malformed request url");
        return Admin(ours, colon == 0 ? Somebody : token[..colon]); // cinderclient without a user id sends ":project"
    }

    static ValueTask<Caller?> Admin(string project, string user) => new(new Caller(project, user, AdminRoles, IsAdmin: true));

    static void GiveToken(HttpContext http)
    {
        var user = http.Request.Headers["X-Auth-User"].ToString();
        var project = http.Request.Headers["X-Auth-Project-Id"].ToString();
        if (project.Length == 0) project = Somebody;
        if (!Ascii.IsValid(user) || !Ascii.IsValid(project)) throw Refusal.BadRequest("Names in headers must be ASCII.");
        var url = new StringBuilder().Append(http.Request.Scheme).Append("://").Append(http.Request.Host.Value).Append("/v3");
        http.Response.StatusCode = 204;
        http.Response.ContentType = "text/plain; charset=UTF-8";
        http.Response.Headers["X-Auth-Token"] = $"{(user.Length == 0 ? Somebody : user)}:{project}";
        http.Response.Headers["X-Server-Management-Url"] = url.ToString();
    }
}
