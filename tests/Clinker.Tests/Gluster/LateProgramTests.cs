using System.Runtime.Versioning;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>A qemu-img that was killed when its lease was lost, and all the same does what it was asked for, while the next attempt is at work.</summary>
[SupportedOSPlatform("linux")]
public sealed class LateProgramTests : IDisposable
{
    const int Mib = 1 << 20;

    readonly string root = Directory.CreateTempSubdirectory("clinker-late-").FullName;
    readonly Ids ids = new();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(root, recursive: true);

    /// <summary>Tells of each act on the storage before it is done.</summary>
    sealed class Acts : TimeProvider
    {
        public Action? Before { get; set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Before?.Invoke();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_left_wherever_it_comes(bool another)
    {
        for (var (at, reached) = (1, true); reached; at++) reached = await LateAt(at, another);
    }

    /// <param name="another">Whether further files of the volume are to be put together.</param>
    /// <returns>Whether there were so many acts.</returns>
    async Task<bool> LateAt(int at, bool another)
    {
        var pool = Path.Combine(root, $"{another} {at}");
        Directory.CreateDirectory(pool);
        var acts = new Acts();
        await using var driver = new DirectoryDriver("files", new() { Paths = [pool], CloneMode = CloneMode.Thin }, acts, NullLogger.Instance);
        var volume = NewVolume();
        volume = volume with { Format = (await driver.Create(volume, Operation())).Format };
        var (own, overlays, snapshots) = (Path.Combine(pool, $"volume-{volume.Id}"), new List<string>(), new List<Snapshot>());
        await Qemu("qemu-io", "-f", "raw", "-c", "write -P 1 0 1M", own);
        for (var i = 0; i < 4; i++)
        {
            var snapshot = NewSnapshot(volume);
            await driver.CreateSnapshot(volume, snapshot, Operation());
            snapshots.Add(snapshot);
            overlays.Add($"{own}.{snapshot.Id}");
            await Qemu("qemu-io", "-f", "qcow2", "-c", $"write -P {i + 2} {i + 1}M 1M", overlays[i]);
        }
        if (another) await driver.DeleteSnapshot(volume, snapshots[2], Operation(), quiet: false);

        // Cut once one file is in the other, before what lies above it is told so.
        var operation = ids.New();
        var held = 0;
        var cut = new Work(1, Token, () => File.ReadAllText(own + ".info").Contains("going", StringComparison.Ordinal) && ++held > 1
            ? throw new OperationCanceledException() : Task.CompletedTask, operation);
        await Assert.ThrowsAsync<OperationCanceledException>(() => driver.DeleteSnapshot(volume, snapshots[0], cut));
        var (above, lower) = another ? (overlays[3], overlays[1]) : (overlays[1], own);
        Assert.Equal(another ? overlays[2] : overlays[0], await Backing(above));
        var n = 0;
        acts.Before = () => { if (++n == at) Late().Wait(Token); };
        await driver.DeleteSnapshot(volume, snapshots[0], new Work(2, Token, Operation: operation));
        acts.Before = null;
        if (n < at)
        {
            await Late();
            foreach (var untidy in await driver.FindUntidy("files", [volume], Token)) await driver.Tidy(volume, untidy.Flattens, Operation());
        }
        Assert.Empty(await driver.FindUntidy("files", [volume], Token));

        Assert.Equal(own, await Backing(overlays[1]));
        string[] stay = another ? [overlays[1], overlays[3]] : overlays[1..].ToArray();
        Assert.Equal([.. stay.Append(own).Append(own + ".info").Order()], Directory.EnumerateFiles(pool).Where(f => !Path.GetFileName(f).StartsWith('.')).Order());
        var content = await driver.Read(volume, Operation());
        var bytes = new byte[5 * Mib];
        await content.Read(0, bytes);
        Assert.Equal([1, 2, 3, 4, 5], bytes.Where((_, i) => i % Mib == Mib / 2));
        await content.DisposeAsync();
        return n >= at;

        Task Late() => Qemu("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", Path.GetFileName(lower), "-F", lower == own ? "raw" : "qcow2", above);
    }

    /// <summary>Two files to be put together, 8 MiB of which are in the upper one.</summary>
    async Task<(Volume Volume, string Own, string Overlay)> Apart(DirectoryDriver driver)
    {
        var volume = NewVolume();
        volume = volume with { Format = (await driver.Create(volume, Operation())).Format };
        var own = Path.Combine(root, $"volume-{volume.Id}");
        await Qemu("qemu-io", "-f", "raw", "-c", "write -P 1 0 1M", own);
        var snapshot = NewSnapshot(volume);
        await driver.CreateSnapshot(volume, snapshot, Operation());
        await Qemu("qemu-io", "-f", "qcow2", "-c", "write -P 2 1M 8M", $"{own}.{snapshot.Id}");
        await driver.DeleteSnapshot(volume, snapshot, Operation(), quiet: false);
        return (volume, own, $"{own}.{snapshot.Id}");
    }

    async Task<byte[]> Read(DirectoryDriver driver, Volume volume)
    {
        await using var content = await driver.Read(volume, Operation());
        var bytes = new byte[10 * Mib];
        await content.Read(0, bytes);
        return [bytes[Mib / 2], bytes[3 * Mib], bytes[(9 * Mib) - 1], bytes[9 * Mib]];
    }

    Work Operation() => new(1, Token, Operation: ids.New());

    Volume NewVolume() => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Available, AvailabilityZone = "nova", Host = "h@files#files",
        CreatedAt = DateTime.UnixEpoch,
    };

