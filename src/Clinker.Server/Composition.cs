using System.Buffers;
using System.Diagnostics.Metrics;
using System.Net.Security;
using System.Runtime.InteropServices;
using System.Text;
using Clinker.Drivers;
using Clinker.Drivers.Memory;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Server.Api;
using Clinker.Server.Api.Network;
using Clinker.Server.Configuration;
using Clinker.Server.Outside;
using Clinker.Server.Policies;
using Clinker.Server.Seeing;
using Clinker.Server.Users;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server;

/// <summary>What is made of the settings, and in which order it starts and ends.</summary>
static partial class Composition
{
    /// <summary>How long a lease lasts without being renewed; a daemon that dies is followed by another after that.</summary>
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    /// <summary>How often the files of policy, of users and of certificates are looked at.</summary>
    static readonly TimeSpan LookPause = TimeSpan.FromSeconds(2);

    /// <summary>Runs the daemon until it is told to stop; gives the exit code.</summary>
    public static async Task<int> Serve(Settings settings, string version)
    {
        var time = TimeProvider.System;
        using var meter = new Meter(Metrics.MeterName);
        using var metrics = new Metrics(version, time);
        var levels = new LogLevels(settings.Logs.Debug);
        Logs logs;
        try
        {
            Embedded.Prepare(settings);
            logs = Logs.Open(settings.Logs, settings.Roles, time, meter, levels: levels);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"clinkerd: {e.Message}");
            return 1;
        }
        using (logs)
        {
            var log = logs.CreateLogger(typeof(Composition).FullName!);
            foreach (var note in settings.Notes) Log.Note(log, note);
            try
            {
                await Run(settings, time, meter, metrics, logs, levels, log);
                Log.Ended(log);
                return 0;
            }
            catch (Exception e) when (e is FaultException or IOException or FormatException)
            {
                Log.CannotServe(log, e.Message);
                return 1;
            }
        }
    }

    static async Task Run(Settings settings, TimeProvider time, Meter meter, Metrics metrics, Logs logs, LogLevels levels, ILogger log)
    {
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

        // Before the first share is opened, and until the last is closed.
        var hasShares = settings.Backends.Any(b => b is BackendSettings.Files) || settings.Backups is not null;
        using var launcher = hasShares && (settings.Roles & (Roles.Volume | Roles.Backup)) != 0 ? new Launcher(Environment.ProcessPath!) : null;
        Processes.Launcher = launcher;
        var ids = new Ids();
        await using var db = await Open(settings.Database, time);
        await db.Commit(async tx =>
        {
            await tx.Types.EnsureDefault(ids.New());
            await tx.GroupTypes.EnsureReserved(ids.New());
        });
        var drivers = settings.Backends.ToDictionary(b => $"{b.Host}@{b.Name}", b => Driver(b, settings, time, logs));
        var policy = new Watched<Policy>("The rules", settings.Policy.Found, PolicyFile.Read, log);
        var users = settings.UsersFile is { } file
            ? new Watched<IReadOnlyDictionary<string, User>>("The users", () => [file], _ => UsersFile.Read(file), log) : null;
        var tls = settings.Network.Tls is { } files
            ? new Watched<SslServerAuthenticationOptions>("The certificate and its key", () => files.All, _ => files.Options(), log) : null;
        using var look = time.CreateTimer(_ =>
        {
            policy.Look();
            users?.Look();
            tls?.Look();
        }, null, LookPause, LookPause);
        using var keystone = settings.Keystone is { } k ? new KeystoneIdentity(k, policy, time, logs.CreateLogger(typeof(KeystoneIdentity).FullName!)) : null;
        using var glance = settings.Images.Glance is { } where ? new Glance(where, keystone is null ? (_, _) => new((string?)null) : keystone.Own) : null;
        using var barbican = glance is not null && settings.Images.Signatures is { } keys
            ? new Barbican(keys, settings.Keystone, time, logs.CreateLogger(typeof(Barbican).FullName!)) : null;
        using var nova = settings.Nova is { } by ? new Nova(by, time, logs.CreateLogger(typeof(Nova).FullName!)) : null;
        using var conversion = new ImageConversion(settings.Images.Conversion);
        if (settings.Roles.HasFlag(Roles.Volume))
            foreach (var scratch in (string[])[settings.Images.Conversion.Directory, Path.GetTempPath()])
                if (Scratch.Sweep(scratch) is > 0 and var swept) Log.Swept(log, swept, scratch);
        await using var backups = settings.Backups switch
        {
            null => null,
            { Share: { } share } on => await DirectoryBackups.OnShare(share, on.Path, settings.Logs.Directory ?? settings.StatePath, on.Container, on.Compression, time,
                logs.CreateLogger<DirectoryBackups>()),
            var kept => new DirectoryBackups(kept.Path, time) { Container = kept.Container, Compression = kept.Compression },
        };
        using var audit = settings.Audit is { } written ? new AuditLog(written.File, time, meter, logs.CreateLogger(typeof(AuditLog).FullName!)) : null;
        var means = new Means(db, drivers, Scheduling(settings), Lease)
        {
            Ended = audit is null ? null : (operation, fault) => audit.Put(AuditEvent.Ended(ids.New(), operation, fault, settings.Host, time.GetUtcNow())),
            Images = glance is null ? null : new ImageCopies(glance, conversion, barbican is null ? null : new(barbican, time)),
            Backups = backups,
            Compute = nova,
        };
        Instruments(meter, db, stop.Token);

        var work = Task.CompletedTask;
        if ((settings.Roles & (Roles.Scheduler | Roles.Volume | Roles.Backup)) != 0)
        {
            var node = new Node(means,
                new NodeSettings(settings.Host, settings.Zones.Storage, settings.ReportInterval, settings.Roles.HasFlag(Roles.Scheduler))
                {
                    Backup = settings.Roles.HasFlag(Roles.Backup),
                    LogLevels = levels,
                },
                ids, time, logs);
            work = node.Run(stop.Token);
        }
        var api = settings.Roles.HasFlag(Roles.Api)
            ? await ApiHost.Start(db, ids, time, logs, Authenticated(Api(settings, db, glance, metrics, meter, levels), keystone, users, policy, time) with
            {
                Policy = policy,
                Tls = tls,
                Audit = audit is null ? null : (call, answer) =>
                {
                    if (!settings.Audit!.Ignored.Contains(call.Http.Request.Method, StringComparer.OrdinalIgnoreCase)) audit.Put(AuditEvent.Asked(call, answer));
                },
            })
            : null;
        Log.Serving(log, settings.Host, api?.Address ?? "no API", settings.Database.ToString()!, string.Join(", ", drivers.Keys));

        // A worker that ends by a defect ends the daemon: a service manager starts it anew, and nothing is lost.
        await Task.WhenAny(Task.Delay(Timeout.Infinite, stop.Token), work.IsCompleted ? Task.Delay(Timeout.Infinite, stop.Token) : work);
        await stop.CancelAsync();
        if (api is not null) await api.DisposeAsync();
        await work;
        foreach (var driver in drivers.Values) await driver.DisposeAsync();
    }

    static async Task<Database> Open(DatabaseUrl url, TimeProvider time) => url switch
    {
        DatabaseUrl.Sqlite sqlite => await SqliteDatabase.Open(sqlite.Path, time),
        DatabaseUrl.Postgres postgres => await PostgresDatabase.Open(postgres.Connection, time),
        _ => throw new ArgumentOutOfRangeException(nameof(url)),
    };

    static Driver Driver(BackendSettings backend, Settings settings, TimeProvider time, Logs logs) => backend switch
    {
        BackendSettings.Gluster g => new GlusterDriver(g.Name, (GlusterOptions)Files(g, settings, new GlusterOptions
        {
            SharesConfig = g.SharesConfig,
            MountPointBase = g.MountPointBase,
            NasHost = g.NasHost,
            NasSharePath = g.NasSharePath,
            NasMountOptions = g.NasMountOptions,
            GfapiWriter = g.Gfapi ? Environment.ProcessPath : null,
            ClientLogDirectory = settings.Logs.Directory ?? settings.StatePath,
        }), time, logs.CreateLogger(typeof(GlusterDriver).FullName!)) { Capabilities = g.Capabilities },
        BackendSettings.Directory d => new DirectoryDriver(d.Name, (DirectoryOptions)Files(d, settings, new DirectoryOptions
        {
            Paths = d.Paths,
        }), time, logs.CreateLogger(typeof(DirectoryDriver).FullName!)) { Capabilities = d.Capabilities },
        BackendSettings.Memory m => new MemoryDriver(m.Name, new MemoryShares(m.Name)) { Capabilities = m.Capabilities },
        _ => throw new ArgumentOutOfRangeException(nameof(backend)),
    };

    static FileBackendOptions Files(BackendSettings.Files files, Settings settings, FileBackendOptions options) => options with
    {
        VolumeBackendName = files.VolumeBackendName,
        Provisioning = files.Thick ? Provisioning.Thick : Provisioning.Thin,
        Format = files.Qcow2 ? VolumeFormat.Qcow2 : VolumeFormat.Raw,
        VolumeNameTemplate = settings.VolumeNameTemplate,
        SecureFilePermissions = files.SecureFilePermissions,
        CloneMode = files.ThinClones ? CloneMode.Thin : CloneMode.Full,
        MaxChainDepth = files.MaxChainDepth,
        FlattenDepth = files.FlattenDepth,
        FlattenRate = files.FlattenRate * (1L << 20),
        ImageCache = files.ImageCache is { } kept ? new(kept.Count, kept.SizeGb, TimeSpan.FromDays(kept.Days)) : null,
        ReservedPercentage = files.ReservedPercentage,
        MaxOverSubscriptionRatio = files.MaxOverSubscriptionRatio,
    };

    static SchedulingSettings Scheduling(Settings settings) => new(
        [.. settings.Scheduler.Filters.Select(f => Filters.All[f])],
        [.. settings.Scheduler.Weighers.Select(w => Weighers.All[w](settings.Scheduler.Multipliers.GetValueOrDefault(w, 1.0)))],
        settings.ServiceDownTime)
    {
        Handler = settings.Scheduler.Handler,
        MaxAttempts = settings.Scheduler.MaxAttempts,
    };

    static Clinker.Server.Api.ApiSettings Api(
        Settings settings, Database db, Images? images, Metrics metrics, Meter meter, LogLevels levels)
    {
        var duration = meter.CreateHistogram<double>("clinker.api.duration", "s", "Time to answer, by route and status.");
        var q = settings.Quotas;
        return new Clinker.Server.Api.ApiSettings
        {
            Listen = [settings.Api.Listen],
            TrustedProxies = settings.Network.TrustedProxies,
            Cors = settings.Network.Cors,
            AddressRate = settings.Network.AddressRate,
            ProjectRate = settings.Network.ProjectRate,
            MaxConnections = settings.Network.MaxConnections,
            MaxConnectionsPerAddress = settings.Network.MaxConnectionsPerAddress,
            PublicEndpoint = settings.Api.PublicEndpoint?.ToString().TrimEnd('/'),
            MaxLimit = settings.Api.MaxLimit,
            MaxBodyBytes = settings.Api.MaxBodyBytes,
            Quotas = new QuotaLimits(q.Volumes, q.Gigabytes, q.PerVolumeGigabytes, q.Snapshots, q.Backups, q.BackupGigabytes, q.Groups),
            DefaultType = settings.DefaultVolumeType,
            DefaultGroupType = settings.DefaultGroupType,
            DefaultZone = settings.Zones.Default,
            ZoneFallback = settings.Zones.Fallback,
            ServiceDownTime = settings.ServiceDownTime,
            Host = settings.Host,
            LogLevels = levels,
            Images = images,
            ForceUpload = settings.Images.ForceUpload,
            CompressedUpload = settings.Images.CompressedUpload,
            ImageCoreProperties = settings.Images.CoreProperties,
            ResourceFilters = settings.ResourceFilters ?? ListFilters.Configured,
            Health = [HealthChecks.Database(db), .. settings.Backends.Select(
                b => HealthChecks.Backend(db, b.Name, $"{b.Host}@{b.Name}", settings.ServiceDownTime))],
            Metrics = () =>
            {
                var text = new ArrayBufferWriter<byte>(16 * 1024);
                metrics.WriteTo(text);
                return new(Encoding.UTF8.GetString(text.WrittenSpan));
            },
            Answered = (route, status, took) => duration.Record(took.TotalSeconds,
                new KeyValuePair<string, object?>("route", route), new KeyValuePair<string, object?>("status", status)),
        };
    }

    /// <summary>Callers are told as auth_strategy says.</summary>
    static Clinker.Server.Api.ApiSettings Authenticated(Clinker.Server.Api.ApiSettings api, KeystoneIdentity? keystone,
        Watched<IReadOnlyDictionary<string, User>>? users, Watched<Policy> policy, TimeProvider time)
    {
        if (keystone is not null) return api with { Identity = keystone.Of, HasProject = keystone.HasProject };
        if (users is null) return api;
        var basic = new BasicIdentity(users, new Passwords(users, time), policy);
        return api with { Identity = basic.Of, HasProject = basic.HasProject };
    }

    /// <summary>What is asked of the database when metrics are read.</summary>
    static void Instruments(Meter meter, Database db, CancellationToken stop)
    {
        var last = new Dictionary<string, long>();
        var busy = 0;
        // Metrics are read synchronously; the numbers are those of the reading before, so that nobody waits for the database.
        meter.CreateObservableGauge("clinker.operations", () =>
        {
            if (!stop.IsCancellationRequested && Interlocked.Exchange(ref busy, 1) == 0) _ = Count();
            lock (last) return last.Select(l => new Measurement<long>(l.Value, new KeyValuePair<string, object?>("status", l.Key))).ToList();
        }, description: "Operations by status; those that are stuck wait for a person.");

        async Task Count()
        {
            try
            {
                var counts = await db.Read(tx => tx.Operations.Counts());
                lock (last)
                {
                    foreach (var status in last.Keys) last[status] = 0;
                    foreach (var (status, count) in counts) last[status] = count;
                }
            }
            catch (FaultException) { /* the next reading tries again */ }
            finally { Interlocked.Exchange(ref busy, 0); }
        }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "{Note}")]
        public static partial void Note(ILogger log, string note);

        [LoggerMessage(Level = LogLevel.Information, Message = "{Host} serves at {Address}; database {Database}; backends: {Backends}")]
        public static partial void Serving(ILogger log, string host, string address, string database, string backends);

        [LoggerMessage(Level = LogLevel.Information, Message = "Removed {Count} conversions of images that were left unfinished in {Directory}")]
        public static partial void Swept(ILogger log, int count, string directory);

        [LoggerMessage(Level = LogLevel.Critical, Message = "The daemon can't serve: {Why}")]
        public static partial void CannotServe(ILogger log, string why);

        [LoggerMessage(Level = LogLevel.Information, Message = "The daemon has ended; what it had begun was ended or put back")]
        public static partial void Ended(ILogger log);
    }
}
