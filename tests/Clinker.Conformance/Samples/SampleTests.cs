using System.IO.Enumeration;
using System.Text.Json.Nodes;
using Clinker.Tests.Outside;
using Xunit;

namespace Clinker.Conformance.Samples;

/// <summary>
/// The samples of the public API reference, said to a running daemon: a request is to be accepted, an answer to have the same members
/// of the same types. What differs for a reason stands in <c>differences.txt</c>, what has no route yet in <c>uncovered.txt</c>;
/// a line that is needed no longer fails, so both only shrink.
/// </summary>
[Collection(SampleDaemon.Name)]
public sealed class SampleTests(SampleClinkerd daemon)
{
    static readonly ILookup<string, string> Known = Resource.Lines("differences.txt").ToLookup(c => c[0], c => c[1]);

    public static TheoryData<string> Exchanges => [.. Exchange.All.Where(HasRoute).Select(e => e.ToString())];

    [Theory]
    [MemberData(nameof(Exchanges))]
    public async Task A_sample(string name)
    {
        var exchange = Exchange.All.Single(e => e.ToString() == name);
        await using var stage = new Stage(daemon);
        var answer = await stage.Send(exchange, exchange.Minor);
        var wanted = exchange.Route?.Success ?? (exchange.Path == "/" ? 300 : 200);
        IReadOnlyList<string> differences = answer.Status != wanted ? [$"the status is {answer.Status}, not {wanted}"]
            : exchange.Answer is null ? []
            : Likeness.Differences(JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Exchange.Folder, exchange.Answer))), answer.Json);
        var known = Known[exchange.Sample].ToList();
        var unknown = differences.Where(d => !known.Exists(k => Says(k, d))).ToList();
        var needless = known.Where(k => !differences.Any(d => Says(k, d))).ToList();
        Assert.True(unknown.Count == 0 && needless.Count == 0, $"""
            {name}
            not in differences.txt: {string.Join("; ", unknown)}
            there, but needed no longer: {string.Join("; ", needless)}
            {answer}
            """);
    }

    [Fact]
    public void Every_sample_is_in_an_exchange() => Assert.Equal(
        Directory.EnumerateFiles(Exchange.Folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Exchange.Folder, f))
            .Order(StringComparer.Ordinal),
        Exchange.All.SelectMany(e => (string?[])[e.Request, e.Answer]).OfType<string>().Distinct().Order(StringComparer.Ordinal));

    /// <summary>A route that comes takes its samples with it: they leave the list, and with that become tests.</summary>
    [Fact]
    public void What_has_no_route_stands_in_the_list()
    {
        var without = Exchange.All.Where(e => !HasRoute(e)).Select(e => e.ToString()).ToHashSet();
        var listed = Resource.Lines("uncovered.txt").Select(c => c[0]).ToHashSet();
        Assert.True(without.SetEquals(listed), $"""
            in uncovered.txt, but there is a route: {string.Join("; ", listed.Except(without))}
            not there, and no route: {string.Join("; ", without.Except(listed))}
            """);
    }

    [Fact]
    public void Every_difference_has_a_reason_and_a_sample_that_is_tried()
    {
        var tried = Exchange.All.Where(HasRoute).Select(e => e.Sample).ToHashSet();
        Assert.All(Resource.Lines("differences.txt"), c =>
        {
            Assert.Equal(3, c.Length);
            Assert.Contains(c[0], tried);
        });
    }

    static bool Says(string known, string difference) =>
        FileSystemName.MatchesSimpleExpression(known, difference, ignoreCase: false);

    static bool HasRoute(Exchange exchange) => exchange.OfVersions || exchange.Route is not null;
}

/// <summary>A daemon like an embedded one, with a group type that is the default one, and an image service that has the sample's image.</summary>
public sealed class SampleClinkerd : Clinkerd
{
    readonly FakeGlance glance = new();

    public SampleClinkerd() => glance.Give("image"u8.ToArray(), id: "71543ced-a8af-45b6-a5c4-a46282108a90");

    protected override string[] Configuration()
    {
        var file = Path.Combine(State, "cinder.conf");
        File.WriteAllText(file, $"""
            [DEFAULT]
            state_path = {State}
            my_ip = 127.0.0.1
            volume_driver = directory
            directory_paths = $state_path/more,$state_path/volumes
            default_group_type = group-type-test
            backup_driver = directory
            quota_backups = -1
            quota_backup_gigabytes = -1
            quota_groups = -1
            quota_volumes = -1
            quota_snapshots = -1
            quota_gigabytes = -1
            glance_api_servers = {glance.Url}
            """);
        return ["--config-file", file];
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await glance.DisposeAsync();
    }
}

/// <summary>A daemon for samples: each test has a project of its own there.</summary>
[CollectionDefinition(Name)]
public sealed class SampleDaemon : ICollectionFixture<SampleClinkerd>
{
    public const string Name = "samples";
}
