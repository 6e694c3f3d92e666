using System.Text;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Clinker.Server.Users;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>Callers by name and password (RFC 7617), with the projects and roles that the users file gives them.</summary>
/// <param name="policy">It says who is an admin (context_is_admin).</param>
sealed class BasicIdentity(Watched<IReadOnlyDictionary<string, User>> users, Passwords passwords, Watched<Policy> policy)
{
    const string Challenge = "Basic realm=\"Block Storage API\", charset=\"UTF-8\"";

    static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Who is calling: an <see cref="Identity"/>.</summary>
    public async ValueTask<Caller?> Of(HttpContext http, string? project)
    {
        if (Credentials(http.Request.Headers.Authorization.ToString()) is not var (name, password)) throw Refusal.Unauthorized(Challenge);
        if (Encoding.UTF8.GetByteCount(password) > Passwords.MaxBytes)
            throw Refusal.Unauthorized(Challenge, $"A password has at most {Passwords.MaxBytes} bytes; this one is longer.");
        var user = await passwords.Find(name, password, http.RequestAborted) ?? throw Refusal.Unauthorized(Challenge);
        var of = project is null ? user.Projects[0] : user.Projects.FirstOrDefault(p => p.ProjectId == project);
        if (of is null) throw Refusal.BadRequest("Malformed request url");
        var caller = new Caller(of.ProjectId, user.Name, of.Roles, IsAdmin: false);
        return policy.Current.MakesAdmin(caller) ? caller with { IsAdmin = true } : caller;
    }

    /// <summary>Whether somebody has a place in this project.</summary>
    public ValueTask<bool> HasProject(string id) => new(users.Current.Values.Any(u => u.Projects.Any(p => p.ProjectId == id)));

    static (string Name, string Password)? Credentials(string header)
    {
        const string scheme = "Basic ";
        if (!header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return null;
        try
        {
            var text = strict.GetString(Convert.FromBase64String(header[scheme.Length..].Trim()));
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            return colon < 0 || text.Any(char.IsControl) ? null : (text[..colon], text[(colon + 1)..]);
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException)
        {
            return null;
        }
    }
}
