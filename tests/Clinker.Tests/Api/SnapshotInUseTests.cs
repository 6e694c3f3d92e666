using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Contracts;
using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Server.Outside;
using Clinker.Services;
using Clinker.Tests.Outside;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Clinker.Tests.Api.AttachmentCalls;

namespace Clinker.Tests.Api;

/// <summary>
/// Snapshots of a volume in use from end to end: the API, the worker, files of QEMU, and a Nova that does what it is asked with a guest which
/// has the volume open, and says how it went by the API.
/// </summary>
public sealed class SnapshotInUseTests : IAsyncLifetime
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-in-use-").FullName;
    readonly FakeNova fake = new();
    RunningApi api = null!;
    DirectoryDriver driver = null!;
    Nova nova = null!;
    Guest guest = null!;
    string volume = "", attachment = "";
    SortedDictionary<int, byte> atGoingOver = [];

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start(WithTokens);
        driver = new("b1", new() { Paths = [root], CloneMode = CloneMode.Thin }, TimeProvider.System, NullLogger.Instance);
        nova = new Nova(fake.Settings(), TimeProvider.System, NullLogger.Instance);
        volume = await api.Volume();
        await api.Available(volume);
        var pool = (await driver.Report(CancellationToken.None)).Pools[0].Name;
        await api.Db.Commit(tx => tx.Volumes.SetHost(volume, $"h1@b1#{pool}"));
        var disk = await driver.Create(await api.Db.Read(tx => tx.Volumes.Get(volume)), new Work(1, CancellationToken.None));
        await api.Db.Commit(tx => tx.Execute($"update volume set provider_location = {disk.ProviderLocation}, format = {disk.Format} where id = {volume}"));
        api.Work(backend: driver, compute: nova, backups: new MemoryBackups(api.Objects) { ChunkBytes = 1 << 20 });
        attachment = await Attached(api, volume, Instance, "host1");
        guest = await Guest.Boot(Path.Combine(root, await Told()), disk.Format);
        for (var i = 0; i < 30; i++) await guest.Write();
    }

    public async ValueTask DisposeAsync()
    {
        await guest.DisposeAsync();
        await api.DisposeAsync();
        nova.Dispose();
        await driver.DisposeAsync();
        await fake.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    /// <summary>The file that hosts are told of now.</summary>
    async Task<string> Told() =>
        Path.GetFileName((await api.Get($"attachments/{attachment}", Newest)).Json.GetProperty("attachment").GetProperty("connection_info").GetProperty("device_path").GetString()!);

    Task<Answered> Says(string snapshot, string status, string progress = "90%", string? token = null) =>
        api.Post($"snapshots/{snapshot}/action", $$"""{"os-update_snapshot_status": {"status": "{{status}}", "progress": "{{progress}}"} }""", token: token);

    static readonly (int, string)? Heard = (200, "{}");

    /// <summary>As Nova does: the guest goes over, then the API is told.</summary>
    async Task<(int, string)?> GoesOver(JsonNode asked)
    {
        var info = asked["snapshot"]!["create_info"]!;
        atGoingOver = await guest.GoOver(Path.Combine(root, (string)info["new_file"]!));
        await guest.Write();
        Assert.Equal(202, (await Says((string)info["snapshot_id"]!, "creating")).Status);
        return Heard;
    }

    async Task<string> Taken() => await api.Snapshot(volume, more: """, "force": true""");

    async Task<string> Settled(string snapshot)
    {
        var settled = api.Settled($"snapshots/{snapshot}");
        await Passing(api, settled);
        return await settled;
    }

    /// <summary>As <see cref="Settled"/>, when nobody says anything for long.</summary>
    async Task<string> SettledAtLast(string snapshot)
    {
        var settled = api.Settled($"snapshots/{snapshot}");
        while (!settled.IsCompleted)
        {
            await Task.WhenAny(settled, Task.Delay(5));
            api.Time.Advance(TimeSpan.FromSeconds(5));
        }
        return await settled;
    }

    string? Info(string key) => File.Exists(Path.Combine(root, $"volume-{volume}.info"))
        ? (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(root, $"volume-{volume}.info")))![key] : null;

    async Task<string> Why(string snapshot) => Fault.WordsOf((await api.Db.Read(async tx =>
        (await tx.Operations.List(new() { Filters = [new("about_id", Store.Op.Equal, snapshot)], Limit = 1 })).Single())).Fault)!;

    [Fact]
    public async Task It_holds_what_was_written_when_the_guest_went_over_and_hosts_are_told_of_the_new_file()
    {
        fake.Answers = GoesOver;
        var before = await Told();
        foreach (var _ in (int[])[1, 2])
        {
            var snapshot = await Taken();
            Assert.Equal("available", await Settled(snapshot));
            Assert.Equal("100%", (await api.Get($"snapshots/{snapshot}")).Json.GetProperty("snapshot").GetProperty("os-extended-snapshot-attributes:progress").GetString());
            Assert.Equal(($"volume-{volume}.{snapshot}", $"volume-{volume}.{snapshot}"), (await Told(), Info("active")));
            await Guest.Holds(Path.Combine(root, before), before == $"volume-{volume}" ? "raw" : "qcow2", atGoingOver);
            before = await Told();
            for (var i = 0; i < 10; i++) await guest.Write();
            await guest.Check();
        }
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_Nova_can_not_do_leaves_all_as_it_was(bool saysItAtOnce)
    {
        fake.Answers = async asked =>
        {
            if (saysItAtOnce) return (400, """{"badRequest": {"code": 400, "message": "not now, please"}}""");
            Assert.Equal(202, (await Says((string)asked["snapshot"]!["create_info"]!["snapshot_id"]!, "error")).Status);
            return Heard;
        };
        var snapshot = await Taken();
        Assert.Equal("error", await Settled(snapshot));
        Assert.Contains(saysItAtOnce ? "not now, please" : "says that it failed", await Why(snapshot), StringComparison.Ordinal);
        Assert.Equal("create snapshot: The driver could not take snapshots of volumes in use.", await Message());
        Assert.Equal((2, $"volume-{volume}"), (Directory.GetFiles(root, "volume-*").Length, await Told())); // and its .info
        await guest.Write();
        await guest.Check();
        fake.Answers = GoesOver; // the next one is taken
        Assert.Equal("available", await Settled(await Taken()));
    }

    [Fact]
    public async Task A_silent_Nova_is_waited_for_and_nothing_that_the_guest_may_write_to_is_taken_away()
    {
        var asked = new TaskCompletionSource<JsonNode>();
        fake.Answers = body => { asked.TrySetResult(body); return Task.FromResult(Heard); };
        var snapshot = await Taken();
        var info = (await asked.Task)["snapshot"]!["create_info"]!;
        Assert.Equal(400, (await api.Delete($"snapshots/{snapshot}")).Status); // it is being taken
        Assert.Equal(409, (await Says(snapshot, "available")).Status); // whether it is, is not for Nova to say
        Assert.Equal(202, (await Says(snapshot, "creating", "40%")).Status);
        var member = $"u:{RunningApi.Project}:member"; // may tell how far it is, and not that Nova has done it, or can't
        Assert.Equal(202, (await Says(snapshot, "creating", token: member)).Status);
        Assert.Equal(409, (await Says(snapshot, "error", token: member)).Status);
        Assert.Equal("creating", (await api.Get($"snapshots/{snapshot}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        Assert.Equal("error", await SettledAtLast(snapshot));
        var file = $"volume-{volume}.{snapshot}";
        Assert.Contains($"{file} stays", await Why(snapshot), StringComparison.Ordinal);
        Assert.Equal((file, $"volume-{volume}"), (Info("clinker:coming"), Info("active")));
        Assert.Single(fake.Asked);

        // It was only late. Its word changes nothing any more; deleting the snapshot takes nothing from the guest.
        await guest.GoOver(Path.Combine(root, (string)info["new_file"]!));
        await guest.Write();
        Assert.Equal(400, (await Says(snapshot, "creating")).Status);
        Assert.Equal(202, (await api.Delete($"snapshots/{snapshot}")).Status);
        Assert.Equal("gone", await Settled(snapshot));
        await guest.Write();
        await guest.Check();
        Assert.True(File.Exists(Path.Combine(root, file)));

        await guest.DisposeAsync();
        var detach = api.Delete($"attachments/{attachment}", Newest);
        await Passing(api, detach);
        Assert.Equal(200, (await detach).Status);
        var next = await api.Snapshot(volume);
        Assert.Equal("available", await Settled(next));
        await Guest.Holds(Path.Combine(root, Info("active")!), "qcow2", guest.Content);
    }

    [Fact]
    public async Task A_word_that_nobody_waits_for_settles_nothing()
    {
        fake.Answers = GoesOver;
        var snapshot = await Taken();
        Assert.Equal("available", await Settled(snapshot));
        Assert.Equal(400, (await Says(snapshot, "error")).Status);
        Assert.Equal("available", await Settled(snapshot));
    }

    /// <summary>Three snapshots in four files, and the guest writing to the topmost.</summary>
    async Task<string[]> Three()
    {
        fake.Answers = GoesOver;
        var taken = new string[3];
        for (var i = 0; i < taken.Length; i++)
        {
            taken[i] = await Taken();
            Assert.Equal("available", await Settled(taken[i]));
            for (var n = 0; n < 10; n++) await guest.Write();
        }
        return taken;
    }

    int Files => Directory.GetFiles(root, $"volume-{volume}*").Length - 1; // but the .info

    async Task<(int, string)?> PutsTogether(string snapshot, JsonNode asked)
    {
        Assert.Equal((volume, "qcow2"), ((string)asked["volume_id"]!, (string)asked["type"]!));
        await guest.Write();
        await guest.PutTogether((string)asked["file_to_merge"]!, (string)asked["merge_target_file"]!);
        Assert.Equal(202, (await Says(snapshot, "deleting")).Status);
        return (204, "");
    }

    async Task Gone(string snapshot, bool late = false)
    {
        Assert.Equal(202, (await api.Delete($"snapshots/{snapshot}")).Status);
        Assert.Equal("gone", late ? await SettledAtLast(snapshot) : await Settled(snapshot));
        await guest.Write();
        await guest.Check();
    }

    [Fact]
    public async Task One_that_is_deleted_while_the_guest_runs_leaves_no_file()
    {
        var taken = await Three();
        fake.Merges = PutsTogether;
        var told = await Told();
        foreach (var snapshot in taken[..2]) await Gone(snapshot);
        Assert.Equal((2, told, told), (Files, await Told(), Info("active")));
        Assert.Null(Info(taken[0]));
        await Gone(taken[2]); // the file that is written to takes up nothing
        Assert.Equal((2, 2), (Files, fake.Asked.Count(a => a.Path.EndsWith(taken[0], StringComparison.Ordinal) || a.Path.EndsWith(taken[1], StringComparison.Ordinal))));
    }

    [Theory, InlineData("says no"), InlineData("fails"), InlineData("lies"), InlineData("is silent"), InlineData("is away")]
    public async Task Whatever_Nova_makes_of_it_the_snapshot_goes_and_the_files_hold_what_they_held(string nova)
    {
        var taken = await Three();
        fake.Merges = async (snapshot, _) =>
        {
            if (nova == "says no") return (400, """{"badRequest": {"code": 400, "message": "not now, please"}}""");
            if (nova == "is away") return (503, "");
            if (nova is "fails" or "lies")
            {
                var member = $"u:{RunningApi.Project}:member";
                Assert.Equal(409, (await Says(snapshot, "error_deleting", token: member)).Status);
                Assert.Equal(202, (await Says(snapshot, "deleting", "40%")).Status);
                Assert.Equal(202, (await Says(snapshot, nova == "fails" ? "error_deleting" : "deleting")).Status);
            }
            return (204, "");
        };
        await Gone(taken[0], late: nova is "is silent" or "is away");
        Assert.Equal(4, Files);
        Assert.Equal(nova == "says no" ? null : $"volume-{volume}.{taken[0]}", Info("clinker:going"));
        fake.Merges = PutsTogether; // and the next time
        await Gone(taken[1]);
        Assert.Equal(3, Files);
    }

    [Fact]
    public async Task A_guest_that_is_gone_is_not_waited_for()
    {
        var taken = await Three();
        fake.Merges = (_, _) => Task.FromResult<(int, string)?>((204, ""));
        Assert.Equal(202, (await api.Delete($"snapshots/{taken[0]}")).Status);
        while (fake.Asked.All(a => !a.Path.EndsWith(taken[0], StringComparison.Ordinal))) await Task.Delay(10);
        await guest.DisposeAsync();
        var from = api.Time.GetUtcNow();
        var detach = api.Delete($"attachments/{attachment}", Newest);
        await Passing(api, detach);
        Assert.Equal(200, (await detach).Status);
        Assert.Equal("gone", await SettledAtLast(taken[0]));
        Assert.True(api.Time.GetUtcNow() - from < TimeSpan.FromMinutes(5));
    }

    async Task<string> BackedUp(string more = "")
    {
        await api.BackupService(); // it lives
        var backup = await api.Backup(volume, $""", "force": true{more}""");
        var settled = api.Settled($"backups/{backup}");
        while (!settled.IsCompleted)
        {
            await Task.WhenAny(settled, Task.Delay(5));
            api.Time.Advance(TimeSpan.FromMilliseconds(500));
        }
        Assert.Equal("in-use", (await Volume()).GetProperty("status").GetString());
        return await settled == "available" ? backup : $"{await settled}: {(await api.Get($"backups/{backup}", Newest)).Json.GetProperty("backup").GetProperty("fail_reason").GetString()}";
    }

    /// <summary>Another volume where the first one is.</summary>
    async Task<string> Another(Func<Volume, Task<VolumeOnDisk>> made)
    {
        var (id, host) = (await api.Volume(), (await api.Db.Read(tx => tx.Volumes.Get(volume))).Host!);
        await api.Available(id);
        await api.Db.Commit(tx => tx.Volumes.SetHost(id, host));
        var disk = await made(await api.Db.Read(tx => tx.Volumes.Get(id)));
        await api.Db.Commit(tx => tx.Execute($"update volume set provider_location = {disk.ProviderLocation}, format = {disk.Format} where id = {id}"));
        return id;
    }

    async Task HoldsBackup(string backup, IReadOnlyDictionary<int, byte> content)
    {
        var to = await Another(host => driver.Create(host, new Work(1, CancellationToken.None)));
        Assert.Equal(202, (await api.Post($"backups/{backup}/restore", $$"""{"restore": {"volume_id": "{{to}}"} }""")).Status);
        var settled = api.Settled($"volumes/{to}");
        await Passing(api, settled);
        Assert.Equal("available", await settled);
        await Guest.Holds(Path.Combine(root, $"volume-{to}"), "raw", content);
    }

    /// <summary>As Nova does: it asks for the snapshot until it is not creating, and then which file the server has now.</summary>
    async Task<(string Status, string File)> Polls(string snapshot)
    {
        while (true)
        {
            var seen = (await api.Get($"snapshots/{snapshot}")).Json.GetProperty("snapshot");
            Assert.Equal(volume, seen.GetProperty("volume_id").GetString());
            if (seen.GetProperty("status").GetString() is { } status and not "creating") return (status, await Told());
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task A_backup_of_a_volume_in_use_is_what_it_was_at_one_moment_and_Nova_finds_what_it_asks_for()
    {
        var polls = new List<Task<(string, string File)>>();
        var files = new List<string>();
        fake.Answers = async asked =>
        {
            var info = asked["snapshot"]!["create_info"]!;
            var id = (string)info["snapshot_id"]!;
            var member = $"u:{RunningApi.Project}:member";
            Assert.Equal(404, (await api.Get($"snapshots/{id}", token: member)).Status);
            Assert.Equal(404, (await Says(id, "creating", token: member)).Status);
            Assert.Equal(202, (await Says(id, "creating", "40%")).Status);
            foreach (var (path, list) in ((string, string)[])[("snapshots", "snapshots"), ("snapshots/detail?all_tenants=1", "snapshots")])
                Assert.Empty((await api.Get(path)).Json.GetProperty(list).EnumerateArray());
            foreach (var refused in (Answered[])[await api.Delete($"snapshots/{id}"), await api.Put($"snapshots/{id}", """{"snapshot": {"name": "mine"} }""")])
                Assert.Equal(404, refused.Status);
            files.Add((string)info["new_file"]!);
            polls.Add(Polls(id));
            return await GoesOver(asked);
        };
        fake.Merges = PutsTogether;
        var full = await BackedUp();
        await HoldsBackup(full, atGoingOver);
        await guest.Check();
        Assert.Equal((2, files[0]), (Files, await Told())); // it was the first: the file that is written to takes up nothing
        for (var i = 0; i < 10; i++) await guest.Write();
        var next = await BackedUp(""", "incremental": true""");
        await HoldsBackup(next, atGoingOver);
        Assert.NotEqual(atGoingOver, guest.Content);
        await guest.Check();
        Assert.Equal((2, files[1]), (Files, await Told())); // what the first one left apart is put together
        Assert.Equal(files, (await Task.WhenAll(polls)).Select(p => p.File));
        Assert.Null(Info(Path.GetExtension(files[1])[1..]));
        Assert.Equal(2, fake.Asked.Count(a => a.Path.EndsWith("/os-assisted-volume-snapshots", StringComparison.Ordinal)));
        Assert.Equal(0, (await api.Get($"os-quota-sets/{RunningApi.Project}?usage=True", Newest)).Json.GetProperty("quota_set").GetProperty("snapshots").GetProperty("in_use").GetInt32());
    }

    /// <summary>Something is in the new file: so it is known where the guest writes, and what it had before is the backup.</summary>
    [Theory, InlineData(null), InlineData("error")]
    public async Task A_backup_is_of_the_moment_at_which_the_server_went_over_whatever_Nova_says(string? word)
    {
        string? file = null;
        fake.Answers = async asked =>
        {
            var info = asked["snapshot"]!["create_info"]!;
            atGoingOver = await guest.GoOver(Path.Combine(root, file = (string)info["new_file"]!));
            await guest.Write();
            if (word is not null) Assert.Equal(202, (await Says((string)info["snapshot_id"]!, word)).Status);
            return Heard;
        };
        fake.Merges = PutsTogether;
        await HoldsBackup(await BackedUp(), atGoingOver);
        Assert.Equal(file, await Told()); // who starts the server again begins with what it has written
        await guest.Write();
        await guest.Check();
    }

    [Theory, InlineData("says no"), InlineData("fails"), InlineData("is silent")]
    public async Task A_backup_that_Nova_does_not_help_with_fails_and_the_server_goes_on(string nova)
    {
        fake.Answers = async asked =>
        {
            if (nova == "says no") return (400, """{"badRequest": {"code": 400, "message": "not now, please"}}""");
            var info = asked["snapshot"]!["create_info"]!;
            if (nova == "fails") Assert.Equal(202, (await Says((string)info["snapshot_id"]!, "error")).Status);
            return Heard;
        };
        Assert.Equal("error: The driver could not back up volumes in use.", await BackedUp());
        await guest.Write();
        await guest.Check();
        var last = fake.Asked.Last(a => a.Body["snapshot"] is not null).Body["snapshot"]!["create_info"]!;
        Assert.Equal("error", (await api.Get($"snapshots/{(string)last["snapshot_id"]!}")).Json.GetProperty("snapshot").GetProperty("status").GetString());
        fake.Answers = GoesOver;
        fake.Merges = PutsTogether;
        var next = await BackedUp();
        if (nova == "is silent") Assert.Equal("error: The driver could not take the snapshot.", next); // it is not known where the guest writes
        else await HoldsBackup(next, atGoingOver);
        await guest.Check();

        await guest.DisposeAsync();
        var detach = api.Delete($"attachments/{attachment}", Newest);
        await Passing(api, detach);
        var there = await api.Db.Read(tx => tx.Volumes.Get(volume));
        foreach (var one in await driver.FindUntidy(there.Pool!, [there], CancellationToken.None)) await driver.Tidy(there, one.Flattens, new(1, CancellationToken.None, Operation: "5d9a3c52-7a1e-4f0e-8a43-0c0a5e9f7b02"));
        Assert.Equal($"volume-{volume}", Info("active"));
        Assert.Equal(1, Files);
        await Guest.Holds(Path.Combine(root, $"volume-{volume}"), "raw", guest.Content);
    }

    [Fact]
    public async Task Snapshots_of_a_group_are_refused_since_Nova_freezes_one_volume_at_a_time()
    {
        fake.Answers = GoesOver;
        await api.GroupType();
        var types = (await api.Get("types/default")).Json.GetProperty("volume_type").GetProperty("id").GetString();
        var group = (await api.Post("groups", $$"""{"group": {"name": "g", "group_type": "gt", "volume_types": ["{{types}}"], "availability_zone": "nova"} }""", "3.13"))
            .Json.GetProperty("group").GetProperty("id").GetString()!;
        await api.Db.Commit(tx => tx.Execute($"update volume set group_id = {group} where id = {volume}"));
        var taken = (await api.Post("group_snapshots", $$"""{"group_snapshot": {"name": "s", "group_id": "{{group}}"} }""", "3.14")).Json.GetProperty("group_snapshot").GetProperty("id").GetString()!;
        Assert.Equal("error", await api.Settled($"group_snapshots/{taken}"));
        Assert.Empty(fake.Asked);
        var why = (await api.Db.Read(tx => tx.Operations.List(new() { Filters = [new("kind", Store.Op.Equal, "CreateGroupSnapshot")], Limit = 1 }))).Single().Fault;
        Assert.Contains("one volume at a time", Fault.WordsOf(why), StringComparison.Ordinal);
        Assert.Equal(1, Files + 1);
        await guest.Check();
    }

    /// <summary>The guest has a clone of the volume that it had, which shares what that had.</summary>
    async Task AClone()
    {
        await guest.DisposeAsync();
        fake.Answers = GoesOver;
        var detach = api.Delete($"attachments/{attachment}", Newest);
        await Passing(api, detach);
        var snapshot = await api.Snapshot(volume);
        Assert.Equal("available", await Settled(snapshot));
        var (source, taken) = await api.Db.Read(async tx => (await tx.Volumes.Get(volume), await tx.Snapshots.Get(snapshot)));
        volume = await Another(to => driver.CreateFromSnapshot(to, source, taken, new Work(1, CancellationToken.None)));
        attachment = await Attached(api, volume, Instance, "host1");
        var before = guest.Content;
        guest = await Guest.Boot(Path.Combine(root, await Told()), "qcow2", seed: 2);
        foreach (var (at, with) in before) guest.Content[at] = with;
        for (var i = 0; i < 10; i++) await guest.Write();
        Assert.Equal(2, Files + 1); // and there is no .info of it yet
    }

    /// <summary>How the operation ended.</summary>
    async Task<OperationRow> Flattened()
    {
        Assert.Equal(202, (await api.Post($"volumes/{volume}/action", """{"os-flatten": null}""", Newest)).Status);
        while (true)
        {
            var row = (await api.Db.Read(tx => tx.Operations.List(new() { Filters = [new("kind", Store.Op.Equal, nameof(FlattenVolume))], Limit = 100 }))).MaxBy(o => o.CreatedAt)!;
            if (row.Status is OperationStatus.Done or OperationStatus.Failed) return row;
            await Task.Delay(5);
            api.Time.Advance(TimeSpan.FromSeconds(5));
        }
    }

    [Theory, InlineData("does it"), InlineData("says no"), InlineData("fails"), InlineData("lies"), InlineData("is silent")]
    public async Task A_volume_in_use_is_flattened_by_Nova_alone_and_by_what_its_file_says(string nova)
    {
        await AClone();
        string[] shared = [.. Directory.GetFiles(root).Where(f => Path.GetFileName(f).StartsWith($"volume-{volume}.", StringComparison.Ordinal))];
        Assert.Single(shared);
        fake.Merges = async (id, asked) =>
        {
            Assert.Equal((volume, "qcow2", null, null), ((string)asked["volume_id"]!, (string)asked["type"]!, (string?)asked["file_to_merge"], (string?)asked["merge_target_file"]));
            Assert.True(asked.AsObject().ContainsKey("file_to_merge") && asked.AsObject().ContainsKey("merge_target_file"));
            if (nova == "says no") return (400, """{"badRequest": {"code": 400, "message": "not now, please"}}""");
            if (nova == "is silent") return (204, "");
            if (nova == "does it") await guest.Pull();
            Assert.Equal(202, (await Says(id, nova == "fails" ? "error_deleting" : "deleting")).Status);
            return (204, "");
        };
        var ended = await Flattened();
        Assert.Equal(nova == "does it" ? OperationStatus.Done : OperationStatus.Failed, ended.Status);
        Assert.Equal(nova == "does it", !File.Exists(shared[0]));
        Assert.Equal(nova is "fails" or "lies" or "is silent" ? Path.GetFileName(shared[0]) : null, Info("clinker:pulling raw"));
        await guest.Write();
        await guest.Check();
        if (nova != "does it")
        {
            Assert.Equal("flatten volume: The driver could not flatten the volume.", await Message());
            var snapshot = await Taken();
            Assert.Equal(nova == "says no" ? "available" : "error", await Settled(snapshot)); // which file is open has to stay certain
            if (nova == "says no") return;
            Assert.Equal(202, (await api.Delete($"snapshots/{snapshot}")).Status);
            Assert.Equal("gone", await Settled(snapshot));
            nova = "does it";
            Assert.Equal(OperationStatus.Done, (await Flattened()).Status);
            Assert.False(File.Exists(shared[0]));
            await guest.Check();
        }
        Assert.Equal("available", await Settled(await Taken()));
    }

    [Fact]
    public async Task A_volume_that_is_detached_while_Nova_flattens_it_is_flattened_here()
    {
        await AClone();
        fake.Merges = (_, _) => Task.FromResult<(int, string)?>((204, ""));
        var flattened = Flattened();
        while (fake.Asked.All(a => a.Body["file_to_merge"] is not null || a.Body["merge_target_file"] is not null || a.Body["type"] is null)) await Task.Delay(10);
        var content = guest.Content;
        await guest.DisposeAsync();
        Assert.Equal(200, (await api.Delete($"attachments/{attachment}", Newest)).Status);
        Assert.Equal(OperationStatus.Done, (await flattened).Status);
        Assert.Equal(1, Files);
        await Guest.Holds(Path.Combine(root, $"volume-{volume}"), "qcow2", content);
    }

    async Task<(string Status, int Size)> Extended(int toGb, Func<JsonNode, Task<(int, string)?>>? nova = null)
    {
        if (nova is not null) fake.Events = nova;
        var report = await driver.Report(CancellationToken.None);
        await api.Db.Commit(async tx => // with room for what it grows by
        {
            await tx.Services.Beat("b1", "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report("h1@b1", "nova", report);
            await tx.Execute($"insert into reservation (volume_id, pool, size_gb, at) select {volume}, name, 1, 0 from pool where name like 'h1@b1#%' on conflict do nothing");
        });
        var asked = await api.Post($"volumes/{volume}/action", $$"""{"os-extend": {"new_size": {{toGb}}} }""", Newest);
        Assert.Equal(202, asked.Status);
        while ((await Volume()).GetProperty("status").GetString() == "extending")
        {
            await Task.Delay(5);
            api.Time.Advance(TimeSpan.FromSeconds(2));
        }
        return ((await Volume()).GetProperty("status").GetString()!, (await Volume()).GetProperty("size").GetInt32());
    }

    async Task<JsonElement> Volume() => (await api.Get($"volumes/{volume}", Newest)).Json.GetProperty("volume");

    Task<Answered> Completes(bool error) => api.Post($"volumes/{volume}/action", $$"""{"os-extend_volume_completion": {"error": {{(error ? "true" : "false")}}} }""", Newest);

    const long Gib = 1L << 30;

    /// <summary>As Nova does: it asks how large the volume is, and has QEMU make the disk so.</summary>
    async Task<(int, string)?> Grows(JsonNode events)
    {
        Assert.Equal(Instance, (string?)events["events"]![0]!["server_uuid"]);
        await guest.Resize((await Volume()).GetProperty("size").GetInt64() * Gib);
        return (200, FakeNova.Taken(events, 200));
    }

    [Fact]
    public async Task A_volume_grows_with_the_guest_and_is_as_large_as_it_says()
    {
        Assert.Equal(("in-use", 2), await Extended(2, Grows)); // raw, and grown beside it
        fake.Answers = GoesOver;
        Assert.Equal("available", await Settled(await Taken()));
        Assert.Equal(("in-use", 4), await Extended(4, Grows)); // an image
        await guest.Write();
        await guest.Check();
        Assert.Equal(400, (await Completes(error: false)).Status); // nobody waits
    }

    [Fact]
    public async Task What_is_raw_grows_whatever_Nova_says() =>
        Assert.Equal(("in-use", 2), await Extended(2, _ => Task.FromResult<(int, string)?>((503, ""))));

    [Theory, InlineData("says no"), InlineData("fails"), InlineData("is silent")]
    public async Task An_image_that_has_not_grown_leaves_the_volume_as_it_was(string nova)
    {
        fake.Answers = GoesOver;
        Assert.Equal("available", await Settled(await Taken()));
        Assert.Equal(("in-use", 1), await Extended(3, async events =>
        {
            if (nova == "says no") return (207, FakeNova.Taken(events, 404));
            if (nova == "fails") _ = Fails();
            return (200, FakeNova.Taken(events, 200));
        }));
        Assert.Equal("extend volume: The driver could not extend volumes in use.", await Message());
        Assert.Equal(2, (await api.Get($"os-quota-sets/{RunningApi.Project}?usage=True", Newest)).Json.GetProperty("quota_set").GetProperty("gigabytes").GetProperty("in_use").GetInt32()); // and its snapshot
        await guest.Write();
        await guest.Check();
        Assert.Equal(("in-use", 2), await Extended(2, Grows));

        async Task Fails()
        {
            while ((await Completes(error: true)).Status != 202) await Task.Delay(5); // as soon as it is waited for
        }
    }

    async Task<string> Message() => (await api.Get("messages", "3.71")).Json.GetProperty("messages").EnumerateArray().First().GetProperty("user_message").GetString()!;
}
