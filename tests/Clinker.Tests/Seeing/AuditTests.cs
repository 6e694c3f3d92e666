using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Clinker.Server.Api;
using Clinker.Server.Routes;
using Clinker.Server.Seeing;
using Clinker.Tests.Api;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Seeing;

/// <summary>Who asked what of which resource, with which result.</summary>
public sealed class AuditTests
{
    static async Task<(RunningApi Api, List<JsonElement> Events)> Start()
    {
        var events = new List<JsonElement>();
        var api = await RunningApi.Start(new()
        {
            Identity = async (http, project) => http.Request.Headers["X-Auth-Token"] == "bad" ? throw Refusal.Unauthorized("http://keystone") : await RunningApi.ByToken(http, project),
            Host = "h1",
            TrustedProxies = [System.Net.IPNetwork.Parse("127.0.0.0/8")],
            Audit = (call, answer) => events.Add(JsonDocument.Parse(AuditEvent.Asked(call, answer)).RootElement),
        });
        return (api, events);
    }

    static string Of(JsonElement e, params string[] path) => path.Aggregate(e, (at, name) => at.GetProperty(name)).ToString();

    [Fact]
    public async Task What_is_made_is_named_with_who_made_it()
    {
        var (api, events) = await Start();
        await using var _ = api;
        var made = await api.Send("POST", "volumes", """{"volume": {"size": 1, "name": "secret-name"}}""", token: $"alice:{RunningApi.Project}:member", headers: [("User-Agent", "a \"client\""), ("X-Forwarded-For", "198.51.100.7")]);
        var e = Assert.Single(events);
        Assert.Equal("http://schemas.dmtf.org/cloud/audit/1.0/event", Of(e, "typeURI"));
        Assert.Equal(("create", "pending", "202"), (Of(e, "action"), Of(e, "outcome"), Of(e, "reason", "reasonCode")));
        Assert.Equal(("alice", RunningApi.Project), (Of(e, "initiator", "id"), Of(e, "initiator", "project_id")));
        Assert.Equal(("198.51.100.7", "a \"client\""), (Of(e, "initiator", "host", "address"), Of(e, "initiator", "host", "agent")));
        Assert.Equal(made.Header("x-openstack-request-id"), Of(e, "initiator", "request_id"));
        Assert.Equal(("service/storage/block/volumes", made.Json.GetProperty("volume").GetProperty("id").GetString()), (Of(e, "target", "typeURI"), Of(e, "target", "id")));
        Assert.Equal(("cinder", "h1"), (Of(e, "observer", "name"), Of(e, "observer", "id")));
        Assert.Equal("2026-01-02T03:04:05.000000+0000", Of(e, "eventTime"));
        Assert.DoesNotContain("secret-name", e.GetRawText(), StringComparison.Ordinal); // what was asked, not what was said
    }

    [Fact]
    public async Task What_is_refused_is_told_too()
    {
        var (api, events) = await Start();
        await using var _ = api;
        var id = await api.Volume();
        events.Clear();
        await api.Get($"volumes/{id}?all_tenants=hidden", token: "bad");
        await api.Delete($"volumes/{id}", token: $"bob:{RunningApi.Project}:reader");
        await api.Get("volumes/00000000-0000-4000-8000-000000000000");
        await api.Post($"volumes/{id}/action", """{"os-extend": {"new_size": 2}}""");
        await api.Get("no-such-thing");
        Assert.Equal(["read 401 unknown", "delete 403 bob", "read 404 admin", "update/os-extend 400 admin"],
            events.Select(e => $"{Of(e, "action")} {Of(e, "reason", "reasonCode")} {Of(e, "initiator", "id")}"));
        Assert.All(events, e => Assert.Equal("failure", Of(e, "outcome")));
        Assert.Equal($"service/storage/block/volumes/volume {id}", $"{Of(events[1], "target", "typeURI")} {Of(events[1], "target", "id")}");
        Assert.Equal($"/v3/{RunningApi.Project}/volumes/{id}", Of(events[0], "requestPath")); // without the query
    }

