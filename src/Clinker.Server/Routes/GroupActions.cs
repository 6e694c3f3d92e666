using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What is done to a group by naming it in an action's body.</summary>
static class GroupActions
{
    public static void Map(RouteTable api)
    {
        api.Action("group_create_from_src", "/groups", "create-from-src", GroupFrom.Form, CreateFrom, rule: "group:create", since: 14,
            success: 202);
        api.Action("group_delete", "/groups/{id}", "delete", GroupActionForms.Delete, Delete, rule: Row("group:delete"), since: 13);
        api.Action("group_reset_status", "/groups/{id}", "reset_status", GroupActionForms.Reset("Group", GroupStatus.OfGroups), Reset,
            rule: Row("group:reset_status"), since: 20);
        api.Action("group_enable_replication", "/groups/{id}", "enable_replication", GroupActionForms.Anything,
            (call, id, _) => Replicate(call, id, "group:enable_replication"), rule: Row("group:enable_replication"), since: 38);
        api.Action("group_disable_replication", "/groups/{id}", "disable_replication", GroupActionForms.Anything,
            (call, id, _) => Replicate(call, id, "group:disable_replication"), rule: Row("group:disable_replication"), since: 38);
        api.Action("group_failover_replication", "/groups/{id}", "failover_replication", GroupActionForms.Failover,
            (call, id, _) => Replicate(call, id, "group:failover_replication"), rule: Row("group:failover_replication"), since: 38);
        api.Action("group_list_replication_targets", "/groups/{id}", "list_replication_targets", GroupActionForms.Anything,
            (call, id, _) => Replicate(call, id, "group:list_replication_targets"), rule: Row("group:list_replication_targets"), since: 38,
            success: 200);
    }

    static async Task<GroupBrief> CreateFrom(Call call, string _, GroupFrom want)
    {
        var group = await Copy(call, want, ofConsistencyGroups: false);
        return new(group.Id, group.Name);
    }

    /// <summary>Begins a group of either form with the content of another one, or of its snapshot.</summary>
    public static async Task<Group> Copy(Call call, GroupFrom want, bool ofConsistencyGroups)
    {
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        return await call.Db.Commit(async tx =>
        {
            var asked = new Group
            {
                Id = id,
                ProjectId = call.ProjectId,
                UserId = call.Caller.UserId,
                Name = want.Name,
                Description = want.Description,
                Status = GroupStatus.Creating,
                GroupTypeId = "",
                ReplicationStatus = "disabled",
                CreatedAt = call.Now,
            };
            if (want.GroupSnapshotId is { } snapshot)
            {
                if (ofConsistencyGroups) await CgSnapshots.Find(tx, call, snapshot);
                else await GroupSnapshots.Generic(tx, call, snapshot);
                return await CreateGroup.AcceptOfSnapshot(tx, asked, snapshot, call.Settings.Quotas, call.Ids, operation, call.RequestId);
            }
            var source = want.SourceGroupId!;
            if (ofConsistencyGroups) await ConsistencyGroups.Find(tx, call, source);
            else await Groups.Generic(tx, call, source);
            return await CreateGroup.AcceptOfGroup(tx, asked, source, call.Settings.Quotas, call.Ids, operation, call.RequestId);
        });
    }

    static Task Delete(Call call, string id, bool withVolumes)
    {
        var operation = call.Ids.New();
        return call.Db.Commit(async tx =>
        {
            var group = await Groups.Generic(tx, call, id);
            call.Demand("group:delete", group.ProjectId, group.UserId);
            await DeleteGroup.Accept(tx, id, withVolumes, operation, call.RequestId);
        });
    }

    static Task Reset(Call call, string id, string status) => call.Db.Commit(async tx =>
    {
        var group = await Groups.Visible(tx, call, id, @lock: true);
        call.Demand("group:reset_status", group.ProjectId, group.UserId);
        await DemandSettled(tx, new("group", id), "Group");
        await tx.Groups.Reset(id, status);
    });

    /// <summary>The status is what an operation's last step relies on: while one is under way it is not for the taking.</summary>
    /// <exception cref="FaultException">Conflict.</exception>
    public static async Task DemandSettled(Tx tx, About about, string kind)
    {
        if (await tx.Operations.Busy(about))
            throw new Fault.Conflict($"{kind} {about.Id} has an operation under way, which will settle its status.").Thrown();
    }

    /// <summary>No backend here copies volumes to another one: what remains are the refusals, in Cinder's order (cinder/group/api.py).</summary>
    static Task Replicate(Call call, string id, string rule) => call.Db.Read<bool>(async tx =>
    {
        var group = await Groups.Visible(tx, call, id);
        call.Demand(rule, group.ProjectId, group.UserId);
        if (await tx.GroupTypes.Find(group.GroupTypeId) is not { IsReplicated: true })
            throw new Fault.Invalid($"Invalid group type: Group {id} is not a replication group type.").Thrown();
        foreach (var type in group.VolumeTypes)
            if ((await tx.Types.SpecsOf(type)).GetValueOrDefault("replication_enabled") != "<is> True")
                throw new Fault.Invalid($"Invalid volume type: Volume type {type} does not have 'replication_enabled' spec key set to "
                    + "'<is> True'.").Thrown();
        throw new Fault.Invalid($"Invalid group: The backend of group {id} does not replicate.").Thrown();
    });
}
