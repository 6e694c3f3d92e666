using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>Which projects may use a private type (cinder/api/contrib/volume_type_access.py).</summary>
static class TypeAccesses
{
    static readonly Form<string> Project = new(Must.Object(Must.Required("project", Must.Text(min: 1))), body => body.Text("project")!);

    public static void Map(RouteTable api)
    {
        api.Get("type_access_list", "/types/{id}/os-volume-type-access", List,
            rule: "volume_extension:volume_type_access:get_all_for_type");
        api.Action("type_access_add", "/types/{id}", "addProjectAccess", Project, Add,
            rule: "volume_extension:volume_type_access:addProjectAccess");
        api.Action("type_access_remove", "/types/{id}", "removeProjectAccess", Project, Remove,
            rule: "volume_extension:volume_type_access:removeProjectAccess");
    }

    static async Task<Page<TypeAccess>> List(Call call, string id)
    {
        var projects = await call.Db.Read(async tx =>
        {
            var type = await VolumeTypes.Get(tx, call, id);
            if (type.IsPublic) throw new Fault.Missing("Access list not available for public volume types.").Thrown();
            return await tx.Types.Access(id);
        });
        return new(projects.Select(p => new TypeAccess(id, p)));
    }

    static Task Add(Call call, string id, string project) => call.Db.Commit(async tx =>
    {
        await DemandPrivate(tx, call, id);
        if (!await tx.Types.AddAccess(id, project))
            throw new Fault.Conflict($"Volume type access for {id} / {project} combination already exists.").Thrown();
    });

    static Task Remove(Call call, string id, string project) => call.Db.Commit(async tx =>
    {
        await DemandPrivate(tx, call, id);
        if (!await tx.Types.RemoveAccess(id, project))
            throw new Fault.Missing($"Volume type access not found for {id} / {project} combination.").Thrown();
    });

    static async Task DemandPrivate(Tx tx, Call call, string id)
    {
        if ((await VolumeTypes.Get(tx, call, id, @lock: true)).IsPublic)
            throw new Fault.Invalid(
                "Invalid volume type: Type access modification is not applicable to public volume type.").Thrown();
    }
}
