using System.ComponentModel;
using System.Diagnostics;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>The process that starts programs for the published daemon.</summary>
public sealed class Launchers : IDisposable
{
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    readonly Launcher launcher = new(Daemon.Executable("clinkerd"));
    readonly string mark = $"{Random.Shared.Next(100_000, 999_999)}.{Environment.ProcessId}"; // seconds that nobody else sleeps
    readonly CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));

    public void Dispose()
    {
        launcher.Dispose();
        limit.Dispose();
    }

    Task<ProcessResult> Sh(string line, CancellationToken? until = null) => launcher.Run("bash", ["-c", line], null, until ?? limit.Token);

    /// <summary>How many programs with the mark are there.</summary>
    int Sleeping => Directory.EnumerateDirectories("/proc").Count(p =>
    {
        try { return File.ReadAllText($"{p}/cmdline").TrimEnd('\0').EndsWith($"sleep\0{mark}", StringComparison.Ordinal); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    });

    async Task Sleeps(int count)
    {
        for (var waited = Stopwatch.StartNew(); Sleeping != count; await Task.Delay(20))
            Assert.True(waited.Elapsed < Soon, $"{Sleeping} programs are there, and not {count}");
    }

    [Fact]
    public async Task It_tells_how_programs_end()
    {
        Assert.Equal(new ProcessResult(3, "ä é\n", "C\n"), await Sh("echo 'ä é'; echo $LC_ALL >&2; exit 3"));
        Assert.Equal(2, (await Assert.ThrowsAsync<Win32Exception>(() => launcher.Run("no-such-program", [], null, limit.Token))).NativeErrorCode); // ENOENT
        Assert.Equal(new ProcessResult(0, "", ""), await Sh("cat")); // its input is empty
        var many = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Sh($"sleep 0.0{i % 7}; echo {i}")));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}\n"), many.Select(m => m.Output));
    }

    /// <summary>Each line only once the one before was heard.</summary>
    [Fact]
    public async Task It_tells_what_a_program_says_while_it_runs()
    {
        var file = Path.GetTempFileName();
        try
        {
            var heard = "";
            var result = await launcher.Run("bash", ["-c", $"for i in 1 2 3; do echo $i; until [ -e {file}.$i ]; do sleep 0.01; done; done"], text =>
            {
                heard += text;
                File.WriteAllText($"{file}.{heard.Trim()[^1]}", "");
            }, limit.Token);
            Assert.Equal((new ProcessResult(0, "1\n2\n3\n", ""), result.Output), (result, heard));
        }
        finally { foreach (var one in Directory.EnumerateFiles(Path.GetTempPath(), Path.GetFileName(file) + "*")) File.Delete(one); }
    }

    [Fact]
    public async Task Who_gives_up_on_a_program_has_it_killed_with_its_children()
    {
        using var until = new CancellationTokenSource();
        var given = Sh($"sleep {mark} & sleep {mark}", until.Token);
        await Sleeps(2);
        await until.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        await Sleeps(0);
        Assert.Equal("on\n", (await Sh("echo on")).Output);
    }

    [Fact]
    public async Task What_it_started_ends_with_the_daemon()
    {
        var left = Sh($"sleep {mark} & sleep {mark}");
        await Sleeps(2);
        launcher.Dispose(); // its input ends, as when the daemon is killed
        await Sleeps(0);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
    }

    [Fact]
    public async Task When_it_is_killed_itself_another_takes_its_place()
    {
        var id = (await Sh("echo $PPID")).Output.Trim();
        var lost = Sh("sleep 5");
        using (var it = Process.GetProcessById(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)))
        {
            Assert.Contains(Launcher.Argument, await File.ReadAllTextAsync($"/proc/{id}/cmdline"), StringComparison.Ordinal);
            it.Kill();
        }
        Assert.Contains("was killed", (await Assert.ThrowsAsync<IOException>(() => lost)).Message, StringComparison.Ordinal);
        Assert.Equal("on\n", (await Sh("echo on")).Output);
    }

    [Fact]
    public async Task A_terminal_or_a_service_manager_that_ends_both_leaves_that_to_the_daemon()
    {
        var id = (await Sh("echo $PPID")).Output.Trim();
        Assert.Equal(0, (await Processes.Run("bash", ["-c", $"kill -TERM {id}; kill -INT {id}; kill -HUP {id}"], Soon)).ExitCode);
        await Task.Delay(200);
        Assert.Equal($"{id}\n", (await Sh("echo $PPID")).Output);
    }
}
