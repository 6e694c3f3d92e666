using System.Text;

namespace Clinker.Cli.Ini;

/// <summary>
/// A configuration file as its lines, so that an edit changes the lines it is about and no byte else. The grammar is that
/// of oslo.config's parser: <c>key = value</c> or <c>key: value</c>, lines that start with a blank go on with the value,
/// a blank line or a comment ends it, a key may be there several times, and what stands before the first section belongs
/// to DEFAULT.
/// </summary>
/// <remarks>The text is held as Latin-1, a character a byte, so that what is not UTF-8 survives too.</remarks>
internal sealed class IniDocument
{
    enum Kind { Other, Section, Assignment, Continuation }

    /// <param name="Text">The line without its end.</param>
    /// <param name="Name">The section's name, or the key.</param>
    /// <param name="ValueAt">Where an assignment's value starts.</param>
    readonly record struct Line(Kind Kind, string Text, string End, string Name = "", int ValueAt = 0)
    {
        public bool IsBlank => Text.Trim(Blanks).Length == 0;
        public bool IsComment => Text.StartsWith('#') || Text.StartsWith(';');
    }

    const string Default = "DEFAULT";
    static readonly char[] Blanks = [' ', '\t', '\r', '\f', '\v'];

    readonly List<Line> lines = [];
    readonly string newLine;

    IniDocument(string text)
    {
        var inValue = false;
        for (var at = 0; at < text.Length;)
        {
            var feed = text.IndexOf('\n', at);
            var next = feed < 0 ? text.Length : feed + 1;
            var end = feed < 0 ? "" : feed > at && text[feed - 1] == '\r' ? "\r\n" : "\n";
            var line = Read(text[at..(next - end.Length)], end, inValue);
            inValue = line.Kind is Kind.Assignment or Kind.Continuation;
            lines.Add(line);
            at = next;
        }
        newLine = lines.Count > 0 && lines[0].End == "\r\n" ? "\r\n" : "\n";
    }

    public static IniDocument Parse(byte[] content) => new(Encoding.Latin1.GetString(content));

    public byte[] ToBytes() => Encoding.Latin1.GetBytes(string.Concat(lines.Select(l => l.Text + l.End)));

    static Line Read(string text, string end, bool inValue)
    {
        var line = new Line(Kind.Other, text, end);
        if (line.IsBlank || line.IsComment) return line;
        if (text[0] is ' ' or '\t') return inValue ? line with { Kind = Kind.Continuation } : line;
        if (text[0] == '[' && text.IndexOf(']') is > 0 and var close)
            return line with { Kind = Kind.Section, Name = text[1..close].Trim(Blanks) };
        var delimiter = text.AsSpan().IndexOfAny('=', ':');
        if (delimiter <= 0) return line;
        var value = delimiter + 1;
        while (value < text.Length && Blanks.Contains(text[value])) value++;
        return line with { Kind = Kind.Assignment, Name = text[..delimiter].Trim(Blanks), ValueAt = value };
    }

    /// <summary>The sections in order, each once; DEFAULT is one when something stands before the first header.</summary>
    public IReadOnlyList<string> Sections()
    {
        var names = Walk().Where(l => l.Line.Kind is Kind.Section or Kind.Assignment)
            .Select(l => Decode(l.Section.Length == 0 ? Default : l.Section));
        return [.. names.Distinct()];
    }

    /// <summary>The keys of a section in order, each once.</summary>
    public IReadOnlyList<string> Keys(string section) =>
        [.. Walk().Where(l => l.Line.Kind == Kind.Assignment && Is(l.Section, Encode(section))).Select(l => Decode(l.Line.Name)).Distinct()];

    /// <summary>Whether the section is there; DEFAULT always is when it has a header or a key.</summary>
    public bool Has(string section) =>
        Walk().Any(l => l.Line.Kind is Kind.Section or Kind.Assignment && Is(l.Section, Encode(section)));

    /// <summary>All values of a key, in order; the lines of one value are joined by line feeds. Empty when it is absent.</summary>
    public IReadOnlyList<string> Values(string section, string key) =>
        [.. Places(Encode(section), Encode(key)).Select(at => Decode(Value(at)))];

    /// <summary>Gives a key these values and no other, where it stood first, or at its section's end.</summary>
    /// <exception cref="CliFault">A name or value can't be written so that it reads the same.</exception>
    public void Set(string section, string key, params IReadOnlyList<string> values)
    {
        (section, key) = (Checked(section, key), Encode(key));
        var places = Places(section, key);
        if (places.Count == 0)
        {
            foreach (var value in values) Insert(section, key, Encode(value));
            return;
        }
        for (var i = places.Count - 1; i > 0; i--) RemoveAssignment(places[i]);
        var first = lines[places[0]];
        var end = lines[places[0] + Length(places[0]) - 1].End; // missing at the end of a file that has none there
        RemoveAssignment(places[0]);
        lines.InsertRange(places[0], Assignment(first.Text[..first.ValueAt], Encode(values[0]), end));
        var at = places[0];
        foreach (var value in values.Skip(1))
        {
            at += Length(at);
            EndLine(at - 1);
            lines.InsertRange(at, Assignment(first.Text[..first.ValueAt], Encode(value), newLine));
        }
    }

    /// <summary>Adds another line for a key, after those it has.</summary>
    public void Add(string section, string key, string value)
    {
        (section, key) = (Checked(section, key), Encode(key));
        var places = Places(section, key);
        if (places.Count == 0)
        {
            Insert(section, key, Encode(value));
            return;
        }
        var last = lines[places[^1]];
        var at = places[^1] + Length(places[^1]);
        EndLine(at - 1);
        lines.InsertRange(at, Assignment(last.Text[..last.ValueAt], Encode(value), newLine));
    }

