using System.CommandLine;
using System.Globalization;
using System.Net;

namespace Clinker.Server.Configuration;

/// <summary>The arguments of <c>clinkerd</c>, read; not yet checked against the files.</summary>
sealed record CommandLine
{
    public IReadOnlyList<string> ConfigFiles { get; private init; } = [];
    public IReadOnlyList<string> ConfigDirectories { get; private init; } = [];
    public bool Embedded { get; private init; }
    public string? State { get; private init; }
    public IReadOnlyList<string> Shares { get; private init; } = [];
    public Roles Roles { get; private init; } = Roles.All;
    public bool InsecureAnywhere { get; private init; }
    public bool SampleConfig { get; private init; }
    public bool CheckConfig { get; private init; }
    /// <summary>What is asked of the rules; null: nothing.</summary>
    public PolicyQuestion? Policy { get; private init; }
    /// <summary>What an argument says of an option, as if it stood in a last file.</summary>
    public IReadOnlyList<(string Section, string Key, string Text)> Values { get; private init; } = [];

    /// <summary>Null, with a text to print, for --help and --version.</summary>
    public static CommandLine? Parse(IReadOnlyList<string> arguments, string version, List<string> errors, out string? print)
    {
        var file = Argument<string[]>("--config-file", "FILE", "Read this file; may be repeated, the last wins. Without it: /etc/cinder/cinder.conf and /etc/cinder/cinder.conf.d/*.conf where they are.");
        var directory = Argument<string[]>("--config-dir", "DIR", "Read *.conf of this directory after all files; may be repeated.");
        var embedded = Argument<bool>("--embedded", null, "Read no file: SQLite and a directory for volumes under the state directory, on loopback. Also what happens when there is no file.");
        var state = Argument<string>("--state", "DIR", "The state directory. Embedded: ~/.local/state/clinker.");
        var share = Argument<string[]>("--share", "HOST:/VOLUME", "Embedded: keep volumes on this GlusterFS share instead of a directory; may be repeated.");
        var listen = Argument<string>("--listen", "ADDRESS[:PORT]", "Where the API listens.");
        var port = Argument<string>("--port", "PORT", "The port it listens on; 0 for any free one.");
        var role = Argument<string>("--role", "ROLES", "What this process does: api, scheduler, volume, backup, separated by commas. Without it: all.");
        var anywhere = Argument<bool>("--insecure-anywhere", null, "Serve without authentication on an address that is not loopback. Whoever reaches it may do everything.");
        var logDirectory = Argument<string>("--log-dir", "DIR", "Log also into files there.");
        var json = Argument<bool>("--log-json", null, "Log JSON lines.");
        var debug = Argument<bool>("--debug", null, "Log more.");
        var sample = Argument<bool>("--sample-config", null, "Print a file with all options and what they mean, and end.");
        var check = Argument<bool>("--check-config", null, "Read everything, say what is wrong with it, and end.");
        var root = new RootCommand("clinkerd: block storage that speaks OpenStack's Block Storage API")
        {
            file, directory, embedded, state, share, listen, port, role, anywhere, logDirectory, json, debug, sample, check,
        };
        root.TreatUnmatchedTokensAsErrors = true;
        root.SetAction(_ => { }); // nothing is run from here; but without it a command would have to be named
        file.Recursive = directory.Recursive = true;
        var roles = Argument<string[]>("--role", "ROLE", "A role that the caller has; may be repeated.");
        var asJson = Argument<bool>("--json", null, "Print JSON.");
        var rule = new System.CommandLine.Argument<string>("RULE") { Description = "Such as volume:create; api/routes.txt names the rule of each route." };
        var list = new Command("list", "Print every rule, and how far readers, members and admins may, or a caller with these roles.") { roles, asJson };
        var allowed = new Command("check", "Say how far a caller with these roles may, by a rule, and why; ends with 1 when he may not at all.") { rule, roles, asJson };
        root.Add(new Command("policy", "Who may do what, by the policy files of the configuration.") { list, allowed });
        var parsed = root.Parse(arguments, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });

