using System.Text;
using Clinker.Server.Configuration;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class IniFileTests
{
    static string Told(string text) =>
        string.Join(" | ", IniFile.Parse("c.conf", text).Entries.Select(e => $"{e.Section}.{e.Key}={e.Text.Replace("\n", "\\n", StringComparison.Ordinal)}@{e.At.Line}"));

    // What oslo.config 9.0.0 makes of these was tried out; OsloTests asks it again where it is installed.
    [Theory]
    [InlineData("[DEFAULT]\na = 1\n", "DEFAULT.a=1@2")]
    [InlineData("[DEFAULT]\na : b = c\nb = c : d\n", "DEFAULT.a=b = c@2 | DEFAULT.b=c : d@3")]
    [InlineData("[DEFAULT]\na=1\na=2\n", "DEFAULT.a=1@2 | DEFAULT.a=2@3")]
    [InlineData("[DEFAULT]\na=x\n y\n\tz\n\n#c\nb=1", "DEFAULT.a=x\\ny\\nz@2 | DEFAULT.b=1@7")]
    [InlineData("[DEFAULT]\na=\n b,\n # c\n", "DEFAULT.a=\\nb,\\n# c@2")]
    [InlineData("[DEFAULT]\na='x' # y\nb=\"'\"\nc='x'\n 'y'\n", "DEFAULT.a='x' # y@2 | DEFAULT.b='@3 | DEFAULT.c=x\\n'y'@4")]
    [InlineData("[DEFAULT]\na=\"\nb=''\nc=' x '\n", "DEFAULT.a=@2 | DEFAULT.b=@3 | DEFAULT.c= x @4")]
    [InlineData("[DEFAULT]\r\na=1\r\n\rb=2\r", "DEFAULT.a=1@2 | DEFAULT.b=2@4")]
    [InlineData("; c\n#[x]\n[ G ]\na=1;2\n[]x]\nb=", " G .a=1;2@4 | ]x.b=@6")]
    public void Reads_as_oslo_config_does(string text, string told)
    {
        Assert.Equal(told, Told(text));
        Assert.Empty(IniFile.Parse("c.conf", text).Problems);
    }

    [Theory]
    [InlineData("[DEFAULT]\n a=1\n", "c.conf:2: \"a=1\" starts with a blank")]
    [InlineData("[DEFAULT]\na=1\n# c\n b\n", "c.conf:4: \"b\" starts with a blank")]
    [InlineData("a=1\n b\n", "c.conf:1: \"a\" stands before the first [section]")]
    [InlineData("[DEFAULT] # c\n", "c.conf:1: \"[DEFAULT] # c\" has to end with ]")]
    [InlineData("[DEFAULT\na=1\n", "c.conf:1: \"[DEFAULT\" has to end with ]")]
    [InlineData("[]\n", "c.conf:1: [] names no section")]
    [InlineData("[DEFAULT]\n\nfoo\n", "c.conf:3: \"foo\" has neither = nor :")]
    [InlineData("[DEFAULT]\n= 1\n", "c.conf:2: \"= 1\" has no key before the =")]
    public void Names_file_and_line_of_a_bad_line(string text, string problem) =>
        Assert.StartsWith(problem, IniFile.Parse("c.conf", text).Problems[0], StringComparison.Ordinal);

    [Fact]
    public void Tells_all_bad_lines_and_keeps_the_good_ones()
    {
        var file = IniFile.Parse("c.conf", "[DEFAULT]\nfoo\na=1\n[x\nb=2\n=3\n");
        Assert.Equal([2, 4, 6], file.Problems.Select(p => int.Parse(p.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(["a", "b"], file.Entries.Select(e => e.Key));
    }

    /// <summary>Whatever is written, in whichever of the ways to write it, is read again, at its line.</summary>
    [Fact]
    public void Reads_what_was_written()
    {
        var word = Gen.Char["abcXYZ_019-./$%\"'é#;[]"].Array[1, 8].Select(c => new string(c));
        // A first line keeps neither blanks at its ends nor one pair of quotes around it, so those are written quoted.
        var lines = Gen.Select(Gen.OneOf(word, Gen.Const(""), word.Select(w => " " + w + " "), word.Select(w => $"'{w}'")), word.List[0, 2], (first, rest) => (first, rest));
        var key = Gen.Char["abc_019-."].Array[1, 6].Select(c => new string(c));
        var entry = Gen.Select(key, lines, Gen.Int[0, 5], Gen.Int[0, 3]);
        var file = Gen.Select(Gen.Char["abcD"].Array[1, 4].Select(c => new string(c)), entry.List[0, 6]).List[1, 4];
        file.Sample(sections =>
        {
            var text = new StringBuilder();
            var line = 0;
            var expected = new List<string>();
            void Add(string l) { text.Append(l).Append(line % 3 == 1 ? "\r\n" : "\n"); line++; }
            foreach (var (section, entries) in sections)
            {
                Add($"[{section}]");
                foreach (var (k, (first, rest), style, noise) in entries)
                {
                    if (noise == 1) Add("# a = b");
                    if (noise == 2) Add("");
                    if (noise == 3) Add(";c");
                    var quote = first.Contains('"', StringComparison.Ordinal) ? '\'' : '"';
                    var quoted = first.Trim() != first || first is ['"', .., '"'] or ['\'', .., '\''] or "'" or "\"" || style == 5 ? $"{quote}{first}{quote}" : first;
                    expected.Add($"{section}.{k}={string.Join("\n", [first, .. rest])}@{line + 1}");
                    Add(style switch { 0 => $"{k}={quoted}", 1 => $"{k}: {quoted}", 2 => $"{k} =\t{quoted}  ", _ => $"{k} = {quoted}" });
                    foreach (var r in rest) Add((style % 2 == 0 ? "  " : "\t") + r);
                }
            }
            var read = IniFile.Parse("c.conf", text.ToString());
            return read.Problems.Count == 0
                && read.Entries.Select(e => $"{e.Section}.{e.Key}={e.Text}@{e.At.Line}").SequenceEqual(expected);
        });
    }
}
