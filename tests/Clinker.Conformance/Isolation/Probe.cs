using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Conformance.BadInput;
using Clinker.Server.Api;

namespace Clinker.Conformance.Isolation;

/// <summary>A place in a request where something of another project may stand.</summary>
/// <param name="Kind">What is meant to stand there: a segment of a path, or nothing in particular.</param>
/// <param name="Target">Where it goes, below <c>/v3</c>; <see cref="Hole"/> where the value stands.</param>
sealed record Probe(Route Route, string Place, string Kind, string Target, string? Body)
{
    public const string Hole = "HOLE";

    /// <summary>Whether it names something by its path, which must then not be there.</summary>
    public bool IsPath => Place == "path";

    /// <summary>Whether it names something by a member of its body: in its path is something of the walker's own then.</summary>
    public bool IsInBody => Body?.Contains(Hole, StringComparison.Ordinal) == true;

    /// <summary>Every place of every route.</summary>
    public static IEnumerable<Probe> All(Tenant own, TwoProjects daemon) =>
        RouteCases.All.SelectMany(r => InPath(r, own, daemon).Concat(InBody(r, own, daemon)).Concat(InQuery(r, own, daemon)));

    static IEnumerable<Probe> InPath(Route route, Tenant own, TwoProjects daemon)
    {
        var body = Sample(route, own, daemon)?.ToJsonString();
        yield return new(route, "project", "project", $"/{Hole}{PathOf(route, own, daemon)}", body);
        var variables = route.Path.Count(c => c == '{');
        for (var i = 0; i < variables; i++)
            yield return new(route, i == 0 ? "path" : "key", i == 0 ? Segment(route) : "", PathOf(route, own, daemon, i), body);
        if (variables > 1) yield return new(route, "path", Segment(route), PathOf(route, own, daemon, 0, 1), body);
    }

    static IEnumerable<Probe> InBody(Route route, Tenant own, TwoProjects daemon)
    {
        if (!BodySchema.All.TryGetValue(route.Name, out var schema)) yield break;
        foreach (var place in schema.Places.Where(p => p.Takes("string") && p.Path != "$"))
            yield return Of(place.Path, JsonValue.Create(Hole));
        // Of the lists in bodies, and what the scheduler is asked, the schemas say nothing.
        if (route.Name == "volume_create")
            foreach (var hint in (string[])["same_host", "different_host", "local_to_instance"])
                yield return Of("OS-SCH-HNT:scheduler_hints", new JsonObject { [hint] = Hole }, "volumes");
        if (route.Name == "group_create") yield return Of("group.volume_types", new JsonArray(Hole), "types");

        Probe Of(string path, JsonNode value, string? kind = null)
        {
            var body = Sample(route, own, daemon)!;
            var at = body;
            var steps = path.Split('.');
            foreach (var step in steps[..^1])
            {
                if (at[step] is not JsonObject) at[step] = new JsonObject();
                at = at[step]!.AsObject();
            }
            if (steps[^1] == "*")
            {
                at.Clear();
                at[Hole] = value;
            }
            else
            {
                foreach (var source in Sources) // one of them only
                    if (Sources.Contains(steps[^1])) at.Remove(source);
                at[steps[^1]] = value;
            }
            return new(route, path, kind ?? KindOf(steps[^1]), PathOf(route, own, daemon), body.ToJsonString());
        }
    }

    static readonly string[] Sources = ["group_snapshot_id", "source_group_id", "cgsnapshot_id", "source_cgid"];

