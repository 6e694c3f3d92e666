using System.CommandLine;
using Clinker.Cli.Output;
using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary><c>clinker firewall</c>: rules for exactly the servers and ports that the shares use now.</summary>
internal static class FirewallCommand
{
    public static Command Make(Terminal terminal)
    {
        var format = Opt.Text("--format", "kind", "iptables (default) or nft", "-f");
        format.AcceptOnlyFromAmong("iptables", "nft");
        var json = Opt.Flag("--json", "servers, addresses and ports as JSON instead of rules");
        var config = DoctorCommand.ConfigFile();
        var files = Opt.Many("--shares-file", "file", "a shares file, instead of those that the configuration names (may be repeated)");
        var socket = DoctorCommand.GlusterdSocket();
        var command = new Command("firewall", "Print rules that let this host reach the GlusterFS servers and bricks in use (outgoing, TCP)")
            .With(format, json, config, files, socket);
        command.Exclusive(format, json);
        command.SetAction(async (parse, _) =>
        {
            var shares = Shares(terminal, parse.GetValue(config), parse.GetValue(files) ?? []);
            var finder = new BrickFinder(terminal, parse.GetValue(socket) ?? terminal.Variable("CLINKER_GLUSTER_SOCK"));
            var facts = await Task.WhenAll(shares.Select(async s => (s, await finder.Find(s))));
            var openings = await Task.WhenAll(FirewallRules.Needed(facts).Select(async n =>
                new Opening(n.Host, (await Reach.Resolve(n.Host)).Addresses, n.Ports, n.Note)));
            await terminal.Out.WriteAsync(parse.GetValue(json) ? JsonText.Of(FirewallRules.Json(openings))
                : parse.GetValue(format) == "nft" ? FirewallRules.Nft(openings)
                : FirewallRules.Iptables(openings));
            foreach (var opening in openings)
            {
                if (opening.Note is not null) await terminal.Error.WriteLineAsync($"{opening.Host}: {opening.Note}; the range {FirewallRules.BrickRange.Replace(':', '-')} is printed for it.");
                if (opening.Addresses.Count == 0) await terminal.Error.WriteLineAsync($"{opening.Host} can't be resolved: there is no rule for it.");
            }
            return 0;
        });
        return command;
    }

    /// <exception cref="CliFault">There is no share to open a way to.</exception>
    static List<Share> Shares(Terminal terminal, string? config, string[] files)
    {
        var report = new Report();
        var shares = new List<Share>();
        if (files.Length > 0)
            foreach (var file in files)
                shares.AddRange(HostChecks.Shares(report, new GlusterBackend("DEFAULT", Path.Combine(terminal.Directory, file), "", null)));
        else
            foreach (var backend in CinderConf.Read(Path.Combine(terminal.Directory, config ?? CinderConf.DefaultPath)).GlusterBackends)
                shares.AddRange(HostChecks.Shares(report, backend));
        foreach (var finding in report.Findings.Where(f => f.Level == Level.Error)) terminal.Error.WriteLine($"{finding.About}: {finding.Said}");
        return shares.Count > 0 ? shares : throw new CliFault("There is no share on GlusterFS to open a way to: name a shares file with --shares-file, or a configuration with --config-file.");
    }
}
