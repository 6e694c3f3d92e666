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

    /// <param name="Project">Of what it is: of a project, of a domain, of the system, or of nothing.</param>
    /// <param name="IsAdminProject">Only there where Keystone has an admin project.</param>
    public sealed record Token(
        DateTimeOffset ExpiresAt, Named? User, Named? Project, Named? Domain, Everything? System, Named[]? Roles, bool? IsAdminProject,
        Restricted? ApplicationCredential, Service[]? Catalog = null);

    /// <summary>Of the catalogue.</summary>
    public sealed record Service(string? Type, Endpoint[]? Endpoints);

    public sealed record Endpoint(string? Interface, string? RegionId, string? Region, string? Url);

    /// <param name="All">There are no other systems yet.</param>
    public sealed record Everything(bool? All);

    /// <param name="AccessRules">Null: it may do whatever its roles may.</param>
    public sealed record Restricted(AccessRule[]? AccessRules);

    /// <summary>Of <c>GET</c> where all versions are, and of where one is.</summary>
    public sealed record Discovery(VersionList? Versions, Version? Version);

    public sealed record VersionList(Version[]? Values);

    /// <param name="Id"><c>v3.14</c></param>
    public sealed record Version(string? Id, Link[]? Links);

    public sealed record Link(string? Rel, string? Href);

    public sealed record AccessRule(string Service, string Method, string Path);
}

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeystoneJson.SignIn))]
[JsonSerializable(typeof(KeystoneJson.Answer))]
[JsonSerializable(typeof(KeystoneJson.Discovery))]
sealed partial class KeystoneJsonContext : JsonSerializerContext;
