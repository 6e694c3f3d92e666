using System.Text;

namespace Clinker.Server.Configuration;

/// <summary>
/// Takes typed values out of the files, and remembers what was asked for and what was wrong, so that all of it can be told at once.
/// </summary>
sealed class Reading(IniFiles files)
{
    readonly HashSet<(string Section, string Key)> used = [];
    readonly List<string> problems = [];
    readonly List<string> notes = [];

    /// <summary>Wrong values, each with its place and what is accepted.</summary>
    public IReadOnlyList<string> Problems => problems;

    /// <summary>What an operator should know although it stops nothing: old names, values without effect.</summary>
    public IReadOnlyList<string> Notes => notes;

    public IniFiles Files => files;

    /// <summary>The value of an option, its default where none is written; default(T) where there is neither or the value is wrong.</summary>
    public T? Get<T>(Option<T> option, string? section = null)
    {
        var (text, from) = Written(option, section);
        text ??= option.Default;
        if (text is null) return default;
        if (Substitute(text, section ?? option.Section, new(from, option), []) is not { } full) return default;
        if (option.Kind.Read(full, out var value) is not { } wrong) return value;
        Wrong(new(from, option), wrong);
        return default;
    }

    /// <summary>Whether a value is written for it anywhere that counts.</summary>
    public bool IsSet(Option option, string? section = null) => Entry(option, section) is not null;

    /// <summary>Adds a problem with the value that counts of an option; what it is the matter of several options may be told with any.</summary>
    public void Wrong(Option option, string? section, string why)
    {
        if (Entry(option, section) is { } entry) Wrong(entry, option, why);
        else Tell($"[{section ?? option.Section}] {option.Key}", option, why);
    }

    public void Wrong(string problem) => problems.Add(problem);

    public void Note(string note) => notes.Add(note);

    /// <summary>Whether a key had a meaning for anything that was read so far.</summary>
    public bool Used(string section, string key) => used.Contains((section, key));

    (string? Text, IniEntry? From) Written(Option option, string? section)
    {
        var home = section ?? option.Section;
        var names = option.Names(home);
        foreach (var name in names) used.Add(name);
        var entry = files.Last(names);
        if (entry is null && option.Section == Option.Backend)
        {
            names = option.Names(Sections.BackendDefaults);
            foreach (var name in names) used.Add(name);
            entry = files.Last(names);
        }
        if (entry is null) return (null, null);
        if (entry.Key != option.Key || IniFile.Normal(entry.Section) != names[0].Section)
        {
            var note = $"{entry.At}: [{entry.Section}] {entry.Key} is the older name of [{names[0].Section}] {option.Key}";
            if (!notes.Contains(note)) notes.Add(note);
        }
        return (entry.Text, entry);
    }

    IniEntry? Entry(Option option, string? section) =>
        files.Last(option.Names(section ?? option.Section))
        ?? (option.Section == Option.Backend ? files.Last(option.Names(Sections.BackendDefaults)) : null);

    // A default by itself is right: if it isn't, it was made from a value that is wrong, and that is told where it stands.
    void Wrong(Source source, string why)
    {
        if (source.Entry is { } entry) Wrong(entry, source.Option, why);
    }

    void Wrong(IniEntry entry, Option? option, string why)
    {
        var value = option?.Secret == true ? "***" : entry.Text.ReplaceLineEndings(" ");
        Tell($"{entry.At}: [{entry.Section}] {entry.Key} = {value}", option, why);
    }

    void Tell(string where, Option? option, string why)
    {
        var problem = $"{where}: {why}{(why.Length > 0 && option is not null ? "; " : "")}{(option is null ? "" : $"accepted: {option.Accepts}")}";
        if (!problems.Contains(problem)) problems.Add(problem);
    }

    /// <summary>Where a text comes from.</summary>
    /// <param name="Entry">Null: it is a default.</param>
    /// <param name="Option">Null: it is a key of the file's own, which others refer to.</param>
    readonly record struct Source(IniEntry? Entry, Option? Option);

