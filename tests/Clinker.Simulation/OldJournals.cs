using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>
/// Operations as some version of the program left them, in each state that a journal can be in, are brought to their end by
/// this one. <c>Journals/</c> holds one file a state: rows and files. They are never changed: when the format changes,
/// GOLDEN=1 writes what is new beside what was, and both are replayed from then on.
/// </summary>
public sealed class OldJournals
{
    /// <summary>A story of which every state is kept, with the backend down or not.</summary>
    static readonly string[] Stories =
    [
        "Create", "CreateThatFails", "CreateWithTheBackendDown", "Delete", "DeleteThatFails", "Snapshot", "SnapshotThatFails", "Assist", "AssistRefused", "AssistThatFails", "AssistThatIsNotNoted",
        "Merge", "MergeRefused", "MergeThatFails", "ExtendInUse", "ExtendInUseRefused", "ReimageReserved", "BackupAssist", "BackupAssistThatFails", "BackupAssistThatIsNotSaved", "UploadAssist", "FlattenInUse", "FlattenInUseThatFails", "FlattenInUseRefused",
        "DeleteSnapshot", "DeleteSnapshotThatFails", "DeleteWithSnapshots", "DeleteWithSnapshotsThatFails", "Clone", "CloneThatFails",
        "CreateFromSnapshot", "Extend", "ExtendThatFails", "ExtendWithoutRoom", "Revert", "RevertThatFails", "Flatten", "FlattenThatFails", "Tidy", "TidyThatFails", "DeleteWhileTidy", "Connect",
        "ConnectThatFails", "Move", "Detach", "DetachThatFails", "CopyGroup", "CopyGroupThatFails", "GroupOfSnapshot", "DeleteGroup",
        "DeleteGroupThatFails", "SnapshotGroup", "SnapshotGroupThatFails", "DeleteGroupSnapshot", "DeleteGroupSnapshotThatFails",
        "Migrate", "MigrateAcross", "MigrateCancelled", "MigrateThatFails", "Retype", "RetypeAndMove", "RetypeAndConvert", "RetypeAndConvertThatFails", "RetypeThatMayNotMove",
        "CreateFromImage", "CreateFromImageThatFails", "Upload", "UploadThatFails", "UploadInUse", "Reimage", "ReimageThatFails",
        "Manage", "ManageThatFails", "ManageOverQuota", "ManageSeveral", "ManageSeveralThatFails", "ManageSnapshot", "ManageSnapshotThatFails",
        "ListManageable", "CheckShare",
        "Backup", "BackupThatFails", "BackupInUse", "BackupInUseThatFails", "BackupOfSnapshot", "Increment", "Restore", "RestoreThatFails",
        "CreateFromBackup", "CreateFromBackupThatFails", "DeleteBackup", "DeleteBackupThatFails", "ImportBackup",
        "ImportCinders", "RestoreCinders", "DeleteCinders", "DeleteCindersThatFails",
    ];

    /// <summary>Told as the story of the rest of the name, with no pool that answers.</summary>
    const string BackendDown = "WithTheBackendDown";

