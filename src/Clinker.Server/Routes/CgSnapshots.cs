using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Group snapshots in their older form: those of groups of the reserved type (cinder/api/contrib/cgsnapshots.py).</summary>
static class CgSnapshots
{
    /// <summary>The configuration has no say in these older lists.</summary>
    static readonly Filterable Filterable = GroupSnapshots.Filterable with { ForEveryone = true };

    public static void Map(RouteTable api)
    {
        api.Get("cgsnapshot_list", "/cgsnapshots", call => List(call, s => new CgSnapshotBrief(s.Id, s.Name)),
            rule: "group:get_all_group_snapshots", query: Parameters.List(Filterable));
        api.Get("cgsnapshot_list_detail", "/cgsnapshots/detail", call => List(call, CgSnapshotShape.Of),
            rule: "group:get_all_group_snapshots", query: Parameters.List(Filterable));
        api.Post("cgsnapshot_create", "/cgsnapshots", GroupSnapshotCreate.OldForm, Create, rule: Row("group:create_group_snapshot"));
        api.Get("cgsnapshot_show", "/cgsnapshots/{id}", Show, rule: Row("group:get_group_snapshot"));
        api.Delete("cgsnapshot_delete", "/cgsnapshots/{id}", Delete, rule: Row("group:delete_group_snapshot"));
    }

    /// <summary>The group snapshot, if it is of this form and the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<GroupSnapshot> Find(Tx tx, Call call, string id) =>
        await GroupSnapshots.Visible(tx, call, id) is { IsOfConsistencyGroup: true } snapshot
            ? snapshot
            : throw new Fault.NotFound("GroupSnapshot", id).Thrown();

    static Task<Page<T>> List<T>(Call call, Func<GroupSnapshot, T> shape) where T : IShape<T>
    {
        var query = ListFilters.Read(call, Filterable);
        return GroupSnapshots.List(call, query with
        {
            Filters = [.. query.Filters, new(GroupSnapshotTable.TypeName, Op.Equal, GroupType.OfConsistencyGroups)],
        }, "cgsnapshot_links", shape);
    }

    static async Task<CgSnapshotBrief> Create(Call call, GroupSnapshotCreate want)
    {
        var made = await GroupSnapshots.Take(call, want, tx => ConsistencyGroups.Find(tx, call, want.GroupId));
        return new(made.Id, made.Name);
    }

    static async Task<CgSnapshotShape> Show(Call call, string id) => CgSnapshotShape.Of(await call.Db.Read(tx => Find(tx, call, id)));

    static Task Delete(Call call, string id) => GroupSnapshots.Delete(call, tx => Find(tx, call, id));
}
