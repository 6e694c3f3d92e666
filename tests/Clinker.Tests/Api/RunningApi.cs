using System.Net;
using System.Text;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Server.Seeing;
using Clinker.Services;
using Clinker.Store;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>An answer with its body read.</summary>
sealed record Answered(HttpResponseMessage Raw, string Text)
{
    public int Status => (int)Raw.StatusCode;

    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    /// <summary>The words of a fault, whatever its name.</summary>
    public string Message => Json.EnumerateObject().Single().Value.GetProperty("message").GetString()!;

    public string Fault => Json.EnumerateObject().Single().Name;

    public string? Header(string name) =>
        Raw.Headers.TryGetValues(name, out var values) || Raw.Content.Headers.TryGetValues(name, out values) ? string.Join(",", values) : null;
}

/// <summary>The whole API over HTTP on a port of its own, on a database in memory. No worker runs: what is accepted stays as it is.</summary>
sealed class RunningApi : IAsyncDisposable
{
    public const string Project = "a1b2c3";

    public ApiHost Host { get; }
    readonly HttpClient client;

    public Database Db { get; }
    public FakeTimeProvider Time { get; }
    public string Address => Host.Address;

    /// <summary>What the backend of <see cref="Available"/> holds.</summary>
    public MemoryShares Shares { get; }

    /// <summary>What is kept of backups.</summary>
    public MemoryObjects Objects { get; } = new();

    /// <summary>Told of what <see cref="Work"/> has done; set before that.</summary>
    public Action<OperationRow, Fault?>? OnEnded { get; set; }

    readonly MemoryDriver driver;
    readonly CancellationTokenSource stop = new();
    Worker? worker;
    Task working = Task.CompletedTask;

    RunningApi(ApiHost host, Database db, FakeTimeProvider time, HttpMessageHandler? handler, IReadOnlyList<string> pools)
    {
        Shares = new(pools);
        client = new(handler ?? new HttpClientHandler());
        Host = host;
        Db = db;
        Time = time;
        driver = new MemoryDriver("b1", Shares);
    }

