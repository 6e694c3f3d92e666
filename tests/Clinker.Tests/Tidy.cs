using System.Text.RegularExpressions;
using Xunit;

namespace Clinker.Tests;

/// <summary>Reads the tree: who may use whom, what must not be left in it, and that documents name files that exist.</summary>
public sealed partial class Tidy
{
    static readonly string Root = Find(AppContext.BaseDirectory);

    /// <summary>A folder of ours, and what its files must not use.</summary>
    public static TheoryData<string, string> Forbidden => new()
    {
        { "src/Clinker.Core", @"Microsoft\.AspNetCore|System\.Net\.Http|Clinker\.(Gluster|Server|Cli)" },
        { "src/Clinker.Core/Host", @"Clinker\.(?!Host)" },
        { "src/Clinker.Core/Store", @"Clinker\.(?!Host|Store|Operations)" },
        { "src/Clinker.Core/Operations", @"Clinker\.(?!Host|Store|Operations|Drivers|Scheduling|Outside)" },
        { "src/Clinker.Core/Scheduling", @"Clinker\.(?!Host|Store|Operations|Drivers|Scheduling|Services|Volumes)" },
        { "src/Clinker.Core/Formats", @"Clinker\." },
        { "src/Clinker.Core/Outside", @"Clinker\.(?!Host|Operations|Drivers|Formats|Outside)" },
        { "src/Clinker.Core/Drivers", @"Clinker\.(?!Host|Operations|Drivers|Volumes|Snapshots)" },
        { "src/Clinker.Gluster", @"Clinker\.(Server|Cli|Store|Quotas|Types)|Microsoft\.AspNetCore" },
        { "src/Clinker.Server", @"Clinker\.(Cli|Gluster\.Native)" },
        { "src/Clinker.Cli", @"Clinker\.(?!Cli)" },
    };

    [Theory, MemberData(nameof(Forbidden))]
    public void Rooms_use_only_what_they_may(string folder, string forbidden)
    {
        var uses = new Regex($@"^\s*(global )?using (static )?(?<what>{forbidden})");
        var found = Sources(folder).SelectMany(f => File.ReadLines(f).Where(l => uses.IsMatch(l)).Select(l => $"{Path.GetRelativePath(Root, f)}: {l}"));
        Assert.Empty(found);
    }

    [Fact]
    public void Only_the_edge_knows_microversions() =>
        Assert.DoesNotContain(Sources("src/Clinker.Core").Concat(Sources("src/Clinker.Gluster")),
            f => File.ReadAllText(f).Contains("Microversion", StringComparison.OrdinalIgnoreCase));

    [Fact]
    public void Nothing_is_left_to_do_later() =>
        Assert.Empty(Sources("src").Concat(Sources("tests")).Where(f => !f.EndsWith("Tidy.cs", StringComparison.Ordinal))
            .SelectMany(f => File.ReadLines(f).Where(l => Leftover().IsMatch(l)).Select(l => $"{Path.GetRelativePath(Root, f)}: {l.Trim()}")));

    [Fact]
    public void Documents_name_files_that_exist()
    {
        var missing = new List<string>();
        foreach (var document in Directory.GetFiles(Root, "*.md").Concat(Directory.GetFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories)))
            foreach (Match link in Link().Matches(File.ReadAllText(document)))
            {
                var target = link.Groups["to"].Value.Split('#')[0];
                if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;
                if (!Path.Exists(Path.Combine(Path.GetDirectoryName(document)!, target)))
                    missing.Add($"{Path.GetRelativePath(Root, document)}: {target}");
            }
        Assert.Empty(missing);
    }

    static IEnumerable<string> Sources(string folder)
    {
        var path = Path.Combine(Root, folder);
        return !Directory.Exists(path) ? [] : Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal));
    }

    static string Find(string from) => File.Exists(Path.Combine(from, "Clinker.slnx")) ? from : Find(Path.GetDirectoryName(from)!);

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException|Thread\.Sleep\(|\basync void\b")]
    private static partial Regex Leftover();

    [GeneratedRegex(@"\]\((?<to>[^)\s]+)\)")]
    private static partial Regex Link();
}
