using Clinker.Conformance.Samples;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Lists;

/// <summary>Each list, walked from end to end by every way there is: every row once, in the order that was asked for.</summary>
public sealed class ListTests(Clinkerd daemon) : IClassFixture<Clinkerd>
{
    const int Rows = 25;
    const string Nobody = "11111111-1111-4111-8111-111111111111";

    /// <summary>By path.</summary>
    static readonly IReadOnlyDictionary<string, string[]> Lines =
        Resource.Lines("Lists.tsv").ToDictionary(c => Exchange.Plain(c[0]).Route?.Path ?? throw new FormatException($"{c[0]} is no route"));

    /// <summary>Lists that say how many there are (<c>with_count</c>, from 3.45 on).</summary>
    static readonly HashSet<string> Counted = ["volumes", "snapshots", "backups"];

    public static TheoryData<string> Paged => RouteCases.Names(r => r.Method == "GET" && Lines.TryGetValue(r.Path, out var cells) && cells[1] != "-");

    [Fact]
    public void Every_list_has_a_line() => Assert.Empty(RouteCases.All
        .Where(r => r.Method == "GET" && r.Shape is not null && !r.Path.Contains('{', StringComparison.Ordinal) && !Lines.ContainsKey(r.Path)).Select(r => r.Path));

    [Theory]
    [MemberData(nameof(Paged))]
    public async Task From_end_to_end(string name)
    {
        var route = RouteCases.Of(name);
        var (things, keys, filter) = Lines[route.Path] is [_, var t, var k, var f] ? (t.Split(','), k.Split(' '), f) : throw new FormatException(name);
        await using var stage = new Stage(daemon);
        for (var n = 0; n < Rows; n++) await stage.Make(things[n % things.Length], n);
        var walk = new Walk(stage, route.Path);
        var all = (await walk.Page(route.Path)).Ids;
        Assert.True(all.Count >= Rows && all.Distinct().Count() == all.Count, $"{all.Count} rows");

        foreach (var limit in (int[])[1, 2, 7, all.Count, all.Count + 1]) await walk.Meets(all, "", limit);
        await Sorted(walk, route.Path, keys, all);
        if (filter != "-") await Filtered(walk, route.Path, filter, all);
        await Parts(walk, route.Path, all);
        await Counts(walk, route.Path, all.Count);
        foreach (var wrong in (string[])["limit=-1", "limit=x", "limit=", "offset=-1", "offset=x", "sort=nobody_knows", "sort=id:up",
            "sort_key=nobody_knows", "sort_dir=up", "sort=id&sort_key=id", "sort=id&sort_dir=asc"]) await walk.Refused(wrong, 400);
        await walk.Refused($"marker={Nobody}", 404);
        await walk.Refused("marker=x", 404);
    }

    /// <summary>Every key in both directions and in both forms, and with a second key against it.</summary>
    static async Task Sorted(Walk walk, string path, string[] keys, List<string> all)
    {
        var names = keys.Select(k => k.Split('=')[0]).ToList();
        for (var i = 0; i < keys.Length; i++)
        {
            var (key, member, second) = (names[i], keys[i].Split('=')[^1], names[(i + 1) % names.Count]);
            foreach (var (direction, against) in ((string, string)[])[("asc", "desc"), ("desc", "asc")])
            {
                var whole = await walk.Page($"{path}?sort={key}:{direction}");
                Assert.Equal(all.Order(StringComparer.Ordinal), whole.Ids.Order(StringComparer.Ordinal));
                Assert.True(whole.InOrder(member, direction == "desc"),
                    $"{path}?sort={key}:{direction} is in another order: {string.Join(", ", whole.Rows.Select(r => r[member]))}");
                await walk.Meets(whole.Ids, $"sort={key}:{direction}", 2);
                await walk.Meets(whole.Ids, $"sort_key={key}&sort_dir={direction}", 7);
                var both = await walk.Page($"{path}?sort={key}:{direction},{second}:{against}");
                Assert.True(both.InOrder(member, direction == "desc"), $"{path}?sort={key}:{direction},{second}:{against} is in another order");
                await walk.Meets(both.Ids, $"sort={key}:{direction},{second}:{against}", 7);
            }
        }
    }

    /// <summary>The links keep the filter.</summary>
    static async Task Filtered(Walk walk, string path, string filter, List<string> all)
    {
        var some = (await walk.Page($"{path}?{filter}")).Ids;
        Assert.True(some.Count >= 4 && (some.Count < all.Count || filter == "message_level=ERROR"), $"{some.Count} of {all.Count} rows pass {filter}");
        Assert.Equal(all.Where(some.Contains), some);
        await walk.Meets(some, filter, 2);
    }

    /// <summary>By marker and offset.</summary>
    static async Task Parts(Walk walk, string path, List<string> all)
    {
        foreach (var offset in (int[])[0, 1, 7, all.Count - 1, all.Count, all.Count + 1])
            Assert.Equal(all.Skip(offset), (await walk.Page($"{path}?offset={offset}")).Ids);
        Assert.Equal(all.Skip(3).Take(2), (await walk.Page($"{path}?offset=3&limit=2")).Ids);
        Assert.Equal(all.Skip(5 + 3).Take(2), (await walk.Page($"{path}?marker={all[4]}&offset=3&limit=2")).Ids);
        Assert.Equal(all.Skip(1), (await walk.Page($"{path}?marker={all[0]}")).Ids);
        Assert.Empty((await walk.Page($"{path}?marker={all[^1]}")).Ids);
        Assert.Equal(all, (await walk.Page($"{path}?limit=100000")).Ids);
        var none = await walk.Page($"{path}?limit=0");
        Assert.Empty(none.Ids);
        Assert.Null(none.Next);
        Assert.Null((await walk.Page(path)).Next);
    }

    static async Task Counts(Walk walk, string path, int all)
    {
        var told = Counted.Contains(path.Split('/')[1]) ? all : (long?)null;
        foreach (var query in (string[])["", "&limit=2", "&limit=0", "&offset=3&limit=7"])
            Assert.Equal(told, (await walk.Page($"{path}?with_count=true{query}", 45)).Count);
        Assert.Null((await walk.Page($"{path}?with_count=false", 45)).Count);
        Assert.Null((await walk.Page(path, 45)).Count);
        Assert.Null((await walk.Page($"{path}?limit=2", 44)).Count);
    }
}
