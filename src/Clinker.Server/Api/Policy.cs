namespace Clinker.Server.Api;

/// <summary>Who a policy rule lets through.</summary>
enum Check
{
    /// <summary>Whoever is known.</summary>
    Anyone,
    /// <summary>Admins; readers and members in their own project.</summary>
    Reader,
    /// <summary>Admins; members in their own project.</summary>
    Member,
    /// <summary>Admins.</summary>
    Admin,
}

/// <summary>A rule that a route names. A string is one that is asked for the caller's own project, before the handler.</summary>
/// <param name="OfRow">The handler asks it, for the project of the row that it finds.</param>
readonly record struct PolicyRule(string Name, bool OfRow = false)
{
    public static implicit operator PolicyRule(string name) => new(name);

    public static PolicyRule Row(string name) => new(name, OfRow: true);
}

/// <summary>What the rules say: their defaults, or what a deployment has put in their place.</summary>
sealed class Policy(IReadOnlyDictionary<string, Check>? overrides = null)
{
    /// <summary>Whether a rule lets the caller act on something of a project.</summary>
    public bool Allows(string rule, Caller caller, string projectId) => Of(rule) switch
    {
        Check.Anyone => true,
        _ when caller.IsAdmin => true,
        Check.Reader => caller.ProjectId == projectId && (caller.Roles.Contains("reader") || caller.Roles.Contains("member")),
        Check.Member => caller.ProjectId == projectId && caller.Roles.Contains("member"),
        _ => false,
    };

    public static bool Knows(string rule) => PolicyDefaults.All.ContainsKey(rule);

    Check Of(string rule) => overrides is not null && overrides.TryGetValue(rule, out var own) ? own : PolicyDefaults.All[rule];
}
