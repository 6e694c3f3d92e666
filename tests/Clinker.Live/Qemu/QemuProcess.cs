using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>QEMU does not do what it was asked for, or is gone.</summary>
sealed class QemuException(string message) : Exception(message);

/// <summary>
/// QEMU's block layer in a process of its own (<c>qemu-storage-daemon</c>), with one disk as libvirt gives it to a virtual machine: each file of the
/// chain a node that names the one under it, those under the topmost read-only, no cache of the host. Who writes to it comes by NBD.
/// </summary>
sealed class QemuProcess : IAsyncDisposable
{
    public const string Program = "/usr/bin/qemu-storage-daemon";
    const string Job = "job", Export = "export";
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly Process process;
    readonly string folder;
    readonly ConcurrentDictionary<long, TaskCompletionSource<JsonNode>> asked = new();
    readonly ConcurrentQueue<JsonNode> ended = new();
    readonly SemaphoreSlim turn = new(1, 1), jobEnded = new(0);
    readonly List<(string File, string Node)> chain = [];
    readonly StringBuilder errors = new();
    StreamWriter said = null!;
    Task hearing = Task.CompletedTask;
    string directory = "";
    long count;

    QemuProcess(Process process, string folder)
    {
        this.process = process;
        this.folder = folder;
    }

    /// <summary>The socket by which the disk is written to.</summary>
    public string Nbd => Path.Combine(folder, "nbd");

    /// <summary>The files that it has open, the topmost first.</summary>
    public IReadOnlyList<string> Files => [.. chain.Select(c => c.File)];

    /// <summary>How many bytes a second a job moves; 0: any.</summary>
    public long Speed { get; set; }

