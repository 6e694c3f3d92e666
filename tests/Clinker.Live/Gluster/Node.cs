using System.Runtime.CompilerServices;
using Clinker.Gluster;
using Clinker.Host;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>A real GlusterFS on an address of its own, by way of <c>gluster-node</c>; wiped at the end.</summary>
public sealed class Node : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    /// <summary>Behind it come the process and a number, so that several runs may go on beside each other.</summary>
    const string States = "gluster-live-";
    static int count;
    readonly string state;

    Node(int number)
    {
        var process = Environment.ProcessId;
        state = $"/tmp/{States}{process}-{number}";
        Address = $"127.{64 + ((process >> 8) & 127)}.{process & 255}.{number}";
    }

    /// <summary>The loopback address of its server.</summary>
    public string Address { get; }

    /// <summary>For the test's own files.</summary>
    public string Root => RootOf(state);

    public static async Task<Node> Up(string? size = null)
    {
        Need();
        foreach (var left in Directory.EnumerateDirectories("/tmp", States + "*").Where(d => !d.EndsWith("-test", StringComparison.Ordinal)))
            if (!Directory.Exists($"/proc/{Path.GetFileName(left)[States.Length..].Split('-')[0]}")) await Wipe(left);
        var node = new Node(Interlocked.Increment(ref count));
        Directory.CreateDirectory(node.Root);
        await node.Do(["up"], size);
        return node;
    }

    /// <summary>Fails in CI, skips elsewhere, where the machine can't run a GlusterFS.</summary>
    public static void Need()
    {
        string? missing = null;
        if (!Environment.IsPrivilegedProcess) missing = "these tests must run as root";
        else if (!File.Exists("/dev/fuse")) missing = "there is no /dev/fuse";
        else if (!new[] { "glusterd", "mount.glusterfs" }.All(p => new[] { "/usr/sbin", "/sbin" }.Any(d => File.Exists($"{d}/{p}"))))
            missing = "GlusterFS is not installed: apt-get install glusterfs-server glusterfs-client";
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.True(missing is null, missing);
        else Assert.SkipWhen(missing is not null, missing ?? "");
    }

    public Task<string> Do(params string[] words) => Do(words, null);

    Task<string> Do(string[] words, string? size) => Fixture([$"STATE={state}", $"NODE={Address}", $"SIZE={size}"], words);

    static async Task<string> Fixture(string[] environment, params string[] words)
    {
        var result = await Processes.Run("env", [.. environment, Script(), .. words], Patience);
        Assert.True(result.ExitCode == 0, $"gluster-node {string.Join(' ', words)}: {result.Error}");
        return result.Output.Trim();
    }

    public string Share(string volume = "vol1") => $"{Address}:/{volume}";

    /// <summary>The brick's directory: what is on the share, without GlusterFS between.</summary>
    public Task<string> Brick(string volume = "vol1") => Do("brick", volume);

    public async ValueTask DisposeAsync() => await Wipe(state);

    static async Task Wipe(string state)
    {
        await Unmount(RootOf(state));
        await Fixture([$"STATE={state}"], "wipe");
        if (Directory.Exists(RootOf(state))) Directory.Delete(RootOf(state), recursive: true);
    }

    /// <summary>Takes away all mounts below a directory, newest first, and ends their clients, whatever state they are in.</summary>
    public static async Task Unmount(string directory)
    {
        foreach (var line in (await File.ReadAllLinesAsync("/proc/self/mounts")).Reverse())
            if (line.Split(' ')[1] is var mount && mount.StartsWith(directory + "/", StringComparison.Ordinal))
            {
                foreach (var client in await Mounts.Clients(mount, "")) await Mounts.Kill(client);
                await Processes.Run("umount", ["-l", mount], Patience);
            }
    }

    static string RootOf(string state) => state + "-test";

    static string Script([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../gluster-node"));
}
