using System.Text.Json;
using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Snapshots of groups: taken, listed, looked at, deleted (cinder/api/v3/group_snapshots.py).</summary>
static class GroupSnapshots
{
    public static readonly Filterable Filterable = new("group_snapshot",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("description", "description"),
        new("status", "status"),
        new("group_id", "group_id"),
        new("group_type_id", "group_type_id"),
        new("user_id", "user_id"),
        new("project_id", "project_id"),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    public static void Map(RouteTable api)
    {
        api.Get("group_snapshot_list", "/group_snapshots", call => List(call, s => new GroupSnapshotBrief(s.Id, s.Name)),
            rule: "group:get_all_group_snapshots", since: 14,
            query: Parameters.List(Filterable, pagesSince: Behaviour.GroupSnapshotPaging, filtersSince: Behaviour.GroupSnapshotPaging));
        api.Get("group_snapshot_list_detail", "/group_snapshots/detail", call => List(call, GroupSnapshotShape.Of),
            rule: "group:get_all_group_snapshots", since: 14,
            query: Parameters.List(Filterable, pagesSince: Behaviour.GroupSnapshotPaging, filtersSince: Behaviour.GroupSnapshotPaging));
        api.Post("group_snapshot_create", "/group_snapshots", GroupSnapshotCreate.Form, Create, rule: Row("group:create_group_snapshot"),
            since: 14);
        api.Get("group_snapshot_show", "/group_snapshots/{id}", Show, rule: Row("group:get_group_snapshot"), since: 14);
        api.Delete("group_snapshot_delete", "/group_snapshots/{id}", Delete, rule: Row("group:delete_group_snapshot"), since: 14);
        api.Action("group_snapshot_reset_status", "/group_snapshots/{id}", "reset_status",
            GroupActionForms.Reset("GroupSnapshot", GroupStatus.OfSnapshots), Reset, rule: Row("group:reset_group_snapshot_status"), since: 19);
    }

    /// <summary>The group snapshot, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<GroupSnapshot> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var snapshot = await tx.GroupSnapshots.Find(id, @lock);
        return snapshot is not null && call.Allows("group:get_group_snapshot", snapshot.ProjectId, snapshot.UserId)
            ? snapshot
            : throw new Fault.NotFound("GroupSnapshot", id).Thrown();
    }

    /// <summary>One of a group of the newer form.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    /// <exception cref="Refusal">400: of the older form.</exception>
    public static async Task<GroupSnapshot> Generic(Tx tx, Call call, string id)
    {
        var snapshot = await Visible(tx, call, id);
        if (snapshot.IsOfConsistencyGroup)
            throw Refusal.BadRequest($"Group_type {snapshot.GroupTypeId} is reserved for migrating CGs to groups. Migrated group snapshots "
                + "can only be operated by CG snapshot APIs.");
        return snapshot;
    }

    static async Task<Page<T>> List<T>(Call call, Func<GroupSnapshot, T> shape) where T : IShape<T>
    {
        var query = call.Supports(Behaviour.GroupSnapshotPaging)
            ? ListFilters.Read(call, Filterable)
            : new() { ProjectId = call.Caller.ProjectId, Limit = int.MaxValue };
        return await List(call, query with
        {
            Filters = [.. query.Filters, new(GroupSnapshotTable.TypeName, Op.NotEqual, GroupType.OfConsistencyGroups)],
        }, "group_snapshot_links", shape);
    }

    public static async Task<Page<T>> List<T>(Call call, ListQuery query, string linksKey, Func<GroupSnapshot, T> shape) where T : IShape<T>
    {
        var found = await call.Db.Read(tx => tx.GroupSnapshots.List(query));
        var next = found.Count > 0 && found.Count >= query.Limit ? call.Links.Next(call, call.Route!.Path[1..], found[^1].Id) : null;
        return new(found.Select(shape), next, LinksKey: linksKey);
    }

    static async Task<GroupSnapshotMade> Create(Call call, GroupSnapshotCreate want)
    {
        var made = await Take(call, want, async tx => await Groups.Generic(tx, call, want.GroupId));
        return new(made.Id, made.Name, made.GroupTypeId);
    }

    /// <summary>Begins a snapshot of a group of either form.</summary>
    public static async Task<GroupSnapshot> Take(Call call, GroupSnapshotCreate want, Func<Tx, Task<Group>> find)
    {
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        return await call.Db.Commit(async tx =>
        {
            var group = await find(tx);
            call.Demand("group:create_group_snapshot", group.ProjectId, group.UserId);
            return await CreateGroupSnapshot.Accept(tx, new()
            {
                Id = id,
                ProjectId = call.ProjectId,
                UserId = call.Caller.UserId,
                GroupId = group.Id,
                GroupTypeId = group.GroupTypeId,
                Name = want.Name,
                Description = want.Description,
                Status = GroupStatus.Creating,
                CreatedAt = call.Now,
            }, call.Settings.Quotas, call.Ids, operation, call.RequestId);
        });
    }

    static async Task<GroupSnapshotShape> Show(Call call, string id) =>
        GroupSnapshotShape.Of(await call.Db.Read(tx => Generic(tx, call, id)));

    static Task Delete(Call call, string id) => Delete(call, tx => Generic(tx, call, id));

    /// <summary>Begins the delete of a group snapshot of either form.</summary>
    public static Task Delete(Call call, Func<Tx, Task<GroupSnapshot>> find)
    {
        var operation = call.Ids.New();
        return call.Db.Commit(async tx =>
        {
            var snapshot = await find(tx);
            call.Demand("group:delete_group_snapshot", snapshot.ProjectId, snapshot.UserId);
            await DeleteGroupSnapshot.Accept(tx, snapshot.Id, operation, call.RequestId);
        });
    }

    static Task Reset(Call call, string id, string status) => call.Db.Commit(async tx =>
    {
        var snapshot = await Visible(tx, call, id, @lock: true);
        call.Demand("group:reset_group_snapshot_status", snapshot.ProjectId, snapshot.UserId);
        await GroupActions.DemandSettled(tx, new("group_snapshot", id), "Group snapshot");
        await tx.GroupSnapshots.Reset(id, status);
    });
}

/// <summary>What is asked for with a new group snapshot.</summary>
sealed record GroupSnapshotCreate(string GroupId, string? Name, string? Description)
{
    public static readonly Form<GroupSnapshotCreate> Form = new(
        Must.Object(Must.Required("group_snapshot", Must.Object(
            Must.Required("group_id", Must.Uuid),
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description)))),
        root => Read(root.GetProperty("group_snapshot"), "group_id"));

    /// <summary>
    /// The older form; members that nobody knows are no matter. Null is taken for a name and a description that are not given,
    /// unlike Cinder's own schema: cinderclient sends it.
    /// </summary>
    public static readonly Form<GroupSnapshotCreate> OldForm = new(
        Must.Object(Must.Required("cgsnapshot", Must.Object(
            Must.Required("consistencygroup_id", Must.Text(max: int.MaxValue)),
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Text(orNull: true))).Open())).Open(),
        root => Read(root.GetProperty("cgsnapshot"), "consistencygroup_id"));

    static GroupSnapshotCreate Read(JsonElement s, string group) =>
        new(s.Text(group)!, s.Text("name")?.Trim(), s.Text("description")?.Trim());
}
