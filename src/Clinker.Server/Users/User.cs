namespace Clinker.Server.Users;

/// <summary>Somebody whom the users file names.</summary>
/// <param name="Hash">Of his password, by bcrypt.</param>
/// <param name="Projects">Where he may work, at least one; the first is meant where a path names none.</param>
sealed record User(string Name, string Hash, IReadOnlyList<Membership> Projects)
{
    /// <summary>Without the hash.</summary>
    public override string ToString() => Name;
}

/// <summary>What somebody is in a project.</summary>
/// <param name="Roles">In lower case, at least one.</param>
sealed record Membership(string ProjectId, IReadOnlyList<string> Roles);
