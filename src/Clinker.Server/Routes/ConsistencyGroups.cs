using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Groups in their older form: those of the reserved group type (cinder/api/v3/consistencygroups.py).</summary>
static class ConsistencyGroups
{
    /// <summary>The configuration has no say in these older lists.</summary>
    static readonly Filterable Filterable = Groups.Filterable with { ForEveryone = true };

    public static void Map(RouteTable api)
    {
        api.Get("consistencygroup_list", "/consistencygroups", call => List(call, g => new ConsistencyGroupBrief(g.Id, g.Name)),
            rule: "group:get_all", query: Parameters.List(Filterable));
        api.Get("consistencygroup_list_detail", "/consistencygroups/detail", call => List(call, ConsistencyGroupShape.Of),
            rule: "group:get_all", query: Parameters.List(Filterable));
        api.Post("consistencygroup_create", "/consistencygroups", GroupCreate.OldForm, Create, rule: "group:create");
        api.Post("consistencygroup_create_from_src", "/consistencygroups/create_from_src", GroupFrom.OldForm, CreateFrom, rule: "group:create");
        api.Get("consistencygroup_show", "/consistencygroups/{id}", Show, rule: Row("group:get"));
        api.PostAndDo("consistencygroup_delete", "/consistencygroups/{id}/delete", GroupActionForms.OldDelete, Delete, rule: Row("group:delete"));
        api.Delete("consistencygroup_delete_unsaid", "/consistencygroups/{id}", DeleteUnsaid, rule: Row("group:delete"));
        api.PutAndDo("consistencygroup_update", "/consistencygroups/{id}/update", GroupUpdate.OldForm, Update, rule: Row("group:update"));
        // What cinderclient sends; the API reference has the path above.
        api.PutAndDo("consistencygroup_set", "/consistencygroups/{id}", GroupUpdate.OldForm, Update, rule: Row("group:update"));
    }

    /// <summary>The group, if it is of this form and the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<Group> Find(Tx tx, Call call, string id, bool @lock = false) =>
        await Groups.Visible(tx, call, id, @lock) is { IsConsistencyGroup: true } group ? group : throw new Fault.NotFound("Group", id).Thrown();

    static Task<Page<T>> List<T>(Call call, Func<Group, T> shape) where T : IShape<T>
    {
        var query = ListFilters.Read(call, Filterable);
        return Groups.List(call, query with { Filters = [.. query.Filters, new(GroupTable.TypeName, Op.Equal, GroupType.OfConsistencyGroups)] },
            "consistencygroup_links", (g, _) => shape(g));
    }

    static async Task<ConsistencyGroupShape> Create(Call call, GroupCreate want) => ConsistencyGroupShape.Of(await Groups.Make(call, want));

    static async Task<ConsistencyGroupShape> CreateFrom(Call call, GroupFrom want)
    {
        if (want is { GroupSnapshotId: null, SourceGroupId: null })
            throw Refusal.BadRequest("Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group "
                + $"{want.Name ?? "None"} from source.");
        return ConsistencyGroupShape.Of(await GroupActions.Copy(call, want, ofConsistencyGroups: true));
    }

    static async Task<ConsistencyGroupShape> Show(Call call, string id) =>
        ConsistencyGroupShape.Of(await call.Db.Read(tx => Find(tx, call, id)));

    static Task Delete(Call call, string id, bool force)
    {
        var operation = call.Ids.New();
        return call.Db.Commit(async tx =>
        {
            var group = await Find(tx, call, id);
            call.Demand("group:delete", group.ProjectId, group.UserId);
            await DeleteGroup.Accept(tx, id, withVolumes: force, operation, call.RequestId);
        });
    }

    /// <summary>Upstream routes it without meaning to: what becomes of the volumes is not said.</summary>
    static async Task DeleteUnsaid(Call call, string id)
    {
        var group = await call.Db.Read(tx => Find(tx, call, id));
        call.Demand("group:delete", group.ProjectId, group.UserId);
        throw Refusal.BadRequest(
            "What becomes of its volumes? POST {\"consistencygroup\": {\"force\": false}} to /consistencygroups/{consistencygroup_id}/delete.");
    }

    static Task Update(Call call, string id, GroupUpdate want)
    {
        var emptyWords = call.Supports(Behaviour.EmptyWordsOfGroup);
        if (!emptyWords) want = want with { Name = Filled(want.Name), Description = Filled(want.Description) };
        if (want is { Name: null, Description: null, Add.Count: 0, Remove.Count: 0 })
            throw Refusal.BadRequest(emptyWords
                ? "Must specify one or more of the following keys to update: name, description, add_volumes, remove_volumes."
                : "Name, description, add_volumes, and remove_volumes can not be all empty in the request body.");
        return call.Db.Commit(async tx => await Groups.Change(tx, call, await Find(tx, call, id, @lock: true), want));
    }

    static string? Filled(string? text) => text is { Length: > 0 } ? text : null;
}
