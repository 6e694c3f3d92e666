using System.Globalization;
using System.Text;

namespace Clinker.Server.Configuration;

/// <summary>Texts that are made from the table of options: the sample file, docs/configuration.md, the answer of --check-config.</summary>
static class ConfigurationReference
{
    /// <summary>A file with every option commented out at its default: reading it changes nothing.</summary>
    public static string Sample()
    {
        var text = new StringBuilder();
        foreach (var section in Options.All.GroupBy(o => o.Section))
        {
            if (text.Length > 0) text.Append('\n');
            if (section.Key == Option.Backend)
                text.Append("# A backend's section, named in enabled_backends. What is the same for all of them can stand in [backend_defaults]\n"
                    + "# instead. Without enabled_backends, these options stand in [DEFAULT].\n#[gluster1]\n");
            else text.Append(CultureInfo.InvariantCulture, $"[{section.Key}]\n");
            foreach (var option in section)
            {
                text.Append('\n');
                foreach (var line in Wrapped(option.Means, 100)) text.Append(CultureInfo.InvariantCulture, $"# {line}\n");
                foreach (var line in Wrapped($"Accepted: {option.Accepts}", 100)) text.Append(CultureInfo.InvariantCulture, $"# {line}\n");
                if (option.DefaultMeans is { } means) text.Append(CultureInfo.InvariantCulture, $"# Default: {means}\n");
                text.Append('#').Append(option.Key).Append(option.Default is null ? " =" : " = ").Append(option.Default).Append('\n');
            }
        }
        return text.ToString();
    }

    /// <summary>docs/configuration.md.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder("""
            # Configuration

            `clinkerd` reads `/etc/cinder/cinder.conf` and `/etc/cinder/cinder.conf.d/*.conf`, or the files and directories that
            `--config-file` and `--config-dir` name (then only those; what is read later wins). It is the INI dialect of oslo.config:

            - `key = value` or `key: value` below a `[section]`; comments are whole lines that start with `#` or `;`;
            - a line that starts with a blank continues the value above it; of a repeated key the last one counts;
            - `$name`, `${name}` and `$section.name` stand for another option's value, `$$` for a dollar sign;
            - one pair of quotes around a value goes; lists are separated by commas.

            A wrong value stops the start, and all wrong values are told at once, each with file, line and what is accepted. Keys and
            sections that are not listed here are ignored, and the log says once which. `clinkerd --check-config` reads everything and
            says what it found; `clinkerd --sample-config` prints a file to begin with.

            Without any file `clinkerd` runs *embedded*: SQLite and a directory for volumes under `$XDG_STATE_HOME/clinker`
            (`~/.local/state/clinker`, or `--state DIR`), or the shares that `--share HOST:/VOLUME` names; on 127.0.0.1:8776, without
            authentication and without quotas.

            This page is made from the table in `src/Clinker.Server/Configuration/Options.cs`.

            """);
        foreach (var section in Options.All.GroupBy(o => o.Section))
        {
            text.Append(section.Key == Option.Backend
                ? """

                ## A backend's section

                `enabled_backends` names the sections. A backend does not inherit from `[DEFAULT]`: what is the same for all of them stands
                in `[backend_defaults]`. Without `enabled_backends`, `[DEFAULT]` is the section of the only backend.

                """
                : $"\n## [{section.Key}]\n");
            text.Append("\n| option | default | accepted | what it does |\n|---|---|---|---|\n");
            foreach (var option in section)
            {
                var @default = option.DefaultMeans ?? (option.Default is { } d ? $"`{d}`" : "");
                var older = option.Old.Count == 0 ? "" : " Older names: " + string.Join(", ", option.Old.Select(o => o.Section is null ? $"`{o.Key}`" : $"`[{o.Section}] {o.Key}`")) + ".";
                text.Append(CultureInfo.InvariantCulture, $"| `{option.Key}` | {@default} | {Cell(option.Accepts)} | {Cell(option.Means + older)} |\n");
            }
        }
        return text.ToString();
    }

    /// <summary>What --check-config prints when nothing is wrong.</summary>
    public static string Checked(Settings settings)
    {
        var text = new StringBuilder();
        text.Append(settings.Embedded ? "embedded, no files\n" : $"read: {string.Join(", ", settings.Files)}\n");
        text.Append(CultureInfo.InvariantCulture, $"roles: {settings.Roles}\n");
        if (settings.Roles.HasFlag(Roles.Api)) text.Append(CultureInfo.InvariantCulture, $"API: {(settings.Network.Tls is null ? "http" : "https")}://{settings.Api.Listen}\n");
        if (settings.Keystone is { } keystone) text.Append(CultureInfo.InvariantCulture, $"identity: {keystone.AuthUrl}\n");
        if (settings.Nova is { } nova) text.Append(CultureInfo.InvariantCulture, $"compute: by {nova.AuthUrl}\n");
        if (settings.UsersFile is { } users) text.Append(CultureInfo.InvariantCulture, $"users: {users}\n");
        text.Append(CultureInfo.InvariantCulture, $"database: {settings.Database}\n");
        foreach (var backend in settings.Backends)
            text.Append(CultureInfo.InvariantCulture, $"backend: {backend.Host}@{backend.Name}, {backend.Driver}\n");
        if (settings.Backups is { } backups) text.Append(CultureInfo.InvariantCulture, $"backups: {backups.Path}\n");
        foreach (var note in settings.Notes) text.Append(CultureInfo.InvariantCulture, $"note: {note}\n");
        return text.Append("nothing is wrong\n").ToString();
    }

    static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    static IEnumerable<string> Wrapped(string text, int width)
    {
        var line = new StringBuilder();
        foreach (var word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }
            if (line.Length > 0) line.Append(' ');
            line.Append(word);
        }
        yield return line.ToString();
    }
}
