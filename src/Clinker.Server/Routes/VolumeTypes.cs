using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Server.Routes;

/// <summary>Volume types (cinder/api/v3/types.py, contrib/types_manage.py).</summary>
static class VolumeTypes
{
    const string Sensitive = "volume_extension:types_extra_specs:read_sensitive";

    static readonly Filterable Filterable = new("volume_type",
        new("id", "id"),
        new("name", "name"),
        new("description", "description"),
        new("extra_specs", "extra_specs", FilterKind.Entries, Since: Behaviour.TypeFilters),
        new("created_at", "created_at"),
        new("updated_at", "updated_at"));

    public static void Map(RouteTable api)
    {
        api.Get("type_list", "/types", List, rule: "volume_extension:type_get_all",
            query: Parameters.List(Filterable, filtersSince: Behaviour.TypeFilters,
            more: new Parameter("is_public", "Public ones, private ones or (none) all, for admins.")));
        api.Post("type_create", "/types", TypeForm.Create, Create, rule: "volume_extension:type_create", success: 200);
        api.Get("type_show", "/types/{id}", Show, rule: "volume_extension:type_get");
        api.Put("type_update", "/types/{id}", TypeForm.Update, Update, rule: "volume_extension:type_update");
        api.Delete("type_delete", "/types/{id}", Delete, rule: "volume_extension:type_delete");
    }

    /// <summary>The type with this id or name, if the caller may use it.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<VolumeType> Named(Tx tx, Call call, string idOrName)
    {
        var type = (Python.IsUuid(idOrName) ? await tx.Types.Find(idOrName) : null) ?? await tx.Types.FindByName(idOrName);
        if (type is not null && await MayUse(tx, call, type)) return type;
        throw Python.IsUuid(idOrName)
            ? new Fault.NotFound("Volume type", idOrName).Thrown()
            : new Fault.NotFound("Volume type with name", idOrName).Thrown();
    }

    /// <summary>The type with this id, if the caller may use it.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<VolumeType> Get(Tx tx, Call call, string id, bool @lock = false) =>
        await tx.Types.Find(id, @lock) is { } type && await MayUse(tx, call, type)
            ? type
            : throw new Fault.NotFound("Volume type", id).Thrown();

    /// <summary>The type of a volume whose request names none: the project's, else the configured one.</summary>
    /// <exception cref="FaultException">Misconfigured.</exception>
    public static async Task<VolumeType> Default(Tx tx, Call call) =>
        await tx.Types.DefaultOf(call.Caller.ProjectId) ?? await Configured(tx, call);

    static async Task<VolumeType> Configured(Tx tx, Call call) => await tx.Types.FindByName(call.Settings.DefaultType)
        ?? throw new Fault.Misconfigured(
            $"The request cannot be fulfilled as the default volume type {call.Settings.DefaultType} cannot be found.") { NamesNothing = true }.Thrown();

    public static bool SeesAll(Call call) => call.Allows(Sensitive);

    static async Task<bool> MayUse(Tx tx, Call call, VolumeType type) =>
        call.IsAdmin || type.IsPublic || (await tx.Types.Access(type.Id)).Contains(call.Caller.ProjectId);

    static async Task<Page<TypeShape>> List(Call call)
    {
        var query = Query(call);
        var isPublic = IsPublic(call);
        // "true" is what everyone sees: the public ones and those that the project was let in to.
        var all = await call.Db.Read(tx => tx.Types.List(isPublic is true ? call.Caller.ProjectId : null));
        var types = isPublic is false ? all.Where(t => !t.IsPublic) : all;
        var sees = SeesAll(call);
        var page = Hides(query, sees) ? [] : FewRows.Page(types, query, Column, t => t.Id, "Volume type");
        var next = page.Count > 0 && page.Count >= query.Limit ? call.Links.Next(call, "types", page[^1].Id) : null;
        return new(page.Select(t => new TypeShape(t, withAccess: true, sees)), next, LinksKey: "volume_type_links");
    }

    static async Task<TypeShape> Show(Call call, string id)
    {
        var type = await call.Db.Read(async tx => id == "default"
            ? await Default(tx, call)
            : await Get(tx, call, id));
        return new(type, withAccess: id != "default", SeesAll(call));
    }

    static async Task<TypeChanged> Create(Call call, TypeForm want)
    {
        if (want.ExtraSpecs is { } specs && VolumeType.WhyNot(specs) is { } why) throw Refusal.BadRequest(why);
        var type = new VolumeType
        {
            Id = call.Ids.New(),
            Name = want.Name!,
            Description = want.Description,
            IsPublic = want.IsPublic ?? true,
            ExtraSpecs = want.ExtraSpecs ?? Volume.EmptyMetadata,
            CreatedAt = call.Now,
        };
        return new(await call.Db.Commit(tx => tx.Types.Insert(type)), withAccess: true);
    }