    Snapshot NewSnapshot(Volume of) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = of.Id, SizeGb = 1, Status = SnapshotStatus.Available, CreatedAt = DateTime.UnixEpoch,
    };

    [Fact]
    public async Task One_file_is_put_into_another_no_faster_than_it_may_and_not_beyond_the_lease()
    {
        await using var slow = new DirectoryDriver("files", new() { Paths = [root], CloneMode = CloneMode.Thin, FlattenRate = Mib / 4 }, TimeProvider.System, NullLogger.Instance);
        var (volume, own, overlay) = await Apart(slow);
        using var lease = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var tidying = slow.Tidy(volume, flatten: false, new Work(1, lease.Token, Operation: ids.New()));
        for (var waited = 0; !await IsAtWork(volume) && !tidying.IsCompleted; waited++) Assert.True(waited < 600);
        await Task.Delay(2000, Token);
        Assert.False(tidying.IsCompleted); // 8 MiB take half a minute
        await lease.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tidying);
        for (var waited = 0; await IsAtWork(volume); waited++) Assert.True(waited < 100, "qemu-img goes on");
        Assert.True(File.Exists(overlay));
        Assert.Equal([1, 2, 2, 0], await Read(slow, volume));

        await using var fast = new DirectoryDriver("files", new() { Paths = [root], CloneMode = CloneMode.Thin }, TimeProvider.System, NullLogger.Instance);
        await fast.Tidy(volume, flatten: false, Operation());
        Assert.False(File.Exists(overlay));
        Assert.Equal([1, 2, 2, 0], await Read(fast, volume));
    }

    /// <summary>Whatever the rows say: what somebody writes to is not put away under him.</summary>
    [Fact]
    public async Task What_another_program_of_QEMU_has_open_is_left_as_it_is()
    {
        await using var driver = new DirectoryDriver("files", new() { Paths = [root], CloneMode = CloneMode.Thin }, TimeProvider.System, NullLogger.Instance);
        var (volume, own, overlay) = await Apart(driver);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var holder = Processes.Run("qemu-io", ["-f", "qcow2", "-c", "sleep 60000", overlay], TimeSpan.FromMinutes(2), token: over.Token);
        await Task.Delay(1000, Token);
        var fault = (await Assert.ThrowsAsync<FaultException>(() => driver.Tidy(volume, flatten: false, Operation()))).Fault;
        Assert.Contains("another program has the image open", Assert.IsType<Fault.BackendDown>(fault).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(overlay));
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => holder);
        Assert.Equal([1, 2, 2, 0], await Read(driver, volume));
        await driver.Tidy(volume, flatten: false, Operation());
        Assert.False(File.Exists(overlay));
        Assert.Equal([1, 2, 2, 0], await Read(driver, volume));
    }

    static async Task<bool> IsAtWork(Volume volume) =>
        (await Processes.Run("pgrep", ["-f", $"qemu-img commit.*{volume.Id}"], TimeSpan.FromSeconds(30), token: Token)).Output.Length > 0;

    static async Task<string?> Backing(string image)
    {
        var name = (string?)System.Text.Json.Nodes.JsonNode.Parse(await Qemu("qemu-img", "info", "--output=json", "-U", "-f", "qcow2", image))!["backing-filename"];
        return name is null ? null : Path.Combine(Path.GetDirectoryName(image)!, name);
    }

    static async Task<string> Qemu(string program, params string[] arguments)
    {
        var result = await Processes.Run(program, arguments, TimeSpan.FromMinutes(1), token: Token);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output;
    }
}
