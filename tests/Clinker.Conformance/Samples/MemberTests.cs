using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Samples;

/// <summary>
/// Which members an answer has, asked at every microversion: those of <c>Members.tsv</c>, which was not made from our shapes, so that a
/// forgotten <c>[Since]</c> is seen, and one too many.
/// </summary>
[Collection(SampleDaemon.Name)]
public sealed class MemberTests(SampleClinkerd daemon)
{
    static readonly IReadOnlyList<(Exchange Ask, IReadOnlyList<Member> Members)> All = [.. Resource.Lines("Members.tsv")
        .SelectMany(c => c[0].Split(", ").Select(r => (Exchange.Plain(r), (IReadOnlyList<Member>)[.. c[1].Split(' ').Select(Member.Of)])))];

    /// <summary>
    /// Routes that answer with a shape; but for one that no request can lead to (who copies attached volumes makes its target), and one that has
    /// nothing to tell of a pool that is in order.
    /// </summary>
    public static TheoryData<string> Routes => RouteCases.Names(r => r.Shape is not null && r.Name is not ("volume_migrate_completion" or "share_check"));

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task At_every_microversion(string name)
    {
        var route = RouteCases.Of(name);
        var (plain, members) = All.FirstOrDefault(m => m.Ask.IsOf(route));
        Assert.True(members is not null, $"Members.tsv has no line for {route}");
        var said = Exchange.All.Where(e => e.IsOf(route)).OrderBy(e => e.Minor).ToList();
        await using var stage = new Stage(daemon);
        var wrong = new List<string>();
        for (var minor = route.Since; minor <= (Next(route)?.Since ?? Microversion.Newest + 1) - 1; minor++)
        {
            var ask = said.Count == 0 ? plain : said.LastOrDefault(e => e.Minor <= minor) ?? said[0];
            var answer = await stage.Send(ask with { Path = plain.Path }, minor);
            Assert.True(answer.Status == route.Success, $"3.{minor} {ask}: {answer}");
            var items = Stage.Inner(answer.Json) is JsonArray several ? several.ToList() : [Stage.Inner(answer.Json)];
            Assert.NotEmpty(items);
            foreach (var item in items)
            {
                var there = item!.AsObject().Select(m => m.Key).ToHashSet();
                wrong.AddRange(there.Where(t => !members.Any(m => m.Name == t && m.Since <= minor)).Select(t => $"3.{minor}: {t} is too much"));
                wrong.AddRange(members.Where(m => m.Since <= minor && !m.Perhaps && !there.Contains(m.Name)).Select(m => $"3.{minor}: {m.Name} is missing"));
            }
        }
        Assert.Empty(wrong.Distinct());
    }

    /// <summary>The route that takes its place at a later minor.</summary>
    static Route? Next(Route route) => RouteCases.All.Where(r => r.Name == route.Name && r.Since > route.Since).MinBy(r => r.Since);

    sealed record Member(string Name, int Since, bool Perhaps)
    {
        public static Member Of(string text)
        {
            var at = text.Split('@');
            return new(at[0].TrimEnd('?'), at.Length > 1 ? int.Parse(at[1], CultureInfo.InvariantCulture) : 0, at[0].EndsWith('?'));
        }
    }
}
