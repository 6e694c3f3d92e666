using System.Text.Json;
using System.Text;
using Clinker.Host;
using Clinker.Server.Configuration;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Configuration;

/// <summary>Asks the real oslo.config (Debian: python3-oslo.config) what a file says, and compares.</summary>
public sealed class OsloTests
{
    const string Program = """
        import json, sys, tempfile, os
        from oslo_config import cfg
        out = []
        for text in json.load(open(sys.argv[1])):
            path = sys.argv[1] + '.conf'
            with open(path, 'w', newline='') as f: f.write(text)
            sections = {}
            try:
                cfg.ConfigParser(path, sections).parse()
                out.append(sorted([s, k, v] for s in sections for k in sections[s] for v in sections[s][k]))
            except cfg.ParseError as e:
                out.append(e.lineno)
        print(json.dumps(out))
        """;

    [Fact]
    public async Task Says_the_same_of_any_text()
    {
        Assert.SkipUnless(await HasOslo(), "python3-oslo.config is not installed");
        var piece = Gen.OneOf(new[] { "[DEFAULT]", "[g]", "[", "]", "a", "b c", "=", ":", " ", "\t", "\n", "\n", "\n", "\r\n", "'", "\"", "#", ";", "$a", "x,y", "a = 1", "é" }.Select(Gen.Const).ToArray());
        var texts = new List<string>();
        piece.Array[0, 25].Select(p => "[DEFAULT]\n" + string.Concat(p)).Sample(texts.Add, iter: 3000, threads: 1);
        piece.Array[0, 6].Select(string.Concat).Sample(texts.Add, iter: 1000, threads: 1);

        var directory = Directory.CreateTempSubdirectory("clinker-oslo");
        try
        {
            var input = Path.Combine(directory.FullName, "texts.json");
            await File.WriteAllTextAsync(input, JsonSerializer.Serialize(texts), TestContext.Current.CancellationToken);
            var code = Path.Combine(directory.FullName, "ask.py");
            await File.WriteAllTextAsync(code, Program, TestContext.Current.CancellationToken);
            // What Processes keeps of an answer is bounded.
            var result = await Processes.Run("/bin/sh", ["-c", $"/usr/bin/python3 {code} {input} > {input}.out"], TimeSpan.FromSeconds(60));
            Assert.Equal((0, ""), (result.ExitCode, result.Error));
            using var answers = JsonDocument.Parse(await File.ReadAllTextAsync(input + ".out", TestContext.Current.CancellationToken));
            var i = 0;
            foreach (var answer in answers.RootElement.EnumerateArray())
            {
                var file = IniFile.Parse("c", texts[i]);
                if (answer.ValueKind == JsonValueKind.Number)
                {
                    // The first bad line. A key before the first section is noticed there only where its value ends; here, where it stands.
                    var line = answer.GetInt32();
                    Assert.True(
                        file.Problems.Any(p => Line(p) == line) && file.Problems.All(p => Line(p) >= line || p.Contains("stands before", StringComparison.Ordinal))
                        || (file.Problems.Count > 0 && file.Problems[0].Contains("stands before", StringComparison.Ordinal) && Line(file.Problems[0]) < line),
                        $"{JsonSerializer.Serialize(texts[i])}: line {line} is bad there; here: {string.Join(" | ", file.Problems)}");
                    i++;
                    continue;
                }
                var ours = string.Join('|', file.Problems.Concat(file.Entries.Select(e => JsonSerializer.Serialize(new[] { e.Section, e.Key, e.Text })).Order(StringComparer.Ordinal)));
                var theirs = string.Join('|', answer.EnumerateArray().Select(e => JsonSerializer.Serialize(e.Deserialize<string[]>())).Order(StringComparer.Ordinal));
                Assert.True(ours == theirs, $"{JsonSerializer.Serialize(texts[i])}\nours:   {ours}\ntheirs: {theirs}");
                i++;
            }
            Assert.Equal(texts.Count, i);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    static int Line(string problem) => int.Parse(problem.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);

    static async Task<bool> HasOslo()
    {
        try
        {
            return (await Processes.Run("/usr/bin/python3", ["-c", "import oslo_config"], TimeSpan.FromSeconds(20))).ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
