using System.Text;
using Clinker.Cli;
using Clinker.Cli.Ini;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Cli;

public sealed class IniDocumentTests
{
    const string Sample = """
        # head
        [DEFAULT]
        # about verbose
        #verbose = true
        debug=false
        spaced  :  yes
        list = a,
          b,
          # not a comment: it goes on with the value
          c
        multi = 1
        multi = 2

        # end of DEFAULT

        [lvm]
        volume_driver = x ; y

        """;

    static IniDocument Parse(string text) => IniDocument.Parse(Encoding.UTF8.GetBytes(text));
    static string Text(IniDocument document) => Encoding.UTF8.GetString(document.ToBytes());

    static string After(string before, Action<IniDocument> edit)
    {
        var document = Parse(before);
        edit(document);
        return Text(document);
    }

    [Fact]
    public void It_reads_as_oslo_config_reads()
    {
        var d = Parse("first = 0\n" + Sample);
        Assert.Equal(["DEFAULT", "lvm"], d.Sections());
        Assert.Equal(["first", "debug", "spaced", "list", "multi"], d.Keys("DEFAULT"));
        Assert.Equal(["false"], d.Values("DEFAULT", "debug"));
        Assert.Equal(["yes"], d.Values("DEFAULT", "spaced"));
        Assert.Equal(["a,\nb,\n# not a comment: it goes on with the value\nc"], d.Values("DEFAULT", "list"));
        Assert.Equal(["1", "2"], d.Values("DEFAULT", "multi"));
        Assert.Equal(["0"], d.Values("", "first"));
        Assert.Equal(["x ; y"], d.Values("lvm", "volume_driver"));
        Assert.Empty(d.Values("lvm", "debug"));
        Assert.Empty(d.Values("DEFAULT", "verbose"));
    }

    [Fact]
    public void Only_the_line_that_is_set_changes() =>
        Assert.Equal(Sample.Replace("debug=false", "debug=true", StringComparison.Ordinal), After(Sample, d => d.Set("DEFAULT", "debug", "true")));

    [Fact]
    public void A_value_of_several_lines_goes_as_a_whole() =>
        Assert.Equal(Sample.Replace("list = a,\n  b,\n  # not a comment: it goes on with the value\n  c\n", "list = one\n", StringComparison.Ordinal),
            After(Sample, d => d.Set("DEFAULT", "list", "one")));

    [Fact]
    public void Repeated_keys_become_the_ones_that_are_set()
    {
        Assert.Equal(Sample.Replace("multi = 1\nmulti = 2\n", "multi = 3\n", StringComparison.Ordinal), After(Sample, d => d.Set("DEFAULT", "multi", "3")));
        Assert.Equal(Sample.Replace("multi = 1\nmulti = 2\n", "multi = 3\nmulti = 4\nmulti = 5\n", StringComparison.Ordinal),
            After(Sample, d => d.Set("DEFAULT", "multi", "3", "4", "5")));
        Assert.Equal(Sample.Replace("multi = 2\n", "multi = 2\nmulti = 3\n", StringComparison.Ordinal), After(Sample, d => d.Add("DEFAULT", "multi", "3")));
    }

    [Fact]
    public void A_new_key_stands_after_the_last_of_its_section() =>
        Assert.Equal(Sample.Replace("multi = 2\n", "multi = 2\nnew = v\n", StringComparison.Ordinal), After(Sample, d => d.Set("DEFAULT", "new", "v")));

    [Fact]
    public void A_new_key_of_a_section_of_comments_stands_below_its_header() =>
        Assert.Equal("[DEFAULT]\nk = v\n# all of it\n# is commented\n", After("[DEFAULT]\n# all of it\n# is commented\n", d => d.Set("DEFAULT", "k", "v")));

    [Fact]
    public void A_new_section_stands_at_the_end_after_a_blank_line() =>
        Assert.Equal(Sample + "\n[gluster]\nk = v\n", After(Sample, d => d.Set("gluster", "k", "v")));

    [Fact]
    public void What_stands_before_the_first_header_is_DEFAULT()
    {
        Assert.Equal("a = 2\n[s]\n", After("a = 1\n[s]\n", d => d.Set("DEFAULT", "a", "2")));
        // A header for a new key goes above, so that the old ones stay in DEFAULT.
        Assert.Equal("[DEFAULT]\nb = 2\na = 1\n[s]\n", After("a = 1\n[s]\n", d => d.Set("DEFAULT", "b", "2")));
        Assert.Equal("a = 1\nb = 2\n[s]\n", After("a = 1\n[s]\n", d => d.Set("", "b", "2")));
    }

    [Theory]
    [InlineData("[a]\r\nk = 1\r\n", "[a]\r\nk = 1\r\nn = 2\r\n")]
    [InlineData("[a]\nk = 1", "[a]\nk = 1\nn = 2\n")]
    [InlineData("[a]", "[a]\nn = 2\n")]
    [InlineData("", "[a]\nn = 2\n")]
    public void Line_ends_are_those_of_the_file(string before, string after) => Assert.Equal(after, After(before, d => d.Set("a", "n", "2")));

