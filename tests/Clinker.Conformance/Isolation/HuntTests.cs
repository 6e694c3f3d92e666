using System.Diagnostics;
using System.Globalization;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>
/// A project's user tries what another project has, in every place of every route and at random. The answer is that for something that
/// does not exist, with nothing of the other project in it; and what the other project has stays as it is.
/// </summary>
public sealed class HuntTests(TwoProjects daemon, ITestOutputHelper output) : IClassFixture<TwoProjects>
{
    const int RequestsInCi = 30_000, UntilRenewed = 1_500, BodiesMoreOften = 8;

    static readonly string[] Spoofed =
    [
        "X-Roles: admin", "X-Role: admin", "X-Is-Admin: True", "X-Is-Admin-Project: True", "X-Identity-Status: Confirmed", "X-Service-Roles: service",
        "X-Service-Identity-Status: Confirmed", "OpenStack-System-Scope: all", "Forwarded: for=127.0.0.1", "X-Forwarded-User: admin",
    ];

    /// <summary>One for each route (and member of its body) and kind.</summary>
    readonly Dictionary<(string Route, string Kind), string> leaks = [];

    /// <summary>What the walker has written somewhere of its own.</summary>
    readonly HashSet<string> told = new(StringComparer.Ordinal);

    readonly Dictionary<int, int> statuses = [];
    int requests, undecided;

    [Fact]
    public async Task Nothing_of_another_project_can_be_told_from_nothing()
    {
        var seed = Number("SEED") ?? Random.Shared.Next(100_000);
        var most = Number("CLINKER_REQUESTS") ?? RequestsInCi;
        output.WriteLine($"SEED={seed}");
        var random = new Random(seed);
        var watch = Stopwatch.StartNew();
        var (curious, other) = (daemon.Curious, daemon.Other);
        var (before, rows) = (await other.Everything(), await Rows());
        // Of what the other project's things say of themselves too: ids of volumes that were made for something else.
        var secrets = before.Values.SelectMany(Marks.In).Concat(other.Words).Append(other.Project).Append(other.User).Concat(other.Servers)
            .Except((await curious.Everything()).Values.SelectMany(Marks.In)).ToHashSet(StringComparer.Ordinal);

        var all = Probe.All(curious, daemon).ToList();
        var turns = Enumerable.Range(0, all.Count).SelectMany(i => Enumerable.Repeat(i, all[i].IsInBody ? BodiesMoreOften : 1)).ToArray();
        for (int turn = 0, renewedAt = 0; requests < most; turn++)
        {
            if (turn % turns.Length == 0) random.Shuffle(turns);
            if (requests - renewedAt > UntilRenewed)
            {
                // What is the walker's own gets used up: it is extended, restored, given away.
                await curious.Make();
                all = [.. Probe.All(curious, daemon)];
                renewedAt = requests;
            }
            await Try(all[turns[turn % turns.Length]], random, secrets);
        }

        output.WriteLine($"{requests} requests in {watch.Elapsed.TotalSeconds:0.0} s, {undecided} undecided; "
            + string.Join(", ", statuses.OrderBy(s => s.Key).Select(s => $"{s.Key}: {s.Value}")));
        Assert.True(leaks.Count == 0, $"SEED={seed}\n{string.Join('\n', leaks.Values)}");
        Assert.Equal(before, await other.Everything());
        Assert.Equal(rows, await Rows());
    }

