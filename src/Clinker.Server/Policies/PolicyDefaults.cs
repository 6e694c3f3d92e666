using System.Collections.Frozen;

namespace Clinker.Server.Policies;

/// <summary>Cinder's policy rules with their defaults (cinder/policies, scope and new defaults enforced), and ours (<c>clinker:</c>).</summary>
static class PolicyDefaults
{
    /// <summary>Admins; readers and members in their own project.</summary>
    static readonly string[] Readers =
    [
        "backup:get",
        "backup:get_all",
        "group:get",
        "group:get_all",
        "group:get_all_group_snapshots",
        "group:get_group_snapshot",
        "limits_extension:used_limits",
        "message:get",
        "message:get_all",
        "volume:get",
        "volume:get_all",
        "volume:get_all_snapshots",
        "volume:get_all_transfers",
        "volume:get_snapshot",
        "volume:get_snapshot_metadata",
        "volume:get_transfer",
        "volume:get_volume_metadata",
        "volume_extension:quotas:show",
        "volume_extension:type_get",
        "volume_extension:type_get_all",
        "volume_extension:types_extra_specs:index",
        "volume_extension:types_extra_specs:show",
        "volume_extension:volume_encryption_metadata",
    ];

    /// <summary>Admins; members in their own project.</summary>
    static readonly string[] Members =
    [
        "backup:create",
        "backup:delete",
        "backup:restore",
        "backup:update",
        "clinker:volume:flatten",
        "group:create",
        "group:create_group_snapshot",
        "group:delete",
        "group:delete_group_snapshot",
        "group:disable_replication",
        "group:enable_replication",
        "group:failover_replication",
        "group:list_replication_targets",
        "group:update",
        "message:delete",
        "snapshot_extension:snapshot_actions:update_snapshot_status",
        "volume:accept_transfer",
        "volume:attachment_complete",
        "volume:attachment_create",
        "volume:attachment_delete",
        "volume:attachment_update",
        "volume:create",
        "volume:create_from_image",
        "volume:create_snapshot",
        "volume:create_transfer",
        "volume:create_volume_metadata",
        "volume:delete",
        "volume:delete_snapshot",
        "volume:delete_snapshot_metadata",
        "volume:delete_transfer",
        "volume:delete_volume_metadata",
        "volume:extend",
        "volume:extend_attached_volume",
        "volume:multiattach",
        "volume:multiattach_bootable_volume",
        "volume:reimage",
        "volume:reimage_reserved",
        "volume:retype",
        "volume:revert_to_snapshot",
        "volume:update",
        "volume:update_readonly_flag",
        "volume:update_snapshot",
        "volume:update_snapshot_metadata",
        "volume:update_volume_metadata",
        "volume_extension:volume_actions:attach",
        "volume_extension:volume_actions:begin_detaching",
        "volume_extension:volume_actions:detach",
        "volume_extension:volume_actions:initialize_connection",
        "volume_extension:volume_actions:reserve",
        "volume_extension:volume_actions:roll_detaching",
        "volume_extension:volume_actions:terminate_connection",
        "volume_extension:volume_actions:unreserve",
        "volume_extension:volume_actions:upload_image",
        "volume_extension:volume_image_metadata:remove",
        "volume_extension:volume_image_metadata:set",
    ];

