using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Groups of volumes: made, listed, looked at, changed (cinder/api/v3/groups.py).</summary>
static class Groups
{
    public static readonly Filterable Filterable = new("group",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("description", "description"),
        new("status", "status"),
        new("availability_zone", "availability_zone"),
        new("group_type_id", "group_type_id"),
        new("group_snapshot_id", "group_snapshot_id"),
        new("source_group_id", "source_group_id"),
        new("replication_status", "replication_status"),
        new("user_id", "user_id"),
        new("project_id", "project_id"),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    static readonly Parameter ListVolume =
        new("list_volume", "Whether to tell which volumes each has.", Behaviour.VolumesOfGroup, IsFlag: true);

    public static void Map(RouteTable api)
    {
        api.Get("group_list", "/groups", call => List(call, (g, _) => new GroupBrief(g.Id, g.Name)), rule: "group:get_all", since: 13,
            query: Parameters.List(Filterable));
        api.Get("group_list_detail", "/groups/detail", call => List(call, (g, volumes) => new GroupShape(g, volumes?[g.Id])),
            rule: "group:get_all", since: 13, query: Parameters.List(Filterable, more: ListVolume));
        api.Post("group_create", "/groups", GroupCreate.Form, Create, rule: "group:create", since: 13);
        api.Get("group_show", "/groups/{id}", Show, rule: Row("group:get"), since: 13, query: new(ListVolume));
        api.PutAndDo("group_update", "/groups/{id}", GroupUpdate.Form, Update, rule: Row("group:update"), since: 13);
        api.Delete("group_delete_unsaid", "/groups/{id}", DeleteUnsaid, rule: Row("group:delete"), since: 13);
        GroupActions.Map(api);
    }

    /// <summary>The group, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<Group> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var group = await tx.Groups.Find(id, @lock);
        return group is not null && call.Allows("group:get", group.ProjectId, group.UserId) ? group : throw new Fault.NotFound("Group", id).Thrown();
    }

    /// <summary>A group of the newer form.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    /// <exception cref="Refusal">400: it is of the older form.</exception>
    public static async Task<Group> Generic(Tx tx, Call call, string id, bool @lock = false)
    {
        var group = await Visible(tx, call, id, @lock);
        DemandGeneric(group.IsConsistencyGroup, group.GroupTypeId);
        return group;
    }

    /// <exception cref="Refusal">400.</exception>
    public static void DemandGeneric(bool isConsistencyGroup, string typeId)
    {
        if (isConsistencyGroup)
            throw Refusal.BadRequest(
                $"Group_type {typeId} is reserved for migrating CGs to groups. Migrated group can only be operated by CG APIs.");
    }

    /// <summary>Upstream routes it without meaning to: what becomes of the volumes is not said.</summary>
    static async Task DeleteUnsaid(Call call, string id)
    {
        var group = await call.Db.Read(tx => Generic(tx, call, id));
        call.Demand("group:delete", group.ProjectId, group.UserId);
        throw Refusal.BadRequest("What becomes of its volumes? POST {\"delete\": {\"delete-volumes\": false}} to /groups/{group_id}/action.");
    }

    static async Task<Page<T>> List<T>(Call call, Func<Group, ILookup<string, string>?, T> shape) where T : IShape<T>
    {
        var query = ListFilters.Read(call, Filterable, "list_volume");
        return await List(call, query with { Filters = [.. query.Filters, new(GroupTable.TypeName, Op.NotEqual, GroupType.OfConsistencyGroups)] },
            "group_links", shape);
    }

    public static async Task<Page<T>> List<T>(Call call, ListQuery query, string linksKey, Func<Group, ILookup<string, string>?, T> shape)
        where T : IShape<T>
    {
        var (found, volumes) = await call.Db.Read(async tx =>
        {
            var page = await tx.Groups.List(query);
            return (page, ListsVolumes(call) ? await tx.Groups.Members(page.ConvertAll(g => g.Id)) : null);
        });
        var next = found.Count > 0 && found.Count >= query.Limit ? call.Links.Next(call, call.Route!.Path[1..], found[^1].Id) : null;
        return new(found.Select(g => shape(g, volumes)), next, LinksKey: linksKey);
    }

