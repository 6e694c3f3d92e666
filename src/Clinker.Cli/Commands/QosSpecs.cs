using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume qos …</c>.</summary>
internal static class QosSpecs
{
    static readonly Noun Noun = new("QoS specification", "qos-specs", "qos_specs", "qos_specs")
    {
        Argument = "qos-spec",
        Columns =
        [
            new("ID", "id"), new("Name", "name"), new("Consumer", "consumer"), new("Associations", q => Joined(q["associations"])),
            new("Properties", q => Cell.Map(q["specs"])),
        ],
        Enrich = async (api, specs, _, token) =>
        {
            foreach (var qos in specs)
                if ((await api.Try($"qos-specs/{(string?)qos["id"]}/associations", token))?["qos_associations"] is JsonArray { Count: > 0 } of)
                    qos["associations"] = new JsonArray([.. of.Select(a => (JsonNode?)(string?)a?["name"])]);
        },
        Shown = Shown,
    };

    public static Command Make(Session session) => new Command("qos", "QoS specifications").With(
        Create(session), Noun.List(session, "List QoS specifications"), Noun.Show(session, "Display QoS specification details"),
        Noun.Act(session, "set", "Set QoS specification properties", command =>
        {
            var properties = Opt.Pairs("--property", "Property to add or modify for this QoS specification (repeat option for several)");
            command.Add(properties);
            return async (parse, api, path, token) =>
            {
                if (parse.Map(properties) is { } specs) await api.Put(path, new JsonObject { ["qos_specs"] = specs }, token);
            };
        }),
        Noun.Act(session, "unset", "Unset QoS specification properties", command =>
        {
            var properties = Opt.Many("--property", "key", "Property to remove from the QoS specification (repeat option for several)");
            command.Add(properties);
            return async (parse, api, path, token) =>
            {
                if (parse.GetValue(properties) is { Length: > 0 } keys)
                    await api.Put(path + "/delete_keys", new JsonObject { ["keys"] = new JsonArray([.. keys.Select(k => (JsonNode?)k)]) }, token);
            };
        }),
        Noun.Act(session, "associate", "Associate a QoS specification to a volume type", command =>
        {
            var type = Opt.One("volume-type", "Volume type to associate the QoS (name or ID)");
            command.Add(type);
            return async (parse, api, path, token) => await api.Get(await For(api, path + "/associate", parse.GetRequiredValue(type), token), token);
        }),
        Noun.Act(session, "disassociate", "Disassociate a QoS specification from a volume type", command =>
        {
            var type = Opt.Text("--volume-type", "volume-type", "Volume type to disassociate the QoS from (name or ID)");
            var all = Opt.Flag("--all", "Disassociate the QoS from every volume type");
            command.With(type, all);
            command.Exclusive(type, all);
            return async (parse, api, path, token) =>
            {
                if (parse.GetValue(type) is { } one) await api.Get(await For(api, path + "/disassociate", one, token), token);
                else if (parse.GetValue(all)) await api.Get(path + "/disassociate_all", token);
            };
        }),
        Noun.Delete(session, "Delete QoS specification(s)", (api, path, token) => api.Delete(path + "?force=True", token)));

    static async Task<string> For(BlockStorage api, string path, string type, CancellationToken token) =>
        $"{path}?vol_type_id={(string?)(await Names.Type(api, type, token))["id"]}";

    static Cell Joined(JsonNode? list) => list is JsonArray names ? new(names, string.Join(", ", names.Select(n => (string?)n))) : new(list);

    static Detail Shown(JsonObject qos)
    {
        var rest = (JsonObject)qos.DeepClone();
        rest.Remove("specs");
        var properties = ("properties", Cell.Map(qos["specs"]));
        return qos["associations"] is { } names ? Detail.Of(rest, properties, ("associations", Joined(names))) : Detail.Of(rest, properties);
    }

    static Command Create(Session session) => session.Command("create", "Create new QoS specification", command =>
    {
        var name = Opt.One("name", "New QoS specification name");
        var consumer = Opt.Text("--consumer", "consumer", "Consumer of the QoS: front-end, back-end or both (default)");
        consumer.AcceptOnlyFromAmong("front-end", "back-end", "both");
        var properties = Opt.Pairs("--property", "Set a QoS specification property (repeat option to set multiple properties)");
        command.With(name, consumer, properties);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var specs = parse.Map(properties) ?? [];
            specs["name"] = parse.GetValue(name);
            specs["consumer"] = parse.GetValue(consumer) ?? "both";
            output.Write(parse, Shown(Noun.Inner(await api.Post(Noun.Path, new JsonObject { ["qos_specs"] = specs }, token))));
        };
    });
}
