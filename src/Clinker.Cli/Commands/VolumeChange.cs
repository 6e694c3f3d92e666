using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;

namespace Clinker.Cli.Commands;

/// <summary><c>volume set</c>, <c>unset</c> and <c>delete</c>.</summary>
internal static class VolumeChange
{
    public static Command Set(Session session) => session.Command("set", "Set volume properties", command =>
    {
        var volume = Opt.One("volume", "Volume to modify (name or ID)");
        var name = Opt.Text("--name", "name", "New volume name");
        var size = Opt.Number("--size", "size", "Extend volume size in GB");
        var description = Opt.Text("--description", "description", "New volume description");
        var noProperty = Opt.Flag("--no-property", "Remove all properties from <volume> (with --property: before setting new ones)");
        var properties = Opt.Pairs("--property", "Set a property on this volume (repeat option to set multiple properties)");
        var imageProperties = Opt.Pairs("--image-property", "Set an image property on this volume (repeat option to set multiple image properties)");
        var state = Opt.Text("--state", "state", "New volume state in the database, whatever is the case (admin only)");
        state.AcceptOnlyFromAmong("available", "error", "creating", "deleting", "in-use", "attaching", "detaching", "error_deleting", "maintenance");
        var attached = Opt.Flag("--attached", "Set attachment status to \"attached\" in the database (admin only)");
        var detached = Opt.Flag("--detached", "Set attachment status to \"detached\" in the database (admin only)");
        var type = Opt.Text("--type", "volume-type", "New volume type (name or ID)");
        var policy = Opt.Text("--retype-policy", "retype-policy", "With --type: may the volume be migrated? \"never\" (default) or \"on-demand\"");
        policy.AcceptOnlyFromAmong("never", "on-demand");
        var bootable = Opt.Flag("--bootable", "Mark volume as bootable");
        var notBootable = Opt.Flag("--non-bootable", "Mark volume as non-bootable");
        var readOnly = Opt.Flag("--read-only", "Set volume to read-only access mode");
        var readWrite = Opt.Flag("--read-write", "Set volume to read-write access mode");
        command.With(volume, name, size, description, noProperty, properties, imageProperties, state, attached, detached, type, policy,
            bootable, notBootable, readOnly, readWrite);
        command.Exclusive(attached, detached);
        command.Exclusive(bootable, notBootable);
        command.Exclusive(readOnly, readWrite);
        command.Validators.Add(result =>
        {
            if (result.Given(policy) && !result.Given(type))
                result.AddError("--retype-policy goes with --type.");
        });
        var waiting = new Waiting(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var now = await Names.Volume(api, parse.GetRequiredValue(volume), token);
            var path = $"volumes/{(string?)now["id"]}";
            var before = (string?)now["status"];
            var told = await waiting.Told(parse, api, (string)now["id"]!, token);
            var parts = new Parts(session.Terminal, "set");

            if (parse.GetValue(size) is { } larger)
                await parts.Do("set volume size", () => api.Act(path, "os-extend", new JsonObject { ["new_size"] = larger }, token));
            if (parse.GetValue(noProperty))
                await parts.Do("clean volume properties", () => api.Put(path + "/metadata", new JsonObject { ["metadata"] = parse.Map(properties) ?? [] }, token));
            else if (parse.Map(properties) is { } metadata)
                await parts.Do("set volume property", () => api.Post(path + "/metadata", new JsonObject { ["metadata"] = metadata }, token));
            if (parse.Map(imageProperties) is { } image)
                await parts.Do("set image property", () => api.Act(path, "os-set_image_metadata", new JsonObject { ["metadata"] = image }, token));
            if (parse.GetValue(state) is { } status)
                await parts.Do("set volume state", () => api.Act(path, "os-reset_status", new JsonObject { ["status"] = status }, token));
            if (parse.GetValue(attached) || parse.GetValue(detached))
                await parts.Do("set volume attach-status", () => api.Act(path, "os-reset_status",
                    new JsonObject { ["attach_status"] = parse.GetValue(attached) ? "attached" : "detached" }, token));
            if (parse.GetValue(bootable) || parse.GetValue(notBootable))
                await parts.Do("set volume bootable property", () => api.Act(path, "os-set_bootable",
                    new JsonObject { ["bootable"] = parse.GetValue(bootable) }, token));
            if (parse.GetValue(readOnly) || parse.GetValue(readWrite))
                await parts.Do("set volume read-only access mode flag", () => api.Act(path, "os-update_readonly_flag",
                    new JsonObject { ["readonly"] = parse.GetValue(readOnly) }, token));
            if (parse.GetValue(type) is { } other)
                await parts.Do("set volume type", async () => await api.Act(path, "os-retype", new JsonObject
                {
                    ["new_type"] = (string?)(await Names.Type(api, other, token))["id"],
                    ["migration_policy"] = parse.GetValue(policy) ?? "never",
                }, token));
            var update = new JsonObject();
            if (parse.GetValue(name) is { } renamed) update["name"] = renamed;
            if (parse.GetValue(description) is { } described) update["description"] = described;
            if (update.Count > 0)
                await parts.Do("update volume name or description", () => api.Put(path, new JsonObject { ["volume"] = update }, token));
            if (parts.Failed == 0 && (parse.GetValue(size) ?? (object?)parse.GetValue(type)) is not null)
                await waiting.Over(parse, api, now, told, s => s is "available" or "in-use" || s == before, token);
            parts.End();
        };
    });

