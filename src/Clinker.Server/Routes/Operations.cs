using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;

namespace Clinker.Server.Routes;

/// <summary>Durable work, for those who have to look after it. Ours: Cinder has no such thing, so no microversion brought it.</summary>
static class Operations
{
    static readonly Filterable Filterable = new("operation",
        new("id", "id"),
        new("kind", "kind"),
        new("status", "status"),
        new("queue", "queue", FilterKind.Verbatim),
        new("resource_type", "about_kind"),
        new("resource_uuid", "about_id", FilterKind.Verbatim),
        new("request_id", "request_id"),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    public static void Map(RouteTable api)
    {
        api.Get("operation_list", "/operations", List, rule: "clinker:operations:get_all", query: Parameters.List(Filterable));
        api.Get("operation_show", "/operations/{id}", Show, rule: "clinker:operations:get");
        api.Action("operation_resume", "/operations/{id}", "os-resume", Resume, rule: "clinker:operations:resume");
        api.Action("operation_cancel", "/operations/{id}", "os-cancel", Cancel, rule: "clinker:operations:cancel");
    }

    /// <summary>Those of all projects, or of the one asked for.</summary>
    static async Task<Page<OperationShape>> List(Call call)
    {
        var query = ListFilters.Read(call, Filterable, "project_id") with { ProjectId = call.Query["project_id"], WithCount = false };
        var found = await call.Db.Read(tx => tx.Operations.List(query));
        var place = call.Links.Of("operations");
        var next = found.Count > 0 && found.Count >= query.Limit ? call.Links.Next(call, "operations", found[^1].Id) : null;
        return new(found.Select(o => new OperationShape(o, place)), next);
    }

    static Task<OperationDetail> Show(Call call, string id) => call.Db.Read(async tx =>
        new OperationDetail(await tx.Operations.Get(id) ?? throw Missing(id), await tx.Operations.Journal(id), call.Links.Of("operations")));

    static Task Resume(Call call, string id) => call.Db.Commit(async tx =>
    {
        if (await tx.Operations.Resume(id)) return;
        var operation = await tx.Operations.Get(id) ?? throw Missing(id);
        throw new Fault.Conflict($"Operation {id} is {operation.Status}: only one that is stuck can be resumed.").Thrown();
    });

    static Task Cancel(Call call, string id) => call.Db.Commit(tx => tx.Operations.Cancel(id, CoreJson.Kinds));

    static FaultException Missing(string id) => new Fault.NotFound("Operation", id).Thrown();
}