    static readonly string[] Tables = ["volume", "snapshot", "quota_usage", "reservation", "operation", "journal", "hold", "message", "attachment", "volume_group", "group_snapshot", "backup"];
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static TheoryData<string> Files() =>
        [.. Directory.EnumerateFiles(Folder(), "*.json").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    public static TheoryData<string, bool> Told() =>
        new(from story in Stories from separate in new[] { false, true } select (story, separate));

    [Theory, MemberData(nameof(Files))]
    public async Task An_old_journal_is_replayed_to_its_end(string file)
    {
        var state = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder(), file)))!;
        Assert.Equal(state["ends"]!.GetValue<string>(), await Replay(state, file));
    }

    /// <summary>A change of the format is meant, and its old files are kept: see above.</summary>
    [Theory, MemberData(nameof(Told))]
    public async Task What_is_written_today_is_among_the_files(string story, bool separate)
    {
        var known = Directory.EnumerateFiles(Folder(), "*.json").Select(HashOf).ToHashSet(); // stories begin alike
        var missing = new List<string>();
        foreach (var (name, state) in await States(story, separate))
        {
            if (known.Contains(HashOf(name))) continue;
            if (Environment.GetEnvironmentVariable("GOLDEN") != "1")
            {
                missing.Add(name);
                continue;
            }
            state["ends"] = await Replay(state, name);
            await File.WriteAllTextAsync(Path.Combine(Folder(), name), state.ToJsonString(Indented) + "\n");
        }
        Assert.True(missing.Count == 0,
            $"The journal's format has changed. If that is meant, GOLDEN=1 writes {missing.Count} new files; keep the old ones. {string.Join(", ", missing)}");
    }

    /// <summary>Plays a story one point at a time; gives each state in which a daemon may leave it, once.</summary>
    static async Task<List<(string Name, JsonObject State)>> States(string name, bool separate)
    {
        await using var world = await World.New(separate);
        var down = name.EndsWith(BackendDown, StringComparison.Ordinal);
        var story = Story.Of(down ? name[..^BackendDown.Length] : name);
        var scene = await story.Before(world);
        world.FailsForGood = story.FailsForGood;
        await story.Accept(world, scene);
        var states = new List<(string, JsonObject)>();
        var seen = new HashSet<string>();
        string[] backends = world.HasSecond ? [World.Queue, World.Second] : [World.Queue];
        string[][] roles = separate ? [[Queues.Scheduler], backends] : [[Queues.Scheduler, .. backends]];
        foreach (var queues in roles)
        {
            if (down && queues.Contains(World.Queue)) world.Break();
            using var daemon = new Daemon(world, "d", queues) { Stepping = true };
            for (var tries = 0; tries < 3 && await world.NextDue() is { } due; tries++)
            {
                if (due > world.Now) world.Time.Advance(due - world.Now);
                do
                {
                    await daemon.Step();
                    await world.Hypervisor.Work();
                    if (await world.NextDue() is null) continue; // it has ended
                    var state = await Capture(world, $"{name}, {(separate ? "two daemons" : "one daemon")}");
                    var format = Format(state);
                    if (seen.Add(format))
                        states.Add(($"{name}-{seen.Count:00}-{Hash(format)}.json", state));
                }
                while (daemon.IsHeld);
            }
        }
        return states;
    }

    static async Task<JsonObject> Capture(World world, string why)
    {
        var state = new JsonObject { ["why"] = why, ["ends"] = null };
        foreach (var table in Tables)
            state[table] = new JsonArray([.. await world.Db.Read(tx => tx.Query<JsonNode>($"select * from {Sql.Raw(table)} order by 1, 2, 3", r =>
            {
                var row = new JsonObject();
                for (var i = 0; i < r.FieldCount; i++)
                    row[r.GetName(i)] = r.GetValue(i) switch { DBNull => null, long n => n, double d => d, var other => other.ToString() };
                return row;
            }))]);
        state["files"] = new JsonArray([.. world.Shares.Files.OrderBy(f => f.Key).Select(f => f.Value.SizeGb == 1
            ? new JsonArray(f.Key.Pool, f.Key.File)
            : f.Value.IsSeveral ? new JsonArray(f.Key.Pool, f.Key.File, f.Value.SizeGb, true)
            : new JsonArray(f.Key.Pool, f.Key.File, f.Value.SizeGb))]);
        if (world.Images.Records.Count > 0)
            state["images"] = new JsonArray([.. world.Images.Records.Values.OrderBy(i => i.Id, StringComparer.Ordinal).Select(i =>
                new JsonArray(i.Id, i.Status, world.Images.Contents.GetValueOrDefault(i.Id)))]);
        var named = world.Shares.Files.OrderBy(f => f.Key).ToList();
        var links = named.SelectMany((f, i) => named.Take(i).Where(e => ReferenceEquals(e.Value, f.Value)).Take(1)
            .Select(e => new JsonArray(f.Key.Pool, f.Key.File, e.Key.File))).ToArray();
        if (links.Length > 0) state["links"] = new JsonArray([.. links]);
        if (!world.Objects.All.IsEmpty)
            state["objects"] = new JsonArray([.. world.Objects.All.OrderBy(o => o.Key, StringComparer.Ordinal)
                .Select(o => new JsonArray(o.Key, Convert.ToBase64String(o.Value)))]);
        if (world.Imported.Count > 0) state["imported"] = new JsonArray([.. world.Imported.Select(i => (JsonNode)i)]);
        if (!world.Shares.StandsOnOthers.IsEmpty) state["stand on others"] = new JsonArray([.. world.Shares.StandsOnOthers.Keys.Select(k => (JsonNode)k)]);
        if (!world.Shares.Exports.IsEmpty)
            state["exports"] = new JsonArray([.. world.Shares.Exports.Keys.Order().Select(e => new JsonArray(e.VolumeId, e.Host))]);
        return state;
    }

    /// <summary>What is the format: not when it was, nor the nouns' own columns, nor the words of a fault.</summary>
    static string Format(JsonObject state)
    {
        string[] operation = ["kind", "arguments", "queue", "status"], journal = ["step", "event", "data"];
        var lines = state["operation"]!.AsArray().Select(o => string.Join(' ', operation.Select(c => o![c]?.ToString())))
            .Concat(state["journal"]!.AsArray().Select(e => string.Join(' ', journal.Select(c => Wordless(e![c]?.ToString())))))
            .Append(state["files"]!.ToJsonString());
        return string.Join('\n', lines);
    }

    static string? Wordless(string? data) => data is null || !data.StartsWith("{\"$type", StringComparison.Ordinal)
        ? data
        : $"{JsonNode.Parse(data)!["$type"]} {string.Join(' ', JsonNode.Parse(data)!.AsObject().Select(p => p.Key))}";

    static string HashOf(string file) => Path.GetFileNameWithoutExtension(file)[^8..];

    static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];

    /// <summary>Puts a state into a new world, runs it to its end there, and says how all is then.</summary>
    static async Task<string> Replay(JsonNode state, string what)
    {
        await using var world = await World.New(separate: false);
        if (state.ToJsonString().Contains(World.Second, StringComparison.Ordinal)) await world.AddBackend();
        await world.Db.Commit(async tx =>
        {
            await tx.Execute($"delete from pool"); // counted anew, from what is put in
            foreach (var table in Tables)
                foreach (var row in state[table]?.AsArray() ?? []) // files of old have fewer tables
                {
                    var columns = Sql.Raw(string.Join(", ", row!.AsObject().Select(c => c.Key)));
                    var values = Sql.List(row.AsObject().Select(c => Value(c.Value)));
                    await tx.Execute($"insert into {Sql.Raw(table)} ({columns}) values ({values})");
                }
        });
        foreach (var file in state["files"]!.AsArray()) world.Shares.Files[((string)file![0]!, (string)file[1]!)] =
            new(file.AsArray().Count > 2 ? (int)file[2]! : 1, IsSeveral: file.AsArray().Count > 3);
        // Two names of one file.
        foreach (var link in state["links"]?.AsArray() ?? [])
            world.Shares.Files[((string)link![0]!, (string)link[1]!)] = world.Shares.Files[((string)link[0]!, (string)link[2]!)];
        foreach (var export in state["exports"]?.AsArray() ?? []) world.Shares.Exports[((string)export![0]!, (string)export[1]!)] = true;
        foreach (var one in state["stand on others"]?.AsArray() ?? []) world.Shares.StandsOnOthers[(string)one!] = true;
        foreach (var image in state["images"]?.AsArray() ?? [])
            world.Images.Records[(string)image![0]!] = world.Images.Give((string)image[0]!, (string?)image[2] ?? "") with { Status = (string)image[1]! };
        foreach (var kept in state["objects"]?.AsArray() ?? []) world.Objects.All[(string)kept![0]!] = Convert.FromBase64String((string)kept[1]!);
        foreach (var imported in state["imported"]?.AsArray() ?? []) world.Imported.Add((string)imported!);
        // What was said is done.
        if (state["journal"]!.AsArray().Any(e => (string?)e!["event"] == JournalEvent.Told))
            foreach (var volume in state["volume"]!.AsArray()) world.Hypervisor.HasMerged((string)volume!["id"]!);
        await world.Heartbeat();
        await world.RunUntilQuiet();
        await world.Hold(what);
        if (state["snapshot"] is not null) return await world.Outcome();
        var id = (string)state["volume"]![0]!["id"]!;
        return (await world.Db.Read(tx => tx.Volumes.Find(id)))?.Status ?? "gone";
    }

    static object? Value(JsonNode? node) => node?.GetValueKind() switch
    {
        null => null,
        JsonValueKind.String => (string)node!,
        _ when node.AsValue().TryGetValue<long>(out var n) => n,
        _ => (double)node,
    };

    static string Folder()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Clinker.slnx"))) root = Path.GetDirectoryName(root)!;
        return Directory.CreateDirectory(Path.Combine(root, "tests/Clinker.Simulation/Journals")).FullName;
    }
}