    /// <summary>Admins.</summary>
    static readonly string[] Admins =
    [
        "backup:backup-import",
        "backup:backup_project_attribute",
        "backup:export-import",
        "clinker:operations:cancel",
        "clinker:operations:get",
        "clinker:operations:get_all",
        "clinker:operations:resume",
        "clinker:shares:check",
        "clusters:get",
        "clusters:get_all",
        "clusters:update",
        "group:access_group_types_specs",
        "group:group_project_attribute",
        "group:group_types:create",
        "group:group_types:delete",
        "group:group_types:update",
        "group:group_types_specs:create",
        "group:group_types_specs:delete",
        "group:group_types_specs:get",
        "group:group_types_specs:get_all",
        "group:group_types_specs:update",
        "group:reset_group_snapshot_status",
        "group:reset_status",
        "group_snapshot:group_snapshot_project_attribute",
        "scheduler_extension:scheduler_stats:get_pools",
        "snapshot_extension:list_manageable",
        "snapshot_extension:snapshot_manage",
        "snapshot_extension:snapshot_unmanage",
        "volume:failover_host",
        "volume:force_delete",
        "volume:freeze_host",
        "volume:thaw_host",
        "volume_extension:backup_admin_actions:force_delete",
        "volume_extension:backup_admin_actions:reset_status",
        "volume_extension:capabilities",
        "volume_extension:default_get",
        "volume_extension:default_get_all",
        "volume_extension:default_set_or_update",
        "volume_extension:default_unset",
        "volume_extension:hosts",
        "volume_extension:list_manageable",
        "volume_extension:qos_specs_manage:create",
        "volume_extension:qos_specs_manage:delete",
        "volume_extension:qos_specs_manage:get",
        "volume_extension:qos_specs_manage:get_all",
        "volume_extension:qos_specs_manage:update",
        "volume_extension:quota_classes:get",
        "volume_extension:quota_classes:update",
        "volume_extension:quotas:delete",
        "volume_extension:quotas:update",
        "volume_extension:services:index",
        "volume_extension:services:update",
        "volume_extension:snapshot_admin_actions:force_delete",
        "volume_extension:snapshot_admin_actions:reset_status",
        "volume_extension:type_create",
        "volume_extension:type_delete",
        "volume_extension:type_update",
        "volume_extension:types_extra_specs:create",
        "volume_extension:types_extra_specs:delete",
        "volume_extension:types_extra_specs:read_sensitive",
        "volume_extension:types_extra_specs:update",
        "volume_extension:volume_actions:upload_public",
        "volume_extension:volume_admin_actions:extend_volume_completion",
        "volume_extension:volume_admin_actions:force_delete",
        "volume_extension:volume_admin_actions:force_detach",
        "volume_extension:volume_admin_actions:migrate_volume",
        "volume_extension:volume_admin_actions:migrate_volume_completion",
        "volume_extension:volume_admin_actions:reset_status",
        "volume_extension:volume_manage",
        "volume_extension:volume_type_access:addProjectAccess",
        "volume_extension:volume_type_access:get_all_for_type",
        "volume_extension:volume_type_access:removeProjectAccess",
        "volume_extension:volume_type_encryption:create",
        "volume_extension:volume_type_encryption:delete",
        "volume_extension:volume_type_encryption:get",
        "volume_extension:volume_type_encryption:update",
        "volume_extension:volume_unmanage",
        "workers:cleanup",
    ];

    /// <summary>
    /// What others refer to (cinder/policies/base.py). There, whoever has the role admin may what admins may even where context_is_admin
    /// wants something else; here that one rule decides.
    /// </summary>
    static readonly (string Name, string Text)[] Base =
    [
        ("context_is_admin", "role:admin"),
        ("admin_or_owner", "is_admin:True or project_id:%(project_id)s"),
        (Admin, "is_admin:True"),
        (Reader, "is_admin:True or ((role:reader or role:member) and project_id:%(project_id)s)"),
        (Member, "is_admin:True or (role:member and project_id:%(project_id)s)"),
    ];

    const string Admin = "admin_api", Reader = "xena_system_admin_or_project_reader", Member = "xena_system_admin_or_project_member";

    /// <summary>What each rule says where a deployment says nothing, in the language of <see cref="CheckParser"/>.</summary>
    public static readonly FrozenDictionary<string, string> All =
        Of(Readers, Reader).Concat(Of(Members, Member)).Concat(Of(Admins, Admin))
            .Concat(Base.Select(b => KeyValuePair.Create(b.Name, b.Text))).ToFrozenDictionary();

    static IEnumerable<KeyValuePair<string, string>> Of(string[] names, string rule) => names.Select(n => KeyValuePair.Create(n, "rule:" + rule));

    /// <summary>
    /// Names of older releases, and which of today's each stands for (the DeprecatedRules of cinder/policies): whoever has set one has set those.
    /// </summary>
    public static readonly FrozenDictionary<string, string[]> Former = new Dictionary<string, string[]>
    {
        ["volume_extension:types_manage"] = ["volume_extension:type_create", "volume_extension:type_update", "volume_extension:type_delete"],
        ["volume_extension:volume_type_encryption"] = [.. Below("volume_extension:volume_type_encryption", "create", "get", "update", "delete")],
        ["volume_extension:volume_image_metadata"] = [.. Below("volume_extension:volume_image_metadata", "set", "remove")],
        ["volume_extension:quota_classes"] = [.. Below("volume_extension:quota_classes", "get", "update")],
        ["group:group_types_manage"] = [.. Below("group:group_types", "create", "update", "delete")],
        ["group:group_types_specs"] = [.. Below("group:group_types_specs", "get", "get_all", "create", "update", "delete")],
    }.ToFrozenDictionary();

    static IEnumerable<string> Below(string name, params string[] verbs) => verbs.Select(v => $"{name}:{v}");
}
