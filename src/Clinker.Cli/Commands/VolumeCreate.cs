using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>volume create</c>, with the options of the OpenStack client.</summary>
internal static class VolumeCreate
{
    public static Command Make(Session session) => session.Command("create", "Create new volume", command =>
    {
        var name = Opt.One("name", "Volume name");
        var size = Opt.Number("--size", "size", "Volume size in GB (required unless --snapshot or --source is specified)");
        var type = Opt.Text("--type", "volume-type", "Set the type of volume");
        var image = Opt.Text("--image", "image", "Use <image> as source of volume (name or ID)");
        var snapshot = Opt.Text("--snapshot", "snapshot", "Use <snapshot> as source of volume (name or ID)");
        var source = Opt.Text("--source", "volume", "Volume to clone (name or ID)");
        var remote = Opt.Pairs("--remote-source",
            "What an existing volume in storage is known by (admin required) (repeat option for several): source-name=<name>");
        var host = Opt.Text("--host", "host", "With --remote-source: where the existing volume lies: host@backend-name#pool");
        var cluster = Opt.Text("--cluster", "cluster", "With --remote-source: the cluster in which the existing volume lies");
        var description = Opt.Text("--description", "description", "Volume description");
        var zone = Opt.Text("--availability-zone", "availability-zone", "Create volume in <availability-zone>");
        var properties = Opt.Pairs("--property", "Set a property to this volume (repeat option to set multiple properties)");
        var hints = Opt.Pairs("--hint", "Scheduler hint (repeat option to set multiple hints)");
        var bootable = Opt.Flag("--bootable", "Mark volume as bootable");
        var notBootable = Opt.Flag("--non-bootable", "Mark volume as non-bootable (default)");
        var readOnly = Opt.Flag("--read-only", "Set volume to read-only access mode");
        var readWrite = Opt.Flag("--read-write", "Set volume to read-write access mode (default)");
        command.With(name, size, type, image, snapshot, source, remote, host, cluster, description, zone, properties, hints, bootable, notBootable, readOnly, readWrite);
        command.Exclusive(image, snapshot, source, remote);
        command.Exclusive(host, cluster);
        command.Exclusive(bootable, notBootable);
        command.Exclusive(readOnly, readWrite);
        command.Validators.Add(result =>
        {
            if (new Option[] { size, snapshot, source, remote }.All(o => !result.Given(o)))
                result.AddError("--size is a required option if snapshot, source volume or remote source is not specified.");
            if (result.Given(remote) != (result.Given(host) || result.Given(cluster)))
                result.AddError("--remote-source goes with one of --host and --cluster.");
            if (result.Given(remote) && new Option[] { size, hints }.Any(result.Given))
                result.AddError("--size and --hint don't go with --remote-source: what exists has its size and place.");
        });
        var waiting = new Waiting(command, session.Terminal);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        waiting.Output = output;

        return async (parse, api, token) =>
        {
            var gigabytes = parse.GetValue(size);
            var volume = new JsonObject { ["name"] = parse.GetValue(name) };
            if (parse.GetValue(snapshot) is { } from)
            {
                var found = await Names.Snapshot(api, from, token);
                volume["snapshot_id"] = (string?)found["id"];
                // As the OpenStack client: what is smaller than the snapshot was not meant.
                gigabytes = Math.Max(gigabytes ?? 0, (int?)found["size"] ?? 0);
            }
            if (parse.GetValue(source) is { } clone)
            {
                var found = await Names.Volume(api, clone, token);
                volume["source_volid"] = (string?)found["id"];
                gigabytes ??= (int?)found["size"];
            }
            if (gigabytes is { } given) volume["size"] = given;
            if (parse.Map(remote) is { } reference)
            {
                volume["ref"] = reference;
                volume["bootable"] = parse.GetValue(bootable);
                foreach (var (key, option) in new[] { ("host", host), ("cluster", cluster) })
                    if (parse.GetValue(option) is { } value) volume[key] = value;
            }
            // The API takes an image's name as well as its id.
            foreach (var (key, option) in new[] { ("volume_type", type), ("imageRef", image), ("description", description), ("availability_zone", zone) })
                if (parse.GetValue(option) is { } value) volume[key] = value;
            if (parse.Map(properties) is { } metadata) volume["metadata"] = metadata;
            var body = new JsonObject { ["volume"] = volume };
            if (parse.Map(hints) is { } hint) body["OS-SCH-HNT:scheduler_hints"] = hint;

            var made = (JsonObject)(await api.Post(volume.ContainsKey("ref") ? "manageable_volumes" : "volumes", body, token))!["volume"]!;
            var path = $"volumes/{(string?)made["id"]}";
            if (waiting.Asked(parse))
            {
                waiting.Why = v => Waiting.Message(api, (string?)v?["id"] ?? "", token);
                made = (await waiting.Until(parse, $"volume {parse.GetValue(name)}",
                    async () => (JsonObject?)(await api.Try(path, token))?["volume"], s => s == "available", token, api))!;
            }
            if (!volume.ContainsKey("ref") && (parse.GetValue(bootable) || parse.GetValue(notBootable)))
                await api.Act(path, "os-set_bootable", new JsonObject { ["bootable"] = parse.GetValue(bootable) }, token);
            if (parse.GetValue(readOnly) || parse.GetValue(readWrite))
                await api.Act(path, "os-update_readonly_flag", new JsonObject { ["readonly"] = parse.GetValue(readOnly) }, token);
            output.Write(parse, VolumeRead.Shown(made));
        };
    });
}