    [Fact]
    public void A_missing_last_line_end_stays_missing() => Assert.Equal("[a]\nk = 2", After("[a]\nk = 1", d => d.Set("a", "k", "2")));

    [Fact]
    public void Bytes_that_are_not_UTF8_survive()
    {
        byte[] before = [.. "[a]\n# caf"u8, 0xe9, .. "\nk = 1\n"u8];
        var document = IniDocument.Parse(before);
        document.Set("a", "k", "東京");
        Assert.Equal([.. "[a]\n# caf"u8, 0xe9, .. "\nk = 東京\n"u8], document.ToBytes());
        Assert.Equal(["東京"], document.Values("a", "k"));
    }

    [Fact]
    public void Deleting_takes_the_lines_of_the_key_or_the_section()
    {
        Assert.Equal(Sample.Replace("multi = 1\nmulti = 2\n", "", StringComparison.Ordinal), After(Sample, d => Assert.True(d.Delete("DEFAULT", "multi"))));
        Assert.Equal(Sample[..Sample.IndexOf("[lvm]", StringComparison.Ordinal)], After(Sample, d => Assert.True(d.Delete("lvm"))));
        Assert.Equal(Sample, After(Sample, d => Assert.False(d.Delete("DEFAULT", "nope") || d.Delete("nope"))));
    }

    [Theory]
    [InlineData("a]b", "k", "v")]
    [InlineData("a", "k=", "v")]
    [InlineData("a", " k", "v")]
    [InlineData("a", "#k", "v")]
    [InlineData("a", "[k", "v")]
    [InlineData("a", "", "v")]
    [InlineData("a", "k", "one\n\ntwo")]
    public void What_would_read_differently_is_refused(string section, string key, string value) =>
        Assert.Equal(CliFault.Usage, Assert.Throws<CliFault>(() => Parse("").Set(section, key, value)).ExitCode);

    // Lines of a file as people write them, and some that nobody should.
    static readonly Gen<string> Lines = Gen.OneOf(
        Gen.OneOf("", "# comment", "; other", "   ", "no delimiter", "  stray", "[DEFAULT]", "[a]", "[b]", "[a] ; twice", "]", "=x", "k1 = v", "k1=w", "k2: x",
            "k2 =", "k3 = a,\n  b,\n\tc", "caf\u00e9 = \u6771", "\u00a0k1 = nbsp"),
        Gen.String[Gen.Char[' ', '~'], 0, 12]);

    static readonly Gen<string> Files = Gen.Select(Lines.Array[0, 12], Gen.OneOf("\n", "\r\n"), Gen.Bool,
        (lines, end, closed) => string.Join(end, lines.Select(l => l.Replace("\n", end, StringComparison.Ordinal))) + (closed && lines.Length > 0 ? end : ""));

    static readonly Gen<string> Words = Gen.OneOf(Gen.OneOf("", "v", "a b", "x = y", "#1", "[z]", "\u6771\u4eac", "'q'", "one\ntwo", "k=\nl"),
        Gen.String[Gen.Char['!', '~'], 0, 10]);

    [Fact]
    public void What_is_set_is_what_is_read_and_nothing_else_changes() =>
        Gen.Select(Files, Gen.OneOf("DEFAULT", "a", "b", "new"), Gen.OneOf("k1", "k2", "k3", "fresh"), Words).Sample((file, section, key, value) =>
        {
            var before = Parse(file);
            var after = Parse(file);
            after.Set(section, key, value);
            var again = IniDocument.Parse(after.ToBytes());
            Assert.Equal([value], again.Values(section, key));
            Assert.Equal(Everything(before, (section, key)), Everything(again, (section, key)));

            // Taking out again what was set leaves every other line, byte for byte and in order.
            var (old, now) = (Without(before, section, key), Without(again, section, key));
            var left = new Queue<string>(old);
            var added = now.Where(line => left.Count == 0 || left.Peek() != line || left.Dequeue() is null).ToList();
            Assert.Empty(left);
            Assert.All(added, line => Assert.True(line is "" || line == $"[{section}]", $"'{line}' was added"));
            // A second time changes nothing.
            var bytes = again.ToBytes();
            again.Set(section, key, value);
            Assert.Equal(bytes, again.ToBytes());
        }, iter: 3000);

    [Fact]
    public void A_file_that_is_read_is_written_the_same() =>
        Gen.Byte.Array[0, 200].Sample(bytes => IniDocument.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes));

    static List<string> Without(IniDocument document, string section, string key)
    {
        var copy = IniDocument.Parse(document.ToBytes());
        copy.Delete(section, key);
        return [.. Text(copy).Split('\n').Select(l => l.TrimEnd('\r'))];
    }

    static Dictionary<(string, string), string> Everything(IniDocument document, (string, string) but) =>
        document.Sections().SelectMany(s => document.Keys(s).Select(k => (s, k))).Where(x => x != but)
            .ToDictionary(x => x, x => string.Join('|', document.Values(x.s, x.k)));
}
