using System.Runtime.CompilerServices;
using Clinker.Host;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>A real GlusterFS on an address of its own, by way of <c>test/gluster-node</c>; wiped at the end.</summary>
public sealed class Node : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    readonly string script, state, address;

    Node(string script, string state, string address) => (this.script, this.state, this.address) = (script, state, address);

    /// <summary>What lies under the fixture's state directory, for the test's own files.</summary>
    public string Root => state + "-test";

    public static async Task<Node> Up(string address, string? size = null)
    {
        Need();
        var node = new Node(Script(), $"/tmp/gluster-live-{address}", address);
        await node.Wipe();
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

    async Task<string> Do(string[] words, string? size)
    {
        var result = await Processes.Run("env",
            [$"STATE={state}", $"NODE={address}", $"SIZE={size}", script, .. words], Patience, CancellationToken.None);
        Assert.True(result.ExitCode == 0, $"gluster-node {string.Join(' ', words)}: {result.Error}");
        return result.Output.Trim();
    }

    public string Share(string volume = "vol1") => $"{address}:/{volume}";

    /// <summary>The brick's directory: what is on the share, without GlusterFS between.</summary>
    public Task<string> Brick(string volume = "vol1") => Do("brick", volume);

    public async ValueTask DisposeAsync() => await Wipe();

    async Task Wipe()
    {
        // Mounts of a test that died, newest first.
        foreach (var mount in (await File.ReadAllLinesAsync("/proc/self/mounts")).Select(l => l.Split(' ')[1]).Where(m => m.StartsWith(Root, StringComparison.Ordinal)).Reverse())
            await Processes.Run("umount", ["-l", mount], Patience);
        await Do("wipe");
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
    }

    static string Script([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../gluster-node"));
}
