using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Clinker.Host;
using Xunit;

namespace Clinker.Conformance;

/// <summary>The published <c>clinkerd</c> on loopback, with a state of its own that ends with it.</summary>
public class Clinkerd : IAsyncLifetime
{
    Process? process;

    /// <summary>A folder for this daemon alone.</summary>
    public string State { get; } = Directory.CreateTempSubdirectory("clinker-conformance-").FullName;

    public int Port { get; } = FreePort();

    public string Database => Path.Combine(State, "clinker.sqlite");

    internal virtual Wire Wire => new(Port);

    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    string LogFile => Path.Combine(State, "clinkerd.log");

    /// <summary>The directory of the repository.</summary>
    public static string Root { get; } = FindRoot();

    public virtual async ValueTask InitializeAsync()
    {
        var executable = Path.Combine(Root, "out", "clinkerd");
        Assert.True(File.Exists(executable), $"{executable} is not there: ./dev publish makes it.");
        // The shell puts what it says into a file; exec leaves no process between.
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        foreach (var argument in (string[])["-c", "exec \"$0\" \"$@\" >\"$CLINKERD_LOG\" 2>&1", executable, .. Configuration(),
            "--port", Port.ToString(CultureInfo.InvariantCulture)]) start.ArgumentList.Add(argument);
        start.Environment["CLINKERD_LOG"] = LogFile;
#pragma warning disable RS0030 // it lives longer than a tool, and is to be ended
        process = Process.Start(start)!;
#pragma warning restore RS0030
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(10))
        {
            Assert.False(process.HasExited, $"clinkerd has ended:\n{Log}");
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"clinkerd does not answer:\n{Log}");
            try
            {
                if ((await Wire.Get("/healthcheck")).Status != 200) continue;
                if ((await Wire.Get("/v3/admin/scheduler-stats/get_pools")).Json["pools"]!.AsArray().Count > 0) return;
            }
            catch (SocketException) { /* not yet */ }
        }
    }

    /// <summary>Where the daemon has its options from, as arguments.</summary>
    protected virtual string[] Configuration() => ["--embedded", "--state", State];

    /// <summary>Resident memory, in bytes.</summary>
    public long Resident()
    {
        var line = File.ReadLines($"/proc/{process!.Id}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Makes a volume and waits until it is settled; its id.</summary>
    internal async Task<string> Volume(string members, string project = "admin", string expected = "available")
    {
        var made = await Wire.Send("POST", $"/v3/{project}/volumes", $$"""{"volume": { {{members}} } }""", "3.70");
        Assert.True(made.Status == 202, made.Text);
        var id = (string)made.Json["volume"]!["id"]!;
        Assert.Equal(expected, await Settled(id, project));
        return id;
    }

    /// <summary>Takes a snapshot and waits until it is settled; its id.</summary>
    internal async Task<string> Snapshot(string members)
    {
        var made = await Wire.Send("POST", "/v3/admin/snapshots", $$"""{"snapshot": { {{members}} } }""");
        Assert.True(made.Status == 202, made.Text);
        var id = (string)made.Json["snapshot"]!["id"]!;
        Assert.Equal("available", await Settled(id, kind: "snapshot"));
        return id;
    }

    /// <summary>The status of a volume (or of what else has one) once nothing is under way; "gone" when it is.</summary>
    internal async Task<string> Settled(string id, string project = "admin", string kind = "volume")
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(5))
        {
            var answer = await Wire.Get($"/v3/{project}/{kind}s/{id}");
            var status = answer.Status == 404 ? "gone" : (string)answer.Json[kind]!["status"]!;
            if (status is not ("creating" or "deleting")) return status;
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"{kind} {id} is still {status}:\n{Log}");
        }
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (process is { HasExited: false })
        {
            await Processes.Run("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)], TimeSpan.FromSeconds(5));
            try { await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30)); }
            catch (TimeoutException) { process.Kill(); }
        }
        process?.Dispose();
        Directory.Delete(State, recursive: true);
    }

    protected static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    static string FindRoot()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Clinker.slnx"))) root = Path.GetDirectoryName(root)!;
        return root;
    }
}
