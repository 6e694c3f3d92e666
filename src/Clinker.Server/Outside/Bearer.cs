namespace Clinker.Server.Outside;

/// <summary>Who brings a token, as Keystone says: of its answer no more than is asked for later, since thousands are remembered.</summary>
sealed record Bearer
{
    public required DateTimeOffset ExpiresAt { get; init; }
    public required string UserId { get; init; }
    public string? UserDomainId { get; init; }
    /// <summary>Null in a token of the system, of a domain or of nothing.</summary>
    public string? ProjectId { get; init; }
    public string? ProjectDomainId { get; init; }
    /// <summary>Of a token of a domain.</summary>
    public string? DomainId { get; init; }
    /// <summary>Whether it is a token of the whole system.</summary>
    public bool OfSystem { get; init; }
    /// <summary>In lower case: rules mean them so (oslo_policy/_checks.py, RoleCheck).</summary>
    public required IReadOnlyList<string> Roles { get; init; }
    /// <summary>False in another project than Keystone's admin project, where it has one.</summary>
    public bool IsAdminProject { get; init; }
    /// <summary>Of an application credential; null: it may do whatever its roles may.</summary>
    public IReadOnlyList<KeystoneJson.AccessRule>? AccessRules { get; init; }

    /// <param name="token">It has a user.</param>
    public static Bearer Of(KeystoneJson.Token token) => new()
    {
        ExpiresAt = token.ExpiresAt,
        UserId = token.User!.Id!,
        UserDomainId = token.User.Domain?.Id,
        ProjectId = token.Project?.Id,
        ProjectDomainId = token.Project?.Domain?.Id,
        DomainId = token.Domain?.Id,
        OfSystem = token.System?.All == true,
        Roles = [.. (token.Roles ?? []).Where(r => r?.Name is not null).Select(r => r.Name!.ToLowerInvariant())],
        IsAdminProject = token.IsAdminProject != false,
        AccessRules = token.ApplicationCredential?.AccessRules,
    };
}
