using System.CommandLine;

namespace Clinker.Cli.Ini;

/// <summary><c>clinker config get|set|del|merge FILE SECTION KEY …</c>.</summary>
internal static class ConfigCommands
{
    public static Command Make(Terminal terminal) => new Command("config",
        "Read and edit configuration files in place: comments and order stay. A link named openstack-config does the same in that tool's grammar.")
        .With(Get(terminal), Set(terminal), Delete(terminal), Merge(terminal));

    static Argument<string> File() => Opt.One("file", "the file, for example /etc/cinder/cinder.conf");
    static Argument<string> Section() => Opt.One("section", "the section; DEFAULT for what has none");

    static string In(Terminal terminal, string? file) => Path.Combine(terminal.Directory, file!);

    static Command Get(Terminal terminal)
    {
        var (file, section, key) = (File(), Section(), new Argument<string?>("key") { Description = "the key; without it the section's keys are listed", Arity = ArgumentArity.ZeroOrOne });
        var all = Opt.Flag("--all", "all values of a key that is there several times, a line each (default: the last, which counts)");
        var command = new Command("get", "Print a value").With(file, section, key, all);
        command.SetAction(parse =>
        {
            var document = IniFile.Read(In(terminal, parse.GetValue(file)));
            var name = parse.GetRequiredValue(section);
            if (!document.Has(name)) throw new CliFault($"Section not found: {name}");
            var lines = parse.GetValue(key) is { } asked ? document.Values(name, asked) : document.Keys(name);
            if (lines.Count == 0 && parse.GetValue(key) is not null) throw new CliFault($"Parameter not found: {parse.GetValue(key)}");
            foreach (var line in parse.GetValue(key) is null || parse.GetValue(all) ? lines : lines.TakeLast(1)) terminal.Out.WriteLine(line);
        });
        return command;
    }

    static Command Set(Terminal terminal)
    {
        var (file, section, key) = (File(), Section(), Opt.One("key", "the key"));
        var values = new Argument<string[]>("value") { Description = "the value; several for a key that may be there several times", Arity = ArgumentArity.ZeroOrMore };
        var add = Opt.Flag("--add", "add another line for the key instead of replacing those it has");
        var existing = Opt.Flag("--existing", "fail when file, section or key is not there yet");
        var command = new Command("set", "Set a value; file, section and key are made when they are not there").With(file, section, key, values, add, existing);
        command.SetAction(parse =>
        {
            var (path, name, param) = (In(terminal, parse.GetValue(file)), parse.GetRequiredValue(section), parse.GetRequiredValue(key));
            string[] given = parse.GetValue(values) is { Length: > 0 } v ? v : [""];
            if (parse.GetValue(existing)) Existing(IniFile.Read(path), name, param);
            IniFile.Edit(path, document =>
            {
                if (!parse.GetValue(add)) document.Set(name, param, given);
                else foreach (var value in given) document.Add(name, param, value);
            });
        });
        return command;
    }

    /// <exception cref="CliFault">The section or the key is absent.</exception>
    public static void Existing(IniDocument document, string section, string? key)
    {
        if (!document.Has(section)) throw new CliFault($"Section not found: {section}");
        if (key is not null && document.Values(section, key).Count == 0) throw new CliFault($"Parameter not found: {key}");
    }

    static Command Delete(Terminal terminal)
    {
        var (file, section, key) = (File(), Section(), new Argument<string?>("key") { Description = "the key; without it the whole section goes", Arity = ArgumentArity.ZeroOrOne });
        var existing = Opt.Flag("--existing", "fail when it is not there");
        var command = new Command("del", "Delete a key or a section").With(file, section, key, existing);
        command.SetAction(parse =>
        {
            var (path, name, param) = (In(terminal, parse.GetValue(file)), parse.GetRequiredValue(section), parse.GetValue(key));
            var document = IniFile.Read(path); // deleting makes no file
            if (parse.GetValue(existing)) Existing(document, name, param);
            IniFile.Edit(path, d => _ = param is null ? d.Delete(name) : d.Delete(name, param));
        });
        return command;
    }

    static Command Merge(Terminal terminal)
    {
        var file = File();
        var section = new Argument<string?>("section") { Description = "put all of it into this section", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("merge", "Set all that standard input holds, in the same grammar").With(file, section);
        command.SetAction(parse => IniFile.Edit(In(terminal, parse.GetValue(file)), d => MergeInto(d, Input(terminal), parse.GetValue(section))));
        return command;
    }

    public static IniDocument Input(Terminal terminal)
    {
        using var input = terminal.In();
        using var bytes = new MemoryStream();
        input.CopyTo(bytes);
        return IniDocument.Parse(bytes.ToArray());
    }

    /// <summary>Sets every key of <paramref name="from"/>, all in one section if that is asked for.</summary>
    public static void MergeInto(IniDocument document, IniDocument from, string? section)
    {
        foreach (var source in from.Sections())
        {
            if (section is null) document.AddSection(source);
            foreach (var key in from.Keys(source)) document.Set(section ?? source, key, [.. from.Values(source, key)]);
        }
    }
}
