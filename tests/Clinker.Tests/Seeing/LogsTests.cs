using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Clinker.Server.Configuration;
using Clinker.Server.Seeing;
using Clinker.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

#pragma warning disable CA1873 // what is logged here is cheap

namespace Clinker.Tests.Seeing;

public sealed partial class LogsTests : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    readonly DirectoryInfo root = Directory.CreateTempSubdirectory("clinker-logs");
    readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 11, 23, 22, 1, 2, 123, TimeSpan.Zero));
    readonly Meter meter = new("Clinker");
    readonly MemoryStream console = new();
    Logs? logs;

    Logs Open(bool json = false, bool debug = false, bool files = false, string? file = null, Roles roles = Roles.All, Stream? to = null)
    {
        time.SetLocalTimeZone(TimeZoneInfo.CreateCustomTimeZone("cet", TimeSpan.FromHours(1), "cet", "cet"));
        return logs = Logs.Open(new(debug, json, files ? Path.Combine(root.FullName, "log") : null, file), roles, time, meter, to ?? console);
    }

    string Console()
    {
        Assert.True(logs!.Flush(Patience));
        return Encoding.UTF8.GetString(console.ToArray());
    }

    string[] InFile(string name)
    {
        Assert.True(logs!.Flush(Patience));
        return [.. File.ReadAllLines(Path.Combine(root.FullName, "log", name)).Select(l => l[(l.IndexOf(']', StringComparison.Ordinal) + 2)..])];
    }

    public void Dispose()
    {
        logs?.Dispose();
        meter.Dispose();
        root.Delete(recursive: true);
    }

    [Fact]
    public void Levels_change_while_it_runs()
    {
        var levels = new LogLevels(debug: false);
        logs = Logs.Open(new(false, false, null, null), Roles.All, time, meter, console, levels);
        var (volumes, store) = (logs.CreateLogger("Clinker.Volumes.X"), logs.CreateLogger("Clinker.Store.X"));
        volumes.LogDebug("unheard");
        levels.Set("Clinker.Volumes", LogLevel.Debug);
        volumes.LogDebug("heard");
        store.LogDebug("still unheard");
        levels.Set("", LogLevel.Error);
        store.LogWarning("not any more");
        volumes.LogError("always");
        Assert.Equal(["heard", "always"], Console().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l[(l.IndexOf(']', StringComparison.Ordinal) + 2)..]));
    }

    [Fact]
    public void Writes_a_line_as_oslo_log_does()
    {
        var log = Open().CreateLogger("Clinker.Server.Api.Edge");
        log.LogInformation("no context");
        Log.Placed(log, "vol1", 5);
        using (log.BeginScope(Pairs(("request_id", "req-1"), ("UserId", "ann"), ("project", "p1"))))
        using (Log.InStep(log, "op1", "create it"))
            log.LogWarning("within");
        Log.Named(log, "req-9");
        Assert.Equal($"""
            2026-11-23 23:01:02.123 {Environment.ProcessId} INFO Clinker.Server.Api.Edge [-] no context
            2026-11-23 23:01:02.123 {Environment.ProcessId} INFO Clinker.Server.Api.Edge [-] vol1 has 5 GiB
            2026-11-23 23:01:02.123 {Environment.ProcessId} WARNING Clinker.Server.Api.Edge [req-1 ann p1] within operation_id=op1 step="create it"
            2026-11-23 23:01:02.123 {Environment.ProcessId} INFO Clinker.Server.Api.Edge [req-9] done for req-9

            """, Console());
    }

    [Fact]
    public async Task A_scope_goes_along_with_the_work_and_ends_with_it()
    {
        var log = Open().CreateLogger("Clinker.Operations.Run");
        async Task Work(string id)
        {
            using (log.BeginScope(Pairs(("request_id", id))))
            {
                await Task.Yield();
                logs!.CreateLogger("Clinker.Gluster.Driver").LogInformation("{Id}", id);
            }
            log.LogInformation("after");
        }
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Work($"req-{i}")));
        var lines = Console().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(20, lines.Count(l => l.EndsWith("[-] after", StringComparison.Ordinal)));
        for (var i = 0; i < 20; i++) Assert.Contains(lines, l => l.EndsWith($"[req-{i}] req-{i}", StringComparison.Ordinal));
    }

    [Fact]
    public void An_exception_follows_line_by_line_and_nobody_forges_a_line()
    {
        var log = Open().CreateLogger("Clinker.X");
        log.LogError(new InvalidOperationException("one\ntwo"), "bad name: {Name}", "a\n2026-11-23 INFO forged\u001b[31m\u2028");
        var lines = Console().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, l => Assert.StartsWith($"2026-11-23 23:01:02.123 {Environment.ProcessId} ERROR Clinker.X [-] ", l, StringComparison.Ordinal));
        Assert.EndsWith(@"bad name: a\n2026-11-23 INFO forged\u001b[31m\u2028", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("System.InvalidOperationException: one", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("] two", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Json_is_an_object_a_line()
    {
        var log = Open(json: true).CreateLogger("Clinker.X");
        using (log.BeginScope(Pairs(("request_id", "req-1"), ("step", "make"))))
            Log.Placed(log, "v\"1\n", 5);
        log.LogError(new IOException("disk"), "it fell");
        var lines = Console().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        using var first = JsonDocument.Parse(lines[0]);
        var record = first.RootElement;
        Assert.Equal("2026-11-23T22:01:02.123Z", record.GetProperty("time").GetString());
        Assert.Equal(("INFO", "Clinker.X", "v\"1\n has 5 GiB"), (record.GetProperty("level").GetString(), record.GetProperty("logger").GetString(), record.GetProperty("message").GetString()));
        Assert.Equal(("req-1", "make"), (record.GetProperty("request_id").GetString(), record.GetProperty("step").GetString()));
        Assert.Equal(5, record.GetProperty("values").GetProperty("size").GetInt32());
        Assert.Equal("v\"1\n", record.GetProperty("values").GetProperty("volume_id").GetString());
        using var second = JsonDocument.Parse(lines[1]);
        Assert.Contains("disk", second.RootElement.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_debug_asks_for_debug_and_frameworks_have_less_to_say()
    {
        Open();
        Assert.False(logs!.CreateLogger("Clinker.X").IsEnabled(LogLevel.Debug));
        Assert.True(logs.CreateLogger("Clinker.X").IsEnabled(LogLevel.Information));
        Assert.False(logs.CreateLogger("Microsoft.AspNetCore.Routing").IsEnabled(LogLevel.Information));
        Assert.True(logs.CreateLogger("Microsoft.AspNetCore.Routing").IsEnabled(LogLevel.Warning));
        logs.Dispose();
        Assert.True(Open(debug: true).CreateLogger("Clinker.X").IsEnabled(LogLevel.Debug));
    }

    [Fact]
    public void Each_role_has_its_file_and_what_is_nobody_s_is_in_all()
    {
        Open(files: true);
        logs!.CreateLogger("Clinker.Server.Routes.Volumes").LogInformation("a");
        logs.CreateLogger("Clinker.Gluster.Mounts").LogInformation("v");
        var log = logs.CreateLogger("Clinker.Operations.Worker");
        using (log.BeginScope(Pairs(("role", "scheduler")))) log.LogInformation("s");
        logs.CreateLogger("Clinker.Server.Program").LogInformation("all");
        Assert.Equal(["a", "all"], InFile("api.log"));
        Assert.Equal(["s", "all"], InFile("scheduler.log"));
        Assert.Equal(["v", "all"], InFile("volume.log"));
        Assert.Equal(4, Console().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
#pragma warning disable CA1416 // Linux alone
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(Path.Combine(root.FullName, "log", "api.log")));
#pragma warning restore CA1416
    }

    [Fact]
    public void A_process_has_the_files_of_its_roles()
    {
        Open(files: true, roles: Roles.Api);
        logs!.CreateLogger("Clinker.Gluster.Mounts").LogInformation("v");
        Assert.Equal(["v"], InFile("api.log"));
        Assert.Equal(["api.log"], Directory.GetFiles(Path.Combine(root.FullName, "log")).Select(Path.GetFileName));
    }

    [Fact]
    public void One_file_takes_the_place_of_all()
    {
        Open(file: Path.Combine(root.FullName, "log", "one.log"));
        logs!.CreateLogger("Clinker.Gluster.Mounts").LogInformation("v");
        Assert.Equal(["v"], InFile("one.log"));
    }

    [Fact]
    public void A_file_that_was_moved_away_is_opened_anew()
    {
        var log = Open(files: true).CreateLogger("Clinker.Gluster.Mounts");
        log.LogInformation("one");
        Assert.Equal(["one"], InFile("volume.log"));
        File.Move(Path.Combine(root.FullName, "log", "volume.log"), Path.Combine(root.FullName, "log", "volume.log.1"));
        time.Advance(TimeSpan.FromSeconds(2));
        log.LogInformation("two");
        Assert.Equal(["two"], InFile("volume.log"));
        File.Delete(Path.Combine(root.FullName, "log", "volume.log"));
        time.Advance(TimeSpan.FromSeconds(2));
        log.LogInformation("three");
        Assert.Equal(["three"], InFile("volume.log"));
        Assert.Equal(["one"], InFile("volume.log.1"));
    }

    [Fact]
    public void A_hangup_opens_files_anew_at_once()
    {
        var log = Open(files: true).CreateLogger("Clinker.Gluster.Mounts");
        log.LogInformation("one");
        Assert.True(logs!.Flush(Patience));
        File.Move(Path.Combine(root.FullName, "log", "volume.log"), Path.Combine(root.FullName, "log", "volume.log.1"));
        logs.Reopen();
        Assert.True(logs.Flush(Patience));
        log.LogInformation("two");
        Assert.Equal(["two"], InFile("volume.log"));
    }

    [Fact]
    public void A_file_that_was_cut_goes_on_at_its_start()
    {
        var log = Open(files: true).CreateLogger("Clinker.Gluster.Mounts");
        log.LogInformation("one");
        Assert.True(logs!.Flush(Patience));
        using (var file = new FileStream(Path.Combine(root.FullName, "log", "volume.log"), FileMode.Open)) file.SetLength(0);
        log.LogInformation("two");
        Assert.Equal(["two"], InFile("volume.log"));
    }

    [Fact]
    public void A_directory_that_can_not_be_written_is_told_at_the_start()
    {
        File.WriteAllText(Path.Combine(root.FullName, "log"), "");
        var e = Assert.Throws<IOException>(() => Open(files: true));
        Assert.StartsWith($"The log {root.FullName}/log/api.log can't be opened: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_could_not_be_written_is_told_when_it_works_again()
    {
        var log = Open(files: true, roles: Roles.Volume).CreateLogger("Clinker.Gluster.Mounts");
        var directory = Path.Combine(root.FullName, "log");
        Directory.Delete(directory, recursive: true);
        File.WriteAllText(directory, "in the way");
        time.Advance(TimeSpan.FromSeconds(2));
        log.LogInformation("lost");
        Assert.True(logs!.Flush(Patience));
        File.Delete(directory);
        time.Advance(TimeSpan.FromSeconds(2));
        log.LogInformation("kept");
        var lines = InFile("volume.log");
        Assert.Equal(2, lines.Length);
        Assert.Equal("kept", lines[0]);
        Assert.Matches(@"^\d+ bytes of log could not be written to .*/volume.log: .+", lines[1]);
        Assert.Contains("lost", Console(), StringComparison.Ordinal);
    }

    /// <summary>Standard error is a pipe that nobody reads: whoever logs goes on, and later it is told how much is missing.</summary>
    [Fact]
    public void A_reader_that_is_stuck_holds_nobody_up()
    {
        using var stuck = new StuckStream();
        var metrics = new Metrics("0", time, meter);
        var log = Open(to: stuck).CreateLogger("Clinker.X");
        log.LogInformation("first");
        Assert.True(stuck.Entered.Wait(Patience, TestContext.Current.CancellationToken));
        for (var i = 0; i < Logs.Capacity + 100; i++) log.LogInformation("more");
        Assert.False(logs!.Flush(TimeSpan.Zero));
        stuck.Go.Set();
        Assert.True(logs.Flush(Patience));
        var lines = Encoding.UTF8.GetString(stuck.Written.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Logs.Capacity + 2, lines.Length);
        Assert.EndsWith("100 log records were dropped here: more came than could be written.", lines[^1], StringComparison.Ordinal);
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        metrics.WriteTo(text);
        Assert.Contains("\nclinker_log_dropped_total 100\n", Encoding.UTF8.GetString(text.WrittenSpan), StringComparison.Ordinal);
        metrics.Dispose();
    }

    [Fact]
    public void The_end_writes_what_waits()
    {
        var log = Open().CreateLogger("Clinker.X");
        for (var i = 0; i < 5000; i++) log.LogInformation("line {Number}", i);
        logs!.Dispose();
        log.LogInformation("too late");
        Assert.Equal(5000, Encoding.UTF8.GetString(console.ToArray()).Count(c => c == '\n'));
    }

    [Fact]
    public void A_value_that_throws_costs_its_own_line_only()
    {
        var log = Open().CreateLogger("Clinker.X");
        log.LogError(new Unprintable(), "bad");
        log.LogInformation("good");
        var lines = Console().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("a record of Clinker.X could not be written", lines[^2], StringComparison.Ordinal);
        Assert.EndsWith("good", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Passwords_are_masked_wherever_they_come_from()
    {
        var log = Open().CreateLogger("Clinker.X");
        log.LogError(new IOException("no postgresql://cinder:sesame@db/x"), "Host=db;Password=sesame;Database=x");
        var text = Console();
        Assert.DoesNotContain("sesame", text, StringComparison.Ordinal);
        Assert.Contains("postgresql://cinder:***@db/x", text, StringComparison.Ordinal);
        Assert.Contains("Host=db;Password=***;Database=x", text, StringComparison.Ordinal);
    }

    static KeyValuePair<string, object?>[] Pairs(params (string, object?)[] pairs) => [.. pairs.Select(p => KeyValuePair.Create(p.Item1, p.Item2))];

    sealed class Unprintable : Exception
    {
        public override string ToString() => throw new InvalidOperationException();
    }

    sealed class StuckStream : MemoryStream
    {
        public readonly ManualResetEventSlim Entered = new(), Go = new();
        public readonly MemoryStream Written = new();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Entered.Set();
            Go.Wait();
            Written.Write(buffer);
        }

        protected override void Dispose(bool disposing)
        {
            Go.Set();
            base.Dispose(disposing);
        }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "{VolumeId} has {Size} GiB")]
        public static partial void Placed(ILogger log, string volumeId, int size);

        [LoggerMessage(Level = LogLevel.Information, Message = "done for {Request}")]
        public static partial void Named(ILogger log, string request);

        public static readonly Func<ILogger, string, string, IDisposable?> InStep = LoggerMessage.DefineScope<string, string>("{OperationId} {Step}");
    }
}
