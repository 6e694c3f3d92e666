using System.CommandLine;
using Clinker.Cli.Commands;
using Clinker.Cli.Output;
using Clinker.Cli.Shares;

namespace Clinker.Cli.Checks;

/// <summary><c>clinker doctor</c>: what is wrong on this host, and what to do about it.</summary>
internal static class DoctorCommand
{
    public static Option<string?> ConfigFile() => Opt.Text("--config-file", "file", $"the daemon's configuration (default: {CinderConf.DefaultPath})");

    public static Option<string?> GlusterdSocket() =>
        Opt.Text("--glusterd-sock", "socket", "glusterd's local socket, for the gluster command (CLINKER_GLUSTER_SOCK)");

    public static Command Make(Session session)
    {
        var terminal = session.Terminal;
        var config = ConfigFile();
        var socket = GlusterdSocket();
        var write = Opt.Flag("--write-test", "write, sync and delete a file on each mounted share");
        var command = new Command("doctor", "Find out what is wrong: packages, configuration, shares, ports, mounts, options, database, endpoint. Exit code 0: nothing; 1: something.")
            .With(config, socket, write);
        var output = OutputOptions.ForList(command, terminal);
        command.SetAction(async (parse, token) =>
        {
            var report = new Report();
            var path = Path.Combine(terminal.Directory, parse.GetValue(config) ?? CinderConf.DefaultPath);
            var conf = HostChecks.Config(report, path, asked: parse.GetValue(config) is not null);
            var backends = conf?.GlusterBackends ?? [];
            HostChecks.Packages(report, terminal, needsGluster: backends.Count > 0);

            var checks = new ShareChecks(terminal, parse.GetValue(socket) ?? terminal.Variable("CLINKER_GLUSTER_SOCK"), parse.GetValue(write));
            var shares = backends.SelectMany(b => HostChecks.Shares(report, b).Select(s => (Share: s, Backend: b))).ToList();
            foreach (var part in await Task.WhenAll(shares.Select(s => checks.Run(s.Share, s.Backend.MountBase)))) report.Add(part);
            if (conf is not null) await ServiceChecks.Database(report, conf.Database);
            await ServiceChecks.Endpoint(report, session.Resolve(parse), conf?.Endpoint, session.Debug(parse), token);

            if (output.IsAsked(parse)) output.Write(parse, Listing(report));
            else await terminal.Out.WriteAsync(Text(report));
            return report.IsWell ? 0 : CliFault.Failed;
        });
        return command;
    }

    static Listing Listing(Report report) => new(["Level", "Check", "About", "Finding", "Fix"],
        [.. report.Findings.Select(f => new Cell[] { Name(f.Level), f.Check, f.About, f.Said, f.Fix })]);

    internal static string Text(Report report)
    {
        var lines = report.Findings.Select(f =>
            $"{Name(f.Level),-8} {f.Check,-12} {f.About}: {f.Said}\n{(f.Fix is null ? "" : $"{"",-22}fix: {f.Fix}\n")}");
        var wrong = report.Findings.Count(f => f.Level is Level.Error);
        var doubtful = report.Findings.Count(f => f.Level is Level.Warning);
        return string.Concat(lines) + (report.IsWell ? "Nothing is wrong.\n" : $"{wrong} error(s), {doubtful} warning(s).\n");
    }

    static string Name(Level level) => level switch { Level.Ok => "ok", Level.Note => "note", Level.Warning => "warning", _ => "error" };
}
