using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>What is another project's is not answered any sooner or later than what is not there.</summary>
public sealed class TimeTests(TwoProjects daemon, ITestOutputHelper output) : IClassFixture<TwoProjects>
{
    const int Times = 200, Tries = 3;

    public static TheoryData<string> Kinds => [.. Tenant.Kinds, "types"];

    /// <summary>
    /// Foreign ids and two lots of absent ones by turns. The medians of what is foreign and of what is absent may lie no farther apart than
    /// the answers for absent ones do among themselves: the distance of their quartiles, and that of the two lots' medians. The row
    /// that is read and not shown costs some microseconds; nothing that was begun, written or waited for goes through. A machine that
    /// stumbles gets another try.
    /// </summary>
    [Theory, MemberData(nameof(Kinds))]
    public async Task It_takes_no_other_time(string kind)
    {
        foreach (var (method, target, body) in (List<(string, string, string?)>)[("GET", $"/v3/{kind}/HOLE", null), Write(kind)])
        {
            var said = "";
            for (var left = Tries; ; left--)
            {
                var (foreign, absent, other) = await Measure(method, target, body, daemon.Other.Ids[kind]);
                var apart = Math.Abs(Quantile(foreign, 0.5) - Quantile([.. absent, .. other], 0.5));
                var noise = Math.Abs(Quantile(absent, 0.5) - Quantile(other, 0.5));
                var spread = Quantile([.. absent, .. other], 0.75) - Quantile([.. absent, .. other], 0.25);
                said = string.Create(CultureInfo.InvariantCulture, $"{method} {kind}: {apart:0} µs apart; absent ones {noise:0}, within {spread:0}, of {Quantile(absent, 0.5):0}");
                output.WriteLine(said);
                if (apart <= noise + spread) break;
                Assert.True(left > 1, said);
            }
        }
    }

    async Task<(List<double> Foreign, List<double> Absent, List<double> Other)> Measure(string method, string target, string? body, string id)
    {
        var wire = daemon.Curious.Wire;
        var all = (Foreign: new List<double>(), Absent: new List<double>(), Other: new List<double>());
        for (var i = 0; i < Times; i++)
        {
            all.Absent.Add(await Once(Marks.AbsentLike(id)));
            all.Foreign.Add(await Once(id));
            all.Other.Add(await Once(Marks.AbsentLike(id)));
        }
        return all;

        async Task<double> Once(string of)
        {
            var began = Stopwatch.GetTimestamp();
            var answer = await wire.Send(method, target.Replace("HOLE", of, StringComparison.Ordinal), body, "3.71");
            var took = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            Assert.True(answer.Status is 404 or 403, answer.ToString());
            return took;
        }
    }

    /// <summary>What would change one of a kind.</summary>
    static (string Method, string Target, string? Body) Write(string kind) => kind switch
    {
        "volumes" or "snapshots" or "backups" or "groups" => ("PUT", $"/v3/{kind}/HOLE", $$"""{"{{kind[..^1]}}": {"name": "mine"} }"""),
        "consistencygroups" => ("PUT", $"/v3/{kind}/HOLE/update", """{"consistencygroup": {"name": "mine"}}"""),
        "types" => ("POST", "/v3/volumes", """{"volume": {"size": 1, "volume_type": "HOLE"}}"""),
        _ => ("DELETE", $"/v3/{kind}/HOLE", null),
    };

    static double Quantile(List<double> of, double part) => of.Order().ElementAt((int)(part * (of.Count - 1)));
}