    public static Command Flatten(Session session) => session.Command("flatten", "Copy into a volume what it shares with others, so that it depends on none", command =>
    {
        var volume = Opt.One("volume", "Volume to flatten (name or ID)");
        command.Add(volume);
        var waiting = new Waiting(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var id = (string)(await Names.Volume(api, parse.GetRequiredValue(volume), token))["id"]!;
            if (waiting.Asked(parse)) await Newest(); // whoever may not see it is told before
            await api.Act($"volumes/{id}", "os-flatten", null, token);
            if (!waiting.Asked(parse)) return;
            // Its status stays what it is.
            var end = await waiting.Until(parse, $"volume {parse.GetRequiredValue(volume)}", Newest, s => s is "done" or "failed" or "stuck", token);
            if ((string?)end?["status"] != "done") throw new CliFault($"volume {parse.GetRequiredValue(volume)} is as it was: {(string?)end?["fault"]}");

            async Task<JsonObject?> Newest()
            {
                try { return (await api.List("operations", [("resource_uuid", id), ("kind", "FlattenVolume")], "operations", token, limit: 1)).FirstOrDefault(); }
                catch (ApiFault e) when (e.Status == HttpStatusCode.Forbidden)
                {
                    throw new CliFault("--wait is for admins here: others are not told when it is done. Nothing was asked for.");
                }
            }
        };
    });

    public static Command Migrate(Session session) => session.Command("migrate", "Migrate volume to a new host", command =>
    {
        var volume = Opt.One("volume", "Volume to migrate (name or ID)");
        var host = Opt.Text("--host", "host", "Destination host (takes the form: host@backend-name#pool)");
        host.Required = true;
        var copy = Opt.Flag("--force-host-copy", "Copy by the host, whatever the driver could do better");
        var locked = Opt.Flag("--lock-volume", "Let nothing else end the migration");
        command.With(volume, host, copy, locked);
        var waiting = new Waiting(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var now = await Names.Volume(api, parse.GetRequiredValue(volume), token);
            var told = await waiting.Told(parse, api, (string)now["id"]!, token);
            await api.Act($"volumes/{(string?)now["id"]}", "os-migrate_volume", new JsonObject
            {
                ["host"] = parse.GetValue(host), ["force_host_copy"] = parse.GetValue(copy), ["lock_volume"] = parse.GetValue(locked),
            }, token);
            await waiting.Over(parse, api, now, told, s => s == "success", token, status: "migration_status");
        };
    });

    public static Command Unset(Session session) => session.Command("unset", "Unset volume properties", command =>
    {
        var volume = Opt.One("volume", "Volume to modify (name or ID)");
        var properties = Opt.Many("--property", "key", "Remove a property from volume (repeat option to remove multiple properties)");
        var imageProperties = Opt.Many("--image-property", "key", "Remove an image property from volume (repeat option to remove multiple image properties)");
        command.With(volume, properties, imageProperties);

        return async (parse, api, token) =>
        {
            var path = $"volumes/{(string?)(await Names.Volume(api, parse.GetRequiredValue(volume), token))["id"]}";
            var parts = new Parts(session.Terminal, "unset");
            foreach (var key in parse.GetValue(properties) ?? [])
                await parts.Do("unset volume property", () => api.Delete($"{path}/metadata/{Uri.EscapeDataString(key)}", token));
            foreach (var key in parse.GetValue(imageProperties) ?? [])
                await parts.Do("unset image property", () => api.Act(path, "os-unset_image_metadata", new JsonObject { ["key"] = key }, token));
            parts.End();
        };
    });

    public static Command Delete(Session session) => session.Command("delete", "Delete volume(s)", command =>
    {
        var volumes = Opt.Several("volume", "Volume(s) to delete (name or ID)");
        var force = Opt.Flag("--force", "Attempt forced removal of volume(s), regardless of state (defaults to False)");
        var purge = Opt.Flag("--purge", "Remove any snapshots along with volume(s) (defaults to False)");
        var remote = Opt.Flag("--remote", "Unmanage the volume(s): forget them and leave what is in storage (admin only)");
        command.With(volumes, force, purge, remote);
        command.Exclusive(force, purge, remote);
        var waiting = new Waiting(command, session.Terminal);

        return async (parse, api, token) =>
        {
            var names = parse.GetRequiredValue(volumes);
            var accepted = new Dictionary<string, string>();
            CliFault? refused = null;
            try
            {
                await session.Each(names, "delete", "volume", async name =>
                {
                    var path = $"volumes/{(string?)(await Names.Volume(api, name, token))["id"]}";
                    if (parse.GetValue(force)) await api.Act(path, "os-force_delete", null, token);
                    else if (parse.GetValue(remote)) await api.Act(path, "os-unmanage", null, token);
                    else await api.Delete(path + (parse.GetValue(purge) ? "?cascade=True" : ""), token);
                    accepted[name] = path;
                });
            }
            catch (CliFault fault)
            {
                refused = fault; // the others are on their way, and are waited for
            }
            if (waiting.Asked(parse))
                await session.Each([.. accepted.Keys], "delete", "volume", name => waiting.Until(parse, $"volume {name}",
                    async () => (JsonObject?)(await api.Try(accepted[name], token))?["volume"], s => s is null, token, api));
            if (refused is not null) throw refused;
        };
    });
}

/// <summary>Several changes to one thing: each is tried, and the end says whether all went well.</summary>
internal sealed class Parts(Terminal terminal, string verb)
{
    public int Failed { get; private set; }

    public async Task Do(string what, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception e) when (e is CliFault or ApiFault { Status: not HttpStatusCode.Unauthorized })
        {
            Failed++;
            await terminal.Error.WriteLineAsync($"Failed to {what}: {e.Message}");
        }
    }

    /// <exception cref="CliFault">A part failed.</exception>
    public void End()
    {
        if (Failed > 0) throw new CliFault($"One or more of the {verb} operations failed");
    }
}
