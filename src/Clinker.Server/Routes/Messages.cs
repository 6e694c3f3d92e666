using Clinker.Messages;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;

namespace Clinker.Server.Routes;

/// <summary>Why things ended in error, told to their owners (cinder/api/v3/messages.py).</summary>
static class Messages
{
    static readonly Filterable Filterable = new("message",
        new("id", "id"),
        new("event_id", "event_id"),
        new("resource_type", "resource_type"),
        new("resource_uuid", "resource_id"),
        new("request_id", "request_id"),
        new("message_level", "level"),
        new("created_at", "created_at"));

    public static void Map(RouteTable api)
    {
        api.Get("message_list", "/messages", List, rule: "message:get_all", since: 3,
            query: Parameters.List(Filterable, pagesSince: Behaviour.MessagePaging));
        api.Get("message_show", "/messages/{id}", Show, rule: "message:get", since: 3);
        api.Delete("message_delete", "/messages/{id}", Delete, rule: "message:delete", since: 3, success: 204);
    }

    static async Task<Page<MessageShape>> List(Call call)
    {
        var query = call.Supports(Behaviour.MessagePaging)
            ? ListFilters.Read(call, Filterable) with { ProjectId = call.Caller.ProjectId, WithCount = false }
            : new ListQuery { ProjectId = call.Caller.ProjectId, Limit = call.Settings.MaxLimit };
        var found = await call.Db.Read(tx => tx.Messages.List(query));
        var place = call.Links.Of("messages");
        var next = found.Count > 0 && found.Count >= query.Limit ? call.Links.Next(call, "messages", found[^1].Id) : null;
        return new(found.Select(m => new MessageShape(m, place)), next);
    }

    static async Task<MessageShape> Show(Call call, string id) =>
        new(await call.Db.Read(tx => tx.Messages.Find(id, call.Caller.ProjectId)) ?? throw Missing(id), call.Links.Of("messages"));

    static async Task Delete(Call call, string id)
    {
        if (await call.Db.Commit(tx => tx.Messages.Remove(id, call.Caller.ProjectId)) == 0) throw Missing(id);
    }

    static FaultException Missing(string id) => new Fault.NotFound("Message", id).Thrown();
}
