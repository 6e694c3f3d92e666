using System.Text;
using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Backups from the request to the objects and back; a worker runs.</summary>
public sealed class BackupWorkTests
{
    [Fact]
    public async Task What_was_backed_up_is_restored_by_increments_too()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService("zone1");
        var volume = await api.Made();
        api.Work();
        api.Shares.Write(volume, "aaaabbbb\0\0\0\0\0\0\0\0cccc");
        var full = await Saved(api, volume);
        var shown = (await api.Get($"backups/{full}")).Json.GetProperty("backup");
        Assert.Equal((3, "backups", "zone1"), (shown.GetProperty("object_count").GetInt32(), shown.GetProperty("container").GetString(),
            shown.GetProperty("availability_zone").GetString()));
        api.Shares.Write(volume, "aaaaBBBBdddd");
        var part = await Saved(api, volume, ", \"incremental\": true");
        Assert.Equal(2, (await api.Get($"backups/{part}")).Json.GetProperty("backup").GetProperty("object_count").GetInt32());
        api.Shares.Write(volume, "lost");
        Assert.Equal("aaaaBBBBdddd", await Restored(api, part, volume));
        Assert.Equal("aaaabbbb\0\0\0\0\0\0\0\0cccc", await Restored(api, full, volume));
        Assert.Equal(202, (await api.Delete($"backups/{part}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{part}"));
        Assert.Equal(202, (await api.Delete($"backups/{full}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{full}"));
        Assert.Empty(api.Objects.All);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_damaged_object_is_noticed_and_the_volume_keeps_what_it_had(bool index)
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        api.Work();
        api.Shares.Write(volume, "good");
        var id = await Saved(api, volume);
        var name = api.Objects.All.Keys.Single(k => k.EndsWith("/index", StringComparison.Ordinal) == index);
        var bytes = api.Objects.All[name].ToArray();
        bytes[^1] ^= 1;
        api.Objects.All[name] = bytes;
        api.Shares.Write(volume, "newer");
        Assert.Equal(202, (await api.Post($"backups/{id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""")).Status);
        Assert.Equal("error_restoring", await api.Settled($"volumes/{volume}"));
        Assert.Equal(("newer", "available"), (api.Shares.Find(volume)!.Content, await api.Settled($"backups/{id}")));
        var message = (await api.Get("messages", "3.5")).Json.GetProperty("messages")[0];
        Assert.Equal(("VOLUME_VOLUME_BACKUP_015_026", id), (message.GetProperty("event_id").GetString(), message.GetProperty("resource_uuid").GetString()));
        Assert.Equal("restore backup: The driver could not read the backup.", message.GetProperty("user_message").GetString());
        var operation = (await api.Get($"operations/{message.GetProperty("id").GetString()}")).Json.GetProperty("operation");
        Assert.Contains(name, operation.GetProperty("fault").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_objects_on_their_way_none_goes_on_when_one_has_failed_and_the_backup_has_ended()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        var (gate, puts) = (new TaskCompletionSource(), 0);
        api.Work(backups: new MemoryBackups(api.Objects, point => point != "put object: make" ? Task.CompletedTask
            : Interlocked.Increment(ref puts) switch
            {
                2 => gate.Task,
                1 => throw new Fault.DriverFailed("write the backup", "the disk is broken.").Thrown(),
                _ => Task.CompletedTask,
            })
        { ChunkBytes = 4 });
        api.Shares.Write(volume, "aaaabbbbccccddddeeeeffffgggg");
        var id = await api.Backup(volume);
        await Soon.Until(() => Volatile.Read(ref puts) == 4); // so many at once
        await Task.Delay(50);
        Assert.Equal("creating", (await api.Get($"backups/{id}")).Json.GetProperty("backup").GetProperty("status").GetString());
        gate.SetResult();
        Assert.Equal("error", await api.Settled($"backups/{id}"));
        Assert.Equal(4, puts);
        Assert.Empty(api.Objects.All);
    }

    [Fact]
    public async Task Without_a_service_the_backup_ends_in_error_and_the_volume_is_as_it_was()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Made();
        api.Work();
        var id = await api.Backup(volume);
        Assert.Equal("error", await api.Settled($"backups/{id}"));
        Assert.Equal("available", await api.Settled($"volumes/{volume}"));
        Assert.Equal("VOLUME_VOLUME_BACKUP_013_024", (await api.Get("messages", "3.5")).Json.GetProperty("messages")[0].GetProperty("event_id").GetString());
        await api.BackupService();
        var elsewhere = await api.Backup(volume, ", \"availability_zone\": \"mars\"");
        Assert.Equal("error", await api.Settled($"backups/{elsewhere}"));
        Assert.Equal("available", await api.Settled($"backups/{await api.Backup(volume, ", \"availability_zone\": \"nova\"")}"));
    }

    [Fact]
    public async Task A_volume_in_use_is_backed_up_only_where_the_backend_keeps_to_one_moment()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        api.Shares.Write(volume, "used");
        api.Work();
        var attachment = (await api.Post("attachments", $$"""
            {"attachment": {"volume_uuid": "{{volume}}", "instance_uuid": "11111111-1111-4111-8111-111111111111", "connector": {"host": "c1"} } }
            """, "3.27")).Json.GetProperty("attachment").GetProperty("id").GetString();
        await api.Post($"attachments/{attachment}/action", """{"os-complete": null}""", "3.44");
        var id = await api.Backup(volume, ", \"force\": true");
        Assert.Equal("available", await api.Settled($"backups/{id}"));
        Assert.Equal("in-use", await api.Settled($"volumes/{volume}"));
        Assert.Empty(api.Shares.Snapshots);
        api.Shares.SnapshotsAttached = false;
        var refused = await api.Backup(volume, ", \"force\": true");
        Assert.Equal("error", await api.Settled($"backups/{refused}"));
        Assert.Equal("in-use", await api.Settled($"volumes/{volume}"));
        Assert.Contains("in use", (await api.Get($"backups/{refused}")).Json.GetProperty("backup").GetProperty("fail_reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_brings_a_backup_to_a_database_that_has_lost_it()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        api.Work();
        api.Shares.Write(volume, "kept");
        var id = await Saved(api, volume, ", \"name\": \"n\"");
        var exported = (await api.Get($"backups/{id}/export_record")).Json.GetProperty("backup-record");
        Assert.Equal("memory", exported.GetProperty("backup_service").GetString());
        var url = exported.GetProperty("backup_url").GetString()!;
        await Forget();
        Assert.Equal(201, (await Import(url)).Status);
        Assert.Equal("available", await api.Settled($"backups/{id}"));
        Assert.Equal("kept", await Restored(api, id, volume));

        // What the record says and the index does not is not believed; its objects stay.
        await Forget();
        var lie = Convert.ToBase64String(Encoding.UTF8.GetBytes(
            Encoding.UTF8.GetString(Convert.FromBase64String(url)).Replace("\"size\":1", "\"size\":2", StringComparison.Ordinal)));
        Assert.Equal(201, (await Import(lie)).Status);
        Assert.Equal("error", await api.Settled($"backups/{id}"));
        Assert.Equal(202, (await api.Delete($"backups/{id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{id}"));
        Assert.Equal(201, (await Import(url)).Status);
        Assert.Equal("available", await api.Settled($"backups/{id}"));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));

        Task<Answered> Import(string record) =>
            api.Post("backups/import_record", $$"""{"backup-record": {"backup_service": "memory", "backup_url": "{{record}}"} }""");
        Task Forget() => api.Db.Commit(async tx =>
        {
            var row = await tx.Backups.Get(id);
            await tx.Backups.Remove(id);
            await tx.Quotas.GiveBack(row);
        });
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task What_an_increment_that_is_taken_in_stands_on_is_there_and_stays(bool renames)
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        api.Work();
        api.Shares.Write(volume, "kept and");
        var full = await Saved(api, volume);
        api.Shares.Write(volume, "kept then");
        var increment = await Saved(api, volume, ", \"incremental\": true");
        var (fullUrl, incrementUrl) = (await Exported(full), await Exported(increment));
        foreach (var id in (string[])[increment, full]) await Forgotten(id);
        var refused = await Import(incrementUrl);
        Assert.Equal((400, $"Invalid backup: {increment} is an increment of backup {full}, which is not there. Import its record first."), (refused.Status, refused.Message));
        const string Other = "0f5b1c52-7a1e-4f0e-8a43-0c0a5e9f7b02";
        if (renames)
            fullUrl = Convert.ToBase64String(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Convert.FromBase64String(fullUrl))
                .Replace($"\"id\":\"{full}\"", $"\"id\":\"{Other}\"", StringComparison.Ordinal)));
        var parent = renames ? Other : full;
        Assert.Equal(201, (await Import(fullUrl)).Status);
        Assert.Equal("available", await api.Settled($"backups/{parent}"));
        Assert.Equal(201, (await Import(incrementUrl)).Status);
        Assert.Equal("available", await api.Settled($"backups/{increment}"));
        Assert.Equal("Invalid backup: Incremental backups exist for this backup.", (await api.Delete($"backups/{parent}")).Message);
        Assert.Equal("kept then", await Restored(api, increment, volume));
        // One of what was taken in names that by its new id.
        await Forgotten(increment);
        api.Shares.Write(volume, "kept at last");
        var further = await Saved(api, volume, ", \"incremental\": true");
        var furtherUrl = await Exported(further);
        await Forgotten(further);
        foreach (var (id, url) in new[] { (increment, incrementUrl), (further, furtherUrl) })
        {
            Assert.Equal(201, (await Import(url)).Status);
            Assert.Equal("available", await api.Settled($"backups/{id}"));
        }
        Assert.Equal("kept at last", await Restored(api, further, volume));
        foreach (var id in (string[])[further, increment, parent])
        {
            Assert.Equal(202, (await api.Delete($"backups/{id}")).Status);
            Assert.Equal("gone", await api.Settled($"backups/{id}"));
        }
        Assert.Empty(api.Objects.All);