    /// <summary>
    /// Replaces <c>$name</c>, <c>${name}</c> and <c>$section.name</c> by what those options are, <c>$$</c> and <c>\$</c> by a
    /// dollar sign; a dollar sign before anything else stays (cfg.py, _substitute: string.Template with dots in names). A name is
    /// looked up in the section of the value, then in [DEFAULT]. One that there isn't is an error, as it is in Cinder.
    /// </summary>
    string? Substitute(string text, string section, Source source, List<(string, string)> open)
    {
        if (!text.Contains('$', StringComparison.Ordinal)) return text;
        text = text.Replace(@"\$", "$$", StringComparison.Ordinal);
        var result = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '$') { result.Append(text[i]); continue; }
            if (i + 1 < text.Length && text[i + 1] == '$') { result.Append('$'); i++; continue; }
            var braced = i + 1 < text.Length && text[i + 1] == '{';
            var start = i + (braced ? 2 : 1);
            var end = start;
            while (end < text.Length && (char.IsAsciiLetter(text[end]) || text[end] == '_' || (end > start && (char.IsAsciiDigit(text[end]) || text[end] == '.')))) end++;
            if (end == start || (braced && (end == text.Length || text[end] != '}'))) { result.Append('$'); continue; }
            var name = text[start..end];
            if (Referred(name, section, source, open) is not { } value) return null;
            result.Append(value);
            i = braced ? end : end - 1;
        }
        return result.ToString();
    }

    string? Referred(string name, string section, Source source, List<(string, string)> open)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        List<(string Section, string Key)> candidates = dot < 0
            ? [(section, name), ("DEFAULT", name)]
            : [(IniFile.Normal(name[..dot]), name[(dot + 1)..])];
        foreach (var at in candidates)
        {
            var known = Options.All.FirstOrDefault(o => o.Key == at.Key && (o.Section == at.Section || (o.Section == Option.Backend && at.Section == section)));
            var entry = files.Last(known?.Names(at.Section) ?? [at]);
            if ((entry?.Text ?? known?.Default) is not { } text)
            {
                if (known is null) continue;
                return ""; // an option without a value is an empty text there
            }
            if (open.Contains(at))
            {
                Wrong(source, $"${name} refers to itself");
                return null;
            }
            if (entry is not null) used.Add((IniFile.Normal(entry.Section), entry.Key));
            open.Add(at);
            var value = Substitute(text, at.Section, new(entry, known), open);
            open.RemoveAt(open.Count - 1);
            return value;
        }
        // Part of a password, it may be, with a dollar sign in it.
        var shown = source.Option?.Secret == true ? "a name" : name;
        var hint = dot < 0 || source.Option?.Secret == true ? "" : $", or ${{{name[..dot]}}}{name[dot..]} if the dot is no part of it";
        Wrong(source, $"${shown} names no option (write $$ for a dollar sign itself{hint})");
        return null;
    }
}

/// <summary>Sections that mean something by their name. In their normal form.</summary>
static class Sections
{
    public const string Default = "DEFAULT";
    /// <summary>What backends share (Cinder: cinder/volume/configuration.py, SHARED_CONF_GROUP).</summary>
    public const string BackendDefaults = "backend_defaults";
    public const string Database = "database";
    public const string Middleware = "oslo_middleware";
    public const string Keystone = "keystone_authtoken";
    public const string Nova = "nova";
    public const string Barbican = "barbican";
    public const string Policy = "oslo_policy";
    public const string Audit = "audit";
    public const string Ssl = "ssl";
    public const string Cors = "cors";
    /// <summary>What Cinder has no options for.</summary>
    public const string Clinker = "clinker";

    public static bool Known(string section) =>
        section is Default or BackendDefaults or Database or Middleware or Keystone or Nova or Barbican or Policy or Audit or Ssl or Cors or Clinker;
}