    /// <param name="health">What /healthcheck looks at.</param>
    /// <param name="handler">By which it is asked.</param>
    /// <param name="pools">Of the backend; none: p1.</param>
    public static async Task<RunningApi> Start(ApiSettings? settings = null, Func<Database, IReadOnlyList<HealthCheck>>? health = null,
        HttpMessageHandler? handler = null, ILoggerFactory? logs = null, params IReadOnlyList<string> pools)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var db = await SqliteDatabase.InMemory(time);
        var ids = new Ids();
        await db.Commit(async tx =>
        {
            await tx.Types.EnsureDefault(ids.New());
            await tx.GroupTypes.EnsureReserved(ids.New());
        });
        var host = await ApiHost.Start(db, ids, time, logs ?? NullLoggerFactory.Instance,
            (settings ?? new()) with { Listen = [new(IPAddress.Loopback, 0)], Health = health?.Invoke(db) ?? [] });
        return new(host, db, time, handler, pools is [] ? ["p1"] : pools);
    }

    /// <summary>Somebody who need be no admin: <c>X-Auth-Token: user:project:role,role</c>.</summary>
    public static ValueTask<Caller?> ByToken(HttpContext http, string? project)
    {
        var parts = http.Request.Headers["X-Auth-Token"].ToString().Split(':');
        return parts.Length == 3 ? new(new Caller(parts[1], parts[0], parts[2].Split(','), parts[2] == "admin")) : Identities.None(http, project);
    }

    /// <param name="path">From the root, or (without a slash in front) below the project.</param>
    public async Task<Answered> Send(string method, string path, string? body = null, string? version = null, string? token = null,
        params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Host.Address + (path.StartsWith('/') ? path : $"/v3/{Project}/{path}"));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (version is not null) request.Headers.TryAddWithoutValidation("OpenStack-API-Version", $"volume {version}");
        if (token is not null) request.Headers.Add("X-Auth-Token", token);
        foreach (var (name, value) in headers)
        {
            if (request.Content is not null && name == "Content-Type")
            {
                request.Content.Headers.Remove(name);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
            else request.Headers.TryAddWithoutValidation(name, value);
        }
        var answer = await client.SendAsync(request);
        return new(answer, await answer.Content.ReadAsStringAsync());
    }

    public Task<Answered> Get(string path, string? version = null, string? token = null) => Send("GET", path, null, version, token);

    public Task<Answered> Post(string path, string body, string? version = null, string? token = null) => Send("POST", path, body, version, token);

    public Task<Answered> Put(string path, string body, string? version = null, string? token = null) => Send("PUT", path, body, version, token);

    public Task<Answered> Delete(string path, string? version = null, string? token = null) => Send("DELETE", path, null, version, token);

    /// <summary>Makes a volume and gives its id.</summary>
    public async Task<string> Volume(string name = "v", int size = 1, string more = "", string? path = null)
    {
        var answer = await Post(path ?? "volumes", $$"""{"volume": {"name": "{{name}}", "size": {{size}}{{more}}} }""");
        Assert.Equal(202, answer.Status);
        Time.Advance(TimeSpan.FromSeconds(1));
        return answer.Json.GetProperty("volume").GetProperty("id").GetString()!;
    }

    /// <summary>As if its operation had ended well.</summary>
    public Task Available(string id, string status = "available") => Db.Commit(async tx =>
    {
        await tx.Execute($"delete from operation where about_id = {id}");
        await tx.Volumes.SetHost(id, "h1@b1#p1");
        await tx.Volumes.Reset(id, status, null, null);
    });

    /// <summary>A worker serves the backend of <see cref="Available"/> from now on; until then what is accepted waits.</summary>
    /// <param name="all">It places what is new too.</param>
    /// <param name="backups">Where backups are kept, if that is not memory.</param>
    /// <param name="backend">Where volumes are, if that is not memory.</param>
    /// <param name="compute">The compute service that helps.</param>
    public void Work(bool all = false, BackupStore? backups = null, Driver? backend = null, Clinker.Outside.Compute? compute = null)
    {
        var means = new Means(Db, new Dictionary<string, Driver> { ["h1@b1"] = backend ?? driver }, SchedulingSettings.Default, TimeSpan.FromDays(1))
        {
            Backups = backups ?? new MemoryBackups(Objects) { ChunkBytes = 4 },
            Ended = OnEnded,
            Compute = compute,
        };
        string[] queues = ["h1@b1", Queues.Backup];
        worker = new Worker(means, CoreJson.Kinds, all ? [.. queues, Queues.Scheduler] : queues, "worker", Time, NullLogger<Worker>.Instance);
        working = worker.Work(TimeSpan.FromSeconds(1), stop.Token);
    }

    /// <summary>The backend of <see cref="Available"/> has reported.</summary>
    public async Task Reported()
    {
        var report = await driver.Report(CancellationToken.None);
        await Db.Commit(async tx =>
        {
            await tx.Services.Beat(Project, "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report("h1@b1", "nova", report);
        });
    }

    /// <summary>Makes a volume that is really there, on the backend that <see cref="Work"/> serves.</summary>
    public async Task<string> Made(string more = "")
    {
        var id = await Volume(more: more);
        await Available(id);
        await driver.Create(await Db.Read(tx => tx.Volumes.Get(id)), new Work(1, CancellationToken.None));
        return id;
    }

    /// <summary>A service that keeps backups is up.</summary>
    public Task BackupService(string zone = "nova") =>
        Db.Commit(tx => tx.Services.Beat("backups", "h1", Services.ServiceTable.BackupBinary, zone, null));

    /// <summary>Asks for a backup and gives its id.</summary>
    public async Task<string> Backup(string volume, string more = "")
    {
        var answer = await Post("backups", $$"""{"backup": {"volume_id": "{{volume}}"{{more}}} }""", "3.71");
        Assert.True(answer.Status == 202, answer.Text);
        Time.Advance(TimeSpan.FromSeconds(1));
        return answer.Json.GetProperty("backup").GetProperty("id").GetString()!;
    }

    /// <summary>As if its operation had ended so; its volume is available again.</summary>
    public Task BackupIs(string id, string status = "available", bool stored = true) => Db.Commit(async tx =>
    {
        var backup = await tx.Backups.Get(id);
        await tx.Execute($"delete from operation where about_id = {id}");
        await tx.Backups.Reset(id, status);
        if (stored) await tx.Backups.SetPlace(id, "memory", "backups", "nova");
        if (backup.IndexSha256 is null && stored) await tx.Backups.SetIndex(id, 0, "0");
        await tx.Volumes.Reset(backup.VolumeId, "available", null, null);
    });

    /// <summary>How something is once nothing is under way.</summary>
    public async Task<string> Settled(string path)
    {
        while (true)
        {
            var answer = await Get(path, "3.71");
            if (answer.Status == 404) return "gone";
            var status = answer.Json.EnumerateObject().Single().Value.GetProperty("status").GetString()!;
            if (status is not ("creating" or "deleting" or "restoring" or "backing-up" or "restoring-backup" or "retyping")) return status;
            await Task.Delay(5);
        }
    }

    /// <summary>Takes a snapshot and gives its id.</summary>
    public async Task<string> Snapshot(string volume, string name = "s", string more = "")
    {
        var answer = await Post("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}", "name": "{{name}}"{{more}}} }""");
        Assert.Equal(202, answer.Status);
        Time.Advance(TimeSpan.FromSeconds(1));
        return answer.Json.GetProperty("snapshot").GetProperty("id").GetString()!;
    }

    /// <summary>As if its operation had ended so.</summary>
    public Task SnapshotIs(string id, string status = "available") => Db.Commit(async tx =>
    {
        await tx.Execute($"delete from operation where about_id = {id}");
        await tx.Snapshots.Reset(id, status);
    });

    /// <summary>A volume that is available, with snapshots that are.</summary>
    public async Task<(string Volume, string[] Snapshots)> WithSnapshots(int count = 1, int size = 1)
    {
        var volume = await Volume(size: size);
        await Available(volume);
        var snapshots = new string[count];
        for (var i = 0; i < count; i++)
        {
            snapshots[i] = await Snapshot(volume, $"s{i}");
            await SnapshotIs(snapshots[i]);
        }
        return (volume, snapshots);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await working;
        worker?.Dispose();
        stop.Dispose();
        client.Dispose();
        await Host.DisposeAsync();
        await Db.DisposeAsync();
    }
}