    /// <param name="folder">Of its own; short, since sockets are in it.</param>
    public static async Task<QemuProcess> Start(string folder)
    {
        Directory.CreateDirectory(folder);
        var start = new ProcessStartInfo(Program) { UseShellExecute = false, RedirectStandardError = true };
        foreach (var word in (string[])["--chardev", $"socket,path={folder}/qmp,server=on,wait=off,id=q", "--monitor", "chardev=q",
            "--nbd-server", $"addr.type=unix,addr.path={folder}/nbd,max-connections=0"]) start.ArgumentList.Add(word);
#pragma warning disable RS0030 // it lives longer than a tool, and is to be killed
        var process = Process.Start(start)!;
#pragma warning restore RS0030
        var qemu = new QemuProcess(process, folder);
        process.ErrorDataReceived += (_, e) => { lock (qemu.errors) qemu.errors.AppendLine(e.Data); };
        process.BeginErrorReadLine();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(5))
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{folder}/qmp"));
                break;
            }
            catch (SocketException) when (waited.Elapsed < Patience && !process.HasExited) { /* not yet */ }
        var stream = new NetworkStream(socket, ownsSocket: true);
        qemu.said = new(stream, new UTF8Encoding(false)) { AutoFlush = true };
        qemu.hearing = Background.Start(() => qemu.Hear(new(stream)));
        await qemu.Do("qmp_capabilities");
        return qemu;
    }

    async Task Hear(StreamReader from)
    {
        try
        {
            while (await from.ReadLineAsync() is { } line)
            {
                var one = JsonNode.Parse(line)!;
                if ((string?)one["event"] == "BLOCK_JOB_COMPLETED")
                {
                    ended.Enqueue(one["data"]!);
                    jobEnded.Release();
                }
                else if (one["id"] is { } id && asked.TryRemove((long)id, out var waits)) waits.TrySetResult(one);
            }
        }
        catch (IOException) { /* it is gone */ }
        foreach (var waits in asked.Values) waits.TrySetException(Gone());
        ended.Enqueue(new JsonObject { ["error"] = "QEMU is gone" });
        jobEnded.Release();
    }

    QemuException Gone() { lock (errors) return new($"QEMU is gone: {errors}"); }

    async Task<JsonNode?> Do(string command, object? arguments = null)
    {
        var id = Interlocked.Increment(ref count);
        var answer = asked[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var text = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null) text["arguments"] = arguments as JsonNode ?? System.Text.Json.JsonSerializer.SerializeToNode(arguments);
        try
        {
            lock (said) said.WriteLine(text.ToJsonString());
        }
        catch (IOException) { throw Gone(); }
        if (hearing.IsCompleted && hearing != Task.CompletedTask && command != "qmp_capabilities") answer.TrySetException(Gone());
        var said1 = await answer.Task.WaitAsync(Patience);
        return said1["error"] is { } error ? throw new QemuException($"{text.ToJsonString()}: {error["desc"]}") : said1["return"];
    }

    /// <summary>Opens a disk, as libvirt does: what the files say they stand on is what it believes.</summary>
    /// <param name="directory">Where its files are.</param>
    public async Task Open(string directory, string name, string format)
    {
        this.directory = directory;
        var told = await Processes.Run("qemu-img", ["info", "-U", "--backing-chain", "--output=json", "-f", format, Path.Combine(directory, name)], Patience);
        if (told.ExitCode != 0) throw new QemuException(told.Error);
        string? under = null;
        var files = JsonNode.Parse(told.Output)!.AsArray();
        for (var i = files.Count - 1; i >= 0; i--)
        {
            var file = Path.GetFileName((string)files[i]!["filename"]!);
            Assert.True(i == 0 || ((string?)files[i - 1]!["backing-filename"] == file && files[i - 1]!["backing-filename-format"] is not null),
                $"a host would not know for sure what is under it: {files[Math.Max(0, i - 1)]}");
            under = await Add(file, (string)files[i]!["format"]!, under, readOnly: i > 0);
            chain.Insert(0, (file, under));
        }
        await Offer();
    }

    async Task<string> Add(string file, string format, string? under, bool readOnly)
    {
        var node = $"n{++count}";
        await Do("blockdev-add", new JsonObject
        {
            ["driver"] = "file", ["node-name"] = "f" + node, ["filename"] = Path.Combine(directory, file), ["auto-read-only"] = true, ["discard"] = "unmap",
            ["cache"] = new JsonObject { ["direct"] = true, ["no-flush"] = false },
        });
        var image = new JsonObject { ["driver"] = format, ["node-name"] = node, ["file"] = "f" + node, ["read-only"] = readOnly, ["discard"] = "unmap" };
        if (format == "qcow2") image["backing"] = under;
        try { await Do("blockdev-add", image); }
        catch (QemuException)
        {
            await Do("blockdev-del", new JsonObject { ["node-name"] = "f" + node });
            throw;
        }
        return node;
    }

    async Task Drop(string node)
    {
        await Do("blockdev-del", new JsonObject { ["node-name"] = node });
        await Do("blockdev-del", new JsonObject { ["node-name"] = "f" + node });
    }

    Task<JsonNode?> Offer() => Do("block-export-add",
        new JsonObject { ["type"] = "nbd", ["id"] = Export, ["node-name"] = chain[0].Node, ["name"] = "disk", ["writable"] = true });

    /// <summary>Goes over to a file that is there: what is written from now on goes there.</summary>
    /// <exception cref="QemuException">It has not.</exception>
    public Task GoOver(string file) => InTurn(async () =>
    {
        var node = await Add(file, "qcow2", null, readOnly: false);
        try { await Do("blockdev-snapshot", new JsonObject { ["node"] = chain[0].Node, ["overlay"] = node }); }
        catch (QemuException) when (!process.HasExited)
        {
            await Drop(node);
            throw;
        }
        chain.Insert(0, (file, node));
        return true;
    });

    /// <summary>Begins to put one file into another under it, as libvirt's blockCommit without the flag for the active one.</summary>
    /// <returns>When it has ended: why not well, or null.</returns>
    /// <exception cref="QemuException">It is refused.</exception>
    public Task<Task<string?>> Commit(string top, string into) => InTurn(async () =>
    {
        var (from, to) = (Find(top), Find(into));
        if (top == chain[0].File) throw new QemuException($"{top} is active");
        await Do("block-commit", new JsonObject
        {
            ["job-id"] = Job, ["device"] = chain[0].Node, ["top-node"] = from, ["base-node"] = to, ["backing-file"] = into, ["speed"] = Speed,
        });
        return Ended(async () =>
        {
            chain.RemoveAll(c => c.File == top);
            await Drop(from);
        });
    });

    /// <summary>Begins to take up all that lies under the topmost file into that, as libvirt's blockRebase without a base.</summary>
    /// <inheritdoc cref="Commit"/>
    public Task<Task<string?>> Pull() => InTurn(async () =>
    {
        await Do("block-stream", new JsonObject { ["job-id"] = Job, ["device"] = chain[0].Node, ["speed"] = Speed });
        return Ended(async () =>
        {
            foreach (var (_, node) in chain[1..]) await Drop(node);
            chain.RemoveRange(1, chain.Count - 1);
        });
    });

    async Task<string?> Ended(Func<Task> well)
    {
        await jobEnded.WaitAsync();
        Assert.True(ended.TryDequeue(out var data));
        if (data["error"] is { } why) return (string)why!;
        await InTurn(async () =>
        {
            await well();
            return true;
        });
        return null;
    }

    /// <summary>Makes the disk larger. Nobody may have it meanwhile, and who comes again sees it: NBD says a size once.</summary>
    public Task Resize(long bytes) => InTurn(async () =>
    {
        await Do("block-export-del", new JsonObject { ["id"] = Export, ["mode"] = "hard" });
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(2))
            try
            {
                await Do("block_resize", new JsonObject { ["node-name"] = chain[0].Node, ["size"] = bytes });
                break;
            }
            catch (QemuException e) when (waited.Elapsed < TimeSpan.FromSeconds(5) && e.Message.Contains("unshared", StringComparison.Ordinal)) { /* the export is still going */ }
        await Offer();
        return true;
    });

    string Find(string file) => chain.Exists(c => c.File == file) ? chain.Find(c => c.File == file).Node : throw new QemuException($"{file} is not in the chain {string.Join(", ", Files)}");

    async Task<T> InTurn<T>(Func<Task<T>> act)
    {
        await turn.WaitAsync();
        try { return await act(); }
        finally { turn.Release(); }
    }

    /// <summary>SIGKILL.</summary>
    public async Task Kill()
    {
        process.Kill();
        await process.WaitForExitAsync();
        await hearing;
    }

    /// <summary>As a virtual machine is shut down: what is written is on the storage, and no file is open any more.</summary>
    public async Task Close()
    {
        await Do("quit");
        await process.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(process.ExitCode == 0, process.ExitCode.ToString(CultureInfo.InvariantCulture) + Gone().Message);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await Kill();
        await hearing;
        process.Dispose();
        turn.Dispose();
        jobEnded.Dispose();
        await said.DisposeAsync();
    }
}
