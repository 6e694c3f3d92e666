using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>quota …</c>, as far as it is block storage's.</summary>
internal static class Quotas
{
    static readonly string[] Resources = ["backups", "backup_gigabytes", "gigabytes", "per_volume_gigabytes", "snapshots", "volumes"];

    /// <summary>Those that have a limit for each volume type.</summary>
    static readonly string[] ByType = ["gigabytes", "snapshots", "volumes"];

    public static Command Make(Session session) => new Command("quota", "Quotas").With(Show(session), Set(session), Delete(session));

    static Command Show(Session session) => session.Command("show", "Show quotas for project or class", command =>
    {
        var project = Opt.One("project/class", "Show quotas for this project (ID) or class (name); without it, for one's own project");
        project.Arity = ArgumentArity.ZeroOrOne;
        var ofClass = Opt.Flag("--class", "Show quotas for <class>");
        var standard = Opt.Flag("--default", "Show default quotas for <project>");
        command.With(project, ofClass, standard);
        command.Exclusive(ofClass, standard);
        var output = OutputOptions.ForDetail(command, session.Terminal);
        return async (parse, api, token) =>
        {
            var id = parse.GetValue(project) ?? Own(api);
            var limits = parse.GetValue(ofClass)
                ? (await api.Get($"os-quota-class-sets/{Uri.EscapeDataString(id)}", token))["quota_class_set"]
                : (await api.Get($"os-quota-sets/{Uri.EscapeDataString(id)}{(parse.GetValue(standard) ? "/defaults" : "")}", token))["quota_set"];
            var shown = new JsonObject();
            foreach (var (name, limit) in limits as JsonObject ?? [])
                if (name == "id")
                {
                    shown["project"] = limit?.DeepClone();
                    shown["project_name"] = null;
                }
                else shown[Resources.Contains(name) ? Dashed(name) : name] = limit?.DeepClone();
            output.Write(parse, Detail.Of(shown));
        };
    });

    static Command Set(Session session) => session.Command("set", "Set quotas for project or class", command =>
    {
        var project = Opt.One("project/class", "Set quotas for this project (ID) or class (name)");
        var ofClass = Opt.Flag("--class", "Set quotas for <class>");
        var limits = Resources.Select(r => (Resource: r, Option: Opt.Number($"--{Dashed(r)}", Dashed(r), $"New value for the {Dashed(r)} quota"))).ToList();
        var type = Opt.Text("--volume-type", "volume-type", "Set quotas for a specific <volume-type>");
        command.With(project, ofClass);
        foreach (var (_, option) in limits) command.Add(option);
        command.Add(type);
        return async (parse, api, token) =>
        {
            var asked = new JsonObject();
            foreach (var (resource, option) in limits)
                if (parse.GetValue(option) is { } most)
                    asked[parse.GetValue(type) is { } name && ByType.Contains(resource) ? $"{resource}_{name}" : resource] = most;
            if (asked.Count == 0) return;
            var id = Uri.EscapeDataString(parse.GetRequiredValue(project));
            if (parse.GetValue(ofClass)) await api.Put($"os-quota-class-sets/{id}", new JsonObject { ["quota_class_set"] = asked }, token);
            else await api.Put($"os-quota-sets/{id}", new JsonObject { ["quota_set"] = asked }, token);
        };
    });

    static Command Delete(Session session) => session.Command("delete", "Delete configured quota for a project and revert to defaults", command =>
    {
        var project = Opt.One("project", "Delete quotas for this project (ID)");
        command.Add(project);
        return (parse, api, token) => api.Delete($"os-quota-sets/{Uri.EscapeDataString(parse.GetRequiredValue(project))}", token);
    });

    static string Dashed(string resource) => resource.Replace('_', '-');

    static string Own(BlockStorage api) => api.Endpoint.Segments is [.., "v3/", var project]
        ? project.TrimEnd('/')
        : throw new CliFault("The endpoint names no project: say which one's quotas to show.");
}