    static bool ListsVolumes(Call call) => call.Supports(Behaviour.VolumesOfGroup) && call.Query.Flag("list_volume");

    static async Task<GroupBrief> Create(Call call, GroupCreate want)
    {
        var group = await Make(call, want);
        return new(group.Id, group.Name);
    }

    /// <summary>Makes an empty group of either form.</summary>
    public static Task<Group> Make(Call call, GroupCreate want) => call.Db.Commit(async tx =>
    {
        var type = want.GroupType is { } named
            ? await TypeNamed(tx, call, named)
            : (await tx.GroupTypes.FindByName(GroupType.OfConsistencyGroups))!; // made at every start, and never removed
        if (want.GroupType is not null) DemandGeneric(type.Name == GroupType.OfConsistencyGroups, type.Id);
        var volumeTypes = new List<string>();
        foreach (var name in want.VolumeTypes) volumeTypes.Add((await VolumeTypes.Named(tx, call, name)).Id);
        var zone = VolumePlan.ZoneOf(call, VolumePlan.Zones(call, await tx.Services.List()), want.Zone);
        var group = new Group
        {
            Id = call.Ids.New(),
            ProjectId = call.ProjectId,
            UserId = call.Caller.UserId,
            Name = want.Name,
            Description = want.Description,
            Status = GroupStatus.Available,
            GroupTypeId = type.Id,
            TypeName = type.Name,
            VolumeTypes = [.. volumeTypes.Distinct()],
            AvailabilityZone = zone,
            ReplicationStatus = "disabled",
            CreatedAt = call.Now,
        };
        await CreateGroup.AcceptEmpty(tx, group, call.Settings.Quotas);
        return group;
    });

    static async Task<GroupType> TypeNamed(Tx tx, Call call, string idOrName)
    {
        if (Python.IsUuid(idOrName)) return await GroupTypes.Get(tx, call, idOrName, @lock: true);
        return await tx.GroupTypes.FindByName(idOrName) is { } named && await tx.GroupTypes.Find(named.Id, @lock: true) is { } type
                && (type.IsPublic || call.IsAdmin)
            ? type
            : throw new Fault.NotFound("Group type with name", idOrName).Thrown();
    }

    static async Task<GroupShape> Show(Call call, string id)
    {
        var (group, volumes) = await call.Db.Read(async tx =>
        {
            var one = await Generic(tx, call, id);
            return (one, ListsVolumes(call) ? await tx.Groups.Members([id]) : null);
        });
        return new(group, volumes?[id]);
    }

    static Task Update(Call call, string id, GroupUpdate want) => call.Db.Commit(async tx =>
        await Change(tx, call, await Generic(tx, call, id, @lock: true), want));

    /// <summary>Changes a group of either form, whose row stays as it is otherwise.</summary>
    /// <exception cref="FaultException">Invalid; Forbidden.</exception>
    public static async Task Change(Tx tx, Call call, Group group, GroupUpdate want)
    {
        call.Demand("group:update", group.ProjectId, group.UserId);
        await tx.Groups.Move(group.Id, GroupRules.Update);
        var both = want.Add.Intersect(want.Remove).ToList();
        if (both.Count > 0)
            throw Fault.Invalid.Volume($"UUIDs [{string.Join(", ", both.Select(Python.Repr))}] are in both add and remove volume list.").Thrown();
        var moved = want.Add.Count == 0 ? 0 : await GroupMembers.Add(tx, group, want.Add, project => call.Allows("volume:get", project));
        moved += want.Remove.Count == 0 ? 0 : await GroupMembers.Remove(tx, group, want.Remove);
        var name = want.Name == group.Name ? null : want.Name;
        var description = want.Description == group.Description ? null : want.Description;
        if (name is null && description is null && moved == 0)
            throw new Fault.Invalid($"Invalid group: Cannot update group {group.Id} because no valid name, description, add_volumes, or "
                + "remove_volumes were provided.").Thrown();
        await tx.Groups.SetWords(group.Id, name ?? group.Name, description ?? group.Description);
    }
}
