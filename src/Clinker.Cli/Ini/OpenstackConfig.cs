using System.Text;

namespace Clinker.Cli.Ini;

/// <summary>
/// The tool <c>openstack-config</c> of the how-tos (a name for crudini): <c>--set|--get|--del|--merge|--has FILE SECTION KEY
/// VALUE</c>, its options and its messages. Its exit code is 1 for every failure.
/// </summary>
internal static class OpenstackConfig
{
    const string Help = """
        Edit INI files in place: comments, order and what is not edited stay.

        Usage: openstack-config --set [OPTION]...   config_file section   [param] [value]
          or:  openstack-config --get [OPTION]...   config_file [section] [param]
          or:  openstack-config --del [OPTION]...   config_file section   [param] [list value]
          or:  openstack-config --merge [OPTION]... config_file [section]
          or:  openstack-config --has               config_file section   param

        SECTION can be empty ("") or "DEFAULT": then params not in a section are operated on.
        If "DEFAULT" is used with --set, an explicit [DEFAULT] section is added.

        Options:
          --existing[=WHAT]  For --set, --del and --merge: fail if an item is missing,
                               where WHAT is "file", "section" or "param", or all of them if not said.
          --format=FMT       For --get: print as "sh", "ini" or "lines".
          --inplace          Write the file itself; not atomic, but links and mounts stay.
          --list             For --set and --del: update a list of values.
          --list-sep=STR     What separates a list's values, instead of ",". An empty STR means whitespace.
          --output=FILE      Write to FILE instead; "-" means stdout.
          --verbose          Say on stderr whether anything was changed.
          --help, --version

        """;

    /// <summary>The options and words of one call.</summary>
    sealed class Call
    {
        public string? Mode { get; set; }
        public string? Existing { get; set; }
        public string? Format { get; set; }
        public string? Output { get; set; }
        public string? Separator { get; set; }
        public bool InPlace { get; set; }
        public bool List { get; set; }
        public bool Verbose { get; set; }
        public List<string> Words { get; } = [];

        public string File => Words[0];
        public string? Section => Words.ElementAtOrDefault(1);
        public string? Param => Words.ElementAtOrDefault(2);
        public string? Value => Words.ElementAtOrDefault(3);
    }

    public static int Run(string[] args, Terminal terminal)
    {
        try
        {
            if (args.Contains("--help"))
            {
                terminal.Out.Write(Help);
                return 0;
            }
            if (args.Contains("--version"))
            {
                terminal.Out.WriteLine($"openstack-config (clinker) {CommandLine.Version}");
                return 0;
            }
            return Do(Read(args), terminal);
        }
        catch (CliFault fault)
        {
            terminal.Error.WriteLine(fault.Message);
            if (fault.ExitCode == CliFault.Usage) terminal.Error.Write(Help);
            return CliFault.Failed;
        }
    }

    static Call Read(string[] args)
    {
        var call = new Call();
        for (var i = 0; i < args.Length; i++)
        {
            var (name, value) = args[i].IndexOf('=') is > 0 and var at && args[i].StartsWith("--", StringComparison.Ordinal)
                ? (args[i][..at], args[i][(at + 1)..])
                : (args[i], null);
            switch (name)
            {
                case "--set" or "--get" or "--del" or "--merge" or "--has":
                    if (call.Mode is not null && call.Mode != name) throw new CliFault("One of --set|--del|--get|--merge can be specified", CliFault.Usage);
                    call.Mode = name;
                    break;
                case "--existing": call.Existing = value ?? "all"; break;
                case "--inplace": call.InPlace = true; break;
                case "--list": call.List = true; break;
                case "--verbose": call.Verbose = true; break;
                case "--format": call.Format = value ?? Next(); break;
                case "--output": call.Output = value ?? Next(); break;
                case "--list-sep": call.Separator = value ?? Next(); break;
                case "--ini-options": _ = value ?? Next(); break; // how what is there is spaced is kept anyway
                case "--":
                    call.Words.AddRange(args[(i + 1)..]);
                    i = args.Length;
                    break;
                default:
                    // A value may look like an option once the words before it are there.
                    if (args[i].StartsWith("--", StringComparison.Ordinal) && call.Words.Count < 3)
                        throw new CliFault($"option {name} not recognized", CliFault.Usage);
                    call.Words.Add(args[i]);
                    break;
            }

            string Next() => ++i < args.Length ? args[i] : throw new CliFault($"option {name} requires argument", CliFault.Usage);
        }
        if (call.Mode is null) throw new CliFault("One of --set|--del|--get|--merge must be specified", CliFault.Usage);
        var least = call.Mode switch { "--set" or "--del" => 2, "--has" => 3, _ => 1 };
        var most = call.Mode switch { "--merge" => 2, "--get" or "--has" => 3, "--del" => call.List ? 4 : 3, _ => 4 };
        if (call.Words.Count < least || call.Words.Count > most)
            throw new CliFault($"{call.Mode} takes config_file, section, param and value as shown below", CliFault.Usage);
        if (call.Format is not (null or "sh" or "ini" or "lines")) throw new CliFault($"--format not recognized: {call.Format}", CliFault.Usage);
        if (call.Existing is not (null or "all" or "file" or "section" or "param"))
            throw new CliFault($"--existing not recognized: {call.Existing}", CliFault.Usage);
        return call;
    }