    [Fact]
    public async Task How_work_ended_is_told_with_its_request()
    {
        var rows = new List<JsonElement>();
        await using var api = await RunningApi.Start();
        api.OnEnded = (operation, fault) => { lock (rows) rows.Add(JsonDocument.Parse(AuditEvent.Ended("1", operation, fault, "h1", DateTimeOffset.UnixEpoch)).RootElement); };
        api.Work();
        var id = await api.Made();
        var answer = await api.Delete($"volumes/{id}");
        Assert.Equal("gone", await api.Settled($"volumes/{id}"));
        await Soon.Until(() => { lock (rows) return rows.Count > 0; });
        var e = rows.Single();
        Assert.Equal(("delete/DeleteVolume", "success"), (Of(e, "action"), Of(e, "outcome")));
        Assert.Equal(answer.Header("x-openstack-request-id"), Of(e, "initiator", "request_id"));
        Assert.Equal(("service/storage/block/volume", id), (Of(e, "target", "typeURI"), Of(e, "target", "id")));

        // Nobody keeps backups here.
        var backup = await api.Backup(await api.Made());
        Assert.Equal("error", await api.Settled($"backups/{backup}"));
        await Soon.Until(() => { lock (rows) return rows.Count > 1; });
        Assert.Equal(("create/CreateBackup", "failure", "NoBackupService", backup),
            (Of(rows[1], "action"), Of(rows[1], "outcome"), Of(rows[1], "reason", "reasonCode"), Of(rows[1], "target", "id")));
    }

    [Fact]
    public void Every_route_has_an_action_and_a_kind()
    {
        var routes = AllRoutes.Table().Routes.ToDictionary(r => $"{r.Method} {r.Path}{(r.Key is { } key ? " " + key : "")} 3.{r.Since}", AuditEvent.Action);
        string Action(string route) => routes.First(r => r.Key.StartsWith(route + " 3.", StringComparison.Ordinal)).Value;
        Assert.Equal("read/list", Action("GET /volumes/detail"));
        Assert.Equal("read", Action("GET /volumes/{id}"));
        Assert.Equal("read/summary", Action("GET /volumes/summary"));
        Assert.Equal("create", Action("POST /volumes/{id}/metadata"));
        Assert.Equal("update/restore", Action("POST /backups/{id}/restore"));
        Assert.Equal("delete", Action("POST /consistencygroups/{id}/delete"));
        Assert.Equal("delete/os-force_delete", Action("POST /volumes/{id} os-force_delete"));
        Assert.Equal("update/associate", Action("GET /qos-specs/{id}/associate"));
        Assert.All(routes.Values, a => Assert.Matches("^(create|delete|read|update)(/[A-Za-z_-]+)?$", a));
        Assert.Equal("service/storage/block/volumes/volume/metadata/metadata", AuditEvent.Type("/volumes/{id}/metadata/{key}"));
    }

    [Fact]
    public async Task Lines_come_whole_and_in_order_and_a_file_that_cannot_be_written_is_told_once()
    {
        var folder = Directory.CreateTempSubdirectory("clinker-audit-");
        try
        {
            using var meter = new Meter("t");
            var file = Path.Combine(folder.FullName, "sub", "audit.log");
            using (var log = new AuditLog(file, TimeProvider.System, meter, NullLogger.Instance))
                for (var i = 0; i < 5000; i++) log.Put(Encoding.UTF8.GetBytes($"{{\"n\": {i}}}\n"));
            Assert.Equal(Enumerable.Range(0, 5000), File.ReadLines(file).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("n").GetInt32()));

            long lost = 0;
            using var listener = new MeterListener { InstrumentPublished = (instrument, l) => { if (instrument.Meter == meter && instrument.Name == "clinker.audit.lost") l.EnableMeasurementEvents(instrument); } };
            listener.SetMeasurementEventCallback<long>((_, n, _, _) => Interlocked.Add(ref lost, n));
            listener.Start();
            var told = new LogLines();
            using (var full = new AuditLog("/dev/full", TimeProvider.System, meter, told))
            {
                for (var i = 0; i < 10; i++) full.Put("{}\n"u8.ToArray());
                await Soon.Until(() => Interlocked.Read(ref lost) == 10);
            }
            Assert.Contains("/dev/full can't be written", Assert.Single(told.All), StringComparison.Ordinal);
            Assert.Contains("[audit] log_file", Assert.Throws<IOException>(() => new AuditLog("/proc/audit.log", TimeProvider.System, meter, NullLogger.Instance)).Message, StringComparison.Ordinal);
        }
        finally { folder.Delete(recursive: true); }
    }
}
