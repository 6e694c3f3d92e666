namespace Clinker.Server.Configuration;

/// <summary>Where something was written.</summary>
/// <param name="Line">Counted from 1; 0 where there are no lines (the command line).</param>
readonly record struct Place(string File, int Line)
{
    public override string ToString() => Line == 0 ? File : $"{File}:{Line}";
}

/// <summary>A key with one of its values, as it was written: before <c>$name</c>s are replaced.</summary>
/// <param name="Section">As written; see <see cref="IniFile.Normal"/>.</param>
sealed record IniEntry(string Section, string Key, string Text, Place At);

/// <summary>A <c>[section]</c> line.</summary>
sealed record IniSection(string Name, Place At);

/// <summary>
/// A file in the INI dialect of oslo.config (oslo_config/iniparser.py), read as it reads:
/// <list type="bullet">
/// <item>a line that starts with a blank or a tab goes on with the value above it (joined by a newline), even if it looks like
/// a comment; an empty line or a comment ends the value;</item>
/// <item>comments are whole lines that start with <c>#</c> or <c>;</c>: behind a value these are part of it;</item>
/// <item>the first <c>=</c> or <c>:</c> ends the key; blanks around key and value go;</item>
/// <item>one pair of equal quotes around the whole first line of a value goes;</item>
/// <item>a key may be repeated: what that means is the option's matter.</item>
/// </list>
/// Unlike oslo.config, it goes on after a bad line, so that all of them are told at once.
/// </summary>
sealed class IniFile
{
    readonly List<IniEntry> entries = [];
    readonly List<IniSection> sections = [];
    readonly List<string> problems = [];

    IniFile(string path) => Path = path;

    /// <summary>The file, or what stands for it in messages.</summary>
    public string Path { get; }
    /// <summary>All keys with their values, from top to bottom.</summary>
    public IReadOnlyList<IniEntry> Entries => entries;
    public IReadOnlyList<IniSection> Sections => sections;
    /// <summary>What is wrong with it, each with file and line.</summary>
    public IReadOnlyList<string> Problems => problems;

    /// <summary>The name under which a section is looked up: case counts for <c>DEFAULT</c> alone (cfg.py, _normalize_group_name).</summary>
    public static string Normal(string section) => section == "DEFAULT" ? section : section.ToLowerInvariant();

    /// <summary>Reads text that does not come from a file, such as the command line's; its places have no lines.</summary>
    public static IniFile Of(string name, params IEnumerable<(string Section, string Key, string Text)> values)
    {
        var file = new IniFile(name);
        foreach (var (section, key, text) in values)
        {
            if (!file.sections.Exists(s => s.Name == section)) file.sections.Add(new(section, new(name, 0)));
            file.entries.Add(new(section, key, text, new(name, 0)));
        }
        return file;
    }

    public static IniFile Parse(string path, string text)
    {
        var file = new IniFile(path);
        string? section = null, key = null;
        var value = new List<string>();
        var (number, start) = (0, 0);

        void End()
        {
            if (key is null) return;
            if (section is null) file.Wrong(start, $"\"{key}\" stands before the first [section]; write [DEFAULT] above it");
            else file.entries.Add(new(section, key, string.Join('\n', value), new(path, start)));
            key = null;
        }

        foreach (var raw in Lines(text))
        {
            number++;
            var line = raw.TrimEnd();
            if (line.Length == 0) { End(); continue; }
            if (line[0] is ' ' or '\t')
            {
                if (key is null) file.Wrong(number, $"\"{line.Trim()}\" starts with a blank, which continues a value, but there is none above it");
                else value.Add(line.TrimStart());
                continue;
            }
            End();
            if (line[0] == '[')
            {
                if (line[^1] != ']') file.Wrong(number, $"\"{line}\" has to end with ] (a comment needs a line of its own)");
                else if (line.Length == 2) file.Wrong(number, "[] names no section");
                else file.sections.Add(new(section = line[1..^1], new(path, number)));
            }
            else if (line[0] is not ('#' or ';'))
            {
                var at = line.AsSpan().IndexOfAny('=', ':');
                if (at < 0) { file.Wrong(number, $"\"{line}\" has neither = nor : behind a key"); continue; }
                key = line[..at].Trim();
                if (key.Length == 0) { file.Wrong(number, $"\"{line}\" has no key before the {line[at]}"); key = null; continue; }
                start = number;
                value = [Unquote(line[(at + 1)..].Trim())];
            }
        }
        End();
        return file;
    }

    void Wrong(int line, string why) => problems.Add($"{new Place(Path, line)}: {why}");

    // A lone quote counts as both of its pair there (value[1:-1] of one character), and so it does here.
    static string Unquote(string value) =>
        value is ['"', ..] or ['\'', ..] && value[0] == value[^1] ? value.Length == 1 ? "" : value[1..^1] : value;

    // Python's universal newlines: \n, \r\n and \r, and no others.
    static IEnumerable<string> Lines(string text)
    {
        for (var from = 0; from < text.Length;)
        {
            var length = text.AsSpan(from).IndexOfAny('\n', '\r');
            if (length < 0) { yield return text[from..]; yield break; }
            yield return text.Substring(from, length);
            var end = from + length;
            from = end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
        }
    }
}