    /// <summary>Makes sure that the section is there, empty or not.</summary>
    public void AddSection(string section)
    {
        if (section.Length > 0 && !Walk().Any(l => l.Line.Kind == Kind.Section && l.Section == Encode(section))) Header(Checked(section, "k"));
    }

    /// <summary>Takes a key away; false when it was not there.</summary>
    public bool Delete(string section, string key)
    {
        var places = Places(Encode(section), Encode(key));
        for (var i = places.Count - 1; i >= 0; i--) RemoveAssignment(places[i]);
        return places.Count > 0;
    }

    /// <summary>Takes a section away with all that stands in it up to the next header; false when it was not there.</summary>
    public bool Delete(string section)
    {
        var name = Encode(section);
        var inside = Walk().Select(l => Is(l.Section, name) && (l.Section.Length > 0 || l.Line.Kind is Kind.Assignment or Kind.Continuation)).ToList();
        for (var i = lines.Count - 1; i >= 0; i--)
            if (inside[i]) lines.RemoveAt(i);
        return inside.Contains(true);
    }

    // Each line with the name of the section it stands in; a header stands in its own.
    IEnumerable<(Line Line, string Section)> Walk()
    {
        var section = "";
        foreach (var line in lines)
        {
            if (line.Kind == Kind.Section) section = line.Name;
            yield return (line, section);
        }
    }

    static bool Is(string there, string asked) => there == asked || (there is "" or Default && asked is "" or Default);

    List<int> Places(string section, string key) =>
        [.. Walk().Select((l, i) => (l, i)).Where(x => x.l.Line.Kind == Kind.Assignment && x.l.Line.Name == key && Is(x.l.Section, section)).Select(x => x.i)];

    int Length(int at)
    {
        var length = 1;
        while (at + length < lines.Count && lines[at + length].Kind == Kind.Continuation) length++;
        return length;
    }

    string Value(int at) => string.Join('\n', lines.GetRange(at, Length(at)).Select((l, i) => l.Text[(i == 0 ? l.ValueAt : 0)..].Trim(Blanks)));

    void RemoveAssignment(int at) => lines.RemoveRange(at, Length(at));

    void Insert(string section, string key, string value)
    {
        var last = -1;
        var header = -1;
        var i = 0;
        foreach (var (line, name) in Walk())
        {
            // DEFAULT's own header is preferred to what stands before the first one.
            if (line.Kind == Kind.Section && name == section) header = i;
            if (line.Kind == Kind.Assignment && (name == section || (section.Length == 0 && name == Default))) last = i + Length(i) - 1;
            i++;
        }
        if (section.Length == 0 && last < 0)
        {
            InsertAssignment(0, key + " = ", value);
            return;
        }
        if (last < 0 && header < 0) header = Header(section);
        var at = Math.Max(last, header);
        EndLine(at);
        InsertAssignment(at + 1, key + " = ", value);
    }

    void InsertAssignment(int at, string head, string value)
    {
        // What starts with a blank and went on with nothing would now go on with this.
        if (at < lines.Count && !lines[at].IsBlank && (lines[at].Text[0] is ' ' or '\t')) lines.Insert(at, new Line(Kind.Other, "", newLine));
        lines.InsertRange(at, Assignment(head, value, newLine));
    }

    int Header(string section)
    {
        // As crudini: what stands before the first header is DEFAULT's, so its header goes above.
        if (section == Default)
        {
            lines.Insert(0, new Line(Kind.Section, "[DEFAULT]", newLine, Default));
            return 0;
        }
        if (lines.Count > 0)
        {
            EndLine(lines.Count - 1);
            if (!lines[^1].IsBlank) lines.Add(new Line(Kind.Other, "", newLine));
        }
        lines.Add(new Line(Kind.Section, $"[{section}]", newLine, section));
        return lines.Count - 1;
    }

    void EndLine(int at)
    {
        if (lines[at].End.Length == 0) lines[at] = lines[at] with { End = newLine };
    }

    /// <param name="head">Key and delimiter as they are to be written.</param>
    IEnumerable<Line> Assignment(string head, string value, string end)
    {
        var parts = value.Split('\n').Select(p => p.Trim(Blanks)).ToArray();
        // "key =" with nothing after it gets the blank that it has before.
        if (parts[0].Length > 0 && head[^1] is '=' or ':' && head.Length > 1 && head[^2] == ' ') head += " ";
        var first = head + parts[0];
        if (parts[0].Length == 0) first = first.TrimEnd(Blanks);
        yield return Read(first, parts.Length == 1 ? end : newLine, false);
        for (var i = 1; i < parts.Length; i++)
            yield return new Line(Kind.Continuation, "    " + parts[i], i == parts.Length - 1 ? end : newLine);
    }

    static string Checked(string section, string key)
    {
        if (section.AsSpan().IndexOfAny("]\r\n") >= 0) throw new CliFault($"'{section}' can't be a section's name.", CliFault.Usage);
        if (key.Length == 0 || key != key.Trim(Blanks) || key[0] is '[' or '#' or ';' || key.AsSpan().IndexOfAny("=:\r\n") >= 0)
            throw new CliFault($"'{key}' can't be a key: it has to be a word without '=' and ':'.", CliFault.Usage);
        return Encode(section);
    }

    static string Decode(string latin) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(latin));

    static string Encode(string text)
    {
        if (text.Contains('\n') && text.Split('\n').Any(p => p.Trim(Blanks).Length == 0))
            throw new CliFault("A value of several lines can't have an empty one: the reader takes it for the value's end.", CliFault.Usage);
        if (text.Contains('\0')) throw new CliFault("A zero byte can't be written.", CliFault.Usage);
        return Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
    }
}