    /// <summary>
    /// Asks with a value of the other project between two that nothing has. What differs from both although they are alike, twice, was
    /// told apart; where those two differ, it is because the first has changed something of the walker's own.
    /// </summary>
    async Task Try(Probe probe, Random random, HashSet<string> secrets)
    {
        var value = Pick(probe, random);
        var absent = Marks.AbsentLike(value);
        var wire = daemon.Curious.As(random.Next(4) == 0 ? "reader" : "member");
        var version = $"3.{(random.Next(3) > 0 ? Microversion.Newest : random.Next(probe.Route.Since, Microversion.Newest + 1))}";
        string[] headers = random.Next(8) > 0 ? [] : [Spoofed[random.Next(Spoofed.Length)], .. Spoofs()];
        var known = told.Contains(value);
        var plain = await Ask(absent);
        var theirs = await Ask(value);
        var found = Marks.In(theirs.All).Where(m => m != value && secrets.Contains(m) && !told.Contains(m))
            .Concat(new[] { TwoProjects.Host, Roles.Tokens.Backend }.Where(w => !value.Contains(w, StringComparison.Ordinal) && theirs.All.Contains(w, StringComparison.Ordinal)))
            .ToList();
        if (found.Count > 0) Leak($"has {string.Join(", ", found)} in it", theirs);
        if (probe.IsPath && value == daemon.Other.Ids.GetValueOrDefault(probe.Kind) && theirs.Status is not (400 or 403 or 404)) Leak("goes through", theirs);
        if (probe.Route.Path.EndsWith("/accept", StringComparison.Ordinal) && value == daemon.Other.Ids["volume-transfers"])
        {
            // Whoever was told of an offer is told that the key is wrong (cinder/transfer/api.py, accept): no more.
            if (theirs.Status != 403 && theirs.Plain != plain.Plain && !theirs.All.Contains("with invalid auth key.", StringComparison.Ordinal)) Leak("is accepted", theirs);
            return;
        }
        if (theirs.Plain == plain.Plain || known || (plain.Status < 300 && told.Contains(value))) return;
        var again = await Ask(Marks.AbsentLike(value));
        if (again.Plain != plain.Plain) undecided++;
        else if (theirs.Status < 300 || (await Ask(value)).Plain == theirs.Plain) Leak($"is not as for what does not exist: {plain.All}", theirs);

        async Task<(int Status, string All, string Plain)> Ask(string of)
        {
            var (target, body) = probe.With(of);
            var answer = await wire.Send(probe.Route.Method, target, body, version, headers);
            requests++;
            statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
            if (probe is { IsInBody: true, Kind: "" or "server" } && answer.Status < 300) told.Add(of); // it is the walker's own now: a name, a description
            Assert.True(answer.Status < 500 || answer.Status == 503, $"{probe} {of}: {answer}");
            var lines = answer.Headers.Where(h => h.Key is not ("Date" or "x-openstack-request-id" or "x-compute-request-id" or "Content-Length" or "ETag"))
                .Select(h => $"{h.Key}: {h.Value}\n").Order(StringComparer.Ordinal);
            var all = $"{answer.Status} {string.Concat(lines)}{answer.Text}";
            return (answer.Status, all, Marks.Plain(all, of));
        }

        void Leak(string what, (int, string All, string) answer) =>
            leaks.TryAdd((probe.IsInBody ? $"{probe.Route.Name} {probe.Place}" : probe.Route.Name, what[..6]), $"{probe} ({version}) {value}: {what}: {answer.All}".ReplaceLineEndings(" "));
    }

    /// <summary>Headers by which one would be somebody else, if they were believed. They say nothing of what is asked for.</summary>
    string[] Spoofs() => [$"X-Project-Id: {daemon.Other.Project}", $"X-Tenant-Id: {daemon.Other.Project}", $"X-User-Id: {daemon.Other.User}"];

    /// <summary>Mostly what is meant to stand there; else anything that the other project has.</summary>
    string Pick(Probe probe, Random random)
    {
        var other = daemon.Other;
        // What is kept is read again later, and no secret any more: words and a server of the older things do for that.
        if (probe is { Kind: "", IsInBody: true }) return other.Words[random.Next(other.Words.Count / 2)];
        if (probe is { Kind: "server", IsInBody: true }) return other.Servers[0];
        if (random.Next(5) > 0)
        {
            if (other.Ids.TryGetValue(probe.Kind, out var id)) return id;
            if (probe.Kind == "project" || probe.Kind.StartsWith("os-quota", StringComparison.Ordinal)) return other.Project;
            if (probe.Kind == "user") return other.User;
            if (probe.Kind == "server") return other.Servers[^1];
            if (probe.Kind == "host") return $"{TwoProjects.Host}@{Roles.Tokens.Backend}";
            if (random.Next(2) == 0) return other.Words[random.Next(other.Words.Count)];
        }
        return random.Next(3) switch
        {
            0 => other.Ids.Values.ElementAt(random.Next(other.Ids.Count)),
            1 => other.Words[random.Next(other.Words.Count)],
            _ => (string[])[other.Project, other.User, other.Servers[^1]] is var all ? all[random.Next(all.Length)] : "",
        };
    }

    async Task<List<string>> Rows() => [.. (await daemon.Tables.AtRest()).Where(r => r.Contains($"project_id={daemon.Other.Project}", StringComparison.Ordinal))];

    static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : null;
}
