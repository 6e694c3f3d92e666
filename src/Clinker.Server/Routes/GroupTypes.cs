using System.Text.Json;
using Clinker.Groups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>Group types (cinder/api/v3/group_types.py).</summary>
static class GroupTypes
{
    const string SeesSpecs = "group:access_group_types_specs";

    static readonly Filterable Filterable = new("group_type",
        new("id", "id"),
        new("name", "name"),
        new("description", "description"),
        new("created_at", "created_at"),
        new("updated_at", "updated_at"));

    public static void Map(RouteTable api)
    {
        api.Get("group_type_list", "/group_types", List, since: 11, query: Parameters.Paged(Filterable));
        api.Post("group_type_create", "/group_types", GroupTypeForm.Create, Create, rule: "group:group_types:create", since: 11);
        api.Get("group_type_show", "/group_types/{id}", Show, since: 11);
        api.Put("group_type_update", "/group_types/{id}", GroupTypeForm.Update, Update, rule: "group:group_types:update", since: 11);
        api.Delete("group_type_delete", "/group_types/{id}", Delete, rule: "group:group_types:delete", since: 11);
    }

    /// <summary>The group type, if the caller may know of it.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<GroupType> Get(Tx tx, Call call, string id, bool @lock = false) =>
        await tx.GroupTypes.Find(id, @lock) is { } type && (type.IsPublic || call.IsAdmin)
            ? type
            : throw new Fault.NotFound("Group type", id).Thrown();

    static async Task<Page<GroupTypeShape>> List(Call call)
    {
        var query = ListFilters.Paged(call, Filterable);
        var isPublic = VolumeTypes.IsPublic(call);
        var all = (await call.Db.Read(tx => tx.GroupTypes.List())).Where(t => isPublic is null || t.IsPublic == isPublic);
        var page = FewRows.Page(all, query, Column, t => t.Id, "Group type");
        var next = page.Count > 0 && page.Count >= query.Limit ? call.Links.Next(call, "group_types", page[^1].Id) : null;
        return new(page.Select(t => Shown(call, t)), next, LinksKey: "group_type_links");
    }

    static async Task<GroupTypeShape> Show(Call call, string id) => Shown(call, await call.Db.Read(async tx => id == "default"
        ? (call.Settings.DefaultGroupType is { } name ? await tx.GroupTypes.FindByName(name) : null)
            ?? throw new Fault.Missing("Default group type can not be found.").Thrown()
        : await Get(tx, call, id)));

    static async Task<GroupTypeShape> Create(Call call, GroupTypeForm want) => Shown(call, await call.Db.Commit(tx => tx.GroupTypes.Insert(new()
    {
        Id = call.Ids.New(),
        Name = want.Name!,
        Description = want.Description,
        IsPublic = want.IsPublic ?? true,
        Specs = want.Specs ?? Volume.EmptyMetadata,
        CreatedAt = call.Now,
    })));

    static async Task<GroupTypeShape> Update(Call call, string id, GroupTypeForm want)
    {
        if (want.Name is { Length: > 0 } && string.IsNullOrWhiteSpace(want.Name))
            throw Refusal.BadRequest("Group type name can not be empty.");
        if (want is { Name: null, Description: null, IsPublic: null })
            throw Refusal.BadRequest("Specify group type name, description or a combination thereof.");
        return Shown(call, await call.Db.Commit(async tx =>
        {
            var now = await Get(tx, call, id, @lock: true);
            var changed = now with
            {
                Name = string.IsNullOrEmpty(want.Name) ? now.Name : want.Name,
                Description = want.Description ?? now.Description,
                IsPublic = want.IsPublic ?? now.IsPublic,
            };
            if (changed.Name != now.Name) DemandOurs(now);
            await tx.GroupTypes.Update(changed);
            return changed;
        }));
    }

    static Task Delete(Call call, string id) => call.Db.Commit(async tx =>
    {
        DemandOurs(await Get(tx, call, id, @lock: true));
        if (await tx.GroupTypes.InUse(id)) throw Refusal.BadRequest("Target group type is still in use.");
        await tx.GroupTypes.Remove(id);
    });

    /// <summary>Consistency groups are made of the reserved type: it has to be there under its name.</summary>
    static void DemandOurs(GroupType type)
    {
        if (type.Name == GroupType.OfConsistencyGroups) throw Refusal.BadRequest($"Group type {type.Name} is reserved for consistency groups.");
    }

    static GroupTypeShape Shown(Call call, GroupType type) => new(type, withSpecs: call.Allows(SeesSpecs));

    static object? Column(GroupType type, string column) => column switch
    {
        "id" => type.Id,
        "name" => type.Name,
        "description" => type.Description,
        "created_at" => type.CreatedAt,
        "updated_at" => type.UpdatedAt,
        _ => null,
    };
}

/// <summary>What is asked of a group type.</summary>
sealed record GroupTypeForm(string? Name, string? Description, bool? IsPublic, IReadOnlyDictionary<string, string>? Specs)
{
    public static readonly Form<GroupTypeForm> Create = new(
        Must.Object(Must.Required("group_type", Must.Object(
            Must.Required("name", Must.Name),
            Must.Optional("description", Must.Description),
            Must.Optional("is_public", Must.Flag),
            Must.Optional("group_specs", Must.Words(orNull: true))))),
        root => Read(root.GetProperty("group_type")));

    public static readonly Form<GroupTypeForm> Update = new(
        Must.Object(Must.Required("group_type", Must.Object(
            Must.Optional("name", Must.Text(orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("is_public", Must.Flag)))),
        root => Read(root.GetProperty("group_type")));

    static GroupTypeForm Read(JsonElement type) =>
        new(type.Text("name"), type.Text("description"), type.Flag("is_public"), type.Words("group_specs"));
}
