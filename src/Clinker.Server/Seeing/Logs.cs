using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Clinker.Server.Configuration;
using Clinker.Services;
using Microsoft.Extensions.Logging;

namespace Clinker.Server.Seeing;

/// <summary>
/// The logs: to standard error and, when configured, into a file for each role. Whoever logs formats the message and puts the record
/// into a bounded queue; one thread of its own (not the pool's, which may be what is stuck) writes. When that can't keep up, records are dropped and counted
/// rather than anybody held up. It takes the place of the framework's <see cref="ILoggerFactory"/>: there is one kind of output,
/// so providers, filters and their rules would only cost.
/// </summary>
sealed class Logs : ILoggerFactory
{
    /// <summary>How many records may wait.</summary>
    public const int Capacity = 8192;

    readonly TimeProvider time;
    readonly bool json;
    readonly LogLevels levels;
    readonly LogFile console;
    readonly Dictionary<string, LogFile> byRole = [];
    readonly List<LogFile> files = [];
    readonly ConcurrentDictionary<string, CategoryLogger> loggers = new();
    readonly object changed = new();
    readonly Thread writer;
    readonly PosixSignalRegistration? hangup;
    readonly Counter<long> written;
    readonly Counter<long> dropped;
    readonly ArrayBufferWriter<byte> scratch = new(1024);
    List<LogRecord> waiting = new(64);
    List<LogRecord> writing = new(64);
    long droppedNow;
    bool busy, closing, reopen;

