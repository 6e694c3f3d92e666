using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume type …</c>; a type's properties are its extra specs.</summary>
internal static class VolumeTypes
{
    const string Public = "os-volume-type-access:is_public";

    public static Command Make(Session session) => new Command("type", "Volume types").With(
        Create(session), List(session), Show(session), Set(session), Unset(session), Delete(session));

    static Detail Shown(JsonObject type)
    {
        var rest = (JsonObject)type.DeepClone();
        rest.Remove("extra_specs");
        rest.Remove(Public);
        return Detail.Of(rest, ("properties", Cell.Map(type["extra_specs"] ?? new JsonObject())));
    }

    static Command Create(Session session) => session.Command("create", "Create new volume type", command =>
    {
        var name = Opt.One("name", "Volume type name");
        var description = Opt.Text("--description", "description", "Volume type description");
        var open = Opt.Flag("--public", "Volume type is accessible to the public");
        var closed = Opt.Flag("--private", "Volume type is not accessible to the public");
        var properties = Opt.Pairs("--property", "Set a property on this volume type (repeat option to set multiple properties)");
        var project = Opt.Text("--project", "project", "Allow <project> (ID) to access private type (must be used with --private)");
        command.With(name, description, open, closed, properties, project);
        command.Exclusive(open, closed);
        command.Validators.Add(result =>
        {
            if (result.Given(project) && !result.Given(closed)) result.AddError("--project is only allowed with --private");
        });
        var output = OutputOptions.ForDetail(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var type = new JsonObject { ["name"] = parse.GetValue(name), [Public] = !parse.GetValue(closed) };
            if (parse.GetValue(description) is { } said) type["description"] = said;
            var made = (JsonObject)(await api.Post("types", new JsonObject { ["volume_type"] = type }, token))!["volume_type"]!;
            var path = $"types/{(string?)made["id"]}";
            if (parse.Map(properties) is { } specs)
            {
                await api.Post(path + "/extra_specs", new JsonObject { ["extra_specs"] = specs }, token);
                made["extra_specs"] = specs.DeepClone();
            }
            if (parse.GetValue(project) is { } id) await Allow(api, path, id, token);
            output.Write(parse, Shown(made));
        };
    });

    static Task Allow(BlockStorage api, string path, string project, CancellationToken token) =>
        api.Act(path, "addProjectAccess", new JsonObject { ["project"] = project }, token);

    static Command List(Session session) => session.Command("list", "List volume types", command =>
    {
        var longer = Opt.Flag("--long", "List additional fields in output");
        var standard = Opt.Flag("--default", "List the default volume type");
        var open = Opt.Flag("--public", "List only public types");
        var closed = Opt.Flag("--private", "List only private types (admin only)");
        command.With(longer, standard, open, closed);
        command.Exclusive(standard, open, closed);
        var output = OutputOptions.ForList(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var types = parse.GetValue(standard)
                ? [(JsonObject)(await api.Get("types/default", token))["volume_type"]!]
                : await api.List("types", [("is_public", parse.GetValue(open) ? "True" : parse.GetValue(closed) ? "False" : "None")], "volume_types", token);
            string[] columns = ["ID", "Name", "Is Public", "Description", "Properties"];
            Cell[] Row(JsonObject t) =>
                [new(t["id"]), new(t["name"]), new(t["is_public"] ?? t[Public]), new(t["description"]), Cell.Map(t["extra_specs"])];
            var kept = parse.GetValue(longer) ? 5 : 3;
            output.Write(parse, new Listing(columns[..kept], [.. types.Select(t => Row(t)[..kept])]));
        };
    });

