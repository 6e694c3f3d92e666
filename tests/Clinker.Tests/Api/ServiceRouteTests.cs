using System.Text.Json;
using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What admins do with services, hosts and backends.</summary>
public sealed class ServiceRouteTests : IAsyncLifetime
{
    readonly LogLevels levels = new(debug: false);
    RunningApi api = null!;

    public async ValueTask InitializeAsync()
    {
        api = await RunningApi.Start(new() { Identity = RunningApi.ByToken, Host = "h1", LogLevels = levels });
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s1", "h1", ServiceTable.SchedulerBinary, "nova", null);
            await tx.Services.Beat("s2", "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Services.Beat("s3", "h2@b1", ServiceTable.VolumeBinary, "z2", null);
            await tx.Services.Beat("s4", "h2@b2", ServiceTable.VolumeBinary, "z2", null);
        });
    }

    public ValueTask DisposeAsync() => api.DisposeAsync();

    Task<Answered> Put(string verb, string body, string version = "3.71") => api.Put($"os-services/{verb}", body, version);

    async Task<JsonElement> Service(string host) => (await api.Get("os-services", "3.71")).Json.GetProperty("services").EnumerateArray()
        .Single(s => s.GetProperty("host").GetString() == host && s.GetProperty("binary").GetString() == "cinder-volume");

    [Fact]
    public async Task A_frozen_backend_neither_makes_nor_deletes()
    {
        var volume = await api.Volume();
        await api.Available(volume);
        var snapshot = await api.Db.Commit(tx => tx.Snapshots.Insert(new Snapshot
        {
            Id = new Ids().New(), ProjectId = RunningApi.Project, UserId = "u", VolumeId = volume, SizeGb = 1, Status = SnapshotStatus.Available,
            CreatedAt = tx.Now,
        }));
        var frozen = await Put("freeze", """{"host": "h1@b1"}""");
        Assert.Equal((200, ""), (frozen.Status, frozen.Text));
        var shown = await Service("h1@b1");
        Assert.Equal((true, "disabled", "frozen"), (shown.GetProperty("frozen").GetBoolean(), shown.GetProperty("status").GetString(),
            shown.GetProperty("disabled_reason").GetString()));
        Assert.Equal(("disabled", JsonValueKind.Null), (shown.GetProperty("replication_status").GetString(), shown.GetProperty("active_backend_id").ValueKind));

        const string refused = "Invalid input received: Modification operations are not allowed on frozen storage backends.";
        var deleted = await api.Delete($"volumes/{volume}");
        Assert.Equal((400, refused), (deleted.Status, deleted.Message));
        Assert.Equal(refused, (await api.Post($"volumes/{volume}/action", """{"os-force_delete": {}}""")).Message);
        Assert.Equal(refused, (await Refused(tx => tx.Volumes.Move(volume, VolumeRules.Snapshot))).Message);
        Assert.Equal(refused, (await Refused(tx => tx.Snapshots.Move(snapshot.Id, SnapshotRules.Delete))).Message);
        await api.Db.Commit(tx => tx.Pools.Report("h1@b1", "nova", Backend()));
        Assert.Contains("its backend is frozen", (await Refused(tx =>
            tx.Pools.Place("v", new PlaceRequest(1, null, Volume.EmptyMetadata), SchedulingSettings.Default))).Message, StringComparison.Ordinal);

        var again = await Put("freeze", """{"host": "h1"}"""); // the host's only backend
        Assert.Equal((400, "Invalid input received: No service could be changed: frozen in ['h1@b1'] must be False to failover."), (again.Status, again.Message));
        Assert.Equal(200, (await Put("thaw", """{"host": "h1@b1"}""")).Status);
        Assert.Equal("enabled", (await Service("h1@b1")).GetProperty("status").GetString());
        Assert.Equal("Invalid input received: No service could be changed: frozen in ['h1@b1'] must be True to failover.",
            (await Put("thaw", """{"host": "h1@b1"}""")).Message);
        await api.Db.Commit(tx => tx.Snapshots.Remove(snapshot.Id));
        Assert.Equal(202, (await api.Delete($"volumes/{volume}")).Status);
    }

    async Task<Fault> Refused(Func<Tx, Task> act) => (await Assert.ThrowsAsync<FaultException>(() => api.Db.Commit(act))).Fault;

    static BackendReport Backend() => new("gluster", "glusterfs", "us", "1",
        [new PoolReport("p1", null, 100, 40, true, 0, 20, new Dictionary<string, string> { ["ssd"] = "True" })]);

    [Theory]
    [InlineData("""{}""", "3.25", "Invalid input received: Host field is missing.")]
    [InlineData("""{"cluster": "c"}""", "3.25", "Invalid input received: Host field is missing.")]
    [InlineData("""{"host": "h", "cluster": "c"}""", "3.26", "Invalid input received: One and only one of cluster and host must be set.")]
    [InlineData("""{"cluster": "c"}""", "3.26", "Invalid input received: No service found with cluster=c")]
    [InlineData("""{"host": "h9"}""", "3.26", "Invalid input received: No service found with host=h9")]
    [InlineData("""{"host": "h2"}""", "3.26", "Services from different clusters found.")]
    public async Task One_backend_has_to_be_meant(string body, string version, string refusal)
    {
        foreach (var verb in (string[])["freeze", "thaw", "failover_host"])
        {
            var answer = await Put(verb, body, version);
            Assert.Equal((400, refusal), (answer.Status, answer.Message));
        }
    }

    [Fact]
    public async Task There_is_nothing_to_fail_over_to()
    {
        const string refusal = "Invalid input received: No service could be changed: replication_status in ['h1@b1'] must be enabled or failed-over "
            + "and must be up to failover.";
        var answer = await Put("failover_host", """{"host": "h1@b1", "backend_id": "other"}""");
        Assert.Equal((400, refusal), (answer.Status, answer.Message));
        Assert.Equal(refusal, (await Put("failover", """{"host": "h1@b1"}""")).Message);
        Assert.Equal(404, (await Put("failover", """{"host": "h1@b1"}""", "3.25")).Status);
    }

    [Fact]
    public async Task Log_levels_are_changed_while_it_runs()
    {
        var means = new Means(api.Db, new Dictionary<string, Driver> { ["h1@b1"] = null! }, SchedulingSettings.Default, TimeSpan.FromSeconds(30));
        var volumes = new LogLevels(debug: true);
        var node = new Node(means, new NodeSettings("h1", "nova", TimeSpan.FromSeconds(10), Scheduler: true) { LogLevels = volumes }, new Ids(),
            api.Time, NullLoggerFactory.Instance);
        await node.AgreeOnLogLevels();
        Assert.Equal("cinder-api h1 WARNING, cinder-scheduler h1 INFO, cinder-volume h1@b1 INFO", await Shown("Npgsql"));
        Assert.Equal("cinder-volume h1@b1 DEBUG", await Shown("Clinker.Volumes", "cinder-volume"));

        Assert.Equal(202, (await Put("set-log", """{"binary": "cinder-volume", "server": "h1@b1", "prefix": "Clinker.Volumes", "level": "error"}""")).Status);
        await node.AgreeOnLogLevels();
        Assert.Equal((LogLevel.Error, LogLevel.Debug, LogLevel.Information),
            (volumes.Of("Clinker.Volumes.CreateVolume"), volumes.Of("Clinker.Store"), levels.Of("Clinker.Volumes")));
        // One process, one set of levels.
        Assert.Equal("cinder-api h1 INFO, cinder-scheduler h1 ERROR, cinder-volume h1@b1 ERROR", await Shown("Clinker.Volumes"));
        Assert.Equal("cinder-volume h1@b1 ERROR", await Shown("Clinker.Volumes", "cinder-volume"));

        Assert.Equal(202, (await Put("set-log", """{"binary": "*", "level": "WARNING"}""")).Status);
        Assert.Equal(LogLevel.Warning, levels.Of("Clinker.Store"));
        await node.AgreeOnLogLevels();
        Assert.Equal(LogLevel.Warning, volumes.Of("Clinker.Volumes.CreateVolume"));

        // What was asked of a process holds for that one: the next starts as it is configured.
        var next = new LogLevels(debug: false);
        await new Node(means, new NodeSettings("h1", "nova", TimeSpan.FromSeconds(10), true) { LogLevels = next }, new Ids(), api.Time,
            NullLoggerFactory.Instance).AgreeOnLogLevels();
        Assert.Equal(LogLevel.Information, next.Of("Clinker.Volumes"));

        Assert.Equal("Invalid input received: loud is not a valid log level.", (await Put("set-log", """{"level": "loud"}""")).Message);
        Assert.Equal(400, (await Put("set-log", "{}")).Status);
        Assert.Equal(404, (await Put("get-log", "{}", "3.31")).Status);

        async Task<string> Shown(string prefix, string binary = "*") =>
            string.Join(", ", (await Put("get-log", $$"""{"binary": "{{binary}}", "prefix": "{{prefix}}"}""")).Json.GetProperty("log_levels")
                .EnumerateArray().Where(l => l.GetProperty("levels").TryGetProperty(prefix, out _) && l.GetProperty("host").GetString()!.StartsWith("h1", StringComparison.Ordinal))
                .Select(l => $"{l.GetProperty("binary").GetString()} {l.GetProperty("host").GetString()} {l.GetProperty("levels").GetProperty(prefix).GetString()}"));
    }

    [Fact]
    public async Task Hosts_tell_what_each_project_has_there()
    {
        var mine = await api.Volume(size: 3);
        var theirs = await api.Volume(size: 5, path: "/v3/ffff/volumes");
        await api.Available(mine);
        await api.Available(theirs);
        await api.Db.Commit(tx => tx.Snapshots.Insert(new Snapshot
        {
            Id = new Ids().New(), ProjectId = RunningApi.Project, UserId = "u", VolumeId = mine, SizeGb = 3, Status = "available", CreatedAt = tx.Now,
        }));
        Assert.Equal("""
            {"host":[{"resource":{"host":"h1@b1","project":"(total)","volume_count":"2","total_volume_gb":"8","snapshot_count":"1","total_snapshot_gb":"3"}},{"resource":{"host":"h1@b1","project":"a1b2c3","volume_count":"1","total_volume_gb":"3","snapshot_count":"1","total_snapshot_gb":"3"}},{"resource":{"host":"h1@b1","project":"ffff","volume_count":"1","total_volume_gb":"5","snapshot_count":"0","total_snapshot_gb":"0"}}]}
            """, (await api.Get("os-hosts/h1@b1")).Text);
        Assert.Equal("""{"host":[{"resource":{"host":"h2@b1","project":"(total)","volume_count":"0","total_volume_gb":"0","snapshot_count":"0","total_snapshot_gb":"0"}}]}""",
            (await api.Get("os-hosts/h2@b1")).Text);
        Assert.Equal(404, (await api.Get("os-hosts/h1")).Status);
        await Put("disable", """{"host": "h2@b2", "binary": "cinder-volume"}""");
        Assert.Equal("""{"hosts":[{"host_name":"h2@b1","service":"cinder-volume","zone":"z2","service-status":"available","service-state":"enabled","last-update":"2026-01-02T03:04:05.000000"}]}""",
            (await api.Get("os-hosts?zone=z2")).Text);
        Assert.Equal((501, "notImplemented"), ((await api.Put("os-hosts/h1@b1", """{"status": "disable"}""")).Status, (await api.Put("os-hosts/h1@b1", "{}")).Fault));
        Assert.Equal("Invalid update setting: 'maintenance'", (await api.Put("os-hosts/h1@b1", """{"maintenance": "on"}""")).Message);
        Assert.Equal("Host h9 could not be found.", (await api.Put("os-hosts/h9", """{"status": "disable"}""")).Message);
        Assert.Equal(403, (await api.Get("os-hosts", null, $"u:{RunningApi.Project}:member")).Status);
    }

    [Fact]
    public async Task There_are_no_clusters()
    {
        Assert.Equal(404, (await api.Get("clusters", "3.6")).Status);
        Assert.Equal("""{"clusters":[]}""", (await api.Get("clusters?name=a&is_up=true", "3.7")).Text);
        Assert.Equal("""{"clusters":[]}""", (await api.Get("clusters/detail?frozen=False", "3.26")).Text);
        Assert.Equal("Invalid input received: Invalid filter keys: frozen, limit", (await api.Get("clusters?frozen=False&limit=1", "3.25")).Message);
        Assert.Equal(400, (await api.Get("clusters?is_up=perhaps", "3.7")).Status);
        Assert.Equal((404, "Cluster c could not be found."), ((await api.Get("clusters/c", "3.7")).Status, (await api.Get("clusters/c", "3.7")).Message));
        Assert.Equal(404, (await api.Put("clusters/enable", """{"name": "c"}""", "3.7")).Status);
        Assert.Equal(404, (await api.Put("clusters/disable", """{"name": "c", "disabled_reason": "r"}""", "3.7")).Status);
        Assert.Equal(400, (await api.Put("clusters/disable", "{}", "3.7")).Status);
    }

    [Fact]
    public async Task What_a_dead_service_never_began_is_taken_back()
    {
        var volume = await api.Volume();
        var operation = await api.Db.Commit(async tx =>
        {
            await tx.Execute($"update operation set queue = 'h2@b1', handed_at = {tx.Now} where about_id = {volume}");
            return (await tx.Operations.List(new() { Filters = [new("about_id", Op.Equal, volume)] }))[0];
        });
        Assert.Equal("""{"cleaning":[],"unavailable":[]}""", (await api.Post("workers/cleanup", "{}", "3.24")).Text);
        api.Time.Advance(TimeSpan.FromMinutes(2));
        await api.Db.Commit(tx => tx.Services.Beat("s2", "h1@b1", ServiceTable.VolumeBinary, "nova", null));
        var up = await api.Post("workers/cleanup", """{"is_up": true}""", "3.24");
        Assert.Equal((202, """{"cleaning":[{"id":"s2","host":"h1@b1","binary":"cinder-volume","cluster_name":null}],"unavailable":[]}"""), (up.Status, up.Text));
        Assert.Equal("h2@b1", (await api.Db.Read(tx => tx.Operations.Get(operation.Id)))!.Queue);
        var down = await api.Post("workers/cleanup", """{"host": "h2@b1", "binary": "cinder-volume", "disabled": "no", "resource_type": "volume"}""", "3.24");
        Assert.Equal("s3", down.Json.GetProperty("cleaning")[0].GetProperty("id").GetString());
        var taken = (await api.Db.Read(tx => tx.Operations.Get(operation.Id)))!;
        Assert.Equal((Queues.Scheduler, "unwinding"), (taken.Queue, taken.Status));
        Assert.Equal("Invalid input received: Resource type Backup not valid, must be Snapshot or Volume",
            (await api.Post("workers/cleanup", """{"resource_type": "backup"}""", "3.24")).Message);
        Assert.Equal(404, (await api.Post("workers/cleanup", "{}", "3.23")).Status);
    }

    [Fact]
    public async Task Backends_say_what_types_may_ask_of_them()
    {
        await api.Db.Commit(tx => tx.Pools.Report("h1@b1", "nova", Backend()));
        var answer = (await api.Get("capabilities/h1@b1")).Json;
        Assert.Equal("description display_name driver_version namespace pool_name properties replication_targets storage_protocol vendor_name visibility volume_backend_name",
            string.Join(" ", answer.EnumerateObject().Select(m => m.Name).Order(StringComparer.Ordinal)));
        Assert.Equal(("OS::Storage::Capabilities::h1@b1", "gluster", "glusterfs", "p1"), (answer.GetProperty("namespace").GetString(),
            answer.GetProperty("volume_backend_name").GetString(), answer.GetProperty("storage_protocol").GetString(), answer.GetProperty("pool_name").GetString()));
        Assert.Equal("boolean", answer.GetProperty("properties").GetProperty("thin_provisioning").GetProperty("type").GetString());
        Assert.Equal("Can't find service: h9", (await api.Get("capabilities/h9")).Message);
        Assert.Equal("""{"pools":[{"name":"h1@b1#p1"}]}""", (await api.Get("scheduler-stats/get_pools?ssd=yes&total_volumes=0", "3.28")).Text);
        Assert.Equal("""{"pools":[]}""", (await api.Get("scheduler-stats/get_pools?free_capacity_gb=39", "3.28")).Text);
    }
}