    Logs(LogSettings settings, Roles roles, TimeProvider time, Stream console, Meter meter, LogLevels levels)
    {
        this.time = time;
        json = settings.Json;
        this.levels = levels;
        levels.Changed += Relevel;
        this.console = new(console, time);
        if (settings.File is { } one) files.Add(new(one, time));
        else if (settings.Directory is { } directory)
            foreach (var (role, name) in RoleNames)
                if (roles.HasFlag(role)) files.Add(byRole[name] = new(Path.Combine(directory, name + ".log"), time));
        written = meter.CreateCounter<long>("clinker.log.records", description: "Log records written, by level.");
        dropped = meter.CreateCounter<long>("clinker.log.dropped", description: "Log records dropped, since writing could not keep up.");
        // Without files a hangup ends the process, as that of its terminal should.
        if (files.Count > 0)
            hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
            {
                signal.Cancel = true;
                Reopen();
            });
        writer = new Thread(Write) { IsBackground = true, Name = "logs" };
        writer.Start();
        AppDomain.CurrentDomain.UnhandledException += Crashed;
    }

    static readonly (Roles, string)[] RoleNames = [(Roles.Api, "api"), (Roles.Scheduler, "scheduler"), (Roles.Volume, "volume"), (Roles.Backup, "backup")];

    /// <param name="console">Instead of standard error.</param>
    /// <exception cref="IOException">A log file can't be opened; the message says which, why and what to do.</exception>
    /// <param name="levels">From which level on; what is changed in them holds at once.</param>
    public static Logs Open(
        LogSettings settings, Roles roles, TimeProvider time, Meter meter, Stream? console = null, LogLevels? levels = null) =>
        new(settings, roles, time, console ?? Console.OpenStandardError(), meter, levels ?? new(settings.Debug));

    public ILogger CreateLogger(string categoryName) =>
        loggers.GetOrAdd(categoryName, static (name, logs) => new CategoryLogger(logs, name, RoleOf(name)), this);

    /// <summary>There is nothing to add one to.</summary>
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Clinker's logs take no providers.");

    /// <summary>Opens the files anew before the next record.</summary>
    public void Reopen()
    {
        lock (changed)
        {
            reopen = true;
            Monitor.PulseAll(changed);
        }
    }

    /// <summary>Waits until all that was logged before is written, at most so long.</summary>
    /// <returns>Whether it is.</returns>
    public bool Flush(TimeSpan most)
    {
        var start = time.GetTimestamp();
        lock (changed)
            while (waiting.Count > 0 || busy || reopen)
            {
                var left = most - time.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(changed, left)) return waiting.Count == 0 && !busy;
            }
        return true;
    }

    /// <summary>Writes what waits, for two seconds at most, and closes the files. Later records are dropped.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.UnhandledException -= Crashed;
        levels.Changed -= Relevel;
        hangup?.Dispose();
        lock (changed)
        {
            closing = true;
            Monitor.PulseAll(changed);
        }
        // A writer that is stuck on a dead disk keeps its files; the process ends all the same.
        if (!writer.Join(TimeSpan.FromSeconds(2))) return;
        foreach (var file in files) file.Dispose();
    }

    void Put(in LogRecord record)
    {
        lock (changed)
        {
            if (waiting.Count >= Capacity || closing)
            {
                droppedNow++;
                return;
            }
            waiting.Add(record);
            if (waiting.Count == 1) Monitor.PulseAll(changed);
        }
    }

    void Write()
    {
        while (true)
        {
            long lost;
            bool anew;
            lock (changed)
            {
                busy = false;
                Monitor.PulseAll(changed);
                while (waiting.Count == 0 && droppedNow == 0 && !closing && !reopen) Monitor.Wait(changed);
                if (waiting.Count == 0 && droppedNow == 0 && closing) return;
                (waiting, writing) = (writing, waiting);
                (lost, droppedNow) = (droppedNow, 0);
                (anew, reopen) = (reopen, false);
                busy = true;
            }
            foreach (var record in writing) Format(record);
            writing.Clear();
            if (lost > 0)
            {
                dropped.Add(lost);
                Format(Own($"{lost} log records were dropped here: more came than could be written."));
            }
            Out(anew);
            var told = false;
            foreach (var file in files)
            {
                if (file.TakeLost() is not var (bytes, why)) continue;
                Format(Own($"{bytes} bytes of log could not be written to {file.Path}: {why}"));
                told = true;
            }
            if (told) Out(false);
        }
    }

    void Out(bool anew)
    {
        console.Flush(false);
        foreach (var file in files) file.Flush(anew);
    }

    LogRecord Own(string message) => new(time.GetUtcNow(), LogLevel.Error, typeof(Logs).FullName!, null, message, null, null, null, null);

    void Format(in LogRecord record)
    {
        scratch.ResetWrittenCount();
        try
        {
            if (json) LogText.WriteJson(scratch, record, Environment.ProcessId);
            else LogText.Write(scratch, record, time.LocalTimeZone, Environment.ProcessId);
        }
        catch (Exception e)
        {
            // A value or an exception of anybody's that throws when asked for its text must not end the writing of logs.
            scratch.ResetWrittenCount();
            LogText.Write(scratch, Own($"a record of {record.Category} could not be written: {e.GetType()}"), time.LocalTimeZone, Environment.ProcessId);
        }
        console.Pending.Write(scratch.WrittenSpan);
        if ((record.Context?.Role ?? record.Role) is { } role && byRole.TryGetValue(role, out var its)) its.Pending.Write(scratch.WrittenSpan);
        else
            foreach (var file in files) file.Pending.Write(scratch.WrittenSpan);
        written.Add(1, new KeyValuePair<string, object?>("level", record.Level.ToString().ToLowerInvariant()));
    }

    void Crashed(object sender, UnhandledExceptionEventArgs e)
    {
        Put(Own("the daemon ends: nothing caught this") with { Level = LogLevel.Critical, Exception = e.ExceptionObject as Exception });
        Flush(TimeSpan.FromSeconds(2));
    }

    void Relevel()
    {
        foreach (var logger in loggers.Values) logger.Least = levels.Of(logger.Category);
    }

    // Where no scope says whose work it is.
    static string? RoleOf(string category)
    {
        foreach (var (prefix, role) in ByCategory)
            if (category.StartsWith(prefix, StringComparison.Ordinal)) return role;
        return null;
    }

    static readonly (string Prefix, string Role)[] ByCategory =
    [
        ("Clinker.Server.Api", "api"), ("Clinker.Server.Routes", "api"), ("Clinker.Server.Shapes", "api"), ("Microsoft.AspNetCore", "api"),
        ("Clinker.Scheduling", "scheduler"),
        ("Clinker.Gluster", "volume"), ("Clinker.Drivers", "volume"), ("Clinker.Operations", "volume"), ("Clinker.Volumes", "volume"), ("Clinker.Backups", "backup"),
    ];

    sealed class CategoryLogger(Logs logs, string category, string? role) : ILogger
    {
        volatile LogLevel least = logs.levels.Of(category);

        public string Category => category;

        public LogLevel Least { set => least = value; }

        // Scopes that others open (the web server, for each request) would be paid for and not read.
        readonly bool scopes = category.StartsWith("Clinker.", StringComparison.Ordinal);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull =>
            scopes && state is IEnumerable<KeyValuePair<string, object?>> pairs ? LogContext.Begin(pairs) : null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            var context = LogContext.Current;
            string? request = null;
            IReadOnlyList<KeyValuePair<string, object?>>? values = null;
            if ((logs.json || context?.Request is null) && state is IReadOnlyList<KeyValuePair<string, object?>> pairs)
            {
                if (logs.json) values = [.. pairs];
                for (var i = 0; i < pairs.Count && request is null; i++)
                    if (LogContext.IsRequest(pairs[i].Key)) request = pairs[i].Value?.ToString();
            }
            logs.Put(new(logs.time.GetUtcNow(), logLevel, category, role, formatter(state, exception), request, context, values, exception));
        }
    }
}
