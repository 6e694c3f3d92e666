using System.Runtime.Versioning;
using Clinker.Gluster;
using Clinker.Services;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Whether what is made of a volume stands on it is the backend's choice, and the type's before that.</summary>
[SupportedOSPlatform("linux")]
public sealed class CloneModeTests : IAsyncDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-clone-").FullName;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(root, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Of_a_type_with_full_clones_a_clone_is_whole_by_itself()
    {
        await using var driver = new DirectoryDriver("b1", new() { Paths = [root], CloneMode = CloneMode.Thin }, TimeProvider.System, NullLogger.Instance);
        await using var api = await RunningApi.Start();
        var report = await driver.Report(CancellationToken.None);
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s", "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report("h1@b1", "nova", report);
        });
        api.Work(all: true, backend: driver);
        var type = (await api.Post("types", """{"volume_type": {"name": "apart", "extra_specs": {"clinker:clone_mode": "full"}} }"""))
            .Json.GetProperty("volume_type").GetProperty("id").GetString()!;
        var source = await Made("");
        var path = Path.Combine(root, $"volume-{source}");
        await using (var file = File.OpenWrite(path)) file.Write("content"u8);
        var taken = await api.Snapshot(source);
        Assert.Equal("available", await api.Settled($"snapshots/{taken}"));

        foreach (var of in (string[])[$", \"source_volid\": \"{source}\"", $", \"snapshot_id\": \"{taken}\""])
        {
            var thin = await Made(of);
            Assert.Contains($"volume-{thin}.", string.Join(' ', Directory.EnumerateFiles(root)), StringComparison.Ordinal);
            var full = await Made(of + $", \"volume_type\": \"{type}\"");
            Assert.DoesNotContain(Directory.EnumerateFiles(root), f => f.Contains($"volume-{full}.", StringComparison.Ordinal) && !f.EndsWith(".info", StringComparison.Ordinal));
            await using var content = await driver.Read(await api.Db.Read(tx => tx.Volumes.Get(full)), new(1, TestContext.Current.CancellationToken));
            var head = new byte[7];
            await content.Read(0, head);
            Assert.Equal("content"u8.ToArray(), head);
            foreach (var id in (string[])[thin, full]) await Delete($"volumes/{id}");
        }
        await Delete($"snapshots/{taken}");
        await Delete($"volumes/{source}");
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));

        async Task<string> Made(string more)
        {
            var id = await api.Volume(more: more);
            Assert.Equal("available", await api.Settled($"volumes/{id}"));
            return id;
        }

        async Task Delete(string what)
        {
            await api.Delete(what);
            Assert.Equal("gone", await api.Settled(what));
        }
    }
}
