using Clinker.Operations;
using Clinker.Server.Configuration;
using Clinker.Server.Outside;
using Clinker.Server.Policies;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>
/// Callers by their tokens, as keystonemiddleware's auth_token and Cinder's context make them (keystonemiddleware/auth_token/__init__.py;
/// cinder/api/middleware/auth.py, CinderKeystoneContext). Stricter in this: only a token with a service role frees a request from the
/// access rules of the user's, and nobody is an admin in a domain, or in another project than Keystone's admin project: Cinder takes the
/// admin of one domain for one of all projects.
/// </summary>
sealed class KeystoneIdentity : IDisposable
{
    readonly KeystoneSettings settings;
    readonly Watched<Policy> policy;
    readonly Keystone keystone;
    readonly Tokens tokens;

    /// <param name="policy">It says who is an admin (context_is_admin).</param>
    public KeystoneIdentity(KeystoneSettings settings, Watched<Policy> policy, TimeProvider time, ILogger log)
    {
        this.settings = settings;
        this.policy = policy;
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
            fromService = serving.Roles.Intersect(settings.ServiceRoles).Any();
            if (!fromService && settings.ServiceRolesRequired) throw Refused();
        }
        if ((Header(http, "X-Auth-Token") ?? Header(http, "X-Storage-Token")) is not { } text) throw Refused();
        var bearer = await Find(http, text, allowExpired: fromService) ?? throw Refused();
        // A service that asks on the user's behalf does what the user was allowed to ask of that service.
        if (bearer.AccessRules is { } rules && !fromService && !Allowed(http, rules)) throw Refused();
        if (project is not null && project != bearer.ProjectId) throw Refusal.BadRequest("Malformed request url");
        if (bearer is { ProjectId: null, DomainId: null, OfSystem: false }) throw Refusal.NoProject(); // good, but of nothing
        var caller = new Caller(bearer.ProjectId ?? "", bearer.UserId, bearer.Roles, IsAdmin: false)
        {
            OfSystem = bearer.OfSystem,
            DomainId = bearer.DomainId,
            UserDomainId = bearer.UserDomainId,
            ProjectDomainId = bearer.ProjectDomainId,
            IsAdminProject = bearer is { IsAdminProject: true, DomainId: null },
            FromService = fromService,
            Token = text,
        };
        return caller.IsAdminProject && policy.Current.MakesAdmin(caller) ? caller with { IsAdmin = true } : caller;
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
    async ValueTask<Bearer?> Find(HttpContext http, string token, bool allowExpired)
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

    bool Allowed(HttpContext http, IReadOnlyList<KeystoneJson.AccessRule> rules) => rules.Any(r => r is { Path: { } path }
        && r.Method == http.Request.Method && settings.ServiceTypes.Contains(r.Service) && AccessRules.Matches(path, http.Request.Path.Value ?? ""));

    static Refusal Down() => new(503, "The Keystone service is temporarily unavailable.");

    Refusal Refused() => Refusal.Unauthorized($"Keystone uri=\"{settings.WwwAuthenticateUri}\"");

    static string? Header(HttpContext http, string name) => http.Request.Headers[name].ToString().Trim() is { Length: > 0 } text ? text : null;

    public void Dispose() => keystone.Dispose();
}
