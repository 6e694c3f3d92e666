using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Live;

/// <summary>The published <c>clinkerd</c> as a process of its own: started, asked over HTTP, killed.</summary>
sealed class Daemon : IAsyncDisposable
{
    readonly string[] arguments;
    readonly string log;
    Process? process;

    /// <param name="folder">Where its log goes.</param>
    /// <param name="arguments">As on the command line; <c>--port</c> is added.</param>
    public Daemon(string folder, params string[] arguments)
        : this(folder, null, arguments)
    {
    }

    /// <param name="tls">By which it is asked, where it speaks TLS.</param>
    public Daemon(string folder, SocketsHttpHandler? tls, string[] arguments)
    {
        Port = FreePort();
        log = Path.Combine(folder, $"clinkerd-{Port}.log");
        this.arguments = [.. arguments, "--port", Port.ToString(System.Globalization.CultureInfo.InvariantCulture)];
        Http = new HttpClient(tls ?? new SocketsHttpHandler { MaxConnectionsPerServer = 64 })
        {
            BaseAddress = new Uri($"{(tls is null ? "http" : "https")}://127.0.0.1:{Port}/v3/admin/"),
            Timeout = TimeSpan.FromSeconds(60),
        };
        Http.DefaultRequestHeaders.Add("OpenStack-API-Version", "volume 3.70");
    }

    public int Port { get; }
    public HttpClient Http { get; }
    public string Log => File.Exists(log) ? File.ReadAllText(log) : "";

    /// <summary>What the daemon said last: it goes on saying things, so the log is read once.</summary>
    public string LogsEnd(int characters)
    {
        var all = Log;
        return all[^Math.Min(all.Length, characters)..];
    }

    /// <summary>Where <c>./dev publish</c> puts the executables.</summary>
    public static string Executable(string name)
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Clinker.slnx"))) root = Path.GetDirectoryName(root)!;
        var path = Path.Combine(root, "out", name);
        Assert.True(File.Exists(path), $"{path} is not there: ./dev publish makes it.");
        return path;
    }

    /// <summary>Starts it, and waits for nothing.</summary>
    public void Launch()
    {
        // The shell puts what it says behind what earlier starts said; exec leaves no process between.
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" \"$@\" >>\"$CLINKERD_LOG\" 2>&1");
        start.ArgumentList.Add(Executable("clinkerd"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["CLINKERD_LOG"] = log;
#pragma warning disable RS0030 // it lives longer than a tool, and is to be killed
        process = Process.Start(start)!;
#pragma warning restore RS0030
    }

    /// <summary>Starts it and waits for the first answer.</summary>
    public async Task Start()
    {
        Launch();
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(10))
        {
            Assert.False(process!.HasExited, $"clinkerd has ended:\n{Log}");
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30), $"clinkerd does not answer:\n{Log}");
            try
            {
                using var answer = await Http.GetAsync(new Uri("/healthcheck", UriKind.Relative));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) { /* not yet */ }
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task Kill()
    {
        process!.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as a service manager does; waits for the end.</summary>
    public async Task<int> Stop()
    {
        var end = await Host.Processes.Run("kill", ["-TERM", process!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)], TimeSpan.FromSeconds(5));
        Assert.Equal(0, end.ExitCode);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        return process.ExitCode;
    }

    /// <summary>Asks for a volume; its id, or null when the request was not accepted.</summary>
    public async Task<string?> Create(int sizeGb, string? name = null)
    {
        using var answer = await Http.PostAsJsonAsync(
            "volumes", new JsonObject { ["volume"] = new JsonObject { ["size"] = sizeGb, ["name"] = name } });
        if (answer.StatusCode != HttpStatusCode.Accepted) return null;
        return (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["volume"]!["id"];
    }

    public async Task<HttpStatusCode> Delete(string id)
    {
        using var answer = await Http.DeleteAsync(new Uri($"volumes/{id}", UriKind.Relative));
        return answer.StatusCode;
    }

    /// <summary>The volume, or null when there is none.</summary>
    public async Task<JsonObject?> Show(string id)
    {
        using var answer = await Http.GetAsync(new Uri($"volumes/{id}", UriKind.Relative));
        if (answer.StatusCode == HttpStatusCode.NotFound) return null;
        answer.EnsureSuccessStatusCode();
        return (JsonObject)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["volume"]!;
    }

    /// <summary>Waits until the volume is neither creating nor deleting; its status then, "gone" when it is.</summary>
    public async Task<string> Settled(string id, TimeSpan deadline)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(5))
        {
            var status = await Show(id) is { } volume ? (string)volume["status"]! : "gone";
            if (status is not ("creating" or "deleting")) return status;
            if (waited.Elapsed > deadline) Assert.Fail($"volume {id} is still {status}:\n{LogsEnd(4000)}");
        }
    }

    /// <summary>Asks for something that is to be accepted; the answer, empty where there is none.</summary>
    public async Task<JsonNode> Post(string path, string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await Http.PostAsync(new Uri(path, UriKind.Relative), content);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path} {body}: {answer.StatusCode} {text}\n{Log}");
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    /// <summary>Waits until something has a status; "gone": until it is not there.</summary>
    public async Task Becomes(string path, string status, TimeSpan deadline)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative));
            var now = answer.StatusCode == HttpStatusCode.NotFound ? "gone" : (string)(await answer.Content.ReadFromJsonAsync<JsonNode>())!.AsObject().Single().Value!["status"]!;
            if (now == status) return;
            Assert.True(waited.Elapsed < deadline && !now.StartsWith("error", StringComparison.Ordinal), $"{path} is {now}:\n{Log}");
        }
    }

    /// <summary>All volumes of the project, by id, with their status.</summary>
    public async Task<Dictionary<string, string>> Volumes()
    {
        var all = new Dictionary<string, string>();
        for (string? marker = null; ;)
        {
            var page = (await Http.GetFromJsonAsync<JsonObject>($"volumes/detail?limit=1000{(marker is null ? "" : $"&marker={marker}")}"))!;
            var volumes = (JsonArray)page["volumes"]!;
            foreach (var volume in volumes) all[(string)volume!["id"]!] = (string)volume["status"]!;
            if (volumes.Count < 1000) return all;
            marker = (string)volumes[^1]!["id"]!;
        }
    }

    /// <summary>A port of loopback that nobody has now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false }) await Kill();
        process?.Dispose();
        Http.Dispose();
    }
}
