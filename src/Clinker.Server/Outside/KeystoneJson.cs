using System.Text.Json.Serialization;

namespace Clinker.Server.Outside;

/// <summary>What is said to Keystone's Identity API v3 and what it says, as far as it matters here.</summary>
static class KeystoneJson
{
    /// <summary>The body of <c>POST /v3/auth/tokens</c>.</summary>
    public sealed record SignIn(Auth Auth);

    /// <param name="Scope">An application credential has its own.</param>
    public sealed record Auth(Identity Identity, Scope? Scope);

    public sealed record Identity(string[] Methods, Password? Password, Credential? ApplicationCredential);

    public sealed record Password(User User);

    public sealed record User(string? Id, string? Name, Named? Domain, string? Password);

    public sealed record Credential(string? Id, string? Secret);

    public sealed record Scope(Named Project);

    public sealed record Named(string? Id, string? Name, Named? Domain);

    /// <summary>Of <c>POST</c> and of <c>GET /v3/auth/tokens</c>.</summary>
    public sealed record Answer(Token? Token);

    /// <param name="Project">Null in a token of a system, a domain or nothing.</param>
    /// <param name="IsAdminProject">Only there where Keystone has an admin project.</param>
    public sealed record Token(
        DateTimeOffset ExpiresAt, Named? User, Named? Project, Named[]? Roles, bool? IsAdminProject, Restricted? ApplicationCredential);

    /// <param name="AccessRules">Null: it may do whatever its roles may.</param>
    public sealed record Restricted(AccessRule[]? AccessRules);

    public sealed record AccessRule(string Service, string Method, string Path);
}

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeystoneJson.SignIn))]
[JsonSerializable(typeof(KeystoneJson.Answer))]
sealed partial class KeystoneJsonContext : JsonSerializerContext;
