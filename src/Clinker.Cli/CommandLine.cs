using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using Clinker.Cli.Checks;
using Clinker.Cli.Cloud;
using Clinker.Cli.Commands;
using Clinker.Cli.Ini;
using Clinker.Cli.Users;

namespace Clinker.Cli;

/// <summary>
/// The tree of commands, in the grammar of the OpenStack client, and the exit codes: 0 done, 1 failed, 2 called wrongly,
/// 130 interrupted.
/// </summary>
internal static class CommandLine
{
    const int Interrupted = 130;

    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Runs one command line.</summary>
    /// <param name="program">As it was called (argv[0]).</param>
    public static async Task<int> Run(string program, string[] args, Terminal terminal)
    {
        if (Path.GetFileName(program) == "openstack-config") return OpenstackConfig.Run(args, terminal);
        if (args is ["--version"])
        {
            await terminal.Out.WriteLineAsync($"clinker {Version}");
            return 0;
        }
        // "help volume create" is the same as "volume create --help", as in cliff.
        if (args is ["help", ..]) args = [.. args[1..], "--help"];

        var root = Tree(terminal);
        // No response files: "@" starts the name of a body's file.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.CommandResult.Command != root)
            foreach (var option in root.Options.Where(o => o.Recursive && o.Name.StartsWith("--os-", StringComparison.Ordinal)))
                option.Hidden = true;
        if (parse.Errors.Count > 0 && parse.Action is null or ParseErrorAction)
        {
            foreach (var error in parse.Errors) await terminal.Error.WriteLineAsync(error.Message);
            await terminal.Error.WriteLineAsync($"See '{Called(parse)} --help'.");
            return CliFault.Usage;
        }
        try
        {
            return await parse.InvokeAsync(new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
            });
        }
        catch (CliFault fault)
        {
            await terminal.Error.WriteLineAsync(fault.Message);
            return fault.ExitCode;
        }
        catch (ApiFault fault)
        {
            await terminal.Error.WriteLineAsync(fault.Message);
            return CliFault.Failed;
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
    }

    static string Called(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = parse.CommandResult; result is not null; result = result.Parent as System.CommandLine.Parsing.CommandResult)
            names.Add(result.Command is RootCommand ? "clinker" : result.Command.Name);
        names.Reverse();
        return string.Join(' ', names);
    }

    static RootCommand Tree(Terminal terminal)
    {
        var session = new Session(terminal);
        var root = new RootCommand("Block storage on GlusterFS: volumes by the Block Storage API, and what a host needs for them.");
        root.Options.Remove(root.Options.First(o => o is VersionOption));
        root.Directives.Clear();
        root.Add(Opt.Flag("--version", "Show the version"));
        foreach (var option in session.Globals()) root.Add(option);
        root.With(
            new Command("volume", "Volumes").With(
                VolumeCreate.Make(session), VolumeRead.List(session), VolumeRead.Show(session), VolumeChange.Set(session),
                VolumeChange.Unset(session), VolumeChange.Delete(session), VolumeChange.Migrate(session), VolumeChange.Flatten(session), VolumeRead.Summary(session),
                VolumeTypes.Make(session), Snapshots.Make(session), Snapshots.Revert(session), Backups.Make(session), Transfers.Make(session), Attachments.Make(session),
                QosSpecs.Make(session), Admin.Message(session), Admin.Host(session),
                new Command("service", "Services").With(Hosts.ServiceList(session), Hosts.ServiceSet(session)),
                new Command("pool", "Pools").With(Hosts.PoolList(session, brief: false)),
                new Command("backend", "Backends").With(
                    new Command("pool", "Pools").With(Hosts.PoolList(session, brief: true)), Admin.Capability(session))),
            new Command("service", "Services").With(Hosts.ServiceList(session), Hosts.ServiceSet(session)),
            new Command("pool", "Pools").With(Hosts.PoolList(session, brief: false), Rebalance.Make(session)),
            new Command("availability", "Availability zones").With(new Command("zone", "Availability zones").With(Hosts.ZoneList(session))),
            new Command("limits", "Limits").With(Hosts.LimitsShow(session)),
            Quotas.Make(session),
            Admin.BlockStorage(session),
            Operations.Make(session),
            ShareCheck.Make(session),
            RawApi.Make(session),
            ConfigCommands.Make(terminal),
            UserCommands.Make(terminal),
            DoctorCommand.Make(session),
            FirewallCommand.Make(terminal));
        return root;
    }
}
