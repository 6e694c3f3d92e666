using System.Collections.Frozen;

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

/// <summary>Policy rules by Cinder's names with their defaults (cinder/policies, scope and new defaults enforced).</summary>
sealed class Policy(IReadOnlyDictionary<string, Check>? overrides = null)
{
    static readonly FrozenDictionary<string, Check> Defaults = new Dictionary<string, Check>
    {
        ["volume:create"] = Check.Member,
        ["volume:create_from_image"] = Check.Member,
        ["volume:multiattach"] = Check.Member,
        ["volume:get"] = Check.Reader,
        ["volume:get_all"] = Check.Reader,
        ["volume:update"] = Check.Member,
        ["volume:delete"] = Check.Member,
        ["volume:force_delete"] = Check.Admin,
        ["volume:get_volume_metadata"] = Check.Reader,
        ["volume:create_volume_metadata"] = Check.Member,
        ["volume:update_volume_metadata"] = Check.Member,
        ["volume:delete_volume_metadata"] = Check.Member,
        ["volume_extension:volume_admin_actions:reset_status"] = Check.Admin,
        ["volume_extension:volume_admin_actions:force_delete"] = Check.Admin,
        ["volume_extension:type_create"] = Check.Admin,
        ["volume_extension:type_update"] = Check.Admin,
        ["volume_extension:type_delete"] = Check.Admin,
        ["volume_extension:type_get"] = Check.Reader,
        ["volume_extension:type_get_all"] = Check.Reader,
        ["volume_extension:volume_type_access:get_all_for_type"] = Check.Admin,
        ["volume_extension:volume_type_access:addProjectAccess"] = Check.Admin,
        ["volume_extension:volume_type_access:removeProjectAccess"] = Check.Admin,
        ["volume_extension:types_extra_specs:index"] = Check.Reader,
        ["volume_extension:types_extra_specs:show"] = Check.Reader,
        ["volume_extension:types_extra_specs:read_sensitive"] = Check.Admin,
        ["volume_extension:types_extra_specs:create"] = Check.Admin,
        ["volume_extension:types_extra_specs:update"] = Check.Admin,
        ["volume_extension:types_extra_specs:delete"] = Check.Admin,
        ["volume_extension:services:index"] = Check.Admin,
        ["volume_extension:services:update"] = Check.Admin,
        ["limits_extension:used_limits"] = Check.Reader,
        ["scheduler_extension:scheduler_stats:get_pools"] = Check.Admin,
        ["message:get"] = Check.Reader,
        ["message:get_all"] = Check.Reader,
        ["message:delete"] = Check.Member,
    }.ToFrozenDictionary();

    /// <summary>Whether a rule lets the caller act on something of a project.</summary>
    public bool Allows(string rule, Caller caller, string projectId) => Of(rule) switch
    {
        Check.Anyone => true,
        _ when caller.IsAdmin => true,
        Check.Reader => caller.ProjectId == projectId && (caller.Roles.Contains("reader") || caller.Roles.Contains("member")),
        Check.Member => caller.ProjectId == projectId && caller.Roles.Contains("member"),
        _ => false,
    };

    public static bool Knows(string rule) => Defaults.ContainsKey(rule);

    Check Of(string rule) => overrides is not null && overrides.TryGetValue(rule, out var own) ? own : Defaults[rule];
}