        Task Forgotten(string id) => api.Db.Commit(async tx =>
        {
            var row = await tx.Backups.Get(id);
            await tx.Backups.Remove(id);
            await tx.Quotas.GiveBack(row);
        });
        async Task<string> Exported(string id) => (await api.Get($"backups/{id}/export_record")).Json.GetProperty("backup-record").GetProperty("backup_url").GetString()!;
        Task<Answered> Import(string record) =>
            api.Post("backups/import_record", $$"""{"backup-record": {"backup_service": "memory", "backup_url": "{{record}}"} }""");
    }

    [Fact]
    public async Task A_backup_that_is_taken_in_under_another_id_has_the_same_objects_which_go_with_the_last()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made();
        api.Work();
        api.Shares.Write(volume, "kept");
        var id = await Saved(api, volume);
        var url = (await api.Get($"backups/{id}/export_record")).Json.GetProperty("backup-record").GetProperty("backup_url").GetString()!;
        const string Other = "0f5b1c52-7a1e-4f0e-8a43-0c0a5e9f7b02";
        var renamed = Convert.ToBase64String(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Convert.FromBase64String(url))
            .Replace($"\"id\":\"{id}\"", $"\"id\":\"{Other}\"", StringComparison.Ordinal)));
        Assert.Equal(201, (await api.Post(
            "backups/import_record", $$"""{"backup-record": {"backup_service": "memory", "backup_url": "{{renamed}}"} }""")).Status);
        Assert.Equal("available", await api.Settled($"backups/{Other}"));
        Assert.Equal(202, (await api.Delete($"backups/{id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{id}"));
        api.Shares.Write(volume, "newer");
        Assert.Equal("kept", await Restored(api, Other, volume));
        Assert.Equal(202, (await api.Delete($"backups/{Other}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{Other}"));
        Assert.Empty(api.Objects.All);
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_volume_made_of_a_backup_has_its_volumes_metadata_unless_others_are_asked_for()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Made(", \"metadata\": {\"a\": \"b\"}");
        api.Work(all: true);
        var id = await Saved(api, volume);
        var restored = (await api.Post($"backups/{id}/restore", """{"restore": {}}""")).Json.GetProperty("restore").GetProperty("volume_id").GetString();
        Assert.Equal("b", (await api.Get($"volumes/{restored}")).Json.GetProperty("volume").GetProperty("metadata").GetProperty("a").GetString());
        var made = await api.Post("volumes", $$"""{"volume": {"backup_id": "{{id}}", "metadata": {"c": "d"} } }""", "3.47");
        Assert.Equal("""{"c":"d"}""", made.Json.GetProperty("volume").GetProperty("metadata").GetRawText());
    }

    /// <summary>The format is what docs/backup-format.md says: a few lines of another language read it.</summary>
    [Theory, InlineData(BackupCompression.None), InlineData(BackupCompression.Zlib), InlineData(BackupCompression.Zstd)]
    public async Task Whoever_reads_the_document_can_restore_without_us(BackupCompression how)
    {
        var missing = File.Exists("/usr/bin/python3") && Directory.Exists("/usr/lib/python3/dist-packages/zstandard") ? null : "python3-zstandard is not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        var folder = Directory.CreateTempSubdirectory("clinker-backups-").FullName;
        try
        {
            await using var store = new DirectoryBackups(folder, TimeProvider.System) { ChunkBytes = 4096, Compression = how };
            await using var api = await RunningApi.Start();
            await api.BackupService();
            var volume = await api.Made();
            api.Work(backups: store);
            var random = new Random(1);
            var noise = new byte[10_000];
            random.NextBytes(noise);
            var content = Encoding.Latin1.GetString(noise) + new string('\0', 50_000) + new string('x', 9_000);
            api.Shares.Write(volume, content);
            await Saved(api, volume);
            content = "changed" + content[7..];
            api.Shares.Write(volume, content);
            var id = await Saved(api, volume, ", \"incremental\": true, \"container\": \"elsewhere\"");
            var index = await File.ReadAllTextAsync(Path.Combine(folder, "elsewhere", id, "index"));
            Assert.Equal(how == BackupCompression.None ? ["none"] : ["none", how.ToString().ToLowerInvariant()], // the noise does not shrink
                index.Split("\"compression\":\"").Skip(1).Select(c => c.Split('"')[0]).Distinct().Order(StringComparer.Ordinal));
            await File.WriteAllTextAsync(Path.Combine(folder, "restore.py"), Scripts[0]);
            var run = await Processes.Run("/usr/bin/python3", [Path.Combine(folder, "restore.py"), folder, $"elsewhere/{id}", Path.Combine(folder, "out")], TimeSpan.FromSeconds(60));
            Assert.True(run.ExitCode == 0, run.Error);
            await using (var restored = File.OpenRead(Path.Combine(folder, "out")))
            {
                var bytes = new byte[content.Length + 4096];
                await restored.ReadExactlyAsync(bytes);
                Assert.Equal(content + new string('\0', 4096), Encoding.Latin1.GetString(bytes));
                Assert.Equal(1L << 30, restored.Length);
            }
            api.Shares.Write(volume, "lost");
            Assert.Equal(content, await Restored(api, id, volume));
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    /// <summary>As they stand in docs/backup-format.md.</summary>
    internal static string[] Scripts
    {
        get
        {
            var root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "Clinker.slnx"))) root = Path.GetDirectoryName(root)!;
            return [.. File.ReadAllText(Path.Combine(root, "docs", "backup-format.md")).Split("```python\n")[1..].Select(t => t.Split("```")[0])];
        }
    }

    static async Task<string> Saved(RunningApi api, string volume, string more = "")
    {
        var id = await api.Backup(volume, more);
        var status = await api.Settled($"backups/{id}");
        Assert.True(status == "available", (await api.Get($"backups/{id}")).Text);
        Assert.Equal(VolumeStatus.Available, await api.Settled($"volumes/{volume}"));
        return id;
    }

    static async Task<string> Restored(RunningApi api, string id, string volume)
    {
        var answer = await api.Post($"backups/{id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
        Assert.True(answer.Status == 202, answer.Text);
        Assert.Equal("available", await api.Settled($"volumes/{volume}"));
        Assert.Equal("available", await api.Settled($"backups/{id}"));
        return api.Shares.Find(volume)!.Content;
    }
}
