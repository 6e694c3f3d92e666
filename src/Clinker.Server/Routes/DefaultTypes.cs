using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;

namespace Clinker.Server.Routes;

/// <summary>The type that a project's volumes get when nobody names one (cinder/api/v3/default_types.py).</summary>
static class DefaultTypes
{
    static readonly Form<string> Form = new(
        Must.Object(Must.Required("default_type", Must.Object(Must.Required("volume_type", Must.Name)))),
        root => root.GetProperty("default_type").Text("volume_type")!);

    public static void Map(RouteTable api)
    {
        api.Get("default_type_list", "/default-types", List, rule: "volume_extension:default_get_all", since: 62);
        api.Get("default_type_show", "/default-types/{id}", Show, rule: "volume_extension:default_get", since: 62);
        api.Put("default_type_set", "/default-types/{id}", Form, Set, rule: "volume_extension:default_set_or_update", since: 62);
        api.Delete("default_type_unset", "/default-types/{id}", Unset, rule: "volume_extension:default_unset", since: 62, success: 204);
    }

    static async Task<Page<DefaultTypeShape>> List(Call call) =>
        new((await call.Db.Read(tx => tx.Types.Defaults())).Select(d => new DefaultTypeShape(d.ProjectId, d.TypeId)));

    static async Task<DefaultTypeShape> Show(Call call, string id)
    {
        await Known(call, id);
        return await call.Db.Read(tx => tx.Types.DefaultOf(id)) is { } type
            ? new(id, type.Id)
            : throw new Fault.Missing($"Default type for project {id} not found.").Thrown();
    }

    static async Task<DefaultTypeShape> Set(Call call, string id, string idOrName)
    {
        await Known(call, id);
        return await call.Db.Commit(async tx =>
        {
            var type = (Python.IsUuid(idOrName) ? await tx.Types.Find(idOrName, @lock: true) : null) ?? await tx.Types.FindByName(idOrName)
                ?? throw Refusal.BadRequest(Python.IsUuid(idOrName)
                    ? $"Volume type {idOrName} could not be found."
                    : $"Volume type with name {idOrName} could not be found.");
            await tx.Types.Keep(type.Id);
            await tx.Types.SetDefault(id, type.Id);
            return new DefaultTypeShape(id, type.Id);
        });
    }

    /// <summary>That of a project which is gone can still be unset.</summary>
    static async ValueTask Known(Call call, string id)
    {
        if (!await call.Settings.HasProject(id)) throw new Fault.Missing($"Project with id {id} not found.").Thrown();
    }

    static Task Unset(Call call, string id) => call.Db.Commit(tx => tx.Types.RemoveDefault(id));
}
