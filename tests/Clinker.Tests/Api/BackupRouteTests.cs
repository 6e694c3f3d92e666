using System.Text;
using System.Text.Json;
using Clinker.Backups;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What is accepted and refused; no worker runs.</summary>
public sealed class BackupRouteTests
{
    const string Missing = "11111111-1111-4111-8111-111111111111";
    const string Stranger = "u:other:member";

    [Fact]
    public async Task A_backup_is_accepted_with_its_row_quota_status_operation_and_hold()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume(size: 2);
        await api.Available(volume);
        var answer = await api.Post("backups", $$"""
            {"backup": {"volume_id": "{{volume}}", "name": " b1 ", "description": "d", "container": "c", "metadata": {"k": "v"} } }
            """, "3.43");
        Assert.Equal(202, answer.Status);
        Assert.Equal(["id", "links", "name"], Members(answer.Json.GetProperty("backup")));
        var id = answer.Json.GetProperty("backup").GetProperty("id").GetString()!;
        var shown = (await api.Get($"backups/{id}", "3.71")).Json.GetProperty("backup");
        Assert.Equal(("b1", "d", 2, "creating", volume, "v", "c", false, false, 0), (
            shown.GetProperty("name").GetString(), shown.GetProperty("description").GetString(), shown.GetProperty("size").GetInt32(),
            shown.GetProperty("status").GetString(), shown.GetProperty("volume_id").GetString(),
            shown.GetProperty("metadata").GetProperty("k").GetString(), shown.GetProperty("container").GetString(),
            shown.GetProperty("is_incremental").GetBoolean(), shown.GetProperty("has_dependent_backups").GetBoolean(),
            shown.GetProperty("object_count").GetInt32()));
        var (gigabytes, count, live, held, row) = await api.Db.Read(async tx => (
            await tx.Quotas.InUse(RunningApi.Project, "backup_gigabytes"), await tx.Quotas.InUse(RunningApi.Project, "backups"),
            await tx.Operations.AnyLive(new("backup", id)), await tx.Operations.Held(new("volume", volume)), await tx.Volumes.Get(volume)));
        Assert.Equal((2, 1, true, true, "backing-up", "available"), (gigabytes, count, live, held, row.Status, row.PreviousStatus));
        Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));
        Assert.Equal(400, (await api.Delete($"volumes/{volume}")).Status);
        Assert.Equal(409, (await api.Post($"volumes/{volume}/action", """{"os-reset_status": {"status": "available"}}""")).Status);
        Assert.Equal(400, (await api.Delete($"backups/{id}")).Status);
    }

    [Theory]
    [InlineData("3.0", "")]
    [InlineData("3.18", "os-backup-project-attr:project_id")]
    [InlineData("3.43", "os-backup-project-attr:project_id,metadata")]
    [InlineData("3.71", "os-backup-project-attr:project_id,metadata,user_id")]
    public async Task Each_version_sees_its_members(string version, string more)
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        var id = await api.Backup(volume);
        string[] always = ["availability_zone", "container", "created_at", "data_timestamp", "description", "fail_reason", "has_dependent_backups", "id",
            "is_incremental", "links", "name", "object_count", "size", "snapshot_id", "status", "updated_at", "volume_id"];
        var expected = always.Concat(more.Split(',', StringSplitOptions.RemoveEmptyEntries)).Order(StringComparer.Ordinal);
        Assert.Equal(expected, Members((await api.Get($"backups/{id}", version)).Json.GetProperty("backup")));
        Assert.Equal(expected, Members((await api.Get("backups/detail", version)).Json.GetProperty("backups")[0]));
        Assert.Equal(["id", "links", "name"], Members((await api.Get("backups", version)).Json.GetProperty("backups")[0]));
    }

    public static TheoryData<string> VolumeStatuses() =>
        [.. typeof(VolumeStatus).GetFields().Select(f => (string)f.GetRawConstantValue()!)];

    [Theory, MemberData(nameof(VolumeStatuses))]
    public async Task Whether_a_volume_may_be_backed_up_and_restored_to_hangs_on_its_status(string status)
    {
        await using var api = await RunningApi.Start(new() { Quotas = QuotaLimits.None });
        var volume = await api.Volume();
        await api.Available(volume, status);
        var plain = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"} }""");
        Assert.Equal(status == "available" ? 202 : 400, plain.Status);
        if (status == "in-use") Assert.Equal("Invalid volume: Backing up an in-use volume must use the force flag.", plain.Message);
        await api.Available(volume, status);
        await api.Db.Commit(tx => tx.Execute($"delete from operation"));
        var forced = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}", "force": true} }""");
        Assert.Equal(status is "available" or "in-use" ? 202 : 400, forced.Status);
        if (forced.Status == 400)
            Assert.Equal($"Invalid volume: Volume to be backed up must be available or in-use, but the current status is \"{status}\".", forced.Message);

        var of = await api.Volume();
        await api.Available(of);
        var backup = await api.Backup(of);
        await api.BackupIs(backup);
        await api.Available(volume, status);
        await api.Db.Commit(tx => tx.Execute($"delete from operation"));
        var restored = await api.Post($"backups/{backup}/restore", $$"""{"restore": {"volume_id": "{{volume}}"} }""");
        Assert.Equal(status == "available" ? 202 : 400, restored.Status);
        if (restored.Status == 400) Assert.Equal("Invalid volume: Volume to be restored to must be available", restored.Message);
        else
            Assert.Equal(("restoring", "restoring-backup"),
                await api.Db.Read(async tx => ((await tx.Backups.Get(backup)).Status, (await tx.Volumes.Get(volume)).Status)));
    }

    [Fact]
    public async Task An_increment_needs_a_backup_that_is_whole_and_keeps_it_from_being_deleted()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Volume();
        await api.Available(volume);
        var none = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}", "incremental": true} }""");
        Assert.Equal((400, "Invalid backup: No backups available to do an incremental backup."), (none.Status, none.Message));
        Assert.Equal("available", (await api.Db.Read(tx => tx.Volumes.Get(volume))).Status);
        var full = await api.Backup(volume);
        await api.BackupIs(full, "error");
        Assert.Equal(400, (await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}", "incremental": true} }""")).Status);
        await api.BackupIs(full);
        var part = await api.Backup(volume, ", \"incremental\": true");
        await api.BackupIs(part);
        Assert.Equal((true, false), await Chain(part));
        Assert.Equal((false, true), await Chain(full));
        foreach (var force in new[] { false, true })
        {
            var refused = force ? await api.Post($"backups/{full}/action", """{"os-force_delete": {}}""") : await api.Delete($"backups/{full}");
            Assert.Equal((400, "Invalid backup: Incremental backups exist for this backup."), (refused.Status, refused.Message));
        }
        // The newest is the one that the next is based on; of a snapshot, the newest that is older.
        var third = await api.Backup(volume, ", \"incremental\": true");
        await api.BackupIs(third);
        Assert.Equal(part, (await api.Db.Read(tx => tx.Backups.Get(third))).ParentId);

        async Task<(bool, bool)> Chain(string id)
        {
            var b = (await api.Get($"backups/{id}")).Json.GetProperty("backup");
            return (b.GetProperty("is_incremental").GetBoolean(), b.GetProperty("has_dependent_backups").GetBoolean());
        }
    }

    [Fact]
    public async Task A_snapshot_is_backed_up_instead_of_its_volume()
    {
        await using var api = await RunningApi.Start();
        var (volume, snapshots) = await api.WithSnapshots();
        var other = await api.Volume();
        await api.Available(other);
        var mismatch = await api.Post("backups", $$"""{"backup": {"volume_id": "{{other}}", "snapshot_id": "{{snapshots[0]}}"} }""");
        Assert.Equal((400, $"Invalid volume: Volume {other} does not match with snapshot.volume_id {volume}."), (mismatch.Status, mismatch.Message));
        var id = await api.Backup(volume, $", \"snapshot_id\": \"{snapshots[0]}\"");
        var (row, snapshot, backup) = await api.Db.Read(async tx => (
            await tx.Volumes.Get(volume), await tx.Snapshots.Get(snapshots[0]), await tx.Backups.Get(id)));
        Assert.Equal(("available", "backing-up", snapshot.CreatedAt), (row.Status, snapshot.Status, backup.DataTimestamp));
        Assert.Equal(400, (await api.Delete($"snapshots/{snapshots[0]}")).Status);
        var again = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}", "snapshot_id": "{{snapshots[0]}}"} }""");
        Assert.Equal("Invalid snapshot: Snapshot to be backed up must be available, but the current status is \"backing-up\".", again.Message);
    }

    [Theory]
    [InlineData("../etc")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a b")]
    [InlineData("ü")]
    public async Task A_container_is_a_name_and_never_a_path(string container)
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        var answer = await api.Post("backups", JsonSerializer.Serialize(new { backup = new { volume_id = volume, container } }));
        Assert.Equal(400, answer.Status);
        Assert.Equal("available", (await api.Db.Read(tx => tx.Volumes.Get(volume))).Status);
    }

    [Fact]
    public async Task Quotas_are_kept_and_given_back()
    {
        await using var api = await RunningApi.Start(new() { Quotas = QuotaLimits.None with { Backups = 1, BackupGigabytes = 3 } });
        var volume = await api.Volume(size: 2);
        await api.Available(volume);
        var first = await api.Backup(volume);
        await api.BackupIs(first, "error", stored: false);
        var over = await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"} }""");
        Assert.Equal((413, "VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. Requested 2G, quota is 3G "
            + "and 2G has been consumed."), (over.Status, over.Message));
        Assert.Equal("available", (await api.Db.Read(tx => tx.Volumes.Get(volume))).Status);
        // Nothing of it is kept: nobody is needed to remove it.
        Assert.Equal(202, (await api.Delete($"backups/{first}")).Status);
        Assert.Equal(404, (await api.Get($"backups/{first}")).Status);
        Assert.Equal((0, 0), await api.Db.Read(async tx => (
            await tx.Quotas.InUse(RunningApi.Project, "backups"), await tx.Quotas.InUse(RunningApi.Project, "backup_gigabytes"))));
    }

    [Fact]
    public async Task Without_a_service_nothing_is_deleted_reset_or_imported()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        var id = await api.Backup(volume);
        await api.BackupIs(id);
        var record = (await api.Get($"backups/{id}/export_record")).Json.GetProperty("backup-record").GetProperty("backup_url").GetString();
        var import = $$"""{"backup-record": {"backup_service": "s", "backup_url": "{{record}}"} }""";
        foreach (var answer in new[]
        {
            await api.Delete($"backups/{id}"), await api.Post($"backups/{id}/action", """{"os-force_delete": null}"""),
            await api.Post($"backups/{id}/action", """{"os-reset_status": {"status": "error"}}"""),
        })
            Assert.Equal((404, "Service cinder-backup could not be found."), (answer.Status, answer.Message));
        Assert.Equal(503, (await api.Post("backups/import_record", import)).Status);
        Assert.Equal("available", (await api.Db.Read(tx => tx.Backups.Get(id))).Status);
        await api.BackupService();
        api.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(404, (await api.Delete($"backups/{id}")).Status);
        await api.BackupService();
        Assert.Equal((400, "Invalid backup: Backup already exists in database."),
            (await api.Post("backups/import_record", import) is var twice ? twice.Status : 0, twice.Message));
        Assert.Equal(202, (await api.Delete($"backups/{id}")).Status);
        Assert.Equal("deleting", (await api.Db.Read(tx => tx.Backups.Get(id))).Status);
    }

    [Theory]
    [InlineData("x", "base64")]
    [InlineData("eyJzdGF0", "Can't parse backup record.")]
    [InlineData("bnVsbA==", "missing an id")]
    [InlineData("{}", "missing an id")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\"}", "missing size")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 0, \"container\": \"c\", \"volume_id\": \"11111111-1111-4111-8111-111111111111\"}", "invalid size")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": \"x\"}", "Can't parse")]
    [InlineData("{\"id\": \"../../x\", \"size\": 1, \"container\": \"c\"}", "not a UUID")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 1, \"container\": \"../c\", \"volume_id\": \"11111111-1111-4111-8111-111111111111\", \"service_metadata\": \"11111111-1111-4111-8111-111111111111/ab\"}", "no name for a container")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 1, \"volume_id\": \"11111111-1111-4111-8111-111111111111\", \"service_metadata\": \"11111111-1111-4111-8111-111111111111/ab\"}", "no name for a container")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 1, \"container\": \"c\"}", "missing volume_id")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 1, \"container\": \"c\", \"volume_id\": \"x\"}", "volume_id of the backup record")]
    [InlineData("{\"id\": \"11111111-1111-4111-8111-111111111111\", \"size\": 1, \"container\": \"c\", \"volume_id\": \"11111111-1111-4111-8111-111111111111\", \"metadata\": {\"a\": null}}", "metadata of the backup record")]
    public async Task A_record_that_is_none_is_refused(string record, string words)
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var url = record.StartsWith('{') ? Convert.ToBase64String(Encoding.UTF8.GetBytes(record)) : record;
        var answer = await api.Post("backups/import_record", $$"""{"backup-record": {"backup_service": "s", "backup_url": "{{url}}"} }""");
        Assert.Equal(400, answer.Status);
        Assert.Contains(words, answer.Message, StringComparison.Ordinal);
        Assert.Empty((await api.Db.Read(tx => tx.Backups.List(new()))).Items);
    }

    [Fact]
    public async Task Words_are_changed_and_at_least_one_must_be_given()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        var id = await api.Backup(volume, ", \"name\": \"a\", \"metadata\": {\"k\": \"v\"}");
        Assert.Equal(404, (await api.Put($"backups/{id}", """{"backup": {"name": "n"}}""", "3.8")).Status);
        Assert.Equal(400, (await api.Put($"backups/{id}", """{"backup": {}}""", "3.9")).Status);
        Assert.Equal(400, (await api.Put($"backups/{id}", """{"backup": null}""", "3.9")).Status);
        Assert.Equal(400, (await api.Put($"backups/{id}", """{"backup": {"metadata": {}}}""", "3.42")).Status);
        var changed = await api.Put($"backups/{id}", """{"backup": {"name": "n", "metadata": {"x": "y"}}}""", "3.43");
        Assert.Equal((200, "n"), (changed.Status, changed.Json.GetProperty("backup").GetProperty("name").GetString()));
        var shown = (await api.Get($"backups/{id}", "3.43")).Json.GetProperty("backup");
        Assert.Equal("""{"x":"y"}""", shown.GetProperty("metadata").GetRawText());
        Assert.Equal("n", shown.GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_volume_is_made_from_a_backup()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume(size: 2);
        await api.Available(volume);
        var id = await api.Backup(volume);
        var body = $$"""{"volume": {"backup_id": "{{id}}"} }""";
        var early = await api.Post("volumes", body, "3.47");
        Assert.Equal((400, "Invalid backup: Originating backup status must be one of 'available' values"), (early.Status, early.Message));
        await api.BackupIs(id);
        Assert.Equal(400, (await api.Post("volumes", body, "3.46")).Status); // not known, so it has no size
        Assert.Equal((400, "Invalid input received: Volume size 1GB cannot be smaller than the backup size 2GB. It must be >= backup size."),
            (await api.Post("volumes", $$"""{"volume": {"backup_id": "{{id}}", "size": 1} }""", "3.47") is var small ? small.Status : 0, small.Message));
        var both = await api.Post("volumes", $$"""{"volume": {"backup_id": "{{id}}", "source_volid": "{{volume}}"} }""", "3.47");
        Assert.Equal("Invalid input received: May specify only one of backup, imageRef, snapshot, source volume", both.Message);
        var made = await api.Post("volumes", body, "3.47");
        Assert.Equal((202, 2), (made.Status, made.Json.GetProperty("volume").GetProperty("size").GetInt32()));
        Assert.True(await api.Db.Read(tx => tx.Operations.Held(new("backup", id))));
        Assert.Equal(400, (await api.Delete($"backups/{id}")).Status);
    }

    [Fact]
    public async Task It_is_restored_to_a_new_volume_when_none_is_named()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume(size: 2);
        await api.Available(volume);
        var id = await api.Backup(volume);
        Assert.Equal((400, "Invalid backup: Backup status must be available"),
            (await api.Post($"backups/{id}/restore", """{"restore": null}""") is var early ? early.Status : 0, early.Message));
        await api.BackupIs(id);
        var answer = await api.Post($"backups/{id}/restore", """{"restore": {}}""");
        Assert.Equal(202, answer.Status);
        var restore = answer.Json.GetProperty("restore");
        Assert.Equal((id, $"restore_backup_{id}"), (restore.GetProperty("backup_id").GetString(), restore.GetProperty("volume_name").GetString()));
        var row = await api.Db.Read(tx => tx.Volumes.Get(restore.GetProperty("volume_id").GetString()!));
        Assert.Equal((2, "creating", "auto-created_from_restore_from_backup"), (row.SizeGb, row.Status, row.Description));
        var small = await api.Volume(size: 1);
        await api.Available(small);
        Assert.Equal((400, "Invalid volume: volume size 1 is too small to restore backup of size 2."),
            (await api.Post($"backups/{id}/restore", $$"""{"restore": {"volume_id": "{{small}}"} }""") is var tight ? tight.Status : 0, tight.Message));
        Assert.Equal(("available", "available"), await api.Db.Read(async tx => ((await tx.Backups.Get(id)).Status, (await tx.Volumes.Get(small)).Status)));
    }

    [Fact]
    public async Task Nobody_sees_another_projects_backups()
    {
        await using var api = await RunningApi.Start(new() { Identity = RunningApi.ByToken });
        await api.BackupService();
        var volume = await api.Volume();
        await api.Available(volume);
        var id = await api.Backup(volume);
        await api.BackupIs(id);
        foreach (var answer in new[]
        {
            await api.Get($"backups/{id}", token: Stranger), await api.Delete($"backups/{id}", token: Stranger),
            await api.Put($"backups/{id}", """{"backup": {"name": "n"}}""", "3.9", Stranger),
            await api.Post($"backups/{id}/restore", """{"restore": {}}""", token: Stranger),
            await api.Post("volumes", $$"""{"volume": {"backup_id": "{{id}}"} }""", "3.47", Stranger),
            await api.Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"} }""", token: Stranger),
        })
            Assert.Equal(404, answer.Status);
        Assert.Empty((await api.Get("backups?all_tenants=1", token: Stranger)).Json.GetProperty("backups").EnumerateArray());
        Assert.Equal(404, (await api.Get($"backups/{Missing}")).Status);
        var member = $"u:{RunningApi.Project}:member";
        Assert.Equal(403, (await api.Get($"backups/{id}/export_record", token: member)).Status);
        Assert.Equal(403, (await api.Post($"backups/{id}/action", """{"os-reset_status": {"status": "error"}}""", token: member)).Status);
        Assert.Equal(403, (await api.Post("backups/import_record", """{"backup-record": {"backup_service": "s", "backup_url": "e30="}}""", token: member)).Status);
        Assert.False((await api.Get($"backups/{id}", "3.71", member)).Json.GetProperty("backup").TryGetProperty("os-backup-project-attr:project_id", out _));
    }

    [Fact]
    public async Task An_admin_resets_the_status_of_what_rests()
    {
        await using var api = await RunningApi.Start();
        await api.BackupService();
        var volume = await api.Volume();
        await api.Available(volume);
        var id = await api.Backup(volume);
        const string Available = """{"os-reset_status": {"status": "available"}}""";
        Assert.Equal(409, (await api.Post($"backups/{id}/action", Available)).Status);
        await api.BackupIs(id, "error", stored: false);
        Assert.Equal(400, (await api.Post($"backups/{id}/action", Available)).Status);
        await api.BackupIs(id, "error_deleting");
        Assert.Equal(400, (await api.Post($"backups/{id}/action", """{"os-reset_status": {"status": "deleting"}}""")).Status);
        Assert.Equal(202, (await api.Post($"backups/{id}/action", Available)).Status);
        Assert.Equal("available", (await api.Db.Read(tx => tx.Backups.Get(id))).Status);
    }

    static IEnumerable<string> Members(JsonElement of) => of.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal);
}
