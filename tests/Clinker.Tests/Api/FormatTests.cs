using System.Runtime.Versioning;
using System.Text;
using Clinker.Gluster;
using Clinker.Services;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What a volume's file is, raw or qcow2, is the backend's choice, and the type's before that.</summary>
[SupportedOSPlatform("linux")]
public sealed class FormatTests : IAsyncDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-format-").FullName;
    readonly DirectoryDriver driver;
    RunningApi api = null!;

    public FormatTests() =>
        driver = new("b1", new() { Paths = [root], CloneMode = CloneMode.Thin }, TimeProvider.System, NullLogger.Instance);

    public async ValueTask DisposeAsync()
    {
        if (api is not null) await api.DisposeAsync();
        await driver.DisposeAsync();
        Directory.Delete(root, recursive: true);
    }

    async Task Start()
    {
        api = await RunningApi.Start();
        var report = await driver.Report(CancellationToken.None);
        await api.Db.Commit(async tx =>
        {
            await tx.Services.Beat("s", "h1@b1", ServiceTable.VolumeBinary, "nova", null);
            await tx.Pools.Report("h1@b1", "nova", report);
        });
        api.Work(all: true, backend: driver);
        foreach (var format in (string[])["raw", "qcow2"])
            Assert.Equal(200, (await api.Post("types", TypeWith(format, $"\"clinker:format\": \"{format}\""))).Status);
        Assert.Equal(200, (await api.Post("types", TypeWith("any", ""))).Status);
    }

    [Fact]
    public async Task New_volumes_are_what_their_type_says_and_what_is_raw_is_whole()
    {
        await Start();
        var source = await Made("");
        await using (var file = File.OpenWrite(Path.Combine(root, $"volume-{source}"))) file.Write("content"u8);
        var taken = await api.Snapshot(source);
        Assert.Equal("available", await api.Settled($"snapshots/{taken}"));
        Assert.Equal("qcow2", FileOf(await Made(Of("qcow2"))));
        foreach (var of in (string[])[$", \"source_volid\": \"{source}\"", $", \"snapshot_id\": \"{taken}\""])
        {
            var raw = await Made(of + Of("raw"));
            Assert.Equal("raw", FileOf(raw));
            Assert.Equal("content", await Head(raw));
            var thin = await Made(of + Of("qcow2")); // qcow2 it is as it stands on what it is made of
            Assert.Contains($"volume-{thin}.", string.Join(' ', Directory.EnumerateFiles(root)), StringComparison.Ordinal);
            Assert.Equal("content", await Head(thin));
        }
    }

    [Fact]
    public async Task A_retype_makes_it_another_file_in_its_pool_and_clones_of_it_go_on()
    {
        await Start();
        var id = await Made("");
        await using (var file = File.OpenWrite(Path.Combine(root, $"volume-{id}"))) file.Write("content"u8);
        var clone = await Made($", \"source_volid\": \"{id}\"");
        foreach (var (type, format) in ((string, string)[])[("qcow2", "qcow2"), ("any", "qcow2"), ("raw", "raw")])
        {
            var before = (await Row(id)).FileId;
            Assert.Equal((202, ""), await Retype(id, type));
            Assert.Equal("available", await api.Settled($"volumes/{id}"));
            var row = await Row(id);
            Assert.Equal((type, format, type == "any"), ((await api.Db.Read(tx => tx.Types.Find(row.VolumeTypeId!)))!.Name, row.Format, row.FileId == before));
            Assert.Equal(format, FileOf(row.FileId));
            Assert.Equal("content", await Head(id));
        }
        Assert.Equal("content", await Head(clone));
        foreach (var volume in (string[])[id, clone])
        {
            await api.Delete($"volumes/{volume}");
            Assert.Equal("gone", await api.Settled($"volumes/{volume}"));
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
        Assert.Empty(await api.Db.Read(tx => tx.Pools.Recount()));
    }

    [Fact]
    public async Task What_can_not_become_another_file_is_refused_and_stays()
    {
        await Start();
        var id = await Made("");
        await api.Db.Commit(tx => tx.Volumes.Reset(id, "in-use", null, null));
        Assert.Equal((400, $"Invalid volume: Volume {id} can't become the qcow2 file that type qcow2 asks for, since it is in use: detach it first."),
            await Retype(id, "qcow2"));
        Assert.Equal(202, (await Retype(id, "raw")).Status); // that it is already
        Assert.Equal("available", await api.Settled($"volumes/{id}")); // no server has it, whatever an admin said
        Assert.Equal("raw", (await api.Db.Read(async tx => (await tx.Types.Find((await tx.Volumes.Get(id)).VolumeTypeId!))!)).Name);
        var taken = await api.Snapshot(id);
        Assert.Equal("available", await api.Settled($"snapshots/{taken}"));
        Assert.Equal((400, $"Invalid volume: Volume {id} can't become the qcow2 file that type qcow2 asks for, since it has snapshots: delete those first."),
            await Retype(id, "qcow2"));
        Assert.Equal("available", (await Row(id)).Status);
    }

    [Theory]
    [InlineData("clinker:format", "vmdk", "clinker:format must be raw or qcow2, not 'vmdk'.")]
    [InlineData("clinker:clone_mode", "fast", "clinker:clone_mode must be full or thin, not 'fast'.")]
    public async Task Rubbish_in_a_type_is_refused(string spec, string value, string why)
    {
        await Start();
        var refused = await api.Post("types", TypeWith("t", $"\"{spec}\": \"{value}\""));
        Assert.Equal((400, why), (refused.Status, refused.Message));
        var any = (await api.Db.Read(tx => tx.Types.FindByName("any")))!.Id;
        refused = await api.Post($"types/{any}/extra_specs", $$"""{"extra_specs": {"{{spec}}": "{{value}}"} }""");
        Assert.Equal((400, why), (refused.Status, refused.Message));
        Assert.Empty((await api.Db.Read(tx => tx.Types.Find(any)))!.ExtraSpecs);
    }

    static string TypeWith(string name, string specs) => $$"""{"volume_type": {"name": "{{name}}", "extra_specs": { {{specs}} } } }""";

    static string Of(string type) => $", \"volume_type\": \"{type}\"";

    async Task<string> Made(string more)
    {
        var id = await api.Volume(more: more);
        Assert.Equal("available", await api.Settled($"volumes/{id}"));
        return id;
    }

    Task<Volumes.Volume> Row(string id) => api.Db.Read(tx => tx.Volumes.Get(id));

    async Task<(int Status, string Said)> Retype(string id, string type)
    {
        var answer = await api.Post($"volumes/{id}/action", $$"""{"os-retype": {"new_type": "{{type}}"} }""");
        return (answer.Status, answer.Status < 300 ? answer.Text : answer.Message);
    }

    /// <summary>The format of a volume's one file.</summary>
    string FileOf(string fileId)
    {
        var head = new byte[4];
        using var file = File.OpenRead(Assert.Single(Directory.EnumerateFiles(root, $"volume-{fileId}*")));
        file.ReadExactly(head);
        return head is [0x51, 0x46, 0x49, 0xfb] ? "qcow2" : "raw";
    }

    async Task<string> Head(string id)
    {
        await using var content = await driver.Read(await Row(id), new(1, TestContext.Current.CancellationToken));
        var head = new byte[7];
        await content.Read(0, head);
        return Encoding.UTF8.GetString(head);
    }
}
