using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Outside;

/// <summary>Glance, its faults and what it may say that is none of its business.</summary>
public sealed class GlanceTests : IAsyncDisposable
{
    static readonly CancellationToken Go = CancellationToken.None;

    readonly FakeGlance fake = new();
    readonly Glance glance;
    readonly ImageConversion conversion = new(new("/nowhere", Disabled: true, TimeSpan.FromSeconds(60), 1L << 30));
    readonly byte[] data = RandomNumberGenerator.GetBytes(300_000);
    string? ownToken;

    public GlanceTests() => glance = Client(fake.Url);

    Glance Client(params Uri[] servers) => new(new(servers, Retries: 1, TimeSpan.FromSeconds(5)), (refused, _) => new(refused is null ? ownToken : "another"));

    async Task<byte[]> Written(string id, int sizeGb = 1)
    {
        using var into = new MemoryStream();
        var image = await glance.Get(id, null, Go);
        await new ImageCopies(glance, conversion).Fill(image, sizeGb)(async (at, piece) =>
        {
            into.Position = at;
            await into.WriteAsync(piece);
        }, Go);
        return into.ToArray();
    }

    static async Task<Fault> Refusal(Func<Task> act) => (await Assert.ThrowsAsync<FaultException>(act)).Fault;

    [Fact]
    public async Task An_image_is_what_glance_says_of_it()
    {
        var id = fake.Give(data, with: i =>
        {
            i["min_disk"] = 2;
            i["min_ram"] = 64;
            i["hw_disk_bus"] = "scsi";
            i["owner_specified.openstack.md5"] = "x";
            i["hostile"] = "a\0b";
            i["long"] = new string('x', 70_000);
            i["not text"] = new JsonArray();
        });
        var image = await glance.Get(id, null, Go);
        Assert.Equal(("active", 300_000L, "raw", "bare", 2), (image.Status, image.SizeBytes, image.DiskFormat, image.ContainerFormat, image.MinDiskGb));
        var words = image.Words();
        Assert.Equal(["checksum", "container_format", "disk_format", "hw_disk_bus", "image_id", "image_name", "min_disk", "min_ram",
            "owner_specified.openstack.md5", "size"], words.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("300000", words["size"]);
    }

    [Theory, InlineData(true, false), InlineData(false, false), InlineData(false, true)]
    public async Task A_connection_that_breaks_is_taken_up_where_it_broke(bool ranges, bool refuses)
    {
        var id = fake.Give(data);
        (fake.HasRanges, fake.RefusesRanges) = (ranges, refuses);
        fake.BreaksAfter = 100_000;
        fake.Breaks = 2;
        Assert.Equal(data, await Written(id));
        Assert.Equal(refuses ? 5 : 3, fake.Asked.Count(a => a.Path.EndsWith("/file", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task One_that_gives_nothing_more_makes_the_work_wait()
    {
        var id = fake.Give(data);
        fake.BreaksAfter = 0;
        Assert.True((await Refusal(() => Written(id))).Transient);
    }

    [Theory]
    [InlineData("os_hash_value", "00", "checksum")]
    [InlineData("size", 299_999L, "bytes")]
    [InlineData("size", 300_001L, "read to its end")]
    public async Task Bytes_that_are_not_those_that_were_promised_are_refused(string member, object value, string why)
    {
        var id = fake.Give(data, with: i => i[member] = value is long n ? n : (string)value);
        Assert.Contains(why, (await Refusal(() => Written(id))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_newer_hash_the_older_checksum_counts()
    {
        var good = fake.Give(data, with: i => (i["os_hash_algo"], i["os_hash_value"]) = (null, null));
        Assert.Equal(data, await Written(good));
        var bad = fake.Give(data, with: i => (i["os_hash_algo"], i["os_hash_value"], i["checksum"]) = (null, null, "00"));
        Assert.Contains("checksum", (await Refusal(() => Written(bad))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_raw_image_is_its_bytes_and_none_of_another_format()
    {
        byte[] disk = [.. new byte[510], 0x55, 0xaa, .. "EFI PART"u8, .. new byte[32249], .. "CD001"u8, 1];
        Assert.Equal(disk, await Written(fake.Give(disk)));
        Assert.Equal(disk, await Written(fake.Give(disk, "iso")));
        // What stands somewhere in a disk is part of it, were it the end of another format.
        byte[] large = [.. new byte[(4 << 20) - 512], .. "conectix"u8, .. new byte[504], .. data];
        Assert.Equal(large, await Written(fake.Give(large)));
        byte[] image = [.. "QFI"u8, 0xfb, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 0, .. new byte[500], 1];
        Assert.Contains("declared to be raw, but is qcow2", (await Refusal(() => Written(fake.Give(image)))).Message, StringComparison.Ordinal);
        Assert.Contains("declared to be iso, but is raw", (await Refusal(() => Written(fake.Give(data, "iso")))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "NotFound", false)]
    [InlineData(410, "NotFound", false)]
    [InlineData(403, "Invalid", false)]
    [InlineData(400, "Invalid", false)]
    [InlineData(413, "OverQuota", false)]
    [InlineData(409, "Unavailable", true)]
    [InlineData(500, "Unavailable", true)]
    [InlineData(503, "Unavailable", true)]
    [InlineData(302, "Unavailable", true)]
    public async Task Each_refusal_is_a_fault_with_its_reason(int status, string kind, bool transient)
    {
        fake.Fails = (_, _) => status;
        var fault = await Refusal(() => glance.Get("11111111-1111-4111-8111-111111111111", null, Go));
        Assert.Equal((kind, transient), (fault.GetType().Name, fault.Transient));
        if (kind is "Invalid") Assert.EndsWith("it was told to", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"id": 1, "status": "active"}""")]
    [InlineData("""{"id": "22222222-2222-4222-8222-222222222222", "status": "active"}""")]
    [InlineData("""{"id": "\ud800", "status": "active"}""")]
    public async Task An_answer_that_is_no_image_is_nothing_to_go_by(string says)
    {
        var id = fake.Give(data);
        fake.Says = Encoding.UTF8.GetBytes(says);
        Assert.True((await Refusal(() => glance.Get(id, null, Go))).Transient);
        fake.Says = new byte[2 << 20]; // nor one without an end
        Assert.True((await Refusal(() => glance.Get(id, null, Go))).Transient);
    }

    [Fact]
    public async Task Nobody_there_is_a_fault_that_passes_and_another_server_is_asked()
    {
        var id = fake.Give(data);
        using var alone = Client(new Uri("http://127.0.0.1:1/"));
        Assert.True((await Refusal(() => alone.Get(id, null, Go))).Transient);
        using var both = Client(new Uri("http://127.0.0.1:1/"), fake.Url);
        Assert.Equal(id, (await both.Get(id, null, Go)).Id);
    }

    [Fact]
    public async Task A_token_that_is_refused_is_exchanged_once_the_callers_never()
    {
        var id = fake.Give(data);
        (ownToken, fake.Takes) = ("old", t => t == "another");
        Assert.Equal(id, (await glance.Get(id, null, Go)).Id);
        Assert.Equal(["old", "another"], fake.Asked.Select(a => a.Token));
        fake.Asked.Clear();
        Assert.IsType<Fault.Invalid>(await Refusal(() => glance.Get(id, "caller's", Go)));
        Assert.Equal(["caller's"], fake.Asked.Select(a => a.Token));
    }

    static NewImage Wanted(string id, bool isProtected = false) => new(id, "made", "raw", "bare", "private", isProtected, Volume.EmptyMetadata);

    [Fact]
    public async Task An_image_gets_its_data_or_none()
    {
        const string id = "33333333-3333-4333-8333-333333333333";
        await glance.Create(Wanted(id), "caller's", Go);
        Assert.Equal("caller's", fake.Asked.Last().Token);
        await Assert.ThrowsAsync<FaultException>(() => glance.Upload(id, data.Length, async (to, stop) =>
        {
            await to.WriteAsync(data.AsMemory(0, 100_000), stop);
            throw new Fault.DriverFailed("read the volume", "it was written to").Thrown();
        }, Go));
        for (var waited = 0; (fake.Taken == 0 && waited < 2000) || (string?)fake.Images[id]["status"] == "saving"; waited++) await Task.Delay(1, Go);
        Assert.Equal("queued", (await glance.Get(id, null, Go)).Status);
        await glance.Upload(id, data.Length, async (to, stop) => await to.WriteAsync(data, stop), Go);
        Assert.Equal("active", (await glance.Get(id, null, Go)).Status);
        Assert.Equal(data, fake.Data[id]);
    }

    [Fact]
    public async Task A_failing_upload_says_why()
    {
        const string id = "33333333-3333-4333-8333-333333333333";
        await glance.Create(Wanted(id), null, Go);
        var fault = await Refusal(() => glance.Upload(id, 5, (_, _) => throw new Fault.ShareFull("x").Thrown(), Go));
        Assert.IsType<Fault.ShareFull>(fault);
        fake.Fails = (verb, _) => verb == "PUT" ? 413 : null;
        Assert.IsType<Fault.OverQuota>(await Refusal(() => glance.Upload(id, 5, async (to, stop) => await to.WriteAsync(data.AsMemory(0, 5), stop), Go)));
    }

    [Fact]
    public async Task Protected_images_are_deleted_too_and_those_that_are_gone_are_no_fault()
    {
        const string id = "33333333-3333-4333-8333-333333333333";
        await glance.Create(Wanted(id, isProtected: true), null, Go);
        await glance.Delete(id, Go);
        Assert.Empty(fake.Images);
        await glance.Delete(id, Go);
    }

    public async ValueTask DisposeAsync()
    {
        glance.Dispose();
        conversion.Dispose();
        await fake.DisposeAsync();
    }
}