    static int Do(Call call, Terminal terminal)
    {
        var path = Path.Combine(terminal.Directory, call.File);
        switch (call.Mode)
        {
            case "--get":
                terminal.Out.Write(Got(IniFile.Read(path), call));
                return 0;
            case "--has":
                return IniFile.Read(path).Values(call.Section!, call.Param!).Count > 0 ? 0 : CliFault.Failed;
        }
        // Only a new value makes a file; and --existing asks for it before.
        if (call.Mode == "--del" || call.Existing is not null) Required(IniFile.Read(path), call);
        var input = call.Mode == "--merge" ? ConfigCommands.Input(terminal) : null;
        Action<byte[]>? into = call.Output switch
        {
            null => null,
            "-" => bytes => terminal.Out.Write(Encoding.UTF8.GetString(bytes)),
            var other => bytes => File.WriteAllBytes(Path.Combine(terminal.Directory, other), bytes),
        };
        var changed = IniFile.Edit(path, document => Edit(document, call, input), call.InPlace, into);
        if (call.Verbose) terminal.Error.WriteLine($"{(changed ? "changed" : "unchanged")}: {call.Mode} {string.Join(' ', call.Words)}");
        return 0;
    }

    static void Required(IniDocument document, Call call)
    {
        if (call.Existing is "all" or "section" or "param" && call.Section is { } section && !document.Has(section))
            throw new CliFault($"Section not found: {section}");
        if (call.Existing is "all" or "param" && call.Param is { } param && document.Values(call.Section!, param).Count == 0)
            throw new CliFault($"Parameter not found: {param}");
    }

    static void Edit(IniDocument document, Call call, IniDocument? input)
    {
        var section = call.Section ?? "";
        switch (call.Mode)
        {
            case "--merge":
                ConfigCommands.MergeInto(document, input!, call.Section);
                break;
            case "--set" when call.Param is null:
                document.AddSection(section);
                break;
            case "--set" when call.List:
                document.Set(section, call.Param, Listed(Last(document, call), call, add: true));
                break;
            case "--set":
                document.Set(section, call.Param, call.Value ?? "");
                break;
            case "--del" when call.Param is null:
                document.Delete(section);
                break;
            case "--del" when call.List && call.Value is not null:
                if (document.Values(section, call.Param).Count > 0) document.Set(section, call.Param, Listed(Last(document, call), call, add: false));
                break;
            default:
                document.Delete(section, call.Param!);
                break;
        }
    }

    static string Last(IniDocument document, Call call) => document.Values(call.Section!, call.Param!) is [.., var last] ? last : "";

    /// <summary>The list with the value in it once, or without it; separated as it was before.</summary>
    static string Listed(string list, Call call, bool add)
    {
        var separator = call.Separator ?? ",";
        var items = (separator.Length == 0 ? list.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : list.Split(separator, StringSplitOptions.TrimEntries))
            .Where(i => i.Length > 0).ToList();
        var there = items.Contains(call.Value ?? "");
        if (there == add) return list;
        if (add) items.Add(call.Value ?? "");
        else items.RemoveAll(i => i == call.Value);
        var join = separator.Length == 0 ? " " : list.Contains(separator + " ", StringComparison.Ordinal) ? separator + " " : separator;
        return string.Join(join, items);
    }

    static string Got(IniDocument document, Call call)
    {
        if (call.Section is { } asked && !document.Has(asked)) throw new CliFault($"Section not found: {asked}");
        if (call.Param is { } param && document.Values(call.Section!, param).Count == 0) throw new CliFault($"Parameter not found: {param}");
        if (call.Format is null)
            return Lines(call.Section is null ? document.Sections() : call.Param is null ? document.Keys(call.Section) : [Last(document, call)]);
        var text = new StringBuilder();
        foreach (var section in call.Section is null ? document.Sections() : [call.Section])
        {
            if (call.Format == "ini" && call.Param is null) text.Append('[').Append(section).Append("]\n");
            foreach (var key in call.Param is null ? document.Keys(section) : [call.Param])
            {
                var value = document.Values(section, key)[^1];
                text.Append(call.Format switch
                {
                    "sh" => $"{key}={Quoted(value)}\n",
                    "lines" => $"[ {section} ] {key} = {value.Replace("\n", "\\n", StringComparison.Ordinal)}\n",
                    _ => $"{key} = {value.Replace("\n", "\n ", StringComparison.Ordinal)}\n",
                });
            }
        }
        return text.ToString();
    }

    static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(l => l + "\n"));

    /// <summary>For a shell's eval; what is plain stays plain.</summary>
    static string Quoted(string value) => value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || "@%+=:,./-_".Contains(c))
        ? value
        : "'" + value.Replace("'", "'\"'\"'", StringComparison.Ordinal) + "'";
}
