using System.Diagnostics;
using System.Text.RegularExpressions;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary><c>./run</c> as whoever has just cloned it uses it: in a folder of its own, with the published executables in it.</summary>
public sealed class RunScript(ITestOutputHelper output) : IDisposable
{
    const string Serving = "Ctrl-C ends it";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    readonly string folder = Copy();
    readonly int port = Daemon.FreePort();
    readonly List<Process> started = [];

    string State => Path.Combine(folder, "state");

    static string Copy()
    {
        var root = Path.GetDirectoryName(Path.GetDirectoryName(Daemon.Executable("clinkerd")))!;
        var folder = Directory.CreateTempSubdirectory("clinker-run-").FullName;
#pragma warning disable CA1416 // the tests run on Linux alone
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101); // not for its owner alone: a nobody runs it
#pragma warning restore CA1416
        foreach (var file in (string[])["run", "dev", "tests/gluster-node", "out/clinkerd", "out/clinker"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, file))!);
            File.Copy(Path.Combine(root, file), Path.Combine(folder, file));
        }
        return folder;
    }

    [Fact]
    public async Task On_GlusterFS_it_serves_until_Ctrl_C_and_finds_its_data_again()
    {
        await using var bystander = await Site.Up();
        var missing = File.Exists("/usr/bin/cinder") && File.Exists("/usr/bin/openstack") ? null
            : "python3-cinderclient and python3-openstackclient are not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        string[] arguments = ["--no-build", "--state", State, "--port", $"{port}", "--node", Site.FreeAddress()];

        var first = Start(arguments);
        await Says(first, Serving);
        Assert.DoesNotContain(" INFO ", first.Text, StringComparison.Ordinal); // the daemon's log is not between the client's lines
        Assert.Contains("serves at", await File.ReadAllTextAsync(LogNamedIn(first.Text)), StringComparison.Ordinal);
        Assert.Matches("-rw-rw-rw- .* 10G .* volume-", first.Text);
        await Paste(first.Text);

        // Whoever comes second is told what is in the way, and disturbs nothing.
        var second = Start(arguments);
        Assert.Equal(1, await Ends(second));
        Assert.Contains("Another ./run is running", second.Text, StringComparison.Ordinal);
        var third = Start(["--no-build", "--state", State + "3", "--port", $"{port}", "--node", Site.FreeAddress()]);
        Assert.Equal(1, await Ends(third));
        Assert.Contains($"Port {port} of 127.0.0.1 is taken", third.Text, StringComparison.Ordinal);
        await Paste(first.Text);

        await Interrupt(first);
        Assert.Equal(130, await Ends(first));
        await NothingIsLeft();
        await bystander.Gluster("status"); // fails unless all of it runs

        var again = Start([.. arguments, "--once"]);
        Assert.Equal(0, await Ends(again));
        Assert.DoesNotContain("volume create", again.Text, StringComparison.Ordinal);
        Assert.Equal(FileIn(first.Text), FileIn(again.Text));
        await NothingIsLeft();
    }

    [Fact]
    public async Task Embedded_it_needs_no_root_and_keeps_the_log_to_itself()
    {
        Directory.CreateDirectory(State);
        if (Environment.IsPrivilegedProcess) await Processes.Run("chown", ["65534:65534", State], Patience);
        string[] arguments = ["--no-build", "--embedded", "--state", State, "--port", $"{port}"];

        var first = Start(arguments, asNobody: true);
        await Says(first, Serving);
        Assert.DoesNotContain(" INFO ", first.Text, StringComparison.Ordinal);
        Assert.Contains("serves at", await File.ReadAllTextAsync(LogNamedIn(first.Text)), StringComparison.Ordinal);
        await Interrupt(first);
        Assert.Equal(130, await Ends(first));
        await NothingIsLeft();

        var again = Start([.. arguments, "--once"], asNobody: true);
        Assert.Equal(0, await Ends(again));
        Assert.DoesNotContain("volume create", again.Text, StringComparison.Ordinal);
        Assert.Equal(FileIn(first.Text), FileIn(again.Text));
        await NothingIsLeft();

        // A daemon that can't serve says why in its log: the end of that is shown.
        await File.WriteAllTextAsync(Path.Combine(State, "embedded", "clinker.sqlite"), new string('#', 5000));
        var broken = Start(arguments, asNobody: true);
        Assert.Equal(1, await Ends(broken));
        Assert.Contains("clinker.sqlite can't be opened", broken.Text, StringComparison.Ordinal);
        await NothingIsLeft();
    }

    sealed record Script(Process Process, string Output)
    {
        public string Text => File.Exists(Output) ? File.ReadAllText(Output) : "";
    }

    /// <summary>In a process group of its own, as a shell starts what is typed.</summary>
    Script Start(string[] arguments, bool asNobody = false)
    {
        var said = Path.Combine(folder, $"said-{started.Count}");
        // SIGINT is ignored by what was started with & from a script, and so may be by us: a terminal's shell does not ignore it.
        var start = new ProcessStartInfo("env") { UseShellExecute = false };
        string[] words =
        [
            "--default-signal=INT", $"SAID={said}", "setsid", "sh", "-c", "exec \"$@\" >\"$SAID\" 2>&1", "sh",
            .. asNobody && Environment.IsPrivilegedProcess ? (string[])["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [],
            Path.Combine(folder, "run"), .. arguments,
        ];
        foreach (var word in words) start.ArgumentList.Add(word);
#pragma warning disable RS0030 // it lives longer than a tool, and is to be interrupted
        started.Add(Process.Start(start)!);
#pragma warning restore RS0030
        return new(started[^1], said);
    }

    static async Task Says(Script script, string words)
    {
        for (var waited = Stopwatch.StartNew(); !script.Text.Contains(words, StringComparison.Ordinal); await Task.Delay(50))
        {
            Assert.False(script.Process.HasExited, $"./run has ended:\n{script.Text}");
            Assert.True(waited.Elapsed < Patience, $"./run does not say '{words}':\n{script.Text}");
        }
    }

    async Task<int> Ends(Script script)
    {
        await script.Process.WaitForExitAsync().WaitAsync(Patience);
        output.WriteLine(script.Text);
        return script.Process.ExitCode;
    }

    /// <summary>Ctrl-C: SIGINT to the whole process group.</summary>
    static Task Interrupt(Script script) => Processes.Run("kill", ["-INT", "--", $"-{script.Process.Id}"], Patience);

    /// <summary>Runs the lines that it prints for another terminal, one after the other as they are.</summary>
    async Task Paste(string said)
    {
        var lines = said[said.IndexOf("from another terminal", StringComparison.Ordinal)..].Split('\n').Where(l => l.StartsWith("  ", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, lines.Count);
        var result = await Processes.Run("bash", ["-exc", string.Join('\n', lines)], Patience);
        output.WriteLine(result.Error + result.Output);
        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        Assert.Equal(3, Regex.Count(result.Output, "myvol.*available|available.*myvol")); // clinker, cinder and openstack
    }

    static string LogNamedIn(string said) => Regex.Match(said, "it logs to (\\S+\\.log)").Groups[1].Value;

    static string FileIn(string said) => Regex.Match(said, "volume-[0-9a-f-]{36}").Value;

    /// <summary>No process and no mount that has to do with the folder.</summary>
    async Task NothingIsLeft()
    {
        Assert.DoesNotContain(folder, await File.ReadAllTextAsync("/proc/self/mountinfo"), StringComparison.Ordinal);
        var left = await Processes.Run("pgrep", ["-af", Regex.Escape(folder)], Patience);
        Assert.Equal("", left.Output);
    }

    public void Dispose()
    {
        foreach (var process in started)
        {
            if (!process.HasExited) Interrupted(process);
            process.Dispose();
        }
        Directory.Delete(folder, recursive: true);

        static void Interrupted(Process process)
        {
            Interrupt(new(process, "")).GetAwaiter().GetResult();
            if (!process.WaitForExit(Patience)) process.Kill(entireProcessTree: true);
        }
    }
}
