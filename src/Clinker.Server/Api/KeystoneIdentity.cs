using Clinker.Operations;
using Clinker.Server.Configuration;
using Clinker.Server.Outside;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>
/// Callers by their tokens, as keystonemiddleware's auth_token and Cinder's context make them (keystonemiddleware/auth_token/__init__.py;
/// cinder/api/middleware/auth.py, CinderKeystoneContext). Stricter in this: only a token with a service role frees a request from the
/// access rules of the user's, and an admin of another project than Keystone's admin project is none.
/// </summary>
sealed class KeystoneIdentity : IDisposable
{
    const string Admin = "admin";

    readonly KeystoneSettings settings;
    readonly Keystone keystone;
    readonly Tokens tokens;

    public KeystoneIdentity(KeystoneSettings settings, TimeProvider time, ILogger log)
    {
        this.settings = settings;
        keystone = new Keystone(settings, time, log);
        tokens = new Tokens(keystone, settings.CacheTime, time);
    }

    /// <summary>Who is calling: an <see cref="Identity"/>.</summary>
    public async ValueTask<Caller?> Of(HttpContext http, string? project)
    {
        var fromService = false;
        if (Header(http, "X-Service-Token") is { } service)
        {
            var serving = await Find(http, service, allowExpired: false) ?? throw Refused();
            fromService = Roles(serving).Intersect(settings.ServiceRoles).Any();
            if (!fromService && settings.ServiceRolesRequired) throw Refused();
        }
        if ((Header(http, "X-Auth-Token") ?? Header(http, "X-Storage-Token")) is not { } text) throw Refused();
        var token = await Find(http, text, allowExpired: fromService) ?? throw Refused();
        // A service that asks on the user's behalf does what the user was allowed to ask of that service.
        if (token.ApplicationCredential?.AccessRules is { } rules && !fromService && !Allowed(http, rules)) throw Refused();
        // Tokens of a domain, of the system or of nothing are good, but what is asked here always belongs to a project.
        var of = token.Project?.Id;
        if (project is not null && project != of) throw Refusal.BadRequest("Malformed request url");
        if (of is null) throw new Refusal(403, "A token of a project is needed.");
        var roles = Roles(token);
        return new Caller(of, token.User!.Id!, roles, roles.Contains(Admin) && token.IsAdminProject != false) { FromService = fromService, Token = text };
    }

    /// <summary>The daemon's own token: an <see cref="OwnToken"/>.</summary>
    /// <exception cref="FaultException">Unavailable.</exception>
    public async ValueTask<string?> Own(string? refused, CancellationToken stop)
    {
        try
        {
            return await keystone.Own(refused, stop);
        }
        catch (KeystoneDown e)
        {
            stop.ThrowIfCancellationRequested();
            throw new Fault.Unavailable("The Keystone service is temporarily unavailable.").Thrown(e);
        }
    }

    /// <summary>Whether there is such a project.</summary>
    public async ValueTask<bool> HasProject(string id)
    {
        try
        {
            return await keystone.HasProject(id);
        }
        catch (KeystoneDown)
        {
            throw Down();
        }
    }

    /// <summary>Null when it isn't good.</summary>
    async ValueTask<KeystoneJson.Token?> Find(HttpContext http, string token, bool allowExpired)
    {
        // What no header of ours could carry is no token of Keystone's.
        if (token.AsSpan().ContainsAnyExceptInRange('!', '~')) return null;
        try
        {
            return await tokens.Find(token, allowExpired, http.RequestAborted);
        }
        catch (KeystoneDown)
        {
            throw Down();
        }
    }

    bool Allowed(HttpContext http, KeystoneJson.AccessRule[] rules) => rules.Any(r => r is { Path: { } path }
        && r.Method == http.Request.Method && settings.ServiceTypes.Contains(r.Service) && AccessRules.Matches(path, http.Request.Path.Value ?? ""));

    static Refusal Down() => new(503, "The Keystone service is temporarily unavailable.");

    Refusal Refused() => Refusal.Unauthorized($"Keystone uri=\"{settings.WwwAuthenticateUri}\"");

    /// <summary>In lower case: rules mean them so (oslo_policy/_checks.py, RoleCheck).</summary>
    static List<string> Roles(KeystoneJson.Token token) =>
        [.. (token.Roles ?? []).Where(r => r?.Name is not null).Select(r => r.Name!.ToLowerInvariant())];

    static string? Header(HttpContext http, string name) => http.Request.Headers[name].ToString().Trim() is { Length: > 0 } text ? text : null;

    public void Dispose() => keystone.Dispose();
}
