using System.Runtime.Versioning;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Gluster.Native;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Clinker.Tests.Gluster;

[SupportedOSPlatform("linux")]
public sealed class DirectoryDriverTests : IAsyncDisposable
{
    const string Id = "4b51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7";
    const string Other = "0a0b0c0d-1111-2222-3333-444455556666";
    readonly string root = Directory.CreateTempSubdirectory("clinker-directory-").FullName;
    readonly DirectoryDriver driver;

    public DirectoryDriverTests() => driver = New(new() { Paths = [Path.Combine(root, "pool")] });

    static DirectoryDriver New(DirectoryOptions options) => new("dir", options, TimeProvider.System, NullLogger.Instance);

    static CancellationToken Token => TestContext.Current.CancellationToken;
    static Work Work => new(1, Token);

    static readonly Volume One = new()
    {
        Id = Id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Creating, AvailabilityZone = "nova", Host = "h@dir#dir",
        CreatedAt = DateTime.UnixEpoch,
    };

    string File(string suffix = "") => Path.Combine(root, "pool", $"volume-{Id}{suffix}");

    public async ValueTask DisposeAsync()
    {
        await driver.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task One_path_is_a_pool_called_as_the_backend_and_is_made_at_the_start()
    {
        var report = await driver.Report(Token);
        Assert.Equal(("dir", "file"), (report.VolumeBackendName, report.StorageProtocol));
        Assert.Equal("dir", Assert.Single(report.Pools).Name);
        Assert.True(Directory.Exists(Path.Combine(root, "pool")));
    }

    [Fact]
    public async Task A_file_is_sparse_and_for_all_unless_told_otherwise()
    {
        await driver.Create(One, Work);
        Assert.Equal((UnixFileMode)0x1b6, System.IO.File.GetUnixFileMode(File()));
        await using var secure = New(new() { Paths = [Path.Combine(root, "pool")], SecureFilePermissions = true });
        await secure.Delete(One, Work);
        await secure.Create(One, Work);
        Assert.Equal((UnixFileMode)0x1b0, System.IO.File.GetUnixFileMode(File()));
    }

    [Fact]
    public async Task Delete_takes_the_note_of_the_chain_along()
    {
        await driver.Create(One, Work);
        await System.IO.File.WriteAllTextAsync(File(".info"), "{}", Token);
        await driver.Delete(One, Work);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root, "pool")));
    }

    [Fact]
    public async Task A_leftover_that_is_the_published_file_under_another_name_is_never_emptied()
    {
        await driver.Create(One, Work);
        await System.IO.File.WriteAllTextAsync(File("-data"), "", Token);
        using (var file = System.IO.File.OpenHandle(File(), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            RandomAccess.Write(file, "data"u8, 0);
        Link(File(), File(".g1")); // as a crash between link and unlink leaves it
        await driver.Create(One, Work);
        await driver.Create(One, new(2, Token));
        Assert.False(System.IO.File.Exists(File(".g1")));
        var first = new byte[4];
        using (var file = System.IO.File.OpenHandle(File())) RandomAccess.Read(file, first, 0);
        Assert.Equal("data"u8.ToArray(), first);
        System.IO.File.Delete(File());
        Link(File("-data"), File(".g1"));
        await driver.Create(One, Work);
        Assert.Equal(0, new FileInfo(File("-data")).Length);
        Assert.Equal(1L << 30, new FileInfo(File()).Length);
    }

    static void Link(string from, string to)
    {
        using var dir = Libc.Open(Path.GetDirectoryName(from)!, Libc.O_PATH);
        Libc.Link(dir, Path.GetFileName(from), Path.GetFileName(to));
    }

    [Fact]
    public async Task What_lies_in_the_volumes_place_is_left_alone_and_named()
    {
        await driver.Report(Token);
        foreach (var make in new Action<string>[]
        {
            p => System.IO.File.WriteAllText(p, "precious"), p => Directory.CreateDirectory(p), p => System.IO.File.CreateSymbolicLink(p, "/etc/passwd"),
        })
        {
            make(File());
            var e = await Assert.ThrowsAsync<FaultException>(() => driver.Create(One, Work));
            Assert.IsType<Fault.DriverFailed>(e.Fault);
            Assert.True(e.NothingDone); // so that no undo takes away what is not ours
            Assert.Contains($"volume-{Id}", e.Message, StringComparison.Ordinal);
            Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(root, "pool")));
            if (Directory.Exists(File())) Directory.Delete(File()); else System.IO.File.Delete(File());
        }
    }

    [Fact]
    public async Task Another_directory_in_the_place_of_the_first_is_no_pool()
    {
        await driver.Create(One, Work);
        Directory.Move(Path.Combine(root, "pool"), Path.Combine(root, "away"));
        foreach (var there in new[] { false, true })
        {
            if (there) Directory.CreateDirectory(Path.Combine(root, "pool"));
            Assert.NotNull(Assert.Single((await driver.Report(Token)).Pools).Down);
            foreach (var act in new Func<Task>[] { () => driver.Create(One, Work), () => driver.Delete(One, Work), () => driver.List("dir", Token) })
                Assert.True((await Assert.ThrowsAsync<FaultException>(act)).Fault.Transient);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root, "pool")));
        Directory.Delete(Path.Combine(root, "pool"));
        Directory.Move(Path.Combine(root, "away"), Path.Combine(root, "pool"));
        Assert.Null(Assert.Single((await driver.Report(Token)).Pools).Down);
        await driver.Delete(One, Work);
    }

    [Fact]
    public async Task A_path_that_can_not_be_made_is_a_pool_that_is_down()
    {
        await using var bad = New(new() { Paths = ["/proc/nothing/here"] });
        Assert.Contains("/proc/nothing/here", Assert.Single((await bad.Report(Token)).Pools).Down, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_must_be_there_and_absolute()
    {
        foreach (var paths in new string[][] { [], ["relative"], [""] })
            Assert.IsType<Fault.Misconfigured>(Assert.Throws<FaultException>(() => New(new() { Paths = paths })).Fault);
    }

    [Fact]
    public async Task Without_qemu_img_a_qcow2_volume_is_a_fault_that_says_what_to_install()
    {
        await using var image = New(new() { Paths = [Path.Combine(root, "pool")], Format = VolumeFormat.Qcow2, QemuImg = "/nowhere/qemu-img" });
        var e = await Assert.ThrowsAsync<FaultException>(() => image.Create(One, Work));
        Assert.Contains("qemu-utils", e.Message, StringComparison.Ordinal);
        Assert.Empty((await image.List("dir", Token)).Litter);
    }

    /// <summary>An image may be crafted so that a program uses as much memory as there is.</summary>
    [Fact]
    public async Task Qemu_img_runs_under_a_limit_of_memory()
    {
        var limited = Path.Combine(root, "qemu-img");
        await System.IO.File.WriteAllTextAsync(limited, "#!/bin/bash\n[ $(ulimit -v) -le 1048576 ] && exec qemu-img \"$@\"\n", Token);
        System.IO.File.SetUnixFileMode(limited, (UnixFileMode)0x1c0 /* 0700 */);
        await using var image = New(new() { Paths = [Path.Combine(root, "pool")], Format = VolumeFormat.Qcow2, QemuImg = limited });
        Assert.Equal("qcow2", (await image.Create(One, Work)).Format);
    }

    [Fact]
    public async Task A_late_worker_does_not_replace_what_another_has_published_and_somebody_uses()
    {
        await driver.Create(One with { Id = Other }, Work);
        var layout = new Layout("volume-%s");
        var spec = new VolumeSpec(Id, 1L << 30, VolumeFormat.Raw, Provisioning.Thin, 0x1b6, 1);
        var place = new There(Path.Combine(root, "pool"));
        using var dir = place.Open();
        using var late = VolumeFiles.Begin(dir, layout, spec);
        Libc.Truncate(late, spec.Bytes);
        System.IO.File.Move(Path.Combine(root, "pool", $"volume-{Other}"), File());
        using (var used = System.IO.File.OpenHandle(File(), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) RandomAccess.Write(used, "data"u8, 0);
        VolumeFiles.Publish(place, dir, late, layout, spec, Token);
        var first = new byte[4];
        using (var used = System.IO.File.OpenHandle(File())) RandomAccess.Read(used, first, 0);
        Assert.Equal("data"u8.ToArray(), first);
        Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(root, "pool")));
        Assert.Throws<OperationCanceledException>(() =>
        {
            using var another = VolumeFiles.Begin(dir, layout, spec with { Id = Other });
            VolumeFiles.Publish(place, dir, another, layout, spec with { Id = Other }, new CancellationToken(true));
        });
        Assert.False(System.IO.File.Exists(Path.Combine(root, "pool", $"volume-{Other}")));
    }

    sealed class There(string path) : Place("there")
    {
        public override string? Location => null;
        public override Lane Lane => throw new NotSupportedException();
        public override SafeFileHandle Open() => Libc.Open(path, Libc.O_PATH);
        public override void Prove(SafeFileHandle dir) { }
        public override Task Repair(CancellationToken token) => Task.CompletedTask;
    }
}
