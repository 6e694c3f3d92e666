using System.Reflection;
using Clinker.Backups;
using Clinker.Groups;
using Clinker.Server.Api;
using Clinker.Server.Outside;
using Clinker.Server.Routes;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Tests.Api;
using Clinker.Tests.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.States;

/// <summary>Everything that may be done to what has a status, tried in every status of it (<c>States.tsv</c>).</summary>
public sealed class StateTests
{
    /// <param name="Of">Which resource.</param>
    /// <param name="Accepted">The statuses in which it is.</param>
    /// <param name="Waits">Accepted, it waits for a backend.</param>
    public sealed record Line(string Route, string Query, string Of, IReadOnlySet<string> Accepted, bool Waits, int Refusal, string Version, string? Body);

    static readonly Lazy<IReadOnlyList<Line>> Lines = new(() =>
        [.. File.ReadLines(Path.Combine(Golden.Root, "tests", "Clinker.Tests", "States", "States.tsv")).Where(l => l[0] != '#').Select(Parse)]);

    static Line Parse(string text)
    {
        var f = text.Split('\t');
        var (route, waits) = (f[0].Split('?'), f[2].StartsWith("waits ", StringComparison.Ordinal));
        var words = waits ? f[2]["waits ".Length..] : f[2];
        var all = StatusesOf(f[1]);
        var named = (words.StartsWith("all", StringComparison.Ordinal) ? words["all".Length..].Replace(" but ", "", StringComparison.Ordinal) : words)
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToHashSet();
        Assert.True(named.IsSubsetOf(all), $"{text}: statuses that there are not");
        var accepted = words.StartsWith("all", StringComparison.Ordinal) ? all.Except(named).ToHashSet() : named;
        return new(route[0], route.Length > 1 ? $"?{route[1]}" : "", f[1], accepted, waits, int.Parse(f[3], null), f[4], f[5] == "-" ? null : f[5]);
    }

    static IReadOnlyList<string> StatusesOf(string resource) => resource switch
    {
        "volume" or "volume of snapshot" => Constants(typeof(VolumeStatus)),
        "volume beside a backup" => Constants(typeof(VolumeStatus)),
        "snapshot" => Constants(typeof(SnapshotStatus)),
        "backup" => Constants(typeof(BackupStatus)),
        "group_snapshot" => GroupStatus.OfSnapshots,
        _ => GroupStatus.OfGroups,
    };