        print = null;
        if (arguments.Contains("--version")) { print = $"clinkerd {version}\n"; return null; }
        if (arguments.Any(a => a is "--help" or "-h" or "-?"))
        {
            using var text = new StringWriter(CultureInfo.InvariantCulture);
            root.Parse([.. arguments.TakeWhile(a => !a.StartsWith('-')), "--help"]).Invoke(new InvocationConfiguration { Output = text });
            print = text.ToString();
            return null;
        }
        foreach (var error in parsed.Errors) errors.Add($"command line: {error.Message}");
        if (errors.Count > 0) return null;

        var values = new List<(string, string, string)>();
        void Say(string key, string? text)
        {
            if (text is not null) values.Add((Sections.Default, key, text.Replace("$", "$$", StringComparison.Ordinal)));
        }
        var at = parsed.GetValue(listen);
        if (at is not null)
        {
            var (address, itsPort) = SplitPort(at);
            Say(Options.Listen.Key, address);
            Say(Options.ListenPort.Key, itsPort);
        }
        Say(Options.ListenPort.Key, parsed.GetValue(port));
        if (parsed.GetValue(state) is { } path) Say(Options.StatePath.Key, Path.GetFullPath(path));
        if (parsed.GetValue(logDirectory) is { } logs) Say(Options.LogDir.Key, Path.GetFullPath(logs));
        if (parsed.GetValue(json)) Say(Options.UseJson.Key, "true");
        if (parsed.GetValue(debug)) Say(Options.Debug.Key, "true");
        return new CommandLine
        {
            ConfigFiles = parsed.GetValue(file) ?? [],
            ConfigDirectories = parsed.GetValue(directory) ?? [],
            Embedded = parsed.GetValue(embedded),
            State = parsed.GetValue(state),
            Shares = parsed.GetValue(share) ?? [],
            Roles = RolesOf(parsed.GetValue(role), errors),
            InsecureAnywhere = parsed.GetValue(anywhere),
            SampleConfig = parsed.GetValue(sample),
            CheckConfig = parsed.GetValue(check),
            Policy = parsed.CommandResult.Command == list || parsed.CommandResult.Command == allowed
                ? new(parsed.CommandResult.Command == allowed ? parsed.GetValue(rule) : null, parsed.GetValue(roles) ?? [], parsed.GetValue(asJson)) : null,
            Values = values,
        };
    }

    /// <summary>Asked of the rules in force.</summary>
    /// <param name="Rule">Null: of all.</param>
    public sealed record PolicyQuestion(string? Rule, IReadOnlyList<string> Roles, bool AsJson);

    static System.CommandLine.Option<T> Argument<T>(string name, string? value, string means) =>
        new(name) { HelpName = value, Description = means };

    static Roles RolesOf(string? text, List<string> errors)
    {
        if (text is null) return Roles.All;
        var roles = Roles.None;
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            roles |= word switch
            {
                "api" => Roles.Api,
                "scheduler" => Roles.Scheduler,
                "volume" => Roles.Volume,
                "backup" => Roles.Backup,
                "all" => Roles.All,
                _ => Unknown(word, errors),
            };
        if (roles == Roles.None && errors.Count == 0) errors.Add("command line: --role names none; accepted: api, scheduler, volume, backup, separated by commas");
        return roles;
    }

    static Roles Unknown(string word, List<string> errors)
    {
        errors.Add($"command line: --role: there is no role \"{word}\"; accepted: api, scheduler, volume, backup, separated by commas");
        return Roles.None;
    }

    // "::1" alone is an address; a port behind an IPv6 address needs brackets around that.
    static (string Address, string? Port) SplitPort(string text)
    {
        if (!text.StartsWith('[') && IPAddress.TryParse(text, out _)) return (text, null);
        var colon = text.LastIndexOf(':');
        return colon < 0 || text.EndsWith(']') ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }
}
