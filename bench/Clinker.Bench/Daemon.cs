using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Clinker.Host;

namespace Clinker.Bench;

/// <summary>The published <c>clinkerd</c> as a process, and what the kernel says of it.</summary>
sealed class Daemon : IDisposable
{
    /// <summary>USER_HZ, in which proc(5) counts processor time: 100 on every Linux that .NET runs on.</summary>
    const double TicksPerSecond = 100;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly Process process;
    readonly string log;

    Daemon(Process process, string log, int port)
    {
        this.process = process;
        this.log = log;
        Port = port;
    }

    public int Port { get; }

    /// <summary>From before the process was made to the end of the first answer with status 200 of a list with one volume at most.</summary>
    public double FirstAnswerMs { get; private set; }

    /// <param name="token">What is shown to it; null for nothing.</param>
    public static Daemon Start(Site site, string? token = null, string project = "admin")
    {
        var port = FreePort();
        var log = Path.Combine(site.State, "clinkerd.log");
        // A shell puts its log into a file, and becomes it: about a millisecond.
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        string[] words = ["-c", "exec \"$0\" \"$@\" >>\"$CLINKERD_LOG\" 2>&1", Site.Executable("clinkerd"), .. site.Arguments,
            "--port", port.ToString(CultureInfo.InvariantCulture)];
        foreach (var word in words) start.ArgumentList.Add(word);
        start.Environment["CLINKERD_LOG"] = log;
        var first = new Requests(port, token, project).Get("/volumes?limit=1");
        var began = Stopwatch.GetTimestamp();
#pragma warning disable RS0030 // it lives longer than a tool
        var process = Process.Start(start)!;
#pragma warning restore RS0030
        var daemon = new Daemon(process, log, port);
        while (!daemon.Answers(first))
        {
            var why = process.HasExited ? "has ended" : Stopwatch.GetElapsedTime(began) > Patience ? "does not answer" : null;
            if (why is null) continue;
            daemon.Dispose();
            throw new InvalidDataException($"clinkerd {why}: {daemon.LastWords()}");
        }
        daemon.FirstAnswerMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        return daemon;
    }

    bool Answers(byte[] request)
    {
        try
        {
            using var client = new Client(Port);
            return client.Ask(request).Status == 200;
        }
        catch (SocketException)
        {
            // Nobody listens yet. Of a socket that nothing is sent to, the poll only waits; a millisecond is the least it can.
            using var idle = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            idle.Poll(1000, SelectMode.SelectRead);
            return false;
        }
    }

    /// <summary>Processor time of all its threads, user and system, in seconds.</summary>
    public double CpuSeconds()
    {
        var fields = File.ReadAllText($"/proc/{process.Id}/stat").Split(") ")[^1].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>VmRSS in MiB.</summary>
    public double ResidentMb()
    {
        var line = File.ReadLines($"/proc/{process.Id}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture) / 1024.0;
    }

    /// <summary>SIGTERM, as a service manager does.</summary>
    public async Task Stop()
    {
        if (process.HasExited) return;
        await Processes.Run("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)], TimeSpan.FromSeconds(5));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        await process.WaitForExitAsync(limit.Token);
        if (process.ExitCode != 0) throw new InvalidDataException($"clinkerd ended with {process.ExitCode}: {LastWords()}");
    }

    public string LastWords() => File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(20)) : "";

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }
        process.Dispose();
    }
}