    static IReadOnlyList<string> Constants(Type of) =>
        [.. of.GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!)];

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, Lines.Value.Count)];

    [Theory, MemberData(nameof(Cases))]
    public async Task Is_accepted_in_these_statuses_and_refused_in_all_others_changing_nothing(int line)
    {
        var l = Lines.Value[line];
        var route = AllRoutes.Table().Routes.Single(r => r.Name == l.Route);
        await using var fake = new FakeGlance();
        using var glance = new Glance(new([fake.Url], Retries: 0, TimeSpan.FromSeconds(60)), (_, _) => new((string?)null));
        var image = fake.Give([1]);
        await using var api = await RunningApi.Start(new() { Quotas = new(-1, -1, -1, -1, -1, -1, -1), Images = glance });
        await api.Db.Commit(async tx =>
        {
            await tx.Types.Insert(new() { Id = "other", Name = "other", CreatedAt = tx.Now });
            await tx.Services.Beat("s", "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Services.Beat("b", "h1", ServiceTable.BackupBinary, "nova", null);
        });
        var wrong = new List<string>();
        foreach (var status in StatusesOf(l.Of))
        {
            if (l.Waits && l.Accepted.Contains(status)) continue;
            var thing = await Make(api, l.Of, status);
            var before = await Everything(api, thing);
            var path = route.Path[1..].Replace("{id}", thing.Id, StringComparison.Ordinal).Replace("{key}", "key", StringComparison.Ordinal)
                + (route.Key is null ? "" : "/action") + l.Query;
            var answer = await api.Send(route.Method, path, Filled(l.Body, thing)?.Replace("{image}", image, StringComparison.Ordinal), l.Version);
            var accepted = answer.Status is >= 200 and < 300;
            if (accepted != l.Accepted.Contains(status) || (!accepted && answer.Status != l.Refusal))
                wrong.Add($"{status}: {answer.Status} {answer.Text}");
            else if (!accepted && await Everything(api, thing) != before) wrong.Add($"{status}: refused, but something changed");
        }
        Assert.True(wrong.Count == 0, $"{l.Route}{l.Query} at {l.Version}:\n{string.Join('\n', wrong)}");
    }

    [Fact]
    public void Every_route_that_changes_what_has_a_status_is_tried()
    {
        string[] collections = ["volumes", "snapshots", "backups", "groups", "group_snapshots"];
        var named = Lines.Value.Select(l => l.Route).ToHashSet();
        var changing = AllRoutes.Table().Routes
            .Where(r => r.Method != "GET" && collections.Contains(r.Path.Split('/')[1]) && r.Path.Contains('{', StringComparison.Ordinal))
            .Select(r => r.Name);
        Assert.Equal([], changing.Distinct().Except(named));
    }

    sealed record Thing(string Id, string Volume, string Path, string Snapshot = "");

    static string? Filled(string? body, Thing thing) => body?.Replace("{id}", thing.Id, StringComparison.Ordinal)
        .Replace("{volume}", thing.Volume, StringComparison.Ordinal).Replace("{snapshot}", thing.Snapshot, StringComparison.Ordinal);

    static async Task<Thing> Make(RunningApi api, string resource, string status)
    {
        switch (resource)
        {
            case "volume":
                var volume = await api.Volume(more: ", \"metadata\": {\"key\": \"value\"}");
                await api.Available(volume);
                await api.Post($"volumes/{volume}/action", """{"os-set_image_metadata": {"metadata": {"image": "value"}}}""");
                await Become(api, volume, status);
                return new(volume, volume, $"volumes/{volume}");
            case "volume of snapshot":
                var (origin, newest) = await api.WithSnapshots();
                await Become(api, origin, status);
                return new(origin, origin, $"volumes/{origin}", newest[0]);
            case "snapshot":
                var (of, snapshots) = await api.WithSnapshots();
                await api.Post($"snapshots/{snapshots[0]}/metadata", """{"metadata": {"key": "value"}}""");
                await api.SnapshotIs(snapshots[0], status);
                return new(snapshots[0], of, $"snapshots/{snapshots[0]}");
            case "backup":
                var saved = await api.Volume();
                await api.Available(saved);
                var backup = await api.Backup(saved);
                await api.Ended();
                await api.Available(saved);
                await api.BackupIs(backup, status);
                return new(backup, saved, $"backups/{backup}");
            case "volume beside a backup":
                var beside = await Make(api, "backup", BackupStatus.Available);
                await Become(api, beside.Volume, status);
                return beside;
            case "group":
                var group = await api.Group();
                var member = await api.Volume();
                await api.Available(member);
                await api.Ended();
                await api.Db.Commit(tx => tx.Groups.Reset(group, status));
                return new(group, member, $"groups/{group}");
            case "group with volumes":
                var (full, volumes) = await api.GroupOf(1);
                await api.Ended();
                await api.Db.Commit(tx => tx.Groups.Reset(full, status));
                return new(full, volumes[0], $"groups/{full}");
            case "group_snapshot":
                var (whole, members) = await api.GroupOf(1);
                await api.Ended();
                var taken = await api.Post("group_snapshots", $$"""{"group_snapshot": {"group_id": "{{whole}}"} }""", "3.14");
                var id = taken.Json.GetProperty("group_snapshot").GetProperty("id").GetString()!;
                await api.Ended();
                await api.Db.Commit(async tx =>
                {
                    foreach (var s in await tx.Snapshots.OfGroupSnapshot(id)) await tx.Snapshots.Reset(s.Id, SnapshotStatus.Available);
                    await tx.GroupSnapshots.Reset(id, status);
                });
                return new(id, members[0], $"group_snapshots/{id}");
            default: throw new InvalidOperationException(resource);
        }
    }

    static Task Become(RunningApi api, string volume, string status) => api.Db.Commit(tx => tx.Volumes.Reset(
        volume, status, status is VolumeStatus.InUse or VolumeStatus.Detaching ? AttachStatus.Attached : null, null));

    /// <summary>What a user sees of it, of its volume and of what is under way.</summary>
    static async Task<string> Everything(RunningApi api, Thing thing) => string.Concat(
        (await api.Get(thing.Path, "3.71")).Text, (await api.Get($"volumes/{thing.Volume}", "3.71")).Text,
        (await api.Get("snapshots", "3.71")).Text, (await api.Get("operations", "3.71")).Text, (await api.Get("limits", "3.71")).Text);
}
