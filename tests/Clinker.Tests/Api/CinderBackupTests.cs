using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Backups that Cinder's own drivers wrote, taken in by their records, restored and deleted.</summary>
public sealed class CinderBackupTests : IAsyncLifetime
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-cinder-").FullName;
    readonly Random random = new(1);
    DirectoryBackups store = null!;
    RunningApi api = null!;
    string volume = "";

    string Folder => Path.Combine(root, "backups");

    public async ValueTask InitializeAsync()
    {
        store = new DirectoryBackups(Folder, TimeProvider.System);
        api = await RunningApi.Start();
        await api.BackupService();
        volume = await api.Made();
    }

    public async ValueTask DisposeAsync()
    {
        await api.DisposeAsync();
        await store.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Theory, InlineData("none"), InlineData("zlib"), InlineData("gzip"), InlineData("zstd")]
    public async Task A_chain_is_restored_to_a_volumes_file_as_it_was_at_each_of_its_backups(string compression)
    {
        await using var driver = new DirectoryDriver("b1", new() { Paths = [Path.Combine(root, "volumes")] }, TimeProvider.System, NullLogger.Instance);
        var pool = (await driver.Report(CancellationToken.None)).Pools[0].Name;
        await api.Db.Commit(tx => tx.Volumes.SetHost(volume, $"h1@b1#{pool}"));
        await driver.Create(await api.Db.Read(tx => tx.Volumes.Get(volume)), new Work(1, CancellationToken.None));
        api.Work(backups: store, backend: driver);

        var (content, states, chain, writer) = (Content(), new List<byte[]>(), new List<Written>(), new CinderWriter(Folder, volume, compression));
        for (var i = 0; i < 3; i++)
        {
            states.Add([.. content]);
            chain.Add(writer.Write(content, chain.LastOrDefault()?.Id));
            random.NextBytes(content.AsSpan(1_000_000 + i * 40_000, 60_000)); // the next one's, over what this one has changed too
            content.AsSpan(6_000_000 + i * 70_000, 70_000).Clear();
            random.NextBytes(content.AsSpan(content.Length - 10 - i, 5));
        }
        Assert.Equal((5, 3), (chain[0].Data.Length, chain[2].Data.Length));
        foreach (var backup in chain.AsEnumerable().Reverse()) await Taken(backup); // Cinder takes them in in any order too
        foreach (var i in (int[])[2, 0, 1])
        {
            await Restore(chain[i].Id, "available");
            await using var file = File.OpenRead(Path.Combine(root, "volumes", $"volume-{volume}"));
            var restored = new byte[content.Length + 100_000];
            await file.ReadExactlyAsync(restored);
            Assert.Equal(1L << 30, file.Length);
            Assert.True(restored.AsSpan().SequenceEqual([.. states[i], .. new byte[100_000]]), $"backup {i}");
        }
    }

    [Fact]
    public async Task It_is_shown_as_its_record_says_and_a_volume_made_of_it_has_what_its_volume_had()
    {
        api.Work(all: true, backups: store);
        await api.Reported();
        var backup = new CinderWriter(Folder, volume)
        {
            Service = "cinder.backup.drivers.nfs.NFSBackupDriver",
            VolumeMeta = new()
            {
                ["version"] = 2, ["volume-base-metadata"] = new JsonObject { ["bootable"] = true, ["size"] = 1 },
                ["volume-metadata"] = new JsonObject { ["own"] = "words" }, ["volume-glance-metadata"] = new JsonObject { ["image_name"] = "debian" },
            },
        }.Write(Content(100), container: "a named one", prefix: "backup");
        await Taken(backup);
        var shown = (await api.Get($"backups/{backup.Id}")).Json.GetProperty("backup");
        Assert.Equal(("näme", "a named one", 1), (shown.GetProperty("name").GetString(), shown.GetProperty("container").GetString(), shown.GetProperty("object_count").GetInt32()));
        Assert.StartsWith("2015-11-02T10:11:12", shown.GetProperty("data_timestamp").GetString(), StringComparison.Ordinal);
        var made = (await api.Post($"backups/{backup.Id}/restore", """{"restore": {}}""")).Json.GetProperty("restore").GetProperty("volume_id").GetString()!;
        Assert.Equal("available", await api.Settled($"volumes/{made}"));
        var copy = (await api.Get($"volumes/{made}")).Json.GetProperty("volume");
        Assert.Equal(("true", "words", "debian"), (copy.GetProperty("bootable").GetString(), copy.GetProperty("metadata").GetProperty("own").GetString(),
            copy.GetProperty("volume_image_metadata").GetProperty("image_name").GetString()));

        // Ours are increments of ours only.
        var refused = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}", "incremental": true} }""");
        Assert.Equal((400, "Invalid backup: No backups available to do an incremental backup."), (refused.Status, refused.Message));

        // What is exported of it a Cinder would take again, and so do we.
        var record = (await api.Get($"backups/{backup.Id}/export_record")).Json.GetProperty("backup-record").GetProperty("backup_url").GetString()!;
        await api.Db.Commit(tx => tx.Backups.Remove(backup.Id));
        Assert.Equal("available", await Imported(backup.Id, record));
    }

    [Fact]
    public async Task Deleting_takes_its_own_objects_and_no_others()
    {
        api.Work(backups: store);
        var (content, writer) = (Content(3_000_000), new CinderWriter(Folder, volume));
        var full = writer.Write(content, container: "c", prefix: "backup");
        content[0] ^= 1;
        var part = writer.Write(content, full.Id, "c", "backup2");
        string[] others = ["backup", "backup22-00001", "backup_metadata.old", "index"];
        foreach (var name in others) await File.WriteAllTextAsync(Path.Combine(full.Folder, name), "another's");
        await Taken(full);
        await Taken(part);
        Assert.Equal(400, (await api.Delete($"backups/{full.Id}")).Status); // it has an increment
        Assert.Equal(202, (await api.Delete($"backups/{part.Id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{part.Id}"));
        Assert.True(File.Exists(full.Metadata) && File.Exists(full.BlockSums));
        Assert.Equal((0, 2), (part.Data.Length, full.Data.Length));
        Assert.Equal(202, (await api.Delete($"backups/{full.Id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{full.Id}"));
        Assert.Equal(others, Directory.GetFiles(full.Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
    }

    [Theory]
    [InlineData("container", "../outside"), InlineData("container", "/etc"), InlineData("container", "a/../../b"), InlineData("container", "a//b")]
    [InlineData("container", "a/./b"), InlineData("container", ""), InlineData("container", "a/"), InlineData("container", ".hidden/b"), InlineData("container", "a\0b")]
    [InlineData("container", null), InlineData("service_metadata", ".."), InlineData("service_metadata", "../x"), InlineData("service_metadata", "/x/y")]
    [InlineData("service_metadata", ".x"), InlineData("service_metadata", ""), InlineData("service_metadata", "a\nb"), InlineData("service_metadata", null)]
    [InlineData("service", "cinder.backup.drivers.swift.SwiftBackupDriver"), InlineData("service", null), InlineData("id", "../../x"), InlineData("parent_id", "..")]
    public async Task A_record_that_leads_elsewhere_is_refused(string member, string? value)
    {
        api.Work(backups: store);
        var backup = new CinderWriter(Folder, volume).Write(Content(100));
        var answer = await Import(backup.Changed(r => r[member] = value));
        Assert.Equal((400, true), (answer.Status, answer.Message.StartsWith("Invalid input received: ", StringComparison.Ordinal)));
        Assert.Equal(404, (await api.Get($"backups/{backup.Id}")).Status);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task No_link_is_followed(bool container)
    {
        api.Work(backups: store);
        var outside = new CinderWriter(Path.Combine(root, "outside"), volume).Write(Content(100), container: "a/b");
        if (container)
        {
            Directory.CreateDirectory(Folder);
            Directory.CreateSymbolicLink(Path.Combine(Folder, "a"), Path.Combine(root, "outside", "a"));
        }
        else
        {
            Directory.CreateDirectory(Path.Combine(Folder, "a", "b"));
            foreach (var file in outside.Files) File.CreateSymbolicLink(Path.Combine(Folder, "a", "b", Path.GetFileName(file)), file);
        }
        Assert.Equal("error", await Imported(outside.Id, outside.Record));
        Assert.Equal(202, (await api.Delete($"backups/{outside.Id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{outside.Id}"));
        Assert.Equal(3, outside.Files.Length);
    }

    public static TheoryData<string> Unfit() => [.. unfit.Keys];

    static readonly Dictionary<string, (Action<Written> Do, string Says)> unfit = new()
    {
        ["no metadata"] = (b => File.Delete(b.Metadata), "it is not there"),
        ["no JSON"] = (b => File.WriteAllText(b.Metadata, "{"), "can't be read"),
        ["version"] = (b => b.Edit(m => m["version"] = "2.0.0"), "is of version 2.0.0, this program reads 1.0.0"),
        ["another's"] = (b => b.Edit(m => m["backup_id"] = "22222222-2222-4222-8222-222222222222"), "another backup's"),
        ["another volume's"] = (b => b.Edit(m => m["volume_id"] = "22222222-2222-4222-8222-222222222222"), "another backup's"),
        ["an increment"] = (b => b.Edit(m => m["parent_id"] = "22222222-2222-4222-8222-222222222222"), "another backup's"),
        ["bz2"] = (b => b.Edit(m => First(m)["compression"] = "bz2"), "decompress it first as docs/backup-format.md says"),
        ["unknown compression"] = (b => b.Edit(m => First(m)["compression"] = "lzma"), "compressed with lzma"),
        ["no md5"] = (b => b.Edit(m => First(m).Remove("md5")), "has no md5"),
        ["missing object"] = (b => File.Delete(b.Data[1]), "the 1 objects that are there are not the 2 that it names"),
        ["one too many"] = (b => File.WriteAllText($"{b.Folder}/{b.Prefix}-00003", "x"), "the 3 objects that are there are not the 2 that it names"),
        ["gap"] = (b => b.Edit(m => First(m)["length"] = 1), "is not where it could be"),
        ["overlap"] = (b => b.Edit(m => First(m)["length"] = 1_900_545), "is not where it could be"),
        ["behind the end"] = (b => b.Edit(m => Last(m)["length"] = 1L << 30), "is not where it could be"),
        ["overflow"] = (b => b.Edit(m => Last(m)["length"] = long.MaxValue), "is not where it could be"),
        ["before the beginning"] = (b => b.Edit(m => First(m)["offset"] = -1), "is not where it could be"),
        ["a name that leads elsewhere"] = (b => b.Edit(m => m["objects"]![0] = new JsonObject { ["../../x"] = First(m).DeepClone() }), "what it names as objects is none"),
        ["another's object"] = (b => b.Edit(m => m["objects"]![0] = new JsonObject { ["other-00001"] = First(m).DeepClone() }), "what it names as objects is none"),
        ["two names"] = (b => b.Edit(m => m["objects"]![0]![$"{b.Prefix}-00009"] = First(m).DeepClone()), "what it names as objects is none"),
        ["no object"] = (b => b.Edit(m => m["objects"] = new JsonArray()), "it names no object"),
        ["null for an object"] = (b => b.Edit(m => m["objects"]![0] = null), "what it names as objects is none"),
        ["volume_meta"] = (b => b.Edit(m => m["volume_meta"] = "{"), "its volume_meta can't be read"),
    };

    [Theory, MemberData(nameof(Unfit))]
    public async Task What_does_not_make_sense_is_not_taken_in_and_the_error_says_why(string what)
    {
        api.Work(backups: store);
        var backup = new CinderWriter(Folder, volume).Write(Content(3_000_000));
        unfit[what].Do(backup);
        var files = backup.Files;
        Assert.Equal("error", await Imported(backup.Id, backup.Record));
        var why = (await api.Get($"backups/{backup.Id}")).Json.GetProperty("backup").GetProperty("fail_reason").GetString();
        Assert.Contains(unfit[what].Says, why, StringComparison.Ordinal);
        Assert.Equal(202, (await api.Delete($"backups/{backup.Id}")).Status);
        Assert.Equal("gone", await api.Settled($"backups/{backup.Id}"));
        Assert.Equal(files, backup.Files);
    }

    public static TheoryData<string> Damage() => [.. damage.Keys];

    static readonly Dictionary<string, (Action<Written> Do, string Says)> damage = new()
    {
        ["rotten"] = (b => Flip(b.Data[0], 1000), ""), // it may also not be decompressed any more
        ["cut"] = (b => File.WriteAllBytes(b.Data[0], File.ReadAllBytes(b.Data[0])[..^100]), ""),
        ["longer"] = (b => File.AppendAllText(b.Data[0], "x"), "is longer than what was written"),
        ["gone"] = (b => File.Delete(b.Data[1]), "the 1 objects that are there are not the 2 that it names"),
        ["metadata"] = (b => File.AppendAllText(b.Metadata, " "), "is not the one that was taken in"),
        ["a sum"] = (b => Written.Edit(b.BlockSums, s => s["sha256s"]![90] = new string('0', 64)), "has other sums than what was read"),
        ["too few sums"] = (b => Written.Edit(b.BlockSums, s => s["sha256s"]!.AsArray().RemoveAt(0)), "sums"),
        ["too many sums"] = (b => Written.Edit(b.BlockSums, s => s["sha256s"]!.AsArray().Add("x")), "has a String for a EndArray"),
        ["sums of another version"] = (b => Written.Edit(b.BlockSums, s => s["version"] = "2.0.0"), "is of version 2.0.0"),
        ["sums of nothing"] = (b => Written.Edit(b.BlockSums, s => s["chunk_size"] = 0), "has blocks of 0 bytes"),
        ["sums that end early"] = (b => File.WriteAllText(b.BlockSums, File.ReadAllText(b.BlockSums)[..2000]), "can't be read"),
    };

    [Theory, MemberData(nameof(Damage))]
    public async Task Damage_is_noticed_and_the_volume_keeps_what_it_had(string what)
    {
        api.Work(backups: store);
        api.Shares.Write(volume, "kept");
        var backup = new CinderWriter(Folder, volume, what == "longer" ? "none" : "zlib").Write(Content(3_000_000));
        await Taken(backup);
        damage[what].Do(backup);
        Assert.Contains(damage[what].Says, await Restore(backup.Id, "error_restoring"), StringComparison.Ordinal);
        Assert.Equal("kept", api.Shares.Find(volume)!.Content);
    }

    /// <summary>What docs/backup-format.md says of bz2 helps.</summary>
    [Fact]
    public async Task Bz2_is_read_once_it_was_rewritten_as_the_document_says()
    {
        Assert.SkipWhen(!File.Exists("/usr/bin/python3"), "python3 is not installed: ./dev deps");
        api.Work(backups: store);
        var content = Content(3_000_000);
        var backup = new CinderWriter(Folder, volume, "none").Write(content);
        await Python("""
            import bz2, json, os, sys
            metadata = json.load(open(sys.argv[1] + "_metadata"))
            for entries in metadata["objects"]:
                for name, entry in entries.items():
                    path = os.path.join(os.path.dirname(sys.argv[1]), name)
                    data = open(path, "rb").read()
                    open(path, "wb").write(bz2.compress(data))
                    entry["compression"] = "bz2"
            json.dump(metadata, open(sys.argv[1] + "_metadata", "w"))
            """);
        Assert.Equal("error", await Imported(backup.Id, backup.Record));
        await api.Delete($"backups/{backup.Id}");
        Assert.Equal("gone", await api.Settled($"backups/{backup.Id}"));
        await Python(BackupWorkTests.Scripts[1]);
        await Taken(backup);
        Assert.Equal("", await Restore(backup.Id, "available"));
        Assert.Equal(Encoding.Latin1.GetString(content), api.Shares.Find(volume)!.Content);

        async Task Python(string script)
        {
            var file = Path.Combine(root, "script.py");
            await File.WriteAllTextAsync(file, script);
            var run = await Processes.Run("/usr/bin/python3", [file, Path.Combine(backup.Folder, backup.Prefix)], TimeSpan.FromSeconds(60));
            Assert.True(run.ExitCode == 0, run.Error);
        }
    }

    [Fact]
    public async Task An_object_without_its_md5_is_noticed_before_it_is_taken_for_good()
    {
        api.Work(backups: store);
        api.Shares.Write(volume, "kept");
        var backup = new CinderWriter(Folder, volume).Write(Content(3_000_000));
        File.Delete(backup.BlockSums); // the oldest have none
        var record = backup.Record;
        backup.Edit(m => Last(m)["md5"] = "00000000000000000000000000000000");
        Assert.Equal("available", await Imported(backup.Id, record));
        Assert.Contains("its MD5 is another", await Restore(backup.Id, "error_restoring"), StringComparison.Ordinal);
        Assert.Equal("kept", api.Shares.Find(volume)!.Content);
    }

    [Fact]
    public async Task An_increment_of_other_content_than_its_parents_is_noticed()
    {
        api.Work(backups: store);
        var (content, writer) = (Content(3_000_000), new CinderWriter(Folder, volume));
        var full = writer.Write(content);
        content[0] ^= 1;
        var part = writer.Write(content, full.Id);
        content[2_500_000] ^= 1;
        // Another full backup in the place of the first, with everything right in itself.
        var other = new CinderWriter(Folder, volume).Write(content, prefix: full.Prefix);
        Assert.Equal(full.Id, other.Id);
        await Taken(other);
        await Taken(part);
        Assert.Equal("", await Restore(other.Id, "available"));
        Assert.Contains("one that it is an increment of", await Restore(part.Id, "error_restoring"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_its_parent_it_is_not_restored_until_that_is_taken_in_too()
    {
        api.Work(all: true, backups: store);
        var (content, writer) = (Content(100_000), new CinderWriter(Folder, volume));
        var full = writer.Write(content);
        content[0] ^= 1;
        var part = writer.Write(content, full.Id);
        await Taken(part);
        foreach (var (path, body) in new[]
        {
            ($"backups/{part.Id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }"""), ($"backups/{part.Id}/restore", """{"restore": {}}"""),
        })
        {
            var refused = await api.Post(path, body);
            Assert.Equal((400, $"Invalid backup: {part.Id} is an increment of backup {full.Id}, which is not there whole. Import its record first."),
                (refused.Status, refused.Message));
        }
        Assert.Equal("available", await api.Settled($"volumes/{volume}"));
        await Taken(full);
        await Restore(part.Id, "available");

        // A parent of another project is nobody's to be read by this.
        await api.Db.Commit(tx => tx.Execute($"update backup set project_id = {"another"} where id = {full.Id}"));
        Assert.Equal(400, (await api.Post($"backups/{part.Id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""")).Status);
        // Nor does one end that leads back to itself.
        await api.Db.Commit(tx => tx.Execute($"update backup set parent_id = {part.Id} where id = {part.Id}"));
        Assert.Equal(400, (await api.Post($"backups/{part.Id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""")).Status);
    }

    static JsonObject First(JsonObject metadata) => metadata["objects"]![0]!.AsObject().Single().Value!.AsObject();
    static JsonObject Last(JsonObject metadata) => metadata["objects"]!.AsArray()[^1]!.AsObject().Single().Value!.AsObject();

    static void Flip(string file, int at)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
    }

    /// <summary>Some of it shrinks, some does not, some is zeroes.</summary>
    byte[] Content(int length = 9_000_000)
    {
        var content = new byte[length];
        random.NextBytes(content.AsSpan(0, length / 4));
        content.AsSpan(length / 2).Fill((byte)'x');
        return content;
    }

    Task<Answered> Import(string record) =>
        api.Post("backups/import_record", $$"""{"backup-record": {"backup_service": "cinder.backup.drivers.posix.PosixBackupDriver", "backup_url": "{{record}}"} }""");

    async Task<string> Imported(string id, string record)
    {
        var answer = await Import(record);
        Assert.True(answer.Status == 201, answer.Text);
        return await api.Settled($"backups/{id}");
    }

    async Task Taken(Written backup)
    {
        var status = await Imported(backup.Id, backup.Record);
        Assert.True(status == "available", (await api.Get($"backups/{backup.Id}")).Text);
    }

    /// <summary>Restores to the volume; gives the fault's words, if there was one.</summary>
    async Task<string> Restore(string id, string ends)
    {
        api.Time.Advance(TimeSpan.FromSeconds(1));
        var answer = await api.Post($"backups/{id}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
        Assert.True(answer.Status == 202, answer.Text);
        var status = await api.Settled($"volumes/{volume}");
        var why = (await api.Get("operations")).Json.GetProperty("operations").EnumerateArray()
            .First(o => o.GetProperty("kind").GetString() == "RestoreBackup").GetProperty("fault").GetString();
        Assert.True(status == ends, $"{status}: {why}");
        Assert.Equal("available", await api.Settled($"backups/{id}"));
        return why ?? "";
    }
}
