using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Store;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Clinker.Conformance.Quotas;

/// <summary>
/// Thousands of requests of several projects at once, at random and near the limits: whatever ended how, at every rest what is in
/// use is what is there.
/// </summary>
public sealed class WalkTests(Clinkerd daemon, ITestOutputHelper output) : IClassFixture<Clinkerd>
{
    const int Rounds = 8, Clients = 12, RequestsOfClient = 50;
    static readonly string[] Projects = ["red", "green", "blue", "white"];

    readonly ConcurrentDictionary<string, int> done = new();
    int copies;

    [Fact]
    public async Task What_is_in_use_is_what_is_there()
    {
        var seed = Environment.GetEnvironmentVariable("SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next(100_000);
        output.WriteLine($"SEED={seed}");
        foreach (var type in new[] { "a", "b" }) await Ask("POST", "admin", "types", $$"""{"volume_type": {"name": "{{type}}"} }""", 200);
        await Ask("POST", "admin", "types", """{"volume_type": {"name": "nowhere", "extra_specs": {"volume_backend_name": "none"}}}""", 200);
        foreach (var project in Projects)
            await Ask("PUT", "admin", $"os-quota-sets/{project}", """
                {"quota_set": {"volumes": 14, "gigabytes": 40, "snapshots": 8, "volumes_a": 6, "gigabytes_b": 9, "backups": 4, "backup_gigabytes": 9}}
                """, 200);
        for (var round = 0; round < Rounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(c => Client(new Random(seed + round * 100 + c))));
            await AtRest();
            Assert.Equal([], await Recounted());
        }
        output.WriteLine(string.Join(", ", done.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key} {d.Value}")));
        foreach (var act in Acts) Assert.True(done.Keys.Any(k => k.StartsWith($"{act} 2", StringComparison.Ordinal)), $"{act} never went well");
        Assert.Contains(done.Keys, k => k.EndsWith(" 413", StringComparison.Ordinal));
    }

    static readonly string[] Acts = ["create", "clone", "restore", "snapshot", "extend", "delete", "cascade", "unsnapshot", "offer", "accept", "retype", "backup", "unbackup", "recover"];

    async Task Client(Random random)
    {
        for (var i = 0; i < RequestsOfClient; i++)
        {
            var project = Pick(Projects)!;
            var volume = Pick(await Ids(project, "volumes"));
            var snapshot = Pick(await Ids(project, "snapshots"));
            var backup = Pick(await Ids(project, "backups"));
            var type = Pick(["a", "b", "__DEFAULT__", "nowhere"]);
            var size = random.Next(1, 4);
            await (random.Next(18) switch
            {
                < 3 => Act("create", "POST", project, "volumes", $$"""{"volume": {"size": {{size}}, "volume_type": "{{type}}"} }"""),
                3 when volume is not null => Act("clone", "POST", project, "volumes", $$"""{"volume": {"size": {{size}}, "source_volid": "{{volume}}"} }"""),
                4 when snapshot is not null => Act("restore", "POST", project, "volumes", $$"""{"volume": {"size": {{size}}, "snapshot_id": "{{snapshot}}"} }"""),
                5 or 6 when volume is not null => Act("snapshot", "POST", project, "snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }"""),
                7 when volume is not null => Act("extend", "POST", project, $"volumes/{volume}/action", $$"""{"os-extend": {"new_size": {{size + 1}}} }"""),
                8 when volume is not null => Act("delete", "DELETE", project, $"volumes/{volume}"),
                9 when volume is not null => Act("cascade", "DELETE", project, $"volumes/{volume}?cascade=true"),
                10 when snapshot is not null => Act("unsnapshot", "DELETE", project, $"snapshots/{snapshot}"),
                11 when volume is not null => Transfer(project, volume, Pick(Projects)!),
                12 or 13 when volume is not null => Act("retype", "POST", project, $"volumes/{volume}/action", $$"""{"os-retype": {"new_type": "{{type}}"} }"""),
                14 when volume is not null => Act("backup", "POST", project, "backups", $$"""{"backup": {"volume_id": "{{volume}}"} }"""),
                15 when backup is not null => Act("unbackup", "DELETE", project, $"backups/{backup}"),
                16 when backup is not null => Act("recover", "POST", project, $"backups/{backup}/restore", """{"restore": {}}"""),
                _ => Task.CompletedTask,
            });
        }

        T? Pick<T>(IReadOnlyList<T> of) => of.Count == 0 ? default : of[random.Next(of.Count)];
    }

    async Task Transfer(string project, string volume, string to)
    {
        var offered = await Act("offer", "POST", project, "volume-transfers", $$"""{"transfer": {"volume_id": "{{volume}}"} }""");
        if (offered.Status != 202) return;
        var transfer = offered.Json["transfer"]!;
        var accepted = await Act("accept", "POST", to, $"volume-transfers/{transfer["id"]}/accept", $$"""{"accept": {"auth_key": "{{transfer["auth_key"]}}"} }""");
        if (accepted.Status != 202) await Ask("DELETE", project, $"volume-transfers/{transfer["id"]}", null, 202);
    }

    async Task<Answer> Act(string what, string method, string project, string path, string? body = null)
    {
        var answer = await daemon.Wire.Send(method, $"/v3/{project}/{path}", body, "3.71");
        Assert.True(answer.Status is 200 or 202 or 400 or 404 or 409 or 413, $"{what}: {answer}");
        done.AddOrUpdate($"{what} {answer.Status}", 1, (_, n) => n + 1);
        return answer;
    }

    async Task<Answer> Ask(string method, string project, string path, string? body, int expected)
    {
        var answer = await daemon.Wire.Send(method, $"/v3/{project}/{path}", body, "3.71");
        Assert.True(answer.Status == expected, $"{method} {path}: {answer}");
        return answer;
    }

    async Task<IReadOnlyList<string>> Ids(string project, string resource) =>
        [.. (await daemon.Wire.Get($"/v3/{project}/{resource}", "3.71")).Json[resource]!.AsArray().Select(v => (string)v!["id"]!)];

    async Task AtRest()
    {
        using var tables = new Tables(daemon.Database);
        await tables.AtRest();
    }

    /// <summary>What is wrong in a copy of the database: the daemon keeps its own to itself.</summary>
    async Task<List<string>> Recounted()
    {
        var copy = Path.Combine(daemon.State, $"copy-{++copies}.sqlite");
        using (var connection = new SqliteConnection($"Data Source={daemon.Database};Mode=ReadOnly;Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = $"vacuum into '{copy}'";
            command.ExecuteNonQuery();
        }
        await using var db = await SqliteDatabase.Open(copy, TimeProvider.System);
        return await db.Read(tx => tx.Quotas.Recount());
    }
}