    static async Task<TypeChanged> Update(Call call, string id, TypeForm want)
    {
        if (want.Name is { Length: > 0 } && string.IsNullOrWhiteSpace(want.Name))
            throw Refusal.BadRequest("Volume type name can not be empty.");
        if (want is { Name: null, Description: null, IsPublic: null })
            throw Refusal.BadRequest("Specify volume type name, description, is_public or a combination thereof.");
        var type = await call.Db.Commit(async tx =>
        {
            var now = await Get(tx, call, id, @lock: true);
            var changed = now with
            {
                Name = want.Name ?? now.Name,
                Description = want.Description ?? now.Description,
                IsPublic = want.IsPublic ?? now.IsPublic,
                UpdatedAt = tx.Now,
            };
            await tx.Types.Update(changed);
            return changed;
        });
        return new(type, withAccess: false);
    }

    static Task Delete(Call call, string id) => call.Db.Commit(async tx =>
    {
        _ = await Get(tx, call, id, @lock: true);
        if (await tx.Types.IsDefault(id) || (await Configured(tx, call)).Id == id)
            throw Refusal.BadRequest($"The volume type {id} is a default volume type and cannot be deleted.");
        if (await tx.Types.InUse(id) || await tx.Types.InGroups(id)) throw Refusal.BadRequest("Target volume type is still in use.");
        await tx.Types.Remove(id);
    });

    static ListQuery Query(Call call)
    {
        var asked = call.Supports(Behaviour.TypeFilters) || call.IsAdmin
            ? ListFilters.Read(call, Filterable, "is_public", "extra_specs")
            : ListFilters.Paged(call, Filterable);
        if (!call.Supports(Behaviour.TypeFilters) || call.Query["extra_specs"] is not { } text) return asked;
        return Literal.Of(text) is Dictionary<string, object> specs
            ? asked with { Filters = [.. asked.Filters, .. specs.Select(s => Spec(s.Key, Literal.Text(s.Value)))] }
            : asked with { MatchesNothing = true };
    }

    /// <summary>Zones are a list in one text: one of them is enough.</summary>
    static Where Spec(string key, string value) => new("extra_specs", key == "RESKEY:availability_zones" ? Op.Contains : Op.Entry, key, value);

    /// <summary>Who may not read a spec may not find types by it either.</summary>
    static bool Hides(ListQuery query, bool sees) =>
        !sees && query.Filters.Any(f => f.Column == "extra_specs" && !TypeInFull.IsVisible((string)f.Values[0]));

    /// <summary>Which types are asked for: public ones, private ones or (null) all. Only admins may ask.</summary>
    public static bool? IsPublic(Call call)
    {
        if (!call.IsAdmin || call.Query["is_public"] is not { } text) return true;
        if (text.Equals("none", StringComparison.OrdinalIgnoreCase)) return null;
        return Booleans.Parse(text) ?? throw Refusal.BadRequest($"Invalid is_public filter [{text}]");
    }

    static object? Column(VolumeType type, string column) => column switch
    {
        "id" => type.Id,
        "name" => type.Name,
        "description" => type.Description,
        "created_at" => type.CreatedAt,
        "updated_at" => type.UpdatedAt,
        "extra_specs" => type.ExtraSpecs,
        _ => null,
    };
}

/// <summary>What is asked of a type.</summary>
sealed record TypeForm(string? Name, string? Description, bool? IsPublic, IReadOnlyDictionary<string, string>? ExtraSpecs)
{
    public static readonly Form<TypeForm> Create = new(
        Must.Object(Must.Required("volume_type", Must.Object(
            Must.Required("name", Must.Name),
            Must.Optional("description", Must.Description),
            Must.Optional("extra_specs", Must.Words(nullValues: true)),
            Must.Optional("os-volume-type-access:is_public", Must.Flag)))),
        root => Read(root.GetProperty("volume_type"), "os-volume-type-access:is_public"));

    public static readonly Form<TypeForm> Update = new(
        Must.Object(Must.Required("volume_type", Must.Object(
            Must.Optional("name", Must.Text(min: 1, orNull: true)),
            Must.Optional("description", Must.Description),
            Must.Optional("is_public", Must.Flag)))),
        root => Read(root.GetProperty("volume_type"), "is_public"));

    static TypeForm Read(JsonElement type, string isPublic) =>
        new(type.Text("name"), type.Text("description"), type.Flag(isPublic), type.Words("extra_specs"));
}