    static IEnumerable<Probe> InQuery(Route route, Tenant own, TwoProjects daemon)
    {
        if (route.Method != "GET") yield break;
        var segment = Segment(route);
        var filters = route.Query?.Filters?.Filters.Select(f => f.Key).ToList() ?? [];
        string[] others = [.. route.Query?.Others.Select(p => p.Name) ?? [], "project_id", "tenant_id", "user_id", "host", "all_tenants"];
        foreach (var key in filters.Union(others))
        {
            var kind = key == "id" ? segment : KindOf(key);
            foreach (var asked in (string[])[$"{key}={Hole}", $"{key}~={Hole}", $"{key}=['{Hole}']", $"all_tenants=1&{key}={Hole}", $"with_count=1&{key}={Hole}"])
                yield return Of(asked, kind);
        }
        foreach (var key in filters.Where(k => k.Contains("metadata", StringComparison.Ordinal) || k == "extra_specs"))
            yield return Of($"{key}={{'{Hole}':'{Hole}'}}", "");
        foreach (var all in (string[])["is_public=None", "is_public=False"]) yield return Of($"{all}&name={Hole}", "");
        yield return Of($"all_tenants=1&project_id={Hole}", "project");
        yield return Of($"marker={Hole}", segment);
        foreach (var key in filters)
            foreach (var direction in (string[])["asc", "desc"])
                yield return Of($"sort={key}:{direction}&marker={Hole}", segment);

        Probe Of(string query, string kind) =>
            new(route, $"?{query}", kind, $"{PathOf(route, own, daemon)}?{query.Replace("{", "%7B", StringComparison.Ordinal).Replace("}", "%7D", StringComparison.Ordinal)}", null);
    }

    static string Segment(Route route) => route.Path.Split('/')[1];

    /// <summary>A route's path with the project's own, but for the variables that are asked with another's.</summary>
    static string PathOf(Route route, Tenant own, TwoProjects daemon, params int[] holes)
    {
        var i = 0;
        var path = string.Join('/', route.Path.Split('/').Select(s => s.Length == 0 || s[0] != '{' ? s
            : holes.Contains(i++) ? Hole
            : i > 1 ? "key" : OwnOf(Segment(route), own, daemon)));
        return path + (route.Key is null ? "" : "/action");
    }

    static string OwnOf(string segment, Tenant own, TwoProjects daemon) => own.Ids.TryGetValue(segment, out var id) ? id : segment switch
    {
        "os-quota-sets" or "default-types" => own.Project,
        "group_types" => daemon.GroupType,
        _ => "none",
    };

    /// <summary>A body as it should be, about the project's own.</summary>
    static JsonObject? Sample(Route route, Tenant own, TwoProjects daemon)
    {
        if (!BodySchema.All.TryGetValue(route.Name, out var schema))
            return route.Key is { } key ? new JsonObject { [key] = new JsonObject() } : null;
        var body = JsonNode.Parse(schema.Sample)!.AsObject();
        Own(body);
        return body;

        void Own(JsonObject of)
        {
            foreach (var (name, value) in of.ToList())
                if (value is JsonObject inner) Own(inner);
                else if (value?.GetValueKind() == JsonValueKind.String && name == "group_type") of[name] = daemon.GroupType;
                else if (value?.GetValueKind() == JsonValueKind.String && own.Ids.TryGetValue(KindOf(name), out var id)) of[name] = id;
        }
    }

    /// <summary>What a member or a parameter of this name is about.</summary>
    static string KindOf(string name) => name switch
    {
        "volume_id" or "volume_uuid" or "source_volid" or "new_volume" or "add_volumes" or "remove_volumes" or "resource_uuid" => "volumes",
        "snapshot_id" => "snapshots",
        "backup_id" or "parent_id" => "backups",
        "group_id" or "source_group_id" => "groups",
        "group_snapshot_id" => "group_snapshots",
        "consistencygroup_id" or "source_cgid" => "consistencygroups",
        "cgsnapshot_id" => "cgsnapshots",
        "attachment_id" => "attachments",
        "volume_type" or "volume_type_id" or "new_type" or "volume_types" => "types",
        "project" or "project_id" or "tenant_id" or "source_project_id" => "project",
        "user_id" => "user",
        "instance_id" or "instance_uuid" or "server_id" => "server",
        "host" => "host",
        _ => "",
    };

    /// <summary>The request with a value in its place.</summary>
    public (string Target, byte[]? Body) With(string value) => (
        "/v3" + Target.Replace(Hole, Uri.EscapeDataString(value), StringComparison.Ordinal),
        Body is null ? null : Encoding.UTF8.GetBytes(Body.Replace(Hole, value, StringComparison.Ordinal)));

    public override string ToString() => $"{Route.Method} {Route.Path} {Route.Key} {Place}";
}