    static Command Show(Session session) => session.Command("show", "Display volume type details", command =>
    {
        var name = Opt.One("volume-type", "Volume type to display (name or ID)");
        command.Add(name);
        var output = OutputOptions.ForDetail(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var type = await Names.Type(api, parse.GetRequiredValue(name), token);
            var access = new Cell(null);
            if ((bool?)(type["is_public"] ?? type[Public]) == false)
            {
                var projects = ((await api.Get($"types/{(string?)type["id"]}/os-volume-type-access", token))["volume_type_access"] as JsonArray ?? [])
                    .Select(a => (string?)a?["project_id"]).ToList();
                access = new Cell(new JsonArray([.. projects.Select(p => (JsonNode?)p)]), string.Join(", ", projects));
            }
            output.Write(parse, new Detail([.. Shown(type).Fields.Append(("access_project_ids", access)).OrderBy(f => f.Item1, StringComparer.Ordinal)]));
        };
    });

    static Command Set(Session session) => session.Command("set", "Set volume type properties", command =>
    {
        var type = Opt.One("volume-type", "Volume type to modify (name or ID)");
        var name = Opt.Text("--name", "name", "Set volume type name");
        var description = Opt.Text("--description", "description", "Set volume type description");
        var properties = Opt.Pairs("--property", "Set a property on this volume type (repeat option to set multiple properties)");
        var open = Opt.Flag("--public", "Volume type is accessible to the public");
        var closed = Opt.Flag("--private", "Volume type is not accessible to the public");
        var project = Opt.Text("--project", "project", "Set volume type access to project (ID) (admin only)");
        command.With(type, name, description, properties, open, closed, project);
        command.Exclusive(open, closed);

        return async (parse, api, token) =>
        {
            var path = $"types/{(string?)(await Names.Type(api, parse.GetRequiredValue(type), token))["id"]}";
            var parts = new Parts(session.Terminal, "set");
            var update = new JsonObject();
            if (parse.GetValue(name) is { } renamed) update["name"] = renamed;
            if (parse.GetValue(description) is { } described) update["description"] = described;
            if (parse.GetValue(open) || parse.GetValue(closed)) update["is_public"] = parse.GetValue(open);
            if (update.Count > 0)
                await parts.Do("update volume type", () => api.Put(path, new JsonObject { ["volume_type"] = update }, token));
            if (parse.Map(properties) is { } specs)
                await parts.Do("set volume type property", () => api.Post(path + "/extra_specs", new JsonObject { ["extra_specs"] = specs }, token));
            if (parse.GetValue(project) is { } id)
                await parts.Do("set volume type access to project", () => Allow(api, path, id, token));
            parts.End();
        };
    });

    static Command Unset(Session session) => session.Command("unset", "Unset volume type properties", command =>
    {
        var type = Opt.One("volume-type", "Volume type to modify (name or ID)");
        var properties = Opt.Many("--property", "key", "Remove a property from this volume type (repeat option to remove multiple properties)");
        var project = Opt.Text("--project", "project", "Removes volume type access to project (ID) (admin only)");
        command.With(type, properties, project);

        return async (parse, api, token) =>
        {
            var path = $"types/{(string?)(await Names.Type(api, parse.GetRequiredValue(type), token))["id"]}";
            var parts = new Parts(session.Terminal, "unset");
            foreach (var key in parse.GetValue(properties) ?? [])
                await parts.Do("unset volume type property", () => api.Delete($"{path}/extra_specs/{Uri.EscapeDataString(key)}", token));
            if (parse.GetValue(project) is { } id)
                await parts.Do("remove volume type access from project", () => api.Act(path, "removeProjectAccess", new JsonObject { ["project"] = id }, token));
            parts.End();
        };
    });

    static Command Delete(Session session) => session.Command("delete", "Delete volume type(s)", command =>
    {
        var types = Opt.Several("volume-type", "Volume type(s) to delete (name or ID)");
        command.Add(types);
        return (parse, api, token) => session.Each(parse.GetRequiredValue(types), "delete", "volume type", async name =>
            await api.Delete($"types/{(string?)(await Names.Type(api, name, token))["id"]}", token));
    });
}
